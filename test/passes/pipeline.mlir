// RUN: swallow-opt --swallow-fuse %s | FileCheck %s --check-prefix=FUSED
// RUN: swallow-opt --swallow-fuse --swallow-plan %s | FileCheck %s --check-prefix=PLANNED
// RUN: swallow-opt --swallow-fuse --swallow-plan %s > %t.once
// RUN: swallow-opt --swallow-plan %t.once | diff %t.once -

// A whole model as the importer writes it: three layers, GQA with biases, a
// sliding window, tied embeddings. The plan of a plan is the same plan.

// PLANNED:      #swallow.slot<name = "hidden",
// PLANNED-SAME: #swallow.slot<name = "query",
// PLANNED-SAME: #swallow.slot<name = "attention",
// PLANNED-SAME: #swallow.slot<name = "mlp",
// PLANNED-SAME: #swallow.slot<name = "rope",
// PLANNED-SAME: #swallow.slot<name = "norm",
// PLANNED-SAME: #swallow.slot<name = "row_scratch",
// PLANNED-SAME: #swallow.slot<name = "tile_scratch",
// PLANNED-SAME: #swallow.slot<name = "panel_scratch",
// PLANNED-SAME: #swallow.slot<name = "attention_scratch",
// PLANNED-SAME: #swallow.slot<name = "attention_partials",
// PLANNED-SAME: swallow.arena_size = #swallow.affine<constant = 131072, per_token = 1152, per_thread = 281664, per_sequence = 0>

// The tied table is packed as the LM head.
// PLANNED: swallow.weight @embed_tokens {{.*}} {offset = 0 : i64, packing = #swallow.packing<n_block = 48, k_group = 2, row_unit = 0, interleave = false>}
// PLANNED: swallow.weight @layers.qkv_proj {{.*}} packing = #swallow.packing<n_block = 16, k_group = 2, row_unit = 16, interleave = false>}
// PLANNED: swallow.weight @layers.qkv_proj.bias {{.*}} packing = #swallow.packing<n_block = 16, k_group = 1, row_unit = 16, interleave = false>}
// PLANNED: swallow.weight @layers.gate_up_proj {{.*}} packing = #swallow.packing<n_block = 48, k_group = 2, row_unit = 0, interleave = true>}

// PLANNED-LABEL: func.func private @decoder_layer
// PLANNED-SAME:    tensor<?x64xf32> {swallow.slot = 0 : i64}
// PLANNED-SAME:    {swallow.kv_layout = #swallow.kv_layout<block_tokens = 32, block_bytes = 4096, ring = true, ring_positions = 16>}
// PLANNED:         swallow.fused_qkv {{.*}}swallow.result_slot = 1 : i64
// PLANNED:         swallow.attention {{.*}}swallow.result_slot = 2 : i64
// PLANNED:         swallow.fused_linear {{.*}}swallow.result_slot = 0 : i64
// PLANNED:         swallow.gated_mlp {{.*}}swallow.result_slot = 3 : i64
// PLANNED:         swallow.fused_linear {{.*}}swallow.result_slot = 0 : i64
// PLANNED-LABEL: func.func @step
// PLANNED:         swallow.embedding {{.*}}swallow.result_slot = 0 : i64
// PLANNED:         scf.for
// PLANNED:         swallow.fused_lm_head

!kv = !swallow.kv<layers = 3, heads = 2, head_dim = 16, element = bf16, window = 17>

