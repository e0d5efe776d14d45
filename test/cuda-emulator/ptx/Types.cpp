//===- Types.cpp - PTX's fundamental types --------------------------------===//

#include "test/cuda-emulator/ptx/Types.h"

namespace swallow::emulator::ptx {

std::optional<Type> parseType(std::string_view word) {
  if (word == "pred")
    return Type{TypeClass::Pred, 1, false};
  if (word == "tf32")
    return Type{TypeClass::Bits, 32, false};
  Type type;
  if (word.starts_with("bf")) {
    type.kind = TypeClass::BFloat;
    word.remove_prefix(2);
  } else if (!word.empty()) {
    switch (word[0]) {
    case 'b':
      type.kind = TypeClass::Bits;
      break;
    case 'u':
      type.kind = TypeClass::Unsigned;
      break;
    case 's':
      type.kind = TypeClass::Signed;
      break;
    case 'f':
      type.kind = TypeClass::Float;
      break;
    default:
      return std::nullopt;
    }
    word.remove_prefix(1);
  }
  if (word.ends_with("x2")) {
    word.remove_suffix(2);
    if (word != "16")
      return std::nullopt;
    type.packed = true;
    type.bits = 32;
    return type;
  }
  int bits = word == "8"                                     ? 8
             : word == "16"                                  ? 16
             : word == "32"                                  ? 32
             : word == "64"                                  ? 64
             : word == "128" && type.kind == TypeClass::Bits ? 128
                                                             : 0;
  if (bits == 0 || (type.isFloat() && bits == 8) ||
      (type.kind == TypeClass::BFloat && bits != 16))
    return std::nullopt;
  type.bits = static_cast<uint8_t>(bits);
  return type;
}

} // namespace swallow::emulator::ptx
