//===- IntegerOps.cpp - integer arithmetic --------------------------------===//
//
// PTX ISA, "Integer Arithmetic Instructions" and "Extended-Precision Integer
// Arithmetic Instructions". add, sub, mul, fma, min, max, abs, neg, div of
// floating-point types are in FloatOps.cpp and HalfOps.cpp, which are asked
// first.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/FloatFamilies.h"
#include "test/cuda-emulator/exec/alu/Lanes.h"

#include <algorithm>
#include <limits>
#include <type_traits>

namespace swallow::emulator {

using ptx::Operand;
using ptx::Type;
using ptx::TypeClass;

namespace {

template <typename T> using Unsigned = std::make_unsigned_t<T>;

// Wraps around as the ISA says, without signed overflow in C++.
template <typename T> constexpr T wrap(uint64_t value) {
  return static_cast<T>(static_cast<Unsigned<T>>(value));
}

template <typename T> struct Add {
  static T f(T a, T b) { return wrap<T>(uint64_t(a) + uint64_t(b)); }
};
template <typename T> struct Sub {
  static T f(T a, T b) { return wrap<T>(uint64_t(a) - uint64_t(b)); }
};
template <typename T> struct MulLo {
  static T f(T a, T b) { return wrap<T>(uint64_t(a) * uint64_t(b)); }
};
template <typename T> T highProduct(T a, T b) {
  if constexpr (sizeof(T) == 8) {
    using Wide =
        std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
    return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b) >> 64);
  } else {
    using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
    return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b) >>
                          (8 * sizeof(T)));
  }
}
template <typename T> struct MulHi {
  static T f(T a, T b) { return highProduct(a, b); }
};
template <typename T> struct MadLo {
  static T f(T a, T b, T c) {
    return wrap<T>(uint64_t(a) * uint64_t(b) + uint64_t(c));
  }
};
template <typename T> struct MadHi {
  static T f(T a, T b, T c) {
    return wrap<T>(uint64_t(highProduct(a, b)) + uint64_t(c));
  }
};
// Division by zero is unspecified; hardware gives all ones.
template <typename T> struct Div {
  static T f(T a, T b) {
    if (b == 0)
      return static_cast<T>(~T{0});
    if constexpr (std::is_signed_v<T>)
      if (b == -1)
        return wrap<T>(0 - uint64_t(a));
    return static_cast<T>(a / b);
  }
};
template <typename T> struct Rem {
  static T f(T a, T b) {
    if (b == 0)
      return a;
    if constexpr (std::is_signed_v<T>)
      if (b == -1)
        return 0;
    return static_cast<T>(a % b);
  }
};
template <typename T> struct Min {
  static T f(T a, T b) { return a < b ? a : b; }
};
template <typename T> struct Max {
  static T f(T a, T b) { return a > b ? a : b; }
};
int32_t minRelu(int32_t a, int32_t b) { return std::max(std::min(a, b), 0); }
int32_t maxRelu(int32_t a, int32_t b) { return std::max({a, b, 0}); }
template <typename T> struct Abs {
  static T f(T a) { return a < T{0} ? wrap<T>(0 - uint64_t(a)) : a; }
};
template <typename T> struct Neg {
  static T f(T a) { return wrap<T>(0 - uint64_t(a)); }
};
template <typename T> struct Sad {
  static T f(T a, T b, T c) {
    uint64_t difference =
        a < b ? uint64_t(b) - uint64_t(a) : uint64_t(a) - uint64_t(b);
    return wrap<T>(uint64_t(c) + difference);
  }
};

int32_t addSaturated(int32_t a, int32_t b) {
  int64_t sum = int64_t{a} + b;
  return static_cast<int32_t>(std::min<int64_t>(
      std::max<int64_t>(sum, std::numeric_limits<int32_t>::min()),
      std::numeric_limits<int32_t>::max()));
}
int32_t subSaturated(int32_t a, int32_t b) {
  int64_t difference = int64_t{a} - b;
  return static_cast<int32_t>(std::min<int64_t>(
      std::max<int64_t>(difference, std::numeric_limits<int32_t>::min()),
      std::numeric_limits<int32_t>::max()));
}
int32_t madHiSaturated(int32_t a, int32_t b, int32_t c) {
  return addSaturated(highProduct(a, b), c);
}

template <typename W, typename N> W wideProduct(N a, N b) {
  return static_cast<W>(static_cast<W>(a) * static_cast<W>(b));
}
template <typename W, typename N> W wideMad(N a, N b, W c) {
  return wrap<W>(uint64_t(static_cast<W>(a) * static_cast<W>(b)) + uint64_t(c));
}

