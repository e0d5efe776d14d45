//===- RowKernels.cpp - embedding with the RoPE table, row selection ------===//

#include "targets/nvidia/LikeliestToken.h"
#include "targets/nvidia/product/QuantCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {
using Values = GpuBuilder::Values;

constexpr int64_t kThreads = 256;

/// cos and sin of an f32 angle, through f64: positions reach 2^17 and the angle
/// of the fastest frequency is the position itself, so the reduction by
/// multiples of pi/2 needs the precision. Taylor series on [-pi/4, pi/4], error
/// under 1e-11.
std::pair<Value, Value> cosSin(GpuBuilder &k, Value angle) {
  ImplicitLocOpBuilder &b = k.ops();
  Type f64 = b.getF64Type();
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  };
  Value x = arith::ExtFOp::create(b, f64, angle);
  Value turns = LLVM::RintOp::create(
      b, k.mulf(x, constant(0.63661977236758134308))); // 2 / pi
  // pi/2 in two parts, the first with 33 bits, so that turns * high is exact.
  Value r = k.fma(turns, constant(-1.57079632673412561417), x);
  r = k.fma(turns, constant(-6.07710050650619224932e-11), r);
  Value z = k.mulf(r, r);
  auto series = [&](std::initializer_list<double> coefficients) {
    Value sum;
    for (double c : coefficients)
      sum = sum ? k.fma(sum, z, constant(c)) : constant(c);
    return sum;
  };
  Value cos = series({1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720,
                      1.0 / 24, -0.5, 1.0});
  Value sin = k.mulf(r, series({-1.0 / 39916800, 1.0 / 362880, -1.0 / 5040,
                                1.0 / 120, -1.0 / 6, 1.0}));
  // Quadrant q: (cos, sin) is (c, s), (-s, c), (-c, -s), (s, -c).
  Value quadrant = arith::FPToSIOp::create(b, k.i32Type(), turns);
  auto bit = [&](Value value, int32_t mask) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                 k.andi(value, k.i32(mask)), k.i32(0));
  };
  Value swap = bit(quadrant, 1);
  Value cosine = k.select(swap, sin, cos), sine = k.select(swap, cos, sin);
  auto negateIf = [&](Value condition, Value value) {
    return k.select(condition, k.subf(constant(0.0), value), value);
  };
  auto narrow = [&](Value value) -> Value {
    return arith::TruncFOp::create(b, k.f32Type(), value);
  };
  return {narrow(negateIf(bit(k.add(quadrant, 1), 2), cosine)),
          narrow(negateIf(bit(quadrant, 2), sine))};
}

/// The cosines, then the sines, of the row's angles.
void emitRopeRow(KernelFrame &f, RopeAttr rope, int64_t headDim, Value row,
                 Value to) {
  GpuBuilder &k = f.k;
  const int64_t half = headDim / 2;
  Value table = f.step.constantArray(k, "rope_frequencies",
                                     ropeInverseFrequencies(rope, headDim));
  Value position = k.toFloat(f.element(Arg::Positions, row));
  k.loop(k.thread(), k.i32(static_cast<int32_t>(half)), kThreads, [&](Value i) {
    Value at = k.mul(i, 4);
    // f32 like transformers, so that angles are bit-equal to its own.
    Value angle =
        k.mulf(position, k.loadConstant(k.f32Type(), k.offset(table, at), 4));
    auto [cos, sin] = cosSin(k, angle);
    k.store(cos, k.offset(to, at));
    k.store(sin, k.offset(to, k.add(at, half * 4)));
  });
}

/// Byte offset of input `column` of row `id` of a table that lies row-major, or
/// packed as the LM head which it also is.
Value tableOffset(GpuBuilder &k, const PackedLayout &layout, Value id,
                  Value column, int64_t size) {
  Value wideId = k.toI64(id), wideColumn = k.toI64(column);
  if (layout.nBlock == 0)
    return k.mul(k.add(k.mul(wideId, layout.cols), wideColumn), size);
  const int64_t g = layout.kGroup;
  Value inBlock = k.add(k.mul(k.div(wideColumn, g), layout.nBlock),
                        k.rem(wideId, layout.nBlock));
  Value element = k.add(k.mul(inBlock, g), k.rem(wideColumn, g));
  return k.add(k.mul(k.div(wideId, layout.nBlock), layout.blockBytes()),
               k.mul(element, size));
}

/// Row `id` of a table of plain elements to `to`.
void emitPlainRow(GpuBuilder &k, const PackedLayout &layout, Element element,
                  Value table, Value id, Value to) {
  k.loop(k.thread(), k.i32(static_cast<int32_t>(layout.cols)), kThreads,
         [&](Value column) {
           Value from = k.offset(
               table, tableOffset(k, layout, id, column, sizeOf(element)));
           k.store(k.loadElement(from, element),
                   k.offset(to, k.mul(column, 4)));
         });
}

