//===- Types.h - PTX's fundamental types ------------------------*- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_PTX_TYPES_H
#define SWALLOW_TEST_CUDA_EMULATOR_PTX_TYPES_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace swallow::emulator::ptx {

/// What the bits of a type stand for.
enum class TypeClass : uint8_t { Bits, Unsigned, Signed, Float, BFloat, Pred };

struct Type {
  TypeClass kind = TypeClass::Bits;
  uint8_t bits = 32;   ///< of the whole, 32 for f16x2
  bool packed = false; ///< f16x2, bf16x2, u16x2, s16x2: two halves

  uint32_t bytes() const { return kind == TypeClass::Pred ? 1 : bits / 8u; }
  bool isFloat() const {
    return kind == TypeClass::Float || kind == TypeClass::BFloat;
  }
  bool isSigned() const { return kind == TypeClass::Signed; }
  bool isInteger() const {
    return kind == TypeClass::Unsigned || kind == TypeClass::Signed ||
           kind == TypeClass::Bits;
  }
  bool operator==(const Type &) const = default;
};

/// "f16x2" and the like; empty for a word that is no type. tf32 is .b32.
std::optional<Type> parseType(std::string_view word);

} // namespace swallow::emulator::ptx

#endif // SWALLOW_TEST_CUDA_EMULATOR_PTX_TYPES_H
