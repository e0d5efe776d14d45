//===- WarpOps.cpp - shuffles, votes and reductions in a warp -------------===//
//
// PTX ISA, "Data Movement and Conversion Instructions: shfl.sync" and
// "Parallel Synchronization and Communication Instructions".
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"

namespace swallow::emulator {

using ptx::Operand;
using ptx::Type;
using ptx::TypeClass;

namespace {

/// Calls `each` with the lanes of every member mask that the executing lanes
/// name, once all members are here. False when the group waits or the launch
/// ended.
template <typename Each>
bool forMembers(Warp &warp, const Inst &inst, Slot slot, Each &&each) {
  const auto *masks = warp.src<uint32_t>(slot);
  uint32_t all = 0;
  for (uint32_t rest = warp.mask; rest; rest &= rest - 1) {
    uint32_t lane = std::countr_zero(rest);
    all |= masks[lane];
    if (!(masks[lane] >> lane & 1)) {
      warp.fault(Finding::Kind::BadOperand, lane,
                 "a .sync by a thread outside of its member mask");
      return false;
    }
  }
  if (!warp.converge(inst, all))
    return false;
  for (uint32_t todo = warp.mask; todo;) {
    uint32_t lane = std::countr_zero(todo), same = 0;
    for (uint32_t rest = todo; rest; rest &= rest - 1)
      if (masks[std::countr_zero(rest)] == masks[lane])
        same |= 1u << std::countr_zero(rest);
    if (masks[lane] & warp.live & ~same) {
      warp.fault(Finding::Kind::BadOperand, lane,
                 "members of a .sync name different masks");
      return false;
    }
    each(same);
    todo &= ~same;
  }
  return true;
}

/// slots: d, p (noSlot), a, b, c, members. flags[0]: up, down, bfly, idx.
void shuffle(Warp &warp, const Inst &inst) {
  uint32_t results[32], predicates = 0;
  const auto *a = warp.src<uint32_t>(inst.slots[2]);
  const auto *b = warp.src<uint32_t>(inst.slots[3]);
  const auto *c = warp.src<uint32_t>(inst.slots[4]);
  bool done = forMembers(warp, inst, inst.slots[5], [&](uint32_t members) {
    for (uint32_t rest = members; rest; rest &= rest - 1) {
      int lane = std::countr_zero(rest);
      int by = b[lane] & 31, clamp = c[lane] & 31, segment = c[lane] >> 8 & 31;
      int most = (lane & segment) | (clamp & ~segment);
      int least = lane & segment, from = 0;
      bool inRange = false;
      switch (inst.flags[0]) {
      case 0:
        from = lane - by;
        inRange = from >= most;
        break;
      case 1:
        from = lane + by;
        inRange = from <= most;
        break;
      case 2:
        from = lane ^ by;
        inRange = from <= most;
        break;
      default:
        from = least | (by & ~segment);
        inRange = from <= most;
        break;
      }
      if (!inRange)
        from = lane;
      if (!(members >> from & 1))
        warp.report(Finding::Kind::BadOperand, lane,
                    "shfl from lane " + std::to_string(from) +
                        ", which does not take part: undefined");
      results[lane] = a[from];
      predicates |= uint32_t{inRange} << lane;
    }
  });
  if (!done)
    return;
  for (int lane = 0; lane < 32; ++lane)
    if (!(warp.mask >> lane & 1))
      results[lane] = 0;
  warp.store(inst.slots[0], results);
  if (inst.slots[1] != noSlot)
    warp.storePredicate(inst.slots[1], predicates);
}

void splitPair(const Operand &operand, const Operand *&first,
               const Operand *&second) {
  first = &operand;
  second = nullptr;
  if (operand.kind == Operand::Kind::Pair) {
    first = &operand.elements[0];
    second = &operand.elements[1];
  }
}

void decodeShfl(Decoder &d) {
  if (!d.take("sync"))
    d.fail("shfl without .sync does not exist from sm_70 on");
  int mode = d.takeOneOf({"up", "down", "bfly", "idx"});
  if (mode < 0)
    d.fail("shfl without its mode");
  d.needType();
  if (!d.expectOperands(5, 5))
    return;
  Inst inst;
  inst.handler = shuffle;
  inst.flags[0] = static_cast<uint8_t>(mode);
  for (int i = 1; i <= 4; ++i)
    inst.slots[1 + i] = d.source(d.operand(i), typeB32);
  const Operand *to, *p;
  splitPair(d.operand(0), to, p);
  inst.slots[0] = d.destination(*to, typeB32);
  inst.slots[1] = p ? d.predicateDestination(*p) : noSlot;
  d.emit(inst);
}

/// slots: d, a, members. flags[0]: all, any, uni, ballot.
void vote(Warp &warp, const Inst &inst) {
  uint32_t a = warp.predicate(inst.slots[1]);
  uint32_t predicates = 0, ballots[32] = {};
  bool done = forMembers(warp, inst, inst.slots[2], [&](uint32_t members) {
    uint32_t yes = a & members;
    bool result = inst.flags[0] == 0   ? yes == members
                  : inst.flags[0] == 1 ? yes != 0
                                       : yes == 0 || yes == members;
    predicates |= result ? members : 0;
    for (int lane = 0; lane < 32; ++lane)
      if (members >> lane & 1)
        ballots[lane] = yes;
  });
  if (!done)
    return;
  if (inst.flags[0] == 3)
    warp.store(inst.slots[0], ballots);
  else
    warp.storePredicate(inst.slots[0], predicates);
}

void decodeVote(Decoder &d) {
  if (!d.take("sync"))
    d.fail("vote without .sync does not exist from sm_70 on");
  int mode = d.takeOneOf({"all", "any", "uni", "ballot"});
  if (mode < 0)
    d.fail("vote without its mode");
  d.needType();
  Inst inst;
  inst.handler = vote;
  inst.flags[0] = static_cast<uint8_t>(mode);
  inst.slots[1] = d.predicate(d.operand(1));
  inst.slots[2] = d.source(d.operand(2), typeB32);
  inst.slots[0] = mode == 3 ? d.destination(d.operand(0), typeB32)
                            : d.predicateDestination(d.operand(0));
  d.emit(inst);
}

void activeMask(Warp &warp, const Inst &inst) {
  uint32_t results[32];
  for (uint32_t &result : results)
    result = warp.mask;
  warp.store(inst.slots[0], results);
}

void decodeActiveMask(Decoder &d) {
  d.needType();
  Inst inst;
  inst.handler = activeMask;
  inst.slots[0] = d.destination(d.operand(0), typeB32);
  d.emit(inst);
}

/// slots: d, p (noSlot), a, members. flags[0]: whether .all.
template <typename T> void match(Warp &warp, const Inst &inst) {
  const T *a = warp.src<T>(inst.slots[2]);
  uint32_t results[32] = {}, predicates = 0;
  bool done = forMembers(warp, inst, inst.slots[3], [&](uint32_t members) {
    for (uint32_t rest = members; rest; rest &= rest - 1) {
      int lane = std::countr_zero(rest);
      for (uint32_t other = members; other; other &= other - 1)
        if (a[std::countr_zero(other)] == a[lane])
          results[lane] |= 1u << std::countr_zero(other);
      bool whole = results[lane] == members;
      predicates |= uint32_t{whole} << lane;
      if (inst.flags[0] && !whole)
        results[lane] = 0;
    }
  });
  if (!done)
    return;
  warp.store(inst.slots[0], results);
  if (inst.slots[1] != noSlot)
    warp.storePredicate(inst.slots[1], predicates);
}

void decodeMatch(Decoder &d) {
  int mode = d.takeOneOf({"any", "all"});
  if (!d.take("sync") || mode < 0)
    d.fail("match.any.sync or match.all.sync expected");
  Type type = d.needType();
  Inst inst;
  inst.handler = type.bits == 64 ? match<uint64_t> : match<uint32_t>;
  inst.flags[0] = mode == 1;
  inst.slots[2] = d.source(d.operand(1), type);
  inst.slots[3] = d.source(d.operand(2), typeB32);
  const Operand *to, *p;
  splitPair(d.operand(0), to, p);
  inst.slots[0] = d.destination(*to, typeB32);
  inst.slots[1] = p ? d.predicateDestination(*p) : noSlot;
  d.emit(inst);
}

/// slots: d, a, members. flags: add, min, max, and, or, xor; signed.
void redux(Warp &warp, const Inst &inst) {
  const auto *a = warp.src<uint32_t>(inst.slots[1]);
  uint32_t results[32] = {};
  bool done = forMembers(warp, inst, inst.slots[2], [&](uint32_t members) {
    uint32_t value = a[std::countr_zero(members)];
    for (uint32_t rest = members & (members - 1); rest; rest &= rest - 1) {
      uint32_t next = a[std::countr_zero(rest)];
      bool less = inst.flags[1]
                      ? static_cast<int32_t>(next) < static_cast<int32_t>(value)
                      : next < value;
      switch (inst.flags[0]) {
      case 0:
        value += next;
        break;
      case 1:
        value = less ? next : value;
        break;
      case 2:
        value = less ? value : next;
        break;
      case 3:
        value &= next;
        break;
      case 4:
        value |= next;
        break;
      default:
        value ^= next;
        break;
      }
    }
    for (uint32_t rest = members; rest; rest &= rest - 1)
      results[std::countr_zero(rest)] = value;
  });
  if (done)
    warp.store(inst.slots[0], results);
}

void decodeRedux(Decoder &d) {
  if (!d.take("sync"))
    d.fail("redux.sync expected");
  int operation = d.takeOneOf({"add", "min", "max", "and", "or", "xor"});
  Type type = d.needType();
  if (operation < 0 || type.bits != 32 || type.isFloat())
    d.fail("redux.sync of this operation or type is not supported");
  Inst inst;
  inst.handler = redux;
  inst.flags = {static_cast<uint8_t>(operation), type.isSigned()};
  inst.slots[1] = d.source(d.operand(1), typeB32);
  inst.slots[2] = d.source(d.operand(2), typeB32);
  inst.slots[0] = d.destination(d.operand(0), typeB32);
  d.emit(inst);
}

/// slots: d, p, members. The lowest member is elected.
void elect(Warp &warp, const Inst &inst) {
  uint32_t results[32] = {}, predicates = 0;
  bool done = forMembers(warp, inst, inst.slots[2], [&](uint32_t members) {
    uint32_t leader = std::countr_zero(members);
    predicates |= 1u << leader;
    for (uint32_t rest = members; rest; rest &= rest - 1)
      results[std::countr_zero(rest)] = leader;
  });
  if (!done)
    return;
  warp.store(inst.slots[0], results);
  warp.storePredicate(inst.slots[1], predicates);
}

void decodeElect(Decoder &d) {
  d.take("sync");
  const Operand *to, *p;
  splitPair(d.operand(0), to, p);
  if (!p) {
    d.fail("elect.sync needs d|p");
    return;
  }
  Inst inst;
  inst.handler = elect;
  inst.slots[2] = d.source(d.operand(1), typeB32);
  inst.slots[0] = d.destination(*to, typeB32);
  inst.slots[1] = d.predicateDestination(*p);
  d.emit(inst);
}

} // namespace

void addWarpOps(Families &families) {
  families["shfl"] = decodeShfl;
  families["vote"] = decodeVote;
  families["activemask"] = decodeActiveMask;
  families["match"] = decodeMatch;
  families["redux"] = decodeRedux;
  families["elect"] = decodeElect;
}

} // namespace swallow::emulator
