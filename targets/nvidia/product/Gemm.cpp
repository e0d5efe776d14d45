//===- Gemm.cpp - products for many rows on tensor cores ------------------===//

#include "targets/nvidia/product/Gemm.h"

#include "targets/nvidia/product/GemmInput.h"
#include "targets/nvidia/product/GemmOperands.h"

#include <algorithm>

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

/// Inputs of one mma.
constexpr int64_t kPart = 16;
constexpr int64_t kThreads = GemmTile::warps * kWarp;
/// Features of the largest tile, and of those that wait for weights.
constexpr int64_t kFeatures = 128, kFewFeatures = 64;
/// Shared memory for stages. Two blocks of the largest tile fit a
/// multiprocessor of sm_80 and hide each other's barriers; the others need
/// bytes under way more, up to what a block of sm_86 can have.
constexpr int64_t kStageBytes = 64 * 1024, kMostStageBytes = 96 * 1024;
constexpr int64_t kMostStages = 8;

int64_t stageBytes(const PackedLayout &layout, const GemmTile &tile) {
  return leftStageBytes(layout.element, tile) + RightOperand::stageBytes(tile);
}

/// Of the two that weights are unpacked to, if they are.
int64_t bufferBytes(const PackedLayout &layout, const GemmTile &tile) {
  return 2 * leftBufferBytes(layout.element, tile);
}

/// Elements between rows of the results: 16 bytes more than a multiple of 128,
/// so that the lanes of a fragment write to different banks.
int64_t resultStride(const GemmTile &tile) { return tile.features + 4; }

int64_t sharedBytes(const PackedLayout &layout, const GemmTile &tile) {
  return std::max(tile.stages * stageBytes(layout, tile) +
                      bufferBytes(layout, tile),
                  tile.rows * resultStride(tile) * 4);
}

int64_t stepsOf(const PackedLayout &layout, const GemmTile &tile) {
  return (layout.cols + tile.step - 1) / tile.step;
}

/// The tile of up to `rows` rows. Units are whole, at least one.
GemmTile tileFor(const Product &product, const PackedLayout &layout,
                 int64_t rows) {
  const int64_t unit = product.unitBlocks * layout.nBlock;
  const int64_t units = layout.totalBlocks() / product.unitBlocks;
  const int64_t wanted = rows <= 64 ? kFewFeatures : kFeatures;
  GemmTile tile;
  tile.units = std::clamp<int64_t>(wanted / unit, 1, units);
  tile.columns = tile.units * unit;
  tile.features = roundUp(tile.columns, 32);
  tile.rows = rows;
  tile.step = tile.features + rows <= 192 ? 64 : 32;
  const int64_t bytes = (tile.step == 64 ? kMostStageBytes : kStageBytes) -
                        bufferBytes(layout, tile);
  tile.stages = std::min(
      {bytes / stageBytes(layout, tile), kMostStages, stepsOf(layout, tile)});
  // One stage is read and, where weights are unpacked, another one is.
  const int64_t fewestStages = bufferBytes(layout, tile) > 0 ? 3 : 2;
  tile.stages = std::max(tile.stages, fewestStages);
  // The split that reads the fewest bytes of shared memory per mma.
  int64_t fewest = 0;
  for (int64_t split : {1, 2, 4}) {
    if (tile.features % (32 * split) != 0)
      continue;
    const int64_t sides =
        tile.features / split + rows / (GemmTile::warps / split);
    if (fewest != 0 && sides >= fewest)
      continue;
    fewest = sides;
    tile.featureWarps = split;
    tile.rowWarps = GemmTile::warps / split;
  }
  return tile;
}

class GemmEmitter {
  using Values = GpuBuilder::Values;

public:
  GemmEmitter(KernelFrame &frame, const Product &product,
              const PackedLayout &layout, const GemmTile &tile, int64_t gridX)
      : f(frame), k(frame.k), product(product), layout(layout), tile(tile),
        gridX(gridX), steps(stepsOf(layout, tile)),
        leftBytes(leftStageBytes(layout.element, tile)),
        stagesBytes(tile.stages * stageBytes(layout, tile)),
        bufferBytes(leftBufferBytes(layout.element, tile)) {}

  void emit(function_ref<void(KernelFrame &, const Tile &)> epilogue) {
    emitPlace();
    RightOperand rows(f, tile, at, gemmInput(f, product), row0, count);
    right = &rows;
    left =
        makeLeftOperand(f, product, tile, at, k.mul(unit0, product.unitBlocks));
    shared = f.dynamicShared();
    storeResults(emitSums());
    emitUnits(epilogue);
  }

private:
  /// Blocks are started in the order of their numbers, x first. The tiles of
  /// rows of one tile of features follow each other, so that those that run
  /// together read few weights and, since there are not many rows in a step,
  /// all rows, which then stay in the cache: weights come from memory once.
  void emitPlace() {
    Value all = f.count(product.selectRows ? Arg::NumLogits : Arg::NumTokens);
    Value rowTiles = k.div(k.add(all, tile.rows - 1), tile.rows);
    Value number = k.add(k.mul(k.blockY(), gridX), k.blockX());
    row0 = k.mul(k.rem(number, rowTiles), tile.rows);
    unit0 = k.mul(k.div(number, rowTiles), tile.units);
    count = k.min(k.sub(all, row0), k.i32(static_cast<int32_t>(tile.rows)));

    at.thread = k.thread();
    at.lane = k.rem(at.thread, kWarp);
    at.group = k.div(at.lane, 4);
    at.inGroup = k.rem(at.lane, 4);
    Value warp = k.div(at.thread, kWarp);
    at.featureWarp = k.rem(warp, tile.featureWarps);
    at.rowWarp = k.div(warp, tile.featureWarps);
  }

