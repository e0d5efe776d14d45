//===- PrimaryParser.cpp --------------------------------------------------===//

#include "runtime/jinja/syntax/ExpressionParser.h"

#include <algorithm>

namespace swallow::jinja {

using ast::ExprKind;
using ast::ExprPtr;

Result<ExprPtr> ExpressionParser::parsePrimary(bool withNamespace) {
  const Token &token = stream_.current();
  switch (token.kind) {
  case TokenKind::Name:
    return parseName(withNamespace);
  case TokenKind::String:
    return parseStrings();
  case TokenKind::Integer: {
    ExprPtr expr = make(ExprKind::Int, token.position);
    expr->integer = stream_.next().integer;
    return expr;
  }
  case TokenKind::Float: {
    ExprPtr expr = make(ExprKind::Float, token.position);
    expr->number = stream_.next().number;
    return expr;
  }
  case TokenKind::LeftParen: {
    stream_.next();
    TupleOptions options;
    options.inParentheses = true;
    SWALLOW_ASSIGN(ExprPtr expr, parseTuple(options));
    SWALLOW_TRY(stream_.expect(TokenKind::RightParen));
    return expr;
  }
  case TokenKind::LeftBracket:
    return parseList();
  case TokenKind::LeftBrace:
    return parseDict();
  default:
    return stream_.fail("unexpected '" + describeToken(token) + "'");
  }
}

Result<ExprPtr> ExpressionParser::parseName(bool withNamespace) {
  const Token &token = stream_.next();
  std::string_view name = token.text;
  if (isReserved(name)) {
    if (name == "none" || name == "None")
      return make(ExprKind::None, token.position);
    ExprPtr expr = make(ExprKind::Bool, token.position);
    expr->integer = name == "true" || name == "True";
    return expr;
  }
  ExprPtr expr = make(ExprKind::Name, token.position);
  expr->text = name;
  if (withNamespace && stream_.skip(TokenKind::Dot)) {
    expr->kind = ExprKind::NamespaceRef;
    SWALLOW_ASSIGN(expr->attribute, stream_.expectAnyName());
  }
  return expr;
}

// Adjacent literals are one, as in Python.
Result<ExprPtr> ExpressionParser::parseStrings() {
  ExprPtr expr = make(ExprKind::String, stream_.current().position);
  while (stream_.is(TokenKind::String))
    expr->text += stream_.next().text;
  return expr;
}

Result<ExprPtr> ExpressionParser::parseList() {
  ExprPtr list = make(ExprKind::List, stream_.next().position);
  while (!stream_.is(TokenKind::RightBracket)) {
    if (!list->operands.empty())
      SWALLOW_TRY(stream_.expect(TokenKind::Comma));
    if (stream_.is(TokenKind::RightBracket))
      break;
    SWALLOW_ASSIGN(ExprPtr item, parseExpression());
    list->operands.push_back(std::move(item));
  }
  SWALLOW_TRY(stream_.expect(TokenKind::RightBracket));
  return finish(std::move(list));
}

Result<ExprPtr> ExpressionParser::parseDict() {
  ExprPtr dict = make(ExprKind::Dict, stream_.next().position);
  while (!stream_.is(TokenKind::RightBrace)) {
    if (!dict->operands.empty())
      SWALLOW_TRY(stream_.expect(TokenKind::Comma));
    if (stream_.is(TokenKind::RightBrace))
      break;
    SWALLOW_ASSIGN(ExprPtr key, parseExpression());
    SWALLOW_TRY(stream_.expect(TokenKind::Colon));
    SWALLOW_ASSIGN(ExprPtr value, parseExpression());
    dict->operands.push_back(std::move(key));
    dict->operands.push_back(std::move(value));
  }
  SWALLOW_TRY(stream_.expect(TokenKind::RightBrace));
  return finish(std::move(dict));
}

Result<ExprPtr> ExpressionParser::parsePostfix(ExprPtr operand) {
  while (true) {
    if (stream_.is(TokenKind::Dot)) {
      SWALLOW_ASSIGN(operand, parseAttribute(std::move(operand)));
    } else if (stream_.is(TokenKind::LeftBracket)) {
      SWALLOW_ASSIGN(operand, parseItem(std::move(operand)));
    } else if (stream_.is(TokenKind::LeftParen)) {
      SWALLOW_ASSIGN(operand, parseCall(std::move(operand)));
    } else {
      return operand;
    }
  }
}

Result<ExprPtr> ExpressionParser::parseFiltersAndTests(ExprPtr operand) {
  while (true) {
    if (stream_.is(TokenKind::Pipe)) {
      SWALLOW_ASSIGN(operand, parseFilter(std::move(operand), false));
    } else if (stream_.isName("is")) {
      SWALLOW_ASSIGN(operand, parseTest(std::move(operand)));
    } else if (stream_.is(TokenKind::LeftParen)) {
      SWALLOW_ASSIGN(operand, parseCall(std::move(operand)));
    } else {
      return operand;
    }
  }
}

Result<ExprPtr> ExpressionParser::parseAttribute(ExprPtr object) {
  stream_.next();
  const Token &token = stream_.next();
  ExprPtr expr = make(ExprKind::Attribute, token.position);
  expr->operands.push_back(std::move(object));
  if (token.kind == TokenKind::Name) {
    expr->text = token.text;
  } else if (token.kind == TokenKind::Integer) {
    expr->kind = ExprKind::Item;
    expr->operands.push_back(make(ExprKind::Int, token.position));
    expr->operands.back()->integer = token.integer;
  } else {
    return syntaxError(token.position, "expected name or number");
  }
  return finish(std::move(expr));
}

Result<ExprPtr> ExpressionParser::parseItem(ExprPtr object) {
  ast::Position position = stream_.next().position;
  std::vector<ExprPtr> keys;
  while (!stream_.is(TokenKind::RightBracket)) {
    if (!keys.empty())
      SWALLOW_TRY(stream_.expect(TokenKind::Comma));
    SWALLOW_ASSIGN(ExprPtr key, parseSubscript());
    keys.push_back(std::move(key));
  }
  SWALLOW_TRY(stream_.expect(TokenKind::RightBracket));
  ExprPtr item = make(ExprKind::Item, position);
  item->operands.push_back(std::move(object));
  if (keys.size() == 1) {
    item->operands.push_back(std::move(keys.front()));
    return finish(std::move(item));
  }
  for (const ExprPtr &key : keys)
    if (key->kind == ExprKind::Slice)
      return syntaxError(key->position, "a slice among several subscripts");
  ExprPtr tuple = make(ExprKind::Tuple, position);
  tuple->operands = std::move(keys);
  SWALLOW_ASSIGN(tuple, finish(std::move(tuple)));
  item->operands.push_back(std::move(tuple));
  return finish(std::move(item));
}

// An expression, or start:stop:step with any of them left out.
Result<ExprPtr> ExpressionParser::parseSubscript() {
  ast::Position position = stream_.current().position;
  ExprPtr start;
  if (!stream_.is(TokenKind::Colon)) {
    SWALLOW_ASSIGN(start, parseExpression());
    if (!stream_.is(TokenKind::Colon))
      return start;
  }
  ExprPtr slice = make(ExprKind::Slice, position);
  slice->operands.push_back(start ? std::move(start)
                                  : make(ExprKind::None, position));
  for (int part = 0; part < 2; ++part) {
    ExprPtr bound = make(ExprKind::None, position);
    if (stream_.skip(TokenKind::Colon) && !stream_.is(TokenKind::Colon) &&
        !stream_.is(TokenKind::RightBracket) && !stream_.is(TokenKind::Comma)) {
      SWALLOW_ASSIGN(bound, parseExpression());
    }
    slice->operands.push_back(std::move(bound));
  }
  return finish(std::move(slice));
}

Status ExpressionParser::parseArgument(ast::Expr &call, ast::Position open) {
  Error misplaced =
      syntaxError(open, "invalid syntax for function call expression");
  if (stream_.skip(TokenKind::Mul)) {
    if (call.star || call.doubleStar)
      return misplaced;
    SWALLOW_ASSIGN(call.star, parseExpression());
    return {};
  }
  if (stream_.skip(TokenKind::Pow)) {
    if (call.doubleStar)
      return misplaced;
    SWALLOW_ASSIGN(call.doubleStar, parseExpression());
    return {};
  }
  if (stream_.is(TokenKind::Name) &&
      stream_.ahead().kind == TokenKind::Assign) {
    if (call.doubleStar)
      return misplaced;
    const Token &name = stream_.next();
    stream_.next();
    if (std::any_of(call.keywords.begin(), call.keywords.end(),
                    [&](const ast::Keyword &keyword) {
                      return keyword.name == name.text;
                    }))
      return syntaxError(name.position,
                         "keyword argument repeated: " + name.text);
    SWALLOW_ASSIGN(ExprPtr value, parseExpression());
    call.keywords.push_back({name.text, std::move(value)});
    if (call.keywords.size() > ast::maxParameters)
      return syntaxError(open, "more than " +
                                   std::to_string(ast::maxParameters) +
                                   " keyword arguments");
    return {};
  }
  if (call.star || call.doubleStar || !call.keywords.empty())
    return misplaced;
  SWALLOW_ASSIGN(ExprPtr value, parseExpression());
  call.positional.push_back(std::move(value));
  return {};
}

Status ExpressionParser::parseArguments(ast::Expr &call) {
  ast::Position open = stream_.current().position;
  SWALLOW_TRY(stream_.expect(TokenKind::LeftParen));
  bool first = true;
  while (!stream_.is(TokenKind::RightParen)) {
    if (!first) {
      SWALLOW_TRY(stream_.expect(TokenKind::Comma));
      if (stream_.is(TokenKind::RightParen))
        break;
    }
    first = false;
    SWALLOW_TRY(parseArgument(call, open));
  }
  return stream_.expect(TokenKind::RightParen);
}

Result<ExprPtr> ExpressionParser::parseCall(ExprPtr callee) {
  ExprPtr call = make(ExprKind::Call, callee->position);
  call->operands.push_back(std::move(callee));
  SWALLOW_TRY(parseArguments(*call));
  return finish(std::move(call));
}

Result<std::string> ExpressionParser::parseDottedName() {
  SWALLOW_ASSIGN(std::string name, stream_.expectAnyName());
  while (stream_.skip(TokenKind::Dot)) {
    SWALLOW_ASSIGN(std::string part, stream_.expectAnyName());
    name += "." + part;
  }
  return name;
}

Result<ExprPtr> ExpressionParser::parseFilter(ExprPtr operand,
                                              bool startInline) {
  while (startInline || stream_.skip(TokenKind::Pipe)) {
    startInline = false;
    ExprPtr filter = make(ExprKind::Filter, stream_.current().position);
    SWALLOW_ASSIGN(filter->text, parseDottedName());
    if (operand)
      filter->operands.push_back(std::move(operand));
    if (stream_.is(TokenKind::LeftParen))
      SWALLOW_TRY(parseArguments(*filter));
    SWALLOW_ASSIGN(operand, finish(std::move(filter)));
  }
  return operand;
}

Result<ExprPtr> ExpressionParser::parseTest(ExprPtr operand) {
  ast::Position is = stream_.next().position;
  bool negated = stream_.skipName("not");
  ExprPtr test = make(ExprKind::Test, stream_.current().position);
  SWALLOW_ASSIGN(test->text, parseDottedName());
  test->operands.push_back(std::move(operand));
  const Token &token = stream_.current();
  switch (token.kind) {
  case TokenKind::LeftParen:
    SWALLOW_TRY(parseArguments(*test));
    break;
  case TokenKind::Name:
    if (token.text == "else" || token.text == "or" || token.text == "and")
      break;
    if (token.text == "is")
      return stream_.fail("You cannot chain multiple tests with is");
    [[fallthrough]];
  case TokenKind::String:
  case TokenKind::Integer:
  case TokenKind::Float:
  case TokenKind::LeftBracket:
  case TokenKind::LeftBrace: {
    SWALLOW_ASSIGN(ExprPtr argument, parsePrimary());
    SWALLOW_ASSIGN(argument, parsePostfix(std::move(argument)));
    test->positional.push_back(std::move(argument));
    break;
  }
  default:
    break;
  }
  SWALLOW_ASSIGN(test, finish(std::move(test)));
  return negated ? finishUnary(ExprKind::Not, is, std::move(test))
                 : Result<ExprPtr>(std::move(test));
}

} // namespace swallow::jinja
