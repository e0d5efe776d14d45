// RUN: swallow-opt --split-input-file --swallow-fuse-linear %s | FileCheck %s

swallow.weight @w from ["w"] rows [4] : tensor<4x4xbf16>
swallow.weight @w.bias from ["b"] rows [4] : tensor<4xf32>

// CHECK-LABEL: func.func @plain
// CHECK:         %[[R:.*]] = swallow.fused_linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<4xf32> : tensor<?x4xf32>, tensor<4x4xbf16> -> tensor<?x4xf32>
// CHECK-NEXT:    return %[[R]]
func.func @plain(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = swallow.load_weight @w : tensor<4x4xbf16>
  %b = swallow.load_weight @w.bias : tensor<4xf32>
  %r = swallow.linear %x, %w bias %b : tensor<4xf32> : tensor<?x4xf32>, tensor<4x4xbf16> -> tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @residual_left
// CHECK-SAME:  (%[[X:.*]]: tensor<?x4xf32>, %[[H:.*]]: tensor<?x4xf32>)
// CHECK:         %[[R:.*]] = swallow.fused_linear %[[X]], %{{.*}} residual %[[H]] : tensor<?x4xf32>
// CHECK-NEXT:    return %[[R]]
func.func @residual_left(%x: tensor<?x4xf32>, %h: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = swallow.load_weight @w : tensor<4x4xbf16>
  %p = swallow.linear %x, %w : tensor<?x4xf32>, tensor<4x4xbf16> -> tensor<?x4xf32>
  %r = swallow.add %h, %p : tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// The bias stays inside: residual + (product + bias).
// CHECK-LABEL: func.func @residual_right
// CHECK-SAME:  (%[[X:.*]]: tensor<?x4xf32>, %[[H:.*]]: tensor<?x4xf32>)
// CHECK:         %[[R:.*]] = swallow.fused_linear %[[X]], %{{.*}} bias %{{.*}} : tensor<4xf32> residual %[[H]] : tensor<?x4xf32>
// CHECK-NEXT:    return %[[R]]
func.func @residual_right(%x: tensor<?x4xf32>, %h: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = swallow.load_weight @w : tensor<4x4xbf16>
  %b = swallow.load_weight @w.bias : tensor<4xf32>
  %p = swallow.linear %x, %w bias %b : tensor<4xf32> : tensor<?x4xf32>, tensor<4x4xbf16> -> tensor<?x4xf32>
  %r = swallow.add %p, %h : tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// Of two products the left one takes the other as its residual, also when the
// residual is made after it.
// CHECK-LABEL: func.func @two_products
// CHECK-SAME:  (%[[X:.*]]: tensor<?x4xf32>, %[[Y:.*]]: tensor<?x4xf32>)
// CHECK:         %[[Q:.*]] = swallow.fused_linear %[[Y]], %{{.*}} : tensor<?x4xf32>, tensor<4x4xbf16> -> tensor<?x4xf32>
// CHECK-NEXT:    %[[R:.*]] = swallow.fused_linear %[[X]], %{{.*}} residual %[[Q]] : tensor<?x4xf32>
// CHECK-NEXT:    return %[[R]]
func.func @two_products(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = swallow.load_weight @w : tensor<4x4xbf16>
  %p = swallow.linear %x, %w : tensor<?x4xf32>, tensor<4x4xbf16> -> tensor<?x4xf32>
  %q = swallow.linear %y, %w : tensor<?x4xf32>, tensor<4x4xbf16> -> tensor<?x4xf32>
  %r = swallow.add %p, %q : tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// A product takes one residual; the second add stays.
// CHECK-LABEL: func.func @two_adds
// CHECK:         %[[R:.*]] = swallow.fused_linear %{{.*}}, %{{.*}} residual %[[H:.*]] : tensor<?x4xf32>
// CHECK-NEXT:    %[[S:.*]] = swallow.add %[[R]], %[[H]]
// CHECK-NEXT:    return %[[S]]
func.func @two_adds(%x: tensor<?x4xf32>, %h: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %w = swallow.load_weight @w : tensor<4x4xbf16>
  %p = swallow.linear %x, %w : tensor<?x4xf32>, tensor<4x4xbf16> -> tensor<?x4xf32>
  %r = swallow.add %h, %p : tensor<?x4xf32>
  %s = swallow.add %r, %h : tensor<?x4xf32>
  return %s : tensor<?x4xf32>
}

// Left alone: the add of a product that something else reads, or of itself.
// CHECK-LABEL: func.func @product_used_twice
// CHECK:         %[[P:.*]] = swallow.fused_linear
// CHECK-NOT:     residual
// CHECK:         swallow.add %{{.*}}, %[[P]]
// CHECK-NEXT:    swallow.add %[[P]], %[[P]]
func.func @product_used_twice(%x: tensor<?x4xf32>, %h: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %w = swallow.load_weight @w : tensor<4x4xbf16>
  %p = swallow.linear %x, %w : tensor<?x4xf32>, tensor<4x4xbf16> -> tensor<?x4xf32>
  %r = swallow.add %h, %p : tensor<?x4xf32>
  %s = swallow.add %p, %p : tensor<?x4xf32>
  return %r, %s : tensor<?x4xf32>, tensor<?x4xf32>
}
