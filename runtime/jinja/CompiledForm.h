//===- CompiledForm.h - syntax trees as bytes -------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_COMPILEDFORM_H
#define SWALLOW_RUNTIME_JINJA_COMPILEDFORM_H

#include "runtime/jinja/syntax/Ast.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace swallow::jinja {

/// The tree as template.fbs has it; equal trees give equal bytes.
std::vector<uint8_t> writeTemplate(const ast::Template &tree);

/// The tree that writeTemplate wrote. Any bytes are either refused with
/// Corrupt or give a tree that a template could have been parsed to: every
/// node has what its kind needs, no more than maxTreeDepth levels.
Result<std::unique_ptr<ast::Template>>
readTemplate(std::span<const uint8_t> bytes);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_COMPILEDFORM_H
