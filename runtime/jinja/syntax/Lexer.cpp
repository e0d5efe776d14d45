//===- Lexer.cpp ----------------------------------------------------------===//

#include "runtime/jinja/syntax/Lexer.h"

#include "runtime/jinja/syntax/Characters.h"
#include "runtime/jinja/syntax/StringLiteral.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace swallow::jinja {

namespace {

struct Operator {
  std::string_view text;
  TokenKind kind;
};

// Longer ones first.
constexpr Operator operators[] = {
    {"//", TokenKind::FloorDiv},     {"**", TokenKind::Pow},
    {"==", TokenKind::Equal},        {"!=", TokenKind::NotEqual},
    {">=", TokenKind::GreaterEqual}, {"<=", TokenKind::LessEqual},
    {"+", TokenKind::Add},           {"-", TokenKind::Sub},
    {"/", TokenKind::Div},           {"*", TokenKind::Mul},
    {"%", TokenKind::Mod},           {"~", TokenKind::Tilde},
    {"[", TokenKind::LeftBracket},   {"]", TokenKind::RightBracket},
    {"(", TokenKind::LeftParen},     {")", TokenKind::RightParen},
    {"{", TokenKind::LeftBrace},     {"}", TokenKind::RightBrace},
    {">", TokenKind::Greater},       {"<", TokenKind::Less},
    {"=", TokenKind::Assign},        {".", TokenKind::Dot},
    {":", TokenKind::Colon},         {"|", TokenKind::Pipe},
    {",", TokenKind::Comma},         {";", TokenKind::Semicolon},
};

bool isDigit(char c) { return c >= '0' && c <= '9'; }

// Newlines become \n, and the last one goes (keep_trailing_newline is off).
std::string normalizeNewlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
      continue;
    }
    text += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n')
      ++i;
  }
  if (text.ends_with('\n'))
    text.pop_back();
  return text;
}

class Lexer {
public:
  explicit Lexer(std::string_view source)
      : source_(normalizeNewlines(source)) {}
  Result<std::vector<Token>> run();

private:
  enum class State { Text, Block, Variable };

  std::string_view rest() const {
    return std::string_view(source_).substr(at_);
  }
  char peek(size_t offset) const {
    return at_ + offset < source_.size() ? source_[at_ + offset] : '\0';
  }
  bool looksAt(std::string_view text) const { return rest().starts_with(text); }
  ast::Position positionOf(size_t offset);
  Error fail(size_t offset, std::string_view message) {
    return syntaxError(positionOf(offset), message);
  }
  /// Where the last match ended says whether white space before the next tag
  /// starts a line.
  void moveTo(size_t end) {
    at_ = end;
    lineStarting_ = end > 0 && source_[end - 1] == '\n';
  }
  void add(TokenKind kind, size_t offset, std::string text = {});
  void addData(size_t begin, size_t end, char sign, bool mayStrip);

  void lexText();
  Status lexComment(size_t open);
  Status lexRaw(size_t open);
  std::optional<size_t> rawTagEnd(size_t open) const;
  std::optional<size_t> endrawTagEnd(size_t open) const;
  size_t trimmedEnd(size_t end) const;

  bool lexTagEnd();
  Status lexTag();
  Status lexName(size_t length);
  Status lexString();
  size_t digits(size_t offset, bool (*isWanted)(char)) const;
  size_t floatLength() const;
  size_t integerLength() const;
  void lexFloat(size_t length);
  Status lexInteger(size_t length);
  Status lexOperator();

  std::string source_;
  size_t at_ = 0;
  State state_ = State::Text;
  bool lineStarting_ = true;
  std::string closing_; // of the brackets that are open
  std::vector<Token> tokens_;

  // positionOf counts on from its last answer.
  size_t counted_ = 0;
  ast::Position position_;
  Status failure_;
};

ast::Position Lexer::positionOf(size_t offset) {
  for (; counted_ < offset; ++counted_) {
    char c = source_[counted_];
    if (c == '\n') {
      ++position_.line;
      position_.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++position_.column;
    }
  }
  return position_;
}

