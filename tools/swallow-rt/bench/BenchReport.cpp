#include "tools/swallow-rt/bench/BenchReport.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

using Json = nlohmann::json;

namespace {

std::string format(const char *pattern, ...)
    __attribute__((format(printf, 1, 2)));
std::string format(const char *pattern, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(buffer, sizeof(buffer), pattern, arguments);
  va_end(arguments);
  return buffer;
}

/// "38.2 (35.0 to 39.9)", in units of `unit`.
std::string spread(const Series &series, double unit, int digits) {
  return format("%.*f (%.*f to %.*f)", digits, series.median() / unit, digits,
                series.low() / unit, digits, series.high() / unit);
}

std::string percent(const Series &shares) {
  return format("%.0f %%", shares.median() * 100);
}

/// What everything is compared with.
std::string machineLines(const BenchResult &result) {
  std::string text;
  const char *copies = result.gpu ? "copies" : "reads";
  if (result.gpu)
    text += "device    " + result.device + ", " + result.code + "\n";
  if (result.readSpeed.median() > 0)
    text += format("machine   %s ", copies) + spread(result.readSpeed, 1e9, 1) +
            " GB/s";
  else
    text += "machine   no memory free to measure a copy in";
  if (!result.gpu) {
    if (!result.instruction.empty())
      text += "; " + result.instruction + " " + spread(result.peak, 1e9, 0) +
              " GFLOP/s";
    return text + "\n";
  }
  if (result.gpu->nominalReadSpeed > 0)
    text += format(" read and written, nominal %.1f",
                   result.gpu->nominalReadSpeed / 1e9);
  if (!result.instruction.empty())
    text += format("\n          %s, nominal %.0f GFLOP/s",
                   result.instruction.c_str(), result.peak.median() / 1e9);
  return text + "\n";
}

/// Bytes per second that weights come into memory with; 0 where they stay in
/// the file.
double loadSpeed(const BenchResult &result) {
  return result.loadSeconds > 0
             ? double(result.plan.weights_allocated_bytes) / result.loadSeconds
             : 0;
}

std::string placeOfWeights(const BenchResult &result) {
  if (result.plan.weights_allocated_bytes)
    return "in memory";
  return "mapped (" + formatBytes(result.largePageBytes) + " in large pages)";
}

std::string heading(const BenchResult &result, const Workload &workload) {
  const Json &model = workload.description()["model"];
  const Json &weights = workload.description()["weights"];
  std::string text =
      format("%s, %s parameters, %s; %s, variant %s, %d threads\n",
             model["architecture"].get<std::string>().c_str(),
             weights["parameters"].dump().c_str(),
             model["dtype"].get<std::string>().c_str(), result.device.c_str(),
             result.variant.c_str(), result.plan.threads);
  text += format("weights   %s %s, %s read by a step of one token%s\n",
                 formatBytes(double(result.plan.weights_bytes)).c_str(),
                 placeOfWeights(result).c_str(),
                 formatBytes(workload.stepBytes()).c_str(),
                 weights["synthetic_seed"].is_null() ? "" : "; synthetic");
  text += machineLines(result);
  text += "open      " + spread(result.openSeconds, 1e-3, 1) +
          " ms; with the first token " + spread(result.firstSeconds, 1e-3, 1) +
          " ms";
  if (double speed = loadSpeed(result))
    text += format("; weights at %.2f GB/s", speed / 1e9);
  text += '\n';
  text += format("memory    %s at most, %s of it anonymous; the plan's KV is "
                 "%s, its activations %s\n",
                 formatBytes(result.peakBytes).c_str(),
                 formatBytes(result.anonymousBytes).c_str(),
                 formatBytes(double(result.plan.kv_bytes)).c_str(),
                 formatBytes(double(result.plan.arena_bytes)).c_str());
  if (result.gpu)
    text += format("          on the device %s, %s of %s in use there\n",
                   formatBytes(double(result.plan.total_bytes)).c_str(),
                   formatBytes(result.gpu->memoryInUse).c_str(),
                   formatBytes(result.gpu->memoryBytes).c_str());
  return text;
}

/// Of the speed of reading that the test's rounds had.
std::string shareOfReads(const StageShare &stage, const Test &test) {
  const double limit = test.readSpeed.median();
  if (limit <= 0 || stage.seconds <= 0)
    return "-";
  return format("%.0f %%", stage.work.bytes / stage.seconds / limit * 100);
}

std::string stageTable(const Test &test, const char *readColumn) {
  double all = 0;
  for (const StageShare &stage : test.stages)
    all += stage.seconds;
  std::string text =
      format("\n%-26s %9s %6s %10s %8s %8s %9s\n", test.name().c_str(),
             "ms/round", "share", "us/call", "GB/s", readColumn, "GFLOP/s");
  const double rounds = double(test.seconds.values().size());
  for (const StageShare &stage : test.stages) {
    if (stage.calls == 0) // a kernel for other numbers of rows
      continue;
    double seconds = std::max(stage.seconds, 1e-12);
    text += format("  %-24s %9.2f %5.1f%% %10.1f", stage.name.c_str(),
                   stage.seconds / rounds * 1e3,
                   all > 0 ? stage.seconds / all * 100 : 0,
                   stage.seconds / double(stage.calls) * 1e6);
    if (stage.work.operations > 0)
      text += format(" %8.1f %8s %9.1f", stage.work.bytes / seconds / 1e9,
                     shareOfReads(stage, test).c_str(),
                     stage.work.operations / seconds / 1e9);
    text += '\n';
  }
  return text;
}

Json seriesJson(const Series &series, bool largerIsBetter = true) {
  return {{"median", series.median()},
          {"best", largerIsBetter ? series.high() : series.low()},
          {"worst", largerIsBetter ? series.low() : series.high()},
          {"rounds", series.values()}};
}

Json testJson(const Test &test) {
  Json json = {
      {"name", test.name()},
      {"kind", test.decode ? "decode" : "prefill"},
      {"tokens", test.tokens},
      {"depth", test.depth},
      {"batch", test.batch},
      {"bytes", test.work.bytes},
      {"operations", test.work.operations},
      {"seconds", seriesJson(test.seconds, false)},
      {"tokens_per_second", seriesJson(test.tokensPerSecond())},
      {"bytes_per_second", seriesJson(test.bytesPerSecond())},
      {"operations_per_second", seriesJson(test.operationsPerSecond())},
      {"share_of_read_speed", seriesJson(test.shareOfReads())},
      {"share_of_peak", seriesJson(test.shareOfPeak())}};
  if (!test.stages.empty()) {
    Json stages = Json::array();
    for (const StageShare &stage : test.stages)
      stages.push_back({{"name", stage.name},
                        {"seconds", stage.seconds},
                        {"calls", stage.calls},
                        {"bytes", stage.work.bytes},
                        {"operations", stage.work.operations}});
    json["stages"] = std::move(stages);
  }
  return json;
}

} // namespace

