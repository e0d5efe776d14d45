// RUN: swallow-opt --swallow-plan-arena %s | FileCheck %s --check-prefix=DOTS
// RUN: swallow-opt --swallow-plan-arena="input-type=f32 integer-sums=words" %s | FileCheck %s --check-prefix=WORDS
// RUN: swallow-opt --swallow-plan-arena="input-type=f32 integer-sums=few-words" %s | FileCheck %s --check-prefix=FEW
// RUN: not swallow-opt --swallow-plan-arena=integer-sums=halves %s 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// Rows of 512 inputs for weights whose attribute says that inputs are bytes.
// Dots: two chunks of 256 codes and a scale; few rows are 16 records of 48
// bytes.
// DOTS: #swallow.slot<name = "norm", {{[^"]*}}per_token = 576, per_thread = 0, per_sequence = 0>>
// DOTS: #swallow.slot<name = "row_scratch", {{[^"]*}}per_thread = 18432, per_sequence = 0>>

// Words: many rows are records as few are, of 52 bytes.
// WORDS: #swallow.slot<name = "norm", {{[^"]*}}per_token = 832, per_thread = 0, per_sequence = 0>>
// WORDS: #swallow.slot<name = "row_scratch", {{[^"]*}}per_thread = 19968, per_sequence = 0>>

// Only few are: many are multiplied as they lie.
// FEW-NOT: "norm"
// FEW: #swallow.slot<name = "row_scratch", {{[^"]*}}per_thread = 19968, per_sequence = 0>>

// UNKNOWN: integer-sums must be dots, words or few-words, got 'halves'

swallow.weight @e from ["e"] rows [9] : tensor<9x512xf32>
swallow.weight @w from ["w"] rows [64] : tensor<64x512xf32> {offset = 0 : i64, packing = #swallow.packing<n_block = 64, k_group = 16, row_unit = 0, interleave = false>, quant = #swallow.quant<bits = 4, group = 16, inputs = i8>}
func.func @step(%batch: !swallow.batch) -> tensor<?x64xf32> {
  %we = swallow.load_weight @e : tensor<9x512xf32>
  %w = swallow.load_weight @w : tensor<64x512xf32>
  %e = swallow.embedding %batch, %we : tensor<9x512xf32> -> tensor<?x512xf32>
  %h = swallow.fused_linear %e, %w : tensor<?x512xf32>, tensor<64x512xf32> -> tensor<?x64xf32>
  %r = swallow.select_rows %h, %batch : tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}
