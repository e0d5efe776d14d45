//===- Conversions.cpp - cvt ----------------------------------------------===//
//
// PTX ISA, "Data Movement and Conversion Instructions: cvt". The frequent
// conversions have their own loops; the rest goes through one general path.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"
#include "test/cuda-emulator/exec/alu/Rounding.h"

#include <algorithm>
#include <limits>

namespace swallow::emulator {

using ptx::Type;
using ptx::TypeClass;

namespace {

/// An integer or a float of any format.
struct Value {
  bool isFloat = false;
  double real = 0;
  uint64_t bits = 0; ///< sign-extended for signed types
  bool isNegative = false;
};

// What flags mean: see `general`.
struct Options {
  Round round;
  bool integerRound, ftz, sat, relu;
};

uint64_t load(Warp &warp, Slot slot, Type type, int lane) {
  switch (storageBits(type)) {
  case 16:
    return warp.src<uint16_t>(slot)[lane];
  case 32:
    return warp.src<uint32_t>(slot)[lane];
  default:
    return warp.src<uint64_t>(slot)[lane];
  }
}

Value decodeValue(uint64_t raw, Type type, bool ftz) {
  Value value;
  value.isFloat = type.isFloat();
  if (type.kind == TypeClass::BFloat) {
    value.real = bf16ToF32(static_cast<uint16_t>(raw));
  } else if (type.isFloat()) {
    if (type.bits == 16) {
      value.real = f16ToF32(static_cast<uint16_t>(raw));
    } else if (type.bits == 32) {
      float single = std::bit_cast<float>(static_cast<uint32_t>(raw));
      value.real = ftz ? flushSubnormal(single) : single;
    } else {
      value.real = std::bit_cast<double>(raw);
    }
  } else {
    int unused = 64 - type.bits;
    if (type.isSigned()) {
      value.bits =
          static_cast<uint64_t>(static_cast<int64_t>(raw << unused) >> unused);
      value.isNegative = static_cast<int64_t>(value.bits) < 0;
    } else {
      value.bits = raw << unused >> unused;
    }
  }
  return value;
}

/// The integer as f64, rounded to odd where 53 bits do not hold it.
double toDouble(const Value &value) {
  uint64_t magnitude = value.isNegative ? 0 - value.bits : value.bits;
  if (magnitude >> 53) {
    bool sticky = magnitude & 0x7ff;
    magnitude = (magnitude & ~uint64_t{0x7ff}) | (sticky ? 0x800 : 0);
  }
  double real = static_cast<double>(magnitude);
  return value.isNegative ? -real : real;
}

double roundToInteger(double value, Round round) {
  switch (round) {
  case Round::Zero:
    return std::trunc(value);
  case Round::Down:
    return std::floor(value);
  case Round::Up:
    return std::ceil(value);
  default:
    return std::nearbyint(value);
  }
}

uint64_t encodeFloat(double value, Type type, const Options &options) {
  if (options.integerRound)
    value = roundToInteger(value, options.round);
  if (options.sat)
    value = value > 0 ? std::min(value, 1.0) : 0.0;
  if (options.relu && value <= 0)
    value = 0;
  Round round = options.integerRound ? Round::Nearest : options.round;
  if (type.kind == TypeClass::BFloat)
    return encodeBf16(value, round);
  if (type.bits == 16)
    return encodeF16(value, round);
  if (type.bits == 32) {
    float single = encodeF32(value, round);
    if (options.ftz)
      single = flushSubnormal(single);
    return std::bit_cast<uint32_t>(single);
  }
  return std::bit_cast<uint64_t>(canonical(value));
}

/// Clamped to the type's range, as float to integer always is. A NaN gives 0,
/// or the top bit alone where either type has 64 bits.
uint64_t encodeInteger(double value, Type type, Round round, bool fromF64) {
  if (value != value)
    return fromF64 || type.bits == 64 ? uint64_t{1} << (type.bits - 1) : 0;
  value = roundToInteger(value, round);
  if (type.isSigned()) {
    double low = -std::ldexp(1.0, type.bits - 1);
    double high = std::ldexp(1.0, type.bits - 1);
    if (value >= high)
      return (uint64_t{1} << (type.bits - 1)) - 1;
    if (value < low)
      value = low;
    return static_cast<uint64_t>(static_cast<int64_t>(value));
  }
  if (value <= 0)
    return 0;
  if (value >= std::ldexp(1.0, type.bits))
    return type.bits == 64 ? ~uint64_t{0} : (uint64_t{1} << type.bits) - 1;
  return static_cast<uint64_t>(value);
}

uint64_t saturateInteger(const Value &value, Type type) {
  int bits = type.bits;
  if (type.isSigned()) {
    int64_t high = bits == 64 ? std::numeric_limits<int64_t>::max()
                              : (int64_t{1} << (bits - 1)) - 1;
    bool tooHigh = !value.isNegative && value.bits > uint64_t(high);
    if (tooHigh)
      return static_cast<uint64_t>(high);
    return static_cast<uint64_t>(
        std::max(static_cast<int64_t>(value.bits), -high - 1));
  }
  if (value.isNegative)
    return 0;
  uint64_t high = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  return std::min(value.bits, high);
}

Type unpackType(uint8_t packed) {
  return Type{static_cast<TypeClass>(packed >> 5),
              static_cast<uint8_t>((packed & 31) * 8), false};
}
uint8_t packType(Type type) {
  return static_cast<uint8_t>(static_cast<uint8_t>(type.kind) << 5 |
                              type.bits / 8);
}

/// flags: destination and source type (packType), Round, and bits: 1 round to
/// an integer, 2 ftz, 4 sat, 8 relu.
void general(Warp &warp, const Inst &inst) {
  Type to = unpackType(inst.flags[0]), from = unpackType(inst.flags[1]);
  Options options{static_cast<Round>(inst.flags[2]), (inst.flags[3] & 1) != 0,
                  (inst.flags[3] & 2) != 0, (inst.flags[3] & 4) != 0,
                  (inst.flags[3] & 8) != 0};
  uint64_t results[32] = {};
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    Value value =
        decodeValue(load(warp, inst.slots[1], from, lane), from, options.ftz);
    if (to.isFloat())
      results[lane] = encodeFloat(value.isFloat ? value.real : toDouble(value),
                                  to, options);
    else if (value.isFloat)
      results[lane] =
          encodeInteger(value.real, to, options.round, from.bits == 64);
    else
      results[lane] = options.sat ? saturateInteger(value, to) : value.bits;
  }
  uint32_t bits = storageBits(to);
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    if (bits == 16)
      warp.reg<uint16_t>(inst.slots[0])[lane] =
          static_cast<uint16_t>(results[lane]);
    else if (bits == 32)
      warp.reg<uint32_t>(inst.slots[0])[lane] =
          static_cast<uint32_t>(results[lane]);
    else
      warp.reg<uint64_t>(inst.slots[0])[lane] = results[lane];
  }
}

