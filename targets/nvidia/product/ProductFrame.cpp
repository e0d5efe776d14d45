//===- ProductFrame.cpp - what kernels of products share ------------------===//

#include "targets/nvidia/product/ProductFrame.h"

#include "dialects/swallow/SplitProduct.h"
#include "targets/nvidia/product/GemmInput.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

static_assert(kFewRows == SplitProduct::kMostRows &&
                  kProductRows == SplitProduct::kBlockRows,
              "partial sums and tickets have places for as many rows");

ProductFrame::ProductFrame(KernelFrame &frame, const Product &product,
                           const PackedLayout &layout, int64_t warps,
                           int64_t rowsPerBlock)
    : f(frame), k(frame.k), product(product), layout(layout), warps(warps),
      rowsPerBlock(rowsPerBlock), columns(product.unitBlocks * layout.nBlock),
      pieceInputs(layout.cols / product.pieces),
      input(product.prepared ? gemmInput(frame, product)
                             : frame.rowsOf(product.input)),
      hasNorm(product.norm && !product.prepared),
      selectRows(product.selectRows && !product.prepared) {}

void ProductFrame::emitPlace() {
  unit = k.blockX();
  firstInput = k.i32(0);
  if (product.pieces > 1) {
    piece = k.rem(unit, product.pieces);
    unit = k.div(unit, product.pieces);
    firstInput = k.mul(piece, pieceInputs);
  }
  row0 = k.mul(k.blockY(), rowsPerBlock);
  Value all = f.count(product.selectRows ? Arg::NumLogits : Arg::NumTokens);
  rows = k.min(k.sub(all, row0), k.i32(static_cast<int32_t>(rowsPerBlock)));
  thread = k.thread();
  lane = k.rem(thread, kWarp);
  warp = k.div(thread, kWarp);
  weights = f.row(f.weight(product.weight), unit,
                  product.unitBlocks * layout.blockBytes());
}

Value ProductFrame::inputRow(Value row) {
  Value index = k.add(row0, row);
  if (selectRows)
    index = f.element(Arg::LogitRows, index);
  return f.row(input.base, index, input.stride());
}

Value ProductFrame::loadInput(Value row, Value column) {
  return k.loadElement(k.offset(row, k.mul(column, sizeOf(input.element))),
                       input.element);
}

// All threads take part in each row, so that one row takes as few turns to
// read as it can.
void ProductFrame::emitNormSums() {
  normSums = f.shared("norm_sums", rowsPerBlock * warps * 4);
  const int64_t stride = warps * kWarp;
  k.loop(k.i32(0), rows, 1, [&](Value row) {
    Value from = inputRow(row);
    auto sum = k.loop(thread, k.i32(static_cast<int32_t>(layout.cols)), stride,
                      {k.zero()}, [&](Value column, ValueRange in) {
                        Value x = loadInput(from, column);
                        return Values{k.fma(x, x, in[0])};
                      });
    Value total = k.warpSum(sum[0]);
    k.ifThen(k.equal(lane, k.i32(0)), [&] {
      k.store(total,
              k.offset(normSums, k.mul(k.add(k.mul(row, warps), warp), 4)));
    });
  });
  k.barrier();
}

Value ProductFrame::normScale(Value row) {
  Value from = k.offset(normSums, k.mul(row, warps * 4));
  Value sum = k.load(k.f32Type(), from);
  for (int64_t i = 1; i < warps; ++i)
    sum = k.addf(sum, k.load(k.f32Type(), k.offset(from, i * 4)));
  Value mean = k.mulf(sum, k.f32(1.0f / static_cast<float>(layout.cols)));
  return k.rsqrt(k.addf(mean, k.f32(static_cast<float>(product.eps))));
}

ProductFrame::Values ProductFrame::forEachChunk(int64_t chunk, Values sums,
                                                EmitChunk emitChunk) {
  const int64_t whole = pieceInputs / chunk, rest = pieceInputs % chunk;
  if (whole > 0)
    sums = k.loop(k.i32(0), k.i32(static_cast<int32_t>(whole)), 1, sums,
                  [&](Value index, ValueRange in) {
                    Value first = k.add(firstInput, k.mul(index, chunk));
                    Values out = emitChunk(first, chunk, in);
                    k.barrier(); // its rows have been read
                    return out;
                  });
  if (rest > 0) {
    sums = emitChunk(k.add(firstInput, whole * chunk), rest, sums);
    k.barrier();
  }
  return sums;
}

Value ProductFrame::normWeight() {
  if (!hasNorm)
    return {};
  return f.weight(f.step.weightOf(product.norm));
}

void ProductFrame::sumWarps(
    function_ref<void(Value sum, Value index, Value at)> body) {
  const int64_t plane = rowsPerBlock * stride() * 4;
  k.loop(thread, k.mul(rows, columns), warps * kWarp, [&](Value index) {
    Value at = sumAt(index);
    Value sum = k.load(k.f32Type(), at);
    for (int64_t other = 1; other < warps; ++other)
      sum = k.addf(sum, k.load(k.f32Type(), k.offset(at, other * plane)));
    body(sum, index, at);
  });
}

Value ProductFrame::sumAt(Value index) {
  Value row = k.div(index, columns), column = k.rem(index, columns);
  return k.offset(scratch, k.mul(k.add(k.mul(row, stride()), column), 4));
}

void ProductFrame::finish(function_ref<Value(Value sum, Value index)> scale,
                          Epilogue epilogue) {
  auto emitEpilogue = [&] {
    if (!product.ownResults)
      k.barrier();
    epilogue(f, {unit, row0, rows, scratch, columns, stride(), warps * kWarp});
  };
  if (piece)
    return finishPiece(scale, emitEpilogue);
  sumWarps([&](Value sum, Value index, Value at) {
    k.store(scale ? scale(sum, index) : sum, at);
  });
  emitEpilogue();
}

/// The last of a unit's blocks to come here adds up what all have.
void ProductFrame::finishPiece(
    function_ref<Value(Value sum, Value index)> scale,
    function_ref<void()> epilogue) {
  const int64_t units = layout.totalBlocks() / product.unitBlocks;
  const int64_t plane = rowsPerBlock * columns * 4;
  Value tile =
      k.add(k.mul(k.blockY(), k.i32(static_cast<int32_t>(units))), unit);
  Value partials =
      f.row(f.slot(f.step.workspaceSlot(product.op, "product_partials")), tile,
            product.pieces * plane);
  Value ticket =
      k.offset(f.slot(f.step.workspaceSlot(product.op, "product_tickets")),
               k.mul(tile, 4));
  Value mine = k.offset(partials, k.mul(piece, plane));
  sumWarps([&](Value sum, Value index, Value) {
    k.store(scale ? scale(sum, index) : sum, k.offset(mine, k.mul(index, 4)));
  });
  Value last = k.i32(static_cast<int32_t>(product.pieces - 1));
  k.ifThen(f.isLastBlock(ticket, last), [&] {
    k.loop(thread, k.mul(rows, columns), warps * kWarp, [&](Value index) {
      Value at = k.offset(partials, k.mul(index, 4));
      Value sum = k.load(k.f32Type(), at);
      for (int64_t other = 1; other < product.pieces; ++other)
        sum = k.addf(sum, k.load(k.f32Type(), k.offset(at, other * plane)));
      k.store(sum, sumAt(index));
    });
    epilogue();
  });
}
