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

std::string heading(const BenchResult &result, const Workload &workload) {
  const Json &model = workload.description()["model"];
  const Json &weights = workload.description()["weights"];
  std::string text =
      format("%s, %s parameters, %s; %s, variant %s (%s), "
             "%d threads\n",
             model["architecture"].get<std::string>().c_str(),
             weights["parameters"].dump().c_str(),
             model["dtype"].get<std::string>().c_str(), result.device.c_str(),
             result.variant.c_str(), result.code.c_str(), result.plan.threads);
  text += format("weights   %s %s, %s read by a step of one token%s\n",
                 formatBytes(double(result.plan.weights_bytes)).c_str(),
                 result.plan.weights_allocated_bytes ? "in memory" : "mapped",
                 formatBytes(workload.stepBytes()).c_str(),
                 weights["synthetic_seed"].is_null() ? "" : "; synthetic");
  if (result.readSpeed.median() > 0)
    text += "machine   reads " + spread(result.readSpeed, 1e9, 1) + " GB/s";
  else
    text += "machine   limits not measured on this device";
  if (!result.instruction.empty())
    text += "; " + result.instruction + " " + spread(result.peak, 1e9, 0) +
            " GFLOP/s";
  text += "\nopen      " + spread(result.openSeconds, 1e-3, 1) +
          " ms; with the first token " + spread(result.firstSeconds, 1e-3, 1) +
          " ms\n";
  text += format("memory    %s at most, %s of it anonymous; the plan's KV is "
                 "%s, its activations %s\n",
                 formatBytes(result.peakBytes).c_str(),
                 formatBytes(result.anonymousBytes).c_str(),
                 formatBytes(double(result.plan.kv_bytes)).c_str(),
                 formatBytes(double(result.plan.arena_bytes)).c_str());
  return text;
}

std::string stageTable(const Test &test) {
  double all = 0;
  for (const StageShare &stage : test.stages)
    all += stage.seconds;
  std::string text =
      format("\n%-26s %9s %6s %10s %8s %9s\n", test.name().c_str(), "ms/round",
             "share", "us/call", "GB/s", "GFLOP/s");
  const double rounds = double(test.seconds.values().size());
  for (const StageShare &stage : test.stages) {
    double seconds = std::max(stage.seconds, 1e-12);
    text += format("  %-24s %9.2f %5.1f%% %10.1f", stage.name.c_str(),
                   stage.seconds / rounds * 1e3,
                   all > 0 ? stage.seconds / all * 100 : 0,
                   stage.calls ? stage.seconds / double(stage.calls) * 1e6 : 0);
    if (stage.work.operations > 0)
      text += format(" %8.1f %9.1f", stage.work.bytes / seconds / 1e9,
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
  text += format("\n%-30s %-28s %6s %8s %8s %8s\n", "", "tokens/s", "GB/s",
                 "of reads", "GFLOP/s", "of peak");
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
      text += stageTable(test);
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
        {"operations_per_second", seriesJson(result.peak)}}},
      {"open_seconds", seriesJson(result.openSeconds, false)},
      {"first_token_seconds", seriesJson(result.firstSeconds, false)},
      {"memory",
       {{"peak_bytes", result.peakBytes},
        {"anonymous_bytes", result.anonymousBytes},
        {"kv_bytes", result.plan.kv_bytes},
        {"arena_bytes", result.plan.arena_bytes},
        {"weights_bytes", result.plan.weights_bytes},
        {"weights_allocated_bytes", result.plan.weights_allocated_bytes}}},
      {"tests", Json::array()}};
  for (const Test &test : result.tests)
    json["tests"].push_back(testJson(test));
  return dumpJson(json);
}
