//===- InputFactor.h - the inputs of a product, factored --------*- C++ -*-===//

#ifndef SWALLOW_COMPILER_INPUTFACTOR_H
#define SWALLOW_COMPILER_INPUTFACTOR_H

#include "compiler/EvaluatorKernels.h"
#include "runtime/packing/ErrorFeedback.h"
#include "runtime/support/Result.h"

namespace swallow {

/// H = the mean of x x^T over the rows of `input`, relative to the mean of its
/// diagonal, plus `damping` on the diagonal, as L D L^T. The same bits whatever
/// the CPU and the number of threads. Holds 4 bytes for each pair of inputs.
/// Fails with InvalidArgument where the squares of inputs are not finite; the
/// message says what the inputs are.
Result<InputFactor> factorInputs(const EvalTensor &input, float damping,
                                 int threads);

} // namespace swallow

#endif // SWALLOW_COMPILER_INPUTFACTOR_H
