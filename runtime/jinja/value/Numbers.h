//===- Numbers.h - Python's int and float -----------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_VALUE_NUMBERS_H
#define SWALLOW_RUNTIME_JINJA_VALUE_NUMBERS_H

#include "runtime/jinja/value/Value.h"

#include <optional>

namespace swallow::jinja {

enum class NumberOrder { Less, Equal, Greater, Unordered };

/// Exact, also between an int and a float.
NumberOrder compareNumbers(const Value &left, const Value &right);
bool isNan(const Value &value);

/// The correctly rounded quotient; `right` is not 0.
double divideInts(int64_t left, int64_t right);
/// floor(left / right) and the remainder with the sign of `right`, which is not
/// 0. None where the quotient leaves 64 bits.
std::optional<int64_t> floorDivideInts(int64_t left, int64_t right);
int64_t moduloInts(int64_t left, int64_t right);
double floorDivideFloats(double left, double right);
double moduloFloats(double left, double right);

/// What arithmetic says of an int that does not fit.
Error intOverflow();

/// int(x) of a float: fails for NaN, infinities and what leaves 64 bits.
Result<Value> truncate(double value);

/// int(text, base) as Python reads it: white space around, a sign,
/// underscores, prefixes that fit the base (0: by prefix), digits of any
/// script. Fails with Python's ValueError.
Result<Value> parseInt(std::string_view text, int base);
/// float(text), likewise; none where Python raises ValueError.
std::optional<double> parseFloat(std::string_view text);

/// The float nearest to a decimal number that std::from_chars says is out of
/// range: an infinity or a zero, with its sign.
double floatOutOfRange(std::string_view number);

/// The decimal digits of |value|, finite, that round(value, places) keeps: a
/// fixed point number with max(places, 0) digits after the point. Ties of the
/// exact value go to even.
std::string fixedDigits(double value, int places);
/// round(value, places) of a finite float.
double roundFloat(double value, int64_t places);
/// round(value, places) of an int, places < 0: ties to even. None on overflow.
std::optional<int64_t> roundInt(int64_t value, int64_t places);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_VALUE_NUMBERS_H
