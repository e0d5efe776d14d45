//===- BitOps.cpp - logic, shifts and bit fields --------------------------===//
//
// PTX ISA, "Logic and Shift Instructions" and the bit field instructions of
// "Integer Arithmetic Instructions".
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"

#include <algorithm>
#include <bit>

namespace swallow::emulator {

using ptx::Type;
using ptx::TypeClass;

namespace {

template <typename T> T bitAnd(T a, T b) { return a & b; }
template <typename T> T bitOr(T a, T b) { return a | b; }
template <typename T> T bitXor(T a, T b) { return a ^ b; }
template <typename T> T bitNot(T a) { return static_cast<T>(~a); }
template <typename T> T isZero(T a) { return a == 0; }
// Shifts by the width or more give zeros (or signs).
template <typename T> T shiftLeft(T a, uint32_t by) {
  return by >= 8 * sizeof(T) ? T{0} : static_cast<T>(a << by);
}
template <typename T> T shiftRight(T a, uint32_t by) {
  uint32_t width = 8 * sizeof(T);
  if (by >= width)
    return std::is_signed_v<T> && a < 0 ? static_cast<T>(-1) : T{0};
  return static_cast<T>(a >> by);
}
template <bool Clamp> uint32_t funnelLeft(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t by = Clamp ? std::min(c, 32u) : c & 31;
  uint64_t both = uint64_t{b} << 32 | a;
  return static_cast<uint32_t>(both << by >> 32);
}
template <bool Clamp> uint32_t funnelRight(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t by = Clamp ? std::min(c, 32u) : c & 31;
  uint64_t both = uint64_t{b} << 32 | a;
  return static_cast<uint32_t>(both >> by);
}
template <typename T> uint32_t popc(T a) { return std::popcount(a); }
template <typename T> uint32_t clz(T a) { return std::countl_zero(a); }
template <typename T> T brev(T a) {
  T result = 0;
  for (size_t i = 0; i < 8 * sizeof(T); ++i)
    result |= (a >> i & 1) << (8 * sizeof(T) - 1 - i);
  return result;
}
template <typename T, bool ShiftAmount> uint32_t findLeading(T a) {
  using U = std::make_unsigned_t<T>;
  U bits =
      std::is_signed_v<T> && a < 0 ? ~static_cast<U>(a) : static_cast<U>(a);
  if (bits == 0)
    return 0xffffffffu;
  uint32_t position = 8 * sizeof(T) - 1 - std::countl_zero(bits);
  return ShiftAmount ? 8 * sizeof(T) - 1 - position : position;
}
// bfe: the ISA's pseudocode; the sign bit is the field's top one, or the
// value's own when the field reaches beyond it.
template <typename T> T extract(T a, uint32_t b, uint32_t c) {
  using U = std::make_unsigned_t<T>;
  uint32_t width = 8 * sizeof(T), top = width - 1;
  uint32_t position = b & 0xff, length = c & 0xff;
  U bits = static_cast<U>(a);
  bool sign = std::is_signed_v<T> && length != 0 &&
              (bits >> std::min(position + length - 1, top) & 1);
  U result = position < width ? bits >> position : 0;
  uint32_t have = position < width ? std::min(length, width - position) : 0;
  if (have < width)
    result &= (U{1} << have) - 1;
  if (sign && have < width)
    result |= ~((U{1} << have) - 1);
  return static_cast<T>(result);
}
template <typename T> T insert(T a, T b, uint32_t c, uint32_t d) {
  uint32_t width = 8 * sizeof(T);
  uint32_t position = c & 0xff, length = d & 0xff;
  if (position >= width || length == 0)
    return b;
  length = std::min(length, width - position);
  T field = length == width ? ~T{0} : ((T{1} << length) - 1);
  return (b & ~(field << position)) | ((a & field) << position);
}
uint32_t lop3(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t result = 0;
  for (int i = 0; i < 8; ++i)
    if (table >> i & 1)
      result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  return result;
}
template <int Mode> uint32_t prmt(uint32_t a, uint32_t b, uint32_t c) {
  uint64_t bytes = uint64_t{b} << 32 | a;
  uint32_t result = 0, s = c & 3;
  for (uint32_t i = 0; i < 4; ++i) {
    uint32_t from = 0;
    bool sign = false;
    switch (Mode) {
    case 0: // by selectors
      from = c >> 4 * i & 7;
      sign = c >> 4 * i & 8;
      break;
    case 1: // f4e
      from = s + i;
      break;
    case 2: // b4e
      from = (s - i) & 7;
      break;
    case 3: // rc8
      from = s;
      break;
    case 4: // ecl
      from = std::max(i, s);
      break;
    case 5: // ecr
      from = std::min(i, s);
      break;
    default: // rc16
      from = (s & 1) * 2 + (i & 1);
      break;
    }
    uint32_t byte = static_cast<uint32_t>(bytes >> 8 * from) & 0xff;
    if (sign)
      byte = byte & 0x80 ? 0xff : 0;
    result |= byte << 8 * i;
  }
  return result;
}
uint32_t findNth(uint32_t mask, uint32_t base, int32_t offset) {
  base &= 31;
  if (offset == 0)
    return mask >> base & 1 ? base : 0xffffffffu;
  int32_t step = offset > 0 ? 1 : -1, left = std::abs(offset);
  for (int32_t at = static_cast<int32_t>(base); at >= 0 && at < 32; at += step)
    if (mask >> at & 1 && --left == 0)
      return static_cast<uint32_t>(at);
  return 0xffffffffu;
}
template <bool Clamp> uint32_t mask(uint32_t a, uint32_t b) {
  if (!Clamp) {
    a &= 31;
    b &= 31;
  }
  uint64_t bits = b >= 64 ? ~uint64_t{0} : (uint64_t{1} << b) - 1;
  return a >= 32 ? 0 : static_cast<uint32_t>(bits << a);
}
template <bool Clamp, bool Signed> uint32_t extend(uint32_t a, uint32_t b) {
  uint32_t bits = Clamp ? b : b & 31;
  if (bits >= 32)
    return a;
  uint32_t low = bits ? a & ((1u << bits) - 1) : 0;
  if (Signed && bits && a >> (bits - 1) & 1)
    low |= ~((1u << bits) - 1);
  return low;
}

void emit(Decoder &d, Handler handler, Type to,
          std::initializer_list<Type> sources) {
  if (!handler) {
    d.fail("this type is not allowed here");
    return;
  }
  if (!d.expectOperands(sources.size() + 1, sources.size() + 1))
    return;
  Inst inst;
  inst.handler = handler;
  size_t i = 1;
  for (Type type : sources) {
    inst.slots[i] = d.source(d.operand(i), type);
    ++i;
  }
  inst.slots[0] = d.destination(d.operand(0), to);
  d.emit(inst);
}

template <typename F> Handler byBits(Type type, F pick) {
  switch (type.bits) {
  case 16:
    return pick(uint16_t{});
  case 32:
    return pick(uint32_t{});
  case 64:
    return pick(uint64_t{});
  default:
    return nullptr;
  }
}

template <int Operation> void predicateLogic(Warp &warp, const Inst &inst) {
  uint32_t a = warp.predicate(inst.slots[1]);
  uint32_t b = warp.predicate(inst.slots[2]);
  warp.storePredicate(inst.slots[0], Operation == 0   ? a & b
                                     : Operation == 1 ? a | b
                                     : Operation == 2 ? a ^ b
                                                      : ~a);
}

template <int Operation> void decodeLogic(Decoder &d) {
  Type type = d.needType();
  if (type.kind == TypeClass::Pred) {
    Handler handler = predicateLogic<Operation>;
    return Operation == 3 ? emit(d, handler, type, {type})
                          : emit(d, handler, type, {type, type});
  }
  Handler handler = byBits(type, [](auto zero) -> Handler {
    using T = decltype(zero);
    if constexpr (Operation == 0)
      return Map<&bitAnd<T>>::run;
    else if constexpr (Operation == 1)
      return Map<&bitOr<T>>::run;
    else if constexpr (Operation == 2)
      return Map<&bitXor<T>>::run;
    else if constexpr (Operation == 3)
      return Map<&bitNot<T>>::run;
    else
      return Map<&isZero<T>>::run;
  });
  if (Operation >= 3)
    emit(d, handler, type, {type});
  else
    emit(d, handler, type, {type, type});
}

void decodeShl(Decoder &d) {
  Type type = d.needType();
  emit(d,
       byBits(type,
              [](auto zero) -> Handler {
                return Map<&shiftLeft<decltype(zero)>>::run;
              }),
       type, {type, typeU32});
}

void decodeShr(Decoder &d) {
  Type type = d.needType();
  Handler handler = byBits(type, [&](auto zero) -> Handler {
    using U = decltype(zero);
    using S = std::make_signed_t<U>;
    return type.isSigned() ? Map<&shiftRight<S>>::run
                           : Map<&shiftRight<U>>::run;
  });
  emit(d, handler, type, {type, typeU32});
}

void decodeShf(Decoder &d) {
  bool right = d.takeOneOf({"l", "r"}) == 1;
  bool clamp = d.takeOneOf({"wrap", "clamp"}) == 1;
  Type type = d.needType();
  Handler handler = right ? (clamp ? Map<&funnelRight<true>>::run
                                   : Map<&funnelRight<false>>::run)
                          : (clamp ? Map<&funnelLeft<true>>::run
                                   : Map<&funnelLeft<false>>::run);
  emit(d, handler, type, {type, type, typeU32});
}

void decodePopc(Decoder &d) {
  Type type = d.needType();
  emit(d,
       type.bits == 64 ? Map<&popc<uint64_t>>::run : Map<&popc<uint32_t>>::run,
       typeU32, {type});
}
void decodeClz(Decoder &d) {
  Type type = d.needType();
  emit(d, type.bits == 64 ? Map<&clz<uint64_t>>::run : Map<&clz<uint32_t>>::run,
       typeU32, {type});
}
void decodeBrev(Decoder &d) {
  Type type = d.needType();
  emit(d,
       type.bits == 64 ? Map<&brev<uint64_t>>::run : Map<&brev<uint32_t>>::run,
       type, {type});
}
void decodeBfind(Decoder &d) {
  bool amount = d.take("shiftamt");
  Type type = d.needType();
  auto pick = [&](auto zero) -> Handler {
    using T = decltype(zero);
    return amount ? Map<&findLeading<T, true>>::run
                  : Map<&findLeading<T, false>>::run;
  };
  Handler handler =
      type.bits == 64 ? (type.isSigned() ? pick(int64_t{}) : pick(uint64_t{}))
                      : (type.isSigned() ? pick(int32_t{}) : pick(uint32_t{}));
  emit(d, handler, typeU32, {type});
}
void decodeBfe(Decoder &d) {
  Type type = d.needType();
  Handler handler = type.bits == 64
                        ? (type.isSigned() ? Map<&extract<int64_t>>::run
                                           : Map<&extract<uint64_t>>::run)
                        : (type.isSigned() ? Map<&extract<int32_t>>::run
                                           : Map<&extract<uint32_t>>::run);
  emit(d, handler, type, {type, typeU32, typeU32});
}
void decodeBfi(Decoder &d) {
  Type type = d.needType();
  emit(d,
       type.bits == 64 ? Map<&insert<uint64_t>>::run
                       : Map<&insert<uint32_t>>::run,
       type, {type, type, typeU32, typeU32});
}
void decodeLop3(Decoder &d) {
  Type type = d.needType();
  emit(d, Map<&lop3>::run, type, {type, type, type, typeU32});
}
void decodePrmt(Decoder &d) {
  Type type = d.needType();
  static constexpr Handler modes[] = {Map<&prmt<1>>::run, Map<&prmt<2>>::run,
                                      Map<&prmt<3>>::run, Map<&prmt<4>>::run,
                                      Map<&prmt<5>>::run, Map<&prmt<6>>::run};
  int mode = d.takeOneOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  emit(d, mode < 0 ? Map<&prmt<0>>::run : modes[mode], type,
       {type, type, typeU32});
}
void decodeFns(Decoder &d) {
  Type type = d.needType();
  emit(d, Map<&findNth>::run, type, {typeB32, typeB32, typeS32});
}
void decodeBmsk(Decoder &d) {
  bool clamp = d.takeOneOf({"wrap", "clamp"}) == 1;
  Type type = d.needType();
  emit(d, clamp ? Map<&mask<true>>::run : Map<&mask<false>>::run, type,
       {typeU32, typeU32});
}
void decodeSzext(Decoder &d) {
  bool clamp = d.takeOneOf({"wrap", "clamp"}) == 1;
  Type type = d.needType();
  Handler handler = type.isSigned() ? (clamp ? Map<&extend<true, true>>::run
                                             : Map<&extend<false, true>>::run)
                                    : (clamp ? Map<&extend<true, false>>::run
                                             : Map<&extend<false, false>>::run);
  emit(d, handler, type, {type, typeU32});
}

} // namespace

void addBitOps(Families &families) {
  families["and"] = decodeLogic<0>;
  families["or"] = decodeLogic<1>;
  families["xor"] = decodeLogic<2>;
  families["not"] = decodeLogic<3>;
  families["cnot"] = decodeLogic<4>;
  families["shl"] = decodeShl;
  families["shr"] = decodeShr;
  families["shf"] = decodeShf;
  families["popc"] = decodePopc;
  families["clz"] = decodeClz;
  families["brev"] = decodeBrev;
  families["bfind"] = decodeBfind;
  families["bfe"] = decodeBfe;
  families["bfi"] = decodeBfi;
  families["lop3"] = decodeLop3;
  families["prmt"] = decodePrmt;
  families["fns"] = decodeFns;
  families["bmsk"] = decodeBmsk;
  families["szext"] = decodeSzext;
}

} // namespace swallow::emulator
