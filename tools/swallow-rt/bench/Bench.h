//===- Bench.h - measures a compiled model on this machine ------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_BENCH_BENCH_H
#define SWALLOW_TOOLS_SWALLOW_RT_BENCH_BENCH_H

#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/bench/Workload.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

struct BenchOptions : CommonOptions {
  std::vector<int64_t> prefill = {512};
  int64_t decode = 64;
  std::vector<int64_t> depths = {0};
  std::vector<int64_t> batches = {1};
  int64_t rounds = 3;
  int64_t maxStepTokens = 512;
  bool json = false;
  bool profile = false;
};

/// Values of one quantity, one from each round.
class Series {
public:
  void add(double value) { values_.push_back(value); }
  const std::vector<double> &values() const { return values_; }
  double median() const;
  double low() const;
  double high() const;

private:
  std::vector<double> values_;
};

/// The time of one stage in all rounds of a test.
struct StageShare {
  std::string name;
  double seconds = 0;
  uint64_t calls = 0;
  Work work; // of all rounds
};

/// Reading `tokens` tokens, or generating that many in each of `batch`
/// sequences, with `depth` tokens before them.
struct Test {
  bool decode = false;
  int64_t tokens = 0, depth = 0, batch = 1;

  Work work; // of one round
  Series seconds;
  Series readSpeed, peak; // of the machine, just before; a GPU's peak nominal
  std::vector<StageShare> stages;

  /// "prefill 512", "decode 64 at 2048, batch 4".
  std::string name() const;
  Series tokensPerSecond() const;
  Series bytesPerSecond() const;
  Series operationsPerSecond() const;
  /// Of the machine's limits, round by round.
  Series shareOfReads() const;
  Series shareOfPeak() const;
};

/// What a GPU says of itself and has taken of its memory.
struct GpuFacts {
  double nominalReadSpeed = 0;             // 0: not known
  double memoryBytes = 0, memoryInUse = 0; // by all processes, the most
};

struct BenchResult {
  std::string variant, device, code, instruction;
  std::optional<GpuFacts> gpu; // none: the CPU ran
  swallow_memory_plan plan{};
  Series openSeconds;     // until a session is there
  Series firstSeconds;    // until the logits of a prompt of one token are there
  double loadSeconds = 0; // of the fastest opening that put weights into memory
  Series readSpeed, peak;
  std::vector<Test> tests;
  double peakBytes = 0, anonymousBytes = 0; // of the process; resident
  double largePageBytes = 0; // of the file, mapped by pages of 2 MB
};

/// Measures in interleaved rounds: each test once in each, with the machine's
/// limits just before. Throws CommandError.
BenchResult runBench(const BenchOptions &options,
                     const swallow_artifact *artifact,
                     const Workload &workload);

#endif // SWALLOW_TOOLS_SWALLOW_RT_BENCH_BENCH_H
