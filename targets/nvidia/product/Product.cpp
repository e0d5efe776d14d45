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
              Value place = k.offset(from, k.mul(index, sizeOf(input.element)));
              if (!hasNorm && input.element == element)
                return k.load(k.i32Type(), place);
              auto [x0, x1] = k.loadPair(place, input.element);
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

  /// Steps of a warp whose weights are asked for together: some 16 loads.
  int64_t together() const {
    return std::clamp<int64_t>(16 / (product.unitBlocks * tiles), 1, 4);
  }
  int64_t stepBytes() const { return kStep / 2 * layout.nBlock * 4; }

  /// Adds the products of inputs [first, first + count).
  Values emitChunk(Value first, int64_t count, ValueRange sums) {
    stageInputs(first, count);
    k.barrier();
    Value pair = k.add(k.add(k.div(first, 2), k.mul(warp, kStep / 2)), inGroup);
    // The lane's weights of the warp's next step, then the sums. All that a
    // step reads is a constant behind this one pointer.
    Values carried = {k.offset(weights, k.add(k.mul(pair, layout.nBlock * 4),
                                              k.mul(group, width() * 4)))};
    carried.append(sums.begin(), sums.end());
    auto emitLoop = [&](int64_t begin, int64_t end, int64_t number) {
      if (begin < end)
        carried =
            k.loop(k.add(warp, begin), k.i32(static_cast<int32_t>(end)),
                   number * warps, carried, [&](Value step, ValueRange in) {
                     return emitSteps(step, in, number);
                   });
    };
    const int64_t whole = count / kStep;
    const int64_t grouped = roundDown(whole, together() * warps);
    emitLoop(0, grouped, together());
    emitLoop(grouped, whole, 1);
    ValueRange result = ValueRange(carried).drop_front();
    const int64_t rest = count % kStep;
    if (rest == 0)
      return Values(result);
    // The last step is one warp's, which leaves out the pairs that are not
    // there.
    Value mine = k.equal(warp, k.i32(static_cast<int32_t>(whole % warps)));
    return k.ifThenElse(
        mine, TypeRange(result),
        [&] {
          Value inputs = inputsAt(k.i32(static_cast<int32_t>(whole)));
          return multiply(loadStep(inputs, carried.front(), 0, (rest + 1) / 2),
                          result);
        },
        [&] { return Values(result); });
  }

  static int64_t roundDown(int64_t value, int64_t unit) {
    return value / unit * unit;
  }

  /// Steps `step`, and `number` - 1 more of the warp: (weights, sums) for the
  /// next.
  Values emitSteps(Value step, ValueRange in, int64_t number) {
    Value inputs = inputsAt(step);
    SmallVector<Operands> operands;
    for (int64_t i = 0; i < number; ++i)
      operands.push_back(loadStep(inputs, in.front(), i * warps, kStep / 2));
    Values sums(in.drop_front());
    for (const Operands &of : operands)
      sums = multiply(of, sums);
    Values out = {k.offset(in.front(), number * warps * stepBytes())};
    out.append(sums);
    return out;
  }

  /// Of a step: the lane's inputs of its row, and for each block of the unit
  /// its features of the pairs inGroup and inGroup + 4.
  struct Operands {
    Values inputs;
    SmallVector<Values> low, high;
  };

  /// Row `group` of the inputs from pair inGroup of a step on.
  Value inputsAt(Value step) {
    return k.offset(scratch,
                    k.add(k.mul(group, kInputStride),
                          k.add(k.mul(step, kStep * 2), k.mul(inGroup, 4))));
  }

  /// The step that is `ahead` steps behind those at `inputs` and `from`, of
  /// whose 8 pairs `pairs` are there.
  Operands loadStep(Value inputs, Value from, int64_t ahead, int64_t pairs) {
    Operands operands;
    Value at = k.offset(inputs, ahead * kStep * 2);
    operands.inputs = {k.load(k.i32Type(), at),
                       k.load(k.i32Type(), k.offset(at, 16))};
    for (int64_t block = 0; block < product.unitBlocks; ++block) {
      const int64_t offset = block * layout.blockBytes() + ahead * stepBytes();
      operands.low.push_back(loadFeatures(from, offset, 0, pairs));
      operands.high.push_back(loadFeatures(from, offset, 4, pairs));
    }
    return operands;
  }

  Values multiply(const Operands &operands, ValueRange sums) {
    Values result;
    for (auto [block, low] : llvm::enumerate(operands.low)) {
      const Values &high = operands.high[block];
      for (int64_t tile = 0; tile < tiles; ++tile)
        result.append(k.mma({low[2 * tile], low[2 * tile + 1], high[2 * tile],
                             high[2 * tile + 1]},
                            operands.inputs, sums.slice(result.size(), 4),
                            element));
    }
    return result;
  }

  /// The 2 * tiles features of the lane of the pair of inputs that is `base`
  /// behind the one at `from` + `offset`, zeros where the pair, number inGroup
  /// + `base` of the step, is not below `pairs`.
  Values loadFeatures(Value from, int64_t offset, int64_t base, int64_t pairs) {
    const int64_t count = 2 * tiles;
    offset += base * layout.nBlock * 4;
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
