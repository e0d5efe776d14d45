// RUN: swallow-opt --swallow-fuse-norm %s | FileCheck %s

!kv = !swallow.kv<layers = 1, heads = 1, head_dim = 4, element = f32>

swallow.weight @norm from ["n"] rows [4] : tensor<4xf32>
swallow.weight @w from ["w"] rows [4] : tensor<4x4xf32>
swallow.weight @qkv from ["q", "k", "v"] rows [4, 4, 4] : tensor<12x4xf32>
swallow.weight @gate_up from ["g", "u"] rows [6, 6] : tensor<12x4xf32>

// All ops that take a norm take it.
// CHECK-LABEL: func.func @all
// CHECK-SAME:  (%[[X:.*]]: tensor<?x4xf32>
// CHECK-NOT:     swallow.rms_norm
// CHECK:         swallow.fused_qkv %[[X]], %{{.*}} norm %[[N:.*]] : tensor<4xf32> eps 1.000000e-05,
// CHECK-NEXT:    swallow.gated_mlp %[[X]], %{{.*}} norm %[[N]] : tensor<4xf32> eps 2.000000e-05 :
// CHECK-NEXT:    swallow.fused_linear %[[X]], %{{.*}} norm %[[N]] : tensor<4xf32> eps 1.000000e-05 residual %[[X]]
// CHECK-NEXT:    swallow.fused_lm_head %[[X]], %{{.*}}, %{{.*}} norm %[[N]] : tensor<4xf32> eps 1.000000e-05 :
func.func @all(%x: tensor<?x4xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> (tensor<?x4xf32>, tensor<?x6xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %n = swallow.load_weight @norm : tensor<4xf32>
  %w = swallow.load_weight @w : tensor<4x4xf32>
  %wq = swallow.load_weight @qkv : tensor<12x4xf32>
  %wg = swallow.load_weight @gate_up : tensor<12x4xf32>
  %y0 = swallow.rms_norm %x, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %y1 = swallow.rms_norm %x, %n eps 2.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %y2 = swallow.rms_norm %x, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %y3 = swallow.rms_norm %x, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %q = swallow.fused_qkv %y0, %wq, %batch, %kv[%i] <theta = 1.0e+04 : f64> : tensor<?x4xf32>, tensor<12x4xf32>, !kv -> tensor<?x4xf32>
  %m = swallow.gated_mlp %y1, %wg : tensor<?x4xf32>, tensor<12x4xf32> -> tensor<?x6xf32>
  %p = swallow.fused_linear %y2, %w residual %x : tensor<?x4xf32> : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %l = swallow.fused_lm_head %y3, %batch, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %q, %m, %p, %l : tensor<?x4xf32>, tensor<?x6xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// Left alone: a norm that two ops read, one that is a residual, one in front of
// an op that has a norm already (the nearer one is taken first).
// CHECK-LABEL: func.func @read_twice
// CHECK:         swallow.rms_norm
// CHECK:         swallow.fused_linear
// CHECK-NOT:     norm
// CHECK:         swallow.fused_linear
// CHECK-NOT:     norm
// CHECK:         return
func.func @read_twice(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %n = swallow.load_weight @norm : tensor<4xf32>
  %w = swallow.load_weight @w : tensor<4x4xf32>
  %y = swallow.rms_norm %x, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %p = swallow.fused_linear %y, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %q = swallow.fused_linear %y, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %p, %q : tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @residual
// CHECK:         %[[Y:.*]] = swallow.rms_norm
// CHECK-NEXT:    swallow.fused_linear %{{.*}}, %{{.*}} residual %[[Y]]
func.func @residual(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %n = swallow.load_weight @norm : tensor<4xf32>
  %w = swallow.load_weight @w : tensor<4x4xf32>
  %y = swallow.rms_norm %x, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %p = swallow.fused_linear %x, %w residual %y : tensor<?x4xf32> : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %p : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @two_norms
// CHECK:         %[[Y:.*]] = swallow.rms_norm %{{.*}}, %{{.*}} eps 2.000000e-05
// CHECK-NEXT:    swallow.fused_linear %[[Y]], %{{.*}} norm %{{.*}} : tensor<4xf32> eps 1.000000e-05
func.func @two_norms(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %n = swallow.load_weight @norm : tensor<4xf32>
  %w = swallow.load_weight @w : tensor<4x4xf32>
  %y = swallow.rms_norm %x, %n eps 2.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %z = swallow.rms_norm %y, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %p = swallow.fused_linear %z, %w : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  return %p : tensor<?x4xf32>
}
