//===- MemoryOps.cpp - ld, st, prefetch and hints -------------------------===//
//
// PTX ISA, "Data Movement and Conversion Instructions".
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"
#include "test/cuda-emulator/exec/memory/MemoryAccess.h"
#include "test/cuda-emulator/exec/memory/MemoryModifiers.h"

namespace swallow::emulator {

using ptx::Operand;
using ptx::Space;
using ptx::Type;
using ptx::TypeClass;

MemoryMode takeMemoryMode(Decoder &d, bool strong) {
  MemoryMode mode;
  mode.strong = strong;
  int order = d.takeOneOf(
      {"weak", "volatile", "relaxed", "acquire", "release", "acq_rel"});
  mode.strong |= order >= 1;
  mode.acquire = order == 3 || order == 5;
  mode.release = order == 4 || order == 5;
  int scope = d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  mode.scope = scope == 0 ? Scope::Cta : Scope::Gpu;
  int space = d.takeOneOf({"global", "shared", "local", "param", "const",
                           "shared::cta", "param::entry", "param::func"});
  static constexpr Space spaces[] = {
      Space::Global, Space::Shared, Space::Local, Space::Param,
      Space::Const,  Space::Shared, Space::Param, Space::Param};
  if (space >= 0)
    mode.space = spaces[space];
  mode.nonCoherent = d.take("nc");
  d.takeOneOf({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  d.takePrefixed("L1::");
  d.takePrefixed("L2::");
  d.take("unified");
  return mode;
}

namespace {

// slots[0]: address; slots[1...]: registers. flags: how many, bytes of each.
enum : int { CountFlag, BytesFlag };

template <typename Memory, typename Lane>
void gather(Warp &warp, Slot slot, uint8_t *const (&from)[32], uint32_t at) {
  Lane *into = warp.reg<Lane>(slot);
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    Memory value;
    std::memcpy(&value, from[lane] + at, sizeof value);
    if constexpr (sizeof(Memory) == sizeof(Lane))
      std::memcpy(&into[lane], &value, sizeof value);
    else
      into[lane] = value;
  }
}

template <typename Memory, typename Lane>
void scatter(Warp &warp, Slot slot, uint8_t *const (&to)[32], uint32_t at) {
  const Lane *from = warp.src<Lane>(slot);
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    std::memcpy(to[lane] + at, &from[lane], sizeof(Memory));
  }
}

struct Wide {
  uint64_t low, high;
};

void synchronize(Warp &warp, const Inst &inst, const uint64_t (&addresses)[32],
                 bool isStore) {
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    uint64_t address = addresses[std::countr_zero(rest)];
    SyncLocations &locations = syncLocations(warp, inst.memory.space, address);
    if (isStore)
      locations.release(address, warp.order, inst.memory.scope, false,
                        inst.memory.release, warp.launch.memory->raceClock);
    else
      locations.acquire(address, warp.order, inst.memory.scope,
                        inst.memory.acquire);
  }
}

void load(Warp &warp, const Inst &inst) {
  uint64_t addresses[32];
  warp.addresses(inst, inst.slots[0], addresses);
  uint32_t bytes = inst.flags[BytesFlag], count = inst.flags[CountFlag];
  uint8_t *pointers[32];
  if (inst.memory.strong)
    synchronize(warp, inst, addresses, false);
  if (!access(warp, inst, inst.memory.space, warp.mask, addresses,
              bytes * count, bytes * count, AccessKind::Read, pointers))
    return;
  for (uint32_t i = 0; i < count; ++i) {
    Slot slot = inst.slots[1 + i];
    switch (bytes) {
    case 1:
      gather<uint8_t, uint16_t>(warp, slot, pointers, i);
      break;
    case 2:
      gather<uint16_t, uint16_t>(warp, slot, pointers, i * 2);
      break;
    case 4:
      gather<uint32_t, uint32_t>(warp, slot, pointers, i * 4);
      break;
    case 8:
      gather<uint64_t, uint64_t>(warp, slot, pointers, i * 8);
      break;
    default:
      gather<Wide, Wide>(warp, slot, pointers, i * 16);
      break;
    }
  }
}

void store(Warp &warp, const Inst &inst) {
  uint64_t addresses[32];
  warp.addresses(inst, inst.slots[0], addresses);
  uint32_t bytes = inst.flags[BytesFlag], count = inst.flags[CountFlag];
  uint8_t *pointers[32];
  if (!access(warp, inst, inst.memory.space, warp.mask, addresses,
              bytes * count, bytes * count, AccessKind::Write, pointers))
    return;
  for (uint32_t i = 0; i < count; ++i) {
    Slot slot = inst.slots[1 + i];
    switch (bytes) {
    case 1:
      scatter<uint8_t, uint16_t>(warp, slot, pointers, i);
      break;
    case 2:
      scatter<uint16_t, uint16_t>(warp, slot, pointers, i * 2);
      break;
    case 4:
      scatter<uint32_t, uint32_t>(warp, slot, pointers, i * 4);
      break;
    case 8:
      scatter<uint64_t, uint64_t>(warp, slot, pointers, i * 8);
      break;
    default:
      scatter<Wide, Wide>(warp, slot, pointers, i * 16);
      break;
    }
  }
  // Flags of shared and global memory only order what others can see.
  if (inst.memory.strong)
    synchronize(warp, inst, addresses, true);
}

void decodeLoadStore(Decoder &d, bool isLoad) {
  Inst inst;
  inst.memory = takeMemoryMode(d);
  int vector = d.takeOneOf({"v2", "v4", "v8"});
  uint32_t count = vector < 0 ? 1 : 2u << vector;
  Type type = d.needType();
  if (type.bytes() * count > 16) {
    d.fail("an access of more than 16 bytes per thread");
    return;
  }
  // A last operand may be a cache policy.
  if (!d.expectOperands(2, 3))
    return;
  inst.flags[CountFlag] = static_cast<uint8_t>(count);
  inst.flags[BytesFlag] = static_cast<uint8_t>(type.bytes());
  inst.handler = isLoad ? load : store;
  d.address(inst, d.operand(isLoad ? 1 : 0), 0);
  const Operand &value = d.operand(isLoad ? 0 : 1);
  bool isVector = value.kind == Operand::Kind::Vector;
  if (isVector != (count > 1) || (isVector && value.elements.size() != count)) {
    d.fail("a vector of another number of elements");
    return;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const Operand &element = isVector ? value.elements[i] : value;
    inst.slots[1 + i] = isLoad ? d.destination(element, type, true)
                               : d.source(element, type, true);
  }
  if (inst.memory.space == Space::Const && !isLoad)
    d.fail("st to .const");
  d.emit(inst);
}

void decodeLoad(Decoder &d) { decodeLoadStore(d, true); }
void decodeStore(Decoder &d) { decodeLoadStore(d, false); }

void nothing(Warp &, const Inst &) {}

/// prefetch, discard, applypriority: no effect that could be seen.
void decodeHint(Decoder &d) {
  Inst inst;
  inst.memory = takeMemoryMode(d);
  d.takeOneOf({"L1", "L2"});
  d.takeOneOf({"tensormap"});
  d.address(inst, d.operand(0), 0);
  inst.handler = nothing;
  d.emit(inst);
}

uint64_t samePolicy(uint64_t value) { return value; }

void decodePolicy(Decoder &d) {
  while (!d.takeNext().empty())
    ;
  Inst inst;
  inst.handler = Map<&samePolicy>::run;
  inst.slots[1] = d.constant(typeB64, 0);
  inst.slots[0] = d.destination(d.operand(0), typeB64);
  d.emit(inst);
}

} // namespace

void addMemoryOps(Families &families) {
  families["ld"] = decodeLoad;
  families["ldu"] = decodeLoad;
  families["st"] = decodeStore;
  families["prefetch"] = decodeHint;
  families["prefetchu"] = decodeHint;
  families["discard"] = decodeHint;
  families["applypriority"] = decodeHint;
  families["createpolicy"] = decodePolicy;
}

} // namespace swallow::emulator
