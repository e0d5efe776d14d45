// Every op, type and attribute reads back what it prints, in the custom and in
// the generic form.
// RUN: %swallow-opt %s | %swallow-opt | FileCheck %s
// RUN: %swallow-opt %s -mlir-print-op-generic | %swallow-opt | FileCheck %s

// CHECK: swallow.weight @embed_tokens from ["model.embed_tokens.weight"] rows [900] : tensor<900x16xbf16>
swallow.weight @embed_tokens from ["model.embed_tokens.weight"] rows [900] : tensor<900x16xbf16>
// CHECK: swallow.weight @quantized from ["w"] rows [64] : tensor<64x16xf32> {quant = #swallow.quant<bits = 4, group = 16, inputs = i8>}
swallow.weight @quantized from ["w"] rows [64] : tensor<64x16xf32> {quant = #swallow.quant<bits = 4, group = 16, inputs = i8>}
// CHECK: swallow.weight @layers.o_proj from ["model.layers.{layer}.self_attn.o_proj.weight"] rows [16] layers 3 : tensor<16x16xbf16>
swallow.weight @layers.o_proj from ["model.layers.{layer}.self_attn.o_proj.weight"] rows [16] layers 3 : tensor<16x16xbf16>
// CHECK: swallow.weight @layers.qkv_proj from ["q.{layer}", "k.{layer}", "v.{layer}"] rows [16, 8, 8] layers 3 : tensor<32x16xbf16>
// CHECK-SAME: layer_stride = 4096 : i64
// CHECK-SAME: offset = 8192 : i64
// CHECK-SAME: packing = #swallow.packing<n_block = 64, k_group = 2, row_unit = 8, interleave = false>
swallow.weight @layers.qkv_proj from ["q.{layer}", "k.{layer}", "v.{layer}"] rows [16, 8, 8] layers 3 : tensor<32x16xbf16>
    {packing = #swallow.packing<n_block = 64, k_group = 2, row_unit = 8, interleave = false>, offset = 8192 : i64, layer_stride = 4096 : i64}
// CHECK: swallow.weight @norm from ["model.norm.weight"] rows [16] : tensor<16xf32> {sym_visibility = "private"}
swallow.weight @norm from ["model.norm.weight"] rows [16] : tensor<16xf32> {sym_visibility = "private"}

// CHECK-LABEL: func.func @weights
func.func @weights(%layer: index) -> (tensor<900x16xbf16>, tensor<16x16xbf16>) {
  // CHECK: swallow.load_weight @embed_tokens : tensor<900x16xbf16>
  %0 = swallow.load_weight @embed_tokens : tensor<900x16xbf16>
  // CHECK: swallow.load_weight @layers.o_proj[%{{.*}}] : tensor<16x16xbf16>
  %1 = swallow.load_weight @layers.o_proj[%layer] : tensor<16x16xbf16>
  return %0, %1 : tensor<900x16xbf16>, tensor<16x16xbf16>
}

// CHECK-LABEL: func.func @embedding
func.func @embedding(%batch: !swallow.batch, %table: tensor<900x16xbf16>) -> tensor<?x16xf32> {
  // CHECK: swallow.embedding %{{.*}}, %{{.*}} : tensor<900x16xbf16> -> tensor<?x16xf32>
  %0 = swallow.embedding %batch, %table : tensor<900x16xbf16> -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>, %norm: tensor<16xf32>, %batch: !swallow.batch) -> tensor<?x16xf32> {
  // CHECK: swallow.rms_norm %{{.*}}, %{{.*}} eps 1.000000e-05 : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x16xf32>
  %0 = swallow.rms_norm %x, %norm eps 1.0e-05 : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x16xf32>
  // CHECK: swallow.silu %{{.*}} : tensor<?x16xf32>
  %1 = swallow.silu %0 : tensor<?x16xf32>
  // CHECK: swallow.add %{{.*}}, %{{.*}} : tensor<?x16xf32>
  %2 = swallow.add %1, %y : tensor<?x16xf32>
  // CHECK: swallow.mul %{{.*}}, %{{.*}} : tensor<?x16xf32>
  %3 = swallow.mul %2, %y : tensor<?x16xf32>
  // CHECK: swallow.select_rows %{{.*}}, %{{.*}} : tensor<?x16xf32>
  %4 = swallow.select_rows %3, %batch : tensor<?x16xf32>
  return %4 : tensor<?x16xf32>
}

// CHECK-LABEL: func.func @products
func.func @products(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %v: tensor<32x16xf32>, %h: tensor<32x16xf16>, %bias: tensor<32xf32>) -> tensor<?x32xf32> {
  // CHECK: swallow.linear %{{.*}}, %{{.*}} : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  %0 = swallow.linear %x, %w : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  // CHECK: swallow.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<32xf32> : tensor<?x16xf32>, tensor<32x16xf16> -> tensor<?x32xf32>
  %1 = swallow.linear %x, %h bias %bias : tensor<32xf32> : tensor<?x16xf32>, tensor<32x16xf16> -> tensor<?x32xf32>
  // CHECK: swallow.lm_head %{{.*}}, %{{.*}} : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  %2 = swallow.lm_head %x, %v : tensor<?x16xf32>, tensor<32x16xf32> -> tensor<?x32xf32>
  return %2 : tensor<?x32xf32>
}

// CHECK-LABEL: func.func @rope
func.func @rope(%x: tensor<?x16xf32>, %batch: !swallow.batch) -> tensor<?x16xf32> {
  // CHECK: swallow.rope %{{.*}}, %{{.*}} head_dim 8 <theta = 1.000000e+04 : f64> : tensor<?x16xf32> -> tensor<?x16xf32>
  %0 = swallow.rope %x, %batch head_dim 8 <theta = 1.0e+04 : f64> : tensor<?x16xf32> -> tensor<?x16xf32>
  // CHECK: swallow.rope {{.*}} <theta = 1.000000e+04 : f64, linear_factor = 4.000000e+00 : f64>
  %1 = swallow.rope %0, %batch head_dim 8 <theta = 1.0e+04 : f64, linear_factor = 4.0 : f64> : tensor<?x16xf32> -> tensor<?x16xf32>
  // CHECK: swallow.rope {{.*}} <theta = 5.000000e+05 : f64, scaling = <factor = 8.000000e+00 : f64, low_freq_factor = 1.000000e+00 : f64, high_freq_factor = 4.000000e+00 : f64, original_max_position = 8192>>
  %2 = swallow.rope %1, %batch head_dim 8 <theta = 5.0e+05 : f64, scaling = <factor = 8.0 : f64, low_freq_factor = 1.0 : f64, high_freq_factor = 4.0 : f64, original_max_position = 8192>> : tensor<?x16xf32> -> tensor<?x16xf32>
  return %2 : tensor<?x16xf32>
}

// CHECK-LABEL: func.func @attention
// CHECK-SAME: !swallow.kv<layers = 3, heads = 1, head_dim = 8, element = bf16, window = 24>
func.func @attention(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 3, heads = 1, head_dim = 8, element = bf16, window = 24>) -> tensor<?x16xf32> {
  // CHECK: swallow.kv_append %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}[%{{.*}}] : tensor<?x8xf32>, <layers = 3, heads = 1, head_dim = 8, element = bf16, window = 24>
  swallow.kv_append %k, %v, %batch, %kv[%layer] : tensor<?x8xf32>, <layers = 3, heads = 1, head_dim = 8, element = bf16, window = 24>
  // CHECK: swallow.attention %{{.*}}, %{{.*}}, %{{.*}}[%{{.*}}] scale 5.000000e-01 : tensor<?x16xf32>, <layers = 3, heads = 1, head_dim = 8, element = bf16, window = 24> -> tensor<?x16xf32>
  %0 = swallow.attention %q, %batch, %kv[%layer] scale 0.5 : tensor<?x16xf32>, <layers = 3, heads = 1, head_dim = 8, element = bf16, window = 24> -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// CHECK-LABEL: func.func @fused_qkv
func.func @fused_qkv(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %norm: tensor<16xf32>, %bias: tensor<32xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 3, heads = 1, head_dim = 8, element = f32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  // CHECK: swallow.fused_qkv %{{.*}}, %{{.*}} norm %{{.*}} : tensor<16xf32> eps 1.000000e-05 bias %{{.*}} : tensor<32xf32>, %{{.*}}, %{{.*}}[%{{.*}}] <theta = 1.000000e+04 : f64> : tensor<?x16xf32>, tensor<32x16xbf16>, <layers = 3, heads = 1, head_dim = 8, element = f32> -> tensor<?x16xf32>
  %0 = swallow.fused_qkv %x, %w norm %norm : tensor<16xf32> eps 1.0e-05 bias %bias : tensor<32xf32>, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x16xf32>, tensor<32x16xbf16>, <layers = 3, heads = 1, head_dim = 8, element = f32> -> tensor<?x16xf32>
  // CHECK: swallow.fused_qkv %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}}[%{{.*}}] <theta
  %1 = swallow.fused_qkv %x, %w, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x16xf32>, tensor<32x16xbf16>, <layers = 3, heads = 1, head_dim = 8, element = f32> -> tensor<?x16xf32>
  return %0, %1 : tensor<?x16xf32>, tensor<?x16xf32>
}

// CHECK-LABEL: func.func @fused_linear
func.func @fused_linear(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %norm: tensor<16xf32>, %bias: tensor<32xf32>, %r: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  // CHECK: swallow.fused_linear %{{.*}}, %{{.*}} norm %{{.*}} : tensor<16xf32> eps 1.000000e-05 bias %{{.*}} : tensor<32xf32> residual %{{.*}} : tensor<?x32xf32> : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  %0 = swallow.fused_linear %x, %w norm %norm : tensor<16xf32> eps 1.0e-05 bias %bias : tensor<32xf32> residual %r : tensor<?x32xf32> : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  // CHECK: swallow.fused_linear %{{[^ ]*}}, %{{[^ ]*}} : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  %1 = swallow.fused_linear %x, %w : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  return %0, %1 : tensor<?x32xf32>, tensor<?x32xf32>
}

// CHECK-LABEL: func.func @gated_mlp
func.func @gated_mlp(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %norm: tensor<16xf32>, %bias: tensor<32xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  // CHECK: swallow.gated_mlp %{{.*}}, %{{.*}} norm %{{.*}} : tensor<16xf32> eps 1.000000e-05 bias %{{.*}} : tensor<32xf32> : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x16xf32>
  %0 = swallow.gated_mlp %x, %w norm %norm : tensor<16xf32> eps 1.0e-05 bias %bias : tensor<32xf32> : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x16xf32>
  // CHECK: swallow.gated_mlp %{{[^ ]*}}, %{{[^ ]*}} : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x16xf32>
  %1 = swallow.gated_mlp %x, %w : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x16xf32>
  return %0, %1 : tensor<?x16xf32>, tensor<?x16xf32>
}

// CHECK-LABEL: func.func @fused_lm_head
func.func @fused_lm_head(%x: tensor<?x16xf32>, %batch: !swallow.batch, %w: tensor<900x16xbf16>, %norm: tensor<16xf32>) -> (tensor<?x900xf32>, tensor<?x900xf32>) {
  // CHECK: swallow.fused_lm_head %{{.*}}, %{{.*}}, %{{.*}} norm %{{.*}} : tensor<16xf32> eps 1.000000e-05 : tensor<?x16xf32>, tensor<900x16xbf16> -> tensor<?x900xf32>
  %0 = swallow.fused_lm_head %x, %batch, %w norm %norm : tensor<16xf32> eps 1.0e-05 : tensor<?x16xf32>, tensor<900x16xbf16> -> tensor<?x900xf32>
  // CHECK: swallow.fused_lm_head %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}} : tensor<?x16xf32>, tensor<900x16xbf16> -> tensor<?x900xf32>
  %1 = swallow.fused_lm_head %x, %batch, %w : tensor<?x16xf32>, tensor<900x16xbf16> -> tensor<?x900xf32>
  return %0, %1 : tensor<?x900xf32>, tensor<?x900xf32>
}

// CHECK-LABEL: func.func private @attributes
// CHECK-SAME: #swallow.affine<constant = 1, per_token = 2, per_thread = 3, per_sequence = 4>
// CHECK-SAME: #swallow.kv_layout<block_tokens = 32, block_bytes = 1024, ring = true, ring_positions = 23>
// CHECK-SAME: #swallow.slot<name = "hidden", offset = <constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>, size = <constant = 64, per_token = 512, per_thread = 0, per_sequence = 0>>
func.func private @attributes() attributes {
  a.affine = #swallow.affine<constant = 1, per_token = 2, per_thread = 3, per_sequence = 4>,
  a.kv = #swallow.kv_layout<block_tokens = 32, block_bytes = 1024, ring = true, ring_positions = 23>,
  a.slot = #swallow.slot<name = "hidden", offset = <constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>, size = <constant = 64, per_token = 512, per_thread = 0, per_sequence = 0>>
}
