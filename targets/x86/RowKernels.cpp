//===- RowKernels.cpp - embedding with the RoPE table, row selection ------===//

#include "targets/x86/StepEmitter.h"
#include "targets/x86/quant/QuantProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

//===----------------------------------------------------------------------===//
// Sine and cosine
//===----------------------------------------------------------------------===//

/// Lanes of the f64 vectors in which angles are reduced.
constexpr int64_t kAngleLanes = 8;

/// cos and sin of f32 angles, through f64: positions reach 2^17 and the angle
/// of the fastest frequency is the position itself, so the reduction by
/// multiples of pi/2 needs the precision. Taylor series on [-pi/4, pi/4], error
/// under 1e-11.
static std::pair<Value, Value> cosSin(KernelBuilder &k, Value angle) {
  ImplicitLocOpBuilder &b = k.ops();
  auto type = VectorType::get({kAngleLanes}, b.getF64Type());
  auto ints = VectorType::get({kAngleLanes}, b.getI32Type());
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, value));
  };
  auto integer = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(ints, value));
  };
  Value x = arith::ExtFOp::create(b, type, angle);
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
  Value quadrant = arith::FPToSIOp::create(b, ints, turns);
  auto bit = [&](Value value, int32_t mask) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                 arith::AndIOp::create(b, value, integer(mask)),
                                 integer(0));
  };
  Value swap = bit(quadrant, 1);
  Value sinNegative = bit(quadrant, 2);
  Value cosNegative = bit(arith::AddIOp::create(b, quadrant, integer(1)), 2);
  Value cosine = k.select(swap, sin, cos);
  Value sine = k.select(swap, cos, sin);
  auto negateIf = [&](Value condition, Value value) {
    return k.select(condition, k.subf(constant(0.0), value), value);
  };
  Type f32 = VectorType::get({kAngleLanes}, b.getF32Type());
  return {arith::TruncFOp::create(b, f32, negateIf(cosNegative, cosine)),
          arith::TruncFOp::create(b, f32, negateIf(sinNegative, sine))};
}

/// The cosines, then the sines, of one row's angles. Whole vectors are stored:
/// what the cosines write too far the sines overwrite, and the sines end within
/// the row's padding.
static void emitRopeRow(KernelFrame &frame, RopeAttr rope, int64_t headDim,
                        Value position, Value row) {
  KernelBuilder &k = frame.k;
  ImplicitLocOpBuilder &b = k.ops();
  std::vector<float> frequencies = ropeInverseFrequencies(rope, headDim);
  int64_t half = headDim / 2;
  frequencies.resize(roundUp(half, kAngleLanes), 0.0f);
  Value table = frame.step.constantArray(k, "rope_frequencies", frequencies);
  Value p = arith::SIToFPOp::create(b, k.f32Type(), position);
  Value wide = k.splat(p, kAngleLanes);
  for (bool sine : {false, true})
    k.loop(k.i64(0), k.i64(half), kAngleLanes, [&](Value i) {
      Value at = k.mul(i, 4);
      // f32 like transformers, so that angles are bit-equal to its own.
      Value angle = k.mulf(wide, k.loadVector(k.offset(table, at), Element::F32,
                                              kAngleLanes, kAngleLanes));
      auto [c, s] = cosSin(k, angle);
      k.storeVector(sine ? s : c, k.offset(row, k.add(at, sine ? half * 4 : 0)),
                    Element::F32);
    });
}

//===----------------------------------------------------------------------===//
// Embedding
//===----------------------------------------------------------------------===//

/// A row of a plain table, converted to f32 and padded with zeros.
static void emitPlainRow(KernelBuilder &k, Value src, Value dst,
                         int64_t columns, Element element) {
  int64_t whole = columns / k.lanes() * k.lanes();
  k.loop(k.i64(0), k.i64(whole), k.lanes(), [&](Value at) {
    Value x = k.loadVector(k.offset(src, k.mul(at, sizeOf(element))), element);
    k.storeVector(x, k.offset(dst, k.mul(at, 4)), Element::F32);
  });
  for (int64_t at = whole; at < roundUp(columns, 16); at += k.lanes()) {
    int64_t count = std::max<int64_t>(0, columns - at);
    Value x = count > 0 ? k.loadVector(k.offset(src, at * sizeOf(element)),
                                       element, k.lanes(), count)
                        : k.zero();
    k.storeVector(x, k.offset(dst, at * 4), Element::F32);
  }
}

