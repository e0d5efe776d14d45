#include "tools/swallow-rt/bench/Bench.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

//===----------------------------------------------------------------------===//
// Series and tests
//===----------------------------------------------------------------------===//

double Series::median() const {
  if (values_.empty())
    return 0;
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle]
                           : (sorted[middle - 1] + sorted[middle]) / 2;
}

double Series::low() const {
  return values_.empty() ? 0
                         : *std::min_element(values_.begin(), values_.end());
}

double Series::high() const {
  return values_.empty() ? 0
                         : *std::max_element(values_.begin(), values_.end());
}

/// amount / seconds of each round.
static Series rates(double amount, const Series &seconds) {
  Series result;
  for (double value : seconds.values())
    result.add(value > 0 ? amount / value : 0);
  return result;
}

static Series ratios(const Series &values, const Series &limits) {
  Series result;
  for (size_t i = 0; i < values.values().size(); ++i) {
    double limit = limits.values()[i];
    result.add(limit > 0 ? values.values()[i] / limit : 0);
  }
  return result;
}

std::string Test::name() const {
  std::string name = decode ? "decode " : "prefill ";
  name += std::to_string(tokens);
  if (depth > 0)
    name += " at " + std::to_string(depth);
  if (batch > 1)
    name += ", batch " + std::to_string(batch);
  return name;
}

Series Test::tokensPerSecond() const {
  return rates(double(tokens * batch), seconds);
}
Series Test::bytesPerSecond() const { return rates(work.bytes, seconds); }
Series Test::operationsPerSecond() const {
  return rates(work.operations, seconds);
}
Series Test::shareOfReads() const {
  return ratios(bytesPerSecond(), readSpeed);
}
Series Test::shareOfPeak() const { return ratios(operationsPerSecond(), peak); }

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A number that a file of /proc/self gives in kB, in bytes.
double processBytes(const std::string &name, const std::string &key) {
  std::ifstream file("/proc/self/" + name);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":")) {
      double kilobytes = 0;
      std::istringstream(line.substr(key.size() + 1)) >> kilobytes;
      return kilobytes * 1024;
    }
  return 0;
}

class Bench {
public:
  Bench(const BenchOptions &options, const swallow_artifact *artifact,
        const Workload &workload)
      : options_(options), artifact_(artifact), workload_(workload),
        vocab_(modelInfo(artifact).vocab_size),
        stepTokens_(options.maxStepTokens) {}

  BenchResult run() {
    measureOpening();
    makeTests();
    openSession();
    for (int64_t round = 0; round < options_.rounds; ++round)
      for (Test &test : result_.tests)
        measure(test);
    result_.peakBytes = processBytes("status", "VmHWM");
    result_.anonymousBytes = processBytes("status", "RssAnon");
    // Of what is mapped only the artifact is large enough.
    result_.largePageBytes = processBytes("smaps_rollup", "FilePmdMapped");
    return std::move(result_);
  }

private:
  /// Any tokens will do, as long as they are not all the same.
  int32_t token(int64_t i) const {
    return static_cast<int32_t>((i * 2654435761 + 17) % vocab_);
  }

  int64_t createSequence() {
    int64_t sequence = 0;
    check(swallow_sequence_create(session_.get(), &sequence));
    return sequence;
  }

  int64_t fork(int64_t source) {
    int64_t sequence = 0;
    check(swallow_sequence_fork(session_.get(), source, &sequence));
    return sequence;
  }

  void remove(int64_t sequence) {
    check(swallow_sequence_remove(session_.get(), sequence));
  }

  /// The file is opened anew each time. Where a session fills memory with the
  /// weights, once: it takes long, and differs little.
  void measureOpening() {
    swallow_session_options session = options_.session();
    session.context_length = 1;
    for (int64_t round = 0; round < options_.rounds; ++round) {
      Clock::time_point start = Clock::now();
      ArtifactPtr artifact = openArtifact(options_.file);
      swallow_session *raw = nullptr;
      check(swallow_session_create(artifact.get(), &session, &raw));
      session_.reset(raw);
      result_.openSeconds.add(secondsSince(start));
      bool allocated = memoryPlan(session_.get()).weights_allocated_bytes > 0;
      if (allocated)
        result_.loadSeconds = secondsSince(start);
      const int32_t first = token(0);
      const float *logits = nullptr;
      check(swallow_prefill(session_.get(), createSequence(), &first, 1));
      check(swallow_logits(session_.get(), 0, &logits));
      result_.firstSeconds.add(secondsSince(start));
      session_.reset();
      if (allocated)
        return;
    }
  }

