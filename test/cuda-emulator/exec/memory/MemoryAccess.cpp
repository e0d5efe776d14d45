//===- MemoryAccess.cpp - every access goes through here ------------------===//

#include "test/cuda-emulator/exec/memory/MemoryAccess.h"

#include <algorithm>
#include <cstdio>

namespace swallow::emulator {

using ptx::Space;

SyncLocations &syncLocations(Warp &warp, Space space, uint64_t &address) {
  space = spaceOf(address, space);
  if (space != Space::Shared)
    return warp.launch.globalFlags;
  address &= (uint64_t{1} << 56) - 1;
  return warp.block.sharedFlags;
}

ptx::Space spaceOf(uint64_t address, Space space) {
  if (space != Space::Generic)
    return space;
  switch (address >> 56) {
  case 1:
    return Space::Shared;
  case 2:
    return Space::Local;
  case 3:
    return Space::Param;
  default:
    return Space::Global;
  }
}

namespace {

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

const char *verb(AccessKind kind) {
  switch (kind) {
  case AccessKind::Read:
    return "read";
  case AccessKind::Write:
    return "write";
  case AccessKind::Update:
    return "atomic";
  case AccessKind::AsyncTarget:
    return "cp.async";
  }
  return "access";
}

class Accessor {
public:
  Accessor(Warp &warp, const Inst &inst, uint32_t bytes, AccessKind kind)
      : warp_(warp), inst_(inst), bytes_(bytes), kind_(kind),
        index_(static_cast<uint32_t>(&inst - warp.launch.program->code.data())),
        race_{&warp.order, warp.order.launchStart, index_, inst.memory.strong},
        counts_(warp.launch.accesses[index_]) {}

  bool writes() const { return kind_ != AccessKind::Read; }
  bool reads() const {
    return kind_ == AccessKind::Read || kind_ == AccessKind::Update;
  }

  std::string describe(uint64_t address, const char *space) const {
    return std::string(space) + " " + verb(kind_) + " of " +
           std::to_string(bytes_) + " bytes at " + hex(address);
  }

  void raced(uint32_t lane, uint64_t address, const char *space,
             const Conflict &conflict) {
    const Inst &other = warp_.launch.program->code[conflict.instruction];
    warp_.report(Finding::Kind::Race, lane,
                 describe(address, space) + " is not ordered after the " +
                     (conflict.wasWrite ? "write" : "read") + " at line " +
                     std::to_string(other.line) + " by warp " +
                     std::to_string(conflict.warp) +
                     (conflict.otherBlock ? " of another block" : ""));
  }

  /// Checks [address, address + size) of global memory, the bytes of
  /// neighbouring lanes from `lane` on.
  uint8_t *global(uint32_t lane, uint64_t address, uint32_t size) {
    Launch &launch = warp_.launch;
    Allocation *allocation = launch.lastAllocation;
    if (!allocation || !allocation->contains(address, size)) {
      allocation = launch.memory->find(address);
      if (!allocation || !allocation->contains(address, size))
        return nullptr;
      launch.lastAllocation = allocation;
    }
    uint64_t offset = address - allocation->address;
    if (reads() && launch.options->checkUninitialized &&
        !allocation->isInitialized(address, size)) {
      for (uint32_t at = 0; at < size; at += bytes_)
        if (!allocation->isInitialized(address + at, bytes_)) {
          warp_.report(Finding::Kind::UninitializedGlobal, lane + at / bytes_,
                       describe(address + at, "global") +
                           ": nobody wrote them all");
          break;
        }
    }
    if (writes())
      allocation->markInitialized(address, size);
    if (launch.options->checkRaces) {
      race_.since = launch.start;
      if (inst_.memory.nonCoherent &&
          allocation->races->writtenInLaunch(offset, size, warp_.order))
        warp_.report(Finding::Kind::Race, lane,
                     describe(address, "global") +
                         ": .nc, but this launch wrote there");
      auto conflict = writes() ? allocation->races->write(offset, size, race_)
                               : allocation->races->read(offset, size, race_);
      if (conflict)
        raced(lane, address, "global", *conflict);
    }
    return reinterpret_cast<uint8_t *>(address);
  }

