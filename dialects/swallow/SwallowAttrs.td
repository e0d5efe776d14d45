//===- SwallowAttrs.td - attributes of the swallow dialect -*- tablegen -*-===//

#ifndef SWALLOW_DIALECTS_SWALLOW_ATTRS
#define SWALLOW_DIALECTS_SWALLOW_ATTRS

include "SwallowBase.td"
include "mlir/IR/AttrTypeBase.td"

class Swallow_Attr<string name, string attrMnemonic>
    : AttrDef<Swallow_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Swallow_Llama3ScalingAttr : Swallow_Attr<"Llama3Scaling", "llama3_scaling"> {
  let summary = "RoPE scaling of rope_type llama3";
  let description = [{
    Frequencies whose wavelength exceeds original_max_position / low_freq_factor
    are divided by `factor`, those shorter than original_max_position /
    high_freq_factor are kept, those between are interpolated
    (transformers, modeling_rope_utils.py, _compute_llama3_parameters).
  }];
  let parameters = (ins "::mlir::FloatAttr":$factor,
                        "::mlir::FloatAttr":$low_freq_factor,
                        "::mlir::FloatAttr":$high_freq_factor,
                        "int64_t":$original_max_position);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Swallow_RopeAttr : Swallow_Attr<"Rope", "rope"> {
  let summary = "rotary position embedding";
  let description = [{
    Pairs (x[i], x[i + d/2]) of a head of size d are rotated by position *
    theta^(-2i/d), the frequencies scaled when `scaling` is given, or divided by
    `linear_factor`.

    ```mlir
    #swallow.rope<theta = 1.0e+04 : f64>
    ```
  }];
  let parameters = (ins "::mlir::FloatAttr":$theta,
                        OptionalParameter<"Llama3ScalingAttr">:$scaling,
                        OptionalParameter<"::mlir::FloatAttr">:$linear_factor);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Swallow_PackingAttr : Swallow_Attr<"Packing", "packing"> {
  let summary = "how a weight lies in the artifact";
  let description = [{
    The block shape of runtime/packing/PackedLayout.h: blocks of `n_block`
    output features (0: plain row-major), `k_group` consecutive inputs together,
    each `row_unit` output features of a source (0: all) starting at a block,
    sources alternating block by block when `interleave` is set.

    ```mlir
    #swallow.packing<n_block = 64, k_group = 2, row_unit = 128, interleave = false>
    ```
  }];
  let parameters = (ins "int64_t":$n_block, "int64_t":$k_group,
                        "int64_t":$row_unit, "bool":$interleave);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Swallow_QuantAttr : Swallow_Attr<"Quant", "quant"> {
  let summary = "how the values of a weight are quantised";
  let description = [{
    Codes of `bits` bits (4, 6 or 8), `group` consecutive inputs of an output
    feature sharing a scale of one byte, as runtime/packing/QuantFormat.h
    defines them. `inputs` is what products of many rows may round their inputs
    to: i8, one scale for 256 of them; vector<32xi8>, one scale for 32, as in
    steps of few rows, or bf16 where that is as fast; or bf16.

    ```mlir
    #swallow.quant<bits = 4, group = 16, inputs = i8>
    ```
  }];
  let parameters = (ins "int64_t":$bits, "int64_t":$group,
                        "::mlir::Type":$inputs);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The element of the packed layout.
    ::swallow::PackedElement getElement() const;
  }];
}

def Swallow_AffineAttr : Swallow_Attr<"Affine", "affine"> {
  let summary = "bytes as an affine function of the session's sizes";
  let description = [{
    constant + per_token * tokens + per_thread * threads + per_sequence *
    sequences, where tokens is max_step_tokens rounded up to a tile of 32 rows.

    ```mlir
    #swallow.affine<constant = 0, per_token = 512, per_thread = 0, per_sequence = 0>
    ```
  }];
  let parameters = (ins "int64_t":$constant, "int64_t":$per_token,
                        "int64_t":$per_thread, "int64_t":$per_sequence);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Swallow_SlotAttr : Swallow_Attr<"Slot", "slot"> {
  let summary = "a slot of the activation arena";
  let description = [{
    Slots whose lifetimes do not overlap may share bytes.

    ```mlir
    #swallow.slot<name = "hidden", offset = #swallow.affine<...>, size = #swallow.affine<...>>
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "AffineAttr":$offset,
                        "AffineAttr":$size);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Swallow_KvLayoutAttr : Swallow_Attr<"KvLayout", "kv_layout"> {
  let summary = "how keys and values lie in memory";
  let description = [{
    Blocks of `block_tokens` positions, laid out as runtime/packing/KvLayout.h
    says, `block_bytes` bytes per layer in the KV element type. A session may
    choose another element; its blocks have other sizes. With `ring`, a sequence's block table is a ring of `ring_positions` +
    max_step_tokens positions, rounded up to blocks, so that a chunk never
    overwrites keys that its own queries need.
  }];
  let parameters = (ins "int64_t":$block_tokens, "int64_t":$block_bytes,
                        "bool":$ring, "int64_t":$ring_positions);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif // SWALLOW_DIALECTS_SWALLOW_ATTRS
