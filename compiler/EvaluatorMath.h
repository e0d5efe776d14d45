//===- EvaluatorMath.h - functions with the same bits everywhere *- C++ -*-===//
//
// exp, sin and cos in plain IEEE double arithmetic: no libm, whose results may
// depend on the CPU that it dispatches for. Compiled without contraction.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_COMPILER_EVALUATORMATH_H
#define SWALLOW_COMPILER_EVALUATORMATH_H

namespace swallow {

/// exp(x) with a relative error below 1e-15 before the result is rounded to
/// f32; infinity and zero where f32 overflows and underflows; NaN for NaN.
float deterministicExp(float x);

/// sin(x) and cos(x) with an absolute error below 1e-15 before they are rounded
/// to f32, for |x| <= 2^20.
void deterministicSinCos(float x, float &sine, float &cosine);

} // namespace swallow

#endif // SWALLOW_COMPILER_EVALUATORMATH_H
