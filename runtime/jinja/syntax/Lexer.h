//===- Lexer.h - a template's text as tokens --------------------*- C++ -*-===//
//
// jinja2's rules with trim_blocks and lstrip_blocks, as transformers sets them,
// and without line statements.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_SYNTAX_LEXER_H
#define SWALLOW_RUNTIME_JINJA_SYNTAX_LEXER_H

#include "runtime/jinja/syntax/Ast.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::jinja {

enum class TokenKind : uint8_t {
  Data, // text between tags
  VariableBegin,
  VariableEnd,
  BlockBegin,
  BlockEnd,
  Name,
  String, // text: with escapes replaced
  Integer,
  Float,
  Add,
  Sub,
  Mul,
  Pow,
  Div,
  FloorDiv,
  Mod,
  Tilde,
  LeftBracket,
  RightBracket,
  LeftParen,
  RightParen,
  LeftBrace,
  RightBrace,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Assign,
  Dot,
  Colon,
  Pipe,
  Comma,
  Semicolon,
  End,
};

struct Token {
  TokenKind kind = TokenKind::End;
  ast::Position position;
  std::string text; // Data, Name, String
  int64_t integer = 0;
  double number = 0;
};

/// What a message calls a token: its text, or "end of statement block".
std::string describeToken(const Token &token);
std::string_view describeTokenKind(TokenKind kind);

/// What a template may have; trees are not much larger.
constexpr size_t maxTokens = 250'000;

/// Ends with an End. Fails with MalformedFile, line and column.
Result<std::vector<Token>> tokenize(std::string_view source);

/// An error about a template's text: MalformedFile, with line and column.
Error syntaxError(ast::Position position, std::string_view message);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_SYNTAX_LEXER_H