void Lexer::add(TokenKind kind, size_t offset, std::string text) {
  Token token;
  token.kind = kind;
  token.position = positionOf(offset);
  token.text = std::move(text);
  tokens_.push_back(std::move(token));
}

// Text before a tag, with what its sign and lstrip_blocks take from its end.
void Lexer::addData(size_t begin, size_t end, char sign, bool mayStrip) {
  std::string_view text = std::string_view(source_).substr(begin, end - begin);
  if (sign == '-') {
    text.remove_suffix(trailingSpace(text));
  } else if (sign != '+' && mayStrip) {
    size_t line = text.rfind('\n') + 1; // npos + 1 is 0
    if ((line > 0 || lineStarting_) &&
        leadingSpace(text.substr(line)) == text.size() - line)
      text = text.substr(0, line);
  }
  if (!text.empty())
    add(TokenKind::Data, begin, std::string(text));
}

// trim_blocks: one newline behind a tag goes with it.
size_t Lexer::trimmedEnd(size_t end) const {
  return end < source_.size() && source_[end] == '\n' ? end + 1 : end;
}

// {%[-+]? raw [-]%}, from `open`.
std::optional<size_t> Lexer::rawTagEnd(size_t open) const {
  std::string_view text = std::string_view(source_).substr(open + 2);
  if (text.starts_with('-') || text.starts_with('+'))
    text.remove_prefix(1);
  text.remove_prefix(leadingSpace(text));
  if (!text.starts_with("raw"))
    return std::nullopt;
  text.remove_prefix(3);
  text.remove_prefix(leadingSpace(text));
  if (text.starts_with("%}"))
    text.remove_prefix(2);
  else if (text.starts_with("-%}")) {
    text.remove_prefix(3);
    text.remove_prefix(leadingSpace(text));
  } else
    return std::nullopt;
  return source_.size() - text.size();
}

std::optional<size_t> Lexer::endrawTagEnd(size_t open) const {
  std::string_view text = std::string_view(source_).substr(open + 2);
  if (text.starts_with('-') || text.starts_with('+'))
    text.remove_prefix(1);
  text.remove_prefix(leadingSpace(text));
  if (!text.starts_with("endraw"))
    return std::nullopt;
  text.remove_prefix(6);
  text.remove_prefix(leadingSpace(text));
  if (text.starts_with("+%}"))
    return source_.size() - text.size() + 3;
  if (text.starts_with("-%}")) {
    text.remove_prefix(3);
    return source_.size() - text.size() + leadingSpace(text);
  }
  if (text.starts_with("%}"))
    return trimmedEnd(source_.size() - text.size() + 2);
  return std::nullopt;
}

void Lexer::lexText() {
  size_t begin = at_;
  size_t open = begin;
  while (true) {
    open = source_.find('{', open);
    if (open == std::string::npos || open + 1 >= source_.size()) {
      addData(begin, source_.size(), '+', false);
      moveTo(source_.size());
      return;
    }
    char next = source_[open + 1];
    if (next == '%' || next == '{' || next == '#')
      break;
    ++open;
  }
  char kind = source_[open + 1];
  char sign = open + 2 < source_.size() ? source_[open + 2] : '\0';
  bool hasSign = sign == '-' || sign == '+';
  addData(begin, open, sign, kind != '{');
  if (kind == '%') {
    if (std::optional<size_t> end = rawTagEnd(open)) {
      moveTo(*end);
      failure_ = lexRaw(open);
      return;
    }
  }
  moveTo(open + (hasSign ? 3 : 2));
  if (kind == '#') {
    failure_ = lexComment(open);
    return;
  }
  state_ = kind == '%' ? State::Block : State::Variable;
  add(kind == '%' ? TokenKind::BlockBegin : TokenKind::VariableBegin, open);
}

