//===- MatrixProducts.cpp - mma.sync --------------------------------------===//
//
// PTX ISA, "Warp Level Matrix Multiply-Accumulate Instructions", shapes
// m16n8kK. Their fragments follow one rule. With g = lane / 4, t = lane % 4
// and P elements in a 32-bit register (1 for tf32, 2 for f16 and bf16, 4 for
// s8, 8 for s4), element j of register r is
//   of A: row g + 8 (r & 1),  column 4 P (r >> 1) + P t + j
//   of B: row 4 P r + P t + j, column g
//   of C and D, element i: row g + 8 (i >> 1), column 2 t + (i & 1)
//
// Floating-point sums are made in f64 in the order of k, the accumulator
// first, and rounded once. Tensor cores align and truncate instead, so their
// results differ in the last bits.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"
#include "test/cuda-emulator/exec/alu/Rounding.h"

#include <algorithm>
#include <limits>

namespace swallow::emulator {

using ptx::Operand;

namespace {

enum class Element : uint8_t { F16, Bf16, Tf32, S8, U8, S4, U4, None };

Element elementOf(const std::string &word) {
  return word == "f16"    ? Element::F16
         : word == "bf16" ? Element::Bf16
         : word == "tf32" ? Element::Tf32
         : word == "s8"   ? Element::S8
         : word == "u8"   ? Element::U8
         : word == "s4"   ? Element::S4
         : word == "u4"   ? Element::U4
                          : Element::None;
}

constexpr int perRegister(Element element) {
  switch (element) {
  case Element::F16:
  case Element::Bf16:
    return 2;
  case Element::Tf32:
    return 1;
  case Element::S8:
  case Element::U8:
    return 4;
  default:
    return 8;
  }
}

template <typename Number>
Number decodeElement(uint32_t bits, int j, Element element) {
  switch (element) {
  case Element::F16:
    return static_cast<Number>(f16ToF32(static_cast<uint16_t>(bits >> 16 * j)));
  case Element::Bf16:
    return static_cast<Number>(
        bf16ToF32(static_cast<uint16_t>(bits >> 16 * j)));
  case Element::Tf32: // the low 13 bits do not count
    return static_cast<Number>(std::bit_cast<float>(bits & 0xffffe000u));
  case Element::S8:
    return static_cast<Number>(static_cast<int8_t>(bits >> 8 * j));
  case Element::U8:
    return static_cast<Number>(static_cast<uint8_t>(bits >> 8 * j));
  case Element::S4:
    return static_cast<Number>(static_cast<int32_t>(bits << (28 - 4 * j)) >>
                               28);
  default:
    return static_cast<Number>(bits >> 4 * j & 15);
  }
}

// flags: k, element of A, element of B, f16 D, f16 C, satfinite.
// slots: D at 0, A at 4, B at 8, C at 10.
enum : int { KFlag, AFlag, BFlag, HalfDFlag, HalfCFlag, SaturateFlag };

template <typename Number> struct Fragments {
  Number a[16][64];
  Number b[64][8];

  Fragments(Warp &warp, const Inst &inst) {
    int k = inst.flags[KFlag];
    auto ofA = static_cast<Element>(inst.flags[AFlag]);
    auto ofB = static_cast<Element>(inst.flags[BFlag]);
    int per = perRegister(ofA);
    int registers = k / (4 * per);
    for (int r = 0; r < 2 * registers; ++r) {
      const auto *lanes = warp.src<uint32_t>(inst.slots[4 + r]);
      for (int lane = 0; lane < 32; ++lane)
        for (int j = 0; j < per; ++j)
          a[lane / 4 + 8 * (r & 1)][4 * per * (r >> 1) + per * (lane % 4) + j] =
              decodeElement<Number>(lanes[lane], j, ofA);
    }
    for (int r = 0; r < registers; ++r) {
      const auto *lanes = warp.src<uint32_t>(inst.slots[8 + r]);
      for (int lane = 0; lane < 32; ++lane)
        for (int j = 0; j < per; ++j)
          b[4 * per * r + per * (lane % 4) + j][lane / 4] =
              decodeElement<Number>(lanes[lane], j, ofB);
    }
  }

  template <typename Sum> void multiply(Sum (&d)[16][8], int k) const {
    for (int m = 0; m < 16; ++m)
      for (int i = 0; i < k; ++i)
        for (int n = 0; n < 8; ++n)
          d[m][n] += static_cast<Sum>(a[m][i]) * static_cast<Sum>(b[i][n]);
  }
};

int rowOf(int lane, int i) { return lane / 4 + 8 * (i >> 1); }
int columnOf(int lane, int i) { return lane % 4 * 2 + (i & 1); }

bool begin(Warp &warp, const Inst &inst) {
  if (!warp.converge(inst, ~0u))
    return false;
  if (warp.mask == ~0u)
    return true;
  warp.fault(Finding::Kind::DivergentBarrier, warp.firstLane(),
             "a matrix instruction without all 32 threads of the warp");
  return false;
}

void floatProduct(Warp &warp, const Inst &inst) {
  if (!begin(warp, inst))
    return;
  double sums[16][8];
  for (int i = 0; i < 4; ++i)
    for (int lane = 0; lane < 32; ++lane) {
      double &sum = sums[rowOf(lane, i)][columnOf(lane, i)];
      if (inst.flags[HalfCFlag])
        sum = f16ToF32(
            warp.src<uint16_t>(inst.slots[10 + i / 2])[lane * 2 + (i & 1)]);
      else
        sum = warp.src<float>(inst.slots[10 + i])[lane];
    }
  Fragments<float> fragments(warp, inst);
  fragments.multiply(sums, inst.flags[KFlag]);
  for (int i = 0; i < 4; ++i)
    for (int lane = 0; lane < 32; ++lane) {
      double sum = sums[rowOf(lane, i)][columnOf(lane, i)];
      if (inst.flags[HalfDFlag])
        warp.reg<uint16_t>(inst.slots[i / 2])[lane * 2 + (i & 1)] =
            encodeF16(sum);
      else
        warp.reg<float>(inst.slots[i])[lane] =
            canonical(static_cast<float>(sum));
    }
}

void integerProduct(Warp &warp, const Inst &inst) {
  if (!begin(warp, inst))
    return;
  int64_t sums[16][8];
  for (int i = 0; i < 4; ++i)
    for (int lane = 0; lane < 32; ++lane)
      sums[rowOf(lane, i)][columnOf(lane, i)] =
          warp.src<int32_t>(inst.slots[10 + i])[lane];
  Fragments<int32_t> fragments(warp, inst);
  fragments.multiply(sums, inst.flags[KFlag]);
  for (int i = 0; i < 4; ++i)
    for (int lane = 0; lane < 32; ++lane) {
      int64_t sum = sums[rowOf(lane, i)][columnOf(lane, i)];
      if (inst.flags[SaturateFlag])
        sum = std::clamp<int64_t>(sum, std::numeric_limits<int32_t>::min(),
                                  std::numeric_limits<int32_t>::max());
      warp.reg<int32_t>(inst.slots[i])[lane] = static_cast<int32_t>(sum);
    }
}

bool isAllowed(int k, Element a, Element b) {
  bool bytes = (a == Element::S8 || a == Element::U8) &&
               (b == Element::S8 || b == Element::U8);
  bool nibbles = (a == Element::S4 || a == Element::U4) &&
                 (b == Element::S4 || b == Element::U4);
  if (bytes)
    return k == 16 || k == 32;
  if (nibbles)
    return k == 32 || k == 64;
  if (a != b)
    return false;
  if (a == Element::Tf32)
    return k == 4 || k == 8;
  return (a == Element::F16 || a == Element::Bf16) && (k == 8 || k == 16);
}

bool fragment(Decoder &d, Inst &inst, size_t operand, size_t slot, size_t count,
              bool isDestination) {
  const Operand &vector = d.operand(operand);
  bool isVector = vector.kind == Operand::Kind::Vector;
  if ((isVector ? vector.elements.size() : 1) != count)
    return d.fail("operand " + std::to_string(operand) + " of mma.sync needs " +
                  std::to_string(count) + " registers");
  for (size_t i = 0; i < count; ++i) {
    const Operand &element = isVector ? vector.elements[i] : vector;
    inst.slots[slot + i] = isDestination ? d.destination(element, typeB32)
                                         : d.source(element, typeB32);
  }
  return true;
}

void decodeMma(Decoder &d) {
  static constexpr int depths[] = {4, 8, 16, 32, 64};
  bool goodKind = d.take("sync") && d.take("aligned");
  int shape =
      d.takeOneOf({"m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32", "m16n8k64"});
  goodKind &= d.take("row") && d.take("col");
  if (!goodKind || shape < 0) {
    d.fail("mma.sync.aligned.m16n8kK.row.col expected");
    return;
  }
  Inst inst;
  inst.flags[SaturateFlag] = d.take("satfinite");
  std::string ofD = d.takeNext(), wordA = d.takeNext(), wordB = d.takeNext(),
              ofC = d.takeNext();
  Element a = elementOf(wordA), b = elementOf(wordB);
  int k = depths[shape];
  bool isInteger = ofD == "s32" && ofC == "s32";
  bool isFloat =
      (ofD == "f32" || ofD == "f16") && (ofC == "f32" || ofC == "f16");
  bool integerElements = a >= Element::S8;
  bool halfOnly = ofD == "f16" || ofC == "f16";
  if (!isAllowed(k, a, b) || integerElements != isInteger ||
      integerElements == isFloat || (halfOnly && a != Element::F16) ||
      (isFloat && ofD != ofC)) {
    d.fail("mma.sync of these types and this shape");
    return;
  }
  inst.flags[KFlag] = static_cast<uint8_t>(k);
  inst.flags[AFlag] = static_cast<uint8_t>(a);
  inst.flags[BFlag] = static_cast<uint8_t>(b);
  inst.flags[HalfDFlag] = ofD == "f16";
  inst.flags[HalfCFlag] = ofC == "f16";
  size_t registers = k / (4 * perRegister(a));
  size_t accumulators = halfOnly ? 2 : 4;
  if (!d.expectOperands(4, 4))
    return;
  fragment(d, inst, 1, 4, 2 * registers, false);
  fragment(d, inst, 2, 8, registers, false);
  fragment(d, inst, 3, 10, accumulators, false);
  fragment(d, inst, 0, 0, accumulators, true);
  inst.handler = isInteger ? integerProduct : floatProduct;
  d.emit(inst);
}

} // namespace

void addMatrixProducts(Families &families) { families["mma"] = decodeMma; }

} // namespace swallow::emulator
