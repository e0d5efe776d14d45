//===- Passes.td - target-independent passes ---------------*- tablegen -*-===//

#ifndef SWALLOW_PASSES_PASSES
#define SWALLOW_PASSES_PASSES

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Fusion
//===----------------------------------------------------------------------===//

def FuseGatedMlpPass : Pass<"swallow-fuse-gated-mlp", "::mlir::ModuleOp"> {
  let summary = "Fuses silu(gate) * up into swallow.gated_mlp";
  let description = [{
    Two `swallow.linear` of one input, one of them through `swallow.silu`, that
    meet in a `swallow.mul` (either operand order) become one
    `swallow.gated_mlp`. Its weight is a new symbol whose sources are those of
    gate and up in this order, so that both products read their input once and
    the result is written once; the old symbols go.

    The intermediate values must have no other use, both weights must be of one
    shape, element type and layer, used nowhere else (they would be stored
    twice), and either both or neither linear has a bias.

    ```mlir
    %g = swallow.linear %x, %gate : tensor<?x8xf32>, tensor<24x8xbf16> -> tensor<?x24xf32>
    %u = swallow.linear %x, %up : tensor<?x8xf32>, tensor<24x8xbf16> -> tensor<?x24xf32>
    %s = swallow.silu %g : tensor<?x24xf32>
    %m = swallow.mul %s, %u : tensor<?x24xf32>
    // becomes
    %w = swallow.load_weight @layers.gate_up_proj[%layer] : tensor<48x8xbf16>
    %m = swallow.gated_mlp %x, %w : tensor<?x8xf32>, tensor<48x8xbf16> -> tensor<?x24xf32>
    ```
  }];
  let dependentDialects = ["::swallow::SwallowDialect"];
}

def FuseLinearPass : Pass<"swallow-fuse-linear", "::mlir::ModuleOp"> {
  let summary = "Turns swallow.linear into swallow.fused_linear with its residual";
  let description = [{
    Every `swallow.linear` becomes a `swallow.fused_linear`. A `swallow.add` of
    such a result, when that is its only use, becomes the residual operand, so
    that the sum is made where the product is written. Which side of the add the
    product stands on does not matter; with products on both sides the left one
    takes the other as its residual.

    Runs after `-swallow-fuse-qkv` and `-swallow-fuse-gated-mlp`, which look for
    `swallow.linear`.
  }];
  let dependentDialects = ["::swallow::SwallowDialect"];
}

def FuseLmHeadPass : Pass<"swallow-fuse-lm-head", "::mlir::ModuleOp"> {
  let summary = "Fuses row selection and the last norm into the LM head";
  let description = [{
    `lm_head(select_rows(rms_norm x))` and `lm_head(rms_norm(select_rows x))`
    become one `swallow.fused_lm_head`, which normalises only the rows that want
    logits. An intermediate value with another use stays, and with it whatever
    produces it; an LM head without a row selection is left alone, since the
    fused op always selects.
  }];
  let dependentDialects = ["::swallow::SwallowDialect"];
}

def FuseNormPass : Pass<"swallow-fuse-norm", "::mlir::ModuleOp"> {
  let summary = "Moves an RMS norm into the fused op that reads it";
  let description = [{
    A `swallow.rms_norm` whose single use is the input of a fused op without a
    norm becomes that op's `norm` and `eps`: the normalised row then need not
    exist in f32, but is rounded to the type of the product's input as it is
    made.
  }];
  let dependentDialects = ["::swallow::SwallowDialect"];
}

def FuseQkvPass : Pass<"swallow-fuse-qkv", "::mlir::ModuleOp"> {
  let summary = "Fuses the Q, K and V projections, RoPE and the KV append";
  let description = [{
    Three `swallow.linear` of one input become one `swallow.fused_qkv` where two
    of them feed a `swallow.kv_append`, the key through a `swallow.rope`, and the
    third feeds a `swallow.rope` that is the query of a `swallow.attention` over
    the same KV memory and layer. The weight is a new symbol whose sources are
    those of q, k and v in this order; the old symbols go.

    The fused op stands where the append stood, since it has the append's effect
    on the KV memory; every use of the query must follow it. The intermediate
    values must have no other use, both ropes must be the same, all weights of
    one element type and layer and used nowhere else, and either all or none of
    the three has a bias. What does not fit is left alone.

    ```mlir
    %q1 = swallow.rope %q0, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x8xf32> -> tensor<?x8xf32>
    %k1 = swallow.rope %k0, %batch head_dim 4 <theta = 1.0e+04 : f64> : tensor<?x4xf32> -> tensor<?x4xf32>
    swallow.kv_append %k1, %v0, %batch, %kv[%layer] : tensor<?x4xf32>, !kv
    // becomes
    %w = swallow.load_weight @layers.qkv_proj[%layer] : tensor<16x8xbf16>
    %q1 = swallow.fused_qkv %x, %w, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x8xf32>, tensor<16x8xbf16>, !kv -> tensor<?x8xf32>
    ```
  }];
  let dependentDialects = ["::swallow::SwallowDialect"];
}

