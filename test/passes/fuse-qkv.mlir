// RUN: swallow-opt --split-input-file --swallow-fuse-qkv %s | FileCheck %s

// Q, K and V of one input become one op with one weight; the biases are joined
// like the weights, and the old symbols go. Symbols have unusual names, since
// only the structure counts.

!kv = !swallow.kv<layers = 2, heads = 1, head_dim = 4, element = f32>

// CHECK:      swallow.weight @deep.a from ["a.{layer}"]
// CHECK-NOT:  swallow.weight
// CHECK:      swallow.weight @layers.qkv_proj from ["q.{layer}", "k.{layer}", "v.{layer}"] rows [8, 4, 4] layers 2 : tensor<16x8xbf16>
// CHECK-NEXT: swallow.weight @layers.qkv_proj.bias from ["qb.{layer}", "kb.{layer}", "vb.{layer}"] rows [8, 4, 4] layers 2 : tensor<16xf32>
// CHECK-NOT:  swallow.weight
swallow.weight @deep.a from ["a.{layer}"] rows [8] layers 2 : tensor<8x8xbf16>
swallow.weight @v from ["v.{layer}"] rows [4] layers 2 : tensor<4x8xbf16>
swallow.weight @layers.first from ["q.{layer}"] rows [8] layers 2 : tensor<8x8xbf16>
swallow.weight @layers.first.bias from ["qb.{layer}"] rows [8] layers 2 : tensor<8xf32>
swallow.weight @k from ["k.{layer}"] rows [4] layers 2 : tensor<4x8xbf16>
swallow.weight @k.bias from ["kb.{layer}"] rows [4] layers 2 : tensor<4xf32>
swallow.weight @v.bias from ["vb.{layer}"] rows [4] layers 2 : tensor<4xf32>

// CHECK-LABEL: func.func @fuses
// CHECK-SAME:  (%[[X:.*]]: tensor<?x8xf32>, %[[I:.*]]: index, %[[BATCH:.*]]: !swallow.batch, %[[KV:.*]]: !swallow.kv
// CHECK-NEXT:    %[[W:.*]] = swallow.load_weight @layers.qkv_proj[%[[I]]] : tensor<16x8xbf16>
// CHECK-NEXT:    %[[B:.*]] = swallow.load_weight @layers.qkv_proj.bias[%[[I]]] : tensor<16xf32>
// CHECK-NEXT:    %[[Q:.*]] = swallow.fused_qkv %[[X]], %[[W]] bias %[[B]] : tensor<16xf32>, %[[BATCH]], %[[KV]][%[[I]]] <theta = 1.000000e+04 : f64> : tensor<?x8xf32>, tensor<16x8xbf16>, <{{.*}}> -> tensor<?x8xf32>
// CHECK-NEXT:    %[[A:.*]] = swallow.attention %[[Q]], %[[BATCH]], %[[KV]][%[[I]]]
// CHECK-NEXT:    %[[WA:.*]] = swallow.load_weight @deep.a
// CHECK-NEXT:    swallow.linear %[[A]], %[[WA]]
func.func @fuses(%x: tensor<?x8xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x8xf32> {
  %wk = swallow.load_weight @k[%i] : tensor<4x8xbf16>
  %bk = swallow.load_weight @k.bias[%i] : tensor<4xf32>
  %k = swallow.linear %x, %wk bias %bk : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xbf16> -> tensor<?x4xf32>
  %kr = swallow.rope %k, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %wv = swallow.load_weight @v[%i] : tensor<4x8xbf16>
  %bv = swallow.load_weight @v.bias[%i] : tensor<4xf32>
  %v = swallow.linear %x, %wv bias %bv : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xbf16> -> tensor<?x4xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%i] : tensor<?x4xf32>, !kv
  // The query may even be made after the append.
  %wq = swallow.load_weight @layers.first[%i] : tensor<8x8xbf16>
  %bq = swallow.load_weight @layers.first.bias[%i] : tensor<8xf32>
  %q = swallow.linear %x, %wq bias %bq : tensor<8xf32> : tensor<?x8xf32>, tensor<8x8xbf16> -> tensor<?x8xf32>
  %qr = swallow.rope %q, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x8xf32> -> tensor<?x8xf32>
  %a = swallow.attention %qr, %batch, %kv[%i] scale 5.0e-01 : tensor<?x8xf32>, !kv -> tensor<?x8xf32>
  %wa = swallow.load_weight @deep.a[%i] : tensor<8x8xbf16>
  %r = swallow.linear %a, %wa : tensor<?x8xf32>, tensor<8x8xbf16> -> tensor<?x8xf32>
  return %r : tensor<?x8xf32>
}

// -----

// The op stands where the append stood, after what came before it.