Status Lexer::lexComment(size_t open) {
  if (at_ == source_.size())
    return {}; // jinja2 looks for the end only where something follows
  size_t close = source_.find("#}", at_);
  if (close == std::string::npos)
    return fail(open, "Missing end of comment tag");
  char sign = close > at_ ? source_[close - 1] : '\0';
  size_t end = close + 2;
  if (sign == '-')
    end += leadingSpace(std::string_view(source_).substr(end));
  else if (sign != '+')
    end = trimmedEnd(end);
  moveTo(end);
  return {};
}

Status Lexer::lexRaw(size_t open) {
  if (at_ == source_.size())
    return {}; // as for comments
  size_t begin = at_;
  for (size_t close = source_.find("{%", begin); close != std::string::npos;
       close = source_.find("{%", close + 1)) {
    std::optional<size_t> end = endrawTagEnd(close);
    if (!end)
      continue;
    addData(begin, close, source_[close + 2], true);
    moveTo(*end);
    return {};
  }
  return fail(open, "Missing end of raw directive");
}

// The end of the tag, which is one only outside of brackets.
bool Lexer::lexTagEnd() {
  if (!closing_.empty())
    return false;
  size_t start = at_;
  bool block = state_ == State::Block;
  std::string_view close = block ? "%}" : "}}";
  size_t end = 0;
  if (looksAt(close))
    end = block ? trimmedEnd(at_ + 2) : at_ + 2;
  else if (peek(0) == '-' && rest().substr(1).starts_with(close))
    end = at_ + 3 + leadingSpace(rest().substr(3));
  else if (block && peek(0) == '+' && rest().substr(1).starts_with(close))
    end = at_ + 3;
  else
    return false;
  add(block ? TokenKind::BlockEnd : TokenKind::VariableEnd, start);
  moveTo(end);
  state_ = State::Text;
  return true;
}

// Digits with single underscores between them, from `offset`; 0 for none.
size_t Lexer::digits(size_t offset, bool (*isWanted)(char)) const {
  size_t length = 0;
  while (true) {
    if (isWanted(peek(offset + length)))
      ++length;
    else if (length > 0 && peek(offset + length) == '_' &&
             isWanted(peek(offset + length + 1)))
      length += 2;
    else
      return length;
  }
}

size_t Lexer::floatLength() const {
  if (at_ > 0 && source_[at_ - 1] == '.')
    return 0;
  size_t length = digits(0, isDigit);
  if (length == 0)
    return 0;
  size_t fraction = 0;
  if (peek(length) == '.')
    if (size_t count = digits(length + 1, isDigit))
      fraction = 1 + count;
  size_t exponent = 0;
  if (char e = peek(length + fraction); e == 'e' || e == 'E') {
    char sign = peek(length + fraction + 1);
    size_t skip = sign == '+' || sign == '-' ? 2 : 1;
    if (size_t count = digits(length + fraction + skip, isDigit))
      exponent = skip + count;
  }
  return fraction + exponent == 0 ? 0 : length + fraction + exponent;
}

size_t Lexer::integerLength() const {
  if (peek(0) == '0') {
    size_t length = 0;
    switch (peek(1)) {
    case 'b':
    case 'B':
      length = peek(2) == '_' ? 1 : 0;
      length += digits(2 + length, [](char c) { return c == '0' || c == '1'; });
      break;
    case 'o':
    case 'O':
      length = peek(2) == '_' ? 1 : 0;
      length += digits(2 + length, [](char c) { return c >= '0' && c <= '7'; });
      break;
    case 'x':
    case 'X':
      length = peek(2) == '_' ? 1 : 0;
      length += digits(2 + length, [](char c) {
        return isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      });
      break;
    default:
      break;
    }
    // The prefix alone is a zero and a name.
    if (length > 1 || (length == 1 && peek(2) != '_'))
      return 2 + length;
    return digits(0, [](char c) { return c == '0'; });
  }
  return digits(0, isDigit);
}

