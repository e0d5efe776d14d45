//===- Moves.cpp - mov, cvta, isspacep, special registers -----------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"

#include <chrono>

namespace swallow::emulator {

using ptx::Operand;
using ptx::Type;
using ptx::TypeClass;

void negatePredicate(Warp &warp, const Inst &inst) {
  warp.storePredicate(inst.slots[0], ~warp.predicate(inst.slots[1]));
}

namespace {

template <typename To, typename From> To convert(From value) {
  return static_cast<To>(value);
}
// 8-bit values sit in 16-bit lanes; only their low half counts.
template <typename To, typename Byte> To convertByte(uint16_t value) {
  return static_cast<To>(static_cast<Byte>(value));
}
template <typename T> T same(T value) { return value; }

struct Wide {
  uint64_t low, high;
};

void movePredicate(Warp &warp, const Inst &inst) {
  warp.storePredicate(inst.slots[0], warp.predicate(inst.slots[1]));
}

/// flags: number of elements, bytes of each.
void pack(Warp &warp, const Inst &inst) {
  uint32_t count = inst.flags[0], bytes = inst.flags[1];
  uint8_t *into = warp.reg<uint8_t>(inst.slots[0]);
  uint8_t result[32 * 16];
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t *from = warp.src<uint8_t>(inst.slots[1 + i]);
    for (int lane = 0; lane < 32; ++lane)
      std::memcpy(result + (lane * count + i) * bytes, from + lane * bytes,
                  bytes);
  }
  for (int lane = 0; lane < 32; ++lane)
    if (warp.mask >> lane & 1)
      std::memcpy(into + lane * count * bytes, result + lane * count * bytes,
                  count * bytes);
}

/// The reverse: slots[0...] are the elements, slots[8] the source.
void unpack(Warp &warp, const Inst &inst) {
  uint32_t count = inst.flags[0], bytes = inst.flags[1];
  uint8_t whole[32 * 16];
  std::memcpy(whole, warp.src<uint8_t>(inst.slots[8]), 32 * count * bytes);
  for (uint32_t i = 0; i < count; ++i) {
    uint8_t *into = warp.reg<uint8_t>(inst.slots[i]);
    for (int lane = 0; lane < 32; ++lane)
      if (warp.mask >> lane & 1)
        std::memcpy(into + lane * bytes, whole + (lane * count + i) * bytes,
                    bytes);
  }
}

Handler moveHandler(Type type) {
  switch (storageBits(type)) {
  case 1:
    return movePredicate;
  case 16:
    return Map<&same<uint16_t>>::run;
  case 32:
    return Map<&same<uint32_t>>::run;
  case 64:
    return Map<&same<uint64_t>>::run;
  default:
    return Map<&same<Wide>>::run;
  }
}

void decodeMove(Decoder &d) {
  Type type = d.needType();
  if (!d.expectOperands(2, 2))
    return;
  const Operand &to = d.operand(0), &from = d.operand(1);
  Inst inst;
  const Operand *vector = from.kind == Operand::Kind::Vector ? &from
                          : to.kind == Operand::Kind::Vector ? &to
                                                             : nullptr;
  if (!vector) {
    inst.handler = moveHandler(type);
    inst.slots[1] = d.source(from, type);
    inst.slots[0] = d.destination(to, type);
    d.emit(inst);
    return;
  }
  uint32_t count = vector->elements.size();
  uint32_t bits = count ? type.bits / count : 0;
  if ((count != 2 && count != 4) || (bits != 16 && bits != 32 && bits != 64)) {
    d.fail("a vector of that many elements for this type");
    return;
  }
  Type element{TypeClass::Bits, static_cast<uint8_t>(bits), false};
  inst.flags[0] = count;
  inst.flags[1] = bits / 8;
  bool packs = vector == &from;
  for (uint32_t i = 0; i < count; ++i)
    if (packs)
      inst.slots[1 + i] = d.source(vector->elements[i], element);
    else
      inst.slots[i] = d.destination(vector->elements[i], element);
  inst.handler = packs ? pack : unpack;
  (packs ? inst.slots[0] : inst.slots[8]) =
      packs ? d.destination(to, type) : d.source(from, type);
  d.emit(inst);
}

uint64_t windowOf(int space) {
  return space == 0   ? sharedWindow
         : space == 1 ? localWindow
         : space == 2 ? paramWindow
                      : 0;
}

int takeSpace(Decoder &d) {
  int space = d.takeOneOf({"shared", "local", "param", "global", "const",
                           "shared::cta", "shared::cluster", "param::entry"});
  if (space < 0)
    d.fail("a state space expected");
  return space == 5 || space == 6 ? 0 : space == 7 ? 2 : space;
}

uint64_t addWindow(uint64_t value, uint64_t window) { return value + window; }
uint64_t removeWindow(uint64_t value, uint64_t window) {
  return window ? value & ~(uint64_t{0xff} << 56) : value;
}

void decodeCvta(Decoder &d) {
  bool to = d.take("to");
  uint64_t window = windowOf(takeSpace(d));
  Type type = d.needType();
  if (type.bits != 64)
    d.fail("only 64-bit generic addresses are supported");
  Inst inst;
  inst.slots[1] = d.source(d.operand(1), type);
  inst.slots[2] = d.constant(typeB64, window);
  inst.slots[0] = d.destination(d.operand(0), type);
  inst.handler = to ? Map<&removeWindow>::run : Map<&addWindow>::run;
  d.emit(inst);
}

void isSpace(Warp &warp, const Inst &inst) {
  const auto *address = warp.src<uint64_t>(inst.slots[1]);
  uint32_t result = 0;
  for (int lane = 0; lane < 32; ++lane)
    result |= uint32_t{address[lane] >> 56 == inst.flags[0]} << lane;
  warp.storePredicate(inst.slots[0], result);
}

void decodeIsspacep(Decoder &d) {
  uint64_t window = windowOf(takeSpace(d));
  Inst inst;
  inst.flags[0] = static_cast<uint8_t>(window >> 56);
  inst.slots[1] = d.source(d.operand(1), typeB64);
  inst.slots[0] = d.predicateDestination(d.operand(0));
  inst.handler = isSpace;
  d.emit(inst);
}

enum Special : uint8_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId,
  WarpId,
  NWarpId,
  SmId,
  NSmId,
  GridId,
  Clock,
  ClockHigh,
  GlobalTimer,
  LaneEq,
  LaneLe,
  LaneLt,
  LaneGe,
  LaneGt,
  DynamicShared,
  TotalShared,
  Zero,
};

