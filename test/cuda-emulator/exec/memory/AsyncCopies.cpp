//===- AsyncCopies.cpp - cp.async -----------------------------------------===//
//
// PTX ISA, "Data Movement and Conversion Instructions: Asynchronous copy",
// the non-bulk forms. The source is read at once, but the bytes appear in
// shared memory only at the wait of the thread that copied them.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"
#include "test/cuda-emulator/exec/memory/MemoryAccess.h"

#include <algorithm>

namespace swallow::emulator {

using ptx::Operand;
using ptx::Space;
using ptx::Type;
using ptx::TypeClass;

namespace {

/// slots[0] = the 64-bit addresses of slots[1] + immediate.
void computeAddress(Warp &warp, const Inst &inst) {
  uint64_t addresses[32];
  warp.addresses(inst, inst.slots[1], addresses);
  warp.store(inst.slots[0], addresses);
}

/// slots: target address, source addresses, source size or, with flags[1],
/// a predicate that ignores the source. flags[0]: bytes.
void copy(Warp &warp, const Inst &inst) {
  Block &block = warp.block;
  uint32_t bytes = inst.flags[0];
  uint64_t targets[32], sources[32];
  warp.addresses(inst, inst.slots[0], targets);
  std::memcpy(sources, warp.src<uint64_t>(inst.slots[1]), sizeof sources);
  uint32_t sizes[32];
  const auto *given = warp.src<uint32_t>(inst.slots[2]);
  for (int lane = 0; lane < 32; ++lane) {
    sizes[lane] =
        inst.flags[1] ? (*given >> lane & 1 ? 0 : bytes) : given[lane];
    if (warp.mask >> lane & 1 && sizes[lane] > bytes) {
      warp.fault(Finding::Kind::BadOperand, lane,
                 "cp.async with a source size of " +
                     std::to_string(sizes[lane]) + ": at most " +
                     std::to_string(bytes));
      return;
    }
  }
  uint8_t *from[32], *to[32];
  if (!access(warp, inst, Space::Shared, warp.mask, targets, bytes, bytes,
              AccessKind::AsyncTarget, to))
    return;
  for (uint32_t todo = warp.mask; todo;) {
    uint32_t size = sizes[std::countr_zero(todo)], same = 0;
    for (int lane = 0; lane < 32; ++lane)
      if (todo >> lane & 1 && sizes[lane] == size)
        same |= 1u << lane;
    todo &= ~same;
    if (size && !access(warp, inst, inst.memory.space, same, sources, size,
                        bytes, AccessKind::Read, from))
      return;
  }
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    uint32_t lane = std::countr_zero(rest);
    auto offset = static_cast<uint32_t>(to[lane] - block.shared.data());
    PendingCopy pending{
        lane, warp.commits[lane], offset, bytes, static_cast<uint32_t>(warp.pc),
        {}};
    if (sizes[lane])
      std::memcpy(pending.data.data(), from[lane], sizes[lane]);
    for (uint32_t i = 0; i < bytes; ++i) {
      block.pendingBytes += !block.sharedPending[offset + i];
      block.sharedPending[offset + i] = 1;
    }
    warp.copies.push_back(pending);
  }
}

void commit(Warp &warp, const Inst &) {
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1)
    ++warp.commits[std::countr_zero(rest)];
}

/// immediate: groups that may stay under way; -1 for wait_all, which takes
/// what was not committed as well.
void wait(Warp &warp, const Inst &inst) {
  Block &block = warp.block;
  auto arrives = [&](const PendingCopy &copy) {
    if (!(warp.mask >> copy.lane & 1))
      return false;
    return inst.immediate < 0 ||
           copy.group + static_cast<uint64_t>(inst.immediate) <
               warp.commits[copy.lane];
  };
  Access access{&warp.order, warp.order.blockStart, 0, false};
  for (const PendingCopy &copy : warp.copies) {
    if (!arrives(copy))
      continue;
    std::memcpy(block.shared.data() + copy.offset, copy.data.data(),
                copy.bytes);
    std::memset(block.sharedInitialized.data() + copy.offset, 1, copy.bytes);
    for (uint32_t i = 0; i < copy.bytes; ++i) {
      block.pendingBytes -= block.sharedPending[copy.offset + i];
      block.sharedPending[copy.offset + i] = 0;
    }
    access.instruction = copy.instruction;
    // Whoever touched the bytes since the copy began was told so already.
    if (warp.launch.options->checkRaces)
      (void)block.sharedRaces.write(copy.offset, copy.bytes, access);
  }
  std::erase_if(warp.copies, arrives);
}

void decodeCopy(Decoder &d) {
  if (!d.take("async") || d.take("bulk")) {
    d.fail("cp of this kind is not supported");
    return;
  }
  Inst inst;
  if (d.take("commit_group")) {
    inst.handler = commit;
    d.emit(inst);
    return;
  }
  bool all = d.take("wait_all");
  if (all || d.take("wait_group")) {
    inst.handler = wait;
    inst.immediate = -1;
    if (!all) {
      auto count = d.constantValue(d.operand(0));
      if (!count)
        d.fail("cp.async.wait_group needs a constant");
      inst.immediate = static_cast<int64_t>(count.value_or(0));
    }
    d.emit(inst);
    return;
  }
  int cache = d.takeOneOf({"ca", "cg"});
  bool ignores = d.take("ignore-src");
  if (!d.take("shared") && !d.take("shared::cta"))
    d.fail("cp.async to .shared expected");
  if (!d.take("global"))
    d.fail("cp.async from .global expected");
  d.takePrefixed("L2::");
  if (!d.expectOperands(3, 5))
    return;
  auto bytes = d.constantValue(d.operand(2));
  bool good =
      bytes && (*bytes == 16 || (cache == 0 && (*bytes == 4 || *bytes == 8)));
  if (!good || cache < 0) {
    d.fail("cp.async of 4, 8 or 16 bytes (.ca) or 16 (.cg) expected");
    return;
  }
  inst.flags[0] = static_cast<uint8_t>(*bytes);
  Inst lea;
  lea.memory.space = Space::Global;
  lea.handler = computeAddress;
  d.address(lea, d.operand(1), 1);
  lea.slots[0] = d.temporary(typeB64);
  inst.slots[1] = lea.slots[0];
  if (d.failed())
    return;
  d.emitHelper(lea);
  inst.memory.space = Space::Shared;
  d.address(inst, d.operand(0), 0);
  inst.memory.space = Space::Global;
  inst.slots[2] = d.constant(typeU32, *bytes);
  if (d.operandCount() > 3) {
    const Operand &last = d.operand(3);
    // A predicate there ignores the source; a 64-bit register is a policy.
    if (d.registerBits(last) == 1 || ignores) {
      inst.slots[2] = d.predicate(last);
      inst.flags[1] = 1;
    } else if (d.registerBits(last) != 64) {
      inst.slots[2] = d.source(last, typeU32);
    }
  }
  inst.handler = copy;
  d.emit(inst);
}

} // namespace

void addAsyncCopies(Families &families) { families["cp"] = decodeCopy; }

} // namespace swallow::emulator
