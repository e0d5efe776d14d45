// RUN: swallow-opt --split-input-file --swallow-plan-arena %s | FileCheck %s
// RUN: swallow-opt --split-input-file --swallow-plan-arena=input-type=f32 %s | FileCheck %s --check-prefix=F32
// RUN: swallow-opt --split-input-file --swallow-plan-arena=input-type=bf16 %s | FileCheck %s --check-prefix=BF16
// RUN: swallow-opt --split-input-file --swallow-plan-arena=tiles=true %s | FileCheck %s --check-prefix=TILES
// RUN: swallow-opt --split-input-file --swallow-plan-arena=scratch=false %s | FileCheck %s --check-prefix=GPU
// RUN: swallow-opt --split-input-file --swallow-plan-arena %s > %t.once
// RUN: swallow-opt --split-input-file --swallow-plan-arena %t.once | diff %t.once -

// A decoder without its layer loop. The residual stream stays in one slot; MLP
// and query share bytes, as attention and RoPE table do. Products read attention
// and MLP results as bf16, so that is how they are stored.

!kv = !swallow.kv<layers = 1, heads = 1, head_dim = 16, element = bf16>

// CHECK:      module attributes {swallow.arena = [
// CHECK-SAME:   #swallow.slot<name = "hidden", offset = <constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>, size = <constant = 0, per_token = 128, per_thread = 0, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "query", offset = <constant = 0, per_token = 128, per_thread = 0, per_sequence = 0>, size = <constant = 0, per_token = 128, per_thread = 0, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "attention", offset = <constant = 0, per_token = 256, per_thread = 0, per_sequence = 0>, size = <constant = 0, per_token = 64, per_thread = 0, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "mlp", offset = <constant = 0, per_token = 128, per_thread = 0, per_sequence = 0>, size = <constant = 0, per_token = 64, per_thread = 0, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "rope", offset = <constant = 0, per_token = 256, per_thread = 0, per_sequence = 0>, size = <constant = 0, per_token = 64, per_thread = 0, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "norm", offset = <constant = 0, per_token = 320, per_thread = 0, per_sequence = 0>, size = <constant = 0, per_token = 64, per_thread = 0, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "row_scratch", offset = <constant = 0, per_token = 384, per_thread = 0, per_sequence = 0>, size = <constant = 0, per_token = 0, per_thread = 1024, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "tile_scratch", offset = <constant = 0, per_token = 384, per_thread = 1024, per_sequence = 0>, size = <constant = 0, per_token = 0, per_thread = 131072, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "panel_scratch", offset = <constant = 0, per_token = 384, per_thread = 132096, per_sequence = 0>, size = <constant = 0, per_token = 0, per_thread = 131072, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "attention_scratch", offset = <constant = 0, per_token = 384, per_thread = 263168, per_sequence = 0>, size = <constant = 0, per_token = 0, per_thread = 17472, per_sequence = 0>>,
// CHECK-SAME:   #swallow.slot<name = "attention_partials", offset = <constant = 0, per_token = 384, per_thread = 280640, per_sequence = 0>, size = <constant = 65536, per_token = 0, per_thread = 0, per_sequence = 0>>],
// CHECK-SAME:   swallow.arena_size = #swallow.affine<constant = 65536, per_token = 384, per_thread = 280640, per_sequence = 0>}

// With f32 inputs the same values are wider.
// F32:        #swallow.slot<name = "attention", {{.*}}, size = <constant = 0, per_token = 128, per_thread = 0, per_sequence = 0>>, #swallow.slot<name = "mlp", {{.*}}, size = <constant = 0, per_token = 128, per_thread = 0, per_sequence = 0>>, #swallow.slot<name = "rope"

// Rows in tile order: chunks of 256 inputs, also of those that are bf16 already,
// and tiles of 512 rows.
// TILES:      #swallow.slot<name = "norm", {{[^"]*}}size = <constant = 0, per_token = 512, per_thread = 0, per_sequence = 0>>
// TILES-SAME: #swallow.slot<name = "tile_scratch", {{[^"]*}}per_thread = 524288, per_sequence = 0>>
// TILES:      swallow.fused_linear {{.*}}swallow.workspace_slots = array<i64: 5, 6, 7, 8>}

