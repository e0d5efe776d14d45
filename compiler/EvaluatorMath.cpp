//===- EvaluatorMath.cpp - functions with the same bits everywhere --------===//

#include "compiler/EvaluatorMath.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace swallow {

/// 2^n for a normal double.
static double powerOfTwo(int64_t n) {
  return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52);
}

float deterministicExp(float x) {
  if (x != x)
    return x;
  if (x > 89.0f) // exp(88.73) is the first that f32 cannot hold
    return std::numeric_limits<float>::infinity();
  if (x < -104.0f) // exp(-103.98) rounds to zero
    return 0.0f;
  // x = n ln 2 + r, |r| <= ln 2 / 2. ln2High has 32 bits, so n * ln2High is
  // exact.
  const double ln2High = 0x1.62e42feep-1;
  const double ln2Low = 0x1.a39ef35793c76p-33;
  double value = x;
  double n = std::floor(value * 0x1.71547652b82fep+0 + 0.5);
  double r = (value - n * ln2High) - n * ln2Low;
  // Taylor: the first term left out, r^14 / 14!, is below 5e-18.
  double sum = 1.0;
  for (int k = 13; k >= 1; --k)
    sum = 1.0 + sum * r / k;
  return static_cast<float>(sum * powerOfTwo(static_cast<int64_t>(n)));
}

void deterministicSinCos(float x, float &sine, float &cosine) {
  // x = n pi/2 + r, |r| <= pi/4. The first two parts of pi/2 have 33 bits, so
  // their products with n < 2^20 are exact (fdlibm, e_rem_pio2.c).
  const double halfPi1 = 1.57079632673412561417e+00;
  const double halfPi2 = 6.07710050630396597660e-11;
  const double halfPi3 = 2.02226624879595063154e-21;
  double value = x;
  double n = std::floor(value * 6.36619772367581382433e-01 + 0.5);
  double r = ((value - n * halfPi1) - n * halfPi2) - n * halfPi3;
  double z = r * r;
  // The minimax polynomials of fdlibm, k_sin.c and k_cos.c.
  double s = r + r * z *
                     (-1.66666666666666324348e-01 +
                      z * (8.33333333332248946124e-03 +
                           z * (-1.98412698298579493134e-04 +
                                z * (2.75573137070700676789e-06 +
                                     z * (-2.50507602534068634195e-08 +
                                          z * 1.58969099521155010221e-10)))));
  double c = 1.0 - 0.5 * z +
             z * z *
                 (4.16666666666666019037e-02 +
                  z * (-1.38888888888741095749e-03 +
                       z * (2.48015872894767294178e-05 +
                            z * (-2.75573143513906633035e-07 +
                                 z * (2.08757232129817482790e-09 +
                                      z * -1.13596475577881948265e-11)))));
  switch (static_cast<int64_t>(n) & 3) {
  case 0:
    sine = static_cast<float>(s), cosine = static_cast<float>(c);
    return;
  case 1:
    sine = static_cast<float>(c), cosine = static_cast<float>(-s);
    return;
  case 2:
    sine = static_cast<float>(-s), cosine = static_cast<float>(-c);
    return;
  default:
    sine = static_cast<float>(-c), cosine = static_cast<float>(s);
    return;
  }
}

} // namespace swallow
