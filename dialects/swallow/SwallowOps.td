//===- SwallowOps.td - ops of the swallow dialect ----------*- tablegen -*-===//

#ifndef SWALLOW_DIALECTS_SWALLOW_OPS
#define SWALLOW_DIALECTS_SWALLOW_OPS

include "SwallowAttrs.td"
include "SwallowBase.td"
include "SwallowTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Swallow_KvResource : Resource<"::swallow::KvResource">;

def Swallow_Activation
    : Type<And<[RankedTensorOf<[F32]>.predicate,
        CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getRank() == 2">,
        CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).isDynamicDim(0)">,
        CPred<"!::llvm::cast<::mlir::RankedTensorType>($_self).isDynamicDim(1)">]>,
      "activations tensor<?xNxf32>", "::mlir::RankedTensorType">;

def Swallow_Matrix
    : Type<And<[RankedTensorOf<[F32, BF16, F16]>.predicate,
        CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getRank() == 2">,
        CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).hasStaticShape()">]>,
      "weight matrix (out_features, in_features)", "::mlir::RankedTensorType">;

def Swallow_Vector
    : Type<And<[RankedTensorOf<[F32]>.predicate,
        CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getRank() == 1">,
        CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).hasStaticShape()">]>,
      "f32 vector", "::mlir::RankedTensorType">;

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Swallow_WeightOp : Swallow_Op<"weight", [Symbol]> {
  let summary = "declares a weight and the checkpoint tensors it is made of";
  let description = [{
    `sources` are Hugging Face tensor names; with `layers` n, `{layer}` in them
    stands for 0 .. n-1 and the weight exists once per layer. Several sources are
    concatenated along the output features, `source_rows` of each.

    The type's element is what the artifact stores: conversions from the
    checkpoint's element are rounded to nearest even. `packing`, `offset` and
    `layer_stride` (bytes in the weights segment) are set by
    `-swallow-plan-weights`.

    A weight with `quant` is a matrix of type f32: it stands for the exact values
    of its codes, and inputs of products with it are not rounded by the
    dialect's rules (kernels may quantise them).

    ```mlir
    swallow.weight @layers.o_proj from ["model.layers.{layer}.self_attn.o_proj.weight"]
        rows [128] layers 3 : tensor<128x128xbf16>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       OptionalAttr<StrAttr>:$sym_visibility,
                       StrArrayAttr:$sources, DenseI64ArrayAttr:$source_rows,
                       OptionalAttr<I64Attr>:$layers, TypeAttrOf<AnyRankedTensor>:$type,
                       OptionalAttr<Swallow_QuantAttr>:$quant,
                       OptionalAttr<Swallow_PackingAttr>:$packing,
                       OptionalAttr<I64Attr>:$offset,
                       OptionalAttr<I64Attr>:$layer_stride);
  let assemblyFormat = [{
    $sym_name `from` $sources `rows` $source_rows (`layers` $layers^)? `:` $type
    attr-dict
  }];
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// Source `i` with {layer} replaced.
    std::string getSourceName(unsigned i, int64_t layer);
    /// The packed layout; requires `packing`.
    ::swallow::PackedLayout getPackedLayout();
  }];
  let hasVerifier = 1;
}

def Swallow_LoadWeightOp : Swallow_Op<"load_weight",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a weight as a value";
  let description = [{
    ```mlir
    %w = swallow.load_weight @layers.o_proj[%layer] : tensor<128x128xbf16>
    %e = swallow.load_weight @embed_tokens : tensor<900x128xbf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight, Optional<Index>:$layer);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$weight (`[` $layer^ `]`)? attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Import stage
//===----------------------------------------------------------------------===//

def Swallow_EmbeddingOp : Swallow_Op<"embedding", [Pure]> {
  let summary = "rows of the embedding table for the tokens of the batch";
  let description = [{
    Row r of the result is the table's row of token r, as f32.

    ```mlir
    %x = swallow.embedding %batch, %table : tensor<900x128xbf16> -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Swallow_BatchType:$batch, Swallow_Matrix:$table);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $batch `,` $table attr-dict `:` type($table) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Swallow_RmsNormOp : Swallow_Op<"rms_norm", [Pure]> {
  let summary = "x / sqrt(mean(x^2) + eps) * weight, row by row";
  let description = [{
    The mean is over a row's columns (Zhang and Sennrich, "Root Mean Square
    Layer Normalization", 2019).

    ```mlir
    %n = swallow.rms_norm %x, %w eps 1.0e-05 : tensor<?x128xf32>, tensor<128xf32> -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input, Swallow_Vector:$weight,
                       F64Attr:$eps);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $input `,` $weight `eps` $eps attr-dict `:` type($input) `,` type($weight)
    `->` type($result)
  }];
  let hasVerifier = 1;
}

def Swallow_LinearOp : Swallow_Op<"linear", [Pure]> {
  let summary = "input * weight^T (+ bias)";
  let description = [{
    The input is rounded to the weight's element type, where what is too large
    for f16 becomes its largest number; products accumulate in f32; the bias is
    added in f32.

    ```mlir
    %y = swallow.linear %x, %w bias %b : tensor<64xf32> : tensor<?x128xf32>, tensor<64x128xbf16> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input, Swallow_Matrix:$weight,
                       Optional<Swallow_Vector>:$bias);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^ `:` type($bias))? attr-dict `:`
    type($input) `,` type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Swallow_RopeOp : Swallow_Op<"rope", [Pure]> {
  let summary = "rotates each head of each row by its position";
  let description = [{
    The input is rows of heads of `head_dim` columns. The angle of a pair is the
    row's position times the pair's frequency, in f32.

    ```mlir
    %r = swallow.rope %q, %batch head_dim 32 <theta = 1.0e+04 : f64> : tensor<?x128xf32> -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input, Swallow_BatchType:$batch,
                       Swallow_RopeAttr:$rope, I64Attr:$head_dim);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $input `,` $batch `head_dim` $head_dim $rope attr-dict `:` type($input)
    `->` type($result)
  }];
  let hasVerifier = 1;
}

