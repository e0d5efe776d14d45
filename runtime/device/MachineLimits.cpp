#include "runtime/device/MachineLimits.h"

#include <algorithm>
#include <chrono>

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace swallow {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Reads a cache line with loads that the compiler cannot leave out.
inline void readLine(const uint8_t *line) {
#if defined(__x86_64__)
  // 16-byte loads, which every x86-64 has: the limit is the memory.
  asm volatile("prefetcht0 1024(%0)\n\t"
               "movups (%0), %%xmm0\n\t"
               "movups 16(%0), %%xmm1\n\t"
               "movups 32(%0), %%xmm0\n\t"
               "movups 48(%0), %%xmm1\n\t"
               :
               : "r"(line)
               : "xmm0", "xmm1", "memory");
#else
  (void)*static_cast<const volatile uint8_t *>(line);
#endif
}

/// Reads all lines, from eight places in turn: a single stream waits for the
/// hardware's prefetcher at the end of each page, which eight do one after the
/// other. That was measured as a sixth to a half faster.
void readAll(const uint8_t *bytes, int64_t size) {
  constexpr int64_t kLine = 64, kStreams = 8;
  const int64_t stream = size / kStreams / kLine * kLine;
  for (int64_t at = 0; at < stream; at += kLine)
    for (int64_t i = 0; i < kStreams; ++i)
      readLine(bytes + i * stream + at);
  for (int64_t at = kStreams * stream; at + kLine <= size; at += kLine)
    readLine(bytes + at);
}

} // namespace

double measureReadSpeed(ThreadTeam &team, std::span<const uint8_t> bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  Clock::time_point start = Clock::now();
  team.run([&](int64_t thread) {
    int64_t begin = size * thread / team.size();
    int64_t end = size * (thread + 1) / team.size();
    readAll(bytes.data() + begin, end - begin);
  });
  double seconds = secondsSince(start);
  return seconds > 0 ? static_cast<double>(size) / seconds : 0;
}

#if defined(__x86_64__)

// Written in assembly, because the runtime is built for a baseline that has
// none of these, and because a compiler would see that the results are unused.
// There are as many independent accumulators as registers allow, so that no
// latency shows. Operands are cleared: nothing is subnormal.

// The assembler repeats the instruction for each accumulator. Of the registers
// that only AVX-512 has, no clobber need tell the compiler.
#define SWALLOW_VECTOR_LOOP(name, op, r, accumulators)                         \
  static void name(int64_t rounds) {                                           \
    asm volatile("vzeroall\n"                                                  \
                 "1:\n\t"                                                      \
                 ".irp n, " accumulators "\n\t" op " %%" r "0, %%" r "1, %%" r \
                 "\\n\n\t"                                                     \
                 ".endr\n\t"                                                   \
                 "dec %0\n\t"                                                  \
                 "jnz 1b\n\t"                                                  \
                 "vzeroupper\n\t"                                              \
                 : "+r"(rounds)                                                \
                 :                                                             \
                 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",     \
                   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", \
                   "xmm14", "xmm15", "cc");                                    \
  }
#define SWALLOW_14 "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15"
#define SWALLOW_28                                                             \
  SWALLOW_14 ", 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29"

SWALLOW_VECTOR_LOOP(fmaYmm, "vfmadd231ps", "ymm", SWALLOW_14)
SWALLOW_VECTOR_LOOP(int8Ymm, "%{vex%} vpdpbusd", "ymm", SWALLOW_14)
SWALLOW_VECTOR_LOOP(bytesYmm, "vpmaddubsw", "ymm", SWALLOW_14)
SWALLOW_VECTOR_LOOP(fmaZmm, "vfmadd231ps", "zmm", SWALLOW_28)
SWALLOW_VECTOR_LOOP(bf16Zmm, "vdpbf16ps", "zmm", SWALLOW_28)
SWALLOW_VECTOR_LOOP(int8Zmm, "vpdpbusd", "zmm", SWALLOW_28)

namespace {

/// What ldtilecfg reads: tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t startRow = 0;
  uint8_t reserved[14] = {};
  uint16_t rowBytes[16] = {};
  uint8_t rows[16] = {};
  TileConfig() {
    for (int tile = 0; tile < 8; ++tile) {
      rowBytes[tile] = 64;
      rows[tile] = 16;
    }
  }
};

/// Linux gives a process tiles only when it asks.
bool requestTiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

} // namespace