// On a GPU many rows are normalised once for all blocks, and what blocks leave
// for each other is there once, behind the rows.
// GPU:        #swallow.slot<name = "norm", offset = <constant = 0, per_token = 320, per_thread = 0, per_sequence = 0>, size = <constant = 0, per_token = 64, per_thread = 0, per_sequence = 0>>,
// GPU-SAME:   #swallow.slot<name = "attention_partials", offset = <constant = 0, per_token = 384, per_thread = 0, per_sequence = 0>, size = <constant = 73728, per_token = 0, per_thread = 0, per_sequence = 0>>,
// GPU-SAME:   #swallow.slot<name = "attention_tickets", offset = <constant = 73728, per_token = 384, per_thread = 0, per_sequence = 0>, size = <constant = 128, per_token = 0, per_thread = 0, per_sequence = 0>>],
// GPU-SAME:   swallow.arena_size = #swallow.affine<constant = 73856, per_token = 384, per_thread = 0, per_sequence = 0>
// GPU:        swallow.attention {{.*}}swallow.workspace_slots = array<i64: 6, 7>}

swallow.weight @e from ["e"] rows [9] : tensor<9x32xbf16>
swallow.weight @n from ["n"] rows [32] : tensor<32xf32>
swallow.weight @qkv from ["q", "k", "v"] rows [32, 16, 16] : tensor<64x32xbf16>
swallow.weight @o from ["o"] rows [32] : tensor<32x32xbf16>
swallow.weight @gate_up from ["g", "u"] rows [24, 24] : tensor<48x32xbf16>
swallow.weight @down from ["d"] rows [32] : tensor<32x24xbf16>

// CHECK-LABEL: func.func @step
// CHECK:         swallow.embedding {{.*}} {swallow.result_element = f32, swallow.result_slot = 0 : i64, swallow.workspace_slots = array<i64: 4>}
// CHECK:         swallow.fused_qkv {{.*}} {swallow.result_element = f32, swallow.result_slot = 1 : i64, swallow.workspace_slots = array<i64: 4, 5, 6, 7, 8>}
// CHECK:         swallow.attention {{.*}} {swallow.result_element = bf16, swallow.result_slot = 2 : i64, swallow.workspace_slots = array<i64: 9, 10>}
// CHECK:         swallow.fused_linear {{.*}} {swallow.result_element = f32, swallow.result_slot = 0 : i64, swallow.workspace_slots = array<i64: 7, 8>}
// CHECK:         swallow.gated_mlp {{.*}} {swallow.result_element = bf16, swallow.result_slot = 3 : i64, swallow.workspace_slots = array<i64: 5, 6, 7, 8>}
// CHECK:         swallow.fused_linear {{.*}} {swallow.result_element = f32, swallow.result_slot = 0 : i64, swallow.workspace_slots = array<i64: 7, 8>}
// The logits are not in the arena.
// CHECK:         swallow.fused_lm_head {{.*}} {swallow.workspace_slots = array<i64: 5, 6, 7, 8>}
// F32-LABEL:   func.func @step
// F32:           swallow.attention {{.*}} {swallow.result_element = f32,
// F32:           swallow.gated_mlp {{.*}} {swallow.result_element = f32,
func.func @step(%batch: !swallow.batch, %kv: !kv) -> tensor<?x9xf32> {
  %c0 = arith.constant 0 : index
  %we = swallow.load_weight @e : tensor<9x32xbf16>
  %n = swallow.load_weight @n : tensor<32xf32>
  %wq = swallow.load_weight @qkv : tensor<64x32xbf16>
  %wo = swallow.load_weight @o : tensor<32x32xbf16>
  %wg = swallow.load_weight @gate_up : tensor<48x32xbf16>
  %wd = swallow.load_weight @down : tensor<32x24xbf16>
  %e = swallow.embedding %batch, %we : tensor<9x32xbf16> -> tensor<?x32xf32>
  %q = swallow.fused_qkv %e, %wq norm %n : tensor<32xf32> eps 1.0e-05, %batch, %kv[%c0] <theta = 1.0e+04 : f64> : tensor<?x32xf32>, tensor<64x32xbf16>, !kv -> tensor<?x32xf32>
  %a = swallow.attention %q, %batch, %kv[%c0] scale 2.5e-01 : tensor<?x32xf32>, !kv -> tensor<?x32xf32>
  %h = swallow.fused_linear %a, %wo residual %e : tensor<?x32xf32> : tensor<?x32xf32>, tensor<32x32xbf16> -> tensor<?x32xf32>
  %m = swallow.gated_mlp %h, %wg norm %n : tensor<32xf32> eps 1.0e-05 : tensor<?x32xf32>, tensor<48x32xbf16> -> tensor<?x24xf32>
  %d = swallow.fused_linear %m, %wd residual %h : tensor<?x32xf32> : tensor<?x24xf32>, tensor<32x24xbf16> -> tensor<?x32xf32>
  %l = swallow.fused_lm_head %d, %batch, %we norm %n : tensor<32xf32> eps 1.0e-05 : tensor<?x32xf32>, tensor<9x32xbf16> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}

