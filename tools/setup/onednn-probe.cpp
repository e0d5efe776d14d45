// Checks that a oneDNN library has the micro-kernel API that Swallow's runtime
// calls, and that it computes: one small f32 product with a tail in every
// dimension. Built and run by tools/setup/build-onednn.sh, which selects the
// library's objects by what this program links, and by CMake at configure time.
//
// The API is experimental and has changed between minor versions of oneDNN,
// so compiling this program is part of the check.
#include "oneapi/dnnl/dnnl.hpp"
#include "oneapi/dnnl/dnnl_ukernel.hpp"

#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

using dnnl::memory;
using dnnl::ukernel::brgemm;
using dnnl::ukernel::pack_type;
using dnnl::ukernel::transform;

namespace {

constexpr memory::dim M = 3, N = 20, K = 7, Batch = 2;

// C = sum over the batch of A[b] x B[b], f32, row-major.
bool productIsRight() {
  std::vector<float> a(Batch * M * K), b(Batch * K * N), c(M * N, 0.0f);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = static_cast<float>(i % 5) - 2.0f;
  for (size_t i = 0; i < b.size(); ++i)
    b[i] = static_cast<float>(i % 7) - 3.0f;

  const auto f32 = memory::data_type::f32;
  brgemm kernel(M, N, K, Batch, K, N, N, f32, f32, f32);
  kernel.set_add_C(false);
  kernel.finalize();
  if (kernel.get_B_pack_type() == pack_type::pack32)
    return false; // f32 takes a plain B in every version that Swallow knows.
  kernel.generate();
  kernel.set_hw_context();
  std::vector<std::pair<memory::dim, memory::dim>> offsets;
  for (memory::dim i = 0; i < Batch; ++i)
    offsets.emplace_back(i * M * K * sizeof(float), i * K * N * sizeof(float));
  std::vector<char> scratch(kernel.get_scratchpad_size());
  kernel.execute(a.data(), b.data(), offsets, c.data(), scratch.data());
  brgemm::release_hw_context();

  for (memory::dim m = 0; m < M; ++m)
    for (memory::dim n = 0; n < N; ++n) {
      float want = 0.0f;
      for (memory::dim i = 0; i < Batch; ++i)
        for (memory::dim k = 0; k < K; ++k)
          want += a[(i * M + m) * K + k] * b[(i * K + k) * N + n];
      // Small integers: every order of summation gives the exact result.
      if (c[m * N + n] != want) {
        std::fprintf(stderr, "c[%d][%d] = %g, expected %g\n", int(m), int(n),
                     c[m * N + n], want);
        return false;
      }
    }
  return true;
}

// The pack32 order of s8 is [K/4][N][4].
bool packingIsRight() {
  constexpr memory::dim k = 8, n = 64;
  std::vector<signed char> plain(k * n), packed(k * n);
  for (memory::dim i = 0; i < k * n; ++i)
    plain[i] = static_cast<signed char>(i * 37);
  const auto s8 = memory::data_type::s8;
  transform pack(k, n, pack_type::no_trans, n, n, s8, s8);
  pack.generate();
  pack.execute(plain.data(), packed.data());
  for (memory::dim i = 0; i < k; ++i)
    for (memory::dim j = 0; j < n; ++j)
      if (packed[(i / 4 * n + j) * 4 + i % 4] != plain[i * n + j])
        return false;
  return true;
}

} // namespace

int main() {
  // The runtime caps the instruction set when a variant is forced.
  if (dnnl_set_max_cpu_isa(dnnl_cpu_isa_default) != dnnl_success) {
    std::fprintf(stderr, "dnnl_set_max_cpu_isa is not available\n");
    return 1;
  }
  const dnnl_version_t *version = dnnl_version();
  const char *ran = "computed";
  try {
    if (!productIsRight() || !packingIsRight()) {
      std::fprintf(stderr, "a micro-kernel computed a wrong result\n");
      return 1;
    }
  } catch (const dnnl::error &e) {
    // A machine below AVX2 may build Swallow; it only cannot run it.
    if (e.status != dnnl_unimplemented) {
      std::fprintf(stderr, "%s\n", e.what());
      return 1;
    }
    ran = "not supported by this CPU";
  }
  std::printf("oneDNN %d.%d.%d, micro-kernels %s, instruction set 0x%x\n",
              version->major, version->minor, version->patch, ran,
              unsigned(dnnl_get_effective_cpu_isa()));
  return 0;
}
