//===- Numbers.cpp --------------------------------------------------------===//

#include "runtime/jinja/value/Numbers.h"

#include "runtime/jinja/value/Exceptions.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace swallow::jinja {

namespace {

NumberOrder orderOf(std::partial_ordering order) {
  if (order == std::partial_ordering::unordered)
    return NumberOrder::Unordered;
  return order < 0   ? NumberOrder::Less
         : order > 0 ? NumberOrder::Greater
                     : NumberOrder::Equal;
}

NumberOrder compareIntFloat(int64_t left, double right) {
  if (std::isnan(right))
    return NumberOrder::Unordered;
  if (right >= 0x1p63)
    return NumberOrder::Less;
  if (right < -0x1p63)
    return NumberOrder::Greater;
  // The integral part fits now, and truncation is exact.
  double whole = std::trunc(right);
  auto integer = static_cast<int64_t>(whole);
  if (left != integer)
    return left < integer ? NumberOrder::Less : NumberOrder::Greater;
  return orderOf(0.0 <=> right - whole);
}

} // namespace

NumberOrder compareNumbers(const Value &left, const Value &right) {
  if (left.isFloat() && right.isFloat())
    return orderOf(left.asNumber() <=> right.asNumber());
  if (right.isFloat())
    return compareIntFloat(left.asInt(), right.asNumber());
  if (left.isFloat()) {
    switch (compareIntFloat(right.asInt(), left.asNumber())) {
    case NumberOrder::Less:
      return NumberOrder::Greater;
    case NumberOrder::Greater:
      return NumberOrder::Less;
    case NumberOrder::Equal:
      return NumberOrder::Equal;
    case NumberOrder::Unordered:
      return NumberOrder::Unordered;
    }
  }
  return orderOf(left.asInt() <=> right.asInt());
}

bool isNan(const Value &value) {
  return value.isFloat() && std::isnan(value.asNumber());
}

double divideInts(int64_t left, int64_t right) {
  constexpr int64_t exact = int64_t{1} << 53;
  if (left >= -exact && left <= exact && right >= -exact && right <= exact)
    return static_cast<double>(left) / static_cast<double>(right);
  bool negative = (left < 0) != (right < 0);
  uint64_t a = left < 0 ? -static_cast<uint64_t>(left) : left;
  uint64_t b = right < 0 ? -static_cast<uint64_t>(right) : right;
  if (a == 0)
    return negative ? -0.0 : 0.0;
  // Shifted so far that the quotient has at least 63 bits, its lowest bit can
  // stand for all that the remainder says about rounding to 53.
  int shift = 63 + std::countl_zero(a);
  auto numerator = static_cast<unsigned __int128>(a) << shift;
  unsigned __int128 quotient = numerator / b;
  if (numerator % b != 0)
    quotient |= 1;
  double result = std::ldexp(static_cast<double>(quotient), -shift);
  return negative ? -result : result;
}

std::optional<int64_t> floorDivideInts(int64_t left, int64_t right) {
  if (left == std::numeric_limits<int64_t>::min() && right == -1)
    return std::nullopt;
  int64_t quotient = left / right;
  return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1
                                                        : quotient;
}

int64_t moduloInts(int64_t left, int64_t right) {
  if (right == -1)
    return 0;
  int64_t rest = left % right;
  return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}

double moduloFloats(double left, double right) {
  double rest = std::fmod(left, right);
  if (rest == 0)
    return std::copysign(0.0, right);
  return (rest < 0) != (right < 0) ? rest + right : rest;
}

