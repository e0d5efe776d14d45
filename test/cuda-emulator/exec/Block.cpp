//===- Block.cpp - the warps of a block and their barriers ----------------===//

#include "test/cuda-emulator/exec/Warp.h"

#include <algorithm>

namespace swallow::emulator {

Block::Block(Launch &launch, RaceShadow &sharedRaces,
             std::array<uint32_t, 3> index, uint32_t linear)
    : launch(launch), index(index), linear(linear), sharedRaces(sharedRaces) {
  const LaunchShape &shape = launch.shape;
  threads = shape.block[0] * shape.block[1] * shape.block[2];
  warpCount = (threads + 31) / 32;
  uint32_t sharedBytes =
      launch.program->staticSharedEnd - sharedStart + shape.dynamicSharedBytes;
  shared.assign(sharedBytes + 16, 0xcb);
  shared.resize(sharedBytes);
  sharedInitialized.assign(sharedBytes, 0);
  sharedPending.assign(sharedBytes, 0);
  uint32_t &clock = launch.memory->raceClock;
  uint32_t start = clock + 1;
  for (uint32_t i = 0; i < warpCount; ++i) {
    warps.push_back(std::make_unique<Warp>(*this, launch, i));
    WarpOrder &order = warps.back()->order;
    order.warp = i;
    order.blockStart = start;
    order.launchStart = launch.start;
    order.known.own[i] = ++clock;
  }
}

void Block::run() {
  while (true) {
    bool progressed = false, allDone = true;
    for (auto &warp : warps) {
      if (warp->state == Warp::State::Running) {
        warp->run(launch.options->turn);
        progressed = true;
        if (launch.stopped)
          return;
        if (warp->state == Warp::State::Done)
          openFullBarriers();
      }
      allDone &= warp->state == Warp::State::Done;
    }
    if (allDone)
      return;
    if (!progressed || launch.executed > launch.options->instructionBudget) {
      reportHang();
      return;
    }
  }
}

void Block::reportHang() {
  bool overBudget = launch.executed > launch.options->instructionBudget;
  for (auto &warp : warps) {
    if (warp->state == Warp::State::Done)
      continue;
    std::string message =
        overBudget ? "the launch used up its budget of " +
                         std::to_string(launch.options->instructionBudget) +
                         " warp instructions here"
                   : "warp " + std::to_string(warp->id) +
                         " waits at a barrier that nobody else will reach";
    uint32_t lane = warp->live ? std::countr_zero(warp->live) : 0;
    // The barrier is the instruction before.
    if (!overBudget && warp->pc > 0 && warp->active)
      --warp->pc;
    warp->report(Finding::Kind::Hang, lane, message);
    return;
  }
}

bool Block::openIfFull(Barrier &barrier) {
  uint32_t expected = barrier.expected;
  if (expected == 0)
    for (auto &warp : warps)
      expected += warp->live ? 32 : 0;
  if (barrier.waiting.empty() || barrier.arrivedThreads < expected)
    return false;
  std::vector<WarpOrder *> orders;
  for (Warp *warp : barrier.waiting)
    orders.push_back(&warp->order);
  for (WarpOrder &order : barrier.arrivals)
    orders.push_back(&order);
  joinAtBarrier(orders, launch.memory->raceClock);
  uint32_t count = barrier.reducedCount, all = barrier.reducedThreads;
  for (Warp *warp : barrier.waiting) {
    warp->state = Warp::State::Running;
    if (const Inst *inst = std::exchange(warp->reduction, nullptr)) {
      // slots[0]: destination; flags[0]: 0 popc, 1 and, 2 or.
      if (inst->flags[0] == 0) {
        uint32_t *into = warp->reg<uint32_t>(inst->slots[0]);
        for (int lane = 0; lane < 32; ++lane)
          if (warp->reductionMask >> lane & 1)
            into[lane] = count;
      } else {
        bool value = inst->flags[0] == 1 ? count == all : count > 0;
        uint32_t &into = *warp->reg<uint32_t>(inst->slots[0]);
        into =
            (into & ~warp->reductionMask) | (value ? warp->reductionMask : 0);
      }
    }
  }
  barrier = {};
  return true;
}

void Block::openFullBarriers() {
  for (Barrier &barrier : barriers)
    openIfFull(barrier);
}

void Block::arrive(Warp &warp, uint32_t id, uint32_t expected, bool waits) {
  if (id >= barriers.size()) {
    warp.fault(Finding::Kind::BadOperand, warp.firstLane(),
               "barrier " + std::to_string(id) + ": 0 to 15 expected");
    return;
  }
  if (expected % 32 != 0) {
    warp.fault(Finding::Kind::BadOperand, warp.firstLane(),
               std::to_string(expected) + " threads at a barrier: a multiple "
                                          "of 32 expected");
    return;
  }
  Barrier &barrier = barriers[id];
  if (barrier.arrivedThreads && barrier.expected != expected) {
    warp.fault(Finding::Kind::BadOperand, warp.firstLane(),
               "barrier " + std::to_string(id) + " with " +
                   std::to_string(expected) + " threads, another warp said " +
                   std::to_string(barrier.expected));
    return;
  }
  barrier.expected = expected;
  barrier.arrivedThreads += 32;
  if (waits) {
    barrier.waiting.push_back(&warp);
    warp.state = Warp::State::AtBarrier;
  } else {
    barrier.arrivals.push_back(warp.order);
    warp.order.known.own[warp.id] = ++launch.memory->raceClock;
  }
  openIfFull(barrier);
}

} // namespace swallow::emulator
