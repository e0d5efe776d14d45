//===- FormatValue.cpp - the mini-language of format() --------------------===//
//
// [[fill]align][sign][z][#][0][width][grouping][.precision][type], see "Format
// Specification Mini-Language" in the documentation of Python's string module.
//
//===----------------------------------------------------------------------===//

#include "runtime/jinja/library/format/Format.h"
#include "runtime/jinja/library/text/Text.h"
#include "runtime/jinja/value/Exceptions.h"
#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace swallow::jinja {

namespace {

struct Specification {
  std::string fill = " ";
  char align = 0; // none given
  char sign = 0;
  bool noNegativeZero = false;
  bool alternate = false;
  int64_t width = -1;
  char grouping = 0;
  int64_t precision = -1;
  char32_t type = 0;
};

bool isAlign(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

class SpecificationReader {
public:
  SpecificationReader(std::string_view text, std::string_view typeName)
      : text_(text), typeName_(typeName) {}

  Result<Specification> read() {
    Specification spec;
    readFillAndAlign(spec);
    if (peek() == '+' || peek() == '-' || peek() == ' ')
      spec.sign = take();
    spec.noNegativeZero = takeIf('z');
    spec.alternate = takeIf('#');
    if (!fillGiven_ && peek() == '0') {
      spec.fill = "0";
      if (spec.align == 0)
        zeroAligned_ = true;
      ++at_;
    }
    SWALLOW_TRY(readNumber(spec.width));
    SWALLOW_TRY(readGrouping(spec));
    if (takeIf('.')) {
      SWALLOW_TRY(readNumber(spec.precision));
      if (spec.precision < 0)
        return valueError("Format specifier missing precision");
    }
    std::string_view rest = text_.substr(at_);
    if (countCharacters(rest) > 1)
      return valueError("Invalid format specifier '" + std::string(text_) +
                        "' for object of type '" + std::string(typeName_) +
                        "'");
    if (!rest.empty())
      spec.type = decodeUtf8(rest);
    return spec;
  }
  /// A 0 in front of the width aligns numbers by '='.
  bool zeroAligned() const { return zeroAligned_; }

private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  char take() { return text_[at_++]; }
  bool takeIf(char c) {
    if (peek() != c)
      return false;
    ++at_;
    return true;
  }

  void readFillAndAlign(Specification &spec) {
    if (text_.empty())
      return;
    size_t first = utf8Length(text_[0]);
    if (first < text_.size() && isAlign(text_[first])) {
      spec.fill = text_.substr(0, first);
      spec.align = text_[first];
      fillGiven_ = true;
      at_ = first + 1;
    } else if (isAlign(text_[0])) {
      spec.align = take();
    }
  }

  Status readNumber(int64_t &number) {
    size_t end = at_;
    while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9')
      ++end;
    if (end == at_)
      return {};
    auto result =
        std::from_chars(text_.data() + at_, text_.data() + end, number);
    if (result.ec != std::errc())
      return valueError("Too many decimal digits in format string");
    at_ = end;
    return {};
  }

  Status readGrouping(Specification &spec) {
    if (takeIf(','))
      spec.grouping = ',';
    if (takeIf('_')) {
      if (spec.grouping)
        return valueError("Cannot specify both ',' and '_'.");
      spec.grouping = '_';
    }
    if (peek() == ',' && spec.grouping == '_')
      return valueError("Cannot specify both ',' and '_'.");
    return {};
  }

  std::string_view text_;
  std::string_view typeName_;
  size_t at_ = 0;
  bool fillGiven_ = false;
  bool zeroAligned_ = false;
};

Error unknownCode(char32_t type, std::string_view typeName) {
  std::string message = "Unknown format code '";
  if (type > 32 && type < 128) {
    message += static_cast<char>(type);
  } else {
    std::array<char, 8> hex;
    auto [end, error] = std::to_chars(hex.data(), hex.data() + hex.size(),
                                      static_cast<uint32_t>(type), 16);
    message.append("\\x").append(hex.data(), end);
  }
  return valueError(message + "' for object of type '" + std::string(typeName) +
                    "'");
}

Error cannotGroup(char grouping, char32_t type) {
  std::string message = "Cannot specify '";
  message += grouping;
  message += "' with '";
  appendUtf8(message, type);
  return valueError(message + "'.");
}

/// `type` is what the specification ends with, or what stands for its absence.
Status checkGrouping(const Specification &spec, char32_t type) {
  constexpr std::u32string_view decimal = U"deEfFgG%";
  constexpr std::u32string_view binary = U"boxX";
  if (!spec.grouping || type == 0 || decimal.find(type) != decimal.npos ||
      (spec.grouping == '_' && binary.find(type) != binary.npos))
    return {};
  return cannotGroup(spec.grouping, type);
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

/// What a number is put together from.
struct NumberParts {
  bool negative = false;
  std::string prefix; // 0x and the like
  std::string whole;  // the digits that are grouped
  std::string rest;   // point, fraction, exponent, percent sign
};

/// The digits in groups, with zeros in front to fill `width`.
std::string groupDigits(std::string_view digits, char separator,
                        int64_t groupSize, int64_t width) {
  std::string reversed;
  auto left = static_cast<int64_t>(digits.size());
  while (true) {
    int64_t length =
        std::min(groupSize, std::max<int64_t>(std::max(left, width), 1));
    int64_t taken = std::clamp<int64_t>(left, 0, length);
    for (int64_t i = 0; i < taken; ++i)
      reversed += digits[static_cast<size_t>(left - 1 - i)];
    reversed.append(static_cast<size_t>(length - taken), '0');
    left -= taken;
    width -= length;
    if (left <= 0 && width <= 0)
      break;
    reversed += separator;
    --width;
  }
  return {reversed.rbegin(), reversed.rend()};
}

Status checkWidth(int64_t width, size_t unit, Environment &env) {
  return env.budget.reserve(static_cast<size_t>(std::max<int64_t>(width, 0)),
                            unit);
}

Result<std::string> layOut(const Specification &spec, char align,
                           const NumberParts &parts, Environment &env) {
  SWALLOW_TRY(checkWidth(spec.width, spec.fill.size(), env));
  std::string sign;
  if (parts.negative)
    sign = "-";
  else if (spec.sign == '+' || spec.sign == ' ')
    sign = spec.sign;
  std::string whole = parts.whole;
  if (spec.grouping) {
    int64_t around = static_cast<int64_t>(sign.size() + parts.prefix.size() +
                                          parts.rest.size());
    bool zeros = spec.fill == "0" && align == '=';
    bool binary = spec.type != 0 && std::u32string_view(U"boxX").find(
                                        spec.type) != std::string_view::npos;
    whole = groupDigits(whole, spec.grouping, binary ? 4 : 3,
                        zeros ? spec.width - around : 0);
  }
  std::string head = sign + parts.prefix;
  std::string tail = whole + parts.rest;
  auto size = static_cast<int64_t>(head.size() + countCharacters(tail));
  int64_t missing = std::max<int64_t>(spec.width - size, 0);
  int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  auto fill = [&](int64_t count) {
    std::string text;
    for (int64_t i = 0; i < count; ++i)
      text += spec.fill;
    return text;
  };
  if (align == '=')
    return head + fill(missing) + tail;
  return fill(left) + head + tail + fill(missing - left);
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

Result<std::string> formatString(const Value &value, const Specification &spec,
                                 Environment &env) {
  if (spec.type != 0 && spec.type != 's')
    return unknownCode(spec.type, value.typeName());
  if (spec.sign)
    return valueError(spec.sign == ' '
                          ? "Space not allowed in string format specifier"
                          : "Sign not allowed in string format specifier");
  if (spec.noNegativeZero)
    return valueError("Negative zero coercion (z) not allowed in string "
                      "format specifier");
  if (spec.alternate)
    return valueError(
        "Alternate form (#) not allowed in string format specifier");
  if (spec.align == '=')
    return valueError("'=' alignment not allowed in string format specifier");
  SWALLOW_TRY(checkWidth(spec.width, spec.fill.size(), env));
  SWALLOW_TRY(env.budget.reserve(value.text().size()));
  std::string_view text = value.text();
  if (spec.precision >= 0)
    text = text.substr(0, offsetOf(text, static_cast<size_t>(spec.precision)));
  auto size = static_cast<int64_t>(countCharacters(text));
  int64_t missing = std::max<int64_t>(spec.width - size, 0);
  int64_t left = spec.align == '>'   ? missing
                 : spec.align == '^' ? missing / 2
                                     : 0;
  std::string result;
  for (int64_t i = 0; i < left; ++i)
    result += spec.fill;
  result += text;
  for (int64_t i = left; i < missing; ++i)
    result += spec.fill;
  return result;
}

Result<std::string> formatFloat(double value, std::string_view typeName,
                                Specification spec, bool zeroAligned,
                                Environment &env) {
  constexpr std::u32string_view known = U"eEfFgGn%";
  if (spec.type != 0 && known.find(spec.type) == known.npos)
    return unknownCode(spec.type, typeName);
  if (spec.precision > std::numeric_limits<int>::max() / 2)
    return valueError("precision too big");
  SWALLOW_TRY(env.budget.reserve(
      static_cast<size_t>(std::max<int64_t>(spec.precision, 0)), 4));
  auto type = static_cast<char>(spec.type);
  bool percent = type == '%';
  auto precision = static_cast<int>(spec.precision);
  bool point = type == 0;
  if (type == 0)
    type = precision < 0 ? 'r' : 'g';
  else if (type == 'n')
    type = 'g';
  else if (percent)
    type = 'f';
  if (precision < 0)
    precision = 6;
  if (percent)
    value *= 100;
  std::string text = floatText(value, type, precision, spec.alternate, point);
  if (percent)
    text += '%';
  NumberParts parts;
  parts.negative = std::signbit(value) && !std::isnan(value);
  if (spec.noNegativeZero && parts.negative) {
    // Zero once rounded: no digit of the mantissa is anything else.
    size_t end = text.find_first_of("eE");
    parts.negative =
        text.substr(0, end).find_first_of("123456789in") != std::string::npos;
  }
  size_t digits = text.find_first_not_of("0123456789");
  if (digits == std::string::npos)
    digits = text.size();
  parts.whole = text.substr(0, digits);
  parts.rest = text.substr(digits);
  if (parts.whole.empty()) // nan and inf are never grouped
    spec.grouping = 0;
  char align = spec.align ? spec.align : zeroAligned ? '=' : '>';
  return layOut(spec, align, parts, env);
}

std::string digitsOf(int64_t value, int base) {
  auto bits = static_cast<uint64_t>(value);
  std::array<char, 72> buffer;
  auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                    value < 0 ? -bits : bits, base);
  return {buffer.data(), end};
}

Result<std::string> formatCharacter(int64_t value, const Specification &spec,
                                    char align, Environment &env) {
  if (spec.sign)
    return valueError("Sign not allowed with integer format specifier 'c'");
  if (spec.alternate)
    return valueError("Alternate form (#) not allowed with integer format "
                      "specifier 'c'");
  if (value < 0 || value > 0x10FFFF)
    return overflowError("%c arg not in range(0x110000)");
  if (value >= 0xD800 && value < 0xE000)
    return valueError("surrogates are not supported");
  NumberParts parts;
  appendUtf8(parts.rest, static_cast<char32_t>(value));
  return layOut(spec, align, parts, env);
}

Result<std::string> formatInt(const Value &value, const Specification &spec,
                              bool zeroAligned, Environment &env) {
  constexpr std::u32string_view ofFloats = U"eEfFgG%";
  if (ofFloats.find(spec.type) != ofFloats.npos && spec.type != 0)
    return formatFloat(value.asNumber(), value.typeName(), spec, zeroAligned,
                       env);
  constexpr std::u32string_view known = U"bcdnoxX";
  if (spec.type != 0 && known.find(spec.type) == known.npos)
    return unknownCode(spec.type, value.typeName());
  if (spec.precision >= 0)
    return valueError("Precision not allowed in integer format specifier");
  if (spec.noNegativeZero)
    return valueError("Negative zero coercion (z) not allowed in integer "
                      "format specifier");
  char align = spec.align ? spec.align : zeroAligned ? '=' : '>';
  int64_t number = value.asInt();
  NumberParts parts;
  parts.negative = number < 0;
  switch (spec.type) {
  case 'c':
    return formatCharacter(number, spec, align, env);
  case 'b':
    parts.prefix = "0b";
    parts.whole = digitsOf(number, 2);
    break;
  case 'o':
    parts.prefix = "0o";
    parts.whole = digitsOf(number, 8);
    break;
  case 'x':
  case 'X':
    parts.prefix = "0x";
    parts.whole = digitsOf(number, 16);
    break;
  default:
    parts.whole = digitsOf(number, 10);
    break;
  }
  if (!spec.alternate)
    parts.prefix.clear();
  if (spec.type == 'X')
    for (std::string *part : {&parts.prefix, &parts.whole})
      std::ranges::transform(*part, part->begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
      });
  return layOut(spec, align, parts, env);
}

} // namespace

Result<std::string> formatValue(const Value &value,
                                std::string_view specification,
                                Environment &env) {
  SWALLOW_TRY(env.budget.step());
  if (specification.empty())
    return str(value, env);
  if (!value.isString() && !value.isNumber())
    return typeError("unsupported format string passed to " +
                     std::string(value.typeName()) + ".__format__");
  SpecificationReader reader(specification, value.typeName());
  SWALLOW_ASSIGN(Specification spec, reader.read());
  SWALLOW_TRY(checkGrouping(
      spec, spec.type == 0 && value.isString() ? U's' : spec.type));
  if (value.isString())
    return formatString(value, spec, env);
  if (value.isFloat())
    return formatFloat(value.asNumber(), value.typeName(), spec,
                       reader.zeroAligned(), env);
  return formatInt(value, spec, reader.zeroAligned(), env);
}

} // namespace swallow::jinja
