//===- Scopes.h - names to variables, and what can be checked ---*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_INTERPRETER_SCOPES_H
#define SWALLOW_RUNTIME_JINJA_INTERPRETER_SCOPES_H

#include "runtime/jinja/syntax/Ast.h"
#include "runtime/support/Result.h"

namespace swallow::jinja {

/// Fills the resolved fields of a tree, parsed or read. Fails with
/// MalformedFile, line and column, for what jinja2 (or Python, which it
/// compiles to) refuses before it renders: filters and tests that do not exist,
/// {% break %} outside of a loop, a block that is there twice, a variable
/// `loop` that is assigned inside of a loop.
Status resolve(ast::Template &tree);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_INTERPRETER_SCOPES_H
