//===- Ast.cpp ------------------------------------------------------------===//

#include "runtime/jinja/syntax/Ast.h"

#include <algorithm>

namespace swallow::jinja::ast {

std::string describe(Position position, std::string_view message) {
  return "template line " + std::to_string(position.line) + ", column " +
         std::to_string(position.column) + ": " + std::string(message);
}

namespace {

void deepen(uint32_t &depth, const ExprPtr &child) {
  if (child)
    depth = std::max(depth, child->depth + 1);
}

template <typename Nodes>
void deepenAll(uint32_t &depth, const Nodes &children) {
  for (const auto &child : children)
    depth = std::max(depth, child->depth + 1);
}

} // namespace

bool seal(Expr &expr) {
  expr.depth = 1;
  deepenAll(expr.depth, expr.operands);
  deepenAll(expr.depth, expr.positional);
  for (const Keyword &keyword : expr.keywords)
    deepen(expr.depth, keyword.value);
  deepen(expr.depth, expr.star);
  deepen(expr.depth, expr.doubleStar);
  return expr.depth <= maxTreeDepth;
}

bool seal(Stmt &stmt) {
  stmt.depth = 1;
  deepenAll(stmt.depth, stmt.expressions);
  deepenAll(stmt.depth, stmt.targets);
  deepen(stmt.depth, stmt.target);
  deepen(stmt.depth, stmt.value);
  deepen(stmt.depth, stmt.test);
  deepenAll(stmt.depth, stmt.body);
  deepenAll(stmt.depth, stmt.branches);
  deepenAll(stmt.depth, stmt.elseBody);
  return stmt.depth <= maxTreeDepth;
}

} // namespace swallow::jinja::ast