template <typename To, typename From> To plain(From value) {
  return static_cast<To>(value);
}
float fromF16(uint16_t bits) { return canonical(f16ToF32(bits)); }
float fromBf16(uint16_t bits) { return canonical(bf16ToF32(bits)); }
uint16_t toF16(float value) { return encodeF16(value); }
uint16_t toBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fffu
                                                                  : rounded);
}

bool isInt(Type type, bool isSigned, int bits) {
  return type.isInteger() && type.isSigned() == isSigned && type.bits == bits;
}

/// Null when only the general path does it.
Handler fastHandler(Type to, Type from, uint8_t modes, Round round) {
  if (modes)
    return nullptr;
  bool f32To = to == Type{TypeClass::Float, 32, false};
  bool f32From = from == Type{TypeClass::Float, 32, false};
  if (f32To && from == Type{TypeClass::Float, 16, false})
    return Map<&fromF16>::run;
  if (f32To && from.kind == TypeClass::BFloat)
    return Map<&fromBf16>::run;
  if (round == Round::Nearest && f32From && !to.packed) {
    if (to == Type{TypeClass::Float, 16, false})
      return Map<&toF16>::run;
    if (to.kind == TypeClass::BFloat)
      return Map<&toBf16>::run;
  }
  if (round == Round::Nearest && f32To) {
    if (isInt(from, true, 32))
      return Map<&plain<float, int32_t>>::run;
    if (isInt(from, false, 32))
      return Map<&plain<float, uint32_t>>::run;
  }
  if (to.isInteger() && from.isInteger()) {
    if (to.bits == 64 && isInt(from, true, 32))
      return Map<&plain<uint64_t, int32_t>>::run;
    if (to.bits == 64 && isInt(from, false, 32))
      return Map<&plain<uint64_t, uint32_t>>::run;
    if (to.bits == 32 && from.bits == 64)
      return Map<&plain<uint32_t, uint64_t>>::run;
    if (to.bits == 32 && isInt(from, true, 16))
      return Map<&plain<uint32_t, int16_t>>::run;
    if (to.bits == 32 && isInt(from, false, 16))
      return Map<&plain<uint32_t, uint16_t>>::run;
    if (to.bits == 16 && from.bits == 32)
      return Map<&plain<uint16_t, uint32_t>>::run;
  }
  return nullptr;
}

