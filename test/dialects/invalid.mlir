// What the verifiers refuse, and in which words.
// RUN: %swallow-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{expects a static vector or matrix type, got 'tensor<?x4xf32>'}}
swallow.weight @w from ["w"] rows [4] : tensor<?x4xf32>

// -----

// expected-error @below {{expects a static vector or matrix type, got 'tensor<1x2x3xf32>'}}
swallow.weight @w from ["w"] rows [1] : tensor<1x2x3xf32>

// -----

// expected-error @below {{expects as many rows as sources, got 2 and 1}}
swallow.weight @w from ["w"] rows [2, 2] : tensor<4x4xf32>

// -----

// expected-error @below {{expects as many rows as sources, got 0 and 0}}
swallow.weight @w from [] rows [] : tensor<4x4xf32>

// -----

// expected-error @below {{expects positive source rows, got 0}}
swallow.weight @w from ["v", "w"] rows [4, 0] : tensor<4x4xf32>

// -----

// expected-error @below {{expects 4 source rows in all, got 5}}
swallow.weight @w from ["v", "w"] rows [4, 1] : tensor<4x4xf32>

// -----

// expected-error @below {{expects {layer} in every source exactly when the weight has layers, got "w"}}
swallow.weight @w from ["w"] rows [4] layers 2 : tensor<4x4xf32>

// -----

// expected-error @below {{expects {layer} in every source exactly when the weight has layers, got "w.{layer}"}}
swallow.weight @w from ["w.{layer}"] rows [4] : tensor<4x4xf32>

// -----

// expected-error @below {{expects a positive number of layers}}
swallow.weight @w from ["w.{layer}"] rows [4] layers 0 : tensor<4x4xf32>

// -----

