//===- Tiles.cpp - matrix products with AMX tiles -------------------------===//

#include "targets/x86/Tiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
constexpr int64_t kTileDim = 16;   // rows of a tile, and columns of 4 bytes
constexpr int64_t kTileBytes = 64; // of a row
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
    config[16 + 2 * t] = kTileBytes;
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

LLVM::LLVMFuncOp swallow::x86::tileProductHelper(StepEmitter &step,
                                                 Element element, int64_t cols,
                                                 int64_t nBlock, int64_t lda,
                                                 int64_t ldc, bool accumulate) {
  std::string name =
      std::string(element == Element::S8 ? "tiles_s8" : "tiles_bf16") + "_k" +
      std::to_string(cols) + "_n" + std::to_string(nBlock) + "_lda" +
      std::to_string(lda) + "_ldc" + std::to_string(ldc) +
      (accumulate ? "_add" : "");
  Type ptr = LLVM::LLVMPointerType::get(step.module().getContext());
  return step.helper(
      name, {ptr, ptr, ptr}, [&](KernelBuilder &k, ValueRange arguments) {
        StringRef multiply =
            element == Element::S8 ? "llvm.x86.tdpbssd" : "llvm.x86.tdpbf16ps";
        Value a = arguments[0], b = arguments[1], c = arguments[2];
        Value rowStride = k.i64(lda), blockStride = k.i64(nBlock * 4);
        Value sumStride = k.i64(ldc * 4);
        for (int64_t column = 0; column < nBlock; column += 2 * kTileDim) {
          int64_t across = std::min<int64_t>(2, (nBlock - column) / kTileDim);
          auto sumAt = [&](int64_t i, int64_t j) {
            return k.offset(c,
                            (i * kTileDim * ldc + column + j * kTileDim) * 4);
          };
          for (int64_t i = 0; i < 2; ++i)
            for (int64_t j = 0; j < across; ++j) {
              if (accumulate)
                k.intrinsic("llvm.x86.tileloadd64",
                            {tile(k, 2 * i + j), sumAt(i, j), sumStride});
              else
                k.intrinsic("llvm.x86.tilezero", {tile(k, 2 * i + j)});
            }
          k.loop(k.i64(0), k.i64(cols * sizeOf(element) / kTileBytes), 1,
                 [&](Value at) {
                   for (int64_t i = 0; i < 2; ++i)
                     k.intrinsic("llvm.x86.tileloadd64",
                                 {tile(k, kFirstA + i),
                                  k.offset(a, k.add(k.mul(at, kTileBytes),
                                                    i * kTileDim * lda)),
                                  rowStride});
                   for (int64_t j = 0; j < across; ++j)
                     k.intrinsic(
                         "llvm.x86.tileloadd64",
                         {tile(k, kFirstB + j),
                          k.offset(b, k.add(k.mul(at, kTileDim * nBlock * 4),
                                            (column + j * kTileDim) * 4)),
                          blockStride});
                   for (int64_t i = 0; i < 2; ++i)
                     for (int64_t j = 0; j < across; ++j)
                       k.intrinsic(multiply,
                                   {tile(k, 2 * i + j), tile(k, kFirstA + i),
                                    tile(k, kFirstB + j)});
                 });
          for (int64_t i = 0; i < 2; ++i)
            for (int64_t j = 0; j < across; ++j)
              k.intrinsic("llvm.x86.tilestored64",
                          {tile(k, 2 * i + j), sumAt(i, j), sumStride});
        }
      });
}
