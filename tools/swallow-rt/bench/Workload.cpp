#include "tools/swallow-rt/bench/Workload.h"

#include <algorithm>
#include <array>
#include <string_view>

using Json = nlohmann::json;

namespace {

/// The fused stages that multiply with weights, and the ends of these weights'
/// names. A head without weights of its own is the embedding.
struct StageWeights {
  const char *stage, *weights;
};
constexpr std::array<StageWeights, 5> kStages = {
    {{"fused_qkv", "qkv_proj"},
     {"o_proj", "o_proj"},
     {"gated_mlp", "gate_up_proj"},
     {"down_proj", "down_proj"},
     {"fused_lm_head", "lm_head"}}};
constexpr const char *kHead = "fused_lm_head";
constexpr const char *kAttention = "attention";

} // namespace

Workload::Workload(Json description) : description_(std::move(description)) {}

Workload::Weights Workload::weightsOf(const std::string &stage) const {
  const Json &names = description_["weights"]["names"];
  for (const StageWeights &entry : kStages) {
    if (stage != entry.stage)
      continue;
    std::string wanted = entry.weights;
    if (stage == kHead && !names.contains(wanted))
      wanted = "embed_tokens";
    for (const auto &[name, kind] : names.items())
      if (name == wanted || name.ends_with("." + wanted))
        return {kind["parameters"].get<double>(), kind["bytes"].get<double>()};
  }
  return {};
}

std::string Workload::stageOf(std::string_view kernel) {
  auto isOf = [&](std::string_view stage) {
    return kernel.starts_with(stage) &&
           (kernel.size() == stage.size() || kernel[stage.size()] == '_');
  };
  for (const StageWeights &entry : kStages)
    if (isOf(entry.stage))
      return entry.stage;
  return isOf(kAttention) ? kAttention : "";
}

double Workload::stepBytes() const {
  double bytes = 0;
  for (const StageWeights &entry : kStages)
    bytes += weightsOf(entry.stage).bytes;
  return bytes;
}

std::map<std::string, Work> Workload::step(int64_t sequences, int64_t rows,
                                           int64_t depth,
                                           int64_t logitRows) const {
  std::map<std::string, Work> stages;
  for (const StageWeights &entry : kStages) {
    Weights weights = weightsOf(entry.stage);
    int64_t products =
        entry.stage == std::string_view(kHead) ? logitRows : sequences * rows;
    if (products > 0)
      stages[entry.stage] = {weights.bytes,
                             2 * weights.parameters * double(products)};
  }
  // Query i of a sequence sees depth + i + 1 keys, or the window.
  const Json &kv = description_["kv"], &model = description_["model"];
  const int64_t window =
      kv["window"].is_null() ? INT64_MAX : kv["window"].get<int64_t>();
  double keys = 0; // seen, by all queries of a sequence
  for (int64_t i = 0; i < rows; ++i)
    keys += double(std::min(depth + i + 1, window));
  const double layers = kv["layers"].get<double>();
  const double positionBytes =
      kv["block_bytes"].get<double>() / kv["block_tokens"].get<double>();
  stages[kAttention] = {
      layers * positionBytes * double(sequences) *
          double(std::min(depth + rows, std::max(window, rows))),
      layers * 4 * model["num_heads"].get<double>() *
          kv["head_dim"].get<double>() * double(sequences) * keys};
  return stages;
}
