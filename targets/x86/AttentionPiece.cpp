//===- AttentionPiece.cpp - a tile of rows over a range of chunks ---------===//

#include "targets/x86/AttentionPiece.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

AttentionPlan::AttentionPlan(StepEmitter &step, AttentionOp op,
                             KvElement element, bool manyRows)
    : step(step), op(op), kv(op.getKv().getType(), element),
      tile(step, kv, static_cast<float>(op.getScale().convertToDouble()),
           manyRows),
      sizes(attentionWorkspace(op, step.variant().amx)),
      heads(cast<RankedTensorType>(op.getQuery().getType()).getDimSize(1) /
            kv.headDim),
      group(heads / kv.heads),
      scratchSlot(step.workspaceSlot(op, "attention_scratch")),
      partialsSlot(step.workspaceSlot(op, "attention_partials")) {}

Value AttentionPlan::partial(KernelFrame &frame, Value query,
                             Value split) const {
  KernelBuilder &k = frame.k;
  Value index = k.add(k.mul(query, sizes.maxSplits), split);
  return k.offset(frame.slot(partialsSlot), k.mul(index, partialBytes()));
}

void AttentionPlan::storeResult(KernelFrame &frame, Value query, int64_t vector,
                                Value x) const {
  KernelBuilder &k = frame.k;
  AttentionOp attention = op;
  Rows result = step.rowsOf(frame, attention.getResult());
  int64_t size = sizeOf(result.element), column = vector * k.lanes();
  if (column >= kv.headDim) // padding
    return;
  Value at = k.add(k.mul(k.div(query, heads), result.stride()),
                   k.mul(k.rem(query, heads), kv.headDim * size));
  step.storeResult(k, attention.getResult(), x,
                   k.offset(k.offset(result.base, at), column * size),
                   std::min(k.lanes(), kv.headDim - column));
}

namespace {
constexpr int64_t kTokens = KvBlockLayout::tokens;
constexpr int64_t kChunk = AttentionTile::kChunk;
constexpr int64_t kBlocks = AttentionTile::kBlocks;

class PieceEmitter {
public:
  PieceEmitter(const AttentionPlan &plan, KernelFrame &frame,
               ValueRange arguments)
      : plan(plan), kv(plan.kv), tile(plan.tile), f(frame), k(frame.k),
        row0(arguments[0]), rows(arguments[1]), head(arguments[2]),
        chunk(arguments[3]), endChunk(arguments[4]), split(arguments[5]) {
    int64_t queries = plan.sizes.tileQueries;
    q = f.slot(plan.scratchSlot);
    out = k.offset(q, queries * tile.queryStride());
    states = k.offset(out, queries * tile.outputStride());
    scores = k.offset(states, queries * AttentionTile::kStateBytes);
    weights = k.offset(scores, tile.maxRows() * AttentionTile::kScoreStride);
    table = k.offset(weights, tile.maxRows() * tile.weightStride());
    staged = k.offset(table, AttentionTile::kTableBytes);
    position0 = f.element(Arg::Positions, row0);
    sequence = f.element(Arg::Sequences, row0);
  }

  void emit() {
    total = k.mul(rows, plan.group);
    emitQueries();
    k.loop(chunk, endChunk, 1, [&](Value c) {
      emitTable(c);
      if (tile.isTiled())
        emitOperands(c);
      Value base = k.mul(c, kChunk);
      k.loop(k.i64(0), total, tile.maxRows(), [&](Value first) {
        Value count = k.min(k.sub(total, first), k.i64(tile.maxRows()));
        emitGroup(base, first, count);
      });
    });
    emitResults();
  }

private:
  /// Query `index` of the tile as row * heads + head of the step.
  Value queryOf(Value index) {
    Value row = k.add(row0, k.div(index, plan.group));
    Value inGroup = k.rem(index, plan.group);
    return k.add(k.mul(row, plan.heads),
                 k.add(k.mul(head, plan.group), inGroup));
  }

