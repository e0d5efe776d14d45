//===- Modules.h - small modules around one fused op ------------*- C++ -*-===//

#ifndef SWALLOW_TEST_TARGETS_X86_MODULES_H
#define SWALLOW_TEST_TARGETS_X86_MODULES_H

#include <cstdint>
#include <string>

namespace swallow::test {

/// Rows of the embedding table that feeds the op under test.
constexpr int64_t kTokens = 61;

struct TestModule {
  std::string name;
  std::string ir;
  int64_t columns; // of the step's result
};

/// What the matrices of a module are stored as, quantised ones with what
/// products of many rows may round their inputs to: i8, or groups of i8 or bf16
/// where it says so.
enum class Weights {
  F32,
  BF16,
  F16,
  I4,
  I6,
  I8,
  I4Groups,
  I6Groups,
  I8Groups,
  I4Bf16,
  I6Bf16,
  I8Bf16
};
constexpr bool isQuantized(Weights weights) { return weights >= Weights::I4; }
constexpr bool inputsAreBytes(Weights weights) {
  return isQuantized(weights) && weights < Weights::I4Groups;
}
constexpr bool inputsAreGroups(Weights weights) {
  return weights >= Weights::I4Groups && weights < Weights::I4Bf16;
}
const char *nameOf(Weights weights);

/// embedding -> select_rows.
TestModule embeddingModule(Weights weights, int64_t columns);

struct LinearShape {
  int64_t in, out;
  bool norm = false, bias = false, residual = false; // residual: in == out
  /// Rows of the input are multiples of 1 / 127 with a largest value of 1 in
  /// each 32 columns, so that quantising them loses nothing.
  bool exactInput = false;
  /// Rows of the input are in f32, some of their values larger than any f16, or
  /// NaN or infinite.
  bool wideInput = false;
  /// All weights are subnormal in f16.
  bool tinyWeights = false;
};
/// embedding -> fused_linear -> select_rows.
TestModule linearModule(Weights weights, const LinearShape &shape);

struct MlpShape {
  int64_t hidden, ffn;
  bool norm = false, bias = false;
  bool down = false; // followed by a fused_linear back to hidden, + residual
  /// Inputs are so large that many results are beyond f16.
  bool large = false;
};
/// embedding -> gated_mlp (-> fused_linear) -> select_rows.
TestModule mlpModule(Weights weights, const MlpShape &shape);

struct HeadShape {
  int64_t hidden, vocab;
  bool norm = false;
  bool tied = false; // the weight is the embedding table
};
/// embedding -> fused_lm_head.
TestModule headModule(Weights weights, const HeadShape &shape);

struct AttentionShape {
  int64_t hidden, heads, kvHeads, headDim;
  int64_t window = 0;
  bool norm = false, bias = false;
  std::string ropeParameters = {}; // after theta
};
/// embedding -> two layers of fused_qkv -> attention -> fused_linear with
/// residual -> select_rows.
TestModule attentionModule(Weights weights, const AttentionShape &shape);

} // namespace swallow::test

#endif // SWALLOW_TEST_TARGETS_X86_MODULES_H
