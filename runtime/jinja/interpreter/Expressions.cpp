//===- Expressions.cpp ----------------------------------------------------===//

#include "runtime/jinja/interpreter/Interpreter.h"
#include "runtime/jinja/interpreter/RenderObjects.h"

#include <algorithm>

namespace swallow::jinja {

using ast::Expr;
using ast::ExprKind;
using ast::ExprPtr;

namespace {

/// Sets something for a while.
template <typename T> class Scoped {
public:
  Scoped(T &variable, T value)
      : variable_(variable), old_(std::exchange(variable, std::move(value))) {}
  ~Scoped() { variable_ = std::move(old_); }
  Scoped(const Scoped &) = delete;
  Scoped &operator=(const Scoped &) = delete;

private:
  T &variable_;
  T old_;
};

} // namespace

Error Interpreter::locate(ast::Position position, Error error) const {
  // What raise_exception() says stays as it is.
  if (!env_.raised && !error.message.starts_with("template line "))
    error.message = ast::describe(position, error.message);
  return error;
}

Value Interpreter::read(const Expr &name, Activation &variables) {
  const std::optional<Value> &value = variables.at(name.slot);
  return value ? *value : Value::undefined(name.text, &env_.budget);
}

Result<Value> Interpreter::evaluate(const Expr &expr, Activation &variables) {
  if (Status status = env_.budget.step(); !status)
    return locate(expr.position, status.error());
  switch (expr.kind) {
  case ExprKind::None:
  case ExprKind::Bool:
  case ExprKind::Int:
  case ExprKind::Float:
  case ExprKind::String:
    return expr.constant;
  case ExprKind::Name:
    return read(expr, variables);
  default:
    break;
  }
  Level level(*this);
  if (level.tooDeep())
    return locate(expr.position, recursionError());
  Result<Value> value = compute(expr, variables);
  if (!value)
    return locate(expr.position, value.error());
  return value;
}

Result<Value> Interpreter::compute(const Expr &expr, Activation &variables) {
  switch (expr.kind) {
  case ExprKind::Tuple:
  case ExprKind::List: {
    SWALLOW_ASSIGN(std::vector<Value> items,
                   evaluateAll(expr.operands, variables));
    return expr.kind == ExprKind::List
               ? Value::list(std::move(items), &env_.budget)
               : Value::tuple(std::move(items), &env_.budget);
  }
  case ExprKind::Dict:
    return evaluateDict(expr, variables);
  case ExprKind::Binary:
    return evaluateBinary(expr, variables);
  case ExprKind::Negative: {
    SWALLOW_ASSIGN(Value operand, evaluate(*expr.operands[0], variables));
    return negative(operand, env_);
  }
  case ExprKind::Positive: {
    SWALLOW_ASSIGN(Value operand, evaluate(*expr.operands[0], variables));
    return positive(operand, env_);
  }
  case ExprKind::Not: {
    SWALLOW_ASSIGN(bool value, test(*expr.operands[0], variables));
    return Value::boolean(!value);
  }
  case ExprKind::And:
  case ExprKind::Or:
    return evaluateLogic(expr, variables);
  case ExprKind::Concat:
    return evaluateConcat(expr, variables);
  case ExprKind::Compare:
    return evaluateCompare(expr, variables);
  case ExprKind::Conditional:
    return evaluateConditional(expr, variables);
  case ExprKind::Attribute: {
    SWALLOW_ASSIGN(Value object, evaluate(*expr.operands[0], variables));
    return getAttribute(object, expr.text, env_);
  }
  case ExprKind::Item:
    return evaluateItem(expr, variables);
  case ExprKind::Call:
    return evaluateCall(expr, variables, nullptr);
  case ExprKind::Filter:
    return evaluateFilter(expr, variables);
  case ExprKind::Test:
    return evaluateTest(expr, variables);
  default:
    break; // evaluate() has the constants; targets and slices are no values
  }
  return Error{ErrorCode::Internal, "an expression that has no value"};
}

Result<bool> Interpreter::test(const Expr &expr, Activation &variables) {
  SWALLOW_ASSIGN(Value value, evaluate(expr, variables));
  return truth(value);
}

Result<std::vector<Value>>
Interpreter::evaluateAll(const std::vector<ExprPtr> &exprs,
                         Activation &variables) {
  std::vector<Value> values;
  values.reserve(exprs.size());
  for (const ExprPtr &expr : exprs) {
    SWALLOW_ASSIGN(Value value, evaluate(*expr, variables));
    values.push_back(std::move(value));
  }
  return values;
}

Result<Value> Interpreter::evaluateDict(const Expr &expr,
                                        Activation &variables) {
  SWALLOW_ASSIGN(std::vector<Value> items,
                 evaluateAll(expr.operands, variables));
  auto dict = makeRef<DictObject>(&env_.budget);
  for (size_t i = 0; i + 1 < items.size(); i += 2)
    SWALLOW_TRY(dict->set(std::move(items[i]), std::move(items[i + 1])));
  return Value::dict(dict);
}

Result<Value> Interpreter::evaluateBinary(const Expr &expr,
                                          Activation &variables) {
  SWALLOW_ASSIGN(Value left, evaluate(*expr.operands[0], variables));
  SWALLOW_ASSIGN(Value right, evaluate(*expr.operands[1], variables));
  return binary(static_cast<BinaryOp>(expr.operators[0]), left, right, env_);
}

// `and` and `or` give the operand that decides, as in Python.
Result<Value> Interpreter::evaluateLogic(const Expr &expr,
                                         Activation &variables) {
  Value value;
  for (const ExprPtr &operand : expr.operands) {
    SWALLOW_ASSIGN(value, evaluate(*operand, variables));
    if (truth(value) == (expr.kind == ExprKind::Or))
      break;
  }
  return value;
}

Result<Value> Interpreter::evaluateConcat(const Expr &expr,
                                          Activation &variables) {
  SWALLOW_ASSIGN(std::vector<Value> values,
                 evaluateAll(expr.operands, variables));
  Scoped escaping(env_.autoescape, expr.escaping == ast::Escaping::On);
  return concatenate(values, env_);
}

Result<Value> Interpreter::evaluateCompare(const Expr &expr,
                                           Activation &variables) {
  SWALLOW_ASSIGN(Value left, evaluate(*expr.operands[0], variables));
  for (size_t i = 0; i < expr.operators.size(); ++i) {
    SWALLOW_ASSIGN(Value right, evaluate(*expr.operands[i + 1], variables));
    auto op = static_cast<ast::Comparison>(expr.operators[i]);
    bool holds = false;
    if (op == ast::Comparison::In || op == ast::Comparison::NotIn) {
      SWALLOW_ASSIGN(bool found, contains(right, left, env_));
      holds = found == (op == ast::Comparison::In);
    } else {
      SWALLOW_ASSIGN(holds,
                     compare(static_cast<CompareOp>(op), left, right, env_));
    }
    if (!holds)
      return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Interpreter::evaluateConditional(const Expr &expr,
                                               Activation &variables) {
  SWALLOW_ASSIGN(bool holds, test(*expr.operands[1], variables));
  if (holds)
    return evaluate(*expr.operands[0], variables);
  if (expr.operands.size() > 2)
    return evaluate(*expr.operands[2], variables);
  return Value::undefinedHint(
      "the inline if-expression on line " + std::to_string(expr.position.line) +
          " evaluated to false and no else section was defined.",
      &env_.budget);
}

Result<Value> Interpreter::evaluateItem(const Expr &expr,
                                        Activation &variables) {
  SWALLOW_ASSIGN(Value object, evaluate(*expr.operands[0], variables));
  const Expr &key = *expr.operands[1];
  if (key.kind != ExprKind::Slice) {
    SWALLOW_ASSIGN(Value value, evaluate(key, variables));
    return getItem(object, value, env_);
  }
  SWALLOW_ASSIGN(std::vector<Value> bounds,
                 evaluateAll(key.operands, variables));
  return getSlice(object, bounds[0], bounds[1], bounds[2], env_);
}

Result<Arguments> Interpreter::evaluateArguments(const Expr &expr,
                                                 Activation &variables) {
  Arguments arguments;
  SWALLOW_ASSIGN(arguments.positional, evaluateAll(expr.positional, variables));
  if (expr.star) {
    SWALLOW_ASSIGN(Value star, evaluate(*expr.star, variables));
    if (!isIterable(star))
      return typeError("argument after * must be an iterable, not " +
                       std::string(star.typeName()));
    SWALLOW_ASSIGN(std::vector<Value> values, toVector(star, env_));
    std::move(values.begin(), values.end(),
              std::back_inserter(arguments.positional));
  }
  for (const ast::Keyword &keyword : expr.keywords) {
    SWALLOW_ASSIGN(Value value, evaluate(*keyword.value, variables));
    arguments.named.push_back({keyword.name, std::move(value)});
  }
  if (!expr.doubleStar)
    return arguments;
  SWALLOW_ASSIGN(Value named, evaluate(*expr.doubleStar, variables));
  if (!named.isDict())
    return typeError("argument after ** must be a mapping, not " +
                     std::string(named.typeName()));
  SWALLOW_TRY(env_.budget.step(named.asDict().size()));
  for (const DictObject::Entry &entry : named.asDict().entries()) {
    if (!entry.key.isString())
      return typeError("keywords must be strings");
    // Those of a dict differ from each other.
    for (const ast::Keyword &keyword : expr.keywords)
      if (keyword.name == entry.key.text())
        return typeError("got multiple values for keyword argument '" +
                         keyword.name + "'");
    arguments.named.push_back({entry.key.text(), entry.value});
  }
  return arguments;
}

Result<Value> Interpreter::evaluateCall(const Expr &expr, Activation &variables,
                                        const Value *caller) {
  SWALLOW_ASSIGN(Value callee, evaluate(*expr.operands[0], variables));
  SWALLOW_ASSIGN(Arguments arguments, evaluateArguments(expr, variables));
  if (caller) {
    if (arguments.find("caller"))
      return typeError("got multiple values for keyword argument 'caller'");
    // Behind those that are written out and in front of those of a dict.
    arguments.named.insert(arguments.named.begin() +
                               static_cast<ptrdiff_t>(expr.keywords.size()),
                           {"caller", *caller});
  }
  return call(callee, arguments, env_);
}

Result<Value> Interpreter::evaluateFilter(const Expr &expr,
                                          Activation &variables) {
  Value input;
  if (!expr.operands.empty()) {
    SWALLOW_ASSIGN(input, evaluate(*expr.operands[0], variables));
  } else if (blockText_) {
    input = *blockText_;
  }
  SWALLOW_ASSIGN(Arguments arguments, evaluateArguments(expr, variables));
  return expr.filter(input, arguments, env_);
}

Result<Value> Interpreter::applyFilters(const Expr &filter,
                                        Activation &variables,
                                        const Value &text) {
  Scoped<const Value *> block(blockText_, &text);
  return evaluate(filter, variables);
}

Result<Value> Interpreter::evaluateTest(const Expr &expr,
                                        Activation &variables) {
  SWALLOW_ASSIGN(Value input, evaluate(*expr.operands[0], variables));
  SWALLOW_ASSIGN(Arguments arguments, evaluateArguments(expr, variables));
  SWALLOW_ASSIGN(bool holds, expr.test(input, arguments, env_));
  return Value::boolean(holds);
}

// What a target's variables hold, in its shape.
Value Interpreter::readTarget(const Expr &target, Activation &variables) {
  if (target.kind != ExprKind::Tuple)
    return read(target, variables);
  std::vector<Value> items;
  items.reserve(target.operands.size());
  for (const ExprPtr &item : target.operands)
    items.push_back(readTarget(*item, variables));
  return Value::tuple(std::move(items), &env_.budget);
}

} // namespace swallow::jinja
