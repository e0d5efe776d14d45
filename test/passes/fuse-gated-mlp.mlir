// RUN: swallow-opt --split-input-file --swallow-fuse-gated-mlp %s | FileCheck %s

// The gate is what goes through the silu, whatever the operand order of the
// product and the order of the symbols; the weight's sources are gate and up.

// CHECK:      swallow.weight @layers.gate_up_proj from ["g.{layer}", "u.{layer}"] rows [6, 6] layers 2 : tensor<12x4xbf16>
// CHECK-NEXT: swallow.weight @layers.gate_up_proj.bias from ["gb.{layer}", "ub.{layer}"] rows [6, 6] layers 2 : tensor<12xf32>
// CHECK-NOT:  swallow.weight @layers.gate_proj
// CHECK:      swallow.weight @gate_up_proj from ["g2", "u2"] rows [6, 6] : tensor<12x4xf32>
swallow.weight @layers.up_proj from ["u.{layer}"] rows [6] layers 2 : tensor<6x4xbf16>
swallow.weight @layers.up_proj.bias from ["ub.{layer}"] rows [6] layers 2 : tensor<6xf32>
swallow.weight @layers.gate_proj from ["g.{layer}"] rows [6] layers 2 : tensor<6x4xbf16>
swallow.weight @layers.gate_proj.bias from ["gb.{layer}"] rows [6] layers 2 : tensor<6xf32>
swallow.weight @gate from ["g2"] rows [6] : tensor<6x4xf32>
swallow.weight @up from ["u2"] rows [6] : tensor<6x4xf32>

