//===- Streams.h - few rows times several blocks side by side ---*- C++ -*-===//
//
// A step of few rows is as fast as the weights are read. Kernels for it can go
// over several pieces of a weight at once, so that reading does not stop where
// one of them enters a page that hardware prefetching does not know yet. How
// many are best depends on the CPU: the runtime says (CpuFeatures.h).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_X86_STREAMS_H
#define SWALLOW_TARGETS_X86_STREAMS_H

#include "targets/x86/Matmul.h"

namespace swallow::x86 {

/// Blocks that a kernel goes over side by side, and where their results go.
struct Streams {
  mlir::Value count;        ///< blocks
  mlir::Value blockStride;  ///< bytes from one to the next in the weight
  mlir::Value resultStride; ///< bytes between their results

  /// The number of bytes for `count` streams: a single one has to be asked for
  /// further ahead than each of several, which take turns.
  static mlir::Value ahead(KernelBuilder &k, mlir::Value count, int64_t alone,
                           int64_t beside) {
    return k.select(k.lessThan(count, k.i64(2)), k.i64(alone), k.i64(beside));
  }
};

/// For each unit of this thread's share: `gemv` for its blocks, then
/// `epilogue`. gemv(m, row0, block, c, streams) emits the product of m rows
/// from `row0` on by some blocks, the first of which is at `block`; c is where
/// row `row0` of its results goes, in rows of units.columns(). More than
/// kSmallRows rows, up to `mostRows`, are multiplied kSmallRows at a time.
void emitSmallUnits(
    KernelFrame &frame, const Units &units, mlir::Value rows, int64_t mostRows,
    mlir::Value weightBase, int64_t blockBytes, mlir::Value tileScratch,
    llvm::function_ref<void(int64_t m, mlir::Value row0, mlir::Value block,
                            mlir::Value c, const Streams &streams)>
        gemv,
    llvm::function_ref<void(KernelFrame &, const Tile &)> epilogue);

/// Calls the smallest of `kernel(1)`, `kernel(2)`, `kernel(4)`, ...
/// `kernel(most)` that takes all of `rows`; the rows beyond them are scratch,
/// or zero-padded rows of the arena.
void chooseRows(KernelFrame &frame, mlir::Value rows, int64_t most,
                llvm::function_ref<void(int64_t m)> kernel);

/// What kernels for few rows have in common: they go over the inputs of all
/// streams together, a vector of columns of one stream after that of the other,
/// and keep their sums where the results go, since there are more of them than
/// registers.
class StreamLoop {
public:
  using Value = mlir::Value;

  /// `results` are m rows of nBlock columns, `ldc` elements apart.
  StreamLoop(KernelBuilder &k, Value block, Value results,
             const Streams &streams, int64_t m, int64_t nBlock, int64_t ldc)
      : k(k), block(block), results(results), streams(streams), m(m),
        vectors(nBlock / k.lanes()), ldc(ldc) {}

  void clear();
  /// What is added to a row's sum: the term, times `factor` where there is one.
  struct Term {
    Value term, factor = {};
  };
  /// For each vector of columns and each stream: `visit` with the number of the
  /// vector and the stream's block returns for each row what is added to its
  /// sum.
  void
  add(llvm::function_ref<llvm::SmallVector<Term>(int64_t vector, Value block)>
          visit);
  /// Replaces all sums.
  void finish(llvm::function_ref<Value(Value sum, Value block)> result);

private:
  void forEachStream(llvm::function_ref<void(Value block, Value results)> body);
  Value at(Value results, int64_t row, int64_t vector) const;

  KernelBuilder &k;
  Value block, results;
  Streams streams;
  int64_t m, vectors, ldc;
};

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_STREAMS_H
