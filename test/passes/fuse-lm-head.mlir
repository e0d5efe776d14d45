// RUN: swallow-opt --swallow-fuse-lm-head %s | FileCheck %s

swallow.weight @norm from ["n"] rows [4] : tensor<4xf32>
swallow.weight @lm_head from ["h"] rows [9] : tensor<9x4xbf16>

// CHECK-LABEL: func.func @norm_first
// CHECK-SAME:  (%[[X:.*]]: tensor<?x4xf32>, %[[BATCH:.*]]: !swallow.batch)
// CHECK:         %[[N:.*]] = swallow.load_weight @norm
// CHECK:         %[[W:.*]] = swallow.load_weight @lm_head
// CHECK-NEXT:    %[[L:.*]] = swallow.fused_lm_head %[[X]], %[[BATCH]], %[[W]] norm %[[N]] : tensor<4xf32> eps 1.000000e-05
// CHECK-NEXT:    return %[[L]]
func.func @norm_first(%x: tensor<?x4xf32>, %batch: !swallow.batch) -> tensor<?x9xf32> {
  %n = swallow.load_weight @norm : tensor<4xf32>
  %w = swallow.load_weight @lm_head : tensor<9x4xbf16>
  %y = swallow.rms_norm %x, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %s = swallow.select_rows %y, %batch : tensor<?x4xf32>
  %l = swallow.lm_head %s, %w : tensor<?x4xf32>, tensor<9x4xbf16> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}

// CHECK-LABEL: func.func @selection_first
// CHECK-SAME:  (%[[X:.*]]: tensor<?x4xf32>, %[[BATCH:.*]]: !swallow.batch)
// CHECK:         swallow.fused_lm_head %[[X]], %[[BATCH]], %{{.*}} norm %{{.*}} : tensor<4xf32> eps 1.000000e-05
func.func @selection_first(%x: tensor<?x4xf32>, %batch: !swallow.batch) -> tensor<?x9xf32> {
  %n = swallow.load_weight @norm : tensor<4xf32>
  %w = swallow.load_weight @lm_head : tensor<9x4xbf16>
  %s = swallow.select_rows %x, %batch : tensor<?x4xf32>
  %y = swallow.rms_norm %s, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %l = swallow.lm_head %y, %w : tensor<?x4xf32>, tensor<9x4xbf16> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}

// CHECK-LABEL: func.func @no_norm
// CHECK-SAME:  (%[[X:.*]]: tensor<?x4xf32>, %[[BATCH:.*]]: !swallow.batch)
// CHECK:         swallow.fused_lm_head %[[X]], %[[BATCH]], %{{[^ ]*}} : tensor<?x4xf32>, tensor<9x4xbf16>
func.func @no_norm(%x: tensor<?x4xf32>, %batch: !swallow.batch) -> tensor<?x9xf32> {
  %w = swallow.load_weight @lm_head : tensor<9x4xbf16>
  %s = swallow.select_rows %x, %batch : tensor<?x4xf32>
  %l = swallow.lm_head %s, %w : tensor<?x4xf32>, tensor<9x4xbf16> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}

// A norm that something else reads stays, the selection after it is fused.
// CHECK-LABEL: func.func @norm_used_twice
// CHECK:         %[[Y:.*]] = swallow.rms_norm
// CHECK-NEXT:    %[[L:.*]] = swallow.fused_lm_head %[[Y]], %{{.*}}, %{{[^ ]*}} : tensor<?x4xf32>
// CHECK-NEXT:    return %[[L]], %[[Y]]
func.func @norm_used_twice(%x: tensor<?x4xf32>, %batch: !swallow.batch) -> (tensor<?x9xf32>, tensor<?x4xf32>) {
  %n = swallow.load_weight @norm : tensor<4xf32>
  %w = swallow.load_weight @lm_head : tensor<9x4xbf16>
  %y = swallow.rms_norm %x, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %s = swallow.select_rows %y, %batch : tensor<?x4xf32>
  %l = swallow.lm_head %s, %w : tensor<?x4xf32>, tensor<9x4xbf16> -> tensor<?x9xf32>
  return %l, %y : tensor<?x9xf32>, tensor<?x4xf32>
}

// Left alone: nothing selects rows, or the selection has another use.
// CHECK-LABEL: func.func @every_row
// CHECK:         swallow.rms_norm
// CHECK-NEXT:    swallow.lm_head
func.func @every_row(%x: tensor<?x4xf32>) -> tensor<?x9xf32> {
  %n = swallow.load_weight @norm : tensor<4xf32>
  %w = swallow.load_weight @lm_head : tensor<9x4xbf16>
  %y = swallow.rms_norm %x, %n eps 1.0e-05 : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %l = swallow.lm_head %y, %w : tensor<?x4xf32>, tensor<9x4xbf16> -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}

// CHECK-LABEL: func.func @selection_used_twice
// CHECK:         swallow.select_rows
// CHECK-NEXT:    swallow.lm_head
func.func @selection_used_twice(%x: tensor<?x4xf32>, %batch: !swallow.batch) -> (tensor<?x9xf32>, tensor<?x4xf32>) {
  %w = swallow.load_weight @lm_head : tensor<9x4xbf16>
  %s = swallow.select_rows %x, %batch : tensor<?x4xf32>
  %l = swallow.lm_head %s, %w : tensor<?x4xf32>, tensor<9x4xbf16> -> tensor<?x9xf32>
  return %l, %s : tensor<?x9xf32>, tensor<?x4xf32>
}