double floorDivideFloats(double left, double right) {
  double rest = std::fmod(left, right);
  double quotient = (left - rest) / right;
  if (rest != 0 && (rest < 0) != (right < 0))
    quotient -= 1;
  if (quotient == 0)
    return std::copysign(0.0, left / right);
  double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

Error intOverflow() {
  return overflowError("integers of more than 64 bits are not supported");
}

Result<Value> truncate(double value) {
  if (std::isnan(value))
    return valueError("cannot convert float NaN to integer");
  if (std::isinf(value))
    return overflowError("cannot convert float infinity to integer");
  double whole = std::trunc(value);
  if (whole >= 0x1p63 || whole < -0x1p63)
    return intOverflow();
  return Value::integer(static_cast<int64_t>(whole));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {

/// The text without white space around it and with the digits of every script
/// as ASCII's.
std::string normalizeNumber(std::string_view text) {
  std::string ascii;
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i])) {
    char32_t c = decodeUtf8(text.substr(i));
    int digit = c < 0x80 ? -1 : decimalValue(c);
    if (digit >= 0)
      ascii += static_cast<char>('0' + digit);
    else if (isSpace(c) && (c < 0x1C || c > 0x1F)) // C's among ASCII
      ascii += ' ';
    else
      appendUtf8(ascii, c);
  }
  size_t first = ascii.find_first_not_of(' ');
  if (first == std::string::npos)
    return {};
  return ascii.substr(first, ascii.find_last_not_of(' ') - first + 1);
}

bool isAsciiDigit(char c) { return c >= '0' && c <= '9'; }

int digitOf(char c) {
  if (isAsciiDigit(c))
    return c - '0';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z')
    return c - 'A' + 10;
  return 99;
}

int baseOfPrefix(char c) {
  switch (c) {
  case 'b':
  case 'B':
    return 2;
  case 'o':
  case 'O':
    return 8;
  case 'x':
  case 'X':
    return 16;
  default:
    return 0;
  }
}

enum class IntText { Good, Bad, TooLarge };

IntText readInt(std::string_view text, int base, int64_t &value) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  bool leadingZero = false;
  if (text.size() > 1 && text[0] == '0') {
    int prefix = baseOfPrefix(text[1]);
    if (prefix != 0 && (base == 0 || base == prefix)) {
      base = prefix;
      text.remove_prefix(2);
      if (text.starts_with('_'))
        text.remove_prefix(1);
    } else {
      leadingZero = true;
    }
  }
  if (base == 0)
    base = 10;
  else
    leadingZero = false;
  if (text.empty())
    return IntText::Bad;
  unsigned __int128 magnitude = 0;
  bool large = false;
  bool separated = true; // an underscore may not come first or after another
  for (char c : text) {
    if (c == '_') {
      if (separated)
        return IntText::Bad;
      separated = true;
      continue;
    }
    int digit = digitOf(c);
    if (digit >= base)
      return IntText::Bad;
    separated = false;
    magnitude =
        magnitude * static_cast<unsigned>(base) + static_cast<unsigned>(digit);
    if (magnitude > uint64_t{1} << 63) {
      large = true;
      magnitude = 1;
    }
  }
  if (separated || (leadingZero && (large || magnitude != 0)))
    return IntText::Bad;
  if (large || (!negative && magnitude == uint64_t{1} << 63))
    return IntText::TooLarge;
  auto bits = static_cast<uint64_t>(magnitude);
  value = static_cast<int64_t>(negative ? -bits : bits);
  return IntText::Good;
}

} // namespace

Result<Value> parseInt(std::string_view text, int base) {
  if (base != 0 && (base < 2 || base > 36))
    return valueError("int() base must be >= 2 and <= 36, or 0");
  int64_t value = 0;
  switch (readInt(normalizeNumber(text), base, value)) {
  case IntText::Good:
    return Value::integer(value);
  case IntText::TooLarge:
    return intOverflow();
  case IntText::Bad:
    break;
  }
  return valueError("invalid literal for int() with base " +
                    std::to_string(base) + ": " + reprText(text));
}

double floatOutOfRange(std::string_view number) {
  bool negative = number.starts_with('-');
  if (negative)
    number.remove_prefix(1);
  size_t e = std::min(number.find_first_of("eE"), number.size());
  std::string_view mantissa = number.substr(0, e);
  // The power of ten of the first digit that is not 0.
  size_t point = std::min(mantissa.find('.'), mantissa.size());
  size_t first = mantissa.find_first_not_of("0.");
  if (first == std::string_view::npos)
    return negative ? -0.0 : 0.0;
  auto place = static_cast<int64_t>(point) - static_cast<int64_t>(first);
  int64_t exponent = 0;
  if (e < number.size()) {
    std::string_view digits = number.substr(e + 1);
    bool below = digits.starts_with('-');
    if (below || digits.starts_with('+'))
      digits.remove_prefix(1);
    for (char c : digits)
      exponent = std::min<int64_t>(exponent * 10 + (c - '0'), INT32_MAX);
    if (below)
      exponent = -exponent;
  }
  double value =
      place + exponent > 0 ? std::numeric_limits<double>::infinity() : 0.0;
  return negative ? -value : value;
}