/// The same of a quantised table. A thread takes a group of inputs at a time.
void emitQuantizedRow(KernelFrame &f, const PackedLayout &layout, Value table,
                      Value id, Value to) {
  GpuBuilder &k = f.k;
  Value block = f.row(table, k.div(id, layout.nBlock), layout.blockBytes());
  Value column = k.rem(id, layout.nBlock);
  Value blockScale = k.loadConstant(k.f32Type(), block, 4);
  Value groups = k.offset(block, kQuantHeaderBytes);
  const int64_t whole = layout.cols / kQuantGroup;
  auto emitGroup = [&](Value group, int64_t count) {
    Value from =
        f.row(groups, group, quantGroupBytes(layout.element, layout.nBlock));
    // The word of the scales that has the column's byte.
    Value scales = k.loadConstant(
        k.i32Type(), k.offset(from, k.mul(k.div(column, 4), 4)), 4);
    Value byte = k.permute(scales, scales, k.rem(column, 4));
    Value scale = k.mulf(blockScale, quantScales(k, byte)[0]);
    Values planes;
    for (int64_t p = 0; p < quantPlanes(layout.element); ++p)
      planes.push_back(k.loadConstant(
          k.i32Type(),
          k.offset(from, k.add(k.mul(column, 4), layout.nBlock * (1 + 4 * p))),
          4));
    Values levels = quantLevels(k, layout.element, planes);
    for (int64_t i = 0; i < kQuantGroup; ++i) {
      const int64_t input = quantInputOrder(layout.element, i);
      if (input >= count)
        continue;
      Value level = k.toFloat(quantLevel(
          k, layout.element, levels[static_cast<size_t>(i / 4)], i % 4));
      Value at = k.add(k.mul(group, kQuantGroup * 4), input * 4);
      k.store(k.mulf(scale, level), k.offset(to, at));
    }
  };
  k.loop(k.thread(), k.i32(static_cast<int32_t>(whole)), kThreads,
         [&](Value group) { emitGroup(group, kQuantGroup); });
  if (const int64_t rest = layout.cols % kQuantGroup)
    k.ifThen(k.equal(k.thread(), k.i32(0)),
             [&] { emitGroup(k.i32(static_cast<int32_t>(whole)), rest); });
}
} // namespace

void swallow::nvidia::emitKernels(StepEmitter &step, EmbeddingOp op) {
  WeightOp weight = step.weightOf(op.getTable());
  PackedLayout layout = weight.getPackedLayout();
  FusedQkvOp qkv;
  step.plannedModule().walk([&](FusedQkvOp found) { qkv = found; });
  LaunchShape shape;
  shape.threads = kThreads;
  shape.gridX = 1;
  shape.rows = GridRows::Tokens;
  step.launch("embedding", op->getLoc(), shape, [&](KernelFrame &f) {
    GpuBuilder &k = f.k;
    Value row = k.blockY();
    Value id = f.element(Arg::TokenIds, row);
    // One that wants logits is a row of the step, so there are rows enough.
    clearLikeliest(f, row);
    Value table = f.weight(weight);
    Rows hidden = f.rowsOf(op.getResult());
    Value to = f.row(hidden.base, row, hidden.stride());
    if (isQuantized(layout.element))
      emitQuantizedRow(f, layout, table, id, to);
    else
      emitPlainRow(
          k, layout,
          elementOf(
              cast<RankedTensorType>(op.getTable().getType()).getElementType()),
          table, id, to);
    if (!qkv)
      return;
    const int64_t headDim = qkv.getKv().getType().getHeadDim();
    Value rope = f.slot(step.workspaceSlot(op, "rope"));
    emitRopeRow(f, qkv.getRope(), headDim, row,
                f.row(rope, row, roundUp(headDim * 4, 64)));
  });
}

//===----------------------------------------------------------------------===//
// Row selection
//===----------------------------------------------------------------------===//

void swallow::nvidia::emitKernels(StepEmitter &step, SelectRowsOp op) {
  LaunchShape shape;
  shape.threads = kThreads;
  shape.gridX = 1;
  shape.rows = GridRows::Logits;
  step.launch("select_rows", op->getLoc(), shape, [&](KernelFrame &f) {
    GpuBuilder &k = f.k;
    Rows source = f.rowsOf(op.getInput());
    Value from = f.row(source.base, f.element(Arg::LogitRows, k.blockY()),
                       source.stride());
    Value to = f.row(f.pointer(Arg::Logits), k.blockY(), source.columns * 4);
    const LikeliestToken none = noToken(k);
    Values best = k.loop(
        k.thread(), k.i32(static_cast<int32_t>(source.columns)), kThreads,
        {none.logit, none.token}, [&](Value column, ValueRange in) {
          Value x = k.loadElement(
              k.offset(from, k.mul(column, sizeOf(source.element))),
              source.element);
          k.store(x, k.offset(to, k.mul(column, 4)));
          auto [logit, token] = likelier(k, {in[0], in[1]}, {x, column});
          return Values{logit, token};
        });
    raiseLikeliest(f, k.blockY(), {best[0], best[1]});
  });
}
