//===- TileStream.h - few rows times a weight that is unpacked --*- C++ -*-===//
//
// Of up to 32 rows by tiles, unpacking the weight is most of the time. A thread
// goes over its share of the weight in the order in which it lies in memory:
// the 16 columns of a tile in a chunk of inputs, the columns beside them, the
// next chunk. One tile's columns are unpacked while those before are
// multiplied, since tiles and vectors are different units of a core.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_X86_TILESTREAM_H
#define SWALLOW_TARGETS_X86_TILESTREAM_H

#include "targets/x86/Matmul.h"

namespace swallow::x86 {

/// The columns of a tile in a chunk of inputs.
struct TileColumns {
  mlir::Value parity; ///< 0 and 1 in turn
  mlir::Value column; ///< the first, in its block
  mlir::Value chunk;
  mlir::Value block; ///< of the weight
  mlir::Value c;     ///< where the results of row 0 and these columns go
};

/// What is emitted for the tiles of a stream. `tileRows` is 16 or 32.
struct TileStream {
  int64_t chunks; ///< of inputs
  std::function<void(const TileColumns &next)> unpack;
  std::function<void(const TileColumns &next, const TileColumns &last,
                     int64_t tileRows)>
      unpackAndMultiply;
  std::function<void(const TileColumns &last, int64_t tileRows)> multiply;
  /// Behind either multiplication.
  std::function<void(const TileColumns &last)> finish;
};

/// Emits the stream of this thread's share of the units, and `epilogue` for
/// each unit. There are up to 32 rows, whose results are in `tileScratch`.
void emitTileStream(
    KernelFrame &frame, const Units &units, mlir::Value rows,
    mlir::Value tileScratch, const TileStream &stream,
    llvm::function_ref<void(KernelFrame &, const Tile &)> epilogue);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_TILESTREAM_H
