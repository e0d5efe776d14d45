//===- PercentFormat.cpp - printf-style formatting ------------------------===//
//
// "printf-style String Formatting" in Python's documentation of its types.
//
//===----------------------------------------------------------------------===//

#include "runtime/jinja/library/format/Format.h"
#include "runtime/jinja/library/methods/StrSupport.h"
#include "runtime/jinja/library/text/Html.h"
#include "runtime/jinja/value/Exceptions.h"
#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace swallow::jinja {

namespace {

/// %(key)flags width .precision conversion.
struct Directive {
  bool left = false;
  bool plus = false;
  bool space = false;
  bool alternate = false;
  bool zero = false;
  int64_t width = -1;
  int64_t precision = -1;
  char32_t conversion = 0;
};

/// A converted argument: a number's sign and prefix stand before its zeros.
struct Converted {
  std::string sign;
  std::string body;
  bool number = false;
};

class PercentFormatter {
public:
  PercentFormatter(const Value &format, const Value &values, Environment &env)
      : text_(format.text()), safe_(format.asString().isSafe()),
        values_(values), env_(env) {}

  Result<std::string> run() {
    while (at_ < text_.size()) {
      SWALLOW_TRY(env_.budget.step());
      size_t percent = std::min(text_.find('%', at_), text_.size());
      out_.append(text_, at_, percent - at_);
      at_ = percent + 1;
      if (percent < text_.size())
        SWALLOW_TRY(directive());
      if (out_.size() > env_.budget.limits().bytes)
        SWALLOW_TRY(env_.budget.reserve(out_.size()));
    }
    SWALLOW_TRY(env_.budget.reserve(out_.size()));
    bool unused = values_.isTuple() ? used_ < values_.items().size()
                                    : used_ == 0 && !mayStayUnused();
    if (unused)
      return typeError("not all arguments converted during string formatting");
    return std::move(out_);
  }

private:
  /// What Python takes for a mapping.
  bool isMapping() const {
    return values_.isDict() || values_.isList() || values_.isRange() ||
           values_.isUndefined();
  }
  bool mayStayUnused() const { return isMapping(); }

  char32_t peek() const {
    return at_ < text_.size() ? decodeUtf8(text_.substr(at_)) : 0;
  }
  void skip() { at_ += utf8Length(text_[at_]); }

  Result<Value> nextArgument() {
    if (values_.isTuple() && !keyed_) {
      if (used_ >= values_.items().size())
        return typeError("not enough arguments for format string");
      return values_.items()[used_++];
    }
    if (keyed_)
      return typeError("not enough arguments for format string");
    if (used_++ > 0)
      return typeError("not enough arguments for format string");
    return values_;
  }

  Status readKey(std::optional<Value> &argument) {
    if (values_.isTuple() || !isMapping())
      return typeError("format requires a mapping");
    size_t start = ++at_;
    for (int open = 1; at_ < text_.size(); ++at_) {
      open += text_[at_] == '(' ? 1 : text_[at_] == ')' ? -1 : 0;
      if (open == 0)
        break;
    }
    if (at_ >= text_.size())
      return valueError("incomplete format key");
    std::string_view key = text_.substr(start, at_ - start);
    ++at_;
    if (values_.isUndefined())
      return values_.asUndefined().error();
    if (!values_.isDict())
      return typeError(std::string(values_.typeName()) +
                       " indices must be integers or slices, not str");
    const Value *found = values_.asDict().find(key);
    if (!found)
      return keyError(reprText(key));
    argument = *found;
    keyed_ = true;
    return {};
  }

  void readFlags(Directive &directive) {
    for (; at_ < text_.size(); ++at_) {
      switch (text_[at_]) {
      case '-':
        directive.left = true;
        break;
      case '+':
        directive.plus = true;
        break;
      case ' ':
        directive.space = true;
        break;
      case '#':
        directive.alternate = true;
        break;
      case '0':
        directive.zero = true;
        break;
      default:
        return;
      }
    }
  }

