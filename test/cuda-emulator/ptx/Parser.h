//===- Parser.h - PTX tokens into a module ----------------------*- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_PTX_PARSER_H
#define SWALLOW_TEST_CUDA_EMULATOR_PTX_PARSER_H

#include "runtime/support/Result.h"
#include "test/cuda-emulator/ptx/Ast.h"

#include <string_view>

namespace swallow::emulator::ptx {

/// InvalidArgument with "line N: ..." on anything outside the grammar.
Result<Module> parse(std::string_view text);

} // namespace swallow::emulator::ptx

#endif // SWALLOW_TEST_CUDA_EMULATOR_PTX_PARSER_H
