//===- MicroKernels.h - oneDNN's batch-reduce GEMM kernels ------*- C++ -*-===//
//
// The matrix products of a prefill tile. Compiled code names a kernel by its
// index in the variant's list; all of them are generated when a session opens
// (about 0.1 ms each), none inside a step.
//
// oneDNN generates for the best instruction set it may use, and that limit is
// one per process (dnnl_set_max_cpu_isa). A variant is tested for what it
// claims only when its kernels obey the limit too, so all sessions of a process
// must use variants of one level.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_DEVICE_MICROKERNELS_H
#define SWALLOW_RUNTIME_DEVICE_MICROKERNELS_H

#include "runtime/device/Memory.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace swallow {

enum class BrgemmType { F32, BF16, U8, S8 };

/// C[m][n] (f32) = or += A[m][k] x B[k][n]; leading dimensions count elements.
/// B is oneDNN's pack32 with N block `ldb` when it is BF16 or S8, row-major
/// when F32. U8 goes with S8 and gives i32.
struct BrgemmSpec {
  int64_t m, n, k;
  int64_t lda, ldb, ldc;
  BrgemmType a, b;
  bool accumulate;
};

/// The instruction sets that oneDNN is limited to, least capable first.
enum class MicroKernelIsa { Avx2, Avx512, Avx512Bf16 };

/// The level of a variant with these feature names; DeviceError when it is
/// below AVX2, which oneDNN's kernels need.
Result<MicroKernelIsa> microKernelIsa(std::span<const std::string> features);

class MicroKernels {
public:
  /// Generates `specs` for `threads` threads. An empty list needs nothing of
  /// oneDNN and fixes no level.
  ///
  /// Errors: DeviceError when the process already uses another level, when
  /// oneDNN refuses a shape, or when it would want B packed otherwise than the
  /// spec says.
  static Result<std::unique_ptr<MicroKernels>>
  create(std::span<const BrgemmSpec> specs, MicroKernelIsa isa, int threads);

  ~MicroKernels();
  MicroKernels(const MicroKernels &) = delete;
  MicroKernels &operator=(const MicroKernels &) = delete;

  int64_t count() const { return static_cast<int64_t>(kernels_.size()); }

  /// Bytes of scratch memory of all threads together.
  size_t scratchBytes() const { return scratch_.size(); }

  /// Executes kernel `index` on the calling thread, which is number `thread`
  /// of the team. Threads may call this at once. oneDNN's entry point itself
  /// makes and drops one batch element (40 bytes) on the heap; nothing else
  /// allocates.
  void execute(int64_t thread, int64_t index, const void *a, const void *b,
               float *c) const;

private:
  struct Deleter {
    void operator()(void *kernel) const; // a dnnl_brgemm_t
  };
  MicroKernels() = default;

  std::vector<std::unique_ptr<void, Deleter>> kernels_;
  PageMapping scratch_;              // one piece per thread
  size_t scratchBytesPerThread_ = 0; // a multiple of 4096
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_DEVICE_MICROKERNELS_H
