//===- Product.cpp - products by a packed weight on tensor cores ----------===//

#include "targets/nvidia/product/ProductFrame.h"
#include "targets/nvidia/product/QuantProduct.h"

#include "targets/nvidia/product/Gemm.h"
#include "targets/nvidia/product/GemmInput.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

/// Inputs of one mma, and of a piece of them whose rows lie in shared memory.
constexpr int64_t kStep = 16;
/// Groups of lanes that hold rows of a fragment (PTX ISA, "Matrix Fragments for
/// mma.m16n8k16").
constexpr int64_t kGroups = 8;
constexpr int64_t kChunk = 2048;
/// Bytes between rows in shared memory: 16 more than a multiple of 128, so that
/// the 8 rows of a fragment lie in different banks.
constexpr int64_t kInputStride = kChunk * 2 + 16;
/// Most columns of a unit, given the shared memory that sums take.
constexpr int64_t kMostColumns = 256;

class ProductEmitter : ProductFrame {
public:
  ProductEmitter(KernelFrame &frame, const Product &product,
                 const PackedLayout &layout, int64_t warps)
      : ProductFrame(frame, product, layout, warps, kProductRows),
        tiles(layout.nBlock / kStep), element(product.element()) {}

  static int64_t sharedBytes(int64_t columns, int64_t warps) {
    return std::max(kProductRows * kInputStride,
                    warps * kProductRows * strideOf(columns) * 4);
  }

  void emit(function_ref<void(KernelFrame &, const Tile &)> epilogue) {
    emitPlace();
    group = k.div(lane, 4);
    inGroup = k.rem(lane, 4);
    scratch = f.shared("scratch", sharedBytes(columns, warps));
    if (hasNorm)
      emitNormSums();

    Values sums(product.unitBlocks * tiles * 4, k.zero());
    sums = forEachChunk(kChunk, sums,
                        [&](Value first, int64_t count, ValueRange in) {
                          return emitChunk(first, count, in);
                        });
    storeSums(sums);
    k.barrier();
    finish({}, epilogue);
  }

private:
  /// Features that a lane reads at a time. The 8 groups of lanes take
  /// neighbours, so that together they read whole sectors of memory.
  int64_t width() const { return tiles % 2 == 0 ? 4 : 2; }

  //===--- inputs -----------------------------------------------------------//

  /// Inputs [first, first + count) of all rows in shared memory, rounded to the
  /// product's element, zeros up to a whole step and in rows that are not
  /// there.
  void stageInputs(Value first, int64_t count) {
    Value normWeights = normWeight();
    const int64_t padded = roundUp(count, kStep);
    k.loop(k.i32(0), k.i32(kProductRows), 1, [&](Value row) {
      Value to = k.offset(scratch, k.mul(row, kInputStride));
      auto forEachPair = [&](int64_t end, function_ref<Value(Value)> pair) {
        k.loop(k.mul(thread, 2), k.i32(static_cast<int32_t>(end)),
               2 * warps * kWarp, [&](Value column) {
                 k.store(pair(column), k.offset(to, k.mul(column, 2)));
               });
      };
      k.ifThenElse(
          k.lessThan(row, rows),
          [&] {
            Value from = inputRow(row);
            Value scale;
            if (hasNorm)
              scale = normScale(row);
            auto norm = [&](Value x, Value weight) {
              return hasNorm ? k.mulf(k.mulf(x, scale), weight) : x;
            };
            auto at = [&](Value column) {
              Value index = k.add(first, column);
              Value w;
              if (hasNorm)
                w = k.loadConstant(k.f32Type(),
                                   k.offset(normWeights, k.mul(index, 4)), 4);
              return norm(loadInput(from, index), w);
            };
            // Chunks begin at even columns, and rows are aligned.
            forEachPair(count / 2 * 2, [&](Value column) {
              Value index = k.add(first, column);
              auto [x0, x1] = k.loadPair(
                  k.offset(from, k.mul(index, sizeOf(input.element))),
                  input.element);
              Value w0, w1;
              if (hasNorm) {
                Value at = k.offset(normWeights, k.mul(index, 4));
                std::tie(w0, w1) = k.loadPair(at, Element::F32);
              }
              return k.packPair(norm(x0, w0), norm(x1, w1), element);
            });
            emitPadding(to, count, padded, at);
          },
          [&] { forEachPair(padded, [&](Value) { return k.i32(0); }); });
    });
  }

  /// An odd last input, and zeros up to a whole step, by the first thread.
  void emitPadding(Value to, int64_t count, int64_t padded,
                   function_ref<Value(Value)> at) {
    if (count == padded)
      return;
    k.ifThen(k.equal(thread, k.i32(0)), [&] {
      int64_t pair = count / 2 * 2;
      if (count % 2 != 0) {
        Value last = at(k.i32(static_cast<int32_t>(pair)));
        k.store(k.packPair(last, k.zero(), element), k.offset(to, pair * 2));
        pair += 2;
      }
      for (; pair < padded; pair += 2)
        k.store(k.i32(0), k.offset(to, pair * 2));
    });
  }

  //===--- products ---------------------------------------------------------//

  /// Adds the products of inputs [first, first + count).
  Values emitChunk(Value first, int64_t count, ValueRange sums) {
    stageInputs(first, count);
    k.barrier();
    const auto whole = static_cast<int32_t>(count / kStep);
    Values result =
        k.loop(warp, k.i32(whole), warps, sums, [&](Value step, ValueRange in) {
          return emitStep(first, step, in, 8);
        });
    const int64_t rest = count % kStep;
    if (rest == 0)
      return result;
    // The last step is one warp's, which leaves out the pairs that are not
    // there.
    Value mine = k.equal(warp, k.i32(static_cast<int32_t>(whole % warps)));
    return k.ifThenElse(
        mine, TypeRange(ValueRange(result)),
        [&] { return emitStep(first, k.i32(whole), result, (rest + 1) / 2); },
        [&] { return result; });
  }

