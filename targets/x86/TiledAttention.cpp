//===- TiledAttention.cpp - attention's products by AMX tiles -------------===//
//
// Of tdpbf16ps' second operand a row of a tile is 16 columns of pairs along the
// sum. So lie keys, whose columns are positions, and values, whose columns are
// features (runtime/packing/KvLayout.h), if they are in bf16:
//
//   scores  sums over features, 32 of a tile: one block gives two columns of
//           tiles
//   values  sums over positions, a block of a tile: each 16 features are a
//           column of tiles
//
// A block is copied to that form where its keys or values are int8, and where
// heads end within a tile, whose rest must be zero. The last block of a
// sequence has positions that nobody has written. Their scores are masked, but
// not even a weight of zero makes a number of the NaN that may lie there, so
// that its values are copied with zeros behind them.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/AttentionTile.h"
#include "targets/x86/Tiles.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
constexpr int64_t kTokens = KvBlockLayout::tokens;
constexpr int64_t kPairBytes = 4;
constexpr int64_t kTokenRowBytes = kTokens * kPairBytes; // of pairs of keys

/// A block's keys as pairs are [features / 2][32], features filled up to a
/// tile, and its values [16][padded head_dim].
int64_t keyPairBytes(int64_t features) { return features / 2 * kTokenRowBytes; }
int64_t valuePairBytes(const KvGeometry &kv) {
  return kTokens / 2 * kv.paddedDim() * kPairBytes;
}

/// Row `pair` of a block of `columns` lanes, of which `from` and `to` are the
/// first row.
void copyPairs(KernelBuilder &k, KvElement element, int64_t columns, Value from,
               Value to, Value pair, bool firstOnly) {
  int64_t stepBytes = element == KvElement::BF16 ? 4 * columns : 2 * columns;
  int64_t laneBytes = element == KvElement::BF16 ? 4 : 1;
  Value source = k.offset(from, k.mul(pair, stepBytes));
  Value target = k.offset(to, k.mul(pair, columns * kPairBytes));
  for (int64_t lane = 0; lane < columns; lane += k.lanes())
    k.store(loadKvPairs(k, element, columns, k.offset(source, lane * laneBytes),
                        firstOnly),
            k.offset(target, lane * kPairBytes), kPairBytes);
}

/// Zeros in rows [begin, end).
void clearPairs(KernelBuilder &k, int64_t columns, Value to, Value begin,
                Value end) {
  k.loop(begin, end, 1, [&](Value pair) {
    Value target = k.offset(to, k.mul(pair, columns * kPairBytes));
    for (int64_t lane = 0; lane < columns; lane += k.lanes())
      k.store(k.splatI32(0), k.offset(target, lane * kPairBytes), kPairBytes);
  });
}
} // namespace

int64_t AttentionTile::stagedBytes() const {
  return keyPairBytes(queryFeatures()) + valuePairBytes(kv);
}

LLVM::LLVMFuncOp AttentionTile::operands() {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  auto emit = [&](KernelBuilder &k, ValueRange arguments) {
    Value table = arguments[0], index = arguments[1], written = arguments[3];
    Value keys = tableEntry(k, table, index);
    Value values = k.offset(keys, kv.valuesOffset());
    Value stagedKeys = arguments[2];
    Value stagedValues = k.offset(stagedKeys, keyPairBytes(queryFeatures()));
    auto enter = [&](int64_t entry, Value pointer) {
      k.store(pointer, k.offset(table, k.mul(k.add(index, entry), 8)), 8);
    };

    if (kv.element == KvElement::BF16 && kv.headDim == queryFeatures()) {
      enter(kKeysEntry, keys);
    } else {
      int64_t pairs = kv.headDim / 2;
      k.loop(k.i64(0), k.i64(pairs), 1, [&](Value pair) {
        copyPairs(k, kv.element, kTokens, keys, stagedKeys, pair, false);
      });
      clearPairs(k, kTokens, stagedKeys, k.i64(pairs),
                 k.i64(queryFeatures() / 2));
      enter(kKeysEntry, stagedKeys);
    }

    auto copyValues = [&] {
      Value whole = k.div(written, 2), some = k.div(k.add(written, 1), 2);
      k.loop(k.i64(0), whole, 1, [&](Value pair) {
        copyPairs(k, kv.element, kv.paddedDim(), values, stagedValues, pair,
                  false);
      });
      k.loop(whole, some, 1, [&](Value pair) {
        copyPairs(k, kv.element, kv.paddedDim(), values, stagedValues, pair,
                  true);
      });
      clearPairs(k, kv.paddedDim(), stagedValues, some, k.i64(kTokens / 2));
      enter(kValuesEntry, stagedValues);
    };
    if (kv.element != KvElement::BF16)
      return copyValues();
    k.ifThenElse(k.lessThan(written, k.i64(kTokens)), copyValues,
                 [&] { enter(kValuesEntry, values); });
  };
  return step.helper(name("operands", 0), {ptr, i64, ptr, i64}, emit);
}