!kv = !swallow.kv<layers = 2, heads = 1, head_dim = 4, element = f32>
swallow.weight @q from ["q"] rows [4] : tensor<4x8xf32>
swallow.weight @k from ["k"] rows [4] : tensor<4x8xf32>
swallow.weight @v from ["v"] rows [4] : tensor<4x8xf32>

// CHECK-LABEL: func.func @keeps_order
// CHECK:         %[[OLD:.*]] = swallow.attention %{{.*}}, %{{.*}}, %{{.*}}[%{{.*}}]
// CHECK:         %[[NEW:.*]] = swallow.fused_qkv
// CHECK:         swallow.attention %[[NEW]]
func.func @keeps_order(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x4xf32> {
  %wq = swallow.load_weight @q : tensor<4x8xf32>
  %wk = swallow.load_weight @k : tensor<4x8xf32>
  %wv = swallow.load_weight @v : tensor<4x8xf32>
  %q = swallow.linear %x, %wq : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k = swallow.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = swallow.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = swallow.rope %q, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %kr = swallow.rope %k, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %old = swallow.attention %y, %batch, %kv[%i] scale 5.0e-01 : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%i] : tensor<?x4xf32>, !kv
  %new = swallow.attention %qr, %batch, %kv[%i] scale 5.0e-01 : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  %r = swallow.add %old, %new : tensor<?x4xf32>
  return %r : tensor<?x4xf32>
}

// -----

// Left alone: an attention reads the query before the append.

!kv = !swallow.kv<layers = 2, heads = 1, head_dim = 4, element = f32>
swallow.weight @q from ["q"] rows [4] : tensor<4x8xf32>
swallow.weight @k from ["k"] rows [4] : tensor<4x8xf32>
swallow.weight @v from ["v"] rows [4] : tensor<4x8xf32>

// CHECK-LABEL: func.func @query_used_before
// CHECK-NOT:     swallow.fused_qkv
// CHECK:         return
func.func @query_used_before(%x: tensor<?x8xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x4xf32> {
  %wq = swallow.load_weight @q : tensor<4x8xf32>
  %wk = swallow.load_weight @k : tensor<4x8xf32>
  %wv = swallow.load_weight @v : tensor<4x8xf32>
  %q = swallow.linear %x, %wq : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k = swallow.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = swallow.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = swallow.rope %q, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %kr = swallow.rope %k, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %a = swallow.attention %qr, %batch, %kv[%i] scale 5.0e-01 : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%i] : tensor<?x4xf32>, !kv
  return %a : tensor<?x4xf32>
}

// -----

// Left alone: only the query has a bias.

!kv = !swallow.kv<layers = 2, heads = 1, head_dim = 4, element = f32>
swallow.weight @q from ["q"] rows [4] : tensor<4x8xf32>
swallow.weight @q.bias from ["qb"] rows [4] : tensor<4xf32>
swallow.weight @k from ["k"] rows [4] : tensor<4x8xf32>
swallow.weight @v from ["v"] rows [4] : tensor<4x8xf32>

// CHECK-LABEL: func.func @one_bias
// CHECK-NOT:     swallow.fused_qkv
// CHECK:         return
func.func @one_bias(%x: tensor<?x8xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x4xf32> {
  %wq = swallow.load_weight @q : tensor<4x8xf32>
  %bq = swallow.load_weight @q.bias : tensor<4xf32>
  %wk = swallow.load_weight @k : tensor<4x8xf32>
  %wv = swallow.load_weight @v : tensor<4x8xf32>
  %q = swallow.linear %x, %wq bias %bq : tensor<4xf32> : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k = swallow.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = swallow.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = swallow.rope %q, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %kr = swallow.rope %k, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%i] : tensor<?x4xf32>, !kv
  %a = swallow.attention %qr, %batch, %kv[%i] scale 5.0e-01 : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  return %a : tensor<?x4xf32>
}

// -----

// Left alone: the ropes differ.

!kv = !swallow.kv<layers = 2, heads = 1, head_dim = 4, element = f32>
swallow.weight @q from ["q"] rows [4] : tensor<4x8xf32>
swallow.weight @k from ["k"] rows [4] : tensor<4x8xf32>
swallow.weight @v from ["v"] rows [4] : tensor<4x8xf32>

// CHECK-LABEL: func.func @ropes_differ
// CHECK-NOT:     swallow.fused_qkv
// CHECK:         return
func.func @ropes_differ(%x: tensor<?x8xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x4xf32> {
  %wq = swallow.load_weight @q : tensor<4x8xf32>
  %wk = swallow.load_weight @k : tensor<4x8xf32>
  %wv = swallow.load_weight @v : tensor<4x8xf32>
  %q = swallow.linear %x, %wq : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k = swallow.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = swallow.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = swallow.rope %q, %batch head_dim 4 <theta = 5.0e+05 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %kr = swallow.rope %k, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%i] : tensor<?x4xf32>, !kv
  %a = swallow.attention %qr, %batch, %kv[%i] scale 5.0e-01 : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  return %a : tensor<?x4xf32>
}

