//===- GemmOperands.cpp - operands of a GEMM in shared memory -------------===//

#include "targets/nvidia/product/GemmOperands.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

constexpr int64_t kThreads = GemmTile::warps * kWarp;

Value exclusiveOr(GpuBuilder &k, Value lhs, Value rhs) {
  return arith::XOrIOp::create(k.ops(), lhs, rhs);
}

} // namespace

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

LeftOperand::LeftOperand(GpuBuilder &k, const GemmTile &tile,
                         const GemmThread &at)
    : k(k), tile(tile), thread(at.thread) {
  // Lane 4 * g + t begins with pair t and features 2 * g and 2 * g + 1.
  Value chunk =
      k.add(k.mul(at.featureWarp, tile.warpFeatures() / 4), k.div(at.group, 2));
  for (int64_t odd : {0, 1})
    sources.push_back(k.add(place(at.inGroup, k.add(chunk, odd * 4)),
                            k.mul(k.rem(at.group, 2), 8)));
}

Value LeftOperand::place(Value pair, Value chunk) {
  Value mixed = exclusiveOr(k, chunk, k.mul(k.rem(pair, 4), 2));
  return k.mul(k.add(k.mul(pair, chunks()), mixed), 16);
}

void LeftOperand::unpack(Value, Value) {
  llvm_unreachable("these weights are used as they are staged");
}

LeftOperand::Values LeftOperand::fragments(Value stage, int64_t part) {
  const Value from[] = {k.offset(stage, sources[0]),
                        k.offset(stage, sources[1])};
  Values result;
  for (int64_t fragment = 0; fragment < tile.warpFeatures() / 16; ++fragment)
    for (int64_t pair : {0, 4}) {
      Value two =
          k.load(k.vectorOf(k.i32Type(), 2),
                 k.offset(from[fragment % 2],
                          (part * 8 + pair) * pairBytes() + fragment / 2 * 128),
                 8);
      result.append({k.extract(two, 0), k.extract(two, 1)});
    }
  return result;
}

namespace {

/// Weights of 16 bits as they are packed.
class PackedWeights : public LeftOperand {
public:
  PackedWeights(KernelFrame &frame, const Product &product,
                const GemmTile &tile, const GemmThread &at, Value block0)
      : LeftOperand(frame.k, tile, at) {
    WeightOp weight = product.weight;
    const PackedLayout layout = weight.getPackedLayout();
    pairs = layout.paddedCols() / 2;
    packedBytes = layout.nBlock * 4;
    // A pass of all threads copies whole pairs.
    Value chunk = k.rem(thread, chunks());
    pair = k.div(thread, chunks());

    Value feature = k.mul(chunk, 4);
    Value block = k.add(block0, k.div(feature, layout.nBlock));
    first =
        k.offset(frame.row(frame.weight(weight), block, layout.blockBytes()),
                 k.add(k.mul(pair, packedBytes),
                       k.mul(k.rem(feature, layout.nBlock), 4)));
    Value isThere;
    if (tile.columns != tile.features)
      isThere = k.lessThan(feature, k.i32(static_cast<int32_t>(tile.columns)));
    if (layout.totalBlocks() % (tile.columns / layout.nBlock) != 0) {
      Value isBlock =
          k.lessThan(block, k.i32(static_cast<int32_t>(layout.totalBlocks())));
      isThere = isThere ? k.andi(isThere, isBlock) : isBlock;
    }
    if (isThere)
      size = k.select(isThere, k.i32(16), k.i32(0));
    // Places repeat every 4 pairs.
    for (int64_t pass = 0; pass < passes(); ++pass)
      targets.push_back(
          pairsPerPass() % 4 == 0 && pass > 0
              ? k.add(targets.front(), pass * pairsPerPass() * pairBytes())
              : place(k.add(pair, pass * pairsPerPass()), chunk));
  }

  Value begin() override { return first; }
  Value next(Value from) override {
    return k.offset(from, tile.step / 2 * packedBytes);
  }

  void copy(Value stage, Value from, Value step) override {
    for (int64_t pass = 0; pass < passes(); ++pass) {
      Value mine = k.add(pair, pass * pairsPerPass());
      Value bytes = size;
      if (pairs % (tile.step / 2) != 0) {
        Value isThere = k.lessThan(k.add(k.mul(step, tile.step / 2), mine),
                                   k.i32(static_cast<int32_t>(pairs)));
        bytes = k.select(isThere, size ? size : k.i32(16), k.i32(0));
      }
      auto copyPass = [&] {
        k.asyncCopy(k.offset(stage, targets[static_cast<size_t>(pass)]),
                    k.offset(from, pass * pairsPerPass() * packedBytes), bytes);
      };
      // Threads behind the last whole pair of a pass, and pairs behind those of
      // the stage, which the last pass has.
      Value copies;
      if (kThreads % chunks() != 0)
        copies = k.lessThan(
            thread, k.i32(static_cast<int32_t>(pairsPerPass() * chunks())));
      if ((pass + 1) * pairsPerPass() > tile.step / 2) {
        Value inStage =
            k.lessThan(mine, k.i32(static_cast<int32_t>(tile.step / 2)));
        copies = copies ? k.andi(copies, inStage) : inStage;
      }
      if (copies)
        k.ifThen(copies, copyPass);
      else
        copyPass();
    }
  }

private:
  int64_t pairsPerPass() const { return kThreads / chunks(); }
  int64_t passes() const {
    return (tile.step / 2 + pairsPerPass() - 1) / pairsPerPass();
  }

