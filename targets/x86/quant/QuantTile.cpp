//===- QuantTile.cpp - many rows times a block, group by group ------------===//
//
// Rows lie as QuantizedRecords, and a weight is exactly what its format says,
// as in a step of few rows: the integers of each group of 16 inputs are summed
// on their own and scaled. What makes many rows fast is that sums stay in
// registers: those of four rows and two vectors of columns, or one where there
// are 16 registers, which go over the codes where the block lies, in the cache.
// Sums are added up in the order of QuantGemv, so that a row's results are the
// same bits.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/quant/QuantCodes.h"
#include "targets/x86/quant/QuantProduct.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {

class QuantTile {
public:
  /// Arguments as those of quantTileHelper.
  QuantTile(KernelBuilder &k, ValueRange arguments, const PackedLayout &layout,
            int64_t vectors)
      : k(k), codes(k, layout), vectors(vectors), first(arguments[2]),
        column(arguments[3]), groups(arguments[4]), c(arguments[5]),
        ldc(arguments[6]), begins(arguments[7]), scale(arguments[8]) {
    for (int64_t row = 0; row < kGroupTileRows; ++row)
      rows.push_back(k.offset(arguments[0], k.mul(arguments[1], k.i64(row))));
  }

  void emit() {
    Values sums(kGroupTileRows * vectors, k.zero());
    sums = k.ifThenElse(
        k.equal(begins, k.i64(0)), TypeRange(ValueRange(sums)),
        [&] {
          Values before;
          forEachSum([&](int64_t, Value place) {
            before.push_back(k.loadVector(place, Element::F32));
          });
          return before;
        },
        [&] { return sums; });
    Value pairs = k.div(groups, 2);
    sums = k.loop(k.i64(0), pairs, 1, sums, [&](Value pair, ValueRange in) {
      return addGroups(pair, 2, in);
    });
    // An odd group at the end: a loop of one round or none.
    sums = k.loop(k.mul(pairs, 2), groups, 1, sums, [&](Value, ValueRange in) {
      return addGroups(pairs, 1, in);
    });
    Value factor = k.splat(scale);
    forEachSum([&](int64_t i, Value place) {
      k.storeVector(k.mulf(sums[i], factor), place, Element::F32);
    });
  }

private:
  using Values = KernelBuilder::Values;

  /// The sums' numbers and where they lie in C.
  void forEachSum(function_ref<void(int64_t, Value)> body) {
    for (int64_t row = 0; row < kGroupTileRows; ++row) {
      Value to = k.offset(c, k.mul(k.add(k.mul(ldc, k.i64(row)), column), 4));
      for (int64_t v = 0; v < vectors; ++v)
        body(row * vectors + v, k.offset(to, v * k.lanes() * 4));
    }
  }

  /// `sums` and what groups 2 * pair and, for a count of 2, the one after it
  /// add.
  Values addGroups(Value pair, int64_t count, ValueRange sums) {
    Value record = k.mul(pair, recordBytes(k.variant()));
    Value at = k.offset(first, k.mul(pair, 2 * codes.groupBytes()));
    Values parts(sums.size());
    for (int64_t half = 0; half < count; ++half) {
      Value group = k.offset(at, half * codes.groupBytes());
      Values products = dots(group, record, half);
      for (int64_t v = 0; v < vectors; ++v) {
        Value scales = codes.scales(k.offset(group, column), v);
        for (int64_t row = 0; row < kGroupTileRows; ++row) {
          Value &part = parts[row * vectors + v];
          Value product = k.toFloat(products[row * vectors + v]);
          part = half == 0 ? k.mulf(product, scales)
                           : k.fma(product, scales, part);
        }
      }
    }
    Values result;
    for (int64_t row = 0; row < kGroupTileRows; ++row) {
      Value rowScale = k.splat(
          k.load(k.f32Type(), k.offset(k.offset(rows[row], record),
                                       QuantizedRecords::kScaleOffset)));
      for (int64_t v = 0; v < vectors; ++v) {
        const int64_t i = row * vectors + v;
        result.push_back(k.fma(parts[i], rowScale, sums[i]));
      }
    }
    return result;
  }

  /// The products of one group, in integers.
  Values dots(Value group, Value record, int64_t half) {
    auto splatAt = [&](int64_t row, int64_t at) {
      return k.splat(k.load(k.ops().getI32Type(),
                            k.offset(k.offset(rows[row], record), at)));
    };
    auto inputsAt = [&](int64_t row, int64_t quad) {
      return k.bitcast(k.i8Vector(4 * k.lanes()),
                       splatAt(row, half * kQuantGroup + quad * 4));
    };
    SmallVector<std::array<Value, 4>> quads;
    for (int64_t v = 0; v < vectors; ++v)
      quads.push_back(codes.quads(k.offset(group, k.mul(column, 4)), v));
    constexpr int64_t starts = QuantizedRecords::kStartsOffset;
    Values products;
    if (!k.variant().vnni()) {
      for (int64_t row = 0; row < kGroupTileRows; ++row)
        for (int64_t v = 0; v < vectors; ++v)
          products.push_back(
              codes.sumByWords(quads[v],
                               {inputsAt(row, 0), inputsAt(row, 1),
                                inputsAt(row, 2), inputsAt(row, 3)},
                               {splatAt(row, starts + half * 8),
                                splatAt(row, starts + half * 8 + 4)}));
      return products;
    }
    for (int64_t row = 0; row < kGroupTileRows; ++row)
      products.append(vectors, splatAt(row, starts + half * 4));
    for (int64_t quad = 0; quad < 4; ++quad)
      for (int64_t row = 0; row < kGroupTileRows; ++row) {
        Value x = inputsAt(row, quad);
        for (int64_t v = 0; v < vectors; ++v) {
          Value &product = products[row * vectors + v];
          product = k.dot(product, quads[v][quad], x);
        }
      }
    return products;
  }

  KernelBuilder &k;
  QuantCodes codes;
  int64_t vectors;
  SmallVector<Value> rows;
  Value first, column, groups, c, ldc, begins, scale;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::quantTileHelper(StepEmitter &step,
                                               const PackedLayout &layout,
                                               int64_t vectors) {
  std::string name = "quant_tile_n" + std::to_string(layout.nBlock) + "_i" +
                     std::to_string(packedElementBits(layout.element)) + "_v" +
                     std::to_string(vectors);
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  Type i64 = IntegerType::get(step.module().getContext(), 64);
  Type f32 = Float32Type::get(step.module().getContext());
  return step.helper(name, {ptr, i64, ptr, i64, i64, ptr, i64, i64, f32},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       QuantTile(k, arguments, layout, vectors).emit();
                     });
}
