// What generic simplification does with the dialect: values that nobody reads
// go, equal computations become one, and nothing moves across the keys and
// values of a step.
// RUN: %swallow-opt %s -canonicalize -cse -symbol-dce | FileCheck %s

// A private weight that nothing loads, or that only a dead load names, is
// dropped; a public one stays.
// CHECK-NOT: @unused
swallow.weight @unused from ["unused"] rows [4] : tensor<4xf32> {sym_visibility = "private"}
// CHECK: swallow.weight @exported
swallow.weight @exported from ["exported"] rows [4] : tensor<4xf32>
// CHECK-NOT: @norm
swallow.weight @norm from ["norm"] rows [16] : tensor<16xf32> {sym_visibility = "private"}
// CHECK: swallow.weight @layers.w
swallow.weight @layers.w from ["w.{layer}"] rows [16] layers 2 : tensor<16x16xbf16> {sym_visibility = "private"}

// Loads and every op without memory effects go when nobody reads them.
// CHECK-LABEL: func.func @unread
// CHECK-NEXT: return %arg0
func.func @unread(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %table: tensor<9x16xbf16>, %batch: !swallow.batch) -> tensor<?x16xf32> {
  %norm = swallow.load_weight @norm : tensor<16xf32>
  %0 = swallow.rms_norm %x, %norm eps 1.0e-05 : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x16xf32>
  %1 = swallow.linear %0, %w : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  %2 = swallow.rope %1, %batch head_dim 8 <theta = 1.0e+04 : f64> : tensor<?x32xf32> -> tensor<?x32xf32>
  %3 = swallow.silu %2 : tensor<?x32xf32>
  %4 = swallow.add %3, %3 : tensor<?x32xf32>
  %5 = swallow.mul %4, %3 : tensor<?x32xf32>
  %6 = swallow.select_rows %5, %batch : tensor<?x32xf32>
  %7 = swallow.lm_head %x, %table : tensor<?x16xf32>, tensor<9x16xbf16> -> tensor<?x9xf32>
  %8 = swallow.embedding %batch, %table : tensor<9x16xbf16> -> tensor<?x16xf32>
  %9 = swallow.fused_linear %x, %w : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  %10 = swallow.gated_mlp %x, %w : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x16xf32>
  %11 = swallow.fused_lm_head %x, %batch, %table : tensor<?x16xf32>, tensor<9x16xbf16> -> tensor<?x9xf32>
  return %x : tensor<?x16xf32>
}

// Two loads of one weight are one, of two layers are two; sums and products
// are commutative.
// CHECK-LABEL: func.func @equal
func.func @equal(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>, %i: index, %j: index) -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  // CHECK: %[[I:.*]] = swallow.load_weight @layers.w[%arg2]
  // CHECK: %[[J:.*]] = swallow.load_weight @layers.w[%arg3]
  // CHECK-NOT: swallow.load_weight
  %0 = swallow.load_weight @layers.w[%i] : tensor<16x16xbf16>
  %1 = swallow.load_weight @layers.w[%i] : tensor<16x16xbf16>
  %2 = swallow.load_weight @layers.w[%j] : tensor<16x16xbf16>
  // CHECK: %[[A:.*]] = swallow.linear %arg0, %[[I]]
  // CHECK: %[[B:.*]] = swallow.linear %arg0, %[[J]]
  %3 = swallow.linear %x, %0 : tensor<?x16xf32>, tensor<16x16xbf16> -> tensor<?x16xf32>
  %4 = swallow.linear %x, %1 : tensor<?x16xf32>, tensor<16x16xbf16> -> tensor<?x16xf32>
  %5 = swallow.linear %x, %2 : tensor<?x16xf32>, tensor<16x16xbf16> -> tensor<?x16xf32>
  // CHECK: %[[S:.*]] = swallow.add %arg0, %arg1
  // CHECK-NOT: swallow.add
  %6 = swallow.add %x, %y : tensor<?x16xf32>
  %7 = swallow.add %y, %x : tensor<?x16xf32>
  // CHECK: return %[[A]], %[[A]], %[[B]], %[[S]], %[[S]]
  return %3, %4, %5, %6, %7 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// Appending is an effect: it stays although it has no result, and attention
// before and after it differ. Two attentions without one between are equal.
// CHECK-LABEL: func.func @memory
func.func @memory(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 2, head_dim = 8, element = f32>) -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  // CHECK: %[[BEFORE:.*]] = swallow.attention
  // CHECK: swallow.kv_append
  // CHECK: %[[AFTER:.*]] = swallow.attention
  // CHECK-NOT: swallow.attention
  %0 = swallow.attention %q, %batch, %kv[%layer] scale 0.5 : tensor<?x16xf32>, <layers = 2, heads = 2, head_dim = 8, element = f32> -> tensor<?x16xf32>
  swallow.kv_append %k, %k, %batch, %kv[%layer] : tensor<?x16xf32>, <layers = 2, heads = 2, head_dim = 8, element = f32>
  %1 = swallow.attention %q, %batch, %kv[%layer] scale 0.5 : tensor<?x16xf32>, <layers = 2, heads = 2, head_dim = 8, element = f32> -> tensor<?x16xf32>
  %2 = swallow.attention %q, %batch, %kv[%layer] scale 0.5 : tensor<?x16xf32>, <layers = 2, heads = 2, head_dim = 8, element = f32> -> tensor<?x16xf32>
  // CHECK: return %[[BEFORE]], %[[AFTER]], %[[AFTER]]
  return %0, %1, %2 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// fused_qkv appends too, so it stays when nobody reads its queries, and an
// attention behind it is not the one before it; attention only reads, so an
// unread one goes.
// CHECK-LABEL: func.func @fused_memory
// CHECK-NEXT: swallow.fused_qkv
// CHECK-NEXT: return
func.func @fused_memory(%x: tensor<?x16xf32>, %w: tensor<48x16xbf16>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 2, head_dim = 8, element = f32>) {
  %0 = swallow.attention %x, %batch, %kv[%layer] scale 0.5 : tensor<?x16xf32>, <layers = 2, heads = 2, head_dim = 8, element = f32> -> tensor<?x16xf32>
  %1 = swallow.fused_qkv %x, %w, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x16xf32>, tensor<48x16xbf16>, <layers = 2, heads = 2, head_dim = 8, element = f32> -> tensor<?x16xf32>
  return
}
