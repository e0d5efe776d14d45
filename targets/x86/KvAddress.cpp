//===- KvAddress.cpp - where keys and values lie --------------------------===//

#include "targets/x86/KvAddress.h"

#include "runtime/abi/StepAbi.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

KvGeometry::KvGeometry(KvType kv)
    : heads(kv.getHeads()), headDim(kv.getHeadDim()), window(kv.getWindow()),
      blockTokens(SWALLOW_KV_BLOCK_TOKENS),
      element(kv.getElement().isBF16() ? Element::BF16 : Element::F32) {}

Value KvGeometry::blockBase(KernelFrame &frame, Value sequence,
                            Value block) const {
  KernelBuilder &k = frame.k;
  Value stride = frame.integer(Arg::BlockTableStride);
  Value entry = k.add(k.mul(sequence, stride), k.rem(block, stride));
  Value id = frame.element(Arg::BlockTables, entry);
  Value bytes = k.add(k.mul(frame.layer, frame.integer(Arg::KvLayerStride)),
                      k.mul(id, blockBytes()));
  return k.offset(frame.pointer(Arg::Kv), bytes);
}
