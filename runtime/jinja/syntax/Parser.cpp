//===- Parser.cpp ---------------------------------------------------------===//

#include "runtime/jinja/syntax/Parser.h"

#include "runtime/jinja/syntax/ExpressionParser.h"
#include "runtime/jinja/syntax/TokenStream.h"

#include <algorithm>
#include <initializer_list>

namespace swallow::jinja {

using ast::ExprKind;
using ast::ExprPtr;
using ast::StmtKind;
using ast::StmtPtr;

namespace {

class Parser {
public:
  explicit Parser(std::vector<Token> tokens)
      : stream_(std::move(tokens)), expressions_(stream_) {}

  Result<std::vector<StmtPtr>> run() { return parseUntil({}); }

private:
  using Names = std::initializer_list<std::string_view>;
  using Body = std::vector<StmtPtr>;

  /// Statements up to a tag with one of these names, which stays current; up to
  /// the end of the template where there are none.
  Result<Body> parseUntil(Names ends);
  /// The rest of the opening tag, and what parseUntil reads.
  Result<Body> parseBody(Names ends);
  /// parseBody and the name of the closing tag.
  Result<Body> parseWholeBody(std::string_view end);

  Result<StmtPtr> parseStatement();
  Result<StmtPtr> parseTag(const Token &tag);
  Result<StmtPtr> parseFor(StmtPtr stmt);
  Result<StmtPtr> parseIf(StmtPtr stmt);
  Result<StmtPtr> parseSet(StmtPtr stmt);
  Result<StmtPtr> parseMacro(StmtPtr stmt);
  Result<StmtPtr> parseCallBlock(StmtPtr stmt);
  Result<StmtPtr> parseFilterBlock(StmtPtr stmt);
  Result<StmtPtr> parseWith(StmtPtr stmt);
  Result<StmtPtr> parseAutoescape(StmtPtr stmt);
  Result<StmtPtr> parseBlock(StmtPtr stmt);
  Result<StmtPtr> parseGeneration(StmtPtr stmt);
  Result<StmtPtr> parsePrint(StmtPtr stmt);
  Status parseSignature(ast::Stmt &stmt);

  Result<StmtPtr> finish(StmtPtr stmt) const {
    if (!ast::seal(*stmt))
      return syntaxError(stmt->position, "nested more than " +
                                             std::to_string(ast::maxTreeDepth) +
                                             " levels deep");
    return stmt;
  }
  Error unknownTag(const Token &tag) const;
  std::string expectedTags() const;

  TokenStream stream_;
  ExpressionParser expressions_;
  std::vector<std::string> openTags_;
  std::vector<std::vector<std::string_view>> ends_; // of parseUntil's callers
};

StmtPtr make(StmtKind kind, ast::Position position) {
  auto stmt = std::make_unique<ast::Stmt>();
  stmt->kind = kind;
  stmt->position = position;
  return stmt;
}

// " Looking for 'endif' or 'else'; the innermost open tag is 'if'."
std::string Parser::expectedTags() const {
  std::string text;
  if (!ends_.empty()) {
    text += " Looking for ";
    for (size_t i = 0; i < ends_.back().size(); ++i)
      text += (i ? " or '" : "'") + std::string(ends_.back()[i]) + "'";
    if (!openTags_.empty())
      text += "; the innermost open tag is '" + openTags_.back() + "'";
    text += ".";
  }
  return text;
}

Error Parser::unknownTag(const Token &tag) const {
  for (const auto &ends : ends_)
    if (std::find(ends.begin(), ends.end(), tag.text) != ends.end())
      return syntaxError(tag.position, "'" + tag.text +
                                           "' does not belong here: the tags "
                                           "are nested wrongly." +
                                           expectedTags());
  return syntaxError(tag.position, "Encountered unknown tag '" + tag.text +
                                       "'." + expectedTags());
}

Result<Parser::Body> Parser::parseUntil(Names ends) {
  Body body;
  StmtPtr output;
  auto print = [&](ExprPtr expr) {
    if (!output)
      output = make(StmtKind::Output, expr->position);
    output->expressions.push_back(std::move(expr));
  };
  auto flush = [&]() -> Status {
    if (output) {
      SWALLOW_ASSIGN(StmtPtr stmt, finish(std::move(output)));
      body.push_back(std::move(stmt));
    }
    return {};
  };
  while (!stream_.is(TokenKind::End)) {
    const Token &token = stream_.next();
    if (token.kind == TokenKind::Data) {
      auto data = std::make_unique<ast::Expr>();
      data->kind = ExprKind::Data;
      data->position = token.position;
      data->text = token.text;
      print(std::move(data));
    } else if (token.kind == TokenKind::VariableBegin) {
      SWALLOW_ASSIGN(ExprPtr expr, expressions_.parseTuple());
      print(std::move(expr));
      SWALLOW_TRY(stream_.expect(TokenKind::VariableEnd));
    } else {
      SWALLOW_TRY(flush());
      if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) {
            return stream_.isName(end);
          }))
        return body;
      SWALLOW_ASSIGN(StmtPtr stmt, parseStatement());
      body.push_back(std::move(stmt));
      SWALLOW_TRY(stream_.expect(TokenKind::BlockEnd));
    }
  }
  SWALLOW_TRY(flush());
  if (ends.size() != 0)
    return stream_.fail("Unexpected end of template." + expectedTags());
  return body;
}

