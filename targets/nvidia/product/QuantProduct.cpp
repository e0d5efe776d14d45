//===- QuantProduct.cpp - products by a quantised weight, few rows --------===//

#include "targets/nvidia/product/QuantProduct.h"

#include "targets/nvidia/product/ProductFrame.h"
#include "targets/nvidia/product/QuantCodes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

namespace {

/// Features that a lane takes of a block.
constexpr int64_t kFeatures = 4;
/// Inputs that share a scale.
constexpr int64_t kScaleInputs = 32;
/// Inputs that a warp quantises at a time.
constexpr int64_t kSegment = kWarp * 4;
/// Inputs times rows that lie in shared memory at a time, a byte each.
constexpr int64_t kStagedInputs = 32768;
/// An integer below 2^22 in magnitude, added to these bits, is the f32 of this
/// number and the integer: what would need a conversion needs a subtraction.
constexpr float kMagic = 12582912.0f;

class QuantProductEmitter : ProductFrame {
public:
  QuantProductEmitter(KernelFrame &frame, const Product &product,
                      const PackedLayout &layout, int64_t warps,
                      int64_t rowsPerBlock)
      : ProductFrame(frame, product, layout, warps, rowsPerBlock),
        featureLanes(layout.nBlock / kFeatures),
        groupLanes(kWarp / featureLanes),
        groupBytes(quantGroupBytes(layout.element, layout.nBlock)),
        chunk(std::min(kStagedInputs / rowsPerBlock,
                       roundUp(pieceInputs, kSegment))) {}

  void emit(function_ref<void(KernelFrame &, const Tile &)> epilogue) {
    emitPlace();
    scratch = f.shared(
        "scratch", rowsPerBlock * std::max(rowBytes(), warps * stride() * 4));
    quad = k.rem(lane, featureLanes);
    slot = k.add(k.mul(warp, groupLanes), k.div(lane, featureLanes));
    if (hasNorm)
      emitNormSums();

    Values sums(product.unitBlocks * kFeatures * rowsPerBlock, k.zero());
    sums = forEachChunk(chunk, sums,
                        [&](Value first, int64_t count, ValueRange in) {
                          return emitChunk(first, count, in);
                        });
    storeSums(sums);
    k.barrier();
    finish(
        [&](Value sum, Value index) {
          Value block = k.div(k.rem(index, columns), layout.nBlock);
          Value scale = k.loadConstant(
              k.f32Type(), f.row(weights, block, layout.blockBytes()), 4);
          return k.mulf(sum, scale);
        },
        epilogue);
  }

private:
  /// Bytes of a row in shared memory: codes, then scales.
  int64_t rowBytes() const { return chunk + chunk / kScaleInputs * 4; }

  //===--- inputs -----------------------------------------------------------//

  /// Inputs [first, first + count) of all rows as codes and scales in shared
  /// memory, zeros up to a whole segment and in rows that are not there.
  void stageInputs(Value first, int64_t count) {
    Value weight = normWeight();
    const int64_t segments = (count + kSegment - 1) / kSegment;
    // Several loads under way before the first codes.
    const int64_t together = segments % (4 * warps) == 0   ? 4
                             : segments % (2 * warps) == 0 ? 2
                                                           : 1;
    k.loop(k.i32(0), k.i32(static_cast<int32_t>(rowsPerBlock)), 1,
           [&](Value row) {
             Value to = k.offset(scratch, k.mul(row, rowBytes()));
             Value isThere = k.lessThan(row, rows);
             Value scale;
             if (hasNorm)
               scale = k.ifThenElse(
                   isThere, types(k.f32Type(), 1),
                   [&] { return Values{normScale(row)}; },
                   [&] { return Values{k.zero()}; })[0];
             k.loop(warp, k.i32(static_cast<int32_t>(segments)),
                    warps * together, [&](Value segment) {
                      Values places;
                      SmallVector<Values> x;
                      for (int64_t i = 0; i < together; ++i) {
                        places.push_back(
                            k.add(k.mul(k.add(segment, i * warps), kSegment),
                                  k.mul(lane, 4)));
                        x.push_back(k.ifThenElse(
                            isThere, types(k.f32Type(), 4),
                            [&] {
                              return inputs(row, scale, first, places.back(),
                                            count, weight);
                            },
                            [&] { return Values(4, k.zero()); }));
                      }
                      for (auto [place, values] : llvm::zip(places, x))
                        quantize(values, to, place);
                    });
           });
  }