void Lexer::lexFloat(size_t length) {
  std::string literal(rest().substr(0, length));
  std::erase(literal, '_');
  Token token;
  token.kind = TokenKind::Float;
  token.position = positionOf(at_);
  auto [end, error] = std::from_chars(
      literal.data(), literal.data() + literal.size(), token.number);
  if (error == std::errc::result_out_of_range) {
    size_t e = literal.find_first_of("eE");
    bool tiny = e == std::string::npos ? literal.starts_with('0')
                                       : literal[e + 1] == '-';
    token.number = tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  tokens_.push_back(std::move(token));
  moveTo(at_ + length);
}

Status Lexer::lexInteger(size_t length) {
  std::string literal(rest().substr(0, length));
  std::erase(literal, '_');
  int base = 10;
  const char *begin = literal.data();
  if (length > 2 && (literal[1] | 0x20) >= 'a') {
    char letter = static_cast<char>(literal[1] | 0x20);
    base = letter == 'b' ? 2 : letter == 'o' ? 8 : 16;
    begin += 2;
  }
  Token token;
  token.kind = TokenKind::Integer;
  token.position = positionOf(at_);
  auto [end, error] = std::from_chars(begin, literal.data() + literal.size(),
                                      token.integer, base);
  if (error != std::errc())
    return fail(at_, "the integer " + literal + " does not fit into 64 bits");
  tokens_.push_back(std::move(token));
  moveTo(at_ + length);
  return {};
}

Status Lexer::lexName(size_t length) {
  std::string_view name = rest().substr(0, length);
  if (!isIdentifier(name))
    return fail(at_, "Invalid character in identifier");
  add(TokenKind::Name, at_, std::string(name));
  moveTo(at_ + length);
  return {};
}

Status Lexer::lexString() {
  char quote = peek(0);
  size_t end = at_ + 1;
  while (end < source_.size() && source_[end] != quote)
    end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size())
    return fail(at_, "a string that does not end");
  auto text = decodeStringLiteral(
      std::string_view(source_).substr(at_ + 1, end - at_ - 1));
  if (!text)
    return fail(at_, text.error().message);
  add(TokenKind::String, at_, std::move(*text));
  moveTo(end + 1);
  return {};
}

Status Lexer::lexOperator() {
  const auto *found =
      std::find_if(std::begin(operators), std::end(operators),
                   [&](const Operator &op) { return looksAt(op.text); });
  if (found == std::end(operators)) {
    std::string_view character = rest().substr(0, utf8Length(rest().front()));
    return fail(at_, "unexpected character '" + std::string(character) + "'");
  }
  char c = found->text[0];
  if (c == '{' || c == '(' || c == '[') {
    closing_ += c == '{' ? '}' : c == '(' ? ')' : ']';
  } else if (c == '}' || c == ')' || c == ']') {
    if (closing_.empty())
      return fail(at_, std::string("unexpected '") + c + "'");
    if (closing_.back() != c)
      return fail(at_, std::string("unexpected '") + c + "', expected '" +
                           closing_.back() + "'");
    closing_.pop_back();
  }
  add(found->kind, at_);
  moveTo(at_ + found->text.size());
  return {};
}

// One token inside of a tag.
Status Lexer::lexTag() {
  if (lexTagEnd())
    return {};
  if (size_t space = leadingSpace(rest())) {
    moveTo(at_ + space);
    return {};
  }
  if (size_t length = floatLength()) {
    lexFloat(length);
    return {};
  }
  if (size_t length = integerLength())
    return lexInteger(length);
  if (size_t length = leadingWord(rest()))
    return lexName(length);
  if (peek(0) == '"' || peek(0) == '\'')
    return lexString();
  return lexOperator();
}

Result<std::vector<Token>> Lexer::run() {
  while (at_ < source_.size()) {
    if (tokens_.size() >= maxTokens)
      return fail(at_, "the template has more than " +
                           std::to_string(maxTokens) + " tokens");
    if (state_ == State::Text) {
      lexText();
      SWALLOW_TRY(failure_);
    } else {
      SWALLOW_TRY(lexTag());
    }
  }
  add(TokenKind::End, source_.size());
  return std::move(tokens_);
}

} // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  if (!isValidUtf8(source))
    return syntaxError({}, "the template is not valid UTF-8");
  return Lexer(source).run();
}

} // namespace swallow::jinja
