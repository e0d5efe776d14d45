// RUN: swallow-opt --split-input-file --verify-diagnostics --swallow-plan-weights %s

!kv = !swallow.kv<layers = 1, heads = 1, head_dim = 4, element = f32>
// expected-error@+1 {{is used in ways that need different packings}}
swallow.weight @w from ["q", "k"] rows [12, 12] : tensor<24x8xf32>
func.func @conflict(%x: tensor<?x8xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x12xf32> {
  %w = swallow.load_weight @w : tensor<24x8xf32>
  %q = swallow.fused_qkv %x, %w, %batch, %kv[%i] <theta = 1.0e+04 : f64> : tensor<?x8xf32>, tensor<24x8xf32>, !kv -> tensor<?x16xf32>
  // expected-note@+1 {{one use}}
  %m = swallow.gated_mlp %x, %w : tensor<?x8xf32>, tensor<24x8xf32> -> tensor<?x12xf32>
  return %m : tensor<?x12xf32>
}

// -----

// expected-error@+1 {{expects element f32, bf16 or f16, got 'f64'}}
swallow.weight @w from ["w"] rows [4] : tensor<4x8xf64>

// -----

// expected-error@+1 {{expects two sources of equal rows, gate and up, got array<i64: 12>}}
swallow.weight @w from ["gate_up"] rows [12] : tensor<12x8xf32>
func.func @one_source(%x: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %w = swallow.load_weight @w : tensor<12x8xf32>
  %m = swallow.gated_mlp %x, %w : tensor<?x8xf32>, tensor<12x8xf32> -> tensor<?x6xf32>
  return %m : tensor<?x6xf32>
}

// -----

swallow.weight @w from ["g", "u"] rows [6, 6] : tensor<12x8xf32>
// expected-note@+1 {{bias is declared here}}
swallow.weight @b from ["b"] rows [12] : tensor<12xf32>
func.func @bias(%x: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %w = swallow.load_weight @w : tensor<12x8xf32>
  %b = swallow.load_weight @b : tensor<12xf32>
  // expected-error@+1 {{expects a bias with the source rows of its weight}}
  %m = swallow.gated_mlp %x, %w bias %b : tensor<12xf32> : tensor<?x8xf32>, tensor<12x8xf32> -> tensor<?x6xf32>
  return %m : tensor<?x6xf32>
}
