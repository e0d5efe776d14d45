//===- ExpressionParser.h - expressions -------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_SYNTAX_EXPRESSIONPARSER_H
#define SWALLOW_RUNTIME_JINJA_SYNTAX_EXPRESSIONPARSER_H

#include "runtime/jinja/syntax/Ast.h"
#include "runtime/jinja/syntax/TokenStream.h"

#include <string_view>

namespace swallow::jinja {

/// One method for each of jinja2's levels of precedence, the loosest first.
class ExpressionParser {
public:
  explicit ExpressionParser(TokenStream &stream) : stream_(stream) {}

  struct TupleOptions {
    bool simplified = false;    // names and literals only
    bool withCondition = true;  // `a if b else c` may stand alone
    bool inParentheses = false; // it may be empty
    bool withNamespace = false; // namespace attributes, too
  };
  /// One expression, or a tuple where there are commas.
  Result<ast::ExprPtr> parseTuple(const TupleOptions &options);
  Result<ast::ExprPtr> parseTuple() { return parseTuple(TupleOptions()); }
  Result<ast::ExprPtr> parseExpression(bool withCondition = true);
  /// `name(...)|name ...` of set and filter blocks: null where there is none.
  /// The first bar is left out where `startInline`.
  Result<ast::ExprPtr> parseFilter(ast::ExprPtr operand, bool startInline);

  /// What can be assigned to: a name, a tuple of targets and, where asked for,
  /// a namespace's attribute.
  Result<ast::ExprPtr> parseTarget(const TupleOptions &options);
  Result<ast::ExprPtr> parseNameTarget();

private:
  Result<ast::ExprPtr> parseCondition();
  Result<ast::ExprPtr> parseOr();
  Result<ast::ExprPtr> parseAnd();
  Result<ast::ExprPtr> parseNot();
  Result<ast::ExprPtr> parseCompare();
  Result<ast::ExprPtr> parseSum();
  Result<ast::ExprPtr> parseConcat();
  Result<ast::ExprPtr> parseProduct();
  Result<ast::ExprPtr> parsePower();
  Result<ast::ExprPtr> parseUnary(bool withFilter = true);
  Result<ast::ExprPtr> parsePrimary(bool withNamespace = false);
  Result<ast::ExprPtr> parseName(bool withNamespace);
  Result<ast::ExprPtr> parseStrings();
  Result<ast::ExprPtr> parseList();
  Result<ast::ExprPtr> parseDict();
  Result<ast::ExprPtr> parsePostfix(ast::ExprPtr operand);
  Result<ast::ExprPtr> parseFiltersAndTests(ast::ExprPtr operand);
  Result<ast::ExprPtr> parseAttribute(ast::ExprPtr object);
  Result<ast::ExprPtr> parseItem(ast::ExprPtr object);
  Result<ast::ExprPtr> parseSubscript();
  Result<ast::ExprPtr> parseCall(ast::ExprPtr callee);
  Result<ast::ExprPtr> parseTest(ast::ExprPtr operand);
  Status parseArguments(ast::Expr &call);
  Status parseArgument(ast::Expr &call, ast::Position open);
  Result<std::string> parseDottedName();

  static ast::ExprPtr make(ast::ExprKind kind, ast::Position position);
  /// true, None and the like, which are no names.
  static bool isReserved(std::string_view name);
  Result<ast::ExprPtr> finish(ast::ExprPtr expr) const;
  Result<ast::ExprPtr> finishUnary(ast::ExprKind kind, ast::Position position,
                                   ast::ExprPtr operand) const;
  Result<ast::ExprPtr> finishBinary(BinaryOp op, ast::Position position,
                                    ast::ExprPtr left,
                                    ast::ExprPtr right) const;
  Status checkTarget(const ast::Expr &target) const;

  TokenStream &stream_;
};

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_SYNTAX_EXPRESSIONPARSER_H
