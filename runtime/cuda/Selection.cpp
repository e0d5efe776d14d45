#include "runtime/cuda/Selection.h"

#include <optional>
#include <tuple>

namespace swallow::cuda {

std::string DeviceCode::text() const {
  return "sm_" + std::to_string(sm) + (architectureSpecific ? "a" : "") +
         (kind == Kind::Ptx ? " PTX" : " cubin");
}

static bool runsOn(const DeviceCode &code, const DeviceInfo &device) {
  if (code.architectureSpecific)
    return code.sm == device.sm();
  if (code.kind == DeviceCode::Kind::Cubin)
    return code.sm / 10 == device.major && code.sm % 10 <= device.minor;
  return code.sm <= device.sm();
}

Result<size_t> selectCode(std::span<const DeviceCode> codes,
                          const DeviceInfo &device) {
  auto rank = [&](size_t i) {
    return std::tuple(codes[i].kind == DeviceCode::Kind::Cubin, codes[i].sm,
                      codes[i].architectureSpecific);
  };
  std::optional<size_t> best;
  std::string existing;
  for (size_t i = 0; i < codes.size(); ++i) {
    existing += (i ? ", " : "") + codes[i].text();
    if (runsOn(codes[i], device) && (!best || rank(i) > rank(*best)))
      best = i;
  }
  if (best)
    return *best;
  return Error{ErrorCode::WrongMachine,
               "the artifact has no code for " + device.name + " (sm_" +
                   std::to_string(device.sm()) + "): it has " +
                   (existing.empty() ? "none for CUDA devices" : existing)};
}

} // namespace swallow::cuda