// -----

// A residual that is read again is not written onto; one that the op also
// multiplies is not either, since other threads still read its rows.

swallow.weight @e from ["e"] rows [9] : tensor<9x8xf32>
swallow.weight @w from ["w"] rows [8] : tensor<8x8xf32>

// CHECK:       #swallow.slot<name = "hidden",
// CHECK-SAME:  #swallow.slot<name = "hidden_1",
// CHECK-LABEL: func.func @step
// CHECK:         swallow.embedding {{.*}}swallow.result_slot = 0 : i64
// CHECK:         swallow.fused_linear %[[E:.*]], %{{.*}} residual %[[E]] {{.*}}swallow.result_slot = 1 : i64
// CHECK:         swallow.fused_linear %{{.*}}, %{{.*}} residual %[[E]] {{.*}}swallow.result_slot = 0 : i64
func.func @step(%batch: !swallow.batch) -> tensor<?x9xf32> {
  %we = swallow.load_weight @e : tensor<9x8xf32>
  %w = swallow.load_weight @w : tensor<8x8xf32>
  %e = swallow.embedding %batch, %we : tensor<9x8xf32> -> tensor<?x8xf32>
  %p = swallow.fused_linear %e, %w residual %e : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %h = swallow.fused_linear %p, %w residual %e : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %l = swallow.fused_lm_head %h, %batch, %we : tensor<?x8xf32>, tensor<9x8xf32> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}

// -----

// One layer function, called in a loop and once more after it: arguments,
// results, what the loop carries and the residual inside are all one slot. The
// intermediate result has one slot for all calls. Functions that the step does
// not reach are left alone.

swallow.weight @e from ["e"] rows [9] : tensor<9x8xf32>
swallow.weight @n from ["n"] rows [8] : tensor<8xf32>
swallow.weight @gate_up from ["g", "u"] rows [20, 20] : tensor<40x8xf32>
swallow.weight @down from ["d"] rows [8] : tensor<8x20xf32>

// CHECK:       swallow.arena = [#swallow.slot<name = "hidden", {{[^"]*}}#swallow.slot<name = "mlp", {{[^"]*}}#swallow.slot<name = "norm", {{[^"]*}}#swallow.slot<name = "row_scratch"
// CHECK-LABEL: func.func private @layer
// CHECK-SAME:    (%{{.*}}: tensor<?x8xf32> {swallow.slot = 0 : i64})
// CHECK:         swallow.gated_mlp {{.*}}swallow.result_slot = 1 : i64
// CHECK:         swallow.fused_linear {{.*}}swallow.result_slot = 0 : i64
func.func private @layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %n = swallow.load_weight @n : tensor<8xf32>
  %wg = swallow.load_weight @gate_up : tensor<40x8xf32>
  %wd = swallow.load_weight @down : tensor<8x20xf32>
  %m = swallow.gated_mlp %x, %wg norm %n : tensor<8xf32> eps 1.0e-05 : tensor<?x8xf32>, tensor<40x8xf32> -> tensor<?x20xf32>
  %d = swallow.fused_linear %m, %wd residual %x : tensor<?x8xf32> : tensor<?x20xf32>, tensor<8x20xf32> -> tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @step