std::string benchText(const BenchResult &result, const Workload &workload) {
  std::string text = heading(result, workload);
  // Of a GPU the limits are what copies move and what its clock promises.
  const char *readColumn = result.gpu ? "of copy" : "of reads";
  text += format("\n%-30s %-28s %6s %8s %8s %8s\n", "", "tokens/s", "GB/s",
                 readColumn, "GFLOP/s", result.gpu ? "nominal" : "of peak");
  for (const Test &test : result.tests) {
    // Of a prompt the speed of reading means little, and of one token at a time
    // that of computing; both are there for what lies between.
    text += format("%-30s %-28s %6.1f %8s %8.1f %8s\n", test.name().c_str(),
                   spread(test.tokensPerSecond(), 1, 1).c_str(),
                   test.bytesPerSecond().median() / 1e9,
                   percent(test.shareOfReads()).c_str(),
                   test.operationsPerSecond().median() / 1e9,
                   percent(test.shareOfPeak()).c_str());
  }
  for (const Test &test : result.tests)
    if (!test.stages.empty())
      text += stageTable(test, readColumn);
  return text;
}

std::string benchJson(const BenchResult &result, const Workload &workload) {
  const Json &description = workload.description();
  Json json = {
      {"file", description["file"]},
      {"compiler_version", description["compiler_version"]},
      {"runtime_version", swallow_version()},
      {"model", description["model"]},
      {"synthetic_seed", description["weights"]["synthetic_seed"]},
      {"device", result.device},
      {"variant", result.variant},
      {"code", result.code},
      {"threads", result.plan.threads},
      {"step_bytes", workload.stepBytes()},
      {"machine",
       {{"read_bytes_per_second", seriesJson(result.readSpeed)},
        {"instruction", result.instruction},
        {"operations_per_second", seriesJson(result.peak)},
        {"limit", result.gpu ? "copy" : "read"},
        {"operations_nominal", result.gpu.has_value()}}},
      {"weights_bytes_per_second", loadSpeed(result)},
      {"open_seconds", seriesJson(result.openSeconds, false)},
      {"first_token_seconds", seriesJson(result.firstSeconds, false)},
      {"memory",
       {{"peak_bytes", result.peakBytes},
        {"anonymous_bytes", result.anonymousBytes},
        {"large_page_bytes", result.largePageBytes},
        {"kv_bytes", result.plan.kv_bytes},
        {"arena_bytes", result.plan.arena_bytes},
        {"weights_bytes", result.plan.weights_bytes},
        {"weights_allocated_bytes", result.plan.weights_allocated_bytes}}},
      {"tests", Json::array()}};
  json["memory"]["total_bytes"] = result.plan.total_bytes;
  if (result.gpu) {
    json["machine"]["nominal_read_bytes_per_second"] =
        result.gpu->nominalReadSpeed;
    json["memory"]["device_bytes"] = result.gpu->memoryBytes;
    json["memory"]["device_bytes_in_use"] = result.gpu->memoryInUse;
  }
  for (const Test &test : result.tests)
    json["tests"].push_back(testJson(test));
  return dumpJson(json);
}
