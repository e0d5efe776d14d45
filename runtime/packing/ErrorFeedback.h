//===- ErrorFeedback.h - codes that make up for each other ------*- C++ -*-===//
//
// Of a product y = W x what counts is the error of y. With H the mean of x x^T
// over some text, the squared error of an output feature is e H e^T, e being
// the errors of its weights, and errors of inputs that go together can make up
// for each other. With H = L D L^T, L lower triangular with ones on its
// diagonal and D diagonal,
//
//   e H e^T = sum over j of D_j f_j^2    with  f_j = e_j + sum i > j: e_i L_ij
//
// so weights are rounded from the last input to the first, each to the level
// nearest to its value plus what the errors behind it add. This is what GPTQ
// does (Frantar et al., 2022, arXiv:2210.17323), in the form of LDLQ (Chee et
// al., 2023, arXiv:2307.13304), from the other end.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_PACKING_ERRORFEEDBACK_H
#define SWALLOW_RUNTIME_PACKING_ERRORFEEDBACK_H

#include "runtime/packing/PackedLayout.h"

#include <cstdint>
#include <span>
#include <vector>

namespace swallow {

/// H of a product's inputs, factored. `size` is the number of inputs rounded up
/// to a group (16); what is beyond has zeros in `lower` and in `variance`.
struct InputFactor {
  int64_t size = 0;
  std::vector<float> lower;    ///< L, [size][size]; below the diagonal
  std::vector<float> variance; ///< D, [size]
};

/// How far a product's outputs are off with the text of the factor. Sums over a
/// sample of the output features, in no particular unit.
struct OutputStats {
  double squaredError = 0;
  double squaredOutput = 0;

  OutputStats &operator+=(const OutputStats &other);
  /// Root mean square of the errors over that of the outputs; 0 for zeros.
  double relativeError() const;
};

/// packBlocks for quantised layouts whose blocks have at most 64 output
/// features, with scales and codes chosen by `factor` (size
/// layout.paddedCols()) instead of the sources' importance. The bytes depend on
/// the sources and the factor alone, not on the CPU or on how blocks are
/// divided into calls. `stats` gets the errors of the weights, `outputs` those
/// of the outputs, both by source. Thread-safe; allocates 128 f32 per input.
void packBlocksWithFeedback(const PackedLayout &layout,
                            std::span<const PackSource> sources,
                            const InputFactor &factor, int64_t blockBegin,
                            int64_t blockEnd, uint8_t *out,
                            std::span<PackStats> stats,
                            std::span<OutputStats> outputs);

} // namespace swallow

#endif // SWALLOW_RUNTIME_PACKING_ERRORFEEDBACK_H