// CHECK:         scf.for
// CHECK:           func.call @layer(%{{.*}}) {swallow.result_element = f32, swallow.result_slot = 0 : i64}
// CHECK:         } {swallow.result_element = f32, swallow.result_slot = 0 : i64}
// CHECK:         call @layer(%{{.*}}) {swallow.result_element = f32, swallow.result_slot = 0 : i64}
func.func @step(%batch: !swallow.batch) -> tensor<?x9xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %we = swallow.load_weight @e : tensor<9x8xf32>
  %e = swallow.embedding %batch, %we : tensor<9x8xf32> -> tensor<?x8xf32>
  %h = scf.for %layer = %c0 to %c3 step %c1 iter_args(%x = %e) -> (tensor<?x8xf32>) {
    %y = func.call @layer(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    scf.yield %y : tensor<?x8xf32>
  }
  %z = func.call @layer(%h) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %l = swallow.fused_lm_head %z, %batch, %we : tensor<?x8xf32>, tensor<9x8xf32> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}

// CHECK-LABEL: func.func @unreached
// CHECK-NOT:     swallow.result_slot
func.func @unreached(%batch: !swallow.batch) -> tensor<?x8xf32> {
  %we = swallow.load_weight @e : tensor<9x8xf32>
  %e = swallow.embedding %batch, %we : tensor<9x8xf32> -> tensor<?x8xf32>
  return %e : tensor<?x8xf32>
}

// -----

// Two kinds of layers. Queries of one size share a slot, MLPs of two sizes do
// not; each RoPE has its table, which the embedding writes. What a loop reads
// from outside (the gate's input %g) lives until the loop ends: nothing in the
// loop may share its bytes.

!kv = !swallow.kv<layers = 2, heads = 1, head_dim = 4, element = f32>
swallow.weight @e from ["e"] rows [9] : tensor<9x8xf32>
swallow.weight @qkv from ["q", "k", "v"] rows [8, 4, 4] : tensor<16x8xf32>
swallow.weight @g1 from ["g1", "u1"] rows [20, 20] : tensor<40x8xf32>
swallow.weight @g2 from ["g2", "u2"] rows [40, 40] : tensor<80x8xf32>
swallow.weight @d1 from ["d1"] rows [8] : tensor<8x20xf32>
swallow.weight @d2 from ["d2"] rows [8] : tensor<8x40xf32>
swallow.weight @o from ["o"] rows [8] : tensor<8x8xf32>