  /// Factors, empty outputs and states; also for the rows that fill up the last
  /// group, whose results nobody reads.
  void emitQueries() {
    AttentionOp attention = plan.op;
    Rows queries = plan.step.rowsOf(f, attention.getQuery());
    Value filled =
        k.mul(k.div(k.add(total, tile.maxRows() - 1), tile.maxRows()),
              tile.maxRows());
    k.loop(k.i64(0), filled, 1, [&](Value index) {
      Value query = queryOf(k.min(index, k.add(total, -1)));
      Value from = k.offset(
          queries.base, k.add(k.mul(k.div(query, plan.heads), queries.stride()),
                              k.mul(k.rem(query, plan.heads), kv.headDim * 4)));
      Value factors = k.offset(q, k.mul(index, tile.queryStride()));
      Value output = k.offset(out, k.mul(index, tile.outputStride()));
      for (int64_t column = 0; column < tile.queryFeatures();
           column += k.lanes()) {
        int64_t count = std::min(k.lanes(), kv.headDim - column);
        Value x = count > 0 ? k.loadVector(k.offset(from, column * 4),
                                           Element::F32, k.lanes(), count)
                            : k.zero();
        x = tile.bounded(k, x);
        tile.storeFactors(k, x, k.offset(factors, column * tile.factorBytes()));
        if (column < kv.paddedDim())
          k.storeVector(k.zero(), k.offset(output, column * 4), Element::F32);
      }
      Value state = stateOf(index);
      k.store(k.f32(AttentionTile::kMinusInfinity), state);
      k.store(k.f32(0.0f), k.offset(state, AttentionTile::kSumOffset));
      // The last group's filling rows never get another.
      k.store(k.f32(1.0f), k.offset(state, AttentionTile::kCorrectionOffset));
    });
  }

  Value stateOf(Value index) {
    return k.offset(states, k.mul(index, AttentionTile::kStateBytes));
  }

  void emitTable(Value c) {
    Value last = k.div(k.add(k.add(position0, rows), -1), kTokens);
    k.loop(k.i64(0), k.i64(AttentionTile::kTableEntries), 1, [&](Value i) {
      // Beyond the last block it again: something to prefetch.
      Value block = k.min(k.add(k.mul(c, kBlocks), i), last);
      k.store(kv.headBase(f, sequence, block, head),
              k.offset(table, k.mul(i, 8)), 8);
    });
  }

  /// The chunk's blocks as tiles are loaded from them.
  void emitOperands(Value c) {
    Value base = k.mul(c, kChunk);
    Value positions = k.min(k.sub(k.add(position0, rows), base), k.i64(kChunk));
    Value blocks = k.div(k.add(positions, kTokens - 1), kTokens);
    k.loop(k.i64(0), blocks, 1, [&](Value i) {
      Value written =
          k.min(k.sub(positions, k.mul(i, kTokens)), k.i64(kTokens));
      f.call(
          tile.operands(),
          {table, i, k.offset(staged, k.mul(i, tile.stagedBytes())), written});
    });
  }

  /// `count` queries from `first` on, over the chunk that begins at `base`.
  void emitGroup(Value base, Value first, Value count) {
    // What any of the group's rows sees, in the chunk.
    Value lowest = k.add(position0, k.div(first, plan.group));
    Value highest =
        k.add(position0, k.div(k.add(k.add(first, count), -1), plan.group));
    auto begins = [&](Value position) -> Value {
      if (kv.window == 0)
        return k.i64(0);
      return k.max(k.sub(k.add(position, 1 - kv.window), base), k.i64(0));
    };
    auto ends = [&](Value position) {
      return k.min(k.sub(k.add(position, 1), base), k.i64(kChunk));
    };
    Value begin = begins(lowest), end = ends(highest);
    k.ifThen(k.lessThan(begin, end), [&] {
      Value firstBlock = k.div(begin, kTokens);
      Value endBlock = k.div(k.add(end, kTokens - 1), kTokens);
      Value factors = k.offset(q, k.mul(first, tile.queryStride()));
      Value output = k.offset(out, k.mul(first, tile.outputStride()));
      forRows(count, [&](int64_t m) {
        f.call(tile.scores(m), {factors, table, scores, firstBlock, endBlock});
      });
      k.loop(k.i64(0), count, 1, [&](Value i) {
        Value index = k.add(first, i);
        Value position = k.add(position0, k.div(index, plan.group));
        Value low = begins(position), high = ends(position);
        SmallVector<Value> arguments = {
            k.offset(scores, k.mul(i, AttentionTile::kScoreStride)),
            k.offset(weights, k.mul(i, tile.weightStride())),
            stateOf(index),
            table,
            firstBlock,
            endBlock,
            low,
            high};
        Value some = arith::OrIOp::create(
            k.ops(), k.lessThan(k.mul(firstBlock, kTokens), low),
            k.lessThan(high, k.mul(endBlock, kTokens)));
        k.ifThenElse(
            some, [&] { f.call(tile.softmax(true), arguments); },
            [&] { f.call(tile.softmax(false), arguments); });
      });
      forRows(count, [&](int64_t m) {
        f.call(tile.values(m),
               {weights, table, output, stateOf(first), firstBlock, end});
      });
    });
  }

