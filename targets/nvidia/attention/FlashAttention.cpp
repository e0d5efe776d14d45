//===- FlashAttention.cpp - attention of tiles of rows --------------------===//

#include "targets/nvidia/attention/FlashAttention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

constexpr int64_t kTokens = KvBlockLayout::tokens;

class FlashEmitter {
  using Values = GpuBuilder::Values;

public:
  FlashEmitter(KernelFrame &frame, FlashAttention attention)
      : f(frame), k(frame.k), kv(attention.kv), stage{kv},
        heads(attention.groups.heads), groups(attention.groups.groups),
        warps(attention.warps()), tileRows(attention.tileRows()),
        lane(k.lane()), tensor(k, kv, scoreScale(attention.op),
                               KvFragments::Place::Staged, kHalves, lane),
        queries(frame.rowsOf(attention.op.getQuery())),
        result(frame.rowsOf(attention.op.getResult())) {}

  void emit() {
    thread = k.thread();
    warp = k.warp();
    group = k.div(k.blockX(), FlashAttention::kSequenceBlocks);
    kvHead = k.div(group, groups);
    firstRow = k.mul(k.blockY(), tileRows);
    count = k.min(k.sub(f.count(Arg::NumTokens), firstRow), number(tileRows));
    stages = f.dynamicShared();
    myQueries = k.offset(k.offset(stages, 2 * stage.bytes()),
                         k.mul(warp, tensor.queryBytes()));
    describeQueries();
    loadRows();
    emitRuns();
  }

private:
  static constexpr int64_t kHalves = 2;

  Value number(int64_t value) { return k.i32(static_cast<int32_t>(value)); }
  Value atLeast(Value lhs, Value rhs) {
    return arith::CmpIOp::create(k.ops(), arith::CmpIPredicate::sge, lhs, rhs);
  }
  Value warpMost(Value value) {
    for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
      value = k.max(value, k.shuffleXor(value, mask));
    return value;
  }
  Value warpLeast(Value value) {
    for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
      value = k.min(value, k.shuffleXor(value, mask));
    return value;
  }
  Value firstSeen(Value position) {
    return k.max(k.add(position, 1 - kv.window), k.i32(0));
  }

  //===--- the tile's rows --------------------------------------------------//

  /// The lane's two queries: query m of the tile is row m / heads of it.
  void describeQueries() {
    for (int64_t half = 0; half < kHalves; ++half) {
      Value m = k.add(k.add(k.mul(warp, 16), k.div(lane, 4)), half * 8);
      Value local = k.div(m, heads);
      Value isThere = k.lessThan(local, count);
      // Others repeat the tile's first row, and see nothing.
      local = k.select(isThere, local, k.i32(0));
      rowOf.push_back(local);
      hasQuery.push_back(isThere);
      Value row = k.add(firstRow, local);
      positionOf.push_back(f.element(Arg::Positions, row));
      Value head = k.add(k.mul(group, heads), k.rem(m, heads));
      queryAt.push_back(k.offset(f.row(queries.base, row, queries.stride()),
                                 k.mul(head, kv.headDim * 4)));
      resultAt.push_back(
          k.offset(f.row(result.base, row, result.stride()),
                   k.mul(head, kv.headDim * sizeOf(result.element))));
    }
  }

  /// Sequences and positions of the tile's rows, lane by lane.
  void loadRows() {
    for (int64_t from = 0; from < tileRows; from += kWarp) {
      Value local = k.add(lane, from);
      Value row = k.add(firstRow, k.min(local, k.sub(count, k.i32(1))));
      laneRows.push_back(local);
      laneSequences.push_back(f.element(Arg::Sequences, row));
      lanePositions.push_back(f.element(Arg::Positions, row));
    }
  }

  //===--- runs of rows of one sequence -------------------------------------//

