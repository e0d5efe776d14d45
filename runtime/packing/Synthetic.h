//===- Synthetic.h - weights that are computed, not stored ------*- C++ -*-===//
//
// A model of any size can be compiled and measured without a checkpoint: its
// weights follow from a seed. Every value is a function of (seed, name of the
// tensor, row, column) alone, in integers and exact products, so that all
// machines and all threads get the same bits. All values are bf16 numbers.
//
//   matrix  about normal, sigma 1 / sqrt(columns), so that products keep the
//           size of what they are given; some rows twice and some columns four
//           times as large, as in trained models
//   norm    about normal around 1, sigma 0.07
//   bias    about normal, sigma 0.02
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_PACKING_SYNTHETIC_H
#define SWALLOW_RUNTIME_PACKING_SYNTHETIC_H

#include "runtime/packing/PackedLayout.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// The values of one tensor of a checkpoint that does not exist.
class SyntheticTensor {
public:
  /// `name` is the Hugging Face name. With one column the tensor is a vector: a
  /// bias if its name ends in ".bias", the weights of a norm otherwise.
  SyntheticTensor(uint64_t seed, std::string_view name, int64_t cols);

  /// Rows [begin, end), row-major, as bf16.
  void read(int64_t begin, int64_t end, uint16_t *out) const;

private:
  void readMatrix(int64_t begin, int64_t end, uint16_t *out) const;
  void readVector(int64_t begin, int64_t end, uint16_t *out) const;

  uint64_t key_;
  int64_t cols_;
  bool bias_;
  std::vector<float> scales_; // of a matrix's columns
};

/// A packed weight made of such tensors.
class SyntheticWeight {
public:
  /// `layout` is valid() and has one name for each of its sources.
  SyntheticWeight(uint64_t seed, PackedLayout layout,
                  const std::vector<std::string> &names);

  const PackedLayout &layout() const { return layout_; }

  /// What packBlocks makes of these blocks. Thread-safe; allocates the rows of
  /// one block.
  void pack(int64_t blockBegin, int64_t blockEnd, uint8_t *out) const;

private:
  PackedLayout layout_;
  std::vector<SyntheticTensor> tensors_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_PACKING_SYNTHETIC_H