template <bool Signed> int32_t sign24(uint32_t value) {
  return Signed ? static_cast<int32_t>(value << 8) >> 8
                : static_cast<int32_t>(value & 0xffffff);
}
template <bool Signed, bool High> uint32_t mul24(uint32_t a, uint32_t b) {
  int64_t product = int64_t{sign24<Signed>(a)} * sign24<Signed>(b);
  return static_cast<uint32_t>(High ? product >> 16 : product);
}
template <bool Signed, bool High>
uint32_t mad24(uint32_t a, uint32_t b, uint32_t c) {
  return mul24<Signed, High>(a, b) + c;
}

/// Emits handler over `operands() - 1` sources of one type.
void simple(Decoder &d, Handler handler, Type type, size_t sources) {
  if (!handler) {
    d.fail("this type is not allowed here");
    return;
  }
  if (!d.expectOperands(sources + 1, sources + 1))
    return;
  Inst inst;
  inst.handler = handler;
  for (size_t i = 1; i <= sources; ++i)
    inst.slots[i] = d.source(d.operand(i), type);
  inst.slots[0] = d.destination(d.operand(0), type);
  d.emit(inst);
}

template <typename T> struct HalfPair {
  static uint32_t add(uint32_t a, uint32_t b) {
    return uint16_t(a + b) | uint32_t(uint16_t((a >> 16) + (b >> 16))) << 16;
  }
  static uint32_t pick(uint32_t a, uint32_t b, bool least) {
    auto one = [&](T x, T y) { return uint16_t((x < y) == least ? x : y); };
    return one(T(a), T(b)) | uint32_t(one(T(a >> 16), T(b >> 16))) << 16;
  }
  static uint32_t min(uint32_t a, uint32_t b) { return pick(a, b, true); }
  static uint32_t max(uint32_t a, uint32_t b) { return pick(a, b, false); }
};

// With a carry: flags are operation (0 add, 1 sub, 2 mad.lo, 3 mad.hi), carry
// in, carry out. sub's carry is a borrow.
template <typename T> void extended(Warp &warp, const Inst &inst) {
  using Wide = unsigned __int128;
  const T *a = warp.src<T>(inst.slots[1]), *b = warp.src<T>(inst.slots[2]),
          *c = warp.src<T>(inst.slots[3]);
  uint32_t carries = warp.predicate(0), out = 0;
  T result[32];
  for (int lane = 0; lane < 32; ++lane) {
    Wide in = inst.flags[1] ? carries >> lane & 1 : 0;
    Wide x = a[lane], y = b[lane], sum;
    switch (inst.flags[0]) {
    case 0:
      sum = x + y + in;
      break;
    case 1:
      sum = x - y - in;
      break;
    case 2:
      sum = static_cast<T>(x * y) + Wide{c[lane]} + in;
      break;
    default:
      sum = (x * y >> (8 * sizeof(T))) + Wide{c[lane]} + in;
      break;
    }
    result[lane] = static_cast<T>(sum);
    out |= uint32_t(sum >> (8 * sizeof(T)) & 1) << lane;
  }
  warp.store(inst.slots[0], result);
  if (inst.flags[2])
    warp.storePredicate(0, out);
}

void signedMadHi(Warp &warp, const Inst &inst) {
  int32_t product[32];
  const auto *a = warp.src<int32_t>(inst.slots[1]);
  const auto *b = warp.src<int32_t>(inst.slots[2]);
  const auto *c = warp.src<uint32_t>(inst.slots[3]);
  uint32_t carries = warp.predicate(0), out = 0;
  for (int lane = 0; lane < 32; ++lane) {
    uint64_t sum = uint64_t{uint32_t(highProduct(a[lane], b[lane]))} + c[lane] +
                   (inst.flags[1] ? carries >> lane & 1 : 0);
    product[lane] = static_cast<int32_t>(sum);
    out |= uint32_t(sum >> 32 & 1) << lane;
  }
  warp.store(inst.slots[0], product);
  if (inst.flags[2])
    warp.storePredicate(0, out);
}

