// RUN: %swallow-opt --split-input-file --verify-diagnostics --swallow-x86-emit-kernels %s
// RUN: not %swallow-opt --swallow-x86-emit-kernels=variant=x86-64-mmx %s 2>&1 | FileCheck %s
// CHECK: unknown x86-64 variant 'x86-64-mmx'

// What the emitter needs and does not find is said on the op that lacks it.

// expected-error@+1 {{expects a function @step}}
module {}

// -----

// expected-error@+1 {{has no arena; run -swallow-plan-arena first}}
module {
  func.func @step(%batch: !swallow.batch) {
    return
  }
}

// -----

// An op that is not fused.
module attributes {swallow.arena = [], swallow.arena_size = #swallow.affine<constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>} {
  func.func @step(%x: tensor<?x8xf32>, %batch: !swallow.batch) -> tensor<?x8xf32> {
    // expected-error@+1 {{has no x86 kernel; run -swallow-fuse and -swallow-plan first}}
    %y = swallow.silu %x : tensor<?x8xf32>
    %s = swallow.select_rows %y, %batch : tensor<?x8xf32>
    return %s : tensor<?x8xf32>
  }
}

// -----

// A weight that is not packed.
module attributes {swallow.arena = [], swallow.arena_size = #swallow.affine<constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>} {
  swallow.weight @e from ["e"] rows [9] : tensor<9x8xf32>
  func.func @step(%batch: !swallow.batch) -> tensor<?x8xf32> {
    %e = swallow.load_weight @e : tensor<9x8xf32>
    // expected-error@+1 {{reads a weight without packing; run -swallow-plan-weights first}}
    %x = swallow.embedding %batch, %e : tensor<9x8xf32> -> tensor<?x8xf32>
    %s = swallow.select_rows %x, %batch : tensor<?x8xf32>
    return %s : tensor<?x8xf32>
  }
}

// -----

// A loop over something else than layers.
module attributes {swallow.arena = [], swallow.arena_size = #swallow.affine<constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>} {
  func.func @step(%batch: !swallow.batch) {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    // expected-error@+1 {{is expected to count layers between constants}}
    scf.for %i = %c0 to %c2 step %c2 {
    }
    return
  }
}

// -----

// A function without a body.
module attributes {swallow.arena = [], swallow.arena_size = #swallow.affine<constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>} {
  func.func private @elsewhere()
  func.func @step(%batch: !swallow.batch) {
    // expected-error@+1 {{calls no function with a body}}
    func.call @elsewhere() : () -> ()
    return
  }
}

// -----

// Weights are planned, activations are not.
module attributes {swallow.arena = [], swallow.arena_size = #swallow.affine<constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>} {
  swallow.weight @e from ["e"] rows [9] : tensor<9x8xf32> {packing = #swallow.packing<n_block = 0, k_group = 1, row_unit = 0, interleave = false>, offset = 0 : i64}
  func.func @step(%batch: !swallow.batch) -> tensor<?x8xf32> {
    %e = swallow.load_weight @e : tensor<9x8xf32>
    // expected-error@+1 {{has no swallow.result_slot; run -swallow-plan-arena first}}
    %x = swallow.embedding %batch, %e : tensor<9x8xf32> -> tensor<?x8xf32>
    %s = swallow.select_rows %x, %batch : tensor<?x8xf32>
    return %s : tensor<?x8xf32>
  }
}

// -----

// A layer that is not the loop's: kernels are told the loop's.
module attributes {swallow.arena = [], swallow.arena_size = #swallow.affine<constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>} {
  func.func @step(%q: tensor<?x8xf32>, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 8, element = f32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    scf.for %i = %c0 to %c2 step %c1 {
      // expected-error@+1 {{is expected to use the layer of an scf.for around it}}
      %a = swallow.attention %q, %batch, %kv[%c1] scale 1.0 : tensor<?x8xf32>, <layers = 2, heads = 1, head_dim = 8, element = f32> -> tensor<?x8xf32>
    }
    return
  }
}

// -----

// A scale that attention's exponents cannot be found with.
module attributes {swallow.arena = [], swallow.arena_size = #swallow.affine<constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>} {
  func.func @step(%q: tensor<?x8xf32>, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 8, element = f32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    scf.for %i = %c0 to %c2 step %c1 {
      // expected-error@+1 {{has no kernel for a scale under 1e-6}}
      %a = swallow.attention %q, %batch, %kv[%i] scale -1.0 : tensor<?x8xf32>, <layers = 2, heads = 1, head_dim = 8, element = f32> -> tensor<?x8xf32>
    }
    return
  }
}

// -----

// A step whose result is not logits.
module attributes {swallow.arena = [], swallow.arena_size = #swallow.affine<constant = 0, per_token = 0, per_thread = 0, per_sequence = 0>} {
  func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    // expected-error@+1 {{is expected to return the logits of a swallow.fused_lm_head or swallow.select_rows}}
    return %x : tensor<?x8xf32>
  }
}
