//===- ExpressionParser.cpp -----------------------------------------------===//

#include "runtime/jinja/syntax/ExpressionParser.h"

#include <algorithm>
#include <optional>

namespace swallow::jinja {

using ast::ExprKind;
using ast::ExprPtr;

namespace {

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

} // namespace

ExprPtr ExpressionParser::make(ExprKind kind, ast::Position position) {
  auto expr = std::make_unique<ast::Expr>();
  expr->kind = kind;
  expr->position = position;
  return expr;
}

bool ExpressionParser::isReserved(std::string_view name) {
  return name == "true" || name == "false" || name == "none" ||
         name == "True" || name == "False" || name == "None";
}

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
        stream_.is(TokenKind::RightParen))
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