  uint8_t *shared(uint32_t lane, uint64_t address, uint32_t size) {
    Block &block = warp_.block;
    if (address < sharedStart || size > block.shared.size() ||
        address - sharedStart > block.shared.size() - size)
      return nullptr;
    uint64_t offset = address - sharedStart;
    if (block.pendingBytes) {
      auto *pending = block.sharedPending.data() + offset;
      if (std::any_of(pending, pending + size, [](uint8_t p) { return p; })) {
        warp_.report(Finding::Kind::MissingAsyncWait, lane,
                     describe(address, "shared") +
                         ": a cp.async to them was not waited for");
        return block.shared.data() + offset;
      }
    }
    uint8_t *initialized = block.sharedInitialized.data() + offset;
    if (reads() && warp_.launch.options->checkUninitialized &&
        std::memchr(initialized, 0, size))
      warp_.report(Finding::Kind::UninitializedShared, lane,
                   describe(address, "shared") +
                       ": the block did not write them all");
    if (writes() && kind_ != AccessKind::AsyncTarget)
      std::memset(initialized, 1, size);
    if (warp_.launch.options->checkRaces) {
      race_.since = warp_.order.blockStart;
      auto conflict = writes() ? block.sharedRaces.write(offset, size, race_)
                               : block.sharedRaces.read(offset, size, race_);
      if (conflict)
        raced(lane, address, "shared", *conflict);
    }
    return block.shared.data() + offset;
  }

  uint8_t *localOrParam(uint32_t lane, uint64_t address, Space space) {
    Launch &launch = warp_.launch;
    if (space == Space::Param) {
      if (writes() || address > launch.parameters.size() ||
          bytes_ > launch.parameters.size() - address)
        return nullptr;
      return const_cast<uint8_t *>(launch.parameters.data()) + address;
    }
    uint64_t size = launch.program->localBytes;
    if (address < localStart || bytes_ > size ||
        address - localStart > size - bytes_)
      return nullptr;
    return warp_.local + lane * size + (address - localStart);
  }

  void countGlobal(const uint64_t *addresses, uint32_t lanes) {
    uint64_t sectors[64];
    uint32_t count = 0, sorted = 1;
    for (uint32_t rest = lanes; rest; rest &= rest - 1) {
      uint64_t first = addresses[std::countr_zero(rest)] / 32;
      if (count && sectors[count - 1] == first)
        continue;
      sorted &= !count || sectors[count - 1] < first;
      sectors[count++] = first;
    }
    if (!sorted) {
      std::sort(sectors, sectors + count);
      count = std::unique(sectors, sectors + count) - sectors;
    }
    uint64_t asked = uint64_t{bytes_} * std::popcount(lanes);
    if (kind_ == AccessKind::Read) {
      ++counts_.globalLoads;
      counts_.globalLoadSectors += count;
      counts_.globalLoadBytes += asked;
    } else {
      ++counts_.globalStores;
      counts_.globalStoreSectors += count;
      counts_.globalStoreBytes += asked;
    }
  }