Result<Parser::Body> Parser::parseBody(Names ends) {
  stream_.skip(TokenKind::Colon); // as in Python
  SWALLOW_TRY(stream_.expect(TokenKind::BlockEnd));
  ends_.emplace_back(ends);
  auto body = parseUntil(ends);
  ends_.pop_back();
  return body;
}

Result<Parser::Body> Parser::parseWholeBody(std::string_view end) {
  SWALLOW_ASSIGN(Body body, parseBody({end}));
  stream_.next();
  return body;
}

Result<StmtPtr> Parser::parseStatement() {
  TokenStream::Level level(stream_);
  if (level.tooDeep())
    return stream_.failTooDeep();
  if (!stream_.is(TokenKind::Name))
    return stream_.fail("tag name expected");
  const Token &tag = stream_.next();
  openTags_.push_back(tag.text);
  SWALLOW_ASSIGN(StmtPtr stmt, parseTag(tag));
  openTags_.pop_back();
  return finish(std::move(stmt));
}

Result<StmtPtr> Parser::parseTag(const Token &tag) {
  struct Statement {
    std::string_view name;
    StmtKind kind;
    Result<StmtPtr> (Parser::*parse)(StmtPtr);
  };
  static constexpr Statement statements[] = {
      {"for", StmtKind::For, &Parser::parseFor},
      {"if", StmtKind::If, &Parser::parseIf},
      {"set", StmtKind::Set, &Parser::parseSet},
      {"macro", StmtKind::Macro, &Parser::parseMacro},
      {"call", StmtKind::CallBlock, &Parser::parseCallBlock},
      {"filter", StmtKind::FilterBlock, &Parser::parseFilterBlock},
      {"with", StmtKind::With, &Parser::parseWith},
      {"autoescape", StmtKind::Autoescape, &Parser::parseAutoescape},
      {"block", StmtKind::Block, &Parser::parseBlock},
      {"generation", StmtKind::Generation, &Parser::parseGeneration},
      {"print", StmtKind::Output, &Parser::parsePrint},
  };
  for (const Statement &statement : statements)
    if (tag.text == statement.name)
      return (this->*statement.parse)(make(statement.kind, tag.position));
  if (tag.text == "break")
    return make(StmtKind::Break, tag.position);
  if (tag.text == "continue")
    return make(StmtKind::Continue, tag.position);
  for (std::string_view name : {"include", "import", "from", "extends"})
    if (tag.text == name)
      return syntaxError(
          tag.position,
          "'" + tag.text + "' is not supported: a chat template stands alone");
  openTags_.pop_back();
  Error error = unknownTag(tag);
  openTags_.push_back(tag.text);
  return error;
}

