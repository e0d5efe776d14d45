//===- TokenStream.h - what parsers read from -------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_SYNTAX_TOKENSTREAM_H
#define SWALLOW_RUNTIME_JINJA_SYNTAX_TOKENSTREAM_H

#include "runtime/jinja/syntax/Lexer.h"

#include <string>
#include <string_view>
#include <vector>

namespace swallow::jinja {

/// A place in a template's tokens, and how deep the parser stands.
class TokenStream {
public:
  explicit TokenStream(std::vector<Token> tokens)
      : tokens_(std::move(tokens)) {}

  /// The last token is an End, which stays current for ever.
  const Token &current() const { return tokens_[at_]; }
  const Token &ahead() const {
    return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_];
  }
  const Token &next() {
    const Token &token = current();
    if (at_ + 1 < tokens_.size())
      ++at_;
    return token;
  }

  bool is(TokenKind kind) const { return current().kind == kind; }
  bool isName(std::string_view name) const {
    return is(TokenKind::Name) && current().text == name;
  }
  bool skip(TokenKind kind) {
    bool found = is(kind);
    if (found)
      next();
    return found;
  }
  bool skipName(std::string_view name) {
    bool found = isName(name);
    if (found)
      next();
    return found;
  }
  /// Moves over a token of this kind, or fails.
  Status expect(TokenKind kind) {
    return skip(kind) ? Status() : unexpected(describeTokenKind(kind));
  }
  Status expectName(std::string_view name) {
    return skipName(name) ? Status() : unexpected(name);
  }
  /// Moves over any name and gives it.
  Result<std::string> expectAnyName() {
    if (!is(TokenKind::Name))
      return unexpected(describeTokenKind(TokenKind::Name)).error();
    return next().text;
  }

  Status unexpected(std::string_view expected) const {
    if (is(TokenKind::End))
      return fail("unexpected end of template, expected '" +
                  std::string(expected) + "'");
    return fail("expected '" + std::string(expected) + "', got '" +
                describeToken(current()) + "'");
  }
  /// An error at the current token.
  Error fail(std::string_view message) const {
    return syntaxError(current().position, message);
  }

  /// While one of these lives, the parser is a level deeper.
  class Level {
  public:
    explicit Level(TokenStream &stream) : stream_(stream) { ++stream.depth_; }
    ~Level() { --stream_.depth_; }
    Level(const Level &) = delete;
    Level &operator=(const Level &) = delete;
    bool tooDeep() const { return stream_.depth_ > ast::maxTreeDepth; }

  private:
    TokenStream &stream_;
  };
  Error failTooDeep() const {
    return fail("nested more than " + std::to_string(ast::maxTreeDepth) +
                " levels deep");
  }

private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
  uint32_t depth_ = 0;
};

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_SYNTAX_TOKENSTREAM_H
