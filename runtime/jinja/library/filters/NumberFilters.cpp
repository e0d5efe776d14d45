//===- NumberFilters.cpp - filters on numbers -----------------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/library/format/Format.h"
#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Operators.h"

#include <array>
#include <cmath>
#include <limits>

namespace swallow::jinja {

namespace {

Result<Value> absolute(const Value &input, const Arguments &arguments,
                       Environment &env) {
  SWALLOW_TRY(expectInputOnly(arguments, "abs"));
  if (input.isFloat())
    return Value::number(std::fabs(input.asNumber()));
  if (!input.isIntegral())
    return typeError("bad operand type for abs(): '" +
                     std::string(input.typeName()) + "'");
  if (input.asInt() < 0)
    return negative(input, env);
  return Value::integer(input.asInt());
}

/// float(value) of Python.
Result<double> toFloat(const Value &value) {
  if (value.isUndefined())
    return value.asUndefined().error();
  if (value.isNumber())
    return value.asNumber();
  if (!value.isString())
    return typeError(
        "float() argument must be a string or a real number, not '" +
        std::string(value.typeName()) + "'");
  if (std::optional<double> number = parseFloat(value.text()))
    return *number;
  std::string quoted = reprText(value.text());
  if (value.asString().isSafe())
    quoted = "Markup(" + quoted + ")";
  return valueError("could not convert string to float: " + quoted);
}

bool isTypeOrValueError(const Error &error) {
  return isException(error, "TypeError") || isException(error, "ValueError");
}

/// int(value) or int(value, base) of Python.
Result<Value> toInt(const Value &value, const Value &base) {
  if (value.isUndefined())
    return value.asUndefined().error();
  if (value.isString()) {
    SWALLOW_ASSIGN(int64_t radix, toIndex(base));
    return parseInt(value.text(),
                    static_cast<int>(std::clamp<int64_t>(radix, -1, 99)));
  }
  if (value.isFloat())
    return truncate(value.asNumber());
  if (value.isIntegral())
    return Value::integer(value.asInt());
  return typeError("int() argument must be a string, a bytes-like object or a "
                   "real number, not '" +
                   std::string(value.typeName()) + "'");
}

Result<Value> intFilter(const Value &input, const Arguments &arguments,
                        Environment &env) {
  static const Signature signature("do_int", 1, 0, {"default", "base"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  if (input.isString())
    SWALLOW_TRY(env.budget.reserve(input.text().size()));
  Result<Value> number =
      toInt(input, bound[1] ? *bound[1] : Value::integer(10));
  if (number || !isTypeOrValueError(number.error()))
    return number;
  // "42.23" is 42.
  Result<double> real = toFloat(input);
  if (real) {
    number = truncate(*real);
    if (number)
      return number;
    if (std::isfinite(*real))
      return number.error(); // an int in Python, and too large here
  } else if (!isTypeOrValueError(real.error())) {
    return real.error();
  }
  return bound[0] ? *bound[0] : Value::integer(0);
}

Result<Value> floatFilter(const Value &input, const Arguments &arguments,
                          Environment &env) {
  static const Signature signature("do_float", 1, 0, {"default"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  if (input.isString())
    SWALLOW_TRY(env.budget.reserve(input.text().size()));
  Result<double> number = toFloat(input);
  if (number)
    return Value::number(*number);
  if (!isTypeOrValueError(number.error()))
    return number.error();
  return bound[0] ? *bound[0] : Value::number(0);
}

/// round(value, precision) of Python.
Result<Value> roundCommon(const Value &value, const Value &precision) {
  if (!value.isNumber())
    return typeError("type " + std::string(value.typeName()) +
                     " doesn't define __round__ method");
  if (precision.isNone()) {
    // To an int.
    if (value.isIntegral() || !std::isfinite(value.asNumber()))
      return value.isFloat() ? truncate(value.asNumber())
                             : Value::integer(value.asInt());
    return truncate(roundFloat(value.asNumber(), 0));
  }
  SWALLOW_ASSIGN(int64_t places, toIndex(precision));
  if (value.isFloat()) {
    double number = value.asNumber();
    if (!std::isfinite(number))
      return value;
    double rounded = roundFloat(number, places);
    if (std::isinf(rounded))
      return overflowError("rounded value too large to represent");
    return Value::number(rounded);
  }
  if (places >= 0)
    return Value::integer(value.asInt());
  std::optional<int64_t> rounded = roundInt(value.asInt(), places);
  if (!rounded)
    return intOverflow();
  return Value::integer(*rounded);
}

/// func(value * 10**precision) / 10**precision.
Result<Value> roundDirected(const Value &value, const Value &precision, bool up,
                            Environment &env) {
  SWALLOW_ASSIGN(Value scale,
                 binary(BinaryOp::Power, Value::integer(10), precision, env));
  SWALLOW_ASSIGN(Value scaled, binary(BinaryOp::Multiply, value, scale, env));
  if (!scaled.isNumber())
    return typeError("must be real number, not " +
                     std::string(scaled.typeName()));
  if (scaled.isFloat()) {
    double number = scaled.asNumber();
    if (!std::isfinite(number))
      return truncate(number).error();
    // Python goes through an int here, which has no negative zero.
    double whole = (up ? std::ceil(number) : std::floor(number)) + 0.0;
    return Value::number(whole / scale.asNumber());
  }
  return binary(BinaryOp::Divide, scaled, scale, env);
}

Result<Value> roundFilter(const Value &input, const Arguments &arguments,
                          Environment &env) {
  static const Signature signature("do_round", 1, 0, {"precision", "method"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  Value precision = bound[0] ? *bound[0] : Value::integer(0);
  std::string_view method = "common";
  if (bound[1])
    SWALLOW_TRY(checkHashable(*bound[1], &env.budget));
  if (bound[1])
    method = bound[1]->isString() ? std::string_view(bound[1]->text()) : "";
  if (method == "common")
    return roundCommon(input, precision);
  if (method != "ceil" && method != "floor")
    return filterArgumentError("method must be common, ceil or floor");
  return roundDirected(input, precision, method == "ceil", env);
}

Result<Value> fileSize(const Value &input, const Arguments &arguments,
                       Environment &env) {
  static const Signature signature("do_filesizeformat", 1, 0, {"binary"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  bool binary = bound[0] && truth(*bound[0]);
  SWALLOW_ASSIGN(double bytes, toFloat(input));
  double base = binary ? 1024 : 1000;
  std::string text;
  if (bytes == 1) {
    text = "1 Byte";
  } else if (bytes < base) {
    SWALLOW_ASSIGN(Value whole, truncate(bytes));
    text = std::to_string(whole.asInt()) + " Bytes";
  } else {
    constexpr std::string_view prefixes = "kMGTPEZY";
    // Python compares with the unit as an int, which 10 ** 24 is no float of.
    constexpr double beyond = 0x1p100;
    auto whole = static_cast<__int128>(bytes < beyond ? bytes : beyond);
    __int128 unit = binary ? 1024 : 1000;
    size_t i = 0;
    for (;; ++i) {
      unit *= binary ? 1024 : 1000;
      if (whole < unit || i + 1 == prefixes.size())
        break;
    }
    double amount = base * bytes / static_cast<double>(unit);
    text = (std::signbit(amount) ? "-" : "") + floatText(amount, 'f', 1) + " ";
    text += binary && prefixes[i] == 'k' ? 'K' : prefixes[i];
    text += binary ? "iB" : "B";
  }
  return Value::string(std::move(text), &env.budget);
}

constexpr std::array<NamedFilter, 5> filters = {{
    {"abs", absolute},
    {"filesizeformat", fileSize},
    {"float", floatFilter},
    {"int", intFilter},
    {"round", roundFilter},
}};

} // namespace

std::span<const NamedFilter> numberFilters() { return filters; }

} // namespace swallow::jinja