// CHECK:      #swallow.slot<name = "hidden", offset = <constant = 0, per_token = 320,
// CHECK-SAME: #swallow.slot<name = "mlp", offset = <constant = 0, per_token = 192,
// CHECK-SAME: #swallow.slot<name = "query", offset = <constant = 0, per_token = 0,
// CHECK-SAME: #swallow.slot<name = "attention", offset = <constant = 0, per_token = 384,
// CHECK-SAME: #swallow.slot<name = "mlp_1", offset = <constant = 0, per_token = 0,
// CHECK-SAME: #swallow.slot<name = "rope", {{.*}} #swallow.slot<name = "rope_1",
// CHECK-LABEL: func.func @step
// CHECK:         swallow.embedding {{.*}}swallow.workspace_slots = array<i64: 5, 6>}
// CHECK:         swallow.gated_mlp {{.*}}swallow.result_slot = 1 : i64
// CHECK:         scf.for
// CHECK:           swallow.fused_qkv {{.*}}swallow.result_slot = 2 : i64, swallow.workspace_slots = array<i64: 5, 8, 9>}
// CHECK:           swallow.attention {{.*}}swallow.result_slot = 3 : i64
// CHECK:           swallow.fused_qkv {{.*}}swallow.result_slot = 2 : i64, swallow.workspace_slots = array<i64: 6, 8, 9>}
// CHECK:           swallow.gated_mlp {{.*}}swallow.result_slot = 4 : i64
func.func @step(%batch: !swallow.batch, %kv: !kv) -> tensor<?x9xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %we = swallow.load_weight @e : tensor<9x8xf32>
  %wq = swallow.load_weight @qkv : tensor<16x8xf32>
  %w1 = swallow.load_weight @g1 : tensor<40x8xf32>
  %w2 = swallow.load_weight @g2 : tensor<80x8xf32>
  %wd1 = swallow.load_weight @d1 : tensor<8x20xf32>
  %wd2 = swallow.load_weight @d2 : tensor<8x40xf32>
  %wo = swallow.load_weight @o : tensor<8x8xf32>
  %e = swallow.embedding %batch, %we : tensor<9x8xf32> -> tensor<?x8xf32>
  %g = swallow.gated_mlp %e, %w1 : tensor<?x8xf32>, tensor<40x8xf32> -> tensor<?x20xf32>
  %h = scf.for %layer = %c0 to %c2 step %c1 iter_args(%x = %e) -> (tensor<?x8xf32>) {
    %q = swallow.fused_qkv %x, %wq, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x8xf32>, tensor<16x8xf32>, !kv -> tensor<?x8xf32>
    %a = swallow.attention %q, %batch, %kv[%layer] scale 5.0e-01 : tensor<?x8xf32>, !kv -> tensor<?x8xf32>
    %y0 = swallow.fused_linear %a, %wo residual %x : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %y = swallow.fused_linear %g, %wd1 residual %y0 : tensor<?x8xf32> : tensor<?x20xf32>, tensor<8x20xf32> -> tensor<?x8xf32>
    %q2 = swallow.fused_qkv %y, %wq, %batch, %kv[%layer] <theta = 5.0e+05 : f64> : tensor<?x8xf32>, tensor<16x8xf32>, !kv -> tensor<?x8xf32>
    %z0 = swallow.fused_linear %q2, %wo residual %y : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %m = swallow.gated_mlp %z0, %w2 : tensor<?x8xf32>, tensor<80x8xf32> -> tensor<?x40xf32>
    %z = swallow.fused_linear %m, %wd2 residual %z0 : tensor<?x8xf32> : tensor<?x40xf32>, tensor<8x40xf32> -> tensor<?x8xf32>
    scf.yield %z : tensor<?x8xf32>
  }
  %l = swallow.fused_lm_head %h, %batch, %we : tensor<?x8xf32>, tensor<9x8xf32> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}

// -----

// An attention result that is also a residual is stored in f32; the product
// that reads it then needs room to round its rows.

!kv = !swallow.kv<layers = 1, heads = 1, head_dim = 4, element = f32>
swallow.weight @e from ["e"] rows [9] : tensor<9x8xbf16>
swallow.weight @w from ["w"] rows [8] : tensor<8x8xbf16>

// CHECK:       #swallow.slot<name = "norm"
// CHECK-LABEL: func.func @step
// CHECK-SAME:    tensor<?x8xf32> {swallow.slot = 0 : i64}
// CHECK:         swallow.attention {{.*}} {swallow.result_element = f32, swallow.result_slot = 1 : i64
// CHECK:         swallow.fused_linear {{.*}}swallow.workspace_slots = array<i64: [[NORM:[0-9]+]], {{.*}}>}
// CHECK:         swallow.fused_linear {{.*}}swallow.workspace_slots = array<i64: [[NORM]], {{.*}}>}
func.func @step(%q: tensor<?x8xf32>, %batch: !swallow.batch, %kv: !kv) -> tensor<?x9xf32> {
  %c0 = arith.constant 0 : index
  %we = swallow.load_weight @e : tensor<9x8xbf16>
  %w = swallow.load_weight @w : tensor<8x8xbf16>
  %a = swallow.attention %q, %batch, %kv[%c0] scale 5.0e-01 : tensor<?x8xf32>, !kv -> tensor<?x8xf32>
  %p = swallow.fused_linear %a, %w : tensor<?x8xf32>, tensor<8x8xbf16> -> tensor<?x8xf32>
  %h = swallow.fused_linear %p, %w residual %a : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xbf16> -> tensor<?x8xf32>
  %l = swallow.fused_lm_head %h, %batch, %we : tensor<?x8xf32>, tensor<9x8xbf16> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}

