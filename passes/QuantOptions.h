//===- QuantOptions.h - which matrices are quantised ------------*- C++ -*-===//

#ifndef SWALLOW_PASSES_QUANTOPTIONS_H
#define SWALLOW_PASSES_QUANTOPTIONS_H

#include <cstdint>
#include <string>

namespace swallow {

/// Bits of the codes of each class of matrices, 4, 6 or 8; 0: not quantised.
/// See -swallow-quantize-weights.
struct QuantOptions {
  int64_t attention = 0, mlp = 0, head = 0, embedding = 0;
  /// What products of many rows may round their inputs to: "i8", one scale for
  /// 256 of them; "groups", bytes with a scale for each 32, or bf16 where that
  /// is as fast; "bf16"; or empty: groups for codes of 8 bits, which would lose
  /// more by i8 than they do by being 8 bits, i8 for others.
  std::string inputs = {};
  bool any() const { return attention || mlp || head || embedding; }
};

} // namespace swallow

#endif // SWALLOW_PASSES_QUANTOPTIONS_H
