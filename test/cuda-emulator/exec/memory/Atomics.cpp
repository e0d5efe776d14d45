//===- Atomics.cpp - atom and red -----------------------------------------===//
//
// PTX ISA, "Parallel Synchronization and Communication Instructions: atom".
// The threads of a warp take their turns in the order of their lanes.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"
#include "test/cuda-emulator/exec/alu/Rounding.h"
#include "test/cuda-emulator/exec/memory/MemoryAccess.h"
#include "test/cuda-emulator/exec/memory/MemoryModifiers.h"

namespace swallow::emulator {

using ptx::Space;
using ptx::Type;
using ptx::TypeClass;

namespace {

enum class Op : uint8_t {
  And,
  Or,
  Xor,
  Cas,
  Exch,
  Add,
  Inc,
  Dec,
  Min,
  Max,
};

template <typename T> T integerUpdate(Op op, T old, T b, T c) {
  using U = std::make_unsigned_t<T>;
  switch (op) {
  case Op::And:
    return old & b;
  case Op::Or:
    return old | b;
  case Op::Xor:
    return old ^ b;
  case Op::Cas:
    return old == b ? c : old;
  case Op::Exch:
    return b;
  case Op::Add:
    return static_cast<T>(static_cast<U>(old) + static_cast<U>(b));
  case Op::Inc:
    return old >= b ? T{0} : static_cast<T>(old + 1);
  case Op::Dec:
    return old == 0 || old > b ? b : static_cast<T>(old - 1);
  case Op::Min:
    return old < b ? old : b;
  case Op::Max:
    return old > b ? old : b;
  }
  return old;
}

template <typename T, bool Packed, bool BFloat> struct Half {
  static uint16_t one(Op op, uint16_t old, uint16_t b) {
    auto decode = [](uint16_t v) -> double {
      return BFloat ? bf16ToF32(v) : f16ToF32(v);
    };
    double x = decode(old), y = decode(b);
    double result = op == Op::Add   ? sumToOdd(x, y)
                    : op == Op::Min ? std::fmin(x, y)
                                    : std::fmax(x, y);
    return BFloat ? encodeBf16(result) : encodeF16(result);
  }
  static T f(Op op, T old, T b, T) {
    T result = one(op, static_cast<uint16_t>(old), static_cast<uint16_t>(b));
    if constexpr (Packed)
      result |= T{one(op, old >> 16, b >> 16)} << 16;
    return result;
  }
};

uint32_t singleUpdate(Op, uint32_t old, uint32_t b, uint32_t) {
  return std::bit_cast<uint32_t>(
      canonical(std::bit_cast<float>(old) + std::bit_cast<float>(b)));
}
uint64_t doubleUpdate(Op, uint64_t old, uint64_t b, uint64_t) {
  return std::bit_cast<uint64_t>(
      canonical(std::bit_cast<double>(old) + std::bit_cast<double>(b)));
}

/// slots: d (noSlot for red), address, b, c. flags[0]: Op.
template <typename T, auto Update> void atomic(Warp &warp, const Inst &inst) {
  uint64_t addresses[32];
  warp.addresses(inst, inst.slots[1], addresses);
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    uint64_t address = addresses[std::countr_zero(rest)];
    SyncLocations &locations = syncLocations(warp, inst.memory.space, address);
    locations.acquire(address, warp.order, inst.memory.scope,
                      inst.memory.acquire);
  }
  uint8_t *pointers[32];
  if (!access(warp, inst, inst.memory.space, warp.mask, addresses, sizeof(T),
              sizeof(T), AccessKind::Update, pointers))
    return;
  const T *b = warp.src<T>(inst.slots[2]), *c = warp.src<T>(inst.slots[3]);
  auto op = static_cast<Op>(inst.flags[0]);
  T results[32];
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    int lane = std::countr_zero(rest);
    T old;
    std::memcpy(&old, pointers[lane], sizeof old);
    T value = static_cast<T>(Update(op, old, b[lane], c[lane]));
    std::memcpy(pointers[lane], &value, sizeof value);
    results[lane] = old;
  }
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    uint64_t address = addresses[std::countr_zero(rest)];
    SyncLocations &locations = syncLocations(warp, inst.memory.space, address);
    locations.release(address, warp.order, inst.memory.scope, true,
                      inst.memory.release, warp.launch.memory->raceClock);
  }
  if (inst.slots[0] != noSlot)
    for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
      int lane = std::countr_zero(rest);
      warp.reg<T>(inst.slots[0])[lane] = results[lane];
    }
}

Handler handlerOf(Op op, Type type) {
  bool isAdd = op == Op::Add, isMinMax = op == Op::Min || op == Op::Max;
  if (type.isFloat()) {
    bool bfloat = type.kind == TypeClass::BFloat;
    if (type.packed && (isAdd || isMinMax))
      return bfloat ? atomic<uint32_t, Half<uint32_t, true, true>::f>
                    : atomic<uint32_t, Half<uint32_t, true, false>::f>;
    if (type.bits == 16 && (isAdd || isMinMax))
      return bfloat ? atomic<uint16_t, Half<uint16_t, false, true>::f>
                    : atomic<uint16_t, Half<uint16_t, false, false>::f>;
    if (type.bits == 32 && isAdd)
      return atomic<uint32_t, singleUpdate>;
    if (type.bits == 64 && isAdd)
      return atomic<uint64_t, doubleUpdate>;
    return nullptr;
  }
  switch (type.bits) {
  case 16:
    return op == Op::Cas ? atomic<uint16_t, integerUpdate<uint16_t>> : nullptr;
  case 32:
    return type.isSigned() ? atomic<int32_t, integerUpdate<int32_t>>
                           : atomic<uint32_t, integerUpdate<uint32_t>>;
  case 64:
    return type.isSigned() ? atomic<int64_t, integerUpdate<int64_t>>
                           : atomic<uint64_t, integerUpdate<uint64_t>>;
  default:
    return nullptr;
  }
}

void decode(Decoder &d, bool returns) {
  Inst inst;
  d.take("async");
  inst.memory = takeMemoryMode(d, true);
  int op = d.takeOneOf(
      {"and", "or", "xor", "cas", "exch", "add", "inc", "dec", "min", "max"});
  d.take("noftz");
  Type type = d.needType();
  inst.flags[0] = static_cast<uint8_t>(op);
  inst.handler = op < 0 ? nullptr : handlerOf(static_cast<Op>(op), type);
  if (!inst.handler) {
    d.fail("this operation or type is not supported");
    return;
  }
  size_t first = returns ? 1 : 0;
  bool isCas = static_cast<Op>(op) == Op::Cas;
  if (!d.expectOperands(first + (isCas ? 3 : 2), first + (isCas ? 4 : 3)))
    return;
  d.address(inst, d.operand(first), 1);
  inst.slots[2] = d.source(d.operand(first + 1), type);
  inst.slots[3] = isCas ? d.source(d.operand(first + 2), type) : inst.slots[2];
  inst.slots[0] = returns ? d.destination(d.operand(0), type) : noSlot;
  d.emit(inst);
}

void decodeAtom(Decoder &d) { decode(d, true); }
void decodeRed(Decoder &d) { decode(d, false); }

} // namespace

void addAtomics(Families &families) {
  families["atom"] = decodeAtom;
  families["red"] = decodeRed;
}

} // namespace swallow::emulator