swallow.weight @embed_tokens from ["model.embed_tokens.weight"] rows [777] : tensor<777x64xbf16>
swallow.weight @norm from ["model.norm.weight"] rows [64] : tensor<64xf32>
swallow.weight @layers.input_layernorm from ["model.layers.{layer}.input_layernorm.weight"] rows [64] layers 3 : tensor<64xf32>
swallow.weight @layers.q_proj from ["model.layers.{layer}.self_attn.q_proj.weight"] rows [64] layers 3 : tensor<64x64xbf16>
swallow.weight @layers.q_proj.bias from ["model.layers.{layer}.self_attn.q_proj.bias"] rows [64] layers 3 : tensor<64xf32>
swallow.weight @layers.k_proj from ["model.layers.{layer}.self_attn.k_proj.weight"] rows [32] layers 3 : tensor<32x64xbf16>
swallow.weight @layers.k_proj.bias from ["model.layers.{layer}.self_attn.k_proj.bias"] rows [32] layers 3 : tensor<32xf32>
swallow.weight @layers.v_proj from ["model.layers.{layer}.self_attn.v_proj.weight"] rows [32] layers 3 : tensor<32x64xbf16>
swallow.weight @layers.v_proj.bias from ["model.layers.{layer}.self_attn.v_proj.bias"] rows [32] layers 3 : tensor<32xf32>
swallow.weight @layers.o_proj from ["model.layers.{layer}.self_attn.o_proj.weight"] rows [64] layers 3 : tensor<64x64xbf16>
swallow.weight @layers.post_attention_layernorm from ["model.layers.{layer}.post_attention_layernorm.weight"] rows [64] layers 3 : tensor<64xf32>
swallow.weight @layers.gate_proj from ["model.layers.{layer}.mlp.gate_proj.weight"] rows [333] layers 3 : tensor<333x64xbf16>
swallow.weight @layers.up_proj from ["model.layers.{layer}.mlp.up_proj.weight"] rows [333] layers 3 : tensor<333x64xbf16>
swallow.weight @layers.down_proj from ["model.layers.{layer}.mlp.down_proj.weight"] rows [64] layers 3 : tensor<64x333xbf16>

