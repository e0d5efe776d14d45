#include "runtime/device/MicroKernels.h"

#include <algorithm>
#include <mutex>
#include <optional>

// The micro-kernel API is behind this switch; the library is built with it.
#ifndef DNNL_EXPERIMENTAL_UKERNEL
#define DNNL_EXPERIMENTAL_UKERNEL
#endif
#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_ukernel.h>

namespace swallow {

static const char *isaName(MicroKernelIsa isa) {
  switch (isa) {
  case MicroKernelIsa::Avx2:
    return "AVX2";
  case MicroKernelIsa::Avx512:
    return "AVX-512";
  case MicroKernelIsa::Avx512Bf16:
    return "AVX-512 with BF16";
  }
  return "";
}

Result<MicroKernelIsa> microKernelIsa(std::span<const std::string> features) {
  auto has = [&](const char *name) {
    return std::find(features.begin(), features.end(), name) != features.end();
  };
  if (has("avx512bf16"))
    return MicroKernelIsa::Avx512Bf16;
  if (has("avx512f"))
    return MicroKernelIsa::Avx512;
  if (has("avx2"))
    return MicroKernelIsa::Avx2;
  return Error{ErrorCode::DeviceError,
               "oneDNN's micro-kernels need a variant with at least avx2"};
}

/// Limits oneDNN to `isa`, once per process.
static Status limitIsa(MicroKernelIsa isa) {
  static std::mutex mutex;
  static std::optional<MicroKernelIsa> current;
  std::lock_guard<std::mutex> lock(mutex);
  if (current == isa)
    return {};
  if (current)
    return {ErrorCode::DeviceError,
            std::string("this process already runs oneDNN's kernels for ") +
                isaName(*current) + ", a variant for " + isaName(isa) +
                " needs a process of its own"};
  dnnl_cpu_isa_t limit = isa == MicroKernelIsa::Avx2 ? dnnl_cpu_isa_avx2
                         : isa == MicroKernelIsa::Avx512
                             ? dnnl_cpu_isa_avx512_core
                             : dnnl_cpu_isa_avx512_core_bf16;
  if (dnnl_set_max_cpu_isa(limit) != dnnl_success)
    return {ErrorCode::DeviceError,
            std::string("oneDNN cannot be limited to ") + isaName(isa) +
                " any more: this process has already used it"};
  current = isa;
  return {};
}

void MicroKernels::Deleter::operator()(void *kernel) const {
  dnnl_brgemm_destroy(static_cast<dnnl_brgemm_t>(kernel));
}

MicroKernels::~MicroKernels() = default;

static std::string describe(const BrgemmSpec &spec) {
  auto type = [](BrgemmType t) {
    return t == BrgemmType::F32    ? "f32"
           : t == BrgemmType::BF16 ? "bf16"
           : t == BrgemmType::U8   ? "u8"
                                   : "s8";
  };
  return std::string(type(spec.a)) + " x " + type(spec.b) + " of " +
         std::to_string(spec.m) + "x" + std::to_string(spec.n) + "x" +
         std::to_string(spec.k);
}

Result<std::unique_ptr<MicroKernels>>
MicroKernels::create(std::span<const BrgemmSpec> specs, MicroKernelIsa isa,
                     int threads) {
  std::unique_ptr<MicroKernels> kernels(new MicroKernels());
  if (specs.empty())
    return kernels;
  SWALLOW_TRY(limitIsa(isa));

  auto dataType = [](BrgemmType type) {
    return type == BrgemmType::F32    ? dnnl_f32
           : type == BrgemmType::BF16 ? dnnl_bf16
           : type == BrgemmType::U8   ? dnnl_u8
                                      : dnnl_s8;
  };
  size_t scratch = 0;
  for (const BrgemmSpec &spec : specs) {
    auto refuse = [&](const char *what) {
      return Error{ErrorCode::DeviceError,
                   "oneDNN " + std::string(what) + " the micro-kernel " +
                       describe(spec) + " for " + isaName(isa)};
    };
    dnnl_brgemm_t kernel = nullptr;
    if (dnnl_brgemm_create(
            &kernel, spec.m, spec.n, spec.k, /*batch_size=*/1, spec.lda,
            spec.ldb, spec.ldc, dataType(spec.a), dataType(spec.b),
            spec.b == BrgemmType::S8 ? dnnl_s32 : dnnl_f32) != dnnl_success)
      return refuse("cannot create");
    kernels->kernels_.emplace_back(kernel);
    if (dnnl_brgemm_set_add_C(kernel, spec.accumulate) != dnnl_success ||
        dnnl_brgemm_finalize(kernel) != dnnl_success)
      return refuse("does not support");

    dnnl_pack_type_t packing = dnnl_pack_type_undef;
    dnnl_pack_type_t expected = spec.b != BrgemmType::F32
                                    ? dnnl_pack_type_pack32
                                    : dnnl_pack_type_no_trans;
    if (dnnl_brgemm_get_B_pack_type(kernel, &packing) != dnnl_success ||
        packing != expected)
      return refuse("wants other packing of B for");

    size_t size = 0;
    if (dnnl_brgemm_get_scratchpad_size(kernel, &size) != dnnl_success)
      return refuse("cannot size scratch memory of");
    scratch = std::max(scratch, size);
    if (dnnl_brgemm_generate(kernel) != dnnl_success)
      return refuse("cannot generate");
  }
  kernels->scratchBytesPerThread_ = (scratch + 4095) / 4096 * 4096;
  SWALLOW_ASSIGN(kernels->scratch_,
                 PageMapping::allocate(kernels->scratchBytesPerThread_ *
                                           static_cast<size_t>(threads),
                                       "micro-kernels' scratch memory"));
  return kernels;
}

void MicroKernels::execute(int64_t thread, int64_t index, const void *a,
                           const void *b, float *c) const {
  // Offsets of the one A and B of the batch from the pointers given.
  static constexpr dnnl_dim_t offsets[2] = {0, 0};
  void *scratch = scratch_.data()
                      ? scratch_.data() +
                            static_cast<size_t>(thread) * scratchBytesPerThread_
                      : nullptr;
  // Its status reports invalid handles only, which create() has excluded.
  (void)dnnl_brgemm_execute(
      static_cast<dnnl_brgemm_t>(kernels_[static_cast<size_t>(index)].get()), a,
      b, offsets, c, scratch);
}

} // namespace swallow
