//===- ControlFlow.cpp - branches, calls, barriers, fences ----------------===//
//
// PTX ISA, "Control Flow Instructions" and "Parallel Synchronization and
// Communication Instructions".
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"

namespace swallow::emulator {

using ptx::Operand;
using ptx::Type;
using ptx::TypeClass;

void skipCallBody(Warp &warp, const Inst &inst) {
  if (inst.slots[0] == noSlot)
    return;
  uint32_t go = warp.predicate(inst.slots[0]);
  uint32_t skip = warp.active & (inst.flags[0] ? go : ~go);
  if (skip)
    warp.branch(inst.target, skip);
}

namespace {

void bra(Warp &warp, const Inst &inst) { warp.branch(inst.target, warp.mask); }

void brx(Warp &warp, const Inst &inst) {
  const auto *index = warp.src<uint32_t>(inst.slots[0]);
  uint32_t todo = warp.mask;
  while (todo) {
    uint32_t lane = std::countr_zero(todo);
    if (index[lane] >= inst.targets.size()) {
      warp.fault(Finding::Kind::BadOperand, lane,
                 "brx.idx with index " + std::to_string(index[lane]) + " of " +
                     std::to_string(inst.targets.size()) + " targets");
      return;
    }
    uint32_t same = 0;
    for (int i = 0; i < 32; ++i)
      if (todo >> i & 1 && index[i] == index[lane])
        same |= 1u << i;
    warp.branch(inst.targets[index[lane]], same);
    todo &= ~same;
  }
}

void exitThreads(Warp &warp, const Inst &) { warp.exitLanes(warp.mask); }

void trap(Warp &warp, const Inst &inst) {
  warp.report(Finding::Kind::Trap, warp.firstLane(),
              warp.launch.program->opcodes[inst.opcode] + " was executed");
}

void nothing(Warp &, const Inst &) {}

/// slots: destination of bar.red, id, thread count (noSlot: all), predicate of
/// bar.red. flags: operation of bar.red (3: none), whether it waits, aligned.
enum : int { OperationFlag, WaitsFlag, AlignedFlag };

void barrier(Warp &warp, const Inst &inst) {
  auto uniform = [&](Slot slot) {
    return slot == noSlot ? 0 : warp.src<uint32_t>(slot)[warp.firstLane()];
  };
  uint32_t id = uniform(inst.slots[1]);
  if (!warp.converge(inst, ~0u,
                     inst.flags[AlignedFlag] ? Group::Wait::Members
                                             : Group::Wait::CtaBarrier,
                     id))
    return;
  if (inst.flags[OperationFlag] < 3) {
    Barrier &state = warp.block.barriers[id & 15];
    state.reducedCount +=
        std::popcount(warp.predicate(inst.slots[3]) & warp.mask);
    state.reducedThreads += std::popcount(warp.mask);
    warp.reduction = &inst;
    warp.reductionMask = warp.mask;
  }
  warp.block.arrive(warp, id, uniform(inst.slots[2]), inst.flags[WaitsFlag]);
}

void decodeBarrier(Decoder &d) {
  bool isBar = d.mnemonic() == "bar";
  d.take("cta");
  if (d.take("warp")) {
    d.take("sync");
    Inst inst;
    inst.slots[0] = d.source(d.operand(0), typeB32);
    inst.handler = [](Warp &warp, const Inst &self) {
      uint32_t members = warp.src<uint32_t>(self.slots[0])[warp.firstLane()];
      if (warp.mask & ~members) {
        warp.fault(Finding::Kind::BadOperand, warp.firstLane(),
                   "bar.warp.sync by a thread outside of its mask");
        return;
      }
      warp.converge(self, members, Group::Wait::WarpBarrier);
    };
    d.emit(inst);
    return;
  }
  int kind = d.takeOneOf({"sync", "arrive", "red"});
  bool aligned = d.take("aligned") || isBar;
  if (kind < 0) {
    d.fail("barrier without .sync, .arrive or .red");
    return;
  }
  Inst inst;
  inst.handler = barrier;
  inst.flags = {3, kind != 1, aligned};
  inst.slots[1] = inst.slots[2] = inst.slots[3] = noSlot;
  size_t at = 0;
  if (kind == 2) {
    int operation = d.takeOneOf({"popc", "and", "or"});
    Type type = d.needType();
    if (operation < 0)
      d.fail("barrier.red without its operation");
    inst.flags[OperationFlag] = static_cast<uint8_t>(operation);
    inst.slots[0] = operation == 0 ? d.destination(d.operand(0), type)
                                   : d.predicateDestination(d.operand(0));
    at = 1;
  }
  size_t end = d.operandCount() - (kind == 2 ? 1 : 0);
  if (at < end)
    inst.slots[1] = d.source(d.operand(at++), typeU32);
  if (at < end)
    inst.slots[2] = d.source(d.operand(at++), typeU32);
  if (kind == 2)
    inst.slots[3] = d.predicate(d.operand(end));
  if (inst.slots[1] == noSlot)
    inst.slots[1] = d.constant(typeU32, 0);
  d.emit(inst);
}

void fence(Warp &warp, const Inst &inst) {
  warp.order.fence(inst.memory.scope, warp.launch.memory->raceClock);
}

void decodeFence(Decoder &d) {
  d.takeOneOf({"sc", "acq_rel", "acquire", "release"});
  int scope = d.takeOneOf({"cta", "cluster", "gpu", "sys", "gl"});
  if (d.take("proxy") || scope < 0) {
    d.fail("a fence of this kind is not supported");
    return;
  }
  Inst inst;
  inst.memory.scope = scope == 0 ? Scope::Cta : Scope::Gpu;
  inst.handler = fence;
  d.emit(inst);
}

void decodeBra(Decoder &d) {
  d.take("uni");
  Inst inst;
  inst.handler = bra;
  d.branchTo(inst, d.operand(0).name);
}

void decodeBrx(Decoder &d) {
  d.take("idx");
  d.take("uni");
  Inst inst;
  inst.handler = brx;
  inst.slots[0] = d.source(d.operand(0), typeU32);
  d.branchTable(inst, d.operand(1).name);
}

void decodeCall(Decoder &d) {
  d.take("uni");
  d.call();
}

void decodeExit(Decoder &d) {
  d.take("uni");
  Inst inst;
  if (d.mnemonic() == "ret" && d.isInlined()) {
    inst.handler = bra;
    d.branchToReturn(inst);
    return;
  }
  inst.handler = exitThreads;
  d.emit(inst);
}

void decodeTrap(Decoder &d) {
  Inst inst;
  inst.handler = trap;
  d.emit(inst);
}

void decodeHint(Decoder &d) {
  d.takeOneOf({"wait", "launch_dependents"});
  if (auto type = d.takeType(); type && d.operandCount())
    d.source(d.operand(0), *type);
  Inst inst;
  inst.handler = nothing;
  d.emit(inst);
}

} // namespace

void addControlFlow(Families &families) {
  families["bra"] = decodeBra;
  families["brx"] = decodeBrx;
  families["call"] = decodeCall;
  families["ret"] = decodeExit;
  families["exit"] = decodeExit;
  families["trap"] = decodeTrap;
  families["brkpt"] = decodeTrap;
  families["bar"] = decodeBarrier;
  families["barrier"] = decodeBarrier;
  families["membar"] = decodeFence;
  families["fence"] = decodeFence;
  families["griddepcontrol"] = decodeHint;
  families["nanosleep"] = decodeHint;
  families["pmevent"] = decodeHint;
}

} // namespace swallow::emulator
