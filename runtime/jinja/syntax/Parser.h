//===- Parser.h - a template's text as a tree -------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_SYNTAX_PARSER_H
#define SWALLOW_RUNTIME_JINJA_SYNTAX_PARSER_H

#include "runtime/jinja/syntax/Ast.h"
#include "runtime/support/Result.h"

#include <memory>
#include <string_view>

namespace swallow::jinja {

/// jinja2's grammar of statements and expressions, with loop controls and
/// {% generation %}. Fails with MalformedFile, line and column; names (of
/// filters, say) are checked by resolve() of interpreter/Scopes.h.
Result<std::unique_ptr<ast::Template>> parse(std::string_view source);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_SYNTAX_PARSER_H