  static SmallVector<Type> types(Type type, size_t count) {
    return SmallVector<Type>(count, type);
  }

  /// Four inputs from `first` + `at`, normalised; 0 from `count` on.
  Values inputs(Value row, Value scale, Value first, Value at, int64_t count,
                Value weight) {
    Value from = inputRow(row);
    Value column = k.add(first, at);
    auto normalise = [&](Value x, Value w) {
      return hasNorm ? k.mulf(k.mulf(x, scale), w) : x;
    };
    auto four = [&] {
      Values x = loadFour(from, column, input.element);
      if (!hasNorm)
        return x;
      Value w = k.loadConstant(k.vectorOf(k.f32Type(), 4),
                               k.offset(weight, k.mul(column, 4)), 16);
      for (int64_t i = 0; i < 4; ++i)
        x[static_cast<size_t>(i)] =
            normalise(x[static_cast<size_t>(i)], k.extract(w, i));
      return x;
    };
    if (count % kSegment == 0)
      return four();
    auto end = k.i32(static_cast<int32_t>(count));
    auto one = [&](int64_t i) {
      Value index = k.add(column, i);
      return k.ifThenElse(
          k.lessThan(k.add(at, i), end), types(k.f32Type(), 1),
          [&] {
            Value w;
            if (hasNorm)
              w = k.loadConstant(k.f32Type(), k.offset(weight, k.mul(index, 4)),
                                 4);
            return Values{normalise(loadInput(from, index), w)};
          },
          [&] { return Values{k.zero()}; })[0];
    };
    return k.ifThenElse(
        k.lessThan(k.add(at, 3), end), types(k.f32Type(), 4), four,
        [&] { return Values{one(0), one(1), one(2), k.zero()}; });
  }

  Values loadFour(Value row, Value column, Element element) {
    Value at = k.offset(row, k.mul(column, sizeOf(element)));
    if (element == Element::F32) {
      Value four = k.load(k.vectorOf(k.f32Type(), 4), at, 16);
      return {k.extract(four, 0), k.extract(four, 1), k.extract(four, 2),
              k.extract(four, 3)};
    }
    Value pairs = k.load(k.vectorOf(k.i32Type(), 2), at, 8);
    Value first = k.extract(pairs, 0), second = k.extract(pairs, 1);
    return {k.lowHalf(first, element), k.highHalf(first, element),
            k.lowHalf(second, element), k.highHalf(second, element)};
  }

  /// Stores the codes of the lane's four inputs, and the scale that it shares
  /// with seven neighbours: the largest magnitude becomes 127.
  void quantize(ValueRange x, Value to, Value at) {
    Value largest = k.absf(x[0]);
    for (Value value : x.drop_front())
      largest = k.maxf(largest, k.absf(value));
    for (int64_t mask = 1; mask < kScaleInputs / 4; mask *= 2)
      largest = k.maxf(largest, k.shuffleXor(largest, mask));
    Value positive = arith::CmpFOp::create(k.ops(), arith::CmpFPredicate::OGT,
                                           largest, k.f32(1e-30f));
    Value inverse = k.select(
        positive, k.mulf(k.reciprocal(largest), k.f32(127.0f)), k.zero());
    Values codes;
    for (Value value : x)
      codes.push_back(k.bitcast(k.i32Type(),
                                k.addf(k.mulf(value, inverse), k.f32(kMagic))));
    Value low = k.permute(codes[0], codes[1], k.i32(0x0040));
    Value high = k.permute(codes[2], codes[3], k.i32(0x0040));
    Value word = k.permute(low, high, k.i32(0x5410));
    if (layout.element == PackedElement::I4) {
      // The order of quantInputOrder: a word is two inputs of each of two
      // neighbouring lanes.
      Value other = k.shuffleXor(word, 1);
      Value isEven = k.equal(k.andi(lane, k.i32(1)), k.i32(0));
      word = k.permute(word, other,
                       k.select(isEven, k.i32(0x5140), k.i32(0x3726)));
    }
    k.store(word, k.offset(to, at));
    k.ifThen(k.equal(k.rem(lane, kScaleInputs / 4), k.i32(0)), [&] {
      Value place = k.mul(k.div(at, kScaleInputs), 4);
      k.store(k.mulf(largest, k.f32(1.0f / 127.0f)),
              k.offset(to, k.add(place, chunk)));
    });
  }

