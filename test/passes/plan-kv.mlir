// RUN: swallow-opt --swallow-plan-kv %s | FileCheck %s

!full = !swallow.kv<layers = 2, heads = 2, head_dim = 16, element = f32>
!window = !swallow.kv<layers = 2, heads = 1, head_dim = 6, element = bf16, window = 17>
!one = !swallow.kv<layers = 2, heads = 1, head_dim = 6, element = f16, window = 1>

// 2 * 2 heads * 32 tokens * 16 elements * 4 bytes.
// CHECK-LABEL: func.func @full
// CHECK-SAME:    %{{.*}}: !swallow.batch, %{{.*}}: !swallow.kv<layers = 2, heads = 2, head_dim = 16, element = f32> {swallow.kv_layout = #swallow.kv_layout<block_tokens = 32, block_bytes = 8192, ring = false, ring_positions = 0>})
func.func @full(%batch: !swallow.batch, %kv: !full) {
  return
}

// A query reaches back over 16 positions before its own. Values are padded: 32
// tokens * (6 + 16) elements * 2 bytes.
// CHECK-LABEL: func.func private @window
// CHECK-SAME:    {swallow.kv_layout = #swallow.kv_layout<block_tokens = 32, block_bytes = 1408, ring = true, ring_positions = 16>}
func.func private @window(%kv: !window, %batch: !swallow.batch) {
  return
}

// CHECK-LABEL: func.func @only_itself
// CHECK-SAME:    {swallow.kv_layout = #swallow.kv_layout<block_tokens = 32, block_bytes = 1408, ring = true, ring_positions = 0>}
func.func @only_itself(%kv: !one) {
  return
}

// Arguments of other types are left alone.
// CHECK-LABEL: func.func @none(%{{.*}}: !swallow.batch, %{{.*}}: tensor<?x4xf32>) {
func.func @none(%batch: !swallow.batch, %x: tensor<?x4xf32>) {
  return
}
