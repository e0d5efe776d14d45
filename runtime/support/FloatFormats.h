//===- FloatFormats.h - bf16 and f16 conversions ----------------*- C++ -*-===//
//
// Portable and bit-exact on every CPU: integer code only.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_SUPPORT_FLOATFORMATS_H
#define SWALLOW_RUNTIME_SUPPORT_FLOATFORMATS_H

#include <bit>
#include <cstdint>

namespace swallow {

inline float bf16ToF32(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

/// Round to nearest, ties to even; NaN stays a quiet NaN.
inline uint16_t f32ToBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float roundToBf16(float value) { return bf16ToF32(f32ToBf16(value)); }

inline float f16ToF32(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  uint32_t exponent = (half >> 10) & 0x1fu;
  uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0x1f)
    return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) |
                                (mantissa << 13));
  // Zero and subnormals: mantissa * 2^-24 is exact in f32.
  float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

/// Round to nearest, ties to even; from 65520 on infinite; NaN stays a quiet
/// NaN.
inline uint16_t f32ToF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t sign = (bits >> 16) & 0x8000u;
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00u | ((bits >> 13) & 0x3ffu));
  if (bits >= 0x477ff000u) // 65520, half way between 65504 and 2^16
    return static_cast<uint16_t>(sign | 0x7c00u);
  // Below 2^-14 the last place of the sum is 2^-24, f16's smallest step.
  if (bits < 0x38800000u)
    return static_cast<uint16_t>(
        sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(bits) + 0.5f) -
                std::bit_cast<uint32_t>(0.5f)));
  bits += 0xfffu + ((bits >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((bits - (112u << 23)) >> 13));
}

} // namespace swallow

#endif // SWALLOW_RUNTIME_SUPPORT_FLOATFORMATS_H
