//===- ProductFrame.cpp - what kernels of products share ------------------===//

#include "targets/nvidia/ProductFrame.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

ProductFrame::ProductFrame(KernelFrame &frame, const Product &product,
                           const PackedLayout &layout, int64_t warps,
                           int64_t rowsPerBlock)
    : f(frame), k(frame.k), product(product), layout(layout), warps(warps),
      rowsPerBlock(rowsPerBlock), columns(product.unitBlocks * layout.nBlock),
      input(frame.rowsOf(product.input)) {}

void ProductFrame::emitPlace() {
  unit = k.blockX();
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
  if (product.selectRows)
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

Value ProductFrame::normWeight() {
  if (!product.norm)
    return {};
  return f.weight(f.step.weightOf(product.norm));
}

void ProductFrame::sumWarps(
    function_ref<Value(Value sum, Value index)> finish) {
  const int64_t plane = rowsPerBlock * columns * 4;
  k.loop(thread, k.i32(static_cast<int32_t>(rowsPerBlock * columns)),
         warps * kWarp, [&](Value index) {
           Value at = k.offset(scratch, k.mul(index, 4));
           Value sum = k.load(k.f32Type(), at);
           for (int64_t other = 1; other < warps; ++other)
             sum =
                 k.addf(sum, k.load(k.f32Type(), k.offset(at, other * plane)));
           k.store(finish ? finish(sum, index) : sum, at);
         });
}