void extendedOp(Decoder &d, uint8_t operation, bool carryIn, bool carryOut,
                Type type, size_t sources) {
  if (type.bits != 32 && type.bits != 64) {
    d.fail("carries go with 32- and 64-bit types");
    return;
  }
  Inst inst;
  inst.handler = operation == 3 && type.isSigned() && type.bits == 32
                     ? signedMadHi
                 : type.bits == 32 ? extended<uint32_t>
                                   : extended<uint64_t>;
  inst.flags = {operation, carryIn, carryOut};
  inst.slots[3] = inst.slots[2] = 0;
  for (size_t i = 1; i <= sources; ++i)
    inst.slots[i] = d.source(d.operand(i), type);
  if (sources == 2)
    inst.slots[3] = inst.slots[2];
  inst.slots[0] = d.destination(d.operand(0), type);
  d.emit(inst);
}

template <bool Subtract> void decodeAddSub(Decoder &d) {
  if (decodeFloatArithmetic(d))
    return;
  bool carry = d.take("cc"), saturate = d.take("sat");
  Type type = d.needType();
  if (carry)
    return extendedOp(d, Subtract, false, true, type, 2);
  if (type.packed)
    return Subtract ? void(d.fail("sub of packed integers"))
                    : simple(d, Map<&HalfPair<uint16_t>::add>::run, typeB32, 2);
  if (saturate) {
    if (type != typeS32)
      d.fail(".sat goes with .s32");
    return simple(d,
                  Subtract ? Map<&subSaturated>::run : Map<&addSaturated>::run,
                  type, 2);
  }
  simple(d, Subtract ? byInteger<Sub>(type) : byInteger<Add>(type), type, 2);
}

template <bool Subtract> void decodeWithCarry(Decoder &d) {
  bool out = d.take("cc");
  extendedOp(d, Subtract, true, out, d.needType(), 2);
}

void wide(Decoder &d, Type type, bool mad) {
  Type result = type;
  result.bits = static_cast<uint8_t>(type.bits * 2);
  Inst inst;
  bool isSigned = type.isSigned();
  if (type.bits == 16)
    inst.handler =
        mad ? (isSigned ? Map<&wideMad<int32_t, int16_t>>::run
                        : Map<&wideMad<uint32_t, uint16_t>>::run)
            : (isSigned ? Map<&wideProduct<int32_t, int16_t>>::run
                        : Map<&wideProduct<uint32_t, uint16_t>>::run);
  else if (type.bits == 32)
    inst.handler =
        mad ? (isSigned ? Map<&wideMad<int64_t, int32_t>>::run
                        : Map<&wideMad<uint64_t, uint32_t>>::run)
            : (isSigned ? Map<&wideProduct<int64_t, int32_t>>::run
                        : Map<&wideProduct<uint64_t, uint32_t>>::run);
  else
    d.fail(".wide goes with 16- and 32-bit types");
  inst.slots[1] = d.source(d.operand(1), type);
  inst.slots[2] = d.source(d.operand(2), type);
  if (mad)
    inst.slots[3] = d.source(d.operand(3), result);
  inst.slots[0] = d.destination(d.operand(0), result);
  d.emit(inst);
}

void decodeMul(Decoder &d) {
  if (decodeFloatArithmetic(d))
    return;
  int part = d.takeOneOf({"lo", "hi", "wide"});
  Type type = d.needType();
  if (part == 2)
    return wide(d, type, false);
  if (part < 0)
    d.fail("mul of integers needs .lo, .hi or .wide");
  simple(d, part == 0 ? byInteger<MulLo>(type) : byInteger<MulHi>(type), type,
         2);
}

void decodeMad(Decoder &d) {
  if (decodeFloatArithmetic(d))
    return;
  int part = d.takeOneOf({"lo", "hi", "wide"});
  bool carry = d.take("cc"), saturate = d.take("sat");
  Type type = d.needType();
  if (part < 0)
    d.fail("mad of integers needs .lo, .hi or .wide");
  if (part == 2)
    return wide(d, type, true);
  if (carry)
    return extendedOp(d, part == 0 ? 2 : 3, false, true, type, 3);
  if (saturate)
    return simple(d, Map<&madHiSaturated>::run, typeS32, 3);
  simple(d, part == 0 ? byInteger<MadLo>(type) : byInteger<MadHi>(type), type,
         3);
}

void decodeMadc(Decoder &d) {
  int part = d.takeOneOf({"lo", "hi"});
  bool out = d.take("cc");
  extendedOp(d, part == 1 ? 3 : 2, true, out, d.needType(), 3);
}

template <template <typename> class Op, int Sources>
void decodeSimple(Decoder &d) {
  if (decodeFloatArithmetic(d))
    return;
  Type type = d.needType();
  simple(d, byInteger<Op>(type), type, Sources);
}

