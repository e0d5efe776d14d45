//===- KvAddress.cpp - where keys and values lie --------------------------===//

#include "targets/x86/KvAddress.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

KvGeometry::KvGeometry(KvType kv, KvElement element)
    : KvBlockLayout{kv.getHeads(), kv.getHeadDim(), element},
      window(kv.getWindow()) {}

std::string KvGeometry::suffix() const {
  return std::string(kvElementName(element)) + "_" + std::to_string(heads) +
         "x" + std::to_string(headDim);
}

Value KvGeometry::headBase(KernelFrame &frame, Value sequence, Value block,
                           Value head) const {
  KernelBuilder &k = frame.k;
  Value stride = frame.integer(Arg::BlockTableStride);
  // Without a window a table names all blocks of the context: no ring.
  if (window > 0)
    block = k.rem(block, stride);
  Value entry = k.add(k.mul(sequence, stride), block);
  Value id = frame.element(Arg::BlockTables, entry);
  Value bytes = k.add(k.mul(frame.layer, frame.integer(Arg::KvLayerStride)),
                      k.add(k.mul(id, blockBytes()), k.mul(head, headBytes())));
  return k.offset(frame.pointer(Arg::Kv), bytes);
}

void swallow::x86::forKvElement(KernelFrame &frame,
                                function_ref<void(KvElement)> body) {
  KernelBuilder &k = frame.k;
  Value chosen = frame.integer(Arg::KvElement);
  std::function<void(ArrayRef<KvElement>)> choose =
      [&](ArrayRef<KvElement> rest) {
        if (rest.size() == 1)
          return body(rest.front());
        k.ifThenElse(
            k.equal(chosen, k.i64(static_cast<int64_t>(rest.front()))),
            [&] { body(rest.front()); }, [&] { choose(rest.drop_front()); });
      };
  choose(kKvElements);
}