  /// One step of 16 inputs, of which `pairs` pairs are there.
  Values emitStep(Value first, Value step, ValueRange sums, int64_t pairs) {
    // Row `group` of the inputs, its pairs inGroup and inGroup + 4.
    Value at = k.offset(
        scratch, k.add(k.mul(group, kInputStride),
                       k.add(k.mul(step, kStep * 2), k.mul(inGroup, 4))));
    Values b = {k.load(k.i32Type(), at), k.load(k.i32Type(), k.offset(at, 16))};
    Value pair = k.add(k.div(first, 2), k.add(k.mul(step, 8), inGroup));
    Values result;
    for (int64_t block = 0; block < product.unitBlocks; ++block) {
      Value from = k.offset(
          k.offset(weights, block * layout.blockBytes()),
          k.add(k.mul(pair, layout.nBlock * 4), k.mul(group, width() * 4)));
      Values low = loadFeatures(from, 0, pairs);
      Values high = loadFeatures(from, 4, pairs);
      for (int64_t tile = 0; tile < tiles; ++tile) {
        ValueRange before =
            sums.slice(static_cast<size_t>((block * tiles + tile) * 4), 4);
        result.append(k.mma({low[2 * tile], low[2 * tile + 1], high[2 * tile],
                             high[2 * tile + 1]},
                            b, before, element));
      }
    }
    return result;
  }

  /// The 2 * tiles features of the lane of the pair of inputs that is `base`
  /// behind the one at `from`, zeros where the pair, number inGroup + `base` of
  /// the step, is not below `pairs`.
  Values loadFeatures(Value from, int64_t base, int64_t pairs) {
    const int64_t count = 2 * tiles;
    const int64_t offset = base * layout.nBlock * 4;
    auto load = [&] {
      Values features;
      for (int64_t at = 0; at < count; at += width())
        features.append(k.loadStream(from, offset + at * kGroups * 4, width()));
      return features;
    };
    if (base + 4 <= pairs)
      return load();
    Values zeros(count, k.i32(0));
    if (base >= pairs)
      return zeros;
    return k.ifThenElse(
        k.lessThan(inGroup, k.i32(static_cast<int32_t>(pairs - base))),
        TypeRange(ValueRange(zeros)), load, [&] { return zeros; });
  }

  //===--- sums -------------------------------------------------------------//

  /// The warp's sums, [rows][columns], in scratch.
  void storeSums(ValueRange sums) {
    Value mine = k.offset(scratch, k.mul(warp, kProductRows * stride() * 4));
    for (int64_t block = 0; block < product.unitBlocks; ++block)
      for (int64_t first = 0; first < 2 * tiles; first += width())
        for (int64_t i = 0; i < 2; ++i) {
          // Element 2 * j + i of a tile's accumulator: feature j of its two of
          // this group, row 2 * inGroup + i of the step.
          Values neighbours;
          for (int64_t feature = first; feature < first + width(); ++feature)
            neighbours.push_back(sums[static_cast<size_t>(
                (block * tiles + feature / 2) * 4 + feature % 2 * 2 + i)]);
          Value row = k.add(k.mul(inGroup, 2), i);
          Value column = k.add(k.mul(group, width()),
                               block * layout.nBlock + first * kGroups);
          k.storeNeighbours(
              neighbours,
              k.offset(mine, k.mul(k.add(k.mul(row, stride()), column), 4)));
        }
  }

  int64_t tiles; ///< of 16 features in a block
  Element element;
  Value group, inGroup;
};

} // namespace

/// The launch for few rows by a weight that is not quantised.
static void
emitFewRows(StepEmitter &step, const Product &product,
            const PackedLayout &layout,
            function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  const int64_t columns = product.unitBlocks * layout.nBlock;
  const int64_t warps = columns <= 128 ? 8 : 4;
  LaunchShape shape;
  shape.threads = warps * kWarp;
  shape.gridX = layout.totalBlocks() / product.unitBlocks * product.pieces;
  shape.rows = product.selectRows ? GridRows::Logits : GridRows::Tokens;
  shape.rowsPerBlock = kProductRows;
  shape.maxRows = kFewRows;
  step.launch(step.stageName(product.op), product.op->getLoc(), shape,
              [&](KernelFrame &frame) {
                ProductEmitter(frame, product, layout, warps).emit(epilogue);
              });
}

Element Product::element() const {
  WeightOp stored = weight;
  return stored.getPackedLayout().element == PackedElement::F16 ? Element::F16
                                                                : Element::BF16;
}

void swallow::nvidia::emitProduct(
    StepEmitter &step, const Product &product,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  WeightOp weight = product.weight;
  PackedLayout layout = weight.getPackedLayout();
  const int64_t columns = product.unitBlocks * layout.nBlock;
  if (layout.element == PackedElement::F32)
    return step.complain(product.op,
                         "has a weight in f32, which has no NVIDIA kernel");
  if (columns > kMostColumns)
    return step.complain(product.op, "has a head of " + Twine(columns) +
                                         " columns; NVIDIA kernels take " +
                                         Twine(kMostColumns));
  emitGemmInput(step, product);
  if (isQuantized(layout.element))
    emitQuantProduct(step, product, layout, epilogue);
  else
    emitFewRows(step, product, layout, epilogue);
  emitGemm(step, product, epilogue);
}

Value swallow::nvidia::biasOfUnit(KernelFrame &frame, Value bias, Value unit,
                                  int64_t columns) {
  if (!bias)
    return {};
  return frame.row(frame.weight(frame.step.weightOf(bias)), unit, columns * 4);
}
