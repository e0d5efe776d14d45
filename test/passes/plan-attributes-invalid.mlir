// RUN: swallow-opt --split-input-file --verify-diagnostics %s

// What the planning passes leave in the IR is checked by the dialect.

!kv = !swallow.kv<layers = 1, heads = 1, head_dim = 4, element = f32>
// expected-error@+1 {{expects KV blocks of 2560 bytes}}
func.func @bytes(%kv: !kv {swallow.kv_layout = #swallow.kv_layout<block_tokens = 32, block_bytes = 512, ring = false, ring_positions = 0>}) {
  return
}

// -----

!kv = !swallow.kv<layers = 1, heads = 1, head_dim = 4, element = f32, window = 9>
// expected-error@+1 {{expects a ring of 8 positions exactly when the KV memory has a window}}
func.func @ring(%kv: !kv {swallow.kv_layout = #swallow.kv_layout<block_tokens = 32, block_bytes = 2560, ring = false, ring_positions = 0>}) {
  return
}

// -----

// expected-error@+1 {{expects swallow.kv_layout to be a #swallow.kv_layout on a !swallow.kv argument}}
func.func @type(%batch: !swallow.batch {swallow.kv_layout = #swallow.kv_layout<block_tokens = 32, block_bytes = 1024, ring = false, ring_positions = 0>}) {
  return
}

// -----

// expected-error@+1 {{has swallow.slot in a module without swallow.arena}}
func.func @no_arena(%x: tensor<?x4xf32> {swallow.slot = 0 : i64}) {
  return
}

// -----

module attributes {swallow.arena = []} {
  func.func @out_of_range(%x: tensor<?x4xf32>) {
    // expected-error@+1 {{expects swallow.result_slot to be one of the 0 slots of the arena, got 0}}
    %y = swallow.silu %x {swallow.result_slot = 0 : i64} : tensor<?x4xf32>
    return
  }
}

// -----

module attributes {swallow.arena = []} {
  func.func @workspace(%x: tensor<?x4xf32>) {
    // expected-error@+1 {{expects swallow.workspace_slots to be one of the 0 slots of the arena, got -1}}
    %y = swallow.silu %x {swallow.workspace_slots = array<i64: -1>} : tensor<?x4xf32>
    return
  }
}

// -----

// expected-error@+1 {{expects swallow.arena to be an array of #swallow.slot on a module}}
module attributes {swallow.arena = [1]} {}

// -----

// expected-error@+1 {{expects swallow.arena_size to be a #swallow.affine on a module}}
module attributes {swallow.arena_size = 12} {}

// -----

// expected-error@+1 {{expects swallow.weights_size to be an i64 on a module}}
module attributes {swallow.weights_size = "big"} {}

// -----

// expected-error@+1 {{expects KV blocks of 2560 bytes}}
func.func @block_tokens(%kv: !swallow.kv<layers = 1, heads = 1, head_dim = 4, element = f32> {swallow.kv_layout = #swallow.kv_layout<block_tokens = 64, block_bytes = 1024, ring = false, ring_positions = 0>}) {
  return
}

// -----

// expected-error@+1 {{expects swallow.kv_layout to be a #swallow.kv_layout on a !swallow.kv argument}}
func.func @attribute(%kv: !swallow.kv<layers = 1, heads = 1, head_dim = 4, element = f32> {swallow.kv_layout = 1 : i64}) {
  return
}

// -----

module attributes {swallow.arena = []} {
  // expected-error@+1 {{expects swallow.slot to be an i64}}
  func.func @slot_type(%x: tensor<?x4xf32> {swallow.slot = 0 : i32}) {
    return
  }
}

// -----

func.func @element(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{expects swallow.result_element to be a type}}
  %y = swallow.silu %x {swallow.result_element = "bf16"} : tensor<?x4xf32>
  return
}

// -----

func.func @workspace_type(%x: tensor<?x4xf32>) {
  // expected-error@+1 {{expects swallow.workspace_slots to be an array<i64>}}
  %y = swallow.silu %x {swallow.workspace_slots = [0]} : tensor<?x4xf32>
  return
}

// -----

// Only functions have arguments that are KV memory.
// expected-error@+1 {{has swallow.kv_layout but is no function}}
llvm.func @no_function(%kv: !llvm.ptr {swallow.kv_layout = #swallow.kv_layout<block_tokens = 32, block_bytes = 1024, ring = false, ring_positions = 0>}) {
  llvm.return
}

// -----

// The plan belongs to the module.
// expected-error@+1 {{expects swallow.arena to be an array of #swallow.slot on a module}}
func.func private @arena() attributes {swallow.arena = []}