//===----------------------------------------------------------------------===//
// Planning
//===----------------------------------------------------------------------===//

def PlanArenaPass : Pass<"swallow-plan-arena", "::mlir::ModuleOp"> {
  let summary = "Places every activation and workspace of the step in one arena";
  let description = [{
    Follows `@step` through its loops and calls, finds when each activation is
    live, and gives it a slot. Slots are an array of `#swallow.slot` on the
    module, `swallow.arena`; the bytes of the whole are `swallow.arena_size`.
    All are affine in the session's sizes, so that one artifact serves every
    `max_step_tokens` and number of threads. Ops say which slots they use:

    - `swallow.result_slot`: index of the slot of the op's result (also of calls
      and loops), `swallow.result_element`: the element type stored there;
    - `swallow.slot` on a function's argument: the slot it arrives in;
    - `swallow.workspace_slots`: the slots of the op's workspaces, told apart by
      their names.

    A slot with `per_token` bytes is [tokens][row]; a row is the columns times
    the element size, rounded up to 64 bytes. A slot with `per_thread` bytes is
    one private piece per thread. A slot of constant size is there once.

    | name | content | row or piece |
    |---|---|---|
    | `hidden` | the residual stream | f32 |
    | `query` | rotated queries | f32 |
    | `attention` | attention result | input type |
    | `mlp` | silu(gate) * up | input type |
    | `norm` | input of a product, normalised and rounded or quantised | input type, or dialects/swallow/ProductRows.h |
    | `rope` | head_dim / 2 cosines, head_dim / 2 sines of the row's position | f32 |
    | `row_scratch` | 8 rows of the widest `norm` input, or 24 quantised ones | f32 or quantised |
    | `tile_scratch` | products of up to four blocks, 128 x 4 x 64, or 512 x 4 x 64 where weights are unpacked | f32 |
    | `panel_scratch` | an unpacked weight panel, 512 x 64 | f32 |
    | `sum_scratch` | a tile of integer products, 32 x 64 | i32 |
    | `attention_scratch` | queries and outputs of a tile of rows, scores and weights of 8 x 128; with tiles of 32 x 128, and 128 keys and values as pairs of bf16 | f32 |
    | `attention_partials` | up to 8 rows x heads x splits of the keys: output, maximum and sum; on a GPU dialects/swallow/SplitAttention.h | f32 |
    | `attention_tickets` | on a GPU: splits of a row and its heads that are done | i32 |

    A second slot of a name has a suffix (`query_1`). Other results are named
    after their op.

    Values that flow through a loop or a call stay in one slot. A
    `swallow.fused_linear` writes onto its residual when nothing reads that
    later. If a loop carries a value that cannot be updated in place this way,
    the pass fails. The RoPE table is written by the embedding and lives until
    the last layer. Slots whose lifetimes do not overlap share their bytes: two
    ops that follow each other must therefore be separated by a barrier. Pieces
    of threads share nothing.

    The input type is the element type in which inputs of matrix products are
    stored: that of the weight, f32, or with option bf16 that of a bf16 weight
    and f32 of any other. An attention or gated MLP
    result is stored in it when all that read it are products.

    Requires the fused ops; ops with regions other than `scf.for` are refused.
  }];
  let options = [
    Option<"inputType", "input-type", "std::string", "\"\"",
           "Element type in which inputs of products are stored: f32; bf16, of "
           "products with bf16 weights (f32 of others); default: the weight's">,
    Option<"integerSums", "integer-sums", "std::string", "\"dots\"",
           "How products with quantised weights are summed in integers: dots, "
           "of four bytes, for which many rows are quantised as the weight's "
           "attribute says; words, of 16 bits, for which they are quantised in "
           "groups wherever it allows bytes; few-words, words of few rows "
           "only, since many are not quantised">,
    Option<"tiles", "tiles", "bool", "false",
           "Whether many rows in bf16 are laid in tile order">,
    Option<"scratch", "scratch", "bool", "true",
           "Whether kernels have their scratch in the arena, as those of x86-64 "
           "do; those of a GPU have it in registers and shared memory, beside "
           "what blocks leave for each other">
  ];
  let dependentDialects = ["::swallow::SwallowDialect"];
}

