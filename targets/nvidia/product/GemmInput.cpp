//===- GemmInput.cpp - rows as a GEMM takes them --------------------------===//

#include "targets/nvidia/product/GemmInput.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

constexpr int64_t kThreads = 256;

bool isPrepared(StepEmitter &step, const Product &product) {
  return product.norm || product.selectRows ||
         elementOf(step.storedType(product.input)) != product.element();
}

/// One block per row.
class InputEmitter {
  using Values = GpuBuilder::Values;

public:
  InputEmitter(KernelFrame &frame, const Product &product)
      : f(frame), k(frame.k), product(product), input(f.rowsOf(product.input)) {
  }

  void emit() {
    thread = k.thread();
    Value row = k.blockY();
    Value index = product.selectRows ? f.element(Arg::LogitRows, row) : row;
    from = f.row(input.base, index, input.stride());
    Rows rows = gemmInput(f, product);
    Value to = f.row(rows.base, row, rows.stride());
    if (product.norm)
      emitScale();

    forEachPair([&](Value pair) {
      auto [x0, x1] = inputPair(pair);
      if (product.norm) {
        auto [w0, w1] =
            k.loadPair(k.offset(weight, k.mul(pair, 8)), Element::F32);
        x0 = normalised(x0, w0);
        x1 = normalised(x1, w1);
      }
      k.store(k.packPair(x0, x1, rows.element), k.offset(to, k.mul(pair, 4)));
    });
    if (input.columns % 2 != 0)
      k.ifThen(k.equal(thread, k.i32(0)), [&] {
        Value x = lastInput();
        if (product.norm)
          x = normalised(x, k.load(k.f32Type(), k.offset(weight, last() * 4)));
        k.storeElement(x, k.offset(to, last() * 2), rows.element);
      });
  }

private:
  int64_t last() const { return input.columns - 1; }
  void forEachPair(function_ref<void(Value)> body) {
    k.loop(thread, k.i32(static_cast<int32_t>(input.columns / 2)), kThreads,
           body);
  }
  std::pair<Value, Value> inputPair(Value pair) {
    return k.loadPair(k.offset(from, k.mul(pair, 2 * sizeOf(input.element))),
                      input.element);
  }
  Value lastInput() {
    return k.loadElement(k.offset(from, last() * sizeOf(input.element)),
                         input.element);
  }
  Value normalised(Value x, Value w) { return k.mulf(k.mulf(x, scale), w); }

  /// 1 / sqrt(mean(x^2) + eps): sums of threads, then of warps in their order.
  void emitScale() {
    weight = f.weight(f.step.weightOf(product.norm));
    Value sum = k.loop(thread, k.i32(static_cast<int32_t>(input.columns / 2)),
                       kThreads, {k.zero()}, [&](Value pair, ValueRange in) {
                         auto [x0, x1] = inputPair(pair);
                         return Values{k.fma(x1, x1, k.fma(x0, x0, in[0]))};
                       })[0];
    if (input.columns % 2 != 0) {
      Value x = lastInput();
      Value square =
          k.select(k.equal(thread, k.i32(0)), k.mulf(x, x), k.zero());
      sum = k.addf(sum, square);
    }
    sum = k.warpSum(sum);
    Value sums = f.shared("sums", kThreads / kWarp * 4);
    k.ifThen(k.equal(k.lane(), k.i32(0)),
             [&] { k.store(sum, k.offset(sums, k.mul(k.warp(), 4))); });
    k.barrier();
    Value all = k.load(k.f32Type(), sums);
    for (int64_t warp = 1; warp < kThreads / kWarp; ++warp)
      all = k.addf(all, k.load(k.f32Type(), k.offset(sums, warp * 4)));
    Value mean = k.mulf(all, k.f32(1.0f / static_cast<float>(input.columns)));
    scale = k.rsqrt(k.addf(mean, k.f32(static_cast<float>(product.eps))));
  }

  KernelFrame &f;
  GpuBuilder &k;
  const Product &product;
  Rows input;
  Value thread, from, weight, scale;
};

} // namespace

void swallow::nvidia::emitGemmInput(StepEmitter &step, const Product &product) {
  if (!isPrepared(step, product))
    return;
  LaunchShape shape;
  shape.threads = kThreads;
  shape.gridX = 1;
  shape.rows = product.selectRows ? GridRows::Logits : GridRows::Tokens;
  shape.minRows = product.prepared ? 1 : kFewRows + 1;
  step.launch(step.stageName(product.op) + "_input", product.op->getLoc(),
              shape,
              [&](KernelFrame &frame) { InputEmitter(frame, product).emit(); });
}

Rows swallow::nvidia::gemmInput(KernelFrame &frame, const Product &product) {
  Rows rows = frame.rowsOf(product.input);
  if (!isPrepared(frame.step, product))
    return rows;
  return {frame.slot(frame.step.workspaceSlot(product.op, "norm")),
          rows.columns, product.element()};
}