  int64_t pairs, packedBytes; ///< of the packed block, and of a pair there
  Value pair, first;
  Value size; ///< of a copy, null: 16 bytes
  Values targets;
};

/// A step of weights in 16 bits.
int64_t stepBytes(const GemmTile &tile) {
  return tile.step * tile.features * 2;
}

} // namespace

int64_t swallow::nvidia::leftStageBytes(PackedElement element,
                                        const GemmTile &tile) {
  return isQuantized(element)
             ? quantizedUnits(tile) * quantizedUnitBytes(element)
             : stepBytes(tile);
}

int64_t swallow::nvidia::leftBufferBytes(PackedElement element,
                                         const GemmTile &tile) {
  return isQuantized(element) ? stepBytes(tile) : 0;
}

std::unique_ptr<LeftOperand>
swallow::nvidia::makeLeftOperand(KernelFrame &frame, const Product &product,
                                 const GemmTile &tile, const GemmThread &thread,
                                 Value block0) {
  WeightOp weight = product.weight;
  if (isQuantized(weight.getPackedLayout().element))
    return makeQuantizedOperand(frame, product, tile, thread, block0);
  return std::make_unique<PackedWeights>(frame, product, tile, thread, block0);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Value RightOperand::mixer(Value row) {
  return k.rem(k.div(row, 8 / chunks()), chunks());
}

RightOperand::RightOperand(KernelFrame &frame, const GemmTile &tile,
                           const GemmThread &at, const Rows &rows, Value row0,
                           Value count)
    : k(frame.k), tile(tile), columns(rows.columns), stride(rows.stride()) {
  Value row = k.div(at.thread, chunks());
  chunk = k.rem(at.thread, chunks());
  first = k.offset(frame.row(rows.base, k.add(row0, row), stride),
                   k.mul(chunk, 16));
  // A pass takes multiples of 8 rows, whose mixers are the same.
  target =
      k.mul(k.add(k.mul(row, chunks()), exclusiveOr(k, chunk, mixer(row))), 16);
  for (int64_t pass = 0; pass < tile.rows / rowsPerPass(); ++pass)
    sizes.push_back(
        k.select(k.lessThan(k.add(row, pass * rowsPerPass()), count), k.i32(16),
                 k.i32(0)));

  // Lanes 0 .. 7 name the rows of a matrix of inputs 0 .. 7, the next ones
  // those of inputs 8 .. 15, and the other half of the warp 8 rows more.
  Value inMatrix = k.rem(at.lane, 8);
  Value mine = k.add(k.mul(at.rowWarp, tile.warpRows()), inMatrix);
  if (tile.warpRows() > 8)
    mine = k.add(mine, k.mul(k.div(at.lane, 16), 8));
  for (int64_t part = 0; part < tile.step / 16; ++part) {
    Value place = k.add(k.rem(k.div(at.lane, 8), 2), 2 * part);
    sources.push_back(k.mul(
        k.add(k.mul(mine, chunks()), exclusiveOr(k, place, mixer(inMatrix))),
        16));
  }
}

Value RightOperand::next(Value from) { return k.offset(from, rowBytes()); }

void RightOperand::copy(Value stage, Value from, Value step) {
  Value to = k.offset(stage, target);
  Value bytes;
  if (columns % tile.step != 0) {
    // What there is from the thread's first input on.
    Value rest = k.sub(k.i32(static_cast<int32_t>(columns * 2)),
                       k.add(k.mul(step, rowBytes()), k.mul(chunk, 16)));
    bytes = k.max(k.min(rest, k.i32(16)), k.i32(0));
  }
  for (auto [pass, size] : llvm::enumerate(sizes)) {
    const auto row = static_cast<int64_t>(pass) * rowsPerPass();
    k.asyncCopy(k.offset(to, row * rowBytes()), k.offset(from, row * stride),
                bytes ? k.min(bytes, size) : size);
  }
}

RightOperand::Values RightOperand::fragments(Value stage, int64_t part) {
  Value from = k.offset(stage, sources[static_cast<size_t>(part)]);
  Values result;
  for (int64_t row = 0; row < tile.warpRows(); row += 16)
    result.append(k.loadMatrices(k.offset(from, row * rowBytes()),
                                 tile.warpRows() > 8 ? 4 : 2));
  return result;
}
