// RUN: swallow-opt --split-input-file --swallow-plan-weights %s | FileCheck %s
// RUN: swallow-opt --split-input-file --swallow-plan-weights %s > %t.once
// RUN: swallow-opt --split-input-file --swallow-plan-weights %t.once | diff %t.once -

// Every role of a weight. Offsets: 777 * 64 * 2 = 99456 bytes of the embedding
// table, which is only looked up; 13 blocks of 64 x 64 bf16 of the LM head; and
// then one layer after the other.

!kv = !swallow.kv<layers = 3, heads = 2, head_dim = 16, element = bf16>

// CHECK: module attributes {swallow.weights_size = [[#]] : i64}

// CHECK: @embed from {{.*}} {offset = 0 : i64, packing = #swallow.packing<n_block = 0, k_group = 1, row_unit = 0, interleave = false>}
swallow.weight @embed from ["e"] rows [777] : tensor<777x64xbf16>

// CHECK: @layers.norm from {{.*}} {layer_stride = [[#%u,STRIDE:]] : i64, offset = [[#%u,BASE:]] : i64, packing = #swallow.packing<n_block = 0, k_group = 1, row_unit = 0, interleave = false>}
swallow.weight @layers.norm from ["n.{layer}"] rows [64] layers 3 : tensor<64xf32>

// Heads of 16 fill blocks of 16; 8 heads of 64 x 16 bf16.
// CHECK: @layers.qkv from {{.*}} {layer_stride = [[#STRIDE]] : i64, offset = [[#BASE+256]] : i64, packing = #swallow.packing<n_block = 16, k_group = 2, row_unit = 16, interleave = false>}
swallow.weight @layers.qkv from ["q.{layer}", "k.{layer}", "v.{layer}"] rows [64, 32, 32] layers 3 : tensor<128x64xbf16>

// CHECK: @layers.qkv.bias from {{.*}} {layer_stride = [[#STRIDE]] : i64, offset = [[#BASE+256+16384]] : i64, packing = #swallow.packing<n_block = 16, k_group = 1, row_unit = 16, interleave = false>}
swallow.weight @layers.qkv.bias from ["qb.{layer}", "kb.{layer}", "vb.{layer}"] rows [64, 32, 32] layers 3 : tensor<128xf32>

// 333 rows: 51 of padding in blocks of 64, 3 in blocks of 48. Two sources of 7
// blocks of 48 x 64 bf16.
// CHECK: @layers.gate_up from {{.*}} {layer_stride = [[#STRIDE]] : i64, offset = [[#BASE+256+16384+512]] : i64, packing = #swallow.packing<n_block = 48, k_group = 2, row_unit = 0, interleave = true>}
swallow.weight @layers.gate_up from ["g.{layer}", "u.{layer}"] rows [333, 333] layers 3 : tensor<666x64xbf16>

// CHECK: @layers.gate_up.bias from {{.*}} {layer_stride = [[#STRIDE]] : i64, offset = [[#BASE+256+16384+512+86016]] : i64, packing = #swallow.packing<n_block = 48, k_group = 1, row_unit = 0, interleave = true>}
swallow.weight @layers.gate_up.bias from ["gb.{layer}", "ub.{layer}"] rows [333, 333] layers 3 : tensor<666xf32>

// K is padded to 334.
// CHECK: @layers.down from {{.*}} {layer_stride = [[#STRIDE]] : i64, offset = [[#BASE+256+16384+512+86016+2688]] : i64, packing = #swallow.packing<n_block = 64, k_group = 2, row_unit = 0, interleave = false>}
swallow.weight @layers.down from ["d.{layer}"] rows [64] layers 3 : tensor<64x333xbf16>

// Weights without layers come before those with layers, wherever they stand.
// CHECK: @head from {{.*}} {offset = 99456 : i64, packing = #swallow.packing<n_block = 48, k_group = 2, row_unit = 0, interleave = false>}
swallow.weight @head from ["h"] rows [777] : tensor<777x64xbf16>

