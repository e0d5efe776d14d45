//===- PortableMath.h - exp and log, the same bits everywhere ---*- C++ -*-===//
//
// Libraries differ in the last bit of exp and log, and then one seed would draw
// different tokens on different machines. These use IEEE double operations
// alone; their users are compiled without contraction (-ffp-contract=off).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_GENERATION_LOGITS_PORTABLEMATH_H
#define SWALLOW_RUNTIME_GENERATION_LOGITS_PORTABLEMATH_H

#include <bit>
#include <cstdint>

namespace swallow {

/// e^x for x <= 0, to about 2 units in the last place: 2^n e^r with
/// |r| <= ln2 / 2 and the Taylor series of e^r to r^13, whose next term is
/// below 2^-55. 0 below -700, which is less than any probability that a draw of
/// 53 bits can hit. Without branches, so that loops over it are vectorised.
inline double portableExp(double x) {
  constexpr double log2e = 1.4426950408889634;
  constexpr double ln2High = 0x1.62e42fefa0000p-1; // 33 bits: n * it is exact
  constexpr double ln2Low = 0x1.cf79abc9e3b3ap-40;
  // Adding this rounds to an integer and leaves it in the low bits.
  constexpr double round = 0x1.8p52;
  double clamped = x < -700 ? -700 : x;
  double shifted = clamped * log2e + round;
  double n = shifted - round;
  double r = (clamped - n * ln2High) - n * ln2Low;
  double sum = 1.0 / 6227020800;
  sum = sum * r + 1.0 / 479001600;
  sum = sum * r + 1.0 / 39916800;
  sum = sum * r + 1.0 / 3628800;
  sum = sum * r + 1.0 / 362880;
  sum = sum * r + 1.0 / 40320;
  sum = sum * r + 1.0 / 5040;
  sum = sum * r + 1.0 / 720;
  sum = sum * r + 1.0 / 120;
  sum = sum * r + 1.0 / 24;
  sum = sum * r + 1.0 / 6;
  sum = sum * r + 1.0 / 2;
  sum = sum * r + 1;
  sum = sum * r + 1;
  uint64_t exponent = std::bit_cast<uint64_t>(shifted) + 1023;
  double scale = std::bit_cast<double>(exponent << 52);
  return x < -700 ? 0 : sum * scale;
}

/// ln x for a normal x > 0: e ln2 + 2 atanh((m - 1) / (m + 1)) with x = m 2^e
/// and m within sqrt(2) of 1.
inline double portableLog(double x) {
  constexpr double ln2 = 0.6931471805599453;
  uint64_t bits = std::bit_cast<uint64_t>(x);
  int64_t e = static_cast<int64_t>(bits >> 52) - 1023;
  double m =
      std::bit_cast<double>((bits & 0xfffffffffffffu) | (uint64_t(1023) << 52));
  if (m > 1.4142135623730951) {
    m /= 2;
    ++e;
  }
  double s = (m - 1) / (m + 1), square = s * s;
  double sum = 0;
  for (int k = 23; k >= 1; k -= 2)
    sum = sum * square + 1.0 / k;
  return double(e) * ln2 + 2 * s * sum;
}

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_LOGITS_PORTABLEMATH_H