  void makeTests() {
    for (int64_t batch : options_.batches)
      stepTokens_ = std::max(stepTokens_, batch);
    for (int64_t depth : options_.depths) {
      for (int64_t tokens : options_.prefill)
        addTest(false, tokens, depth, 1);
      for (int64_t batch : options_.batches)
        addTest(true, options_.decode, depth, batch);
    }
    if (result_.tests.empty())
      throw CommandError("nothing to measure: --prefill 0 and --decode 0");
  }

  void addTest(bool decode, int64_t tokens, int64_t depth, int64_t batch) {
    if (tokens == 0)
      return;
    Test test;
    test.decode = decode;
    test.tokens = tokens;
    test.depth = depth;
    test.batch = batch;
    for (const auto &[stage, work] : stageWork(test))
      test.work += work;
    result_.tests.push_back(std::move(test));
  }

  void openSession() {
    swallow_session_options session = options_.session();
    int64_t longest = 1, batch = 1;
    for (const Test &test : result_.tests) {
      longest = std::max(longest, test.depth + test.tokens);
      batch = std::max(batch, test.batch);
    }
    if (session.context_length == 0)
      session.context_length = longest;
    session.max_sequences =
        batch + static_cast<int64_t>(options_.depths.size());
    session.max_step_tokens = stepTokens_;
    session.profile = options_.profile;
    Clock::time_point start = Clock::now();
    session_ = createSession(artifact_, session);
    if (result_.loadSeconds > 0)
      result_.loadSeconds = std::min(result_.loadSeconds, secondsSince(start));
    result_.device = swallow_session_device(session_.get());
    result_.variant = swallow_session_variant(session_.get());
    result_.code = swallow_session_code(session_.get());
    result_.plan = memoryPlan(session_.get());

    // One sequence for each depth, from which tests fork; and a step of each
    // kind, so that no test is the first to touch code and memory.
    std::vector<int64_t> sorted = options_.depths;
    std::sort(sorted.begin(), sorted.end());
    int64_t before = -1;
    for (int64_t depth : sorted) {
      if (bases_.contains(depth))
        continue;
      int64_t length = 0;
      int64_t sequence = before < 0 ? createSequence() : fork(before);
      check(swallow_sequence_length(session_.get(), sequence, &length));
      if (depth > length)
        prefill(sequence, depth - length);
      bases_[depth] = before = sequence;
    }
    for (Test test : result_.tests) {
      test.tokens = std::min<int64_t>(test.tokens, test.decode ? 1 : 32);
      time(test, forkAll(test));
    }
  }

