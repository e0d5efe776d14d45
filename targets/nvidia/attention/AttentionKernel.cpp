//===- AttentionKernel.cpp - attention over paged keys and values ---------===//
//
// Two kernels for each element of keys and values, of which a step launches
// one: few rows are done row by row, the keys of each shared out to several
// blocks; many in tiles of rows that go over the keys together where tensor
// cores multiply them, otherwise, as those in f32, row by row.
//
//===----------------------------------------------------------------------===//

#include "targets/nvidia/attention/FlashAttention.h"

#include "dialects/swallow/SplitAttention.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

/// Query heads of a KV head that go over the keys together: those whose queries
/// fill a tile, fewer where outputs of so many would not fit shared memory.
static HeadGroups headGroups(const KvGeometry &kv, int64_t perKvHead) {
  const bool isTile = kv.factors() != Element::F32 && kv.headDim <= 128;
  return HeadGroups::of(perKvHead, isTile ? 16 : 8);
}

void swallow::nvidia::emitKernels(StepEmitter &step, AttentionOp op) {
  for (KvElement element : kKvElements) {
    KvGeometry kv(op.getKv().getType(), element);
    const int64_t queryHeads =
        cast<RankedTensorType>(op.getQuery().getType()).getDimSize(1) /
        kv.headDim;
    const HeadGroups groups = headGroups(kv, queryHeads / kv.heads);
    const bool onTensorCores =
        TensorAttention::fits(kv, KvFragments::Place::Global);
    const std::string name(kvElementName(element));
    auto launchRows = [&](const std::string &kernel, int64_t pieces,
                          LaunchShape shape) {
      shape.threads = RowAttention::kWarps * kWarp;
      shape.gridX = kv.heads * groups.groups * pieces;
      shape.rows = GridRows::Tokens;
      shape.kvElement = static_cast<int64_t>(element);
      RowAttention attention{op, kv, groups, pieces, onTensorCores};
      step.launch(kernel, op->getLoc(), shape,
                  [&](KernelFrame &frame) { attention.emit(frame); });
    };
    LaunchShape few{}, many{};
    few.maxRows = SplitAttention::kMostRows;
    many.minRows = SplitAttention::kMostRows + 1;
    SplitAttention split{kv.heads, queryHeads, kv.headDim};
    launchRows("attention_" + name, split.pieces(), few);
    if (!TensorAttention::fits(kv, KvFragments::Place::Staged)) {
      launchRows("attention_rows_" + name, 1, many);
      continue;
    }
    FlashAttention flash{op, kv, groups};
    many = flash.shape();
    many.minRows = SplitAttention::kMostRows + 1;
    step.launch("attention_tiles_" + name, op->getLoc(), many,
                [&](KernelFrame &frame) { flash.emit(frame); });
  }
}