#define SWALLOW_TILE_LOOP(name, op)                                            \
  static void name(int64_t rounds) {                                           \
    static const TileConfig config;                                            \
    asm volatile("ldtilecfg %1\n\t"                                            \
                 "tilezero %%tmm0\n\t"                                         \
                 "tilezero %%tmm1\n\t"                                         \
                 "tilezero %%tmm2\n\t"                                         \
                 "tilezero %%tmm3\n\t"                                         \
                 "tilezero %%tmm4\n\t"                                         \
                 "tilezero %%tmm5\n\t"                                         \
                 "1:\n\t" op " %%tmm0, %%tmm1, %%tmm2\n\t" op                  \
                 " %%tmm0, %%tmm1, %%tmm3\n\t" op                              \
                 " %%tmm0, %%tmm1, %%tmm4\n\t" op                              \
                 " %%tmm0, %%tmm1, %%tmm5\n\t"                                 \
                 "dec %0\n\t"                                                  \
                 "jnz 1b\n\t"                                                  \
                 "tilerelease\n\t"                                             \
                 : "+r"(rounds)                                                \
                 : "m"(config)                                                 \
                 : "cc");                                                      \
  }

SWALLOW_TILE_LOOP(bf16Tile, "tdpbf16ps")
SWALLOW_TILE_LOOP(int8Tile, "tdpbssd")

namespace {

struct Candidate {
  ProductType type;
  const char *feature;
  ProductInstruction instruction;
  const char *without = nullptr; ///< a feature with which it is not used
};

// A tile of 16 x 16 sums, two operations for each product.
constexpr int64_t kTileOperations = int64_t(2) * 16 * 16;

// Those with the most operations first.
const Candidate candidates[] = {
    {ProductType::BF16,
     "amx-bf16",
     {"tdpbf16ps", kTileOperations * 32, 4, bf16Tile}},
    {ProductType::BF16, "avx512bf16", {"vdpbf16ps zmm", 64, 28, bf16Zmm}},
    {ProductType::I8,
     "amx-int8",
     {"tdpbssd", kTileOperations * 64, 4, int8Tile}},
    {ProductType::I8, "avx512vnni", {"vpdpbusd zmm", 128, 28, int8Zmm}},
    {ProductType::I8, "avxvnni", {"vpdpbusd ymm", 64, 14, int8Ymm}},
    // With AVX-512 and no VNNI, many rows are multiplied in f32.
    {ProductType::I8, "avx2", {"vpmaddubsw ymm", 64, 14, bytesYmm}, "avx512f"},
    {ProductType::F32, "avx512f", {"vfmadd231ps zmm", 32, 28, fmaZmm}},
    {ProductType::F32, "fma", {"vfmadd231ps ymm", 16, 14, fmaYmm}},
};

} // namespace

const ProductInstruction *productInstruction(ProductType type,
                                             const CpuFeatures &features) {
  for (const Candidate &candidate : candidates) {
    std::string_view feature = candidate.feature;
    if (candidate.type == type && features.has(feature) &&
        CpuFeatures::host().has(feature) &&
        !(candidate.without && features.has(candidate.without)) &&
        (!feature.starts_with("amx") || requestTiles()))
      return &candidate.instruction;
  }
  return type == ProductType::F32
             ? nullptr
             : productInstruction(ProductType::F32, features);
}

#else

const ProductInstruction *productInstruction(ProductType, const CpuFeatures &) {
  return nullptr;
}

#endif

double measurePeak(ThreadTeam &team, const ProductInstruction &instruction) {
  // A limit is what is possible: the best of some short attempts, each long
  // enough for the team's barriers not to show.
  constexpr double kSeconds = 0.002;
  constexpr int kAttempts = 5;
  double best = 0;
  int64_t rounds = 1000;
  for (int attempt = 0; attempt < kAttempts;) {
    Clock::time_point start = Clock::now();
    team.run([&](int64_t) { instruction.loop(rounds); });
    double seconds = std::max(secondsSince(start), 1e-9);
    double operations =
        static_cast<double>(rounds * instruction.perRound * team.size()) *
        static_cast<double>(instruction.operations);
    best = std::max(best, operations / seconds);
    if (seconds >= kSeconds) {
      ++attempt;
      continue;
    }
    double factor = 1.3 * kSeconds / seconds;
    rounds = static_cast<int64_t>(static_cast<double>(rounds) *
                                  std::clamp(factor, 1.1, 100.0));
  }
  return best;
}

} // namespace swallow