Result<StmtPtr> Parser::parseFor(StmtPtr stmt) {
  ExpressionParser::TupleOptions target;
  // A name is not looked at: after a comma "in" is one more target, and so is
  // "recursive" below, as in jinja2.
  SWALLOW_ASSIGN(stmt->target, expressions_.parseTarget(target));
  SWALLOW_TRY(stream_.expectName("in"));
  ExpressionParser::TupleOptions iterable;
  iterable.withCondition = false;
  SWALLOW_ASSIGN(stmt->value, expressions_.parseTuple(iterable));
  if (stream_.skipName("if")) {
    SWALLOW_ASSIGN(stmt->test, expressions_.parseExpression());
  }
  stmt->recursive = stream_.skipName("recursive");
  SWALLOW_ASSIGN(stmt->body, parseBody({"endfor", "else"}));
  if (stream_.next().text == "else") {
    SWALLOW_ASSIGN(stmt->elseBody, parseWholeBody("endfor"));
  }
  return stmt;
}

Result<StmtPtr> Parser::parseIf(StmtPtr stmt) {
  ExpressionParser::TupleOptions test;
  test.withCondition = false;
  SWALLOW_ASSIGN(stmt->value, expressions_.parseTuple(test));
  SWALLOW_ASSIGN(stmt->body, parseBody({"elif", "else", "endif"}));
  while (stream_.isName("elif")) {
    StmtPtr branch = make(StmtKind::If, stream_.next().position);
    SWALLOW_ASSIGN(branch->value, expressions_.parseTuple(test));
    SWALLOW_ASSIGN(branch->body, parseBody({"elif", "else", "endif"}));
    SWALLOW_ASSIGN(branch, finish(std::move(branch)));
    stmt->branches.push_back(std::move(branch));
  }
  if (stream_.next().text == "else") {
    SWALLOW_ASSIGN(stmt->elseBody, parseWholeBody("endif"));
  }
  return stmt;
}

Result<StmtPtr> Parser::parseSet(StmtPtr stmt) {
  ExpressionParser::TupleOptions target;
  target.withNamespace = true;
  SWALLOW_ASSIGN(stmt->target, expressions_.parseTarget(target));
  if (stream_.skip(TokenKind::Assign)) {
    SWALLOW_ASSIGN(stmt->value, expressions_.parseTuple());
    return stmt;
  }
  stmt->kind = StmtKind::SetBlock;
  SWALLOW_ASSIGN(stmt->value, expressions_.parseFilter(nullptr, false));
  SWALLOW_ASSIGN(stmt->body, parseWholeBody("endset"));
  return stmt;
}

Status Parser::parseSignature(ast::Stmt &stmt) {
  SWALLOW_TRY(stream_.expect(TokenKind::LeftParen));
  while (!stream_.is(TokenKind::RightParen)) {
    if (!stmt.parameters.empty())
      SWALLOW_TRY(stream_.expect(TokenKind::Comma));
    ast::Position position = stream_.current().position;
    SWALLOW_ASSIGN(ExprPtr name, expressions_.parseNameTarget());
    if (std::find(stmt.parameters.begin(), stmt.parameters.end(), name->text) !=
        stmt.parameters.end())
      return syntaxError(position, "duplicate parameter '" + name->text + "'");
    if (stream_.skip(TokenKind::Assign)) {
      SWALLOW_ASSIGN(ExprPtr value, expressions_.parseExpression());
      stmt.expressions.push_back(std::move(value));
    } else if (!stmt.expressions.empty()) {
      return syntaxError(position,
                         "non-default argument follows default argument");
    }
    stmt.parameters.push_back(std::move(name->text));
    if (stmt.parameters.size() > ast::maxParameters)
      return syntaxError(position, "more than " +
                                       std::to_string(ast::maxParameters) +
                                       " parameters");
  }
  return stream_.expect(TokenKind::RightParen);
}

