#include "tools/swallow-rt/compare/CompareReport.h"

#include <nlohmann/json.hpp>

#include <cstdio>

using Json = nlohmann::json;

std::string compareText(const CompareResult &result) {
  char line[256];
  std::snprintf(line, sizeof(line),
                "%s, %s, against %s, %s; keys and values in %s\n"
                "errors of the logits' rms, of the mean at most %.3g\n\n",
                result.device.c_str(), result.variant.c_str(),
                result.against.c_str(), result.againstVariant.c_str(),
                result.kvCache.c_str(), result.tolerance);
  std::string text = line;
  std::snprintf(line, sizeof(line), "%-26s %5s %9s %9s  %s\n", "", "rows",
                "mean", "largest", "most likely token");
  text += line;
  for (const Comparison &one : result.comparisons) {
    std::snprintf(line, sizeof(line),
                  "%-26s %5zu %9.2e %9.2e  %zu same, %zu near, %zu other%s%s\n",
                  one.name.c_str(), one.rows, one.meanError, one.largestError,
                  one.sameTokens, one.nearTies, one.otherTokens,
                  one.sameBits.value_or(false) ? ", same bits" : "",
                  one.ok ? "" : "  DIFFERS");
    text += line;
  }
  return text;
}

std::string compareJson(const CompareResult &result, const std::string &file) {
  Json json = {{"file", file},
               {"runtime_version", swallow_version()},
               {"device", result.device},
               {"variant", result.variant},
               {"against", result.against},
               {"against_variant", result.againstVariant},
               {"kv_cache", result.kvCache},
               {"tolerance", result.tolerance},
               {"ok", result.failures() == 0},
               {"comparisons", Json::array()}};
  for (const Comparison &one : result.comparisons) {
    Json entry = {{"name", one.name},
                  {"rows", one.rows},
                  {"mean_error", one.meanError},
                  {"largest_error", one.largestError},
                  {"same_tokens", one.sameTokens},
                  {"near_ties", one.nearTies},
                  {"other_tokens", one.otherTokens},
                  {"ok", one.ok}};
    if (one.sameBits)
      entry["same_bits"] = *one.sameBits;
    json["comparisons"].push_back(std::move(entry));
  }
  return dumpJson(json);
}
