//===- HalfOps.cpp - f16 and bf16 arithmetic ------------------------------===//
//
// PTX ISA, "Half Precision Floating Point Instructions". Each result is the
// exact one rounded once (Rounding.h).
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/FloatFamilies.h"
#include "test/cuda-emulator/exec/alu/Lanes.h"
#include "test/cuda-emulator/exec/alu/Rounding.h"

namespace swallow::emulator {

using ptx::Type;
using ptx::TypeClass;

namespace {

enum class Op : uint8_t {
  Add,
  Sub,
  Mul,
  Fma,
  Min,
  Max,
  Abs,
  Neg,
  Ex2,
  Tanh,
};

struct F16 {
  static double decode(uint16_t bits) { return f16ToF32(bits); }
  static uint16_t encode(double value) { return encodeF16(value); }
  static constexpr double smallestNormal = 0x1p-14;
};
struct Bf16 {
  static double decode(uint16_t bits) { return bf16ToF32(bits); }
  static uint16_t encode(double value) { return encodeBf16(value); }
  static constexpr double smallestNormal = 0x1p-126;
};

// flags of the instruction
enum : int { OpFlag, FtzFlag, SatFlag, ReluFlag, NanFlag };

template <typename Format, Op op>
uint16_t compute(const Inst &inst, uint16_t x, uint16_t y, uint16_t z) {
  if constexpr (op == Op::Abs)
    return x & 0x7fff;
  if constexpr (op == Op::Neg)
    return x ^ 0x8000;
  auto in = [&](uint16_t bits) {
    double value = Format::decode(bits);
    return inst.flags[FtzFlag] && std::fabs(value) < Format::smallestNormal
               ? std::copysign(0.0, value)
               : value;
  };
  double a = in(x), b = in(y), result;
  if constexpr (op == Op::Add)
    result = sumToOdd(a, b);
  else if constexpr (op == Op::Sub)
    result = sumToOdd(a, -b);
  else if constexpr (op == Op::Mul)
    result = a * b;
  else if constexpr (op == Op::Fma)
    result = sumToOdd(a * b, in(z));
  else if constexpr (op == Op::Min || op == Op::Max) {
    bool anyNan = a != a || b != b;
    if (anyNan)
      result = inst.flags[NanFlag] || (a != a && b != b) ? a + b
               : a != a                                  ? b
                                                         : a;
    else if (a == b)
      result = std::signbit(a) == (op == Op::Min) ? a : b;
    else
      result = (a < b) == (op == Op::Min) ? a : b;
  } else if constexpr (op == Op::Ex2)
    result = std::exp2(a);
  else
    result = std::tanh(a);
  if (inst.flags[SatFlag])
    result = result > 0 ? std::min(result, 1.0) : 0.0;
  if (inst.flags[ReluFlag] && result <= 0)
    result = 0;
  uint16_t bits = Format::encode(result);
  if (inst.flags[FtzFlag] &&
      std::fabs(Format::decode(bits)) < Format::smallestNormal)
    bits &= 0x8000;
  return bits;
}

template <typename Format, Op op, typename Lane>
void run(Warp &warp, const Inst &inst) {
  const Lane *a = warp.src<Lane>(inst.slots[1]);
  const Lane *b = warp.src<Lane>(inst.slots[2]);
  const Lane *c = warp.src<Lane>(inst.slots[3]);
  Lane result[32];
  for (int lane = 0; lane < 32; ++lane) {
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 8 * sizeof(Lane); shift += 16)
      value |= uint32_t{compute<Format, op>(
                   inst, static_cast<uint16_t>(a[lane] >> shift),
                   static_cast<uint16_t>(b[lane] >> shift),
                   static_cast<uint16_t>(c[lane] >> shift))}
               << shift;
    result[lane] = static_cast<Lane>(value);
  }
  warp.store(inst.slots[0], result);
}

template <Op op> Handler handlerOf(Type type) {
  if (type.kind == TypeClass::BFloat)
    return type.packed ? run<Bf16, op, uint32_t> : run<Bf16, op, uint16_t>;
  return type.packed ? run<F16, op, uint32_t> : run<F16, op, uint16_t>;
}

struct Entry {
  const char *name;
  Handler (*handler)(Type);
  size_t sources;
};

constexpr Entry entries[] = {
    {"add", handlerOf<Op::Add>, 2}, {"sub", handlerOf<Op::Sub>, 2},
    {"mul", handlerOf<Op::Mul>, 2}, {"fma", handlerOf<Op::Fma>, 3},
    {"min", handlerOf<Op::Min>, 2}, {"max", handlerOf<Op::Max>, 2},
    {"abs", handlerOf<Op::Abs>, 1}, {"neg", handlerOf<Op::Neg>, 1},
    {"ex2", handlerOf<Op::Ex2>, 1}, {"tanh", handlerOf<Op::Tanh>, 1},
};

} // namespace

void decodeHalfArithmetic(Decoder &d) {
  for (const Entry &entry : entries) {
    if (d.mnemonic() != entry.name)
      continue;
    d.takeOneOf({"rn", "approx"});
    Inst inst;
    inst.flags[FtzFlag] = d.take("ftz");
    inst.flags[SatFlag] = d.take("sat");
    inst.flags[ReluFlag] = d.take("relu");
    inst.flags[NanFlag] = d.take("NaN");
    Type type = d.needType();
    inst.handler = entry.handler(type);
    if (!d.expectOperands(entry.sources + 1, entry.sources + 1))
      return;
    for (size_t i = 1; i <= 3; ++i)
      inst.slots[i] =
          i <= entry.sources ? d.source(d.operand(i), type) : inst.slots[1];
    inst.slots[0] = d.destination(d.operand(0), type);
    d.emit(inst);
    return;
  }
  d.fail("this type is not allowed here");
}

} // namespace swallow::emulator