/// A row of a table that is packed as the LM head which it also is: its
/// elements lie kGroup together, nBlock * kGroup apart.
static void emitPackedRow(KernelBuilder &k, Value table, Value id, Value dst,
                          const PackedLayout &layout, Element element) {
  int64_t size = sizeOf(element);
  Value block = k.div(id, layout.nBlock);
  Value column = k.rem(id, layout.nBlock);
  Value src = k.offset(table, k.add(k.mul(block, layout.blockBytes()),
                                    k.mul(column, layout.kGroup * size)));
  auto copy = [&](Value at, Value group, int64_t inGroup) {
    Value x = k.loadScalar(
        k.offset(src, k.add(k.mul(group, layout.nBlock * layout.kGroup * size),
                            inGroup * size)),
        element);
    k.store(x, k.offset(dst, k.mul(at, 4)));
  };
  int64_t groups = layout.cols / layout.kGroup;
  k.loop(k.i64(0), k.i64(groups), 1, [&](Value group) {
    for (int64_t i = 0; i < layout.kGroup; ++i)
      copy(k.add(k.mul(group, layout.kGroup), i), group, i);
  });
  int64_t done = groups * layout.kGroup;
  for (int64_t at = done; at < layout.cols; ++at)
    copy(k.i64(at), k.i64(groups), at - done);
  for (int64_t at = layout.cols; at < roundUp(layout.cols, 16); ++at)
    k.store(k.f32(0.0f), k.offset(dst, at * 4));
}

/// The RoPE of the model's attention, if it has one.
static FusedQkvOp findQkv(ModuleOp module) {
  FusedQkvOp found;
  module.walk([&](FusedQkvOp op) { found = op; });
  return found;
}

void swallow::x86::emitEmbedding(KernelFrame &frame, EmbeddingOp op) {
  KernelBuilder &k = frame.k;
  StepEmitter &step = frame.step;
  Rows hidden = step.rowsOf(frame, op.getResult());
  WeightOp weight = step.weightOf(op.getTable());
  PackedLayout layout = weight.getPackedLayout();
  const Element element =
      isQuantized(layout.element) ? Element::F32 : elementOf(layout.element);
  Value table = frame.weight(weight);
  FusedQkvOp qkv = findQkv(step.plannedModule());
  auto [begin, end] = frame.share(frame.integer(Arg::NumTokens));
  k.loop(begin, end, 1, [&](Value row) {
    Value id = frame.element(Arg::TokenIds, row);
    Value dst = k.offset(hidden.base, k.mul(row, hidden.stride()));
    if (isQuantized(layout.element))
      emitQuantizedTableRow(step, k, layout, table, id, dst);
    else if (layout.nBlock == 0)
      emitPlainRow(k, k.offset(table, k.mul(id, layout.cols * sizeOf(element))),
                   dst, layout.cols, element);
    else
      emitPackedRow(k, table, id, dst, layout, element);
    if (qkv) {
      int64_t headDim = qkv.getKv().getType().getHeadDim();
      Rows rope{frame.slot(step.workspaceSlot(op, "rope")), headDim,
                Element::F32};
      emitRopeRow(frame, qkv.getRope(), headDim,
                  frame.element(Arg::Positions, row),
                  k.offset(rope.base, k.mul(row, rope.stride())));
    }
  });
}

//===----------------------------------------------------------------------===//
// Row selection
//===----------------------------------------------------------------------===//

void swallow::x86::emitSelectRows(KernelFrame &frame, SelectRowsOp op) {
  KernelBuilder &k = frame.k;
  Rows source = frame.step.rowsOf(frame, op.getInput());
  Value logits = frame.pointer(Arg::Logits);
  int64_t size = sizeOf(source.element);
  auto [begin, end] = frame.share(frame.integer(Arg::NumLogits));
  k.loop(begin, end, 1, [&](Value row) {
    Value from = frame.element(Arg::LogitRows, row);
    Value src = k.offset(source.base, k.mul(from, source.stride()));
    Value dst = k.offset(logits, k.mul(row, source.columns * 4));
    int64_t whole = source.columns / k.lanes() * k.lanes();
    k.loop(k.i64(0), k.i64(whole), k.lanes(), [&](Value at) {
      k.storeVector(
          k.loadVector(k.offset(src, k.mul(at, size)), source.element),
          k.offset(dst, k.mul(at, 4)), Element::F32);
    });
    if (int64_t rest = source.columns - whole)
      k.storeVector(k.loadVector(k.offset(src, whole * size), source.element,
                                 k.lanes(), rest),
                    k.offset(dst, whole * 4), Element::F32, rest);
  });
}
