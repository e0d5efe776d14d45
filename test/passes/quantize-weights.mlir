// RUN: swallow-opt --split-input-file --swallow-quantize-weights="attention=4 mlp=8 head=6 embedding=6" %s | FileCheck %s
// RUN: swallow-opt --split-input-file --swallow-quantize-weights %s | FileCheck %s --check-prefix=NONE
// RUN: swallow-opt --split-input-file --swallow-quantize-weights="attention=4 mlp=8 head=6 embedding=6" --swallow-plan-weights %s | FileCheck %s --check-prefix=PLAN
// RUN: not swallow-opt --split-input-file --swallow-quantize-weights="mlp=5" %s 2>&1 | FileCheck %s --check-prefix=BITS
// RUN: swallow-opt --split-input-file --swallow-quantize-weights="mlp=8 inputs=i8" %s | FileCheck %s --check-prefix=BYTES
// RUN: swallow-opt --split-input-file --swallow-quantize-weights="mlp=4 inputs=bf16" %s | FileCheck %s --check-prefix=PAIRS
// RUN: swallow-opt --split-input-file --swallow-quantize-weights="mlp=4 inputs=groups" %s | FileCheck %s --check-prefix=GROUPS
// RUN: not swallow-opt --split-input-file --swallow-quantize-weights="mlp=4 inputs=f16" %s 2>&1 | FileCheck %s --check-prefix=INPUTS

// BITS: error: weights are quantised to 4, 6 or 8 bits, not 5
// INPUTS: error: inputs of products are rounded to i8, groups or bf16, not f16

!kv = !swallow.kv<layers = 3, heads = 2, head_dim = 16, element = bf16>

// Each matrix by its class; what loads it follows its type. Norms stay.
// CHECK: @embed from {{.*}} : tensor<777x64xf32> {quant = #swallow.quant<bits = 6, group = 16, inputs = i8>}
// CHECK: @layers.norm from {{.*}} : tensor<64xf32>{{$}}
// CHECK: @layers.qkv from {{.*}} : tensor<128x64xf32> {quant = #swallow.quant<bits = 4, group = 16, inputs = i8>}
// CHECK: @layers.o from {{.*}} : tensor<64x64xf32> {quant = #swallow.quant<bits = 4, group = 16, inputs = i8>}
// CHECK: @layers.gate_up from {{.*}} : tensor<666x64xf32> {quant = #swallow.quant<bits = 8, group = 16, inputs = vector<32xi8>>}
// CHECK: @layers.down from {{.*}} : tensor<64x333xf32> {quant = #swallow.quant<bits = 8, group = 16, inputs = vector<32xi8>>}
// CHECK: @head from {{.*}} : tensor<777x64xf32> {quant = #swallow.quant<bits = 6, group = 16, inputs = i8>}
// CHECK: swallow.load_weight @layers.qkv[%{{.*}}] : tensor<128x64xf32>
// CHECK: swallow.fused_qkv {{.*}} : tensor<?x64xf32>, tensor<128x64xf32>

// NONE-NOT: quant =
// NONE: tensor<777x64xbf16>

// 16 inputs a group, in blocks; 64 + 64 / 16 * 64 * (1 + 12) bytes a block of
// the embedding table, 13 of them; its head lies behind.
// PLAN: @embed from {{.*}} {offset = 0 : i64, packing = #swallow.packing<n_block = 48, k_group = 16, row_unit = 0, interleave = false>, quant = #swallow.quant<bits = 6, group = 16, inputs = i8>}
// PLAN: @layers.qkv from {{.*}} packing = #swallow.packing<n_block = 16, k_group = 16, row_unit = 16, interleave = false>, quant = #swallow.quant<bits = 4, group = 16, inputs = i8>}
// PLAN: @layers.gate_up from {{.*}} packing = #swallow.packing<n_block = 48, k_group = 16, row_unit = 0, interleave = true>, quant = #swallow.quant<bits = 8, group = 16, inputs = vector<32xi8>>}

// BYTES: bits = 8, group = 16, inputs = i8>
// PAIRS: bits = 4, group = 16, inputs = bf16>
// GROUPS: bits = 4, group = 16, inputs = vector<32xi8>>