  /// 32 banks of 4 bytes. Wide accesses go in parts of 128 bytes: halves of
  /// the warp for 8 bytes, quarters for 16. Lanes that use one word share it.
  void countShared(const uint64_t *addresses, uint32_t lanes) {
    ++counts_.sharedAccesses;
    uint32_t words = std::max(1u, bytes_ / 4);
    uint32_t lanesPerPart = 32 / words;
    for (uint32_t part = 0; part < words; ++part) {
      uint32_t in = lanesPerPart == 32 ? lanes
                                       : lanes >> part * lanesPerPart &
                                             ((1u << lanesPerPart) - 1);
      uint64_t used[32 * 4];
      uint32_t perBank[32] = {};
      uint32_t count = 0, most = 0;
      for (; in; in &= in - 1) {
        uint32_t lane = part * lanesPerPart + std::countr_zero(in);
        for (uint32_t w = 0; w < words; ++w) {
          uint64_t word = addresses[lane] / 4 + w;
          if (count && std::find(used, used + count, word) != used + count)
            continue;
          used[count++] = word;
          most = std::max(most, ++perBank[word % 32]);
        }
      }
      counts_.sharedBankConflicts += most > 1 ? most - 1 : 0;
    }
  }

private:
  Warp &warp_;
  const Inst &inst_;
  uint32_t bytes_;
  AccessKind kind_;
  uint32_t index_;
  Access race_;
  AccessCounts &counts_;
};

const char *spaceName(Space space) {
  switch (space) {
  case Space::Shared:
    return "shared";
  case Space::Local:
    return "local";
  case Space::Param:
    return "parameter";
  default:
    return "global";
  }
}

} // namespace

bool access(Warp &warp, const Inst &inst, Space inSpace, uint32_t lanes,
            const uint64_t (&addresses)[32], uint32_t bytes, uint32_t alignment,
            AccessKind kind, uint8_t *(&pointers)[32]) {
  Accessor accessor(warp, inst, bytes, kind);
  bool generic = inSpace == Space::Generic;
  uint32_t globalLanes = 0, sharedLanes = 0;
  uint64_t offsets[32];
  for (uint32_t rest = lanes; rest;) {
    uint32_t lane = std::countr_zero(rest);
    rest &= rest - 1;
    uint64_t address = addresses[lane];
    Space space = spaceOf(address, inSpace);
    if (generic && space != Space::Global)
      address &= (uint64_t{1} << 56) - 1;
    offsets[lane] = address;
    if (address % alignment != 0) {
      warp.report(Finding::Kind::Misaligned, lane,
                  accessor.describe(address, spaceName(space)) +
                      ": a multiple of " + std::to_string(alignment) +
                      " expected");
      return false;
    }
    uint8_t *pointer = nullptr;
    if (space == Space::Global || space == Space::Shared ||
        space == Space::Const) {
      // Lanes that go on where this one ends, or repeat it, are checked as
      // one range.
      bool isShared = space == Space::Shared;
      uint32_t run = 1;
      uint32_t size = bytes;
      (isShared ? sharedLanes : globalLanes) |= 1u << lane;
      uint64_t before = addresses[lane];
      while (lane + run < 32 && lanes >> (lane + run) & 1) {
        uint64_t next = addresses[lane + run];
        if (next == addresses[lane] + size && size == bytes * run)
          size += bytes;
        else if (next != before || size != bytes)
          break;
        before = next;
        ++run;
      }
      auto resolve = [&](uint32_t at, uint64_t from, uint32_t length) {
        return isShared ? accessor.shared(at, from, length)
                        : accessor.global(at, from, length);
      };
      pointer = resolve(lane, address, size);
      if (!pointer && size != bytes) {
        // Some lane of the range is out: go lane by lane, to name it.
        run = 1;
        size = bytes;
        pointer = resolve(lane, address, size);
      }
      if (pointer)
        for (uint32_t i = 0; i < run; ++i) {
          uint64_t step = size == bytes ? 0 : uint64_t{i} * bytes;
          pointers[lane + i] = pointer + step;
          offsets[lane + i] = address + step;
          (isShared ? sharedLanes : globalLanes) |= 1u << (lane + i);
          rest &= ~(1u << (lane + i));
        }
    } else {
      pointer = accessor.localOrParam(lane, address, space);
      pointers[lane] = pointer;
    }
    if (!pointer) {
      warp.report(
          Finding::Kind::OutOfBounds, lane,
          accessor.describe(address, spaceName(space)) + ": not within one " +
              (space == Space::Global ? "allocation" : "variable area"));
      return false;
    }
  }
  if (globalLanes)
    accessor.countGlobal(offsets, globalLanes);
  if (sharedLanes)
    accessor.countShared(offsets, sharedLanes);
  return true;
}

} // namespace swallow::emulator