// -----

// Two blocks of threads of a GPU share the inputs of each of three blocks of
// features: sums of 16 rows, and a ticket for each 8 rows and block.
// GPU:        #swallow.slot<name = "product_partials", {{.*}} size = <constant = 6144, per_token = 0, per_thread = 0, per_sequence = 0>>,
// GPU-SAME:   #swallow.slot<name = "product_tickets", {{.*}} size = <constant = 64, per_token = 0, per_thread = 0, per_sequence = 0>>]
// GPU:        swallow.fused_linear {{.*}}swallow.workspace_slots = array<i64: {{[0-9]+}}, {{[0-9]+}}, {{[0-9]+}}>}
swallow.weight @e from ["e"] rows [9] : tensor<9x2048xbf16>
swallow.weight @w from ["w"] rows [40] : tensor<40x2048xbf16> {offset = 0 : i64, packing = #swallow.packing<n_block = 16, k_group = 2, row_unit = 0, interleave = false>}
func.func @step(%batch: !swallow.batch) -> tensor<?x40xf32> {
  %we = swallow.load_weight @e : tensor<9x2048xbf16>
  %w = swallow.load_weight @w : tensor<40x2048xbf16>
  %e = swallow.embedding %batch, %we : tensor<9x2048xbf16> -> tensor<?x2048xf32>
  %h = swallow.fused_linear %e, %w : tensor<?x2048xf32>, tensor<40x2048xbf16> -> tensor<?x40xf32>
  %r = swallow.select_rows %h, %batch : tensor<?x40xf32>
  return %r : tensor<?x40xf32>
}

// -----

// Inputs of products by f16 are stored as the weight is, or in f32 where only
// bf16 is.
// CHECK:  func.func @step({{.*}}element = f16>)
// CHECK:    swallow.attention {{.*}} {swallow.result_element = f16,
// F32:    func.func @step({{.*}}element = f16>)
// F32:      swallow.attention {{.*}} {swallow.result_element = f32,
// BF16:   func.func @step({{.*}}element = f16>)
// BF16:     swallow.attention {{.*}} {swallow.result_element = f32,
// BF16:     swallow.fused_linear {{.*}}swallow.workspace_slots = array<i64: {{[0-9]+}}, {{[0-9]+}}>}
!kv = !swallow.kv<layers = 1, heads = 1, head_dim = 4, element = f16>
swallow.weight @e from ["e"] rows [9] : tensor<9x8xf16>
swallow.weight @w from ["w"] rows [8] : tensor<8x8xf16>
func.func @step(%q: tensor<?x8xf32>, %batch: !swallow.batch, %kv: !kv) -> tensor<?x9xf32> {
  %c0 = arith.constant 0 : index
  %we = swallow.load_weight @e : tensor<9x8xf16>
  %w = swallow.load_weight @w : tensor<8x8xf16>
  %a = swallow.attention %q, %batch, %kv[%c0] scale 5.0e-01 : tensor<?x8xf32>, !kv -> tensor<?x8xf32>
  %h = swallow.fused_linear %a, %w : tensor<?x8xf32>, tensor<8x8xf16> -> tensor<?x8xf32>
  %l = swallow.fused_lm_head %h, %batch, %we : tensor<?x8xf32>, tensor<9x8xf16> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}