// CHECK: @unused from {{.*}} {offset = [[#]] : i64, packing = #swallow.packing<n_block = 0, k_group = 1, row_unit = 0, interleave = false>}
swallow.weight @unused from ["x"] rows [5] : tensor<5xf32>

func.func @layer(%x: tensor<?x64xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x64xf32> {
  %n = swallow.load_weight @layers.norm[%i] : tensor<64xf32>
  %w = swallow.load_weight @layers.qkv[%i] : tensor<128x64xbf16>
  %b = swallow.load_weight @layers.qkv.bias[%i] : tensor<128xf32>
  %wg = swallow.load_weight @layers.gate_up[%i] : tensor<666x64xbf16>
  %bg = swallow.load_weight @layers.gate_up.bias[%i] : tensor<666xf32>
  %wd = swallow.load_weight @layers.down[%i] : tensor<64x333xbf16>
  %q = swallow.fused_qkv %x, %w norm %n : tensor<64xf32> eps 1.0e-05 bias %b : tensor<128xf32>, %batch, %kv[%i] <theta = 1.0e+04 : f64> : tensor<?x64xf32>, tensor<128x64xbf16>, !kv -> tensor<?x64xf32>
  %m = swallow.gated_mlp %q, %wg bias %bg : tensor<666xf32> : tensor<?x64xf32>, tensor<666x64xbf16> -> tensor<?x333xf32>
  %d = swallow.fused_linear %m, %wd : tensor<?x333xf32>, tensor<64x333xbf16> -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

func.func @ends(%batch: !swallow.batch) -> tensor<?x777xf32> {
  %e = swallow.load_weight @embed : tensor<777x64xbf16>
  %h = swallow.load_weight @head : tensor<777x64xbf16>
  %x = swallow.embedding %batch, %e : tensor<777x64xbf16> -> tensor<?x64xf32>
  %l = swallow.fused_lm_head %x, %batch, %h : tensor<?x64xf32>, tensor<777x64xbf16> -> tensor<?x777xf32>
  return %l : tensor<?x777xf32>
}

// -----

// A tied table is packed as the LM head, whichever use comes first; f32 has
// groups of one. Blocks: 64 for 64 rows, 16 for the 5 that nothing fits.

// CHECK: module attributes {swallow.weights_size = 19456 : i64}
// CHECK: @tied from {{.*}} {offset = 0 : i64, packing = #swallow.packing<n_block = 64, k_group = 1, row_unit = 0, interleave = false>}
// CHECK: @small from {{.*}} {offset = 16384 : i64, packing = #swallow.packing<n_block = 16, k_group = 1, row_unit = 0, interleave = false>}
swallow.weight @tied from ["e"] rows [64] : tensor<64x64xf32>
swallow.weight @small from ["s"] rows [5] : tensor<5x48xf32>

func.func @step(%batch: !swallow.batch) -> (tensor<?x64xf32>, tensor<?x5xf32>) {
  %e = swallow.load_weight @tied : tensor<64x64xf32>
  %s = swallow.load_weight @small : tensor<5x48xf32>
  %x = swallow.embedding %batch, %e : tensor<64x64xf32> -> tensor<?x64xf32>
  %l = swallow.fused_lm_head %x, %batch, %e : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %y = swallow.embedding %batch, %e : tensor<64x64xf32> -> tensor<?x64xf32>
  %z = func.call @other(%y) : (tensor<?x64xf32>) -> tensor<?x48xf32>
  %t = swallow.fused_linear %z, %s : tensor<?x48xf32>, tensor<5x48xf32> -> tensor<?x5xf32>
  return %l, %t : tensor<?x64xf32>, tensor<?x5xf32>
}
func.func private @other(tensor<?x64xf32>) -> tensor<?x48xf32>

// -----

// Block sizes of heads: 48 fits itself, 80 fits 16 alone within 1/16, 128 fits
// 64, and 5 x 10 heads pad least in blocks of 16. Weights of another number of
// layers have a stride of their own, after those of the first.

!kv48 = !swallow.kv<layers = 1, heads = 1, head_dim = 48, element = f32>
!kv80 = !swallow.kv<layers = 1, heads = 1, head_dim = 80, element = f32>
!kv128 = !swallow.kv<layers = 1, heads = 1, head_dim = 128, element = f32>
!kv10 = !swallow.kv<layers = 1, heads = 1, head_dim = 10, element = f32>

// CHECK: @a from {{.*}} {layer_stride = 1472 : i64, offset = 0 : i64, packing = #swallow.packing<n_block = 48, k_group = 1, row_unit = 48, interleave = false>}
// CHECK: @b from {{.*}} {layer_stride = 2496 : i64, offset = 2944 : i64, packing = #swallow.packing<n_block = 16, k_group = 1, row_unit = 80, interleave = false>}
// CHECK: @c from {{.*}} {layer_stride = 1472 : i64, offset = 576 : i64, packing = #swallow.packing<n_block = 16, k_group = 1, row_unit = 10, interleave = false>}
// CHECK: @d from {{.*}} {layer_stride = 2496 : i64, offset = 3904 : i64, packing = #swallow.packing<n_block = 64, k_group = 1, row_unit = 128, interleave = false>}
swallow.weight @a from ["qa.{layer}", "ka.{layer}", "va.{layer}"] rows [48, 48, 48] layers 2 : tensor<144x1xf32>
swallow.weight @b from ["qb.{layer}", "kb.{layer}", "vb.{layer}"] rows [80, 80, 80] layers 3 : tensor<240x1xf32>
swallow.weight @c from ["qc.{layer}", "kc.{layer}", "vc.{layer}"] rows [50, 10, 10] layers 2 : tensor<70x2xf32>
swallow.weight @d from ["qd.{layer}", "kd.{layer}", "vd.{layer}"] rows [128, 128, 128] layers 3 : tensor<384x1xf32>

func.func @heads(%x: tensor<?x1xf32>, %y: tensor<?x2xf32>, %i: index, %batch: !swallow.batch, %k0: !kv48, %k1: !kv80, %k2: !kv128, %k3: !kv10) {
  %a = swallow.load_weight @a[%i] : tensor<144x1xf32>
  %b = swallow.load_weight @b[%i] : tensor<240x1xf32>
  %c = swallow.load_weight @c[%i] : tensor<70x2xf32>
  %d = swallow.load_weight @d[%i] : tensor<384x1xf32>
  %0 = swallow.fused_qkv %x, %a, %batch, %k0[%i] <theta = 1.0e+04 : f64> : tensor<?x1xf32>, tensor<144x1xf32>, !kv48 -> tensor<?x48xf32>
  %1 = swallow.fused_qkv %x, %b, %batch, %k1[%i] <theta = 1.0e+04 : f64> : tensor<?x1xf32>, tensor<240x1xf32>, !kv80 -> tensor<?x80xf32>
  %2 = swallow.fused_qkv %y, %c, %batch, %k3[%i] <theta = 1.0e+04 : f64> : tensor<?x2xf32>, tensor<70x2xf32>, !kv10 -> tensor<?x50xf32>
  %3 = swallow.fused_qkv %x, %d, %batch, %k2[%i] <theta = 1.0e+04 : f64> : tensor<?x1xf32>, tensor<384x1xf32>, !kv128 -> tensor<?x128xf32>
  return
}

// -----

// f16 lies as bf16 does.
// CHECK: @half from {{.*}} {offset = [[#]] : i64, packing = #swallow.packing<n_block = 64, k_group = 2, row_unit = 0, interleave = false>}
swallow.weight @half from ["f"] rows [64] : tensor<64x333xf16>
func.func @step(%x: tensor<?x333xf32>) -> tensor<?x64xf32> {
  %w = swallow.load_weight @half : tensor<64x333xf16>
  %y = swallow.fused_linear %x, %w : tensor<?x333xf32>, tensor<64x333xf16> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