swallow.weight @embed from ["e"] rows [777] : tensor<777x64xbf16>
swallow.weight @layers.norm from ["n.{layer}"] rows [64] layers 3 : tensor<64xf32>
swallow.weight @layers.qkv from ["q.{layer}", "k.{layer}", "v.{layer}"] rows [64, 32, 32] layers 3 : tensor<128x64xbf16>
swallow.weight @layers.o from ["o.{layer}"] rows [64] layers 3 : tensor<64x64xbf16>
swallow.weight @layers.gate_up from ["g.{layer}", "u.{layer}"] rows [333, 333] layers 3 : tensor<666x64xbf16>
swallow.weight @layers.down from ["d.{layer}"] rows [64] layers 3 : tensor<64x333xbf16>
swallow.weight @head from ["h"] rows [777] : tensor<777x64xbf16>

func.func private @layer(%x: tensor<?x64xf32>, %layer: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x64xf32> {
  %n = swallow.load_weight @layers.norm[%layer] : tensor<64xf32>
  %wq = swallow.load_weight @layers.qkv[%layer] : tensor<128x64xbf16>
  %q = swallow.fused_qkv %x, %wq norm %n : tensor<64xf32> eps 1.0e-05, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x64xf32>, tensor<128x64xbf16>, !kv -> tensor<?x64xf32>
  %a = swallow.attention %q, %batch, %kv[%layer] scale 0.25 : tensor<?x64xf32>, !kv -> tensor<?x64xf32>
  %wo = swallow.load_weight @layers.o[%layer] : tensor<64x64xbf16>
  %h = swallow.fused_linear %a, %wo residual %x : tensor<?x64xf32> : tensor<?x64xf32>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %wg = swallow.load_weight @layers.gate_up[%layer] : tensor<666x64xbf16>
  %m = swallow.gated_mlp %h, %wg : tensor<?x64xf32>, tensor<666x64xbf16> -> tensor<?x333xf32>
  %wd = swallow.load_weight @layers.down[%layer] : tensor<64x333xbf16>
  %y = swallow.fused_linear %m, %wd residual %h : tensor<?x64xf32> : tensor<?x333xf32>, tensor<64x333xbf16> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

func.func @step(%batch: !swallow.batch, %kv: !kv) -> tensor<?x777xf32> {
  %e = swallow.load_weight @embed : tensor<777x64xbf16>
  %x = swallow.embedding %batch, %e : tensor<777x64xbf16> -> tensor<?x64xf32>
  %c0 = arith.constant 0 : index
  %y = func.call @layer(%x, %c0, %batch, %kv) : (tensor<?x64xf32>, index, !swallow.batch, !kv) -> tensor<?x64xf32>
  %w = swallow.load_weight @head : tensor<777x64xbf16>
  %l = swallow.fused_lm_head %y, %batch, %w : tensor<?x64xf32>, tensor<777x64xbf16> -> tensor<?x777xf32>
  return %l : tensor<?x777xf32>
}

// -----

// A table that is both is quantised as the head that it is.
// CHECK: @embed from {{.*}} {quant = #swallow.quant<bits = 6, group = 16, inputs = i8>}
// CHECK: swallow.embedding {{.*}} : tensor<100x64xf32>
// CHECK: swallow.fused_lm_head {{.*}}, tensor<100x64xf32>
swallow.weight @embed from ["e"] rows [100] : tensor<100x64xbf16>
func.func @step(%batch: !swallow.batch) -> tensor<?x100xf32> {
  %e = swallow.load_weight @embed : tensor<100x64xbf16>
  %x = swallow.embedding %batch, %e : tensor<100x64xbf16> -> tensor<?x64xf32>
  %l = swallow.fused_lm_head %x, %batch, %e : tensor<?x64xf32>, tensor<100x64xbf16> -> tensor<?x100xf32>
  return %l : tensor<?x100xf32>
}

// -----

// Ops before fusion have no class: nothing happens.
// CHECK: @w from {{.*}} : tensor<8x64xbf16>{{$}}
swallow.weight @w from ["w"] rows [8] : tensor<8x64xbf16>
func.func @step(%x: tensor<?x64xf32>) -> tensor<?x8xf32> {
  %w = swallow.load_weight @w : tensor<8x64xbf16>
  %y = swallow.linear %x, %w : tensor<?x64xf32>, tensor<8x64xbf16> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
