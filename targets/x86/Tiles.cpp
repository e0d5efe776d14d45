//===- Tiles.cpp - matrix products with AMX tiles -------------------------===//

#include "targets/x86/Tiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
constexpr int64_t kFirstA = 4, kFirstB = 6;
} // namespace

static Value tile(KernelBuilder &k, int64_t number) {
  return arith::ConstantOp::create(
      k.ops(), k.ops().getI8IntegerAttr(static_cast<int8_t>(number)));
}

void swallow::x86::emitTileConfig(KernelFrame &frame) {
  // Intel SDM, volume 1, 18: palette 1, then bytes per row (u16) from byte 16
  // and rows (u8) from byte 48 of each tile.
  SmallVector<uint8_t> config(64, 0);
  config[0] = 1;
  for (int64_t t = 0; t < 8; ++t) {
    config[16 + 2 * t] = kTileRowBytes;
    config[48 + t] = kTileDim;
  }
  SmallVector<float> words;
  for (int64_t i = 0; i < 16; ++i) {
    uint32_t word = 0;
    for (int64_t byte = 3; byte >= 0; --byte)
      word = word << 8 | config[4 * i + byte];
    words.push_back(llvm::bit_cast<float>(word));
  }
  KernelBuilder &k = frame.k;
  k.intrinsic("llvm.x86.ldtilecfg",
              {frame.step.constantArray(k, "tile_config", words)});
}

void swallow::x86::emitTileRelease(KernelFrame &frame) {
  frame.k.intrinsic("llvm.x86.tilerelease", {});
}

Value swallow::x86::tilePanelOffset(KernelBuilder &k, int64_t nBlock, Value row,
                                    int64_t vector) {
  Value step = k.mul(k.div(row, kTileDim), tilePanelStepBytes(nBlock));
  return k.add(k.add(step, k.mul(k.rem(row, kTileDim), kTileRowBytes)),
               vector * kTileDim * kTileRowBytes);
}

void TileSums::forEachSum(function_ref<void(Value, int64_t)> body) {
  for (int64_t i = 0; i < rowTiles; ++i)
    for (int64_t j = 0; j < columnTiles; ++j)
      body(tile(k, 2 * i + j), 2 * i + j);
}

void TileSums::load(int64_t number, const TileOperand &from, Value step,
                    int64_t index) {
  k.intrinsic("llvm.x86.tileloadd64",
              {tile(k, number), from.at(step, index), from.stride});
}

void TileSums::begin(bool accumulate) {
  forEachSum([&](Value sum, int64_t index) {
    if (accumulate)
      k.intrinsic("llvm.x86.tileloadd64", {sum, c.at({}, index), c.stride});
    else
      k.intrinsic("llvm.x86.tilezero", {sum});
  });
}

void TileSums::add(Value step) {
  StringRef multiply =
      element == Element::S8 ? "llvm.x86.tdpbssd" : "llvm.x86.tdpbf16ps";
  auto prefetch = [&](const TileOperand &from, int64_t index) {
    if (from.prefetch)
      from.prefetch(step, index);
  };
  // The multiplications of a tile follow its load, so that they overlap with
  // the loads and prefetches of the next.
  for (int64_t i = 0; i < rowTiles; ++i) {
    load(kFirstA + i, a, step, i);
    prefetch(a, i);
    for (int64_t j = 0; j < columnTiles; ++j) {
      const int64_t column = kFirstB + j % 2;
      if (i == 0)
        load(column, b, step, j);
      k.intrinsic(multiply,
                  {tile(k, 2 * i + j), tile(k, kFirstA + i), tile(k, column)});
      if (i == 0)
        prefetch(b, j);
    }
  }
}

void TileSums::end() {
  forEachSum([&](Value sum, int64_t index) {
    k.intrinsic("llvm.x86.tilestored64", {sum, c.at({}, index), c.stride});
  });
}