  /// A number in the text, or the next argument for '*'.
  Status readNumber(int64_t &number, const char *tooBig) {
    if (at_ < text_.size() && text_[at_] == '*') {
      ++at_;
      SWALLOW_ASSIGN(Value argument, nextArgument());
      if (!argument.isIntegral())
        return typeError("* wants int");
      number = argument.asInt();
      return {};
    }
    size_t end = at_;
    while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9')
      ++end;
    if (end == at_)
      return {};
    auto result =
        std::from_chars(text_.data() + at_, text_.data() + end, number);
    if (result.ec != std::errc() || number > INT32_MAX)
      return valueError(tooBig);
    at_ = end;
    return {};
  }

  Status directive() {
    if (peek() == '%') {
      ++at_;
      out_ += '%';
      return {};
    }
    Directive directive;
    std::optional<Value> argument;
    if (peek() == '(')
      SWALLOW_TRY(readKey(argument));
    readFlags(directive);
    SWALLOW_TRY(readNumber(directive.width, "width too big"));
    if (directive.width < -1) {
      directive.left = true;
      directive.width = -std::max(directive.width, -INT64_MAX);
    }
    if (peek() == '.') {
      ++at_;
      directive.precision = 0;
      SWALLOW_TRY(readNumber(directive.precision, "precision too big"));
      directive.precision = std::max<int64_t>(directive.precision, 0);
    }
    if (peek() == 'h' || peek() == 'l' || peek() == 'L')
      ++at_;
    if (at_ >= text_.size())
      return valueError("incomplete format");
    directive.conversion = peek();
    size_t place = at_;
    skip();
    if (!argument) {
      SWALLOW_ASSIGN(argument, nextArgument());
    }
    SWALLOW_TRY(env_.budget.reserve(static_cast<size_t>(
        std::max<int64_t>(std::max(directive.width, directive.precision), 0))));
    SWALLOW_ASSIGN(Converted converted, convert(directive, *argument, place));
    append(directive, converted);
    return {};
  }

  Result<Converted> convert(const Directive &directive, const Value &argument,
                            size_t place) {
    switch (directive.conversion) {
    case 's':
    case 'r':
    case 'a':
      return convertText(directive, argument);
    case 'c':
      return convertCharacter(argument);
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X':
      return convertInt(directive, argument);
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return convertFloat(directive, argument);
    default:
      return unsupported(directive.conversion, place);
    }
  }

  Error unsupported(char32_t conversion, size_t place) const {
    std::string message = "unsupported format character '";
    message += conversion >= 31 && conversion <= 126
                   ? static_cast<char>(conversion)
                   : '?';
    std::array<char, 8> hex;
    auto [end, error] = std::to_chars(hex.data(), hex.data() + hex.size(),
                                      static_cast<uint32_t>(conversion), 16);
    message.append("' (0x").append(hex.data(), end).append(") at index ");
    return valueError(message +
                      std::to_string(countCharacters(text_.substr(0, place))));
  }

  Result<Converted> convertText(const Directive &directive,
                                const Value &argument) {
    Converted converted;
    if (safe_ && directive.conversion == 's') {
      SWALLOW_ASSIGN(Value escaped, escape(argument, env_));
      converted.body = escaped.text();
    } else if (directive.conversion == 's') {
      SWALLOW_ASSIGN(converted.body, str(argument, env_));
    } else {
      SWALLOW_ASSIGN(converted.body, repr(argument, env_));
      if (directive.conversion == 'a')
        converted.body = asciiOf(converted.body);
      if (safe_) {
        std::string escaped;
        appendEscaped(escaped, converted.body);
        converted.body = std::move(escaped);
      }
    }
    if (directive.precision >= 0)
      converted.body.resize(
          offsetOf(converted.body, static_cast<size_t>(directive.precision)));
    return converted;
  }