def PlanKvPass : Pass<"swallow-plan-kv", "::mlir::ModuleOp"> {
  let summary = "Fixes how keys and values lie in memory";
  let description = [{
    Sets `swallow.kv_layout` on every function argument of type `!swallow.kv`:
    blocks of 32 tokens (runtime/packing/KvLayout.h) in the element of the type,
    which a session may replace by another, and for a sliding window w a ring of w - 1 positions
    (plus max_step_tokens, added when a session opens, so that a chunk never
    overwrites keys that its own queries need).

    ```mlir
    func.func @step(%batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 4, element = bf16, window = 17>
        {swallow.kv_layout = #swallow.kv_layout<block_tokens = 32, block_bytes = 1280, ring = true, ring_positions = 16>})
    ```
  }];
  let dependentDialects = ["::swallow::SwallowDialect"];
}

def PlanWeightsPass : Pass<"swallow-plan-weights", "::mlir::ModuleOp"> {
  let summary = "Chooses the packing of each weight and its place in the artifact";
  let description = [{
    Sets `packing`, `offset` and, for weights of every layer, `layer_stride` of
    each `swallow.weight` from the way it is used:

    - the matrix of a `swallow.fused_qkv` starts a block at each head;
    - the matrix of a `swallow.gated_mlp` alternates blocks of gate and up, so
      that one kernel meets both features of a column;
    - any other matrix is packed from its first row; so is an embedding table
      that is also an LM head;
    - norms and embedding tables that are only looked up lie row-major;
    - a bias is packed like its matrix, so that packed columns index it.

    `k_group` is 2 for bf16, 1 for f32, the group of a quantised weight, which
    is packed in blocks also where it is only looked up. `n_block` is the largest of 64, 48, 32
    and 16 that pads what must start at a block (a head, a source) by at most
    1/16, else the one that pads least.

    In the weights segment the weights without layers come first in module
    order; then, layer after layer, all weights of one layer lie together, so
    that a layer is one stretch of memory. Every tensor and layer starts at a
    multiple of 64 bytes; the segment's bytes are the module's
    `swallow.weights_size`.

    Requires the fused ops. A weight used in two ways that need different
    packings is an error.
  }];
  let dependentDialects = ["::swallow::SwallowDialect"];
}

def QuantizeWeightsPass : Pass<"swallow-quantize-weights", "::mlir::ModuleOp"> {
  let summary = "Chooses how the matrices of each class are quantised";
  let description = [{
    Sets `quant` of the matrices of the fused ops by the class that follows from
    their use, and makes them and what loads them f32, which is what a quantised
    weight stands for:

    - `attention`: the matrix of a `swallow.fused_qkv`, and that of a
      `swallow.fused_linear` whose input is a `swallow.attention`;
    - `mlp`: the matrix of a `swallow.gated_mlp` and of any other
      `swallow.fused_linear`;
    - `head`: the matrix of a `swallow.fused_lm_head`, also where it is the
      embedding table as well;
    - `embedding`: a table that is only looked up.

    Norms and biases stay as they are. Requires the fused ops.

    ```mlir
    swallow.weight @embed_tokens from ["model.embed_tokens.weight"] rows [900] : tensor<900x128xbf16>
    // becomes, with embedding=6
    swallow.weight @embed_tokens from ["model.embed_tokens.weight"] rows [900] : tensor<900x128xf32> {quant = #swallow.quant<bits = 6, group = 16, inputs = i8>}
    ```
  }];
  let options = [
    Option<"attention", "attention", "int64_t", "0",
           "Bits of codes of attention projections: 4, 6, 8, or 0: not quantised">,
    Option<"mlp", "mlp", "int64_t", "0",
           "Bits of codes of MLP projections: 4, 6, 8 or 0">,
    Option<"head", "head", "int64_t", "0",
           "Bits of codes of the LM head: 4, 6, 8 or 0">,
    Option<"embedding", "embedding", "int64_t", "0",
           "Bits of codes of an embedding table of its own: 4, 6, 8 or 0">,
    Option<"inputs", "inputs", "std::string", "\"\"",
           "What products of many rows may round their inputs to: i8, groups "
           "or bf16 (default: groups for codes of 8 bits, i8 for others)">
  ];
  let dependentDialects = ["::swallow::SwallowDialect"];
}

#endif // SWALLOW_PASSES_PASSES