  /// A helper that takes all rows: the one for the queries of one row of the
  /// step if it does.
  void forRows(Value count, function_ref<void(int64_t m)> body) {
    auto m = std::max(tile.minRows(), static_cast<int64_t>(llvm::PowerOf2Ceil(
                                          static_cast<uint64_t>(plan.group))));
    if (m >= tile.maxRows())
      return body(tile.maxRows());
    k.ifThenElse(
        k.lessThan(count, k.i64(m + 1)), [&] { body(m); },
        [&] { body(tile.maxRows()); });
  }

  void emitResults() {
    k.loop(k.i64(0), total, 1, [&](Value index) {
      Value query = queryOf(index);
      Value output = k.offset(out, k.mul(index, tile.outputStride()));
      Value maximum = k.load(k.f32Type(), stateOf(index));
      Value sum = k.load(k.f32Type(),
                         k.offset(stateOf(index), AttentionTile::kSumOffset));
      auto vector = [&](int64_t v) {
        return k.loadVector(k.offset(output, v * k.lanes() * 4), Element::F32);
      };
      k.ifThenElse(
          k.lessThan(split, k.i64(0)),
          [&] {
            Value scale = k.splat(k.divf(k.f32(1.0f), sum));
            for (int64_t v = 0; v < plan.vectors(); ++v)
              plan.storeResult(f, query, v, k.mulf(vector(v), scale));
          },
          [&] {
            Value partial = plan.partial(f, query, split);
            for (int64_t v = 0; v < plan.vectors(); ++v)
              k.storeVector(vector(v), k.offset(partial, v * k.lanes() * 4),
                            Element::F32);
            Value state = k.offset(partial, plan.maximumOffset());
            k.store(maximum, state);
            k.store(sum, k.offset(state, 4));
          });
    });
  }

  const AttentionPlan &plan;
  const KvGeometry &kv;
  AttentionTile tile;
  KernelFrame &f;
  KernelBuilder &k;
  Value row0, rows, head, chunk, endChunk, split;
  Value q, out, states, scores, weights, table, staged;
  Value position0, sequence, total;
};
} // namespace

LLVM::LLVMFuncOp swallow::x86::attentionPiece(const AttentionPlan &plan) {
  int64_t window = plan.kv.window;
  std::string name = "attention_piece_" + plan.kv.suffix() + "_" +
                     std::to_string(plan.heads) + "_slot" +
                     std::to_string(plan.step.resultSlot(plan.op)) +
                     (window ? "_window" + std::to_string(window) : "") +
                     (plan.tile.isTiled() ? "_tiled" : "");
  Type ptr = LLVM::LLVMPointerType::get(plan.step.module().getContext());
  Type i64 = IntegerType::get(plan.step.module().getContext(), 64);
  return plan.step.helper(name, {ptr, i64, i64, i64, i64, i64, i64, i64, i64},
                          [&](KernelBuilder &k, ValueRange v) {
                            // A piece needs no barrier, and so not the number
                            // of threads.
                            KernelFrame frame(plan.step, k, v[0], v[1], v[2],
                                              v[2]);
                            PieceEmitter(plan, frame, v.drop_front(3)).emit();
                          });
}
