//===- Arithmetic.cpp - binary and unary operators ------------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/format/Format.h"
#include "runtime/jinja/library/text/Html.h"
#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Operators.h"

#include <cmath>

namespace swallow::jinja {

namespace {

std::string_view symbol(BinaryOp op) {
  switch (op) {
  case BinaryOp::Add:
    return "+";
  case BinaryOp::Subtract:
    return "-";
  case BinaryOp::Multiply:
    return "*";
  case BinaryOp::Divide:
    return "/";
  case BinaryOp::FloorDivide:
    return "//";
  case BinaryOp::Modulo:
    return "%";
  case BinaryOp::Power:
    return "** or pow()";
  }
  return {};
}

Error unsupported(BinaryOp op, const Value &left, const Value &right) {
  std::string message = "unsupported operand type(s) for ";
  message.append(symbol(op)).append(": '").append(left.typeName());
  message.append("' and '").append(right.typeName()).append("'");
  return typeError(message);
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

Result<Value> powerOfFloats(double left, double right) {
  if (left == 0 && right < 0)
    return zeroDivisionError("0.0 cannot be raised to a negative power");
  if (left < 0 && std::isfinite(left) && std::isfinite(right) &&
      right != std::floor(right))
    return valueError("complex numbers are not supported");
  double result = std::pow(left, right);
  if (std::isinf(result) && std::isfinite(left) && std::isfinite(right))
    return overflowError("(34, 'Numerical result out of range')");
  return Value::number(result);
}

Result<Value> powerOfInts(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return powerOfFloats(static_cast<double>(base),
                         static_cast<double>(exponent));
  int64_t result = 1;
  // Squaring beyond what is needed may overflow without harm.
  bool baseOverflown = false;
  while (exponent > 0) {
    if (exponent & 1) {
      if (baseOverflown || __builtin_mul_overflow(result, base, &result))
        return intOverflow();
    }
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
      baseOverflown = true;
  }
  return Value::integer(result);
}

Result<Value> ofInts(BinaryOp op, int64_t left, int64_t right) {
  int64_t result;
  switch (op) {
  case BinaryOp::Add:
    if (__builtin_add_overflow(left, right, &result))
      return intOverflow();
    return Value::integer(result);
  case BinaryOp::Subtract:
    if (__builtin_sub_overflow(left, right, &result))
      return intOverflow();
    return Value::integer(result);
  case BinaryOp::Multiply:
    if (__builtin_mul_overflow(left, right, &result))
      return intOverflow();
    return Value::integer(result);
  case BinaryOp::Divide:
    if (right == 0)
      return zeroDivisionError("division by zero");
    return Value::number(divideInts(left, right));
  case BinaryOp::FloorDivide: {
    if (right == 0)
      return zeroDivisionError("integer division or modulo by zero");
    std::optional<int64_t> quotient = floorDivideInts(left, right);
    if (!quotient)
      return intOverflow();
    return Value::integer(*quotient);
  }
  case BinaryOp::Modulo:
    if (right == 0)
      return zeroDivisionError("integer modulo by zero");
    return Value::integer(moduloInts(left, right));
  case BinaryOp::Power:
    return powerOfInts(left, right);
  }
  return intOverflow();
}

Result<Value> ofFloats(BinaryOp op, double left, double right) {
  switch (op) {
  case BinaryOp::Add:
    return Value::number(left + right);
  case BinaryOp::Subtract:
    return Value::number(left - right);
  case BinaryOp::Multiply:
    return Value::number(left * right);
  case BinaryOp::Divide:
    if (right == 0)
      return zeroDivisionError("float division by zero");
    return Value::number(left / right);
  case BinaryOp::FloorDivide:
    if (right == 0)
      return zeroDivisionError("float floor division by zero");
    return Value::number(floorDivideFloats(left, right));
  case BinaryOp::Modulo:
    if (right == 0)
      return zeroDivisionError("float modulo");
    return Value::number(moduloFloats(left, right));
  case BinaryOp::Power:
    break;
  }
  return powerOfFloats(left, right);
}

//===----------------------------------------------------------------------===//
// Text and sequences
//===----------------------------------------------------------------------===//

bool isRepeatable(const Value &value) {
  return value.isString() || value.isSequence();
}

Result<Value> repeatText(const StringObject &text, size_t count,
                         Environment &env) {
  const std::string &piece = text.text();
  SWALLOW_TRY(env.budget.reserve(count, piece.size()));
  std::string result;
  result.reserve(piece.size() * count);
  for (size_t i = 0; i < count; ++i)
    result += piece;
  return text.isSafe() ? Value::safeString(std::move(result), &env.budget)
                       : Value::string(std::move(result), &env.budget);
}

Result<Value> repeat(const Value &sequence, const Value &times,
                     Environment &env) {
  if (!times.isIntegral())
    return typeError("can't multiply sequence by non-int of type '" +
                     std::string(times.typeName()) + "'");
  auto count = static_cast<size_t>(std::max<int64_t>(times.asInt(), 0));
  if (sequence.isString()) {
    if (sequence.text().empty())
      count = 0;
    return repeatText(sequence.asString(), count, env);
  }
  const std::vector<Value> &items = sequence.items();
  if (items.empty())
    count = 0;
  size_t total;
  if (__builtin_mul_overflow(count, items.size(), &total))
    total = SIZE_MAX;
  SWALLOW_TRY(env.budget.reserve(total, sizeof(Value)));
  std::vector<Value> result;
  result.reserve(total);
  for (size_t i = 0; i < count; ++i)
    result.insert(result.end(), items.begin(), items.end());
  return sequence.isList() ? Value::list(std::move(result), &env.budget)
                           : Value::tuple(std::move(result), &env.budget);
}

Result<Value> addText(const Value &left, const Value &right, Environment &env) {
  bool safe = left.asString().isSafe() || right.asString().isSafe();
  std::string result;
  auto append = [&](const Value &part) {
    if (safe && !part.asString().isSafe())
      appendEscaped(result, part.text());
    else
      result += part.text();
  };
  SWALLOW_TRY(env.budget.reserve(left.text().size() + right.text().size()));
  if (!safe)
    result.reserve(left.text().size() + right.text().size());
  append(left);
  append(right);
  return safe ? Value::safeString(std::move(result), &env.budget)
              : Value::string(std::move(result), &env.budget);
}

Result<Value> addSequences(const Value &left, const Value &right,
                           Environment &env) {
  size_t total = left.items().size() + right.items().size();
  SWALLOW_TRY(env.budget.reserve(total, sizeof(Value)));
  std::vector<Value> result;
  result.reserve(total);
  result.insert(result.end(), left.items().begin(), left.items().end());
  result.insert(result.end(), right.items().begin(), right.items().end());
  return left.isList() ? Value::list(std::move(result), &env.budget)
                       : Value::tuple(std::move(result), &env.budget);
}

/// `left + right` where `left` is text, a list or a tuple.
Result<Value> addTo(const Value &left, const Value &right, Environment &env) {
  if (left.isString() && right.isString())
    return addText(left, right, env);
  if (left.kind() == right.kind())
    return addSequences(left, right, env);
  if (left.isString() && left.asString().isSafe())
    return unsupported(BinaryOp::Add, left, right);
  std::string_view type = left.isTuple() ? "tuple" : left.typeName();
  std::string message = "can only concatenate ";
  message.append(type).append(" (not \"").append(right.typeName());
  message.append("\") to ").append(type);
  return typeError(message);
}

} // namespace

Result<Value> binary(BinaryOp op, const Value &left, const Value &right,
                     Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (left.isNumber() && right.isNumber()) {
    if (left.isFloat() || right.isFloat())
      return ofFloats(op, left.asNumber(), right.asNumber());
    return ofInts(op, left.asInt(), right.asInt());
  }
  if (left.isUndefined())
    return left.asUndefined().error();
  if (op == BinaryOp::Modulo && left.isString())
    return percentFormat(left, right, env);
  if (right.isUndefined())
    return right.asUndefined().error();
  if (op == BinaryOp::Add && isRepeatable(left))
    return addTo(left, right, env);
  if (op == BinaryOp::Multiply) {
    for (const Value *factor : {&left, &right}) {
      // Markup multiplies in Python code, with a message of its own.
      const Value &other = factor == &left ? right : left;
      if (factor->isString() && factor->asString().isSafe())
        SWALLOW_TRY(toIndex(other));
    }
    if (isRepeatable(left))
      return repeat(left, right, env);
    if (isRepeatable(right))
      return repeat(right, left, env);
  }
  return unsupported(op, left, right);
}

Result<Value> negative(const Value &value, Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (value.isUndefined())
    return value.asUndefined().error();
  if (value.isFloat())
    return Value::number(-value.asNumber());
  if (!value.isIntegral())
    return typeError("bad operand type for unary -: '" +
                     std::string(value.typeName()) + "'");
  return ofInts(BinaryOp::Subtract, 0, value.asInt());
}

Result<Value> positive(const Value &value, Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (value.isUndefined())
    return value.asUndefined().error();
  if (value.isFloat())
    return value;
  if (!value.isIntegral())
    return typeError("bad operand type for unary +: '" +
                     std::string(value.typeName()) + "'");
  return Value::integer(value.asInt());
}

Result<Value> concatenate(const std::vector<Value> &values, Environment &env) {
  std::string text;
  bool safe = false;
  if (env.autoescape)
    for (const Value &value : values)
      safe |= value.isString() && value.asString().isSafe();
  for (const Value &value : values) {
    if (safe) {
      SWALLOW_ASSIGN(Value escaped, escape(value, env));
      SWALLOW_TRY(appendStr(text, escaped, env));
    } else {
      SWALLOW_TRY(appendStr(text, value, env));
    }
    SWALLOW_TRY(env.budget.reserve(text.size()));
  }
  return safe ? Value::safeString(std::move(text), &env.budget)
              : Value::string(std::move(text), &env.budget);
}

} // namespace swallow::jinja