uint64_t specialValue(Warp &warp, Special what, uint32_t lane) {
  const Launch &launch = warp.launch;
  const LaunchShape &shape = launch.shape;
  uint32_t bit = 1u << lane;
  if (what <= TidZ)
    return warp.threadOf(lane)[what - TidX];
  if (what <= NtidZ)
    return shape.block[what - NtidX];
  if (what <= CtaidZ)
    return warp.block.index[what - CtaidX];
  if (what <= NctaidZ)
    return shape.grid[what - NctaidX];
  switch (what) {
  case LaneId:
    return lane;
  case WarpId:
    return warp.id;
  case NWarpId:
    return 64;
  case SmId:
    return warp.block.linear % 132;
  case NSmId:
    return 132;
  case Clock:
    return launch.executed;
  case ClockHigh:
    return launch.executed >> 32;
  case GlobalTimer:
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  case LaneEq:
    return bit;
  case LaneLt:
    return bit - 1;
  case LaneLe:
    return bit | (bit - 1);
  case LaneGt:
    return ~(bit | (bit - 1));
  case LaneGe:
    return ~(bit - 1);
  case DynamicShared:
    return shape.dynamicSharedBytes;
  case TotalShared:
    return launch.program->staticSharedEnd - sharedStart +
           shape.dynamicSharedBytes;
  default:
    return 0;
  }
}

/// flags: which, 64 bits or 32 or 16.
void readSpecial(Warp &warp, const Inst &inst) {
  auto what = static_cast<Special>(inst.flags[0]);
  uint64_t values[32];
  for (int lane = 0; lane < 32; ++lane)
    values[lane] = specialValue(warp, what, lane);
  if (inst.flags[1] == 64) {
    warp.store(inst.slots[0], values);
    return;
  }
  uint32_t low[32];
  uint16_t half[32];
  for (int lane = 0; lane < 32; ++lane) {
    low[lane] = static_cast<uint32_t>(values[lane]);
    half[lane] = static_cast<uint16_t>(values[lane]);
  }
  if (inst.flags[1] == 32)
    warp.store(inst.slots[0], low);
  else
    warp.store(inst.slots[0], half);
}

} // namespace

