//===- FloatText.cpp - floats by a format's letter ------------------------===//

#include "runtime/jinja/library/format/Format.h"
#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Operators.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace swallow::jinja {

namespace {

std::string scientific(double value, int precision) {
  // A digit, a point, and an exponent of three digits at most.
  std::string text(static_cast<size_t>(precision) + 16, '\0');
  auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value,
                    std::chars_format::scientific, precision);
  text.resize(static_cast<size_t>(end - text.data()));
  return text;
}

void dropTrailingZeros(std::string &digits) {
  if (digits.find('.') == std::string::npos)
    return;
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.')
    digits.pop_back();
}

/// 'g': `precision` significant digits, with an exponent where that is
/// shorter. `point` makes what looks like an int end in .0.
std::string general(double value, int precision, bool alternate, bool point) {
  precision = std::max(precision, 1);
  std::string text = scientific(value, precision - 1);
  size_t e = text.find('e');
  int exponent = std::stoi(text.substr(e + 1));
  // With .0 to add, one digit less fits before the exponent is needed.
  if (exponent < -4 || exponent >= precision - (point ? 1 : 0)) {
    std::string digits = text.substr(0, e);
    if (!alternate)
      dropTrailingZeros(digits);
    else if (digits.find('.') == std::string::npos)
      digits += '.';
    return digits + text.substr(e);
  }
  std::string digits = fixedDigits(value, precision - 1 - exponent);
  if (!alternate)
    dropTrailingZeros(digits);
  if (digits.find('.') == std::string::npos)
    digits += alternate ? "." : point ? ".0" : "";
  return digits;
}

} // namespace

std::string floatText(double value, char type, int precision, bool alternate,
                      bool point) {
  bool upper = type >= 'A' && type <= 'Z';
  std::string text;
  if (std::isnan(value)) {
    text = "nan";
  } else if (std::isinf(value)) {
    text = "inf";
  } else {
    value = std::fabs(value);
    switch (type) {
    case 'e':
    case 'E':
      text = scientific(value, precision);
      if (alternate && precision == 0)
        text.insert(1, ".");
      break;
    case 'f':
    case 'F':
      text = fixedDigits(value, precision);
      if (alternate && precision == 0)
        text += '.';
      break;
    case 'r':
      text = reprFloat(value);
      if (!point && text.ends_with(".0"))
        text.resize(text.size() - 2);
      break;
    default:
      text = general(value, precision, alternate, point);
      break;
    }
  }
  if (upper)
    std::ranges::transform(text, text.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    });
  return text;
}

} // namespace swallow::jinja