/// cvt to f16x2 and bf16x2 from two f32: d = {a in the upper half, b}.
/// flags as in `general`, flags[0] of the half.
void pair(Warp &warp, const Inst &inst) {
  Type to = unpackType(inst.flags[0]);
  Options options{static_cast<Round>(inst.flags[2]), false,
                  (inst.flags[3] & 2) != 0, (inst.flags[3] & 4) != 0,
                  (inst.flags[3] & 8) != 0};
  const float *high = warp.src<float>(inst.slots[1]);
  const float *low = warp.src<float>(inst.slots[2]);
  uint32_t result[32];
  for (int lane = 0; lane < 32; ++lane)
    result[lane] = static_cast<uint32_t>(encodeFloat(high[lane], to, options))
                       << 16 |
                   static_cast<uint32_t>(encodeFloat(low[lane], to, options));
  warp.store(inst.slots[0], result);
}

/// cvt.rna.tf32.f32 and .rn: 10 bits of mantissa in the upper bits.
void tf32(Warp &warp, const Inst &inst) {
  const float *a = warp.src<float>(inst.slots[1]);
  uint32_t result[32];
  for (int lane = 0; lane < 32; ++lane)
    result[lane] = encode<10, 8>(a[lane], static_cast<Round>(inst.flags[2]))
                   << 13;
  warp.store(inst.slots[0], result);
}

void decodeCvt(Decoder &d) {
  int integerRound = d.takeOneOf({"rni", "rzi", "rmi", "rpi"});
  int floatRound = d.takeOneOf({"rn", "rz", "rm", "rp", "rna"});
  bool ftz = d.take("ftz"), sat = d.take("sat"), relu = d.take("relu");
  if (d.take("satfinite"))
    d.fail(".satfinite is not supported");
  bool isTf32 = d.take("tf32");
  Type to = isTf32 ? typeB32 : d.needType();
  Type from = d.needType();
  Round round = static_cast<Round>(integerRound >= 0 ? integerRound
                                                     : std::max(floatRound, 0));
  Inst inst;
  inst.flags[2] = static_cast<uint8_t>(round);
  if (isTf32) {
    inst.handler = tf32;
    inst.slots[1] = d.source(d.operand(1), from);
    inst.slots[0] = d.destination(d.operand(0), typeB32);
    d.emit(inst);
    return;
  }
  uint8_t modes = ftz << 1 | sat << 2 | relu << 3;
  if (to.packed) {
    inst.flags[0] = packType(Type{to.kind, 16, false});
    inst.flags[3] = modes;
    inst.handler = pair;
    if (!d.expectOperands(3, 3))
      return;
    inst.slots[1] = d.source(d.operand(1), from);
    inst.slots[2] = d.source(d.operand(2), from);
    inst.slots[0] = d.destination(d.operand(0), to);
    d.emit(inst);
    return;
  }
  bool toInteger = from.isFloat() && to.isInteger();
  if (toInteger && integerRound < 0)
    d.fail("float to integer needs .rni, .rzi, .rmi or .rpi");
  bool narrows =
      (from.isInteger() && to.isFloat()) ||
      (from.isFloat() && to.isFloat() &&
       (to.bits < from.bits || (to.bits == from.bits && to.kind != from.kind)));
  if (narrows && floatRound < 0)
    d.fail("this conversion needs a rounding");
  if (!d.expectOperands(2, 2))
    return;
  if (integerRound >= 0 && !toInteger)
    modes |= 1;
  inst.handler = fastHandler(to, from, modes, round);
  if (!inst.handler || from.bits == 8 || to.bits == 8)
    inst.handler = general;
  inst.flags[0] = packType(to);
  inst.flags[1] = packType(from);
  inst.flags[3] = modes;
  inst.slots[1] = d.source(d.operand(1), from, true);
  inst.slots[0] = d.destination(d.operand(0), to, true);
  d.emit(inst);
}

} // namespace

void addConversions(Families &families) { families["cvt"] = decodeCvt; }

} // namespace swallow::emulator
