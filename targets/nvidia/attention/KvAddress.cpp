//===- KvAddress.cpp - where keys and values lie on the GPU ---------------===//

#include "targets/nvidia/attention/KvAddress.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

KvGeometry::KvGeometry(KvType kv, KvElement element)
    : KvBlockLayout{kv.getHeads(), kv.getHeadDim(), element},
      window(kv.getWindow()) {}

Element KvGeometry::factors() const {
  switch (kvFactors(element)) {
  case KvElement::BF16:
    return Element::BF16;
  case KvElement::F16:
    return Element::F16;
  default:
    return Element::F32;
  }
}

Value KvGeometry::headBase(KernelFrame &frame, Value sequence, Value block,
                           Value head) const {
  return headInBlock(frame, blockId(frame, sequence, block), head);
}

Value KvGeometry::blockId(KernelFrame &frame, Value sequence,
                          Value block) const {
  GpuBuilder &k = frame.k;
  Value stride = frame.count(Arg::BlockTableStride);
  // Without a window a table names all blocks of the context: no ring.
  if (window > 0)
    block = k.rem(block, stride);
  Value entry = k.add(k.mul(sequence, stride), block);
  return frame.element(Arg::BlockTables, entry);
}

Value KvGeometry::headInBlock(KernelFrame &frame, Value id, Value head) const {
  GpuBuilder &k = frame.k;
  Value bytes = k.mul(k.toI64(frame.layer), frame.wide(Arg::KvLayerStride));
  bytes = k.add(bytes, k.mul(k.toI64(id), blockBytes()));
  bytes = k.add(bytes, k.mul(k.toI64(head), headBytes()));
  return k.offset(frame.pointer(Arg::Kv), bytes);
}
