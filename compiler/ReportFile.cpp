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

Status swallow::writeReport(const std::string &path,
                            const ReportContents &contents) {
  Json report;
  addTensors(report, contents.sources);
  const std::string text = report.dump(1) + "\n";
  std::FILE *file = std::fopen(path.c_str(), "w");
  bool written =
      file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  written = (file && std::fclose(file) == 0) && written;
  if (!written)
    return {ErrorCode::WriteFailed,
            path + ": cannot write the report: " + std::strerror(errno)};
  return {};
}
