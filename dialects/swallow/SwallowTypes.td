//===- SwallowTypes.td - types of the swallow dialect ------*- tablegen -*-===//

#ifndef SWALLOW_DIALECTS_SWALLOW_TYPES
#define SWALLOW_DIALECTS_SWALLOW_TYPES

include "SwallowBase.td"
include "mlir/IR/AttrTypeBase.td"

class Swallow_Type<string name, string typeMnemonic>
    : TypeDef<Swallow_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Swallow_BatchType : Swallow_Type<"Batch", "batch"> {
  let summary = "a ragged batch of tokens";
  let description = [{
    The input of a step: n token ids, for each its position and its sequence,
    the block tables of the sequences, and the list of rows that want logits.
    Adjacent rows need not belong to one sequence.
  }];
}

def Swallow_KvType : Swallow_Type<"Kv", "kv"> {
  let summary = "the key/value memory of all sequences";
  let description = [{
    `layers` x `heads` (KV heads) of keys and values of `headDim` elements.
    With a `window` w, a query at position i sees the keys j with
    0 <= i - j < w; without one (0) it sees all j <= i.

    ```mlir
    !swallow.kv<layers = 32, heads = 8, head_dim = 128, element = bf16, window = 4096>
    ```
  }];
  let parameters = (ins "int64_t":$layers, "int64_t":$heads,
                        "int64_t":$headDim, "::mlir::Type":$element,
                        DefaultValuedParameter<"int64_t", "0">:$window);
  let assemblyFormat = [{
    `<` `layers` `=` $layers `,` `heads` `=` $heads `,` `head_dim` `=` $headDim
    `,` `element` `=` $element (`,` `window` `=` $window^)? `>`
  }];
  let genVerifyDecl = 1;
}

#endif // SWALLOW_DIALECTS_SWALLOW_TYPES