// expected-error @below {{expects codes of 4, 6 or 8 bits, got 5}}
swallow.weight @w from ["w"] rows [4] : tensor<4x4xf32> {quant = #swallow.quant<bits = 5, group = 16, inputs = i8>}

// -----

// expected-error @below {{expects groups of 16 inputs, got 32}}
swallow.weight @w from ["w"] rows [4] : tensor<4x4xf32> {quant = #swallow.quant<bits = 4, group = 32, inputs = i8>}

// -----

// expected-error @below {{expects inputs of type i8, vector<32xi8> or bf16, got 'f32'}}
swallow.weight @w from ["w"] rows [4] : tensor<4x4xf32> {quant = #swallow.quant<bits = 4, group = 16, inputs = f32>}

// -----

// expected-error @below {{expects inputs of type i8, vector<32xi8> or bf16, got 'vector<16xi8>'}}
swallow.weight @w from ["w"] rows [4] : tensor<4x4xf32> {quant = #swallow.quant<bits = 4, group = 16, inputs = vector<16xi8>>}

// -----

// expected-error @below {{expects a quantised weight to be a matrix of f32, got 'tensor<4x4xbf16>'}}
swallow.weight @w from ["w"] rows [4] : tensor<4x4xbf16> {quant = #swallow.quant<bits = 4, group = 16, inputs = i8>}

// -----

// expected-error @below {{expects groups of 16 in blocks of 16, 32, 48 or 64 output features}}
swallow.weight @w from ["w"] rows [4] : tensor<4x4xf32> {quant = #swallow.quant<bits = 4, group = 16, inputs = i8>, packing = #swallow.packing<n_block = 0, k_group = 1, row_unit = 0, interleave = false>}

// -----

// expected-error @below {{has an invalid packing}}
swallow.weight @w from ["w"] rows [4] : tensor<4x4xf32> {packing = #swallow.packing<n_block = 64, k_group = 0, row_unit = 0, interleave = false>}

// -----

// expected-error @below {{interleaves sources of different sizes}}
swallow.weight @w from ["v", "w"] rows [1, 3] : tensor<4x4xf32> {packing = #swallow.packing<n_block = 64, k_group = 1, row_unit = 0, interleave = true>}

// -----

func.func @unknown_weight() {
  // expected-error @below {{expects a swallow.weight named @w}}
  %0 = swallow.load_weight @w : tensor<4x4xf32>
  return
}

// -----

// A symbol that is no weight.
func.func @not_a_weight() {
  // expected-error @below {{expects a swallow.weight named @not_a_weight}}
  %0 = swallow.load_weight @not_a_weight : tensor<4x4xf32>
  return
}

// -----

swallow.weight @w from ["w"] rows [4] : tensor<4x4xf32>
func.func @weight_type() {
  // expected-error @below {{expects the type of its weight, 'tensor<4x4xf32>', got 'tensor<4x4xbf16>'}}
  %0 = swallow.load_weight @w : tensor<4x4xbf16>
  return
}

// -----

swallow.weight @w from ["w.{layer}"] rows [4] layers 2 : tensor<4x4xf32>
func.func @layer_missing() {
  // expected-error @below {{expects a layer index exactly when the weight has layers}}
  %0 = swallow.load_weight @w : tensor<4x4xf32>
  return
}

// -----

swallow.weight @w from ["w"] rows [4] : tensor<4x4xf32>
func.func @layer_extra(%layer: index) {
  // expected-error @below {{expects a layer index exactly when the weight has layers}}
  %0 = swallow.load_weight @w[%layer] : tensor<4x4xf32>
  return
}

// -----

func.func @embedding(%batch: !swallow.batch, %table: tensor<9x16xbf16>) {
  // expected-error @below {{expects a result of 16 columns, got 'tensor<?x8xf32>'}}
  %0 = swallow.embedding %batch, %table : tensor<9x16xbf16> -> tensor<?x8xf32>
  return
}

// -----

// Activations have any number of rows.
func.func @static_rows(%x: tensor<3x16xf32>) {
  // expected-error @below {{operand #0 must be activations tensor<?xNxf32>}}
  %0 = swallow.silu %x : tensor<3x16xf32>
  return
}

// -----

// Activations are f32.
func.func @bf16_activations(%x: tensor<?x16xbf16>) {
  // expected-error @below {{operand #0 must be activations tensor<?xNxf32>}}
  %0 = swallow.silu %x : tensor<?x16xbf16>
  return
}

// -----

func.func @norm_eps(%x: tensor<?x16xf32>, %norm: tensor<16xf32>) {
  // expected-error @below {{expects eps >= 0}}
  %0 = swallow.rms_norm %x, %norm eps -1.0 : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x16xf32>
  return
}

// -----

func.func @norm_size(%x: tensor<?x16xf32>, %norm: tensor<8xf32>) {
  // expected-error @below {{expects a norm of 16 elements, got 'tensor<8xf32>'}}
  %0 = swallow.rms_norm %x, %norm eps 1.0e-05 : tensor<?x16xf32>, tensor<8xf32> -> tensor<?x16xf32>
  return
}

// -----

func.func @norm_result(%x: tensor<?x16xf32>, %norm: tensor<16xf32>) {
  // expected-error @below {{expects a result of 16 columns, got 'tensor<?x8xf32>'}}
  %0 = swallow.rms_norm %x, %norm eps 1.0e-05 : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_weight(%x: tensor<?x16xf32>, %w: tensor<32x8xbf16>) {
  // expected-error @below {{expects a weight of 16 input features, as many as the input has columns, got 'tensor<32x8xbf16>'}}
  %0 = swallow.linear %x, %w : tensor<?x16xf32>, tensor<32x8xbf16> -> tensor<?x32xf32>
  return
}

// -----

func.func @linear_element(%x: tensor<?x16xf32>, %w: tensor<32x16xi8>) {
  // expected-error @below {{operand #1 must be weight matrix (out_features, in_features)}}
  %0 = swallow.linear %x, %w : tensor<?x16xf32>, tensor<32x16xi8> -> tensor<?x32xf32>
  return
}

// -----

func.func @linear_bias(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %bias: tensor<16xf32>) {
  // expected-error @below {{expects a bias of 32 elements, got 'tensor<16xf32>'}}
  %0 = swallow.linear %x, %w bias %bias : tensor<16xf32> : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  return
}

// -----

func.func @linear_result(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>) {
  // expected-error @below {{expects a result of 32 columns, got 'tensor<?x16xf32>'}}
  %0 = swallow.linear %x, %w : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x16xf32>
  return
}

// -----

func.func @rope_odd(%x: tensor<?x15xf32>, %batch: !swallow.batch) {
  // expected-error @below {{expects an even positive head_dim, got 5}}
  %0 = swallow.rope %x, %batch head_dim 5 <theta = 1.0e+04 : f64> : tensor<?x15xf32> -> tensor<?x15xf32>
  return
}

// -----

func.func @rope_heads(%x: tensor<?x16xf32>, %batch: !swallow.batch) {
  // expected-error @below {{expects whole heads of 6 columns, got 'tensor<?x16xf32>'}}
  %0 = swallow.rope %x, %batch head_dim 6 <theta = 1.0e+04 : f64> : tensor<?x16xf32> -> tensor<?x16xf32>
  return
}

// -----

func.func @rope_result(%x: tensor<?x16xf32>, %batch: !swallow.batch) {
  // expected-error @below {{expects a result of 16 columns, got 'tensor<?x8xf32>'}}
  %0 = swallow.rope %x, %batch head_dim 8 <theta = 1.0e+04 : f64> : tensor<?x16xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @append_columns(%k: tensor<?x16xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 8, element = f32>) {
  // expected-error @below {{expects keys and values of 8 columns}}
  swallow.kv_append %k, %k, %batch, %kv[%layer] : tensor<?x16xf32>, <layers = 2, heads = 1, head_dim = 8, element = f32>
  return
}

// -----

func.func @attention_heads(%q: tensor<?x24xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 2, head_dim = 8, element = f32>) {
  // expected-error @below {{expects query columns that are a multiple of kv_heads * head_dim = 16, got 24}}
  %0 = swallow.attention %q, %batch, %kv[%layer] scale 0.5 : tensor<?x24xf32>, <layers = 2, heads = 2, head_dim = 8, element = f32> -> tensor<?x24xf32>
  return
}

// -----

func.func @attention_result(%q: tensor<?x32xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 2, head_dim = 8, element = f32>) {
  // expected-error @below {{expects a result of 32 columns, got 'tensor<?x16xf32>'}}
  %0 = swallow.attention %q, %batch, %kv[%layer] scale 0.5 : tensor<?x32xf32>, <layers = 2, heads = 2, head_dim = 8, element = f32> -> tensor<?x16xf32>
  return
}

// -----

func.func @add_types(%x: tensor<?x16xf32>, %y: tensor<?x8xf32>) {
  // expected-error @below {{requires the same type for all operands and results}}
  %0 = "swallow.add"(%x, %y) : (tensor<?x16xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @mul_types(%x: tensor<?x16xf32>, %y: tensor<?x8xf32>) {
  // expected-error @below {{requires the same type for all operands and results}}
  %0 = "swallow.mul"(%x, %y) : (tensor<?x16xf32>, tensor<?x8xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @append_types(%k: tensor<?x8xf32>, %v: tensor<?x16xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 8, element = f32>) {
  // expected-error @below {{failed to verify that all of {key, value} have same type}}
  "swallow.kv_append"(%k, %v, %batch, %kv, %layer) : (tensor<?x8xf32>, tensor<?x16xf32>, !swallow.batch, !swallow.kv<layers = 2, heads = 1, head_dim = 8, element = f32>, index) -> ()
  return
}

// -----

func.func @select_types(%x: tensor<?x16xf32>, %batch: !swallow.batch) {
  // expected-error @below {{failed to verify that all of {input, result} have same type}}
  %0 = "swallow.select_rows"(%x, %batch) : (tensor<?x16xf32>, !swallow.batch) -> tensor<?x8xf32>
  return
}

// -----

func.func @lm_head(%x: tensor<?x16xf32>, %w: tensor<9x8xf32>) {
  // expected-error @below {{expects a weight of 16 input features}}
  %0 = swallow.lm_head %x, %w : tensor<?x16xf32>, tensor<9x8xf32> -> tensor<?x9xf32>
  return
}

// -----

func.func @lm_head_result(%x: tensor<?x16xf32>, %w: tensor<9x16xf32>) {
  // expected-error @below {{expects a result of 9 columns, got 'tensor<?x8xf32>'}}
  %0 = swallow.lm_head %x, %w : tensor<?x16xf32>, tensor<9x16xf32> -> tensor<?x8xf32>
  return
}

// -----

// Nothing is left for the queries.
func.func @qkv_queries(%x: tensor<?x16xf32>, %w: tensor<16x16xbf16>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 8, element = f32>) {
  // expected-error @below {{expects query columns that are a multiple of kv_heads * head_dim = 8, got 0}}
  %0 = swallow.fused_qkv %x, %w, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x16xf32>, tensor<16x16xbf16>, <layers = 2, heads = 1, head_dim = 8, element = f32> -> tensor<?x8xf32>
  return
}

// -----

func.func @qkv_result(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 8, element = f32>) {
  // expected-error @below {{expects a result of 16 columns, got 'tensor<?x32xf32>'}}
  %0 = swallow.fused_qkv %x, %w, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x16xf32>, tensor<32x16xbf16>, <layers = 2, heads = 1, head_dim = 8, element = f32> -> tensor<?x32xf32>
  return
}

// -----

func.func @qkv_bias(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %bias: tensor<16xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 8, element = f32>) {
  // expected-error @below {{expects a bias of 32 elements, got 'tensor<16xf32>'}}
  %0 = swallow.fused_qkv %x, %w bias %bias : tensor<16xf32>, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x16xf32>, tensor<32x16xbf16>, <layers = 2, heads = 1, head_dim = 8, element = f32> -> tensor<?x16xf32>
  return
}

// -----

func.func @qkv_norm(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %norm: tensor<8xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 8, element = f32>) {
  // expected-error @below {{expects a norm of 16 elements, got 'tensor<8xf32>'}}
  %0 = swallow.fused_qkv %x, %w norm %norm : tensor<8xf32> eps 1.0e-05, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x16xf32>, tensor<32x16xbf16>, <layers = 2, heads = 1, head_dim = 8, element = f32> -> tensor<?x16xf32>
  return
}

// -----

func.func @fused_linear_weight(%x: tensor<?x16xf32>, %w: tensor<32x8xbf16>) {
  // expected-error @below {{expects a weight of 16 input features}}
  %0 = swallow.fused_linear %x, %w : tensor<?x16xf32>, tensor<32x8xbf16> -> tensor<?x32xf32>
  return
}

// -----

func.func @fused_linear_bias(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %bias: tensor<16xf32>) {
  // expected-error @below {{expects a bias of 32 elements, got 'tensor<16xf32>'}}
  %0 = swallow.fused_linear %x, %w bias %bias : tensor<16xf32> : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  return
}

// -----

func.func @fused_linear_result(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>) {
  // expected-error @below {{expects a result of 32 columns, got 'tensor<?x16xf32>'}}
  %0 = swallow.fused_linear %x, %w : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x16xf32>
  return
}

// -----

func.func @eps_without_norm(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>) {
  // expected-error @below {{has eps but no norm}}
  %0 = "swallow.fused_linear"(%x, %w) <{eps = 1.0e-05 : f64, operandSegmentSizes = array<i32: 1, 1, 0, 0, 0>}> : (tensor<?x16xf32>, tensor<32x16xbf16>) -> tensor<?x32xf32>
  return
}

// -----

func.func @norm_without_eps(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %norm: tensor<16xf32>) {
  // expected-error @below {{has a norm but no eps}}
  %0 = "swallow.gated_mlp"(%x, %w, %norm) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> : (tensor<?x16xf32>, tensor<32x16xbf16>, tensor<16xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @residual(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>) {
  // expected-error @below {{expects a residual of 32 columns, got 'tensor<?x16xf32>'}}
  %0 = swallow.fused_linear %x, %w residual %x : tensor<?x16xf32> : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  return
}

// -----

func.func @odd_mlp(%x: tensor<?x16xf32>, %w: tensor<31x16xbf16>) {
  // expected-error @below {{expects a weight of gate and up features, got 'tensor<31x16xbf16>'}}
  %0 = swallow.gated_mlp %x, %w : tensor<?x16xf32>, tensor<31x16xbf16> -> tensor<?x16xf32>
  return
}

// -----

// Of gate and up together.
func.func @mlp_bias(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>, %bias: tensor<16xf32>) {
  // expected-error @below {{expects a bias of 32 elements, got 'tensor<16xf32>'}}
  %0 = swallow.gated_mlp %x, %w bias %bias : tensor<16xf32> : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x16xf32>
  return
}

// -----

func.func @mlp_result(%x: tensor<?x16xf32>, %w: tensor<32x16xbf16>) {
  // expected-error @below {{expects a result of 16 columns, got 'tensor<?x32xf32>'}}
  %0 = swallow.gated_mlp %x, %w : tensor<?x16xf32>, tensor<32x16xbf16> -> tensor<?x32xf32>
  return
}

// -----

func.func @fused_head_norm(%x: tensor<?x16xf32>, %batch: !swallow.batch, %w: tensor<9x16xbf16>, %norm: tensor<9xf32>) {
  // expected-error @below {{expects a norm of 16 elements, got 'tensor<9xf32>'}}
  %0 = swallow.fused_lm_head %x, %batch, %w norm %norm : tensor<9xf32> eps 1.0e-05 : tensor<?x16xf32>, tensor<9x16xbf16> -> tensor<?x9xf32>
  return
}

// -----

func.func @fused_head_weight(%x: tensor<?x16xf32>, %batch: !swallow.batch, %w: tensor<9x8xbf16>) {
  // expected-error @below {{expects a weight of 16 input features}}
  %0 = swallow.fused_lm_head %x, %batch, %w : tensor<?x16xf32>, tensor<9x8xbf16> -> tensor<?x9xf32>
  return
}

// -----

func.func @fused_head_result(%x: tensor<?x16xf32>, %batch: !swallow.batch, %w: tensor<9x16xbf16>) {
  // expected-error @below {{expects a result of 9 columns, got 'tensor<?x16xf32>'}}
  %0 = swallow.fused_lm_head %x, %batch, %w : tensor<?x16xf32>, tensor<9x16xbf16> -> tensor<?x16xf32>
  return
}

// -----

// expected-error @below {{expected positive layers and heads, got 0 and 1}}
func.func private @kv(!swallow.kv<layers = 0, heads = 1, head_dim = 8, element = f32>)

// -----

// expected-error @below {{expected an even positive head_dim, got 7}}
func.func private @kv(!swallow.kv<layers = 1, heads = 1, head_dim = 7, element = f32>)

// -----

// expected-error @below {{expected element f32, bf16 or f16, got 'i8'}}
func.func private @kv(!swallow.kv<layers = 1, heads = 1, head_dim = 8, element = i8>)

// -----

// expected-error @below {{expected a positive window, got -1}}
func.func private @kv(!swallow.kv<layers = 1, heads = 1, head_dim = 8, element = f32, window = -1>)