  //===--- the pipeline -----------------------------------------------------//

  int64_t rowFragments() const { return tile.warpRows() / 8; }
  int64_t featureFragments() const { return tile.warpFeatures() / 16; }

  Value stage(Value offset) { return k.offset(shared, offset); }

  void copy(Value offset, Value leftFrom, Value rightFrom, Value step) {
    left->copy(stage(offset), leftFrom, step);
    right->copy(k.offset(stage(offset), leftBytes), rightFrom, step);
  }

  bool unpacks() const { return bufferBytes > 0; }
  /// Of the two, the one of `step`.
  Value buffer(Value step) {
    return stage(k.add(k.mul(k.rem(step, 2), bufferBytes), stagesBytes));
  }

  /// Those of `part` of a step in a stage: the left ones, then the right ones.
  Values fragments(Value offset, Value step, int64_t part) {
    Values result =
        left->fragments(unpacks() ? buffer(step) : stage(offset), part);
    result.append(right->fragments(k.offset(stage(offset), leftBytes), part));
    return result;
  }

  Values multiply(ValueRange fragments, ValueRange sums) {
    Values result;
    ValueRange b = fragments.drop_front(featureFragments() * 4);
    for (int64_t i = 0; i < featureFragments(); ++i)
      for (int64_t j = 0; j < rowFragments(); ++j)
        result.append(k.mma(fragments.slice(i * 4, 4), b.slice(j * 2, 2),
                            sums.slice((i * rowFragments() + j) * 4, 4),
                            product.element()));
    return result;
  }

  Value nextStage(Value offset) {
    Value next = k.add(offset, stagesBytes / tile.stages);
    Value end = k.i32(static_cast<int32_t>(stagesBytes));
    return k.select(k.equal(next, end), k.i32(0), next);
  }

  /// Until the next step's operands are there for all threads. Where weights
  /// are unpacked, that waited for the copies.
  void awaitStep() {
    if (!unpacks())
      k.waitCopies(tile.stages - 2);
    k.barrier();
  }

  /// The warp's sums over all inputs.
  Values emitSums() {
    Value leftFrom = left->begin(), rightFrom = right->begin();
    Value written = k.i32(0);
    for (int64_t step = 0; step < tile.stages - 1; ++step) {
      if (step < steps)
        copy(written, leftFrom, rightFrom, k.i32(static_cast<int32_t>(step)));
      k.commitCopies();
      leftFrom = left->next(leftFrom);
      rightFrom = right->next(rightFrom);
      written = nextStage(written);
    }
    if (unpacks()) {
      k.waitCopies(tile.stages - 2);
      left->unpack(stage(k.i32(0)), buffer(k.i32(0)));
    }
    awaitStep();

    const int64_t sumCount = featureFragments() * rowFragments() * 4;
    Value read = k.i32(0), first = k.i32(0);
    Values carried = {leftFrom, rightFrom, read, written};
    carried.append(fragments(read, first, 0));
    carried.append(static_cast<size_t>(sumCount), k.zero());
    // The last step has no next one, and maybe fewer inputs.
    carried =
        k.loop(k.i32(0), k.i32(static_cast<int32_t>(steps - 1)), 1, carried,
               [&](Value step, ValueRange in) { return emitStep(step, in); });
    return emitLastStep(carried, sumCount);
  }

  /// One step: (left, right, read, written, fragments, sums) for the next.
  Values emitStep(Value step, ValueRange in) {
    Value leftFrom = in[0], rightFrom = in[1], read = in[2], written = in[3];
    const size_t fragmentCount =
        static_cast<size_t>(featureFragments() * 4 + rowFragments() * 2);
    Values now(in.slice(4, fragmentCount));
    Values sums(in.drop_front(4 + fragmentCount));
    Value nextRead = nextStage(read);
    const int64_t parts = tile.step / kPart;
    for (int64_t part = 0; part < parts; ++part) {
      Values next;
      if (part + 1 < parts) {
        next = fragments(read, step, part + 1);
      } else {
        // With this barrier all warps have read all of this stage: the next
        // step writes there.
        awaitStep();
        next = fragments(nextRead, k.add(step, 1), 0);
      }
      if (part == 0) {
        if (unpacks()) {
          k.waitCopies(tile.stages - 3);
          left->unpack(stage(nextRead), buffer(k.add(step, 1)));
        }
        Value ahead = k.add(step, tile.stages - 1);
        k.ifThen(k.lessThan(ahead, k.i32(static_cast<int32_t>(steps))),
                 [&] { copy(written, leftFrom, rightFrom, ahead); });
        // Also where there is none: waits count groups.
        k.commitCopies();
      }
      sums = multiply(now, sums);
      now = next;
    }
    Values out = {left->next(leftFrom), right->next(rightFrom), nextRead,
                  nextStage(written)};
    out.append(now);
    out.append(sums);
    return out;
  }

