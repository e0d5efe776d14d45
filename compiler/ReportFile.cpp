//===- ReportFile.cpp - what a compile did, as a file ---------------------===//

#include "compiler/ReportFile.h"

#include "runtime/packing/QuantFormat.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>

using namespace swallow;

using Json = nlohmann::ordered_json;

/// Adds what quantisation did to each tensor.
static void addTensors(Json &report, const std::vector<SourceReport> &sources) {
  Json tensors = Json::array();
  PackStats all;
  double bytes = 0;
  for (const SourceReport &source : sources) {
    const PackedLayout &layout = source.layout;
    if (!isQuantized(layout.element))
      continue;
    const PackStats &stats = source.stats;
    // Of the weight's bytes this tensor's part, padding included.
    int64_t rows = 0;
    for (int64_t count : layout.sourceRows)
      rows += count;
    const double part = static_cast<double>(layout.totalBytes()) *
                        static_cast<double>(stats.values) /
                        static_cast<double>(rows * layout.cols);
    tensors.push_back(
        {{"name", source.name},
         {"bits", packedElementBits(layout.element)},
         {"bits_per_weight", 8 * part / static_cast<double>(stats.values)},
         {"values", stats.values},
         {"relative_error", stats.relativeError()}});
    if (source.hasImportance)
      tensors.back()["weighted_error"] = stats.relativeWeightedError();
    if (source.outputError)
      tensors.back()["output_error"] = *source.outputError;
    all += stats;
    bytes += part;
  }
  report["tensors"] = std::move(tensors);
  if (all.values > 0) {
    report["bits_per_weight"] = 8 * bytes / static_cast<double>(all.values);
    report["relative_error"] = all.relativeError();
  }
}

/// Adds what each kernel takes of a GPU.
static void addGpu(Json &report, const std::vector<GpuReport> &architectures) {
  for (const GpuReport &gpu : architectures) {
    Json kernels = Json::array();
    for (const nvidia::KernelResources &kernel : gpu.kernels)
      kernels.push_back({{"name", kernel.name},
                         {"registers", kernel.registers},
                         {"barriers", kernel.barriers},
                         {"stack_bytes", kernel.stackBytes},
                         {"spill_store_bytes", kernel.spillStoreBytes},
                         {"spill_load_bytes", kernel.spillLoadBytes},
                         {"shared_bytes", kernel.sharedBytes},
                         {"constant_bytes", kernel.constantBytes}});
    auto textOrNull = [](const std::string &text) {
      return text.empty() ? Json(nullptr) : Json(text);
    };
    report["gpu"].push_back({{"architecture", gpu.architecture},
                             {"ptxas", textOrNull(gpu.assembler)},
                             {"reason", textOrNull(gpu.reason)},
                             {"cubin_bytes", gpu.cubinBytes},
                             {"kernels", std::move(kernels)},
                             {"warnings", gpu.warnings}});
  }
}

Status swallow::writeReport(const std::string &path,
                            const ReportContents &contents) {
  Json report;
  addTensors(report, contents.sources);
  addGpu(report, contents.gpu);
  const std::string text =
      report.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::FILE *file = std::fopen(path.c_str(), "w");
  bool written =
      file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  written = (file && std::fclose(file) == 0) && written;
  if (!written)
    return {ErrorCode::WriteFailed,
            path + ": cannot write the report: " + std::strerror(errno)};
  return {};
}
