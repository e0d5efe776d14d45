//===- ExpressionParser.cpp --------------------------------------------------===//

#include "runtime/jinja/syntax/ExpressionParser.h"

#include <algorithm>
#include <optional>

namespace swallow::jinja {

using ast::ExprKind;
using ast::ExprPtr;

namespace {

ExprPtr make(ExprKind kind, ast::Position position) {
  auto expr = std::make_unique<ast::Expr>();
  expr->kind = kind;
  expr->position = position;
  return expr;
}

std::optional<ast::Comparison> comparisonOf(TokenKind kind) {
  switch (kind) {
  case TokenKind::Equal:
    return ast::Comparison::Equal;
  case TokenKind::NotEqual:
    return ast::Comparison::NotEqual;
  case TokenKind::Less:
    return ast::Comparison::Less;
  case TokenKind::LessEqual:
    return ast::Comparison::LessEqual;
  case TokenKind::Greater:
    return ast::Comparison::Greater;
  case TokenKind::GreaterEqual:
    return ast::Comparison::GreaterEqual;
  default:
    return std::nullopt;
  }
}

std::optional<BinaryOp> productOf(TokenKind kind) {
  switch (kind) {
  case TokenKind::Mul:
    return BinaryOp::Multiply;
  case TokenKind::Div:
    return BinaryOp::Divide;
  case TokenKind::FloorDiv:
    return BinaryOp::FloorDivide;
  case TokenKind::Mod:
    return BinaryOp::Modulo;
  default:
    return std::nullopt;
  }
}

std::string_view kindName(ExprKind kind) {
  switch (kind) {
  case ExprKind::Name:
    return "name";
  case ExprKind::Tuple:
    return "tuple";
  case ExprKind::List:
    return "list";
  case ExprKind::Dict:
    return "dict";
  case ExprKind::Attribute:
    return "attribute";
  default:
    return "expression";
  }
}

bool isReserved(std::string_view name) {
  return name == "true" || name == "false" || name == "none" ||
         name == "True" || name == "False" || name == "None";
}

} // namespace

Result<ExprPtr> ExpressionParser::finish(ExprPtr expr) const {
  if (!ast::seal(*expr))
    return stream_.failTooDeep();
  return expr;
}

Result<ExprPtr> ExpressionParser::finishUnary(ExprKind kind,
                                              ast::Position position,
                                              ExprPtr operand) const {
  ExprPtr expr = make(kind, position);
  expr->operands.push_back(std::move(operand));
  return finish(std::move(expr));
}

Result<ExprPtr> ExpressionParser::finishBinary(BinaryOp op,
                                               ast::Position position,
                                               ExprPtr left,
                                               ExprPtr right) const {
  ExprPtr expr = make(ExprKind::Binary, position);
  expr->operators.push_back(static_cast<uint8_t>(op));
  expr->operands.push_back(std::move(left));
  expr->operands.push_back(std::move(right));
  return finish(std::move(expr));
}

Result<ExprPtr> ExpressionParser::parseTuple(const TupleOptions &options) {
  ast::Position position = stream_.current().position;
  std::vector<ExprPtr> items;
  bool isTuple = false;
  while (true) {
    if (!items.empty())
      SWALLOW_TRY(stream_.expect(TokenKind::Comma));
    if (stream_.is(TokenKind::VariableEnd) || stream_.is(TokenKind::BlockEnd) ||
        stream_.is(TokenKind::RightParen) ||
        (!options.end.empty() && stream_.isName(options.end)))
      break;
    SWALLOW_ASSIGN(ExprPtr item, options.simplified
                                     ? parsePrimary(options.withNamespace)
                                     : parseExpression(options.withCondition));
    items.push_back(std::move(item));
    if (!stream_.is(TokenKind::Comma))
      break;
    isTuple = true;
  }
  if (!isTuple && !items.empty())
    return std::move(items.front());
  if (!isTuple && !options.inParentheses)
    return stream_.fail("Expected an expression, got '" +
                        describeToken(stream_.current()) + "'");
  ExprPtr tuple = make(ExprKind::Tuple, position);
  tuple->operands = std::move(items);
  return finish(std::move(tuple));
}

Result<ExprPtr> ExpressionParser::parseExpression(bool withCondition) {
  TokenStream::Level level(stream_);
  if (level.tooDeep())
    return stream_.failTooDeep();
  return withCondition ? parseCondition() : parseOr();
}

Result<ExprPtr> ExpressionParser::parseCondition() {
  SWALLOW_ASSIGN(ExprPtr value, parseOr());
  while (stream_.isName("if")) {
    ExprPtr condition = make(ExprKind::Conditional, stream_.next().position);
    SWALLOW_ASSIGN(ExprPtr test, parseOr());
    condition->operands.push_back(std::move(value));
    condition->operands.push_back(std::move(test));
    if (stream_.skipName("else")) {
      SWALLOW_ASSIGN(ExprPtr otherwise, parseExpression());
      condition->operands.push_back(std::move(otherwise));
    }
    SWALLOW_ASSIGN(value, finish(std::move(condition)));
  }
  return value;
}

Result<ExprPtr> ExpressionParser::parseOr() {
  SWALLOW_ASSIGN(ExprPtr left, parseAnd());
  if (!stream_.isName("or"))
    return left;
  ExprPtr either = make(ExprKind::Or, stream_.current().position);
  either->operands.push_back(std::move(left));
  while (stream_.skipName("or")) {
    SWALLOW_ASSIGN(ExprPtr right, parseAnd());
    either->operands.push_back(std::move(right));
  }
  return finish(std::move(either));
}

Result<ExprPtr> ExpressionParser::parseAnd() {
  SWALLOW_ASSIGN(ExprPtr left, parseNot());
  if (!stream_.isName("and"))
    return left;
  ExprPtr both = make(ExprKind::And, stream_.current().position);
  both->operands.push_back(std::move(left));
  while (stream_.skipName("and")) {
    SWALLOW_ASSIGN(ExprPtr right, parseNot());
    both->operands.push_back(std::move(right));
  }
  return finish(std::move(both));
}

Result<ExprPtr> ExpressionParser::parseNot() {
  if (!stream_.isName("not"))
    return parseCompare();
  TokenStream::Level level(stream_);
  if (level.tooDeep())
    return stream_.failTooDeep();
  ast::Position position = stream_.next().position;
  SWALLOW_ASSIGN(ExprPtr operand, parseNot());
  return finishUnary(ExprKind::Not, position, std::move(operand));
}

Result<ExprPtr> ExpressionParser::parseCompare() {
  SWALLOW_ASSIGN(ExprPtr first, parseSum());
  ExprPtr chain;
  while (true) {
    ast::Position position = stream_.current().position;
    std::optional<ast::Comparison> op = comparisonOf(stream_.current().kind);
    if (op) {
      stream_.next();
    } else if (stream_.skipName("in")) {
      op = ast::Comparison::In;
    } else if (stream_.isName("not") &&
               stream_.ahead().kind == TokenKind::Name &&
               stream_.ahead().text == "in") {
      stream_.next();
      stream_.next();
      op = ast::Comparison::NotIn;
    } else {
      break;
    }
    if (!chain) {
      chain = make(ExprKind::Compare, position);
      chain->operands.push_back(std::move(first));
    }
    SWALLOW_ASSIGN(ExprPtr operand, parseSum());
    chain->operators.push_back(static_cast<uint8_t>(*op));
    chain->operands.push_back(std::move(operand));
  }
  return chain ? finish(std::move(chain)) : Result<ExprPtr>(std::move(first));
}

Result<ExprPtr> ExpressionParser::parseSum() {
  SWALLOW_ASSIGN(ExprPtr left, parseConcat());
  while (stream_.is(TokenKind::Add) || stream_.is(TokenKind::Sub)) {
    BinaryOp op =
        stream_.is(TokenKind::Add) ? BinaryOp::Add : BinaryOp::Subtract;
    ast::Position position = stream_.next().position;
    SWALLOW_ASSIGN(ExprPtr right, parseConcat());
    SWALLOW_ASSIGN(
        left, finishBinary(op, position, std::move(left), std::move(right)));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::parseConcat() {
  SWALLOW_ASSIGN(ExprPtr first, parseProduct());
  if (!stream_.is(TokenKind::Tilde))
    return first;
  ExprPtr joined = make(ExprKind::Concat, stream_.current().position);
  joined->operands.push_back(std::move(first));
  while (stream_.skip(TokenKind::Tilde)) {
    SWALLOW_ASSIGN(ExprPtr operand, parseProduct());
    joined->operands.push_back(std::move(operand));
  }
  return finish(std::move(joined));
}

Result<ExprPtr> ExpressionParser::parseProduct() {
  SWALLOW_ASSIGN(ExprPtr left, parsePower());
  while (std::optional<BinaryOp> op = productOf(stream_.current().kind)) {
    ast::Position position = stream_.next().position;
    SWALLOW_ASSIGN(ExprPtr right, parsePower());
    SWALLOW_ASSIGN(
        left, finishBinary(*op, position, std::move(left), std::move(right)));
  }
  return left;
}

// Left-associative in jinja2's tree: 2**3**2 is 64. (Not so in Python.)
Result<ExprPtr> ExpressionParser::parsePower() {
  SWALLOW_ASSIGN(ExprPtr left, parseUnary());
  while (stream_.is(TokenKind::Pow)) {
    ast::Position position = stream_.next().position;
    SWALLOW_ASSIGN(ExprPtr right, parseUnary());
    SWALLOW_ASSIGN(left, finishBinary(BinaryOp::Power, position,
                                      std::move(left), std::move(right)));
  }
  return left;
}

Result<ExprPtr> ExpressionParser::parseUnary(bool withFilter) {
  ExprPtr expr;
  if (stream_.is(TokenKind::Sub) || stream_.is(TokenKind::Add)) {
    TokenStream::Level level(stream_);
    if (level.tooDeep())
      return stream_.failTooDeep();
    ExprKind kind =
        stream_.is(TokenKind::Sub) ? ExprKind::Negative : ExprKind::Positive;
    ast::Position position = stream_.next().position;
    SWALLOW_ASSIGN(ExprPtr operand, parseUnary(false));
    SWALLOW_ASSIGN(expr, finishUnary(kind, position, std::move(operand)));
  } else {
    SWALLOW_ASSIGN(expr, parsePrimary());
  }
  SWALLOW_ASSIGN(expr, parsePostfix(std::move(expr)));
  return withFilter ? parseFiltersAndTests(std::move(expr))
                    : Result<ExprPtr>(std::move(expr));
}

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

Status ExpressionParser::checkTarget(const ast::Expr &target) const {
  switch (target.kind) {
  case ExprKind::Name:
  case ExprKind::NamespaceRef:
    return {};
  case ExprKind::Tuple:
    for (const ExprPtr &item : target.operands)
      SWALLOW_TRY(checkTarget(*item));
    return {};
  default:
    return syntaxError(target.position, "can't assign to '" +
                                            std::string(kindName(target.kind)) +
                                            "'");
  }
}

Result<ExprPtr> ExpressionParser::parseTarget(const TupleOptions &options) {
  TupleOptions simplified = options;
  simplified.simplified = true;
  SWALLOW_ASSIGN(ExprPtr target, parseTuple(simplified));
  SWALLOW_TRY(checkTarget(*target));
  return target;
}

Result<ExprPtr> ExpressionParser::parseNameTarget() {
  ast::Position position = stream_.current().position;
  SWALLOW_ASSIGN(std::string name, stream_.expectAnyName());
  if (isReserved(name))
    return syntaxError(position, "can't assign to '" + name + "'");
  ExprPtr target = make(ExprKind::Name, position);
  target->text = std::move(name);
  return target;
}

} // namespace swallow::jinja