  Values emitLastStep(ValueRange in, int64_t sumCount) {
    Values now(in.drop_front(4).drop_back(static_cast<size_t>(sumCount)));
    Values sums(in.take_back(static_cast<size_t>(sumCount)));
    Value last = k.i32(static_cast<int32_t>(steps - 1));
    const int64_t inputs = layout.cols - (steps - 1) * tile.step;
    for (int64_t part = 0; part * kPart < inputs; ++part) {
      Values next;
      if ((part + 1) * kPart < inputs)
        next = fragments(in[2], last, part + 1);
      sums = multiply(now, sums);
      now = next;
    }
    return sums;
  }

  //===--- results ----------------------------------------------------------//

  /// [rows][resultStride] in shared memory. A lane has two neighbouring
  /// features of two rows in each fragment.
  void storeResults(ValueRange sums) {
    k.barrier(); // the last stage has been read
    const int64_t rowBytes = resultStride(tile) * 4;
    Value row = k.add(k.mul(at.rowWarp, tile.warpRows()), k.mul(at.inGroup, 2));
    Value feature =
        k.add(k.mul(at.featureWarp, tile.warpFeatures()), k.mul(at.group, 2));
    Value to = k.offset(shared, k.add(k.mul(row, rowBytes), k.mul(feature, 4)));
    for (int64_t i = 0; i < featureFragments(); ++i)
      for (int64_t j = 0; j < rowFragments(); ++j) {
        ValueRange four =
            sums.slice(static_cast<size_t>((i * rowFragments() + j) * 4), 4);
        for (int64_t odd : {0, 1})
          k.storeNeighbours({four[static_cast<size_t>(odd)],
                             four[static_cast<size_t>(odd + 2)]},
                            k.offset(to, (8 * j + odd) * rowBytes + i * 64));
      }
    k.barrier();
  }

  void emitUnits(function_ref<void(KernelFrame &, const Tile &)> epilogue) {
    const int64_t columns = tile.columns / tile.units;
    auto emitUnit = [&](Value unit, Value data) {
      epilogue(
          f, {unit, row0, count, data, columns, resultStride(tile), kThreads});
    };
    if (tile.units == 1)
      return emitUnit(unit0, shared);
    const int64_t units = layout.totalBlocks() / product.unitBlocks;
    Value here = k.i32(static_cast<int32_t>(tile.units));
    if (units % tile.units != 0)
      here = k.min(here, k.sub(k.i32(static_cast<int32_t>(units)), unit0));
    k.loop(k.i32(0), here, 1, [&](Value unit) {
      emitUnit(k.add(unit0, unit), k.offset(shared, k.mul(unit, columns * 4)));
    });
  }

  KernelFrame &f;
  GpuBuilder &k;
  const Product &product;
  const PackedLayout &layout;
  const GemmTile &tile;
  int64_t gridX, steps, leftBytes, stagesBytes, bufferBytes;
  GemmThread at;
  std::unique_ptr<LeftOperand> left;
  RightOperand *right = nullptr;
  Value unit0, row0, count, shared;
};

} // namespace

void swallow::nvidia::emitGemm(
    StepEmitter &step, const Product &product,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  WeightOp weight = product.weight;
  const PackedLayout layout = weight.getPackedLayout();
  // Sums of more rows by a wide head's columns do not fit into registers.
  const bool wide = product.unitBlocks * layout.nBlock > kFeatures;
  const int64_t most = wide ? 64 : 128;
  int64_t fewest = kFewRows + 1;
  for (int64_t rows = 32; rows <= most; rows *= 2) {
    const GemmTile tile = tileFor(product, layout, rows);
    const int64_t blocks = product.unitBlocks * tile.units;
    LaunchShape shape;
    shape.threads = kThreads;
    shape.gridX = (layout.totalBlocks() + blocks - 1) / blocks;
    shape.rows = product.selectRows ? GridRows::Logits : GridRows::Tokens;
    shape.rowsPerBlock = rows;
    shape.minRows = fewest;
    if (rows < most)
      shape.maxRows = rows;
    shape.sharedBytes = sharedBytes(layout, tile);
    step.launch(
        step.stageName(product.op) + "_rows" + std::to_string(rows),
        product.op->getLoc(), shape, [&](KernelFrame &frame) {
          GemmEmitter(frame, product, layout, tile, shape.gridX).emit(epilogue);
        });
    fewest = rows + 1;
  }
}