  static Result<Converted> convertCharacter(const Value &argument) {
    Converted converted;
    if (argument.isString() && argument.asString().length() == 1) {
      converted.body = argument.text();
      return converted;
    }
    if (!argument.isIntegral())
      return typeError("%c requires int or char");
    int64_t code = argument.asInt();
    if (code < 0 || code > 0x10FFFF)
      return overflowError("%c arg not in range(0x110000)");
    if (code >= 0xD800 && code < 0xE000)
      return valueError("surrogates are not supported");
    appendUtf8(converted.body, static_cast<char32_t>(code));
    return converted;
  }

  static void addSign(const Directive &directive, bool negative,
                      Converted &converted) {
    if (negative)
      converted.sign = "-";
    else if (directive.plus)
      converted.sign = "+";
    else if (directive.space)
      converted.sign = " ";
  }

  static Result<Converted> convertInt(const Directive &directive,
                                      const Value &argument) {
    std::string letter(1, static_cast<char>(directive.conversion));
    bool decimal = letter == "d" || letter == "i" || letter == "u";
    Value number = argument;
    if (decimal && argument.isUndefined())
      return argument.asUndefined().error();
    if (decimal && argument.isFloat()) {
      SWALLOW_ASSIGN(number, truncate(argument.asNumber()));
    }
    if (!number.isIntegral())
      return typeError("%" + letter +
                       (decimal ? " format: a real number is required, not "
                                : " format: an integer is required, not ") +
                       std::string(argument.typeName()));
    int64_t value = number.asInt();
    auto bits = static_cast<uint64_t>(value);
    int base = decimal ? 10 : letter == "o" ? 8 : 16;
    std::array<char, 32> buffer;
    auto [end, error] =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                      value < 0 ? -bits : bits, base);
    Converted converted;
    converted.number = true;
    converted.body.assign(buffer.data(), end);
    auto digits = static_cast<int64_t>(converted.body.size());
    if (directive.precision > digits)
      converted.body.insert(
          0, static_cast<size_t>(directive.precision - digits), '0');
    addSign(directive, value < 0, converted);
    if (directive.alternate && !decimal)
      converted.sign += letter == "o" ? "0o" : "0x";
    if (letter == "X")
      for (std::string *part : {&converted.sign, &converted.body})
        std::ranges::transform(*part, part->begin(), [](char c) {
          return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        });
    return converted;
  }

  Result<Converted> convertFloat(const Directive &directive,
                                 const Value &argument) {
    if (argument.isUndefined())
      return argument.asUndefined().error();
    if (!argument.isNumber())
      return typeError("must be real number, not " +
                       std::string(argument.typeName()));
    double value = argument.asNumber();
    int64_t precision = directive.precision < 0 ? 6 : directive.precision;
    Converted converted;
    converted.number = true;
    converted.body =
        floatText(value, static_cast<char>(directive.conversion),
                  static_cast<int>(std::min<int64_t>(precision, INT32_MAX / 2)),
                  directive.alternate);
    addSign(directive, std::signbit(value) && !std::isnan(value), converted);
    return converted;
  }

  void append(const Directive &directive, const Converted &converted) {
    auto size = static_cast<int64_t>(converted.sign.size() +
                                     countCharacters(converted.body));
    auto missing =
        static_cast<size_t>(std::max<int64_t>(directive.width - size, 0));
    bool zeros = directive.zero && converted.number && !directive.left;
    if (!directive.left && !zeros)
      out_.append(missing, ' ');
    out_ += converted.sign;
    if (zeros)
      out_.append(missing, '0');
    out_ += converted.body;
    if (directive.left)
      out_.append(missing, ' ');
  }

  std::string_view text_;
  bool safe_;
  const Value &values_;
  Environment &env_;
  std::string out_;
  size_t at_ = 0;
  size_t used_ = 0;
  bool keyed_ = false; // some directive had a key
};

} // namespace

Result<Value> percentFormat(const Value &format, const Value &values,
                            Environment &env) {
  PercentFormatter formatter(format, values, env);
  SWALLOW_ASSIGN(std::string text, formatter.run());
  return likeSelf(format, std::move(text), env);
}

} // namespace swallow::jinja
