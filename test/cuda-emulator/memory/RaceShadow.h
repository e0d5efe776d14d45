//===- RaceShadow.h - who touched which bytes -------------------*- C++ -*-===//
//
// The state per memory location of a happens-before race detector with
// epochs: C. Flanagan, S. Freund, "FastTrack: efficient and precise dynamic
// race detection", PLDI 2009. The threads of the detector are warps. A cell
// keeps the last write, and the last read or, where reads of several warps
// are not ordered, one clock per warp of the block.
//
// Cells are per 4-byte word. An access to a part of a word splits its cell
// into four, one per byte, until the word is written as a whole.
//
// Of readers in other blocks of the same launch only the latest is kept.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_MEMORY_RACESHADOW_H
#define SWALLOW_TEST_CUDA_EMULATOR_MEMORY_RACESHADOW_H

#include "test/cuda-emulator/memory/Ordering.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace swallow::emulator {

/// One access by one warp, as the detector sees it.
struct Access {
  const WarpOrder *warp; ///< who, and what it knows
  uint32_t since; ///< start of the launch or, in shared memory, of the block:
                  ///< what is older does not count
  uint32_t instruction; ///< index in the program
  bool strong;          ///< an atomic, or .relaxed/.acquire/.release/.volatile
};

/// The earlier access that conflicts.
struct Conflict {
  bool wasWrite;
  uint32_t warp;        ///< in its block
  uint32_t instruction; ///< index in the program
  bool otherBlock;
};

class RaceShadow {
public:
  /// For `bytes` bytes of memory. Pages of cells exist once touched.
  explicit RaceShadow(uint64_t bytes);
  ~RaceShadow();
  RaceShadow(const RaceShadow &) = delete;
  RaceShadow &operator=(const RaceShadow &) = delete;

  /// Records the access to [offset, offset + size) and returns a conflict with
  /// an earlier one, if any.
  std::optional<Conflict> read(uint64_t offset, uint32_t size,
                               const Access &access);
  std::optional<Conflict> write(uint64_t offset, uint32_t size,
                                const Access &access);

  /// Whether a byte was written during the launch that `warp` belongs to.
  bool writtenInLaunch(uint64_t offset, uint32_t size,
                       const WarpOrder &warp) const;

private:
  /// Clock 0: never. `info` packs warp (5 bits), strong (1), instruction (26).
  struct Cell {
    uint32_t writeClock, writeInfo;
    uint32_t readClock, readInfo; // or an index of sets_, or a split mark
  };
  struct ReadSet {
    uint32_t blockStart = 0;
    uint32_t instruction = 0;
    std::array<uint32_t, maxWarps> clocks{};
  };

  void readCell(Cell &cell, const Access &access,
                std::optional<Conflict> &conflict);
  void writeCell(Cell &cell, const Access &access,
                 std::optional<Conflict> &conflict);
  void checkWrite(const Cell &cell, const Access &access,
                  std::optional<Conflict> &conflict) const;
  template <typename Visit>
  void visit(uint64_t offset, uint32_t size, Visit &&each);
  Cell *splitCells(uint64_t word);

  uint64_t words_;
  Cell *cells_ = nullptr; // [words]
  Cell *bytes_ = nullptr; // [words * 4], mapped at the first split
  std::vector<ReadSet> sets_;
  std::vector<uint32_t> freeSets_;
};

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_MEMORY_RACESHADOW_H
