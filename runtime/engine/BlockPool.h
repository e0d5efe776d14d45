//===- BlockPool.h - who owns which KV block --------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_BLOCKPOOL_H
#define SWALLOW_RUNTIME_ENGINE_BLOCKPOOL_H

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace swallow {

/// The free blocks of a KV pool. Blocks are interchangeable; the one freed last
/// is taken first, as it is the likeliest to be in memory already. Allocates
/// only when constructed.
class BlockPool {
public:
  explicit BlockPool(int32_t blocks) {
    free_.reserve(static_cast<size_t>(blocks));
    // Taken from the back: a fresh pool hands out 0, 1, 2, ...
    for (int32_t block = blocks; block > 0; --block)
      free_.push_back(block - 1);
  }

  int64_t numFree() const { return static_cast<int64_t>(free_.size()); }

  /// A block that nobody owns. There must be one.
  int32_t take() {
    assert(!free_.empty());
    int32_t block = free_.back();
    free_.pop_back();
    return block;
  }

  void give(int32_t block) { free_.push_back(block); }

private:
  std::vector<int32_t> free_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_BLOCKPOOL_H
