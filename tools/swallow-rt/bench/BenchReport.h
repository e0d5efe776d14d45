//===- BenchReport.h - the result of bench, for people and programs -------===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_BENCH_BENCHREPORT_H
#define SWALLOW_TOOLS_SWALLOW_RT_BENCH_BENCHREPORT_H

#include "tools/swallow-rt/bench/Bench.h"

#include <string>

/// Tables.
std::string benchText(const BenchResult &result, const Workload &workload);

/// The same and each round's values, as one JSON object on one line.
std::string benchJson(const BenchResult &result, const Workload &workload);

#endif // SWALLOW_TOOLS_SWALLOW_RT_BENCH_BENCHREPORT_H