// CHECK-LABEL: func.func @silu_left
// CHECK-SAME:  (%[[X:.*]]: tensor<?x4xf32>, %[[I:.*]]: index)
// CHECK-NEXT:    %[[W:.*]] = swallow.load_weight @layers.gate_up_proj[%[[I]]] : tensor<12x4xbf16>
// CHECK-NEXT:    %[[B:.*]] = swallow.load_weight @layers.gate_up_proj.bias[%[[I]]] : tensor<12xf32>
// CHECK-NEXT:    %[[M:.*]] = swallow.gated_mlp %[[X]], %[[W]] bias %[[B]] : tensor<12xf32> : tensor<?x4xf32>, tensor<12x4xbf16> -> tensor<?x6xf32>
// CHECK-NEXT:    return %[[M]]
func.func @silu_left(%x: tensor<?x4xf32>, %i: index) -> tensor<?x6xf32> {
  %wu = swallow.load_weight @layers.up_proj[%i] : tensor<6x4xbf16>
  %bu = swallow.load_weight @layers.up_proj.bias[%i] : tensor<6xf32>
  %u = swallow.linear %x, %wu bias %bu : tensor<6xf32> : tensor<?x4xf32>, tensor<6x4xbf16> -> tensor<?x6xf32>
  %wg = swallow.load_weight @layers.gate_proj[%i] : tensor<6x4xbf16>
  %bg = swallow.load_weight @layers.gate_proj.bias[%i] : tensor<6xf32>
  %g = swallow.linear %x, %wg bias %bg : tensor<6xf32> : tensor<?x4xf32>, tensor<6x4xbf16> -> tensor<?x6xf32>
  %s = swallow.silu %g : tensor<?x6xf32>
  %m = swallow.mul %s, %u : tensor<?x6xf32>
  return %m : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @silu_right
// CHECK:         %[[W:.*]] = swallow.load_weight @gate_up_proj : tensor<12x4xf32>
// CHECK-NEXT:    swallow.gated_mlp %{{.*}}, %[[W]] : tensor<?x4xf32>, tensor<12x4xf32> -> tensor<?x6xf32>
func.func @silu_right(%x: tensor<?x4xf32>) -> tensor<?x6xf32> {
  %wg = swallow.load_weight @gate : tensor<6x4xf32>
  %wu = swallow.load_weight @up : tensor<6x4xf32>
  %g = swallow.linear %x, %wg : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %u = swallow.linear %x, %wu : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %s = swallow.silu %g : tensor<?x6xf32>
  %m = swallow.mul %u, %s : tensor<?x6xf32>
  return %m : tensor<?x6xf32>
}

// -----

// Two layer kinds: the second joined weight gets a free name.

// CHECK: swallow.weight @layers.gate_up_proj from ["g.{layer}", "u.{layer}"]
// CHECK: swallow.weight @layers.gate_up_proj_0 from ["h.{layer}", "w.{layer}"]
swallow.weight @layers.gate_proj from ["g.{layer}"] rows [6] layers 2 : tensor<6x4xf32>
swallow.weight @layers.up_proj from ["u.{layer}"] rows [6] layers 2 : tensor<6x4xf32>
swallow.weight @layers.gate2_proj from ["h.{layer}"] rows [8] layers 2 : tensor<8x4xf32>
swallow.weight @layers.up2_proj from ["w.{layer}"] rows [8] layers 2 : tensor<8x4xf32>

// CHECK-LABEL: func.func @first_kind
// CHECK:         swallow.load_weight @layers.gate_up_proj[
func.func @first_kind(%x: tensor<?x4xf32>, %i: index) -> tensor<?x6xf32> {
  %wg = swallow.load_weight @layers.gate_proj[%i] : tensor<6x4xf32>
  %wu = swallow.load_weight @layers.up_proj[%i] : tensor<6x4xf32>
  %g = swallow.linear %x, %wg : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %u = swallow.linear %x, %wu : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %s = swallow.silu %g : tensor<?x6xf32>
  %m = swallow.mul %s, %u : tensor<?x6xf32>
  return %m : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @second_kind
// CHECK:         swallow.load_weight @layers.gate_up_proj_0[
func.func @second_kind(%x: tensor<?x4xf32>, %i: index) -> tensor<?x8xf32> {
  %wg = swallow.load_weight @layers.gate2_proj[%i] : tensor<8x4xf32>
  %wu = swallow.load_weight @layers.up2_proj[%i] : tensor<8x4xf32>
  %g = swallow.linear %x, %wg : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %u = swallow.linear %x, %wu : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %s = swallow.silu %g : tensor<?x8xf32>
  %m = swallow.mul %s, %u : tensor<?x8xf32>
  return %m : tensor<?x8xf32>
}

// -----

// Left alone: the silu is used twice, the inputs differ, the element types
// differ, the layers differ, the gate is not a product, or one side has a bias.

swallow.weight @g1 from ["g1"] rows [6] : tensor<6x4xf32>
swallow.weight @u1 from ["u1"] rows [6] : tensor<6x4xf32>

// CHECK-LABEL: func.func @silu_used_twice
// CHECK-NOT:     swallow.gated_mlp
// CHECK:         swallow.mul
func.func @silu_used_twice(%x: tensor<?x4xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>) {
  %wg = swallow.load_weight @g1 : tensor<6x4xf32>
  %wu = swallow.load_weight @u1 : tensor<6x4xf32>
  %g = swallow.linear %x, %wg : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %u = swallow.linear %x, %wu : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %s = swallow.silu %g : tensor<?x6xf32>
  %m = swallow.mul %s, %u : tensor<?x6xf32>
  return %m, %s : tensor<?x6xf32>, tensor<?x6xf32>
}

swallow.weight @g2 from ["g2"] rows [6] : tensor<6x4xf32>
swallow.weight @u2 from ["u2"] rows [6] : tensor<6x4xf32>
// CHECK-LABEL: func.func @inputs_differ
// CHECK-NOT:     swallow.gated_mlp
// CHECK:         swallow.mul
func.func @inputs_differ(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> tensor<?x6xf32> {
  %wg = swallow.load_weight @g2 : tensor<6x4xf32>
  %wu = swallow.load_weight @u2 : tensor<6x4xf32>
  %g = swallow.linear %x, %wg : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %u = swallow.linear %y, %wu : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %s = swallow.silu %g : tensor<?x6xf32>
  %m = swallow.mul %s, %u : tensor<?x6xf32>
  return %m : tensor<?x6xf32>
}

swallow.weight @g3 from ["g3"] rows [6] : tensor<6x4xbf16>
swallow.weight @u3 from ["u3"] rows [6] : tensor<6x4xf32>
// CHECK-LABEL: func.func @elements_differ
// CHECK-NOT:     swallow.gated_mlp
// CHECK:         swallow.mul
func.func @elements_differ(%x: tensor<?x4xf32>) -> tensor<?x6xf32> {
  %wg = swallow.load_weight @g3 : tensor<6x4xbf16>
  %wu = swallow.load_weight @u3 : tensor<6x4xf32>
  %g = swallow.linear %x, %wg : tensor<?x4xf32>, tensor<6x4xbf16> -> tensor<?x6xf32>
  %u = swallow.linear %x, %wu : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %s = swallow.silu %g : tensor<?x6xf32>
  %m = swallow.mul %s, %u : tensor<?x6xf32>
  return %m : tensor<?x6xf32>
}

swallow.weight @g4 from ["g4.{layer}"] rows [6] layers 2 : tensor<6x4xf32>
swallow.weight @u4 from ["u4.{layer}"] rows [6] layers 2 : tensor<6x4xf32>
// CHECK-LABEL: func.func @layers_differ
// CHECK-NOT:     swallow.gated_mlp
// CHECK:         swallow.mul
func.func @layers_differ(%x: tensor<?x4xf32>, %i: index, %j: index) -> tensor<?x6xf32> {
  %wg = swallow.load_weight @g4[%i] : tensor<6x4xf32>
  %wu = swallow.load_weight @u4[%j] : tensor<6x4xf32>
  %g = swallow.linear %x, %wg : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %u = swallow.linear %x, %wu : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %s = swallow.silu %g : tensor<?x6xf32>
  %m = swallow.mul %s, %u : tensor<?x6xf32>
  return %m : tensor<?x6xf32>
}

swallow.weight @u5 from ["u5"] rows [4] : tensor<4x4xf32>
// CHECK-LABEL: func.func @gate_is_no_product
// CHECK-NOT:     swallow.gated_mlp
// CHECK:         swallow.mul
func.func @gate_is_no_product(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %wu = swallow.load_weight @u5 : tensor<4x4xf32>
  %u = swallow.linear %x, %wu : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %s = swallow.silu %x : tensor<?x4xf32>
  %m = swallow.mul %s, %u : tensor<?x4xf32>
  return %m : tensor<?x4xf32>
}

swallow.weight @g6 from ["g6"] rows [6] : tensor<6x4xf32>
swallow.weight @u6 from ["u6"] rows [6] : tensor<6x4xf32>
swallow.weight @u6.bias from ["u6b"] rows [6] : tensor<6xf32>
// CHECK-LABEL: func.func @one_bias
// CHECK-NOT:     swallow.gated_mlp
// CHECK:         swallow.mul
func.func @one_bias(%x: tensor<?x4xf32>) -> tensor<?x6xf32> {
  %wg = swallow.load_weight @g6 : tensor<6x4xf32>
  %wu = swallow.load_weight @u6 : tensor<6x4xf32>
  %bu = swallow.load_weight @u6.bias : tensor<6xf32>
  %g = swallow.linear %x, %wg : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %u = swallow.linear %x, %wu bias %bu : tensor<6xf32> : tensor<?x4xf32>, tensor<6x4xf32> -> tensor<?x6xf32>
  %s = swallow.silu %g : tensor<?x6xf32>
  %m = swallow.mul %s, %u : tensor<?x6xf32>
  return %m : tensor<?x6xf32>
}
