//===- Lexer.cpp - PTX text into tokens -----------------------------------===//

#include "test/cuda-emulator/ptx/Lexer.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>

namespace swallow::emulator::ptx {

Error errorAt(std::string_view text, int line, const std::string &message) {
  size_t begin = 0;
  for (int i = 1; i < line && begin != std::string_view::npos; ++i) {
    begin = text.find('\n', begin);
    if (begin != std::string_view::npos)
      ++begin;
  }
  std::string_view found;
  if (begin != std::string_view::npos)
    found = text.substr(begin, text.find('\n', begin) - begin);
  while (!found.empty() && std::isspace(static_cast<uint8_t>(found.front())))
    found.remove_prefix(1);
  while (!found.empty() && std::isspace(static_cast<uint8_t>(found.back())))
    found.remove_suffix(1);
  return {ErrorCode::InvalidArgument, "line " + std::to_string(line) + ": " +
                                          message + ": " + std::string(found)};
}

namespace {

bool isWord(char c) {
  return std::isalnum(static_cast<uint8_t>(c)) || c == '_' || c == '$' ||
         c == '%';
}

class Lexer {
public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> run() {
    while (true) {
      SWALLOW_TRY(skipBlank());
      if (at_ >= text_.size() || text_[at_] == '\0')
        break;
      SWALLOW_TRY(token());
    }
    tokens_.push_back({Token::Kind::End, line_, ""});
    return std::move(tokens_);
  }

private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  Status skipBlank() {
    while (at_ < text_.size()) {
      if (text_[at_] == '\n') {
        ++line_;
        ++at_;
      } else if (std::isspace(static_cast<uint8_t>(text_[at_]))) {
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos)
          return errorAt(text_, line_, "a comment without its end");
        for (; at_ < end + 2; ++at_)
          line_ += text_[at_] == '\n';
      } else {
        break;
      }
    }
    return {};
  }

  void push(Token::Kind kind, size_t begin, size_t end) {
    tokens_.push_back({kind, line_, text_.substr(begin, end - begin)});
    at_ = end;
  }

  Status token() {
    size_t begin = at_;
    char c = peek();
    if (c == '.' && isWord(peek(1)) &&
        (!std::isdigit(static_cast<uint8_t>(peek(1))) || !tokens_.empty())) {
      size_t end = at_ + 1;
      while (end < text_.size() &&
             (isWord(text_[end]) || text_.substr(end, 2) == "::"))
        end += isWord(text_[end]) ? 1 : 2;
      push(Token::Kind::Dotted, begin + 1, end);
      return {};
    }
    if (std::isdigit(static_cast<uint8_t>(c)))
      return number();
    if (isWord(c)) {
      size_t end = at_;
      while (end < text_.size() && isWord(text_[end]))
        ++end;
      push(Token::Kind::Name, begin, end);
      return {};
    }
    if (c == '"') {
      size_t end = text_.find('"', at_ + 1);
      if (end == std::string_view::npos)
        return errorAt(text_, line_, "a string without its end");
      push(Token::Kind::String, begin + 1, end);
      at_ = end + 1;
      return {};
    }
    if (std::string_view("{}()[]<>,;:@!|+-*/=&^~?").find(c) ==
        std::string_view::npos)
      return errorAt(text_, line_, std::string("character '") + c + "'");
    push(Token::Kind::Punctuation, begin, begin + 1);
    return {};
  }

  Status number() {
    size_t begin = at_, end = at_;
    while (end < text_.size() && std::isalnum(static_cast<uint8_t>(text_[end])))
      ++end;
    std::string_view word = text_.substr(begin, end - begin);
    char kind = word.size() > 1 && word[0] == '0'
                    ? static_cast<char>(std::tolower(word[1]))
                    : '\0';
    auto parse = [&](std::string_view digits, int base, uint64_t &value) {
      auto [last, error] = std::from_chars(
          digits.data(), digits.data() + digits.size(), value, base);
      return error == std::errc() && last == digits.data() + digits.size();
    };
    uint64_t value = 0;
    if (kind == 'f' || kind == 'd') {
      size_t digits = kind == 'f' ? 8 : 16;
      if (word.size() != digits + 2 || !parse(word.substr(2), 16, value))
        return errorAt(text_, line_,
                       "a float constant needs " + std::to_string(digits) +
                           " hex digits");
      push(Token::Kind::Float, begin, end);
      tokens_.back().bits = value;
      tokens_.back().isSingle = kind == 'f';
      return {};
    }
    bool isDecimal = kind != 'x' && kind != 'b';
    bool hasPoint = end < text_.size() && text_[end] == '.' && isDecimal &&
                    end + 1 < text_.size() &&
                    std::isdigit(static_cast<uint8_t>(text_[end + 1]));
    if (hasPoint || (isDecimal && word.find_first_of("eE") != word.npos)) {
      double real = 0;
      auto [last, error] = std::from_chars(text_.data() + begin,
                                           text_.data() + text_.size(), real);
      if (error != std::errc())
        return errorAt(text_, line_, "a number that cannot be read");
      push(Token::Kind::Float, begin, last - text_.data());
      tokens_.back().bits = std::bit_cast<uint64_t>(real);
      return {};
    }
    if (word.back() == 'U')
      word.remove_suffix(1);
    bool good = kind == 'x'   ? parse(word.substr(2), 16, value)
                : kind == 'b' ? parse(word.substr(2), 2, value)
                : word.size() > 1 && word[0] == '0'
                    ? parse(word.substr(1), 8, value)
                    : parse(word, 10, value);
    if (!good)
      return errorAt(text_, line_, "a number that cannot be read");
    push(Token::Kind::Integer, begin, end);
    tokens_.back().bits = value;
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

} // namespace

Result<std::vector<Token>> lex(std::string_view text) {
  return Lexer(text).run();
}

} // namespace swallow::emulator::ptx