  /// Goes over the runs, of which the block takes every fourth.
  void emitRuns() {
    Value mine = k.rem(k.blockX(), FlashAttention::kSequenceBlocks);
    // First row of a run, its number, and the stage to be filled next.
    Values init(3, k.i32(0));
    ImplicitLocOpBuilder &b = k.ops();
    auto loop =
        scf::WhileOp::create(b, TypeRange(ValueRange(init)), ValueRange(init));
    const SmallVector<Location> locations(init.size(), b.getLoc());
    OpBuilder::InsertionGuard guard(b);
    Block *condition = b.createBlock(&loop.getBefore(), {},
                                     TypeRange(ValueRange(init)), locations);
    scf::ConditionOp::create(b, k.lessThan(condition->getArgument(0), count),
                             condition->getArguments());
    Block *body = b.createBlock(&loop.getAfter(), {},
                                TypeRange(ValueRange(init)), locations);
    ValueRange in = body->getArguments();
    Value begin = in[0], index = in[1], next = in[2];
    Value sequence = f.element(Arg::Sequences, k.add(firstRow, begin));
    Value end = endOfRun(begin, sequence);
    Value isMine = k.equal(k.rem(index, FlashAttention::kSequenceBlocks), mine);
    next = k.ifThenElse(
        isMine, k.i32Type(),
        [&] { return Values{emitRun(begin, end, sequence, next)}; },
        [&] { return Values{next}; })[0];
    scf::YieldOp::create(b, ValueRange{end, k.add(index, 1), next});
  }

  Value endOfRun(Value begin, Value sequence) {
    Value end = count;
    for (auto [local, other] : llvm::zip(laneRows, laneSequences)) {
      Value isBehind =
          k.andi(k.lessThan(begin, local), k.lessThan(local, count));
      Value ends = k.select(k.equal(other, sequence), count, local);
      end = k.min(end, k.select(isBehind, ends, count));
    }
    return warpLeast(end);
  }

  /// Least and largest position of the run's rows.
  std::pair<Value, Value> positionsOf(Value begin, Value end) {
    Value least = number(std::numeric_limits<int32_t>::max());
    Value most = k.i32(0);
    for (auto [local, position] : llvm::zip(laneRows, lanePositions)) {
      Value isIn = k.andi(atLeast(local, begin), k.lessThan(local, end));
      least = k.min(least, k.select(isIn, position, least));
      most = k.max(most, k.select(isIn, position, most));
    }
    return {warpLeast(least), warpMost(most)};
  }

  /// Rows [begin, end) of the tile; the stage to be filled after it.
  Value emitRun(Value begin, Value end, Value sequence, Value next) {
    auto [least, most] = positionsOf(begin, end);
    Value firstBlock = k.i32(0);
    if (kv.window > 0)
      firstBlock = k.div(firstSeen(least), kTokens);
    Value lastBlock = k.div(most, kTokens);

    // What the lane's queries see; what some and what all of the warp's do.
    TensorAttention::Seen seen;
    Values isIn;
    Value never = number(std::numeric_limits<int32_t>::max());
    Value someEnd = k.i32(0), someBegin = never;
    Value allEnd = never, allBegin = k.i32(0);
    for (int64_t half = 0; half < kHalves; ++half) {
      Value in = k.andi(
          k.andi(atLeast(rowOf[half], begin), k.lessThan(rowOf[half], end)),
          hasQuery[half]);
      isIn.push_back(in);
      Value last = k.add(positionOf[half], 1);
      seen.end.push_back(k.select(in, last, k.i32(0)));
      someEnd = k.max(someEnd, seen.end[half]);
      allEnd = k.min(allEnd, k.select(in, last, allEnd));
      if (kv.window == 0)
        continue;
      Value first = firstSeen(positionOf[half]);
      seen.begin.push_back(first);
      someBegin = k.min(someBegin, k.select(in, first, someBegin));
      allBegin = k.max(allBegin, k.select(in, first, allBegin));
    }
    someEnd = warpMost(someEnd);
    seen.wholeEnd = warpLeast(allEnd);
    if (kv.window > 0) {
      someBegin = warpLeast(someBegin);
      seen.wholeBegin = warpMost(allBegin);
    }
    k.loop(k.i32(0), number(tensor.querySteps()), 1, [&](Value step) {
      tensor.emitQueries(step, queryAt, isIn, myQueries);
    });

    // The numbers of blocks are read one block ahead of their copies.
    auto idOf = [&](Value block) {
      return kv.blockId(f, sequence, k.min(block, lastBlock));
    };
    copyBlock(idOf(firstBlock), next);
    Values init = {next, idOf(k.add(firstBlock, 1))};
    init.append(tensor.initialState());
    Values last =
        k.loop(firstBlock, k.add(lastBlock, 1), 1, init,
               [&](Value block, ValueRange in) {
                 Value current = in[0], other = k.sub(k.i32(1), current);
                 // Also: all have done with the other stage.
                 k.waitCopies(0);
                 k.barrier();
                 k.ifThen(k.lessThan(block, lastBlock),
                          [&] { copyBlock(in[1], other); });
                 Value token = k.mul(block, kTokens);
                 Value isUseful = k.lessThan(token, someEnd);
                 if (kv.window > 0)
                   isUseful = k.andi(
                       isUseful, k.lessThan(someBegin, k.add(token, kTokens)));
                 Value written = k.sub(k.add(most, 1), token);
                 ValueRange state = in.drop_front(2);
                 Values out = k.ifThenElse(
                     isUseful, TypeRange(state),
                     [&] {
                       return tensor.emitBlock(stageAt(current), token, written,
                                               seen, myQueries, state);
                     },
                     [&] { return Values(state); });
                 Values carried = {other, idOf(k.add(block, 2))};
                 carried.append(out);
                 return carried;
               });
    storeOutputs(ValueRange(last).drop_front(2), isIn);
    return last[0];
  }

