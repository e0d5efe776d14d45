//===- RaceShadow.cpp - who touched which bytes ---------------------------===//

#include "test/cuda-emulator/memory/RaceShadow.h"

#include <algorithm>
#include <sys/mman.h>

namespace swallow::emulator {

static constexpr uint32_t inSet = 0xffffffffu; // readClock is an index of sets_
static constexpr uint32_t isSplit = 0xfffffffeu; // the bytes have own cells

static uint32_t pack(const Access &access) {
  return access.warp->warp << 27 | (access.strong ? 1u << 26 : 0) |
         (access.instruction & 0x3ffffffu);
}
static uint32_t warpOf(uint32_t info) { return info >> 27; }
static bool strongOf(uint32_t info) { return info >> 26 & 1; }
static uint32_t instructionOf(uint32_t info) { return info & 0x3ffffffu; }

template <typename T> static T *reserve(uint64_t count) {
  // Without this much address space there is nothing to check with; a null is
  // taken as "not tracked".
  void *pages = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return pages == MAP_FAILED ? nullptr : static_cast<T *>(pages);
}

RaceShadow::RaceShadow(uint64_t bytes)
    : words_((bytes + 3) / 4 + 1), cells_(reserve<Cell>(words_)) {}

RaceShadow::~RaceShadow() {
  if (cells_)
    munmap(cells_, words_ * sizeof(Cell));
  if (bytes_)
    munmap(bytes_, words_ * 4 * sizeof(Cell));
}

void RaceShadow::checkWrite(const Cell &cell, const Access &access,
                            std::optional<Conflict> &conflict) const {
  uint32_t clock = cell.writeClock;
  if (clock < access.since || (access.strong && strongOf(cell.writeInfo)) ||
      access.warp->isOrdered(clock, warpOf(cell.writeInfo)))
    return;
  conflict =
      Conflict{true, warpOf(cell.writeInfo), instructionOf(cell.writeInfo),
               clock < access.warp->blockStart};
}

void RaceShadow::readCell(Cell &cell, const Access &access,
                          std::optional<Conflict> &conflict) {
  const WarpOrder &warp = *access.warp;
  checkWrite(cell, access, conflict);
  if (cell.readInfo == inSet) {
    ReadSet &set = sets_[cell.readClock];
    if (set.blockStart != warp.blockStart) {
      set = {};
      set.blockStart = warp.blockStart;
    }
    set.clocks[warp.warp] = warp.now();
    set.instruction = access.instruction;
    return;
  }
  bool replaces = cell.readClock < warp.blockStart ||
                  warp.isOrdered(cell.readClock, warpOf(cell.readInfo));
  if (replaces) {
    cell.readClock = warp.now();
    cell.readInfo = pack(access);
    return;
  }
  uint32_t index;
  if (freeSets_.empty()) {
    index = sets_.size();
    sets_.emplace_back();
  } else {
    index = freeSets_.back();
    freeSets_.pop_back();
  }
  ReadSet &set = sets_[index];
  set = {};
  set.blockStart = warp.blockStart;
  set.instruction = access.instruction;
  set.clocks[warpOf(cell.readInfo)] = cell.readClock;
  set.clocks[warp.warp] = warp.now();
  cell.readClock = index;
  cell.readInfo = inSet;
}

void RaceShadow::writeCell(Cell &cell, const Access &access,
                           std::optional<Conflict> &conflict) {
  const WarpOrder &warp = *access.warp;
  checkWrite(cell, access, conflict);
  if (cell.readInfo == inSet) {
    const ReadSet &set = sets_[cell.readClock];
    for (uint32_t w = 0; w < maxWarps; ++w)
      if (set.clocks[w] >= access.since && !warp.isOrdered(set.clocks[w], w))
        conflict = Conflict{false, w, set.instruction,
                            set.blockStart != warp.blockStart};
    freeSets_.push_back(cell.readClock);
  } else if (cell.readClock >= access.since &&
             !(access.strong && strongOf(cell.readInfo)) &&
             !warp.isOrdered(cell.readClock, warpOf(cell.readInfo))) {
    conflict =
        Conflict{false, warpOf(cell.readInfo), instructionOf(cell.readInfo),
                 cell.readClock < warp.blockStart};
  }
  cell.writeClock = warp.now();
  cell.writeInfo = pack(access);
  cell.readClock = 0;
  cell.readInfo = 0;
}

RaceShadow::Cell *RaceShadow::splitCells(uint64_t word) {
  if (!bytes_)
    bytes_ = reserve<Cell>(words_ * 4);
  if (!bytes_)
    return nullptr;
  Cell &whole = cells_[word];
  Cell *parts = bytes_ + word * 4;
  if (whole.readInfo == isSplit)
    return parts;
  for (int i = 0; i < 4; ++i) {
    parts[i] = whole;
    if (whole.readInfo == inSet && i > 0) {
      // Each part owns its set.
      parts[i].readClock = sets_.size();
      ReadSet shared = sets_[whole.readClock];
      sets_.push_back(shared);
    }
  }
  whole.readInfo = isSplit;
  return parts;
}

template <typename Visit>
void RaceShadow::visit(uint64_t offset, uint32_t size, Visit &&each) {
  if (!cells_)
    return;
  for (uint64_t at = offset; at < offset + size;) {
    uint64_t word = at / 4;
    uint64_t end = std::min(offset + size, word * 4 + 4);
    bool whole = end - at == 4;
    if (whole && cells_[word].readInfo != isSplit) {
      each(&cells_[word], 1, word, true);
    } else if (Cell *parts = splitCells(word)) {
      each(parts + at % 4, static_cast<uint32_t>(end - at), word, whole);
    }
    at = end;
  }
}

std::optional<Conflict> RaceShadow::read(uint64_t offset, uint32_t size,
                                         const Access &access) {
  std::optional<Conflict> conflict;
  visit(offset, size, [&](Cell *cells, uint32_t count, uint64_t, bool) {
    for (uint32_t i = 0; i < count; ++i)
      readCell(cells[i], access, conflict);
  });
  return conflict;
}

std::optional<Conflict> RaceShadow::write(uint64_t offset, uint32_t size,
                                          const Access &access) {
  std::optional<Conflict> conflict;
  visit(offset, size,
        [&](Cell *cells, uint32_t count, uint64_t word, bool whole) {
          for (uint32_t i = 0; i < count; ++i)
            writeCell(cells[i], access, conflict);
          // The whole word now has one last write and no reader: one cell
          // again.
          if (whole && count == 4)
            cells_[word] = cells[0];
        });
  return conflict;
}

bool RaceShadow::writtenInLaunch(uint64_t offset, uint32_t size,
                                 const WarpOrder &warp) const {
  if (!cells_)
    return false;
  for (uint64_t word = offset / 4; word <= (offset + size - 1) / 4; ++word)
    if (cells_[word].writeClock >= warp.launchStart &&
        cells_[word].readInfo != isSplit)
      return true;
    else if (cells_[word].readInfo == isSplit)
      for (uint64_t i = word * 4; i < word * 4 + 4; ++i)
        if (i >= offset && i < offset + size &&
            bytes_[i].writeClock >= warp.launchStart)
          return true;
  return false;
}

} // namespace swallow::emulator
