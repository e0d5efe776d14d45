//===- Json.cpp -----------------------------------------------------------===//

#include "runtime/jinja/value/Json.h"

#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Objects.h"
#include "runtime/text/Utf8.h"

#include <charconv>
#include <limits>

namespace swallow::jinja {

namespace {

class Reader {
public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<Value> run() {
    SWALLOW_ASSIGN(Value value, readValue(0));
    skipSpace();
    if (at_ != text_.size())
      return fail("nothing more");
    return value;
  }

private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' ||
                                  text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word))
      return false;
    at_ += word.size();
    return true;
  }

  Error fail(std::string_view expected) const {
    return {ErrorCode::MalformedFile, "JSON, byte " + std::to_string(at_) +
                                          ": expected " +
                                          std::string(expected)};
  }

  Result<Value> readValue(unsigned depth) {
    if (depth >= maxValueDepth)
      return fail("at most " + std::to_string(maxValueDepth) +
                  " levels of nesting");
    skipSpace();
    switch (peek()) {
    case '{':
      return readObject(depth);
    case '[':
      return readArray(depth);
    case '"': {
      SWALLOW_ASSIGN(std::string text, readString());
      return Value::string(std::move(text), nullptr);
    }
    default:
      return readWord();
    }
  }

  Result<Value> readWord() {
    if (take("null"))
      return Value::none();
    if (take("true"))
      return Value::boolean(true);
    if (take("false"))
      return Value::boolean(false);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (take("NaN"))
      return Value::number(std::numeric_limits<double>::quiet_NaN());
    if (take("Infinity"))
      return Value::number(infinity);
    if (take("-Infinity"))
      return Value::number(-infinity);
    return readNumber();
  }

  size_t digitsFrom(size_t i) const {
    size_t end = i;
    while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9')
      ++end;
    return end - i;
  }

  Result<Value> readNumber() {
    size_t start = at_;
    size_t end = start + (peek() == '-');
    size_t whole = digitsFrom(end);
    if (whole == 0)
      return fail("a value");
    // After a leading 0 the number is over.
    end += text_[end] == '0' ? 1 : whole;
    bool isFloat = false;
    if (end < text_.size() && text_[end] == '.') {
      if (size_t fraction = digitsFrom(end + 1)) {
        end += 1 + fraction;
        isFloat = true;
      }
    }
    if (end < text_.size() && (text_[end] | 0x20) == 'e') {
      size_t digits = end + 1;
      if (digits < text_.size() &&
          (text_[digits] == '+' || text_[digits] == '-'))
        ++digits;
      if (size_t exponent = digitsFrom(digits)) {
        end = digits + exponent;
        isFloat = true;
      }
    }
    const char *first = text_.data() + start;
    const char *last = text_.data() + end;
    if (!isFloat) {
      int64_t value = 0;
      if (std::from_chars(first, last, value).ec != std::errc())
        return fail("an integer of at most 64 bits");
      at_ = end;
      return Value::integer(value);
    }
    at_ = end;
    return Value::number(readFloat(first, last));
  }

  static double readFloat(const char *first, const char *last) {
    double value = 0;
    if (std::from_chars(first, last, value).ec !=
        std::errc::result_out_of_range)
      return value;
    return floatOutOfRange({first, last});
  }

  Result<Value> readArray(unsigned depth) {
    ++at_;
    std::vector<Value> items;
    skipSpace();
    if (peek() == ']') {
      ++at_;
      return Value::list(std::move(items), nullptr);
    }
    while (true) {
      SWALLOW_ASSIGN(Value item, readValue(depth + 1));
      items.push_back(std::move(item));
      skipSpace();
      char c = peek();
      if (c != ',' && c != ']')
        return fail("',' or ']'");
      ++at_;
      if (c == ']')
        return Value::list(std::move(items), nullptr);
    }
  }

  Result<Value> readObject(unsigned depth) {
    ++at_;
    auto dict = makeRef<DictObject>(nullptr);
    skipSpace();
    if (peek() == '}') {
      ++at_;
      return Value::dict(dict);
    }
    while (true) {
      skipSpace();
      if (peek() != '"')
        return fail("a key in quotes");
      SWALLOW_ASSIGN(std::string key, readString());
      skipSpace();
      if (peek() != ':')
        return fail("':'");
      ++at_;
      SWALLOW_ASSIGN(Value value, readValue(depth + 1));
      dict->set(key, std::move(value));
      skipSpace();
      char c = peek();
      if (c != ',' && c != '}')
        return fail("',' or '}'");
      ++at_;
      if (c == '}')
        return Value::dict(dict);
    }
  }

  Result<std::string> readString() {
    ++at_;
    std::string text;
    while (true) {
      size_t end = at_;
      while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' &&
             static_cast<unsigned char>(text_[end]) >= 0x20)
        ++end;
      std::string_view plain = text_.substr(at_, end - at_);
      if (!isValidUtf8(plain))
        return fail("text in UTF-8");
      text += plain;
      at_ = end;
      if (peek() == '"' && at_ < text_.size()) {
        ++at_;
        return text;
      }
      if (peek() != '\\')
        return fail("a closing quote");
      ++at_;
      SWALLOW_TRY(readEscape(text));
    }
  }

  Status readEscape(std::string &text) {
    constexpr std::string_view letters = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    char c = peek();
    size_t letter = at_ < text_.size() ? letters.find(c) : letters.npos;
    if (letter != letters.npos) {
      text += meanings[letter];
      ++at_;
      return {};
    }
    if (c != 'u')
      return fail("an escape sequence of JSON");
    SWALLOW_ASSIGN(char32_t unit, readUnit());
    if (unit >= 0xDC00 && unit < 0xE000)
      return fail("a high surrogate first");
    if (unit >= 0xD800 && unit < 0xDC00) {
      if (!take("\\"))
        return fail("a low surrogate");
      SWALLOW_ASSIGN(char32_t low, readUnit());
      if (low < 0xDC00 || low >= 0xE000)
        return fail("a low surrogate");
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    appendUtf8(text, unit);
    return {};
  }

  /// uXXXX.
  Result<char32_t> readUnit() {
    uint32_t unit = 0;
    std::string_view digits = text_.substr(std::min(at_ + 1, text_.size()));
    digits = digits.substr(0, 4);
    auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), unit, 16);
    if (peek() != 'u' || digits.size() < 4 || error != std::errc() ||
        end != digits.data() + 4)
      return fail("four hexadecimal digits");
    at_ += 5;
    return static_cast<char32_t>(unit);
  }

  std::string_view text_;
  size_t at_ = 0;
};

} // namespace

Result<Value> parseJson(std::string_view json) { return Reader(json).run(); }

} // namespace swallow::jinja
