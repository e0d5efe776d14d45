//===- Rounding.h - from f64 to narrower formats ----------------*- C++ -*-===//
//
// Narrow arithmetic is done in f64 and rounded once. Where f64 itself has to
// round (a sum of far apart numbers), it rounds to odd, which a second
// rounding to at most 51 bits does not notice: S. Boldo, G. Melquiond,
// "Emulation of FMA and correctly rounded sums", 2008.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EXEC_ALU_ROUNDING_H
#define SWALLOW_TEST_CUDA_EMULATOR_EXEC_ALU_ROUNDING_H

#include "runtime/support/FloatFormats.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace swallow::emulator {

enum class Round : uint8_t {
  Nearest, ///< ties to even
  Zero,
  Down,
  Up,
  Away, ///< to nearest, ties away from zero (.rna)
};

/// `value` in a format of `mantissa` stored bits and `exponent` exponent bits.
/// NaN becomes the canonical one with a mantissa of ones; what is too large
/// becomes infinity, or the largest number where the rounding points there.
template <int mantissa, int exponent>
uint32_t encode(double value, Round round = Round::Nearest) {
  constexpr int bias = (1 << (exponent - 1)) - 1;
  constexpr uint32_t infinity = ((1u << exponent) - 1) << mantissa;
  uint64_t bits = std::bit_cast<uint64_t>(value);
  uint32_t sign = static_cast<uint32_t>(bits >> 63) << (mantissa + exponent);
  if (value != value)
    return infinity | ((1u << mantissa) - 1);
  bits &= ~(uint64_t{1} << 63);
  if (bits == uint64_t{0x7ff} << 52)
    return sign | infinity;
  if (bits >> 52 == 0) {
    // Zero, or an f64 subnormal: below half of every format's smallest number.
    bool up = bits != 0 && round == (sign ? Round::Down : Round::Up);
    return sign | up;
  }
  int e = static_cast<int>(bits >> 52) - 1023;
  uint64_t significand = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
  bool isNormal = e >= 1 - bias;
  int shift = 52 - mantissa + (isNormal ? 0 : 1 - bias - e);
  uint64_t kept = shift < 64 ? significand >> shift : 0;
  uint64_t rest = shift < 64 ? significand & ((uint64_t{1} << shift) - 1) : 1;
  uint64_t half = shift < 64 ? uint64_t{1} << (shift - 1) : 2;
  bool up = false;
  switch (round) {
  case Round::Nearest:
    up = rest > half || (rest == half && (kept & 1));
    break;
  case Round::Away:
    up = rest >= half;
    break;
  case Round::Down:
    up = rest && sign;
    break;
  case Round::Up:
    up = rest && !sign;
    break;
  case Round::Zero:
    break;
  }
  kept += up;
  uint64_t result =
      isNormal ? (static_cast<uint64_t>(e + bias - 1) << mantissa) + kept
               : kept;
  if (isNormal && (e > bias || result >= infinity)) {
    bool toLargest = round == Round::Zero || (round == Round::Down && !sign) ||
                     (round == Round::Up && sign);
    result = toLargest ? infinity - 1 : infinity;
  }
  return sign | static_cast<uint32_t>(result);
}

inline uint16_t encodeF16(double value, Round round = Round::Nearest) {
  return static_cast<uint16_t>(encode<10, 5>(value, round));
}
inline uint16_t encodeBf16(double value, Round round = Round::Nearest) {
  return static_cast<uint16_t>(encode<7, 8>(value, round));
}
inline float encodeF32(double value, Round round) {
  return std::bit_cast<float>(encode<23, 8>(value, round));
}

/// a + b, rounded to odd.
inline double sumToOdd(double a, double b) {
  double sum = a + b;
  // Knuth's TwoSum: the exact error.
  double back = sum - a;
  double error = (a - (sum - back)) + (b - back);
  if (error == 0 || !std::isfinite(sum) || (std::bit_cast<uint64_t>(sum) & 1))
    return sum;
  bool awayFromZero = (error > 0) == (sum > 0);
  uint64_t bits = std::bit_cast<uint64_t>(sum);
  return std::bit_cast<double>(awayFromZero ? bits + 1 : bits - 1);
}

/// What NVIDIA's f32 instructions deliver for a NaN.
inline float canonical(float value) {
  return value != value ? std::bit_cast<float>(0x7fffffffu) : value;
}
inline double canonical(double value) {
  return value != value ? std::bit_cast<double>(0x7fffffffffffffffu) : value;
}

inline float flushSubnormal(float value) {
  return std::fabs(value) < 0x1p-126f ? std::copysign(0.0f, value) : value;
}
inline double flushSubnormal(double value) { return value; }

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_EXEC_ALU_ROUNDING_H
