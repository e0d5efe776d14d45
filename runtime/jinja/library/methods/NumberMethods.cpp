//===- NumberMethods.cpp - methods of int and float -----------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/methods/Methods.h"
#include "runtime/jinja/value/Numbers.h"

#include <bit>
#include <cmath>

namespace swallow::jinja {

namespace {

uint64_t magnitude(const Value &self) {
  auto bits = static_cast<uint64_t>(self.asInt());
  return self.asInt() < 0 ? -bits : bits;
}

Result<Value> bitLength(const Value &self, const Arguments &arguments,
                        Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, self.typeName(), "bit_length", 0, 0));
  return Value::integer(std::bit_width(magnitude(self)));
}

Result<Value> bitCount(const Value &self, const Arguments &arguments,
                       Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, self.typeName(), "bit_count", 0, 0));
  return Value::integer(std::popcount(magnitude(self)));
}

Result<Value> conjugate(const Value &self, const Arguments &arguments,
                        Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, self.typeName(), "conjugate", 0, 0));
  return self.isFloat() ? self : Value::integer(self.asInt());
}

Result<Value> intRatio(const Value &self, const Arguments &arguments,
                       Environment &env) {
  SWALLOW_TRY(
      expectArguments(arguments, self.typeName(), "as_integer_ratio", 0, 0));
  return Value::tuple({Value::integer(self.asInt()), Value::integer(1)},
                      &env.budget);
}

Result<Value> isInteger(const Value &self, const Arguments &arguments,
                        Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "float", "is_integer", 0, 0));
  double value = self.asNumber();
  return Value::boolean(std::isfinite(value) && value == std::trunc(value));
}

Result<Value> floatRatio(const Value &self, const Arguments &arguments,
                         Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "float", "as_integer_ratio", 0, 0));
  double value = self.asNumber();
  if (!std::isfinite(value)) {
    std::string kind = std::isnan(value) ? "NaN" : "Infinity";
    std::string message = "cannot convert " + kind + " to integer ratio";
    return std::isnan(value) ? valueError(message) : overflowError(message);
  }
  int64_t denominator = 1;
  while (value != std::trunc(value)) {
    value *= 2;
    if (denominator > INT64_MAX / 2)
      return intOverflow();
    denominator *= 2;
  }
  SWALLOW_ASSIGN(Value numerator, truncate(value));
  return Value::tuple({numerator, Value::integer(denominator)}, &env.budget);
}

/// float.hex(): "0x1.8000000000000p+0".
Result<Value> hex(const Value &self, const Arguments &arguments,
                  Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "float", "hex", 0, 0));
  double value = self.asNumber();
  std::string text = std::signbit(value) && !std::isnan(value) ? "-" : "";
  if (std::isnan(value))
    text = "nan";
  else if (std::isinf(value))
    text += "inf";
  else if (value == 0)
    text += "0x0.0p+0";
  else {
    constexpr std::string_view digits = "0123456789abcdef";
    auto bits = std::bit_cast<uint64_t>(value);
    auto exponent = static_cast<int>((bits >> 52) & 0x7FF);
    text += exponent == 0 ? "0x0." : "0x1.";
    for (int shift = 48; shift >= 0; shift -= 4)
      text += digits[(bits >> shift) & 0xF];
    int power = exponent == 0 ? -1022 : exponent - 1023;
    text += power < 0 ? "p-" : "p+";
    text += std::to_string(std::abs(power));
  }
  return Value::string(std::move(text), &env.budget);
}

constexpr std::array<NamedMethod, 4> ofInt = {{{"as_integer_ratio", intRatio},
                                               {"bit_count", bitCount},
                                               {"bit_length", bitLength},
                                               {"conjugate", conjugate}}};
constexpr std::array<NamedMethod, 4> ofFloat = {
    {{"as_integer_ratio", floatRatio},
     {"conjugate", conjugate},
     {"hex", hex},
     {"is_integer", isInteger}}};

} // namespace

std::span<const NamedMethod> intMethods() { return ofInt; }
std::span<const NamedMethod> floatMethods() { return ofFloat; }

} // namespace swallow::jinja
