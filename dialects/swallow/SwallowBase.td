//===- SwallowBase.td - the swallow dialect ----------------*- tablegen -*-===//

#ifndef SWALLOW_DIALECTS_SWALLOW_BASE
#define SWALLOW_DIALECTS_SWALLOW_BASE

include "mlir/IR/OpBase.td"

def Swallow_Dialect : Dialect {
  let name = "swallow";
  let summary = "One step of a Llama- or Mistral-family language model";
  let description = [{
    A module of this dialect is a *step*: the function that takes a ragged
    batch of tokens and returns the logits of the rows that want them. It holds

    - `swallow.weight` symbols, which name tensors of the checkpoint; no weight
      is ever a constant of the IR. A weight of every layer is one symbol, read
      with a layer index, so that the IR does not grow with the depth;
    - one private function per distinct kind of layer;
    - the function `@step`, which embeds the tokens, calls the layer function in
      an `scf.for` over the layers, and computes the logits.

    Activations are `tensor<?xNxf32>`: one row per token of the batch. Keys and
    values live in a `!swallow.kv` handle, which ops read and write as a memory
    resource; they are never a tensor value between ops of different tokens.

    Numbers: every op computes in f32. Ops that multiply by a weight matrix
    round their input to the weight's element type first (round to nearest
    even) and accumulate in f32. Keys and values are rounded to the element
    type of the `!swallow.kv` when they are appended.
  }];
  let cppNamespace = "::swallow";
  let extraClassDeclaration = [{
    void registerTypes();
    void registerAttrs();
  }];
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::scf::SCFDialect"
  ];
}

class Swallow_Op<string mnemonic, list<Trait> traits = []>
    : Op<Swallow_Dialect, mnemonic, traits>;

#endif // SWALLOW_DIALECTS_SWALLOW_BASE