  Value stageAt(Value index) {
    return k.offset(stages, k.mul(index, stage.bytes()));
  }
  void copyBlock(Value id, Value to) {
    stage.emitCopies(k, kv.headInBlock(f, id, kvHead), stageAt(to), thread,
                     warps * kWarp);
    k.commitCopies();
  }

  void storeOutputs(ValueRange state, const Values &isIn) {
    const int64_t width = kv.headDim % 8 == 0 ? 8 : 2;
    for (int64_t half = 0; half < kHalves; ++half) {
      Value factor = k.reciprocal(tensor.sum(state, half));
      tensor.forEachOutput(
          state, half, width, [&](Value feature, ValueRange some) {
            Value isFeature = isIn[half];
            if (kv.headDim % kWarp != 0)
              isFeature =
                  k.andi(isFeature, k.lessThan(feature, number(kv.headDim)));
            k.ifThen(isFeature, [&] {
              Values scaled;
              for (Value x : some)
                scaled.push_back(k.mulf(x, factor));
              k.storeElements(scaled,
                              k.offset(resultAt[half],
                                       k.mul(feature, sizeOf(result.element))),
                              result.element);
            });
          });
    }
  }

  KernelFrame &f;
  GpuBuilder &k;
  const KvGeometry &kv;
  StagedKv stage;
  int64_t heads, groups, warps, tileRows;
  Value lane;
  TensorAttention tensor;
  Rows queries, result;
  Value thread, warp, group, kvHead;
  Value firstRow, count;   ///< the tile's rows in the step
  Value stages, myQueries; ///< shared memory
  // Of the lane's queries, of each half: the row in the tile, whether there is
  // one, its position, and where the query and its result lie.
  Values rowOf, hasQuery, positionOf, queryAt, resultAt;
  // Of the tile's rows, one of each 32 for a lane.
  Values laneRows, laneSequences, lanePositions;
};

} // namespace

LaunchShape FlashAttention::shape() const {
  const StagedKv stage{kv};
  LaunchShape shape{};
  shape.threads = warps() * kWarp;
  shape.gridX = kv.heads * groups.groups * kSequenceBlocks;
  shape.rows = GridRows::Tokens;
  shape.rowsPerBlock = tileRows();
  shape.kvElement = static_cast<int64_t>(kv.element);
  shape.sharedBytes =
      2 * stage.bytes() + warps() * 16 * roundUp(kv.headDim, 16) * 2;
  return shape;
}

void FlashAttention::emit(KernelFrame &frame) const {
  FlashEmitter(frame, *this).emit();
}