  //===--- products ---------------------------------------------------------//

  /// What a lane reads of a group of a block: scales and planes of its four
  /// features.
  struct GroupWords {
    Value scales;
    Values planes; ///< [plane][feature]
  };

  GroupWords loadGroup(Value from) {
    GroupWords words;
    words.scales =
        k.loadConstant(k.i32Type(), k.offset(from, k.mul(quad, kFeatures)), 4);
    Value planes = k.offset(from, k.mul(quad, kFeatures * 4));
    for (int64_t p = 0; p < quantPlanes(layout.element); ++p)
      words.planes.append(k.loadStream(
          planes, layout.nBlock + p * layout.nBlock * 4, kFeatures));
    return words;
  }

  /// Adds the products of inputs [first, first + count).
  Values emitChunk(Value first, int64_t count, ValueRange sums) {
    stageInputs(first, count);
    k.barrier();
    const int64_t groups = (count + kQuantGroup - 1) / kQuantGroup;
    const int64_t slots = warps * groupLanes;
    // Two groups at a time, so that more loads are under way.
    const int64_t paired = groups / (2 * slots) * (2 * slots);
    Value from = k.offset(f.row(weights, k.div(first, kQuantGroup), groupBytes),
                          kQuantHeaderBytes);
    Values carried = {k.offset(from, k.mul(slot, groupBytes))};
    carried.append(sums.begin(), sums.end());
    carried = emitGroups(k.i32(0), paired, 2, carried);
    carried =
        emitGroups(k.i32(static_cast<int32_t>(paired)), groups, 1, carried);
    return Values(carried.begin() + 1, carried.end());
  }

  /// Groups from `begin` to `end` of the chunk, `together` at a time. `carried`
  /// is where the lane's next group lies, and the sums.
  Values emitGroups(Value begin, int64_t end, int64_t together,
                    Values carried) {
    const int64_t slots = warps * groupLanes;
    Value last = k.i32(static_cast<int32_t>(end));
    Value mine = k.add(begin, slot);
    if (featureLanes * groupLanes < kWarp) // the lanes left over have nothing
      mine = k.select(k.lessThan(lane, k.i32(static_cast<int32_t>(featureLanes *
                                                                  groupLanes))),
                      mine, last);
    return k.loop(
        mine, last, together * slots, carried, [&](Value group, ValueRange in) {
          SmallVector<GroupWords> words;
          for (int64_t i = 0; i < together; ++i)
            for (int64_t block = 0; block < product.unitBlocks; ++block)
              words.push_back(
                  loadGroup(k.offset(in[0], i * slots * groupBytes +
                                                block * layout.blockBytes())));
          Values out(in.begin(), in.end());
          for (int64_t i = 0; i < together; ++i)
            multiply(k.add(group, i * slots),
                     ArrayRef(words).slice(
                         static_cast<size_t>(i * product.unitBlocks),
                         static_cast<size_t>(product.unitBlocks)),
                     MutableArrayRef<Value>(out).drop_front());
          out[0] = k.offset(in[0], together * slots * groupBytes);
          return out;
        });
  }

  /// Adds the products of one group of the chunk, of all blocks of the unit.
  void multiply(Value group, ArrayRef<GroupWords> words,
                MutableArrayRef<Value> sums) {
    // Of each row: four words of codes, what sums start from, the scale.
    SmallVector<Values> codes;
    Values starts, rowScales;
    for (int64_t row = 0; row < rowsPerBlock; ++row) {
      Value from = k.offset(scratch, row * rowBytes());
      Value four = k.load(k.vectorOf(k.i32Type(), 4),
                          k.offset(from, k.mul(group, kQuantGroup)), 16);
      codes.push_back({k.extract(four, 0), k.extract(four, 1),
                       k.extract(four, 2), k.extract(four, 3)});
      starts.push_back(start(codes.back()));
      rowScales.push_back(
          k.load(k.f32Type(),
                 k.offset(from, k.add(k.mul(k.div(group, 2), 4), chunk))));
    }
    const bool isCode = quantLevelsAreCodes(layout.element);
    for (auto [block, loaded] : llvm::enumerate(words)) {
      Values scales = quantScales(k, loaded.scales);
      for (int64_t i = 0; i < kFeatures; ++i) {
        Values planes;
        for (int64_t p = 0; p < quantPlanes(layout.element); ++p)
          planes.push_back(
              loaded.planes[static_cast<size_t>(p * kFeatures + i)]);
        Values levels = quantLevels(k, layout.element, planes);
        for (int64_t row = 0; row < rowsPerBlock; ++row) {
          const auto r = static_cast<size_t>(row);
          Value dot = starts[r];
          for (size_t q = 0; q < 4; ++q)
            dot = k.dot4(levels[q], isCode, codes[r][q], dot);
          Value product = k.subf(k.bitcast(k.f32Type(), dot), k.f32(kMagic));
          Value &sum = sums[(block * kFeatures + static_cast<size_t>(i)) *
                                static_cast<size_t>(rowsPerBlock) +
                            r];
          sum = k.fma(k.mulf(product, scales[static_cast<size_t>(i)]),
                      rowScales[r], sum);
        }
      }
    }
  }