bool emitSpecialRegister(Decoder &decoder, const std::string &name, Type type,
                         Slot into) {
  static const std::unordered_map<std::string, Special> registers = {
      {"%tid.x", TidX},
      {"%tid.y", TidY},
      {"%tid.z", TidZ},
      {"%ntid.x", NtidX},
      {"%ntid.y", NtidY},
      {"%ntid.z", NtidZ},
      {"%ctaid.x", CtaidX},
      {"%ctaid.y", CtaidY},
      {"%ctaid.z", CtaidZ},
      {"%nctaid.x", NctaidX},
      {"%nctaid.y", NctaidY},
      {"%nctaid.z", NctaidZ},
      {"%laneid", LaneId},
      {"%warpid", WarpId},
      {"%nwarpid", NWarpId},
      {"%smid", SmId},
      {"%nsmid", NSmId},
      {"%gridid", GridId},
      {"%clock", Clock},
      {"%clock64", Clock},
      {"%clock_hi", ClockHigh},
      {"%globaltimer", GlobalTimer},
      {"%globaltimer_lo", GlobalTimer},
      {"%lanemask_eq", LaneEq},
      {"%lanemask_le", LaneLe},
      {"%lanemask_lt", LaneLt},
      {"%lanemask_ge", LaneGe},
      {"%lanemask_gt", LaneGt},
      {"%dynamic_smem_size", DynamicShared},
      {"%total_smem_size", TotalShared},
      {"WARP_SZ", Zero},
  };
  auto it = registers.find(name);
  uint32_t bits = storageBits(type);
  if (it == registers.end() || bits == 1 || bits == 128)
    return false;
  Inst inst;
  if (name == "WARP_SZ") {
    inst.handler = moveHandler(type);
    inst.slots[1] = decoder.constant(type, 32);
  } else {
    inst.handler = readSpecial;
    inst.flags[0] = it->second;
    inst.flags[1] = static_cast<uint8_t>(bits);
  }
  inst.slots[0] = into;
  decoder.emitHelper(inst);
  return true;
}

Handler resizeHandler(uint32_t from, uint32_t to, bool isSigned,
                      uint32_t valueBits) {
  if (valueBits == 8) {
    if (to == 16)
      return isSigned ? Map<&convertByte<uint16_t, int8_t>>::run
                      : Map<&convertByte<uint16_t, uint8_t>>::run;
    if (to == 32)
      return isSigned ? Map<&convertByte<uint32_t, int8_t>>::run
                      : Map<&convertByte<uint32_t, uint8_t>>::run;
    return isSigned ? Map<&convertByte<uint64_t, int8_t>>::run
                    : Map<&convertByte<uint64_t, uint8_t>>::run;
  }
  if (from == 16 && to == 32)
    return isSigned ? Map<&convert<int32_t, int16_t>>::run
                    : Map<&convert<uint32_t, uint16_t>>::run;
  if (from == 16 && to == 64)
    return isSigned ? Map<&convert<int64_t, int16_t>>::run
                    : Map<&convert<uint64_t, uint16_t>>::run;
  if (from == 32 && to == 64)
    return isSigned ? Map<&convert<int64_t, int32_t>>::run
                    : Map<&convert<uint64_t, uint32_t>>::run;
  if (from == 32 && to == 16)
    return Map<&convert<uint16_t, uint32_t>>::run;
  if (from == 64 && to == 16)
    return Map<&convert<uint16_t, uint64_t>>::run;
  if (from == 64 && to == 32)
    return Map<&convert<uint32_t, uint64_t>>::run;
  return nullptr;
}

void addMoves(Families &families) {
  families["mov"] = decodeMove;
  families["cvta"] = decodeCvta;
  families["isspacep"] = decodeIsspacep;
}

} // namespace swallow::emulator
