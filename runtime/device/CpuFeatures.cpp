#include "runtime/device/CpuFeatures.h"

#include "runtime/abi/StepAbi.h"

#include <algorithm>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace swallow {

#if defined(__x86_64__)
namespace {

struct CpuidRegisters {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidRegisters cpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidRegisters r;
  if (!__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx))
    return {};
  return r;
}

uint64_t readXcr0() {
  uint32_t low, high;
  // The instruction by hand: _xgetbv would need -mxsave for the whole file.
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

/// Linux gives a process the state of tiles when it asks for it (the kernel's
/// Documentation/arch/x86/xstate.rst); threads inherit the permission.
bool mayUseTiles() {
  constexpr long requestPermission = 0x1023; // ARCH_REQ_XCOMP_PERM
  constexpr long tileData = 18;              // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

bool bit(uint64_t word, int index) { return (word >> index) & 1; }

/// Bit numbers: Intel SDM volume 2A, CPUID; volume 1, 13.3 (XCR0).
std::vector<std::string> detect() {
  std::vector<std::string> names;
  auto add = [&](bool present, const char *name) {
    if (present)
      names.push_back(name);
  };

  CpuidRegisters leaf1 = cpuid(1, 0);
  CpuidRegisters leaf7 = cpuid(7, 0);
  CpuidRegisters leaf7b = cpuid(7, 1);
  CpuidRegisters extended = cpuid(0x80000001u, 0);

  bool osSavesState = bit(leaf1.ecx, 27);
  uint64_t xcr0 = osSavesState ? readXcr0() : 0;
  bool ymm = (xcr0 & 0x6) == 0x6;
  bool zmm = ymm && (xcr0 & 0xe0) == 0xe0;
  bool tiles = (xcr0 & 0x60000) == 0x60000 &&
               (bit(leaf7.edx, 22) || bit(leaf7.edx, 25)) && mayUseTiles();

  add(bit(leaf1.ecx, 0), "sse3");
  add(bit(leaf1.ecx, 9), "ssse3");
  add(bit(leaf1.ecx, 19), "sse4.1");
  add(bit(leaf1.ecx, 20), "sse4.2");
  add(bit(leaf1.ecx, 23), "popcnt");
  add(bit(leaf1.ecx, 22), "movbe");
  add(bit(extended.ecx, 5), "lzcnt");
  add(bit(leaf7.ebx, 3), "bmi");
  add(bit(leaf7.ebx, 8), "bmi2");
  add(ymm && bit(leaf1.ecx, 28), "avx");
  add(ymm && bit(leaf1.ecx, 12), "fma");
  add(ymm && bit(leaf1.ecx, 29), "f16c");
  add(ymm && bit(leaf7.ebx, 5), "avx2");
  add(ymm && bit(leaf7b.eax, 4), "avxvnni");
  add(zmm && bit(leaf7.ebx, 16), "avx512f");
  add(zmm && bit(leaf7.ebx, 17), "avx512dq");
  add(zmm && bit(leaf7.ebx, 28), "avx512cd");
  add(zmm && bit(leaf7.ebx, 30), "avx512bw");
  add(zmm && bit(leaf7.ebx, 31), "avx512vl");
  add(zmm && bit(leaf7.ecx, 1), "avx512vbmi");
  add(zmm && bit(leaf7.ecx, 11), "avx512vnni");
  add(zmm && bit(leaf7b.eax, 5), "avx512bf16");
  add(zmm && bit(leaf7.edx, 23), "avx512fp16");
  add(tiles && bit(leaf7.edx, 24), "amx-tile");
  add(tiles && bit(leaf7.edx, 25), "amx-int8");
  add(tiles && bit(leaf7.edx, 22), "amx-bf16");
  return names;
}

std::string vendorOf(const CpuidRegisters &leaf0) {
  std::string vendor;
  for (uint32_t word : {leaf0.ebx, leaf0.edx, leaf0.ecx})
    vendor.append(reinterpret_cast<const char *>(&word), sizeof(word));
  return vendor;
}

CpuFeatures hostFeatures() {
  return CpuFeatures(detect(), vendorOf(cpuid(0, 0)));
}

} // namespace
#else
static CpuFeatures hostFeatures() { return CpuFeatures({}); }
#endif

// Hygon's processors are AMD's design.
CpuFeatures::CpuFeatures(std::vector<std::string> names,
                         std::string_view vendor)
    : names_(std::move(names)),
      readStreams_(vendor == "AuthenticAMD" || vendor == "HygonGenuine"
                       ? 1
                       : SWALLOW_MAX_READ_STREAMS) {}

const CpuFeatures &CpuFeatures::host() {
  static const CpuFeatures features = hostFeatures();
  return features;
}

bool CpuFeatures::has(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

static std::string join(std::span<const std::string> names) {
  std::string text;
  for (const std::string &name : names) {
    if (!text.empty())
      text += ", ";
    text += name;
  }
  return text;
}

std::string missingFeatures(const VariantNeeds &variant,
                            const CpuFeatures &cpu) {
  std::vector<std::string> missing;
  for (const std::string &feature : variant.features)
    if (!cpu.has(feature))
      missing.push_back(feature);
  return join(missing);
}

static std::string describe(const CpuFeatures &cpu) {
  return cpu.names().empty() ? "no x86-64 vector features" : join(cpu.names());
}

Result<size_t> selectVariant(std::span<const VariantNeeds> variants,
                             const CpuFeatures &cpu, std::string_view wanted,
                             const std::string &file) {
  if (!wanted.empty()) {
    std::string known;
    for (size_t i = 0; i < variants.size(); ++i) {
      const VariantNeeds &variant = variants[i];
      known.append(i ? ", " : "").append(variant.name);
      if (variant.name != wanted)
        continue;
      std::string missing = missingFeatures(variant, cpu);
      if (missing.empty())
        return i;
      std::string message = file;
      message.append(": variant '").append(variant.name);
      message.append("' needs ").append(join(variant.features));
      message.append("; this machine lacks ").append(missing);
      message.append(" (it has ").append(describe(cpu)).append(")");
      return Error{ErrorCode::WrongMachine, message};
    }
    return Error{ErrorCode::InvalidArgument,
                 file + ": no code variant is named '" + std::string(wanted) +
                     "' (there is " + (known.empty() ? "none" : known) + ")"};
  }

  std::string needs;
  for (size_t i = 0; i < variants.size(); ++i) {
    if (missingFeatures(variants[i], cpu).empty())
      return i;
    needs.append(i ? "; or " : "").append(variants[i].name);
    needs.append(": ").append(join(variants[i].features));
  }
  return Error{ErrorCode::WrongMachine,
               file + ": needs " +
                   (needs.empty() ? "no code is inside" : needs) +
                   "; this machine has " + describe(cpu)};
}

} // namespace swallow
