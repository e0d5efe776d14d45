//===- Warp.cpp - groups of threads and their turns -----------------------===//

#include "test/cuda-emulator/exec/Warp.h"

#include <algorithm>

namespace swallow::emulator {

/// Instructions of a diverged group before another one may go on.
static constexpr uint32_t patienceLimit = 20000;

Warp::Warp(Block &block, Launch &launch, uint32_t id)
    : block(block), launch(launch), id(id) {
  const Program &program = *launch.program;
  uint64_t registerWords = (program.registerBytes + 127) / 8;
  uint64_t localWords = (uint64_t{program.localBytes} * 32 + 7) / 8;
  // A pattern that is no zero and, as a float, no number: what was never
  // written shows in results.
  storage_.assign(registerWords + localWords + 8, 0xffc5a5a5ffc5a5a5u);
  auto base = reinterpret_cast<uintptr_t>(storage_.data());
  registers = reinterpret_cast<uint8_t *>((base + 63) / 64 * 64);
  local = registers + registerWords * 8;
  constants = program.constants.data();
  uint32_t first = id * 32;
  uint32_t count = std::min(32u, block.threads - first);
  live = count == 32 ? ~0u : (1u << count) - 1;
  active = live;
}

const Inst &Warp::current() const { return launch.program->code[pc]; }

std::array<uint32_t, 3> Warp::threadOf(uint32_t lane) const {
  uint32_t linear = id * 32 + lane;
  const auto &shape = launch.shape.block;
  return {linear % shape[0], linear / shape[0] % shape[1],
          linear / (shape[0] * shape[1])};
}

void Warp::report(Finding::Kind kind, uint32_t lane,
                  const std::string &message) {
  int line = static_cast<int>(current().line);
  if (isFatal(kind))
    launch.stopped = true;
  std::vector<Finding> &findings = *launch.findings;
  for (auto it = findings.begin(); it != findings.end(); ++it)
    if (it->kind == kind && it->line == line &&
        it->kernel == launch.program->kernel) {
      ++it->count;
      // The finding that ends a launch is the last one.
      if (isFatal(kind))
        std::rotate(it, it + 1, findings.end());
      return;
    }
  findings.push_back({kind, launch.program->kernel, line, block.index,
                      threadOf(lane), message, 1});
}

void Warp::addresses(const Inst &inst, Slot base, uint64_t (&into)[32]) const {
  if (inst.wideAddress) {
    const auto *from = src<uint64_t>(base);
    for (int lane = 0; lane < 32; ++lane)
      into[lane] = from[lane] + inst.immediate;
  } else {
    const auto *from = src<uint32_t>(base);
    for (int lane = 0; lane < 32; ++lane)
      into[lane] = static_cast<uint32_t>(from[lane] + inst.immediate);
  }
}

void Warp::updateLimit() {
  limit_ = ~0u;
  for (const Group &group : others_)
    limit_ = std::min(limit_, group.pc);
  if (limit_ != ~0u && patience_ >= patienceLimit)
    limit_ = ~0u;
}

/// Makes a runnable group of others_ the current one. False when none is.
bool Warp::pickGroup() {
  size_t best = others_.size();
  for (size_t i = 0; i < others_.size(); ++i)
    if (others_[i].wait == Group::Wait::None &&
        (best == others_.size() || others_[i].pc < others_[best].pc))
      best = i;
  if (best == others_.size())
    return false;
  Group group = others_[best];
  others_.erase(others_.begin() + best);
  pc = group.pc;
  active = group.lanes;
  reschedule();
  return true;
}

/// The current group has moved to pc: meets who is there, and lets a group
/// with a lower counter go first.
void Warp::reschedule() {
  bool again = true;
  while (again) {
    again = false;
    for (size_t i = 0; i < others_.size(); ++i)
      if (others_[i].pc == pc) {
        active |= others_[i].lanes;
        others_.erase(others_.begin() + i--);
      }
    if (patience_ >= patienceLimit)
      continue;
    for (size_t i = 0; i < others_.size(); ++i)
      if (others_[i].wait == Group::Wait::None && others_[i].pc < pc) {
        std::swap(others_[i].pc, pc);
        std::swap(others_[i].lanes, active);
        again = true;
        break;
      }
  }
  updateLimit();
}

void Warp::branch(uint32_t target, uint32_t lanes) {
  if (lanes == active) {
    next = target;
    // Backward: others may wait below.
    if (!others_.empty())
      limit_ = 0;
    return;
  }
  others_.push_back({target, lanes});
  active &= ~lanes;
  limit_ = 0;
}

void Warp::exitLanes(uint32_t lanes) {
  active &= ~lanes;
  live &= ~lanes;
}

void Warp::park(Group::Wait wait, uint32_t members) {
  if (mask != active) {
    others_.push_back({pc + 1, active & ~mask});
    active = mask;
  }
  others_.push_back({pc, active, wait, members});
  active = 0;
  --launch.executions[pc];
}

bool Warp::converge(const Inst &inst, uint32_t members, Group::Wait wait,
                    uint32_t id) {
  uint32_t needed = members & live;
  if ((mask & needed) == needed)
    return true;
  park(wait, wait == Group::Wait::CtaBarrier ? id : members);
  return false;
}

void Warp::releaseGroups(Group::Wait wait, uint32_t members) {
  for (Group &group : others_)
    if (group.wait == wait && group.members == members) {
      group.wait = Group::Wait::None;
      ++group.pc;
    }
  if (!others_.empty())
    limit_ = 0;
}

/// Nobody can run, some wait. Finds those whose partners are all there, at
/// other places in the code.
bool Warp::releaseWaiters() {
  for (const Group &group : others_) {
    if (group.wait == Group::Wait::WarpBarrier) {
      uint32_t here = 0;
      for (const Group &other : others_)
        if (other.wait == group.wait && other.members == group.members)
          here |= other.lanes;
      if ((here & group.members & live) == (group.members & live)) {
        releaseGroups(Group::Wait::WarpBarrier, group.members);
        return true;
      }
    } else if (group.wait == Group::Wait::CtaBarrier) {
      uint32_t barrier = group.members;
      bool all =
          std::all_of(others_.begin(), others_.end(), [&](const Group &other) {
            return other.wait == Group::Wait::CtaBarrier &&
                   other.members == barrier;
          });
      if (!all)
        continue;
      // The barrier's handler runs once for all; the groups go on after it,
      // each at its own place, as soon as the warp does.
      pc = group.pc;
      mask = live;
      active = 0;
      const Inst &inst = current();
      releaseGroups(Group::Wait::CtaBarrier, barrier);
      inst.handler(*this, inst);
      return true;
    }
  }
  // Lanes may have exited since.
  for (Group &group : others_)
    if (group.wait == Group::Wait::Members &&
        (group.members & live & ~group.lanes) == 0) {
      group.wait = Group::Wait::None;
      return true;
    }
  return false;
}

void Warp::reportStuck() {
  const Group &group = others_.front();
  pc = group.pc;
  uint32_t missing = group.members & live & ~group.lanes;
  if (group.wait == Group::Wait::CtaBarrier)
    missing = live & ~group.lanes;
  const Inst &inst = current();
  std::string elsewhere;
  for (const Group &other : others_)
    if (&other != &group)
      elsewhere +=
          " line " + std::to_string(launch.program->code[other.pc].line);
  report(Finding::Kind::DivergentBarrier, std::countr_zero(group.lanes),
         launch.program->opcodes[inst.opcode] +
             ": threads of the warp that must take part (mask " +
             std::to_string(missing) + ") cannot come; they wait at" +
             elsewhere);
}

void Warp::run(uint32_t turn) {
  const Inst *code = launch.program->code.data();
  uint64_t *executions = launch.executions.data();
  for (uint32_t step = 0; step < turn; ++step) {
    if (active == 0) {
      if (live == 0) {
        state = State::Done;
        return;
      }
      if (!pickGroup() && !releaseWaiters()) {
        reportStuck();
        return;
      }
      if (state != State::Running || launch.stopped)
        return;
      if (active == 0)
        continue;
    }
    const Inst &inst = code[pc];
    mask = active;
    if (inst.guard != noSlot) {
      uint32_t guard = predicate(inst.guard);
      mask &= inst.guardNegated ? ~guard : guard;
    }
    ++executions[pc];
    next = pc + 1;
    if (mask) {
      inst.handler(*this, inst);
      if (launch.stopped)
        return;
    }
    ++launch.executed;
    if (active) {
      pc = next;
      if (!others_.empty()) {
        // A spinning group gives way to the rest of its warp now and then.
        if (++patience_ == patienceLimit) {
          others_.push_back({pc, active});
          std::rotate(others_.begin(), others_.end() - 1, others_.end());
          auto runnable = std::find_if(others_.rbegin(), others_.rend(),
                                       [](const Group &group) {
                                         return group.wait == Group::Wait::None;
                                       });
          pc = runnable->pc;
          active = runnable->lanes;
          others_.erase(std::next(runnable).base());
          reschedule();
        } else if (patience_ >= 2 * patienceLimit) {
          patience_ = 0;
          reschedule();
        } else if (pc >= limit_ || patience_ > patienceLimit) {
          reschedule();
        }
      } else {
        patience_ = 0;
      }
    }
    if (state != State::Running)
      return;
  }
}

} // namespace swallow::emulator
