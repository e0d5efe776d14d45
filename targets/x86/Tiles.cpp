//===- Tiles.cpp - matrix products with AMX tiles -------------------------===//

#include "targets/x86/Tiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
constexpr int64_t kTileDim = 16; // rows of a tile, and columns of 4 bytes
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

namespace {

class TileProductEmitter {
public:
  TileProductEmitter(KernelBuilder &k, ValueRange arguments, Element element,
                     int64_t steps, int64_t nBlock, int64_t ldc,
                     bool accumulate)
      : k(k), multiply(element == Element::S8 ? "llvm.x86.tdpbssd"
                                              : "llvm.x86.tdpbf16ps"),
        a(arguments[0]), b(arguments[1]), c(arguments[2]),
        rowStride(k.i64(kTileRowBytes)), sumStride(k.i64(ldc * 4)),
        steps(steps), nBlock(nBlock), ldc(ldc), accumulate(accumulate),
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

  /// Tiles of columns [first, first + across), of all 32 rows.
  void emitColumns(int64_t first, int64_t across) {
    auto forEachSum = [&](function_ref<void(int64_t, Value)> body) {
      for (int64_t i = 0; i < 2; ++i)
        for (int64_t j = 0; j < across; ++j)
          body(2 * i + j,
               k.offset(c, (i * kTileDim * ldc + (first + j) * kTileDim) * 4));
    };
    forEachSum([&](int64_t sum, Value at) {
      if (accumulate)
        k.intrinsic("llvm.x86.tileloadd64", {tile(k, sum), at, sumStride});
      else
        k.intrinsic("llvm.x86.tilezero", {tile(k, sum)});
    });
    k.loop(k.i64(0), k.i64(steps), 1, [&](Value step) {
      Value rows = k.offset(a, k.mul(step, kTileStepBytes));
      Value columns = k.offset(b, k.add(k.mul(step, tilePanelStepBytes(nBlock)),
                                        first * kTileBytes));
      // The multiplications of a tile follow its load, so that they overlap
      // with the loads and prefetches of the next.
      loadRows(rows, 0);
      for (int64_t j = 0; j < across; ++j) {
        load(kFirstB + j, k.offset(columns, j * kTileBytes));
        multiplyTiles(0, j);
        prefetch(columns, j * kTileBytes + kAhead * tilePanelStepBytes(nBlock));
      }
      loadRows(rows, 1);
      for (int64_t j = 0; j < across; ++j)
        multiplyTiles(1, j);
    });
    forEachSum([&](int64_t sum, Value at) {
      k.intrinsic("llvm.x86.tilestored64", {tile(k, sum), at, sumStride});
    });
  }

  void loadRows(Value rows, int64_t i) {
    load(kFirstA + i, k.offset(rows, i * kTileBytes));
    prefetch(rows, i * kTileBytes + kAhead * kTileStepBytes);
  }
  void load(int64_t number, Value from) {
    k.intrinsic("llvm.x86.tileloadd64", {tile(k, number), from, rowStride});
  }
  /// Hardware prefetching does not see tiles' loads early enough; without this
  /// they cost a quarter more on a core that shares its caches.
  void prefetch(Value base, int64_t bytes) {
    if (inNearestCache)
      return;
    for (int64_t line = 0; line < kTileDim; ++line)
      k.prefetch(k.offset(base, bytes + line * kTileRowBytes));
  }
  void multiplyTiles(int64_t i, int64_t j) {
    k.intrinsic(multiply, {tile(k, 2 * i + j), tile(k, kFirstA + i),
                           tile(k, kFirstB + j)});
  }

  KernelBuilder &k;
  StringRef multiply;
  Value a, b, c, rowStride, sumStride;
  int64_t steps, nBlock, ldc;
  bool accumulate, inNearestCache;
};

} // namespace

LLVM::LLVMFuncOp swallow::x86::tileProductHelper(StepEmitter &step,
                                                 Element element, int64_t steps,
                                                 int64_t nBlock, int64_t ldc,
                                                 bool accumulate) {
  bool bytes = element == Element::S8;
  std::string name = std::string(bytes ? "tiles_s8" : "tiles_bf16") + "_s" +
                     std::to_string(steps) + "_n" + std::to_string(nBlock) +
                     "_ldc" + std::to_string(ldc) + (accumulate ? "_add" : "");
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  return step.helper(name, {ptr, ptr, ptr},
                     [&](KernelBuilder &k, ValueRange arguments) {
                       TileProductEmitter(k, arguments, element, steps, nBlock,
                                          ldc, accumulate)
                           .emit();
                     });
}
