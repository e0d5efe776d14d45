//===- Tokens.cpp ---------------------------------------------------------===//

#include "runtime/jinja/syntax/Lexer.h"

namespace swallow::jinja {

Error syntaxError(ast::Position position, std::string_view message) {
  return {ErrorCode::MalformedFile, ast::describe(position, message)};
}

std::string_view describeTokenKind(TokenKind kind) {
  switch (kind) {
  case TokenKind::Data:
    return "template data / text";
  case TokenKind::VariableBegin:
    return "begin of print statement";
  case TokenKind::VariableEnd:
    return "end of print statement";
  case TokenKind::BlockBegin:
    return "begin of statement block";
  case TokenKind::BlockEnd:
    return "end of statement block";
  case TokenKind::Name:
    return "name";
  case TokenKind::String:
    return "string";
  case TokenKind::Integer:
    return "integer";
  case TokenKind::Float:
    return "float";
  case TokenKind::Add:
    return "+";
  case TokenKind::Sub:
    return "-";
  case TokenKind::Mul:
    return "*";
  case TokenKind::Pow:
    return "**";
  case TokenKind::Div:
    return "/";
  case TokenKind::FloorDiv:
    return "//";
  case TokenKind::Mod:
    return "%";
  case TokenKind::Tilde:
    return "~";
  case TokenKind::LeftBracket:
    return "[";
  case TokenKind::RightBracket:
    return "]";
  case TokenKind::LeftParen:
    return "(";
  case TokenKind::RightParen:
    return ")";
  case TokenKind::LeftBrace:
    return "{";
  case TokenKind::RightBrace:
    return "}";
  case TokenKind::Equal:
    return "==";
  case TokenKind::NotEqual:
    return "!=";
  case TokenKind::Less:
    return "<";
  case TokenKind::LessEqual:
    return "<=";
  case TokenKind::Greater:
    return ">";
  case TokenKind::GreaterEqual:
    return ">=";
  case TokenKind::Assign:
    return "=";
  case TokenKind::Dot:
    return ".";
  case TokenKind::Colon:
    return ":";
  case TokenKind::Pipe:
    return "|";
  case TokenKind::Comma:
    return ",";
  case TokenKind::Semicolon:
    return ";";
  case TokenKind::End:
    return "end of template";
  }
  return "";
}

std::string describeToken(const Token &token) {
  return token.kind == TokenKind::Name
             ? token.text
             : std::string(describeTokenKind(token.kind));
}

} // namespace swallow::jinja