std::optional<double> parseFloat(std::string_view text) {
  std::string normal = normalizeNumber(text);
  // Underscores stand between digits only.
  std::string plain;
  for (size_t i = 0; i < normal.size(); ++i) {
    if (normal[i] != '_') {
      plain += normal[i];
      continue;
    }
    if (i == 0 || i + 1 == normal.size() || !isAsciiDigit(normal[i - 1]) ||
        !isAsciiDigit(normal[i + 1]))
      return std::nullopt;
  }
  std::string_view rest = plain;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  auto word = [&](std::string_view name) {
    return std::ranges::equal(rest, name,
                              [](char c, char d) { return (c | 0x20) == d; });
  };
  double value;
  if (word("inf") || word("infinity")) {
    value = std::numeric_limits<double>::infinity();
  } else if (word("nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    // from_chars takes no sign, and of its words Python's were taken above.
    if (rest.empty() || (!isAsciiDigit(rest[0]) && rest[0] != '.'))
      return std::nullopt;
    auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (end != rest.data() + rest.size() ||
        error == std::errc::invalid_argument)
      return std::nullopt;
    if (error == std::errc::result_out_of_range)
      value = floatOutOfRange(rest);
  }
  return negative ? -value : value;
}

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

std::string fixedDigits(double value, int places) {
  value = std::fabs(value);
  if (places >= 0) {
    // 309 digits before the point at most.
    std::string text(static_cast<size_t>(places) + 320, '\0');
    auto [end, error] = std::to_chars(text.data(), text.data() + text.size(),
                                      value, std::chars_format::fixed, places);
    text.resize(static_cast<size_t>(end - text.data()));
    return text;
  }
  // The digits before the point are exact; what comes after it decides a tie.
  std::string exact = fixedDigits(value, 1100);
  size_t point = exact.find('.');
  auto dropped = static_cast<size_t>(-static_cast<int64_t>(places));
  if (dropped > point)
    return "0";
  std::string_view tail = std::string_view(exact).substr(point - dropped);
  std::string kept = "0" + exact.substr(0, point - dropped);
  bool beyondHalf =
      tail[0] > '5' ||
      (tail[0] == '5' && tail.find_first_not_of("0.", 1) != std::string::npos);
  bool half = tail[0] == '5' && !beyondHalf;
  if (beyondHalf || (half && (kept.back() - '0') % 2 == 1)) {
    size_t i = kept.size() - 1;
    for (; kept[i] == '9'; --i)
      kept[i] = '0';
    ++kept[i];
  }
  return kept + std::string(dropped, '0');
}

double roundFloat(double value, int64_t places) {
  // Beyond these every float is itself, or nothing is left of it.
  if (places > 323)
    return value;
  if (places < -308)
    return std::copysign(0.0, value);
  std::string digits = fixedDigits(value, static_cast<int>(places));
  double rounded = 0;
  auto result =
      std::from_chars(digits.data(), digits.data() + digits.size(), rounded);
  if (result.ec == std::errc::result_out_of_range)
    rounded = std::numeric_limits<double>::infinity();
  return std::copysign(rounded, value);
}

std::optional<int64_t> roundInt(int64_t value, int64_t places) {
  if (places < -19)
    return 0;
  __int128 unit = 1;
  for (; places < 0; ++places)
    unit *= 10;
  __int128 rest = value % unit;
  if (rest < 0)
    rest += unit;
  __int128 low = value - rest;
  bool odd = (low / unit) % 2 != 0;
  if (2 * rest > unit || (2 * rest == unit && odd))
    low += unit;
  if (low > std::numeric_limits<int64_t>::max() ||
      low < std::numeric_limits<int64_t>::min())
    return std::nullopt;
  return static_cast<int64_t>(low);
}

} // namespace swallow::jinja