LLVM::LLVMFuncOp AttentionTile::tiledScores(int64_t m) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  auto emit = [&](KernelBuilder &k, ValueRange arguments) {
    Value q = arguments[0], table = arguments[1], s = arguments[2];
    k.loop(arguments[3], arguments[4], 1, [&](Value index) {
      Value keys = tableEntry(k, table, k.add(index, kKeysEntry));
      Value out = k.offset(s, k.mul(index, kTokens * 4));
      TileOperand factors = {[&](Value step, int64_t i) {
                               return k.offset(
                                   k.offset(q, k.mul(step, kTileRowBytes)),
                                   i * kTileDim * queryStride());
                             },
                             k.i64(queryStride())};
      TileOperand positions = {
          [&](Value step, int64_t j) {
            return k.offset(
                k.offset(keys, k.mul(step, kTileDim * kTokenRowBytes)),
                j * kTileRowBytes);
          },
          k.i64(kTokenRowBytes)};
      TileOperand sums = {[&](Value, int64_t i) {
                            return k.offset(out,
                                            i / 2 * kTileDim * kScoreStride +
                                                i % 2 * kTileRowBytes);
                          },
                          k.i64(kScoreStride)};
      emitTileSums(k, Element::BF16, m / kTileDim, kTokens / kTileDim, k.i64(0),
                   k.i64(queryFeatures() / tileInputs(Element::BF16)), factors,
                   positions, sums, /*accumulate=*/false);
    });
  };
  return step.helper(name("tiled_scores", m), {ptr, ptr, ptr, i64, i64}, emit);
}

LLVM::LLVMFuncOp AttentionTile::tiledValues(int64_t m) {
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  auto emit = [&](KernelBuilder &k, ValueRange arguments) {
    Value p = arguments[0], table = arguments[1], out = arguments[2];
    Value state = arguments[3], first = arguments[4], end = arguments[5];
    Value endBlock = k.div(k.add(end, kTokens - 1), kTokens);
    k.loop(k.i64(0), k.i64(m), 1, [&](Value row) {
      Value correction = k.splat(k.load(
          k.f32Type(),
          k.offset(state, k.add(k.mul(row, kStateBytes), kCorrectionOffset))));
      Value output = k.offset(out, k.mul(row, outputStride()));
      for (int64_t v = 0; v < kv.paddedDim() / k.lanes(); ++v) {
        Value at = k.offset(output, v * k.lanes() * 4);
        k.storeVector(k.mulf(k.loadVector(at, Element::F32), correction), at,
                      Element::F32);
      }
    });
    auto emitColumns = [&](Value column, int64_t across) {
      TileOperand weights = {[&](Value block, int64_t i) {
                               return k.offset(
                                   k.offset(p, k.mul(block, kTileRowBytes)),
                                   i * kTileDim * weightStride());
                             },
                             k.i64(weightStride())};
      TileOperand features = {
          [&](Value block, int64_t j) {
            Value values = tableEntry(k, table, k.add(block, kValuesEntry));
            return k.offset(k.offset(values, k.mul(column, kTileRowBytes)),
                            j * kTileRowBytes);
          },
          k.i64(kv.paddedDim() * kPairBytes)};
      TileOperand sums = {[&](Value, int64_t i) {
                            return k.offset(
                                k.offset(out, k.mul(column, kTileRowBytes)),
                                i / 2 * kTileDim * outputStride() +
                                    i % 2 * kTileRowBytes);
                          },
                          k.i64(outputStride())};
      emitTileSums(k, Element::BF16, m / kTileDim, across, first, endBlock,
                   weights, features, sums, /*accumulate=*/true);
    };
    int64_t columns = kv.paddedDim() / kTileDim, even = columns / 2 * 2;
    k.loop(k.i64(0), k.i64(even), 2,
           [&](Value column) { emitColumns(column, 2); });
    if (even < columns)
      emitColumns(k.i64(even), 1);
  };
  return step.helper(name("tiled_values", m), {ptr, ptr, ptr, ptr, i64, i64},
                     emit);
}
