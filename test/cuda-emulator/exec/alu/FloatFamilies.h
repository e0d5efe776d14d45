//===- FloatFamilies.h - mnemonics shared by integers and floats *- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EXEC_ALU_FLOATFAMILIES_H
#define SWALLOW_TEST_CUDA_EMULATOR_EXEC_ALU_FLOATFAMILIES_H

#include "test/cuda-emulator/exec/Decoder.h"

namespace swallow::emulator {

/// add, sub, mul, fma, ... of a floating-point type. False, with nothing
/// taken, when the instruction's type is none.
bool decodeFloatArithmetic(Decoder &decoder);
/// The same for f16, bf16 and their pairs.
void decodeHalfArithmetic(Decoder &decoder);

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_EXEC_ALU_FLOATFAMILIES_H
