//===- Comparisons.cpp - setp, set, selp, slct ----------------------------===//
//
// PTX ISA, "Comparison and Selection Instructions".
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"
#include "test/cuda-emulator/exec/alu/Rounding.h"

namespace swallow::emulator {

using ptx::Operand;
using ptx::Type;
using ptx::TypeClass;

namespace {

enum Comparison : uint8_t {
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  Lo,
  Ls,
  Hi,
  Hs,
  Equ,
  Neu,
  Ltu,
  Leu,
  Gtu,
  Geu,
  Num,
  IsNan,
};

template <typename T, typename Test>
uint32_t maskOf(const T *a, const T *b, Test test) {
  uint32_t result = 0;
  for (int lane = 0; lane < 32; ++lane)
    result |= uint32_t{test(a[lane], b[lane])} << lane;
  return result;
}

template <typename T>
uint32_t compare(Comparison comparison, const T *a, const T *b) {
  switch (comparison) {
  case Eq:
    return maskOf(a, b, [](T x, T y) { return x == y; });
  case Ne: // ordered: false for a NaN
    return maskOf(a, b, [](T x, T y) { return x < y || x > y; });
  case Lt:
  case Lo:
    return maskOf(a, b, [](T x, T y) { return x < y; });
  case Le:
  case Ls:
    return maskOf(a, b, [](T x, T y) { return x <= y; });
  case Gt:
  case Hi:
    return maskOf(a, b, [](T x, T y) { return x > y; });
  case Ge:
  case Hs:
    return maskOf(a, b, [](T x, T y) { return x >= y; });
  case Equ:
    return maskOf(a, b, [](T x, T y) { return !(x < y || x > y); });
  case Neu:
    return maskOf(a, b, [](T x, T y) { return !(x == y); });
  case Ltu:
    return maskOf(a, b, [](T x, T y) { return !(x >= y); });
  case Leu:
    return maskOf(a, b, [](T x, T y) { return !(x > y); });
  case Gtu:
    return maskOf(a, b, [](T x, T y) { return !(x <= y); });
  case Geu:
    return maskOf(a, b, [](T x, T y) { return !(x < y); });
  case Num:
    return maskOf(a, b, [](T x, T y) { return x == x && y == y; });
  case IsNan:
    return maskOf(a, b, [](T x, T y) { return x != x || y != y; });
  }
  return 0;
}

/// What the compare instructions have in common: flags are Comparison, the
/// boolean (0 none, 1 and, 2 or, 3 xor), ftz, number of lanes' bits / 16,
/// class and whether it is packed.
enum : int {
  CompareFlag,
  BooleanFlag,
  FtzFlag,
  BitsFlag,
  KindFlag,
  PackedFlag
};

float halfToFloat(uint16_t bits, bool bfloat) {
  return bfloat ? bf16ToF32(bits) : f16ToF32(bits);
}

/// `half`: which half of a packed type.
uint32_t compareLanes(Warp &warp, const Inst &inst, int half) {
  auto comparison = static_cast<Comparison>(inst.flags[CompareFlag]);
  auto kind = static_cast<TypeClass>(inst.flags[KindFlag]);
  Slot a = inst.slots[2], b = inst.slots[3];
  bool isFloat = kind == TypeClass::Float || kind == TypeClass::BFloat;
  if (isFloat && inst.flags[BitsFlag] <= 2) {
    float x[32], y[32];
    bool bfloat = kind == TypeClass::BFloat;
    for (int lane = 0; lane < 32; ++lane) {
      if (inst.flags[PackedFlag]) {
        x[lane] = halfToFloat(warp.src<uint16_t>(a)[lane * 2 + half], bfloat);
        y[lane] = halfToFloat(warp.src<uint16_t>(b)[lane * 2 + half], bfloat);
      } else if (inst.flags[BitsFlag] == 1) {
        x[lane] = halfToFloat(warp.src<uint16_t>(a)[lane], bfloat);
        y[lane] = halfToFloat(warp.src<uint16_t>(b)[lane], bfloat);
      } else {
        x[lane] = warp.src<float>(a)[lane];
        y[lane] = warp.src<float>(b)[lane];
        if (inst.flags[FtzFlag]) {
          x[lane] = flushSubnormal(x[lane]);
          y[lane] = flushSubnormal(y[lane]);
        }
      }
    }
    return compare(comparison, x, y);
  }
  if (isFloat)
    return compare(comparison, warp.src<double>(a), warp.src<double>(b));
  bool isSigned = kind == TypeClass::Signed;
  switch (inst.flags[BitsFlag]) {
  case 1:
    return isSigned
               ? compare(comparison, warp.src<int16_t>(a), warp.src<int16_t>(b))
               : compare(comparison, warp.src<uint16_t>(a),
                         warp.src<uint16_t>(b));
  case 2:
    return isSigned
               ? compare(comparison, warp.src<int32_t>(a), warp.src<int32_t>(b))
               : compare(comparison, warp.src<uint32_t>(a),
                         warp.src<uint32_t>(b));
  default:
    return isSigned
               ? compare(comparison, warp.src<int64_t>(a), warp.src<int64_t>(b))
               : compare(comparison, warp.src<uint64_t>(a),
                         warp.src<uint64_t>(b));
  }
}

uint32_t combine(Warp &warp, const Inst &inst, uint32_t value) {
  switch (inst.flags[BooleanFlag]) {
  case 1:
    return value & warp.predicate(inst.slots[4]);
  case 2:
    return value | warp.predicate(inst.slots[4]);
  case 3:
    return value ^ warp.predicate(inst.slots[4]);
  default:
    return value;
  }
}

// slots: p, q (noSlot for none), a, b, c
void setp(Warp &warp, const Inst &inst) {
  uint32_t low = compareLanes(warp, inst, 0);
  uint32_t p = combine(warp, inst, low), q = 0;
  if (inst.slots[1] != noSlot)
    q = combine(warp, inst,
                inst.flags[PackedFlag] ? compareLanes(warp, inst, 1) : ~low);
  warp.storePredicate(inst.slots[0], p);
  if (inst.slots[1] != noSlot)
    warp.storePredicate(inst.slots[1], q);
}

// slots[5], [6]: the values for true and false
template <typename T> void set(Warp &warp, const Inst &inst) {
  uint32_t p = combine(warp, inst, compareLanes(warp, inst, 0));
  const T *yes = warp.src<T>(inst.slots[5]), *no = warp.src<T>(inst.slots[6]);
  T result[32];
  for (int lane = 0; lane < 32; ++lane)
    result[lane] = p >> lane & 1 ? yes[lane] : no[lane];
  warp.store(inst.slots[0], result);
}

int takeComparison(Decoder &d) {
  int comparison =
      d.takeOneOf({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs",
                   "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
  if (comparison < 0)
    d.fail("a comparison expected");
  return comparison;
}

void compareOperands(Decoder &d, Inst &inst, Type type, int comparison,
                     int boolean) {
  inst.flags[CompareFlag] = static_cast<uint8_t>(comparison);
  inst.flags[BooleanFlag] = static_cast<uint8_t>(boolean + 1);
  inst.flags[BitsFlag] = type.bits / 16;
  inst.flags[KindFlag] = static_cast<uint8_t>(type.kind);
  inst.flags[PackedFlag] = type.packed;
  inst.slots[2] = d.source(d.operand(1), type);
  inst.slots[3] = d.source(d.operand(2), type);
  if (boolean >= 0)
    inst.slots[4] = d.predicate(d.operand(3));
}

void decodeSetp(Decoder &d) {
  int comparison = takeComparison(d);
  int boolean = d.takeOneOf({"and", "or", "xor"});
  Inst inst;
  inst.flags[FtzFlag] = d.take("ftz");
  Type type = d.needType();
  if (!d.expectOperands(boolean < 0 ? 3 : 4, boolean < 0 ? 3 : 4))
    return;
  compareOperands(d, inst, type, comparison, boolean);
  const Operand &to = d.operand(0);
  bool isPair = to.kind == Operand::Kind::Pair;
  inst.slots[0] = d.predicateDestination(isPair ? to.elements[0] : to);
  inst.slots[1] = isPair ? d.predicateDestination(to.elements[1]) : noSlot;
  inst.handler = setp;
  d.emit(inst);
}

void decodeSet(Decoder &d) {
  int comparison = takeComparison(d);
  int boolean = d.takeOneOf({"and", "or", "xor"});
  Inst inst;
  inst.flags[FtzFlag] = d.take("ftz");
  Type to = d.needType(), from = d.needType();
  if (to.packed || from.packed || to.bits == 64) {
    d.fail("set of this type is not supported");
    return;
  }
  compareOperands(d, inst, from, comparison, boolean);
  uint64_t yes = !to.isFloat()                  ? 0xffffffffu
                 : to.bits == 32                ? 0x3f800000u
                 : to.kind == TypeClass::BFloat ? 0x3f80u
                                                : 0x3c00u;
  inst.slots[5] = d.constant(to, yes);
  inst.slots[6] = d.constant(to, 0);
  inst.slots[0] = d.destination(d.operand(0), to);
  inst.handler = to.bits == 16 ? set<uint16_t> : set<uint32_t>;
  d.emit(inst);
}

template <typename T> void selp(Warp &warp, const Inst &inst) {
  const T *yes = warp.src<T>(inst.slots[1]), *no = warp.src<T>(inst.slots[2]);
  uint32_t p = warp.predicate(inst.slots[3]);
  T result[32];
  for (int lane = 0; lane < 32; ++lane)
    result[lane] = p >> lane & 1 ? yes[lane] : no[lane];
  warp.store(inst.slots[0], result);
}

void decodeSelp(Decoder &d) {
  Type type = d.needType();
  if (!d.expectOperands(4, 4))
    return;
  Inst inst;
  inst.slots[1] = d.source(d.operand(1), type);
  inst.slots[2] = d.source(d.operand(2), type);
  inst.slots[3] = d.predicate(d.operand(3));
  inst.slots[0] = d.destination(d.operand(0), type);
  inst.handler = type.bits == 16   ? selp<uint16_t>
                 : type.bits == 32 ? selp<uint32_t>
                                   : selp<uint64_t>;
  d.emit(inst);
}

template <typename T, typename C> T pick(T a, T b, C c) {
  return c >= 0 ? a : b;
}

void decodeSlct(Decoder &d) {
  d.take("ftz");
  Type type = d.needType(), selector = d.needType();
  Inst inst;
  inst.slots[1] = d.source(d.operand(1), type);
  inst.slots[2] = d.source(d.operand(2), type);
  inst.slots[3] = d.source(d.operand(3), selector);
  inst.slots[0] = d.destination(d.operand(0), type);
  if (selector.isFloat())
    inst.handler = type.bits == 16   ? Map<&pick<uint16_t, float>>::run
                   : type.bits == 32 ? Map<&pick<uint32_t, float>>::run
                                     : Map<&pick<uint64_t, float>>::run;
  else
    inst.handler = type.bits == 16   ? Map<&pick<uint16_t, int32_t>>::run
                   : type.bits == 32 ? Map<&pick<uint32_t, int32_t>>::run
                                     : Map<&pick<uint64_t, int32_t>>::run;
  d.emit(inst);
}

} // namespace

void addComparisons(Families &families) {
  families["setp"] = decodeSetp;
  families["set"] = decodeSet;
  families["selp"] = decodeSelp;
  families["slct"] = decodeSlct;
}

} // namespace swallow::emulator