def Swallow_KvAppendOp : Swallow_Op<"kv_append", [AllTypesMatch<["key", "value"]>]> {
  let summary = "stores the keys and values of the batch's tokens";
  let description = [{
    Row r is stored at the position of row r of the batch in its sequence,
    rounded to the element type of the KV memory.

    ```mlir
    swallow.kv_append %k, %v, %batch, %kv[%layer] : tensor<?x64xf32>, !swallow.kv<layers = 3, heads = 2, head_dim = 32, element = bf16>
    ```
  }];
  let arguments = (ins Swallow_Activation:$key, Swallow_Activation:$value,
                       Swallow_BatchType:$batch,
                       Arg<Swallow_KvType, "", [MemWrite<Swallow_KvResource>]>:$kv,
                       Index:$layer);
  let assemblyFormat = [{
    $key `,` $value `,` $batch `,` $kv `[` $layer `]` attr-dict `:` type($key)
    `,` type($kv)
  }];
  let hasVerifier = 1;
}

def Swallow_AttentionOp : Swallow_Op<"attention"> {
  let summary = "softmax(q k^T * scale) v over the stored keys and values";
  let description = [{
    Query head h of a row reads KV head h / (heads / kv_heads) of the row's
    sequence, positions 0 .. p of the row's position p, the last `window` of
    them when the KV memory has one. The batch's own keys must have been
    appended.

    Where keys and values are bf16 or f16, queries are rounded to that, as inputs
    of `swallow.linear` are, and so are the exponentials as they multiply values;
    their sum is taken before. Where they are int8 both are rounded to bf16.

    ```mlir
    %a = swallow.attention %q, %batch, %kv[%layer] scale 0.125 : tensor<?x128xf32>, !swallow.kv<layers = 3, heads = 2, head_dim = 32, element = bf16> -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$query, Swallow_BatchType:$batch,
                       Arg<Swallow_KvType, "", [MemRead<Swallow_KvResource>]>:$kv,
                       Index:$layer, F64Attr:$scale);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $query `,` $batch `,` $kv `[` $layer `]` `scale` $scale attr-dict `:`
    type($query) `,` type($kv) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Swallow_SiluOp : Swallow_Op<"silu", [Pure, SameOperandsAndResultType]> {
  let summary = "x / (1 + exp(-x))";
  let description = [{
    ```mlir
    %s = swallow.silu %gate : tensor<?x352xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

class Swallow_ElementwiseBinaryOp<string mnemonic>
    : Swallow_Op<mnemonic, [Pure, Commutative, SameOperandsAndResultType]> {
  let arguments = (ins Swallow_Activation:$lhs, Swallow_Activation:$rhs);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Swallow_AddOp : Swallow_ElementwiseBinaryOp<"add"> {
  let summary = "elementwise sum";
  let description = [{
    ```mlir
    %y = swallow.add %x, %residual : tensor<?x128xf32>
    ```
  }];
}

def Swallow_MulOp : Swallow_ElementwiseBinaryOp<"mul"> {
  let summary = "elementwise product";
  let description = [{
    ```mlir
    %y = swallow.mul %gate, %up : tensor<?x352xf32>
    ```
  }];
}

def Swallow_SelectRowsOp : Swallow_Op<"select_rows",
    [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "the rows of the batch that want logits, in their order";
  let description = [{
    ```mlir
    %y = swallow.select_rows %x, %batch : tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input, Swallow_BatchType:$batch);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = "$input `,` $batch attr-dict `:` type($input)";
}

def Swallow_LmHeadOp : Swallow_Op<"lm_head", [Pure]> {
  let summary = "logits: input * weight^T";
  let description = [{
    Like `swallow.linear` without a bias, for the last product of a step, whose
    rows are those that want logits.

    ```mlir
    %logits = swallow.lm_head %x, %w : tensor<?x128xf32>, tensor<900x128xbf16> -> tensor<?x900xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input, Swallow_Matrix:$weight);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $input `,` $weight attr-dict `:` type($input) `,` type($weight) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Fused ops
//===----------------------------------------------------------------------===//

def Swallow_FusedQkvOp : Swallow_Op<"fused_qkv", [AttrSizedOperandSegments]> {
  let summary = "norm, Q/K/V projection, RoPE and KV append";
  let description = [{
    Projects the input, normalised first when `norm` is given, by a weight whose
    sources are q, k and v; rotates the query and key heads; appends keys and
    values; returns the rotated queries. The number of KV heads and the head
    size are those of the KV memory.

    ```mlir
    %q = swallow.fused_qkv %x, %w norm %n : tensor<128xf32> eps 1.0e-05, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x128xf32>, tensor<256x128xbf16>, !swallow.kv<layers = 3, heads = 2, head_dim = 32, element = bf16> -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input, Swallow_Matrix:$weight,
                       Optional<Swallow_Vector>:$norm,
                       Optional<Swallow_Vector>:$bias,
                       Swallow_BatchType:$batch,
                       Arg<Swallow_KvType, "", [MemWrite<Swallow_KvResource>]>:$kv,
                       Index:$layer, OptionalAttr<F64Attr>:$eps,
                       Swallow_RopeAttr:$rope);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $input `,` $weight (`norm` $norm^ `:` type($norm) `eps` $eps)?
    (`bias` $bias^ `:` type($bias))? `,` $batch `,` $kv `[` $layer `]` $rope
    attr-dict `:` type($input) `,` type($weight) `,` type($kv) `->`
    type($result)
  }];
  let hasVerifier = 1;
}

def Swallow_FusedLinearOp : Swallow_Op<"fused_linear", [Pure, AttrSizedOperandSegments]> {
  let summary = "norm, linear, bias and residual in one";
  let description = [{
    residual + (norm(input) * weight^T + bias), each part only where its operand
    is given.

    ```mlir
    %y = swallow.fused_linear %a, %w residual %x : tensor<?x128xf32> : tensor<?x352xf32>, tensor<128x352xbf16> -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input, Swallow_Matrix:$weight,
                       Optional<Swallow_Vector>:$norm,
                       Optional<Swallow_Vector>:$bias,
                       Optional<Swallow_Activation>:$residual,
                       OptionalAttr<F64Attr>:$eps);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $input `,` $weight (`norm` $norm^ `:` type($norm) `eps` $eps)?
    (`bias` $bias^ `:` type($bias))? (`residual` $residual^ `:` type($residual))?
    attr-dict `:` type($input) `,` type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Swallow_GatedMlpOp : Swallow_Op<"gated_mlp", [Pure, AttrSizedOperandSegments]> {
  let summary = "norm, gate and up projection, silu(gate) * up";
  let description = [{
    The weight's sources are gate and up, each with as many output features as
    the result has columns.

    ```mlir
    %m = swallow.gated_mlp %x, %w norm %n : tensor<128xf32> eps 1.0e-05 : tensor<?x128xf32>, tensor<704x128xbf16> -> tensor<?x352xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input, Swallow_Matrix:$weight,
                       Optional<Swallow_Vector>:$norm,
                       Optional<Swallow_Vector>:$bias,
                       OptionalAttr<F64Attr>:$eps);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $input `,` $weight (`norm` $norm^ `:` type($norm) `eps` $eps)?
    (`bias` $bias^ `:` type($bias))? attr-dict `:` type($input) `,`
    type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Swallow_FusedLmHeadOp : Swallow_Op<"fused_lm_head", [Pure]> {
  let summary = "row selection, norm and LM head";
  let description = [{
    The logits of the rows of `input` that want them.

    ```mlir
    %logits = swallow.fused_lm_head %x, %batch, %w norm %n : tensor<128xf32> eps 1.0e-05 : tensor<?x128xf32>, tensor<900x128xbf16> -> tensor<?x900xf32>
    ```
  }];
  let arguments = (ins Swallow_Activation:$input, Swallow_BatchType:$batch,
                       Swallow_Matrix:$weight, Optional<Swallow_Vector>:$norm,
                       OptionalAttr<F64Attr>:$eps);
  let results = (outs Swallow_Activation:$result);
  let assemblyFormat = [{
    $input `,` $batch `,` $weight (`norm` $norm^ `:` type($norm) `eps` $eps)?
    attr-dict `:` type($input) `,` type($weight) `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // SWALLOW_DIALECTS_SWALLOW_OPS