Result<StmtPtr> Parser::parseMacro(StmtPtr stmt) {
  SWALLOW_ASSIGN(ExprPtr name, expressions_.parseNameTarget());
  stmt->name = std::move(name->text);
  SWALLOW_TRY(parseSignature(*stmt));
  SWALLOW_ASSIGN(stmt->body, parseWholeBody("endmacro"));
  return stmt;
}

Result<StmtPtr> Parser::parseCallBlock(StmtPtr stmt) {
  if (stream_.is(TokenKind::LeftParen))
    SWALLOW_TRY(parseSignature(*stmt));
  SWALLOW_ASSIGN(stmt->value, expressions_.parseExpression());
  if (stmt->value->kind != ExprKind::Call)
    return syntaxError(stmt->value->position, "expected call");
  SWALLOW_ASSIGN(stmt->body, parseWholeBody("endcall"));
  return stmt;
}

Result<StmtPtr> Parser::parseFilterBlock(StmtPtr stmt) {
  SWALLOW_ASSIGN(stmt->value, expressions_.parseFilter(nullptr, true));
  SWALLOW_ASSIGN(stmt->body, parseWholeBody("endfilter"));
  return stmt;
}

Result<StmtPtr> Parser::parseWith(StmtPtr stmt) {
  while (!stream_.is(TokenKind::BlockEnd)) {
    if (!stmt->targets.empty())
      SWALLOW_TRY(stream_.expect(TokenKind::Comma));
    SWALLOW_ASSIGN(ExprPtr target, expressions_.parseTarget({}));
    stmt->targets.push_back(std::move(target));
    SWALLOW_TRY(stream_.expect(TokenKind::Assign));
    SWALLOW_ASSIGN(ExprPtr value, expressions_.parseExpression());
    stmt->expressions.push_back(std::move(value));
  }
  SWALLOW_ASSIGN(stmt->body, parseWholeBody("endwith"));
  return stmt;
}

Result<StmtPtr> Parser::parseAutoescape(StmtPtr stmt) {
  SWALLOW_ASSIGN(stmt->value, expressions_.parseExpression());
  SWALLOW_ASSIGN(stmt->body, parseWholeBody("endautoescape"));
  return stmt;
}

Result<StmtPtr> Parser::parseBlock(StmtPtr stmt) {
  SWALLOW_ASSIGN(stmt->name, stream_.expectAnyName());
  stmt->scoped = stream_.skipName("scoped");
  stmt->required = stream_.skipName("required");
  if (stream_.is(TokenKind::Sub))
    return stream_.fail("block names may not contain hyphens, use an "
                        "underscore instead");
  SWALLOW_ASSIGN(stmt->body, parseWholeBody("endblock"));
  stream_.skipName(stmt->name);
  return stmt;
}

Result<StmtPtr> Parser::parseGeneration(StmtPtr stmt) {
  SWALLOW_ASSIGN(stmt->body, parseWholeBody("endgeneration"));
  return stmt;
}

Result<StmtPtr> Parser::parsePrint(StmtPtr stmt) {
  while (!stream_.is(TokenKind::BlockEnd)) {
    if (!stmt->expressions.empty())
      SWALLOW_TRY(stream_.expect(TokenKind::Comma));
    SWALLOW_ASSIGN(ExprPtr expr, expressions_.parseExpression());
    stmt->expressions.push_back(std::move(expr));
  }
  return stmt;
}

} // namespace

Result<std::unique_ptr<ast::Template>> parse(std::string_view source) {
  SWALLOW_ASSIGN(std::vector<Token> tokens, tokenize(source));
  SWALLOW_ASSIGN(std::vector<StmtPtr> body, Parser(std::move(tokens)).run());
  auto tree = std::make_unique<ast::Template>();
  tree->source = source;
  tree->body = std::move(body);
  return tree;
}

} // namespace swallow::jinja
