//===- AttentionSplit.cpp - attention of a row by blocks ------------------===//

#include "targets/nvidia/attention/AttentionSplit.h"

#include "dialects/swallow/SplitAttention.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

static_assert(RowAttention::kWarps == SplitAttention::kSplitBlocks,
              "a warp takes one KV block of a split");

HeadGroups HeadGroups::of(int64_t perKvHead, int64_t most) {
  int64_t heads = std::min(perKvHead, most);
  while (perKvHead % heads != 0)
    --heads;
  return {heads, perKvHead / heads};
}

float swallow::nvidia::scoreScale(AttentionOp op) {
  return static_cast<float>(op.getScale().convertToDouble() *
                            1.44269504088896341);
}

namespace {

class RowEmitter {
  using Values = GpuBuilder::Values;

public:
  RowEmitter(KernelFrame &frame, const RowAttention &attention)
      : f(frame), k(frame.k), op(attention.op), kv(attention.kv),
        heads(attention.groups.heads), groups(attention.groups.groups),
        pieces(attention.pieces), onTensorCores(attention.onTensorCores),
        result(frame.rowsOf(op.getResult())) {}

  void emit() {
    thread = k.thread();
    lane = k.lane();
    warp = k.warp();
    row = k.blockY();
    group = k.div(k.blockX(), pieces);
    piece = k.rem(k.blockX(), pieces);
    position = f.element(Arg::Positions, row);
    Value begin = k.i32(0), first = k.i32(0);
    if (kv.window > 0) {
      begin = k.max(k.add(position, 1 - kv.window), k.i32(0));
      first = k.div(begin, KvBlockLayout::tokens);
    }
    Value end = k.add(k.div(position, KvBlockLayout::tokens), 1);
    if (pieces == 1)
      return emitPiece(begin, first, end);
    // The pieces that have something to do.
    Value splits = k.div(k.add(k.sub(end, first), kWarps - 1), kWarps);
    active = k.min(splits, k.i32(static_cast<int32_t>(pieces)));
    k.ifThen(k.lessThan(piece, active), [&] { emitPiece(begin, first, end); });
  }

private:
  static constexpr int64_t kWarps = RowAttention::kWarps;

  /// KV blocks [first, end), as far as they are the piece's.
  void emitPiece(Value begin, Value first, Value end) {
    Value sequence = f.element(Arg::Sequences, row);
    AttentionRow context{f,
                         op,
                         kv,
                         heads,
                         kWarps,
                         row,
                         k.div(group, groups),
                         k.mul(group, heads),
                         position,
                         begin,
                         thread,
                         lane,
                         warp};
    std::unique_ptr<WarpAttention> attention =
        onTensorCores ? createTensorAttention(context)
                      : createLaneAttention(context);
    // The numbers of blocks are read one block ahead.
    Value mine = k.add(first, k.add(k.mul(piece, kWarps), warp));
    Value last = k.sub(end, k.i32(1));
    auto idOf = [&](Value block) {
      return kv.blockId(f, sequence, k.min(block, last));
    };
    Values init = {idOf(mine)};
    attention->emitQueries();
    init.append(attention->initialState());
    Values state = k.loop(
        mine, end, kWarps * pieces, init, [&](Value block, ValueRange in) {
          Values next = {idOf(k.add(block, kWarps * pieces))};
          next.append(attention->emitBlock(block, in[0], in.drop_front()));
          return next;
        });
    outputStride = attention->outputStride();
    states = f.shared("states", kWarps * heads * 8);
    outputs = f.shared("outputs", kWarps * heads * outputStride * 4);
    attention->storeState(
        ValueRange(state).drop_front(),
        k.offset(states, k.mul(warp, heads * 8)),
        k.offset(outputs, k.mul(warp, heads * outputStride * 4)));
    k.barrier();
    combineWarps();
    if (pieces > 1)
      k.ifThen(k.lessThan(k.i32(1), active), [&] { finishPiece(); });
  }

  //===--- the warps of a block ---------------------------------------------//

  struct Combined {
    Value maximum, sum, output;
  };
  /// What the warps have of a feature of a head, in their order.
  Combined combine(Value head, Value feature) {
    auto stateAt = [&](int64_t w, int64_t field) {
      Value at = k.mul(k.add(head, w * heads), 8);
      return k.load(k.f32Type(), k.offset(states, k.add(at, field * 4)));
    };
    Combined c{stateAt(0, 0), k.zero(), k.zero()};
    for (int64_t w = 1; w < kWarps; ++w)
      c.maximum = k.maxf(c.maximum, stateAt(w, 0));
    for (int64_t w = 0; w < kWarps; ++w) {
      Value factor = k.exp2(k.subf(stateAt(w, 0), c.maximum));
      c.sum = k.fma(stateAt(w, 1), factor, c.sum);
      Value at = k.add(k.mul(k.add(head, w * heads), outputStride), feature);
      c.output = k.fma(k.load(k.f32Type(), k.offset(outputs, k.mul(at, 4))),
                       factor, c.output);
    }
    return c;
  }

  /// The block's heads in the result.
  Value resultBase() {
    return k.offset(f.row(result.base, row, result.stride()),
                    k.mul(group, heads * kv.headDim * sizeOf(result.element)));
  }