  void prefill(int64_t sequence, int64_t count) {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < count; ++i)
      ids.push_back(token(i));
    check(swallow_prefill(session_.get(), sequence, ids.data(), ids.size()));
  }

  /// A sequence of the test's depth for each of its batch.
  std::vector<int64_t> forkAll(const Test &test) {
    std::vector<int64_t> sequences;
    for (int64_t i = 0; i < test.batch; ++i)
      sequences.push_back(fork(bases_.at(test.depth)));
    return sequences;
  }

  /// Seconds of one run of the test, which removes the sequences.
  double time(const Test &test, const std::vector<int64_t> &sequences) {
    Clock::time_point start = Clock::now();
    if (test.decode) {
      std::vector<swallow_row> rows(sequences.size());
      int32_t chosen = 0;
      float logit = 0;
      for (int64_t step = 0; step < test.tokens; ++step) {
        for (size_t i = 0; i < rows.size(); ++i)
          rows[i] = {sequences[i], token(step + int64_t(i)), true};
        check(swallow_step_likeliest(session_.get(), rows.data(), rows.size()));
        // Chosen as greedy generation does; all rounds read the same tokens.
        for (size_t i = 0; i < rows.size(); ++i)
          check(swallow_likeliest(session_.get(), i, &chosen, &logit));
      }
    } else {
      prefill(sequences[0], test.tokens);
    }
    double seconds = secondsSince(start);
    for (int64_t sequence : sequences)
      remove(sequence);
    return seconds;
  }

  void measure(Test &test) {
    // A GPU copies keys and values after the call; measuring its limits waits
    // for that.
    const std::vector<int64_t> sequences = forkAll(test);
    measureLimits(test);
    std::vector<StageShare> before = stageTimes();
    test.seconds.add(time(test, sequences));
    addStages(test, before);
  }

  void measureLimits(Test &test) {
    swallow_machine_limits limits{};
    limits.struct_size = sizeof(limits);
    check(swallow_session_machine_limits(session_.get(), &limits));
    result_.instruction = limits.instruction;
    if (limits.on_gpu) {
      if (!result_.gpu)
        result_.gpu.emplace();
      result_.gpu->nominalReadSpeed = limits.nominal_read_bytes_per_second;
      result_.gpu->memoryBytes = double(limits.device_memory_bytes);
      result_.gpu->memoryInUse =
          std::max(result_.gpu->memoryInUse,
                   double(limits.device_memory_bytes) -
                       double(limits.device_memory_free_bytes));
    }
    result_.readSpeed.add(limits.read_bytes_per_second);
    result_.peak.add(limits.operations_per_second);
    test.readSpeed.add(limits.read_bytes_per_second);
    test.peak.add(limits.operations_per_second);
  }

  std::vector<StageShare> stageTimes() const {
    std::vector<StageShare> stages;
    const char *name = nullptr;
    StageShare stage;
    for (size_t i = 0;
         swallow_session_stage_time(session_.get(), i, &name, &stage.seconds,
                                    &stage.calls) == SWALLOW_OK;
         ++i) {
      stage.name = name;
      stages.push_back(stage);
    }
    return stages;
  }

  void addStages(Test &test, const std::vector<StageShare> &before) {
    std::vector<StageShare> after = stageTimes();
    if (test.stages.empty())
      for (const StageShare &stage : after)
        test.stages.emplace_back().name = stage.name;
    for (size_t i = 0; i < after.size(); ++i) {
      after[i].seconds -= before[i].seconds;
      after[i].calls -= before[i].calls;
      test.stages[i].seconds += after[i].seconds;
      test.stages[i].calls += after[i].calls;
    }
    if (after.empty())
      return;
    // Where a GPU has several kernels for a stage, the work is counted for the
    // one that took longest: the others are for a few rows, or finish it.
    for (const auto &[stage, work] : stageWork(test)) {
      std::optional<size_t> longest;
      for (size_t i = 0; i < after.size(); ++i)
        if (Workload::stageOf(after[i].name) == stage &&
            (!longest || after[i].seconds > after[*longest].seconds))
          longest = i;
      if (longest)
        test.stages[*longest].work += work;
    }
  }

  /// The work of one round by stage.
  std::map<std::string, Work> stageWork(const Test &test) const {
    std::map<std::string, Work> sum;
    auto add = [&](int64_t rows, int64_t depth, int64_t logitRows) {
      for (const auto &[stage, work] :
           workload_.step(test.batch, rows, depth, logitRows))
        sum[stage] += work;
    };
    if (test.decode) {
      for (int64_t i = 0; i < test.tokens; ++i)
        add(1, test.depth + i, test.batch);
      return sum;
    }
    for (int64_t done = 0; done < test.tokens;) {
      int64_t rows = std::min(stepTokens_, test.tokens - done);
      bool last = done + rows == test.tokens;
      add(rows, test.depth + done, last ? 1 : 0);
      done += rows;
    }
    return sum;
  }

  const BenchOptions &options_;
  const swallow_artifact *artifact_;
  const Workload &workload_;
  const int64_t vocab_;
  int64_t stepTokens_; // of one step; all sequences must have room in it
  SessionPtr session_;
  std::map<int64_t, int64_t> bases_; // depth to its sequence
  BenchResult result_;
};

} // namespace

BenchResult runBench(const BenchOptions &options,
                     const swallow_artifact *artifact,
                     const Workload &workload) {
  return Bench(options, artifact, workload).run();
}