// FUSED-LABEL: func.func private @decoder_layer
// FUSED-SAME:    (%[[HIDDEN:.*]]: tensor<?x64xf32>, %[[LAYER:.*]]: index, %[[BATCH:.*]]: !swallow.batch, %[[KV:.*]]: !swallow.kv
// FUSED-NOT:     swallow.linear
// FUSED-NOT:     swallow.rms_norm
// FUSED:         %[[Q:.*]] = swallow.fused_qkv %[[HIDDEN]], %{{.*}} norm %{{.*}} bias %{{.*}}, %[[BATCH]], %[[KV]][%[[LAYER]]]
// FUSED-NEXT:    %[[A:.*]] = swallow.attention %[[Q]]
// FUSED-NEXT:    %[[O:.*]] = swallow.fused_linear %[[A]], %{{.*}} residual %[[HIDDEN]]
// FUSED:         %[[M:.*]] = swallow.gated_mlp %[[O]], %{{.*}} norm
// FUSED-NEXT:    %[[D:.*]] = swallow.fused_linear %[[M]], %{{.*}} residual %[[O]]
// FUSED-NEXT:    return %[[D]]
func.func private @decoder_layer(%hidden: tensor<?x64xf32>, %layer: index, %batch: !swallow.batch, %kv: !kv) -> tensor<?x64xf32> {
  %wn = swallow.load_weight @layers.input_layernorm[%layer] : tensor<64xf32>
  %wq = swallow.load_weight @layers.q_proj[%layer] : tensor<64x64xbf16>
  %bq = swallow.load_weight @layers.q_proj.bias[%layer] : tensor<64xf32>
  %wk = swallow.load_weight @layers.k_proj[%layer] : tensor<32x64xbf16>
  %bk = swallow.load_weight @layers.k_proj.bias[%layer] : tensor<32xf32>
  %wv = swallow.load_weight @layers.v_proj[%layer] : tensor<32x64xbf16>
  %bv = swallow.load_weight @layers.v_proj.bias[%layer] : tensor<32xf32>
  %wo = swallow.load_weight @layers.o_proj[%layer] : tensor<64x64xbf16>
  %wp = swallow.load_weight @layers.post_attention_layernorm[%layer] : tensor<64xf32>
  %wg = swallow.load_weight @layers.gate_proj[%layer] : tensor<333x64xbf16>
  %wu = swallow.load_weight @layers.up_proj[%layer] : tensor<333x64xbf16>
  %wd = swallow.load_weight @layers.down_proj[%layer] : tensor<64x333xbf16>
  %x = swallow.rms_norm %hidden, %wn eps 1.0e-05 : tensor<?x64xf32>, tensor<64xf32> -> tensor<?x64xf32>
  %q = swallow.linear %x, %wq bias %bq : tensor<64xf32> : tensor<?x64xf32>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %k = swallow.linear %x, %wk bias %bk : tensor<32xf32> : tensor<?x64xf32>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %v = swallow.linear %x, %wv bias %bv : tensor<32xf32> : tensor<?x64xf32>, tensor<32x64xbf16> -> tensor<?x32xf32>
  %qr = swallow.rope %q, %batch head_dim 16 <theta = 1.0e+04 : f64> : tensor<?x64xf32> -> tensor<?x64xf32>
  %kr = swallow.rope %k, %batch head_dim 16 <theta = 1.0e+04 : f64> : tensor<?x32xf32> -> tensor<?x32xf32>
  swallow.kv_append %kr, %v, %batch, %kv[%layer] : tensor<?x32xf32>, !kv
  %a = swallow.attention %qr, %batch, %kv[%layer] scale 2.5e-01 : tensor<?x64xf32>, !kv -> tensor<?x64xf32>
  %o = swallow.linear %a, %wo : tensor<?x64xf32>, tensor<64x64xbf16> -> tensor<?x64xf32>
  %h = swallow.add %hidden, %o : tensor<?x64xf32>
  %y = swallow.rms_norm %h, %wp eps 1.0e-05 : tensor<?x64xf32>, tensor<64xf32> -> tensor<?x64xf32>
  %g = swallow.linear %y, %wg : tensor<?x64xf32>, tensor<333x64xbf16> -> tensor<?x333xf32>
  %u = swallow.linear %y, %wu : tensor<?x64xf32>, tensor<333x64xbf16> -> tensor<?x333xf32>
  %s = swallow.silu %g : tensor<?x333xf32>
  %m = swallow.mul %s, %u : tensor<?x333xf32>
  %d = swallow.linear %m, %wd : tensor<?x333xf32>, tensor<64x333xbf16> -> tensor<?x64xf32>
  %r = swallow.add %h, %d : tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// FUSED-LABEL: func.func @step
// FUSED:         %[[E:.*]] = swallow.embedding
// FUSED:         %[[H:.*]] = scf.for
// FUSED:         %[[L:.*]] = swallow.fused_lm_head %[[H]], %{{.*}}, %{{.*}} norm
// FUSED-NEXT:    return %[[L]]
func.func @step(%batch: !swallow.batch, %kv: !kv) -> tensor<?x777xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %table = swallow.load_weight @embed_tokens : tensor<777x64xbf16>
  %e = swallow.embedding %batch, %table : tensor<777x64xbf16> -> tensor<?x64xf32>
  %h = scf.for %layer = %c0 to %c3 step %c1 iter_args(%x = %e) -> (tensor<?x64xf32>) {
    %y = func.call @decoder_layer(%x, %layer, %batch, %kv) : (tensor<?x64xf32>, index, !swallow.batch, !kv) -> tensor<?x64xf32>
    scf.yield %y : tensor<?x64xf32>
  }
  %wn = swallow.load_weight @norm : tensor<64xf32>
  %n = swallow.rms_norm %h, %wn eps 1.0e-05 : tensor<?x64xf32>, tensor<64xf32> -> tensor<?x64xf32>
  %s = swallow.select_rows %n, %batch : tensor<?x64xf32>
  %l = swallow.lm_head %s, %table : tensor<?x64xf32>, tensor<777x64xbf16> -> tensor<?x777xf32>
  return %l : tensor<?x777xf32>
}