void swallow::x86::emitTileSums(KernelBuilder &k, Element element,
                                int64_t rowTiles, int64_t columnTiles,
                                Value begin, Value end, const TileOperand &a,
                                const TileOperand &b, const TileOperand &c,
                                bool accumulate) {
  TileSums sums(k, element, rowTiles, columnTiles, a, b, c);
  sums.begin(accumulate);
  k.loop(begin, end, 1, [&](Value step) { sums.add(step); });
  sums.end();
}

namespace {

class TileProductEmitter {
public:
  TileProductEmitter(KernelBuilder &k, ValueRange arguments, Element element,
                     int64_t steps, int64_t rows, int64_t nBlock, int64_t ldc,
                     bool accumulate)
      : k(k), element(element), a(arguments[0]), b(arguments[1]),
        c(arguments[2]), rowStride(k.i64(kTileRowBytes)),
        sumStride(k.i64(ldc * 4)), steps(steps), rows(rows), nBlock(nBlock),
        ldc(ldc), accumulate(accumulate),
        inNearestCache(steps * (tilePanelStepBytes(nBlock) + kTileStepBytes) <=
                       kNearestCacheBytes) {}

  void emit() {
    for (int64_t tile = 0; tile < nBlock / kTileDim; tile += 2)
      emitColumns(tile, std::min<int64_t>(2, nBlock / kTileDim - tile));
  }

private:
  static constexpr int64_t kTileBytes = kTileDim * kTileRowBytes;
  /// Steps between a tile's load and the prefetch of its lines.
  static constexpr int64_t kAhead = 2;
  /// Operands of so many bytes stay in the nearest cache from call to call.
  static constexpr int64_t kNearestCacheBytes = 32 << 10;

  /// Tiles of columns [first, first + across), of all rows.
  void emitColumns(int64_t first, int64_t across) {
    emitTileSums(
        k, element, rows / kTileDim, across, k.i64(0), k.i64(steps),
        operand(a, kTileStepBytes),
        operand(k.offset(b, first * kTileBytes), tilePanelStepBytes(nBlock)),
        {[&](Value, int64_t index) {
           int64_t row = index / 2 * kTileDim;
           int64_t column = (first + index % 2) * kTileDim;
           return k.offset(c, (row * ldc + column) * 4);
         },
         sumStride},
        accumulate);
  }

  /// Of which a step is `stepBytes`, tile after tile. Hardware prefetching does
  /// not see tiles' loads early enough; without asking for the lines they cost
  /// a quarter more on a core that shares its caches.
  TileOperand operand(Value base, int64_t stepBytes) {
    auto at = [this, base, stepBytes](Value step, int64_t index) {
      return k.offset(k.offset(base, k.mul(step, stepBytes)),
                      index * kTileBytes);
    };
    if (inNearestCache)
      return {at, rowStride};
    return {at, rowStride, [this, at, stepBytes](Value step, int64_t index) {
              Value ahead = k.offset(at(step, index), kAhead * stepBytes);
              for (int64_t line = 0; line < kTileDim; ++line)
                k.prefetch(k.offset(ahead, line * kTileRowBytes));
            }};
  }

  KernelBuilder &k;
  Element element;
  Value a, b, c, rowStride, sumStride;
  int64_t steps, rows, nBlock, ldc;
  bool accumulate, inNearestCache;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::tileProductHelper(StepEmitter &step,
                                                 Element element, int64_t steps,
                                                 int64_t rows, int64_t nBlock,
                                                 int64_t ldc, bool accumulate) {
  bool bytes = element == Element::S8;
  std::string name = std::string(bytes ? "tiles_s8" : "tiles_bf16") + "_s" +
                     std::to_string(steps) + "_m" + std::to_string(rows) +
                     "_n" + std::to_string(nBlock) + "_ldc" +
                     std::to_string(ldc) + (accumulate ? "_add" : "");
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  return step.helper(name, {ptr, ptr, ptr},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       TileProductEmitter(k, arguments, element, steps, rows,
                                          nBlock, ldc, accumulate)
                           .emit();
                     });
}