// -----

// Left alone: the key is also returned, the heads of the ropes are not those of
// the KV memory, the projections have different inputs, or a weight is used
// elsewhere and would be stored twice.

!kv = !swallow.kv<layers = 2, heads = 1, head_dim = 4, element = f32>
swallow.weight @q from ["q"] rows [4] : tensor<4x8xf32>
swallow.weight @k from ["k"] rows [4] : tensor<4x8xf32>
swallow.weight @v from ["v"] rows [4] : tensor<4x8xf32>

// CHECK-LABEL: func.func @key_used_twice
// CHECK-NOT:     swallow.fused_qkv
// CHECK:         swallow.kv_append
func.func @key_used_twice(%x: tensor<?x8xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %wq = swallow.load_weight @q : tensor<4x8xf32>
  %wk = swallow.load_weight @k : tensor<4x8xf32>
  %wv = swallow.load_weight @v : tensor<4x8xf32>
  %q = swallow.linear %x, %wq : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k = swallow.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = swallow.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = swallow.rope %q, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %kr = swallow.rope %k, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%i] : tensor<?x4xf32>, !kv
  %a = swallow.attention %qr, %batch, %kv[%i] scale 5.0e-01 : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  return %a, %kr : tensor<?x4xf32>, tensor<?x4xf32>
}

swallow.weight @q2 from ["q2"] rows [4] : tensor<4x8xf32>
swallow.weight @k2 from ["k2"] rows [4] : tensor<4x8xf32>
swallow.weight @v2 from ["v2"] rows [4] : tensor<4x8xf32>
// CHECK-LABEL: func.func @other_head_dim
// CHECK-NOT:     swallow.fused_qkv
// CHECK:         swallow.kv_append
func.func @other_head_dim(%x: tensor<?x8xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x4xf32> {
  %wq = swallow.load_weight @q2 : tensor<4x8xf32>
  %wk = swallow.load_weight @k2 : tensor<4x8xf32>
  %wv = swallow.load_weight @v2 : tensor<4x8xf32>
  %q = swallow.linear %x, %wq : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k = swallow.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = swallow.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = swallow.rope %q, %batch head_dim 2 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %kr = swallow.rope %k, %batch head_dim 2 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%i] : tensor<?x4xf32>, !kv
  %a = swallow.attention %qr, %batch, %kv[%i] scale 5.0e-01 : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  return %a : tensor<?x4xf32>
}

swallow.weight @q3 from ["q3"] rows [4] : tensor<4x8xf32>
swallow.weight @k3 from ["k3"] rows [4] : tensor<4x8xf32>
swallow.weight @v3 from ["v3"] rows [4] : tensor<4x8xf32>
// CHECK-LABEL: func.func @other_input
// CHECK-NOT:     swallow.fused_qkv
// CHECK:         swallow.kv_append
func.func @other_input(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x4xf32> {
  %wq = swallow.load_weight @q3 : tensor<4x8xf32>
  %wk = swallow.load_weight @k3 : tensor<4x8xf32>
  %wv = swallow.load_weight @v3 : tensor<4x8xf32>
  %q = swallow.linear %x, %wq : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k = swallow.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = swallow.linear %y, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = swallow.rope %q, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %kr = swallow.rope %k, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%i] : tensor<?x4xf32>, !kv
  %a = swallow.attention %qr, %batch, %kv[%i] scale 5.0e-01 : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  return %a : tensor<?x4xf32>
}

swallow.weight @q4 from ["q4"] rows [4] : tensor<4x8xf32>
swallow.weight @shared from ["k4"] rows [4] : tensor<4x8xf32>
// CHECK-LABEL: func.func @shared_weight
// CHECK-NOT:     swallow.fused_qkv
// CHECK:         swallow.kv_append
func.func @shared_weight(%x: tensor<?x8xf32>, %i: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x4xf32> {
  %wq = swallow.load_weight @q4 : tensor<4x8xf32>
  %wk = swallow.load_weight @shared : tensor<4x8xf32>
  %wv = swallow.load_weight @shared : tensor<4x8xf32>
  %q = swallow.linear %x, %wq : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %k = swallow.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %v = swallow.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %qr = swallow.rope %q, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  %kr = swallow.rope %k, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%i] : tensor<?x4xf32>, !kv
  %a = swallow.attention %qr, %batch, %kv[%i] scale 5.0e-01 : tensor<?x4xf32>, !kv -> tensor<?x4xf32>
  return %a : tensor<?x4xf32>
}