  /// Adds up what the warps have: the result where the row is the block's
  /// alone, otherwise a partial one.
  void combineWarps() {
    Value to = resultBase();
    if (pieces > 1)
      locatePartials();
    Value partial = pieces > 1 ? partialOf(piece) : Value();
    k.loop(thread, k.i32(static_cast<int32_t>(heads * kv.headDim)),
           kWarps * kWarp, [&](Value i) {
             Value head = k.div(i, kv.headDim), feature = k.rem(i, kv.headDim);
             Combined c = combine(head, feature);
             auto finish = [&] {
               k.storeElement(k.mulf(c.output, k.reciprocal(c.sum)),
                              k.offset(to, k.mul(i, sizeOf(result.element))),
                              result.element);
             };
             if (pieces == 1)
               return finish();
             k.ifThenElse(k.equal(active, k.i32(1)), finish, [&] {
               k.store(c.output, k.offset(partial, k.mul(i, 4)));
               k.ifThen(k.equal(feature, k.i32(0)), [&] {
                 Value at = k.offset(stateOf(piece), k.mul(head, 8));
                 k.store(k.vector({c.maximum, c.sum}), at, 8);
               });
             });
           });
  }

  //===--- the pieces of a row ----------------------------------------------//

  void locatePartials() {
    SplitAttention split = layout();
    Value base = f.slot(f.step.workspaceSlot(op, "attention_partials"));
    Value index = k.add(k.mul(row, kv.heads * groups), group);
    partials = f.row(base, index, pieces * heads * kv.headDim * 4);
    partialStates =
        f.row(k.offset(base, split.statesOffset()), index, pieces * heads * 8);
    ticket = k.offset(f.slot(f.step.workspaceSlot(op, "attention_tickets")),
                      k.mul(index, 4));
  }
  SplitAttention layout() {
    return {kv.heads, kv.heads * groups * heads, kv.headDim};
  }
  Value partialOf(Value p) {
    return k.offset(partials, k.mul(p, heads * kv.headDim * 4));
  }
  Value stateOf(Value p) {
    return k.offset(partialStates, k.mul(p, heads * 8));
  }

  /// The last of the row's pieces to come here adds them up, in their order.
  void finishPiece() {
    Value last = k.sub(active, k.i32(1));
    k.ifThen(f.isLastBlock(ticket, last), [&] { combinePieces(); });
  }

  void combinePieces() {
    Value weights = f.shared("weights", heads * kWarp * 4);
    emitPieceWeights(weights);
    k.barrier();
    // As many features at a time as lie together in memory.
    const int64_t width = kv.headDim % 4 == 0 ? 4 : 2;
    Value to = resultBase();
    k.loop(thread, k.i32(static_cast<int32_t>(heads * kv.headDim / width)),
           kWarps * kWarp, [&](Value i) {
             Value first = k.mul(i, width);
             Value weight =
                 k.offset(weights, k.mul(k.div(first, kv.headDim), kWarp * 4));
             Values sums = sumPieces(first, width, weight);
             k.storeElements(sums,
                             k.offset(to, k.mul(first, sizeOf(result.element))),
                             result.element);
           });
  }

  /// Of each head what a piece's output counts for, [heads][32], 0 for pieces
  /// that there are not. A lane is a piece.
  void emitPieceWeights(Value weights) {
    k.loop(warp, k.i32(static_cast<int32_t>(heads)), kWarps, [&](Value head) {
      Values state = k.ifThenElse(
          k.lessThan(lane, active), {k.f32Type(), k.f32Type()},
          [&] {
            Value at = k.offset(stateOf(lane), k.mul(head, 8));
            Value pair = k.load(k.vectorOf(k.f32Type(), 2), at, 8);
            return Values{k.extract(pair, 0), k.extract(pair, 1)};
          },
          [&] { return Values{k.f32(kNoScore), k.zero()}; });
      Value factor = k.exp2(k.subf(state[0], k.warpMax(state[0])));
      Value sum = k.warpSum(k.mulf(factor, state[1]));
      Value at = k.add(k.mul(head, kWarp), lane);
      k.store(k.mulf(factor, k.reciprocal(sum)),
              k.offset(weights, k.mul(at, 4)));
    });
  }

  /// Elements [first, first + width) of all pieces' outputs, weighted.
  Values sumPieces(Value first, int64_t width, Value weight) {
    // Loads under way together; beyond the last piece it is read again, for
    // weights of 0.
    constexpr int64_t kTogether = 8;
    Value last = k.sub(active, k.i32(1));
    return k.loop(k.i32(0), active, kTogether, Values(width, k.zero()),
                  [&](Value p, ValueRange in) {
                    Values sums(in.begin(), in.end()), loaded;
                    for (int64_t j = 0; j < kTogether; ++j) {
                      Value at = k.offset(partialOf(k.min(k.add(p, j), last)),
                                          k.mul(first, 4));
                      loaded.push_back(k.load(k.vectorOf(k.f32Type(), width),
                                              at, width * 4));
                    }
                    for (int64_t j = 0; j < kTogether; ++j) {
                      Value w = k.load(k.f32Type(),
                                       k.offset(weight, k.mul(k.add(p, j), 4)));
                      for (int64_t c = 0; c < width; ++c)
                        sums[c] = k.fma(w, k.extract(loaded[j], c), sums[c]);
                    }
                    return sums;
                  });
  }

  KernelFrame &f;
  GpuBuilder &k;
  AttentionOp op;
  const KvGeometry &kv;
  int64_t heads, groups, pieces;
  bool onTensorCores;
  Rows result;
  int64_t outputStride = 0;
  Value thread, lane, warp, row, group, piece, position;
  Value active;                          ///< pieces that have something to do
  Value states, outputs;                 ///< of the warps, in shared memory
  Value partials, partialStates, ticket; ///< of the row and its heads
};

} // namespace

void RowAttention::emit(KernelFrame &frame) const {
  RowEmitter(frame, *this).emit();
}
