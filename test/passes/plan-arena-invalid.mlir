// RUN: swallow-opt --split-input-file --verify-diagnostics --swallow-plan-arena %s

// expected-error@below {{expects a function named step}}
module {}

// -----

// The loop would overwrite what the product after it still reads.
swallow.weight @w from ["w"] rows [8] : tensor<8x8xf32>
func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %w = swallow.load_weight @w : tensor<8x8xf32>
  // expected-note@+1 {{the other one is made here}}
  %e = swallow.fused_linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  // expected-error@+1 {{a loop or call needs this activation in the place of another one that is still read}}
  %h = scf.for %i = %c0 to %c1 step %c1 iter_args(%y = %e) -> (tensor<?x8xf32>) {
    %z = swallow.fused_linear %x, %w residual %y : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    scf.yield %z : tensor<?x8xf32>
  }
  %r = swallow.fused_linear %h, %w residual %e : tensor<?x8xf32> : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

func.func private @external(tensor<?x8xf32>) -> tensor<?x8xf32>
func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error@+1 {{calls a function without a body}}
  %y = func.call @external(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// expected-error@+1 {{must not call itself in a step}}
func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = func.call @step(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @step(%x: tensor<?x8xf32>, %c: i1) -> tensor<?x8xf32> {
  // expected-error@+1 {{has a region, which the plan of a step can follow only for scf.for}}
  %y = scf.if %c -> tensor<?x8xf32> {
    %z = swallow.silu %x : tensor<?x8xf32>
    scf.yield %z : tensor<?x8xf32>
  } else {
    scf.yield %x : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// -----

func.func @step(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error@+1 {{has more than one activation result}}
  %r:2 = scf.for %i = %c0 to %c1 step %c1 iter_args(%a = %x, %b = %y) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    scf.yield %a, %b : tensor<?x8xf32>, tensor<?x8xf32>
  }
  return %r#0 : tensor<?x8xf32>
}