template <bool Least> void decodeMinMax(Decoder &d) {
  if (decodeFloatArithmetic(d))
    return;
  bool relu = d.take("relu");
  Type type = d.needType();
  if (relu && type != typeS32) {
    d.fail(".relu of integers goes with .s32");
    return;
  }
  if (relu)
    return simple(d, Least ? Map<&minRelu>::run : Map<&maxRelu>::run, typeS32,
                  2);
  if (type.packed) {
    using S = HalfPair<int16_t>;
    using U = HalfPair<uint16_t>;
    Handler handler = type.isSigned()
                          ? (Least ? Map<&S::min>::run : Map<&S::max>::run)
                          : (Least ? Map<&U::min>::run : Map<&U::max>::run);
    return simple(d, handler, typeB32, 2);
  }
  simple(d, Least ? byInteger<Min>(type) : byInteger<Max>(type), type, 2);
}

template <bool Mad> void decode24(Decoder &d) {
  bool high = d.takeOneOf({"lo", "hi"}) == 1;
  Type type = d.needType();
  Handler handler;
  if constexpr (Mad)
    handler = type.isSigned() ? (high ? Map<&mad24<true, true>>::run
                                      : Map<&mad24<true, false>>::run)
                              : (high ? Map<&mad24<false, true>>::run
                                      : Map<&mad24<false, false>>::run);
  else
    handler = type.isSigned() ? (high ? Map<&mul24<true, true>>::run
                                      : Map<&mul24<true, false>>::run)
                              : (high ? Map<&mul24<false, true>>::run
                                      : Map<&mul24<false, false>>::run);
  simple(d, handler, type, Mad ? 3 : 2);
}

// flags: a signed, b signed, dp2a: 1 for .lo, 2 for .hi, 0 for dp4a.
void dot(Warp &warp, const Inst &inst) {
  const auto *a = warp.src<uint32_t>(inst.slots[1]);
  const auto *b = warp.src<uint32_t>(inst.slots[2]);
  const auto *c = warp.src<uint32_t>(inst.slots[3]);
  auto part = [](uint32_t value, int bits, int index, bool isSigned) {
    uint32_t field = value >> (bits * index) & ((1u << bits) - 1);
    return isSigned ? static_cast<int32_t>(field << (32 - bits)) >> (32 - bits)
                    : static_cast<int32_t>(field);
  };
  uint32_t result[32];
  for (int lane = 0; lane < 32; ++lane) {
    int64_t sum = 0;
    if (inst.flags[2] == 0)
      for (int i = 0; i < 4; ++i)
        sum += int64_t{part(a[lane], 8, i, inst.flags[0])} *
               part(b[lane], 8, i, inst.flags[1]);
    else
      for (int i = 0; i < 2; ++i)
        sum += int64_t{part(a[lane], 16, i, inst.flags[0])} *
               part(b[lane], 8, i + (inst.flags[2] - 1) * 2, inst.flags[1]);
    result[lane] = c[lane] + static_cast<uint32_t>(sum);
  }
  warp.store(inst.slots[0], result);
}

template <bool Two> void decodeDot(Decoder &d) {
  int half = Two ? d.takeOneOf({"lo", "hi"}) : 0;
  Type a = d.needType(), b = d.needType();
  Inst inst;
  inst.handler = dot;
  inst.flags = {a.isSigned(), b.isSigned(),
                static_cast<uint8_t>(Two ? half + 1 : 0)};
  for (int i = 1; i <= 3; ++i)
    inst.slots[i] = d.source(d.operand(i), typeB32);
  inst.slots[0] = d.destination(d.operand(0), typeB32);
  d.emit(inst);
}

} // namespace

void addIntegerOps(Families &families) {
  families["add"] = decodeAddSub<false>;
  families["sub"] = decodeAddSub<true>;
  families["addc"] = decodeWithCarry<false>;
  families["subc"] = decodeWithCarry<true>;
  families["mul"] = decodeMul;
  families["mad"] = decodeMad;
  families["madc"] = decodeMadc;
  families["div"] = decodeSimple<Div, 2>;
  families["rem"] = decodeSimple<Rem, 2>;
  families["abs"] = decodeSimple<Abs, 1>;
  families["neg"] = decodeSimple<Neg, 1>;
  families["sad"] = decodeSimple<Sad, 3>;
  families["min"] = decodeMinMax<true>;
  families["max"] = decodeMinMax<false>;
  families["mul24"] = decode24<false>;
  families["mad24"] = decode24<true>;
  families["dp4a"] = decodeDot<false>;
  families["dp2a"] = decodeDot<true>;
}

} // namespace swallow::emulator