  /// The bits of kMagic, less what the codes of weights are too large by.
  Value start(ValueRange codes) {
    Value magic = k.bitcast(k.i32Type(), k.f32(kMagic));
    if (!quantLevelsAreCodes(layout.element))
      return magic;
    Value sum = k.i32(0);
    for (Value word : codes)
      sum = k.dot4(k.i32(0x01010101), /*isUnsigned=*/false, word, sum);
    return k.sub(magic, k.mul(sum, quantOffset(layout.element)));
  }

  //===--- sums -------------------------------------------------------------//

  /// The warp's sums, [rows][columns], in scratch; those of its lanes are added
  /// up before.
  void storeSums(ValueRange sums) {
    Value mine = k.offset(scratch, k.mul(warp, rowsPerBlock * stride() * 4));
    auto sumAt = [&](int64_t block, int64_t feature, int64_t row) {
      Value own = sums[static_cast<size_t>(
          (block * kFeatures + feature) * rowsPerBlock + row)];
      if (groupLanes == 1)
        return own;
      Value sum;
      for (int64_t other = 0; other < groupLanes; ++other) {
        Value x = k.shuffleFrom(own, k.add(quad, other * featureLanes));
        sum = sum ? k.addf(sum, x) : x;
      }
      return sum;
    };
    for (int64_t block = 0; block < product.unitBlocks; ++block)
      for (int64_t row = 0; row < rowsPerBlock; ++row) {
        Values four;
        for (int64_t i = 0; i < kFeatures; ++i)
          four.push_back(sumAt(block, i, row));
        Value column = k.add(k.mul(quad, kFeatures),
                             row * stride() + block * layout.nBlock);
        k.ifThen(
            k.lessThan(lane, k.i32(static_cast<int32_t>(featureLanes))), [&] {
              k.store(k.vector(four), k.offset(mine, k.mul(column, 4)), 16);
            });
      }
  }

  int64_t featureLanes; ///< lanes that share a block's features
  int64_t groupLanes;   ///< groups of inputs that a warp takes together
  int64_t groupBytes;
  int64_t chunk; ///< inputs that lie in shared memory at a time
  Value quad;    ///< which four features of a block the lane has
  Value slot;    ///< which of the groups that the block takes together
};

} // namespace

void swallow::nvidia::emitQuantProduct(
    StepEmitter &step, const Product &product, const PackedLayout &layout,
    function_ref<void(KernelFrame &, const Tile &)> epilogue) {
  // What a row costs beside the weights' levels shows when it is not there.
  struct Instance {
    int64_t rows, minRows, maxRows;
  };
  const int64_t columns = product.unitBlocks * layout.nBlock;
  const int64_t warps = columns <= 128 ? 8 : 4;
  for (const Instance &instance : {Instance{1, 1, 1}, Instance{4, 2, 4},
                                   Instance{kProductRows, 5, kFewRows}}) {
    LaunchShape shape;
    shape.threads = warps * kWarp;
    shape.gridX = layout.totalBlocks() / product.unitBlocks * product.pieces;
    shape.rows = product.selectRows ? GridRows::Logits : GridRows::Tokens;
    shape.rowsPerBlock = instance.rows;
    shape.minRows = instance.minRows;
    shape.maxRows = instance.maxRows;
    step.launch(
        step.stageName(product.op) + "_rows" + std::to_string(instance.rows),
        product.op->getLoc(), shape, [&](KernelFrame &frame) {
          QuantProductEmitter(frame, product, layout, warps, instance.rows)
              .emit(epilogue);
        });
  }
}
