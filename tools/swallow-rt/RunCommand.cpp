#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/Options.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <sys/random.h>

namespace {

struct RunOptions : CommonOptions {
  std::optional<std::string> prompt;
  std::optional<int64_t> maxTokens;
  std::optional<double> temperature;
  std::optional<double> topP;
  std::optional<int32_t> topK;
  std::optional<uint64_t> seed;
  int64_t maxStepTokens = 512;
  bool verbose = false;
  bool profile = false;
};

/// What transformers does without max_new_tokens is 20 tokens, too few to be of
/// use.
constexpr int64_t kDefaultMaxTokens = 512;

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

swallow_generation_defaults
generationDefaults(const swallow_artifact *artifact) {
  swallow_generation_defaults defaults{};
  defaults.struct_size = sizeof(defaults);
  check(swallow_artifact_generation_defaults(artifact, &defaults));
  return defaults;
}

/// Greedy unless the checkpoint's generation config says do_sample or a flag
/// asks for sampling.
bool samples(const RunOptions &options,
             const swallow_generation_defaults &defaults) {
  return options.temperature || options.topK || options.topP ||
         defaults.do_sample;
}

/// What no flag says comes from the generation config.
swallow_sampling_options
samplingOptions(const RunOptions &options,
                const swallow_generation_defaults &defaults) {
  swallow_sampling_options sampling;
  swallow_sampling_options_init(&sampling, sizeof(sampling));
  if (!samples(options, defaults)) {
    sampling.temperature = 0;
    return sampling;
  }
  sampling.temperature = static_cast<float>(
      options.temperature.value_or(double(defaults.temperature)));
  sampling.top_k = options.topK.value_or(defaults.top_k);
  sampling.top_p =
      static_cast<float>(options.topP.value_or(double(defaults.top_p)));
  if (options.seed)
    sampling.seed = *options.seed;
  else if (getrandom(&sampling.seed, sizeof(sampling.seed), 0) !=
           sizeof(sampling.seed))
    throw CommandError("the system has no random seed; give one with --seed");
  return sampling;
}

void printProfile(const swallow_session *session) {
  const char *name = nullptr;
  double seconds = 0;
  uint64_t calls = 0;
  std::fprintf(stderr, "%-28s %10s %12s %10s\n", "stage", "calls", "seconds",
               "us/call");
  for (size_t i = 0; swallow_session_stage_time(session, i, &name, &seconds,
                                                &calls) == SWALLOW_OK;
       ++i)
    std::fprintf(stderr, "%-28s %10llu %12.4f %10.2f\n", name,
                 static_cast<unsigned long long>(calls), seconds,
                 calls ? seconds / double(calls) * 1e6 : 0.0);
}

/// Generates until a stop: an EOS token, the number of tokens, the context's
/// end, Ctrl-C, or a reader that has gone away.
class Completion {
public:
  Completion(const RunOptions &options, const swallow_artifact *artifact,
             swallow_session *session,
             const swallow_generation_defaults &defaults)
      : session_(session), defaults_(defaults),
        vocab_(static_cast<size_t>(modelInfo(artifact).vocab_size)) {
    swallow_sampling_options sampling = samplingOptions(options, defaults);
    if (options.verbose && sampling.temperature > 0)
      std::fprintf(
          stderr, "sampling: temperature %g, top_k %d, top_p %g, seed %llu\n",
          double(sampling.temperature), sampling.top_k, double(sampling.top_p),
          static_cast<unsigned long long>(sampling.seed));
    swallow_sampler *sampler = nullptr;
    check(swallow_sampler_create(&sampling, &sampler));
    sampler_.reset(sampler);
    swallow_text_stream *stream = nullptr;
    check(swallow_text_stream_create(artifact, /*skip_special_tokens=*/true,
                                     &stream));
    stream_.reset(stream);
    check(swallow_sequence_create(session, &sequence_));
    swallow_memory_plan plan = memoryPlan(session);
    context_ = plan.context_length;
    stepTokens_ = static_cast<size_t>(plan.max_step_tokens);
  }

  void prefill(const std::vector<int32_t> &ids) {
    if (static_cast<int64_t>(ids.size()) > context_)
      throw CommandError("the prompt has " + std::to_string(ids.size()) +
                         " tokens, the context " + std::to_string(context_) +
                         "; -c sets a longer one");
    // Step by step, so that Ctrl-C need not wait for all of a long prompt.
    for (size_t done = 0; done < ids.size() && !interruptRequested();) {
      size_t count = std::min(stepTokens_, ids.size() - done);
      check(swallow_prefill(session_, sequence_, ids.data() + done, count));
      done += count;
    }
    length_ = static_cast<int64_t>(ids.size());
  }

  /// Returns the number of tokens generated.
  int64_t generate(int64_t maxTokens) {
    int64_t generated = 0;
    bool reader = true;
    while (reader && generated < maxTokens && !interruptRequested()) {
      const float *logits = nullptr;
      check(swallow_logits(session_, 0, &logits));
      int32_t token = 0;
      check(swallow_sample(sampler_.get(), logits, vocab_, &token));
      if (isEos(token))
        break;
      ++generated;
      const char *text = nullptr;
      size_t size = 0;
      check(swallow_text_stream_append(stream_.get(), token, &text, &size));
      reader = writeOutput({text, size});
      if (!reader || generated == maxTokens)
        break;
      if (length_ == context_) {
        contextFull_ = true;
        break;
      }
      swallow_row row{sequence_, token, true};
      check(swallow_step(session_, &row, 1));
      ++length_;
    }
    const char *text = nullptr;
    size_t size = 0;
    check(swallow_text_stream_finish(stream_.get(), &text, &size));
    if (reader)
      writeOutput(std::string(text, size) + "\n");
    return generated;
  }

  bool contextFull() const { return contextFull_; }
  int64_t context() const { return context_; }

private:
  bool isEos(int32_t token) const {
    const int32_t *end = defaults_.eos_token_ids + defaults_.num_eos_token_ids;
    return std::find(defaults_.eos_token_ids, end, token) != end;
  }

  swallow_session *session_;
  swallow_generation_defaults defaults_;
  size_t vocab_;
  SamplerPtr sampler_;
  TextStreamPtr stream_;
  int64_t sequence_ = 0;
  int64_t context_ = 0;
  size_t stepTokens_ = 1;
  int64_t length_ = 0;
  bool contextFull_ = false;
};

/// Settings of the generation config that change the output and are not
/// implemented must not be dropped in silence.
void warnAboutDefaults(const swallow_generation_defaults &defaults,
                       bool sampling) {
  auto warn = [](const char *key, double value) {
    std::fprintf(stderr,
                 "swallow-rt: warning: the generation config's %s %g is not "
                 "applied\n",
                 key, value);
  };
  if (defaults.repetition_penalty != 1)
    warn("repetition_penalty", double(defaults.repetition_penalty));
  if (sampling && defaults.min_p > 0)
    warn("min_p", double(defaults.min_p));
  if (sampling && defaults.typical_p < 1)
    warn("typical_p", double(defaults.typical_p));
}

int run(const RunOptions &options) {
  Clock::time_point start = Clock::now();
  ArtifactPtr artifact = openArtifact(options.file);
  std::string prompt;
  if (options.prompt) {
    prompt = *options.prompt;
  } else {
    // The newline that ends the last line is the shell's, not the text's.
    prompt = readStandardInput();
    if (prompt.ends_with('\n'))
      prompt.pop_back();
  }
  std::vector<int32_t> ids = encode(artifact.get(), prompt, true);
  if (ids.empty())
    throw CommandError("the prompt is empty");

  swallow_session_options sessionOptions = options.session();
  sessionOptions.max_step_tokens = options.maxStepTokens;
  sessionOptions.profile = options.profile;
  SessionPtr session = createSession(artifact.get(), sessionOptions);
  if (options.verbose)
    std::fprintf(stderr, "%s\n", planLine(session.get()).c_str());
  double openSeconds = secondsSince(start);

  swallow_generation_defaults defaults = generationDefaults(artifact.get());
  warnAboutDefaults(defaults, samples(options, defaults));
  Completion completion(options, artifact.get(), session.get(), defaults);
  int64_t maxTokens = options.maxTokens.value_or(defaults.max_new_tokens > 0
                                                     ? defaults.max_new_tokens
                                                     : kDefaultMaxTokens);

  // The loops look at the flag between steps.
  catchInterrupts();
  Clock::time_point promptStart = Clock::now();
  completion.prefill(ids);
  double promptSeconds = secondsSince(promptStart);
  Clock::time_point generateStart = Clock::now();
  int64_t generated = interruptRequested() ? 0 : completion.generate(maxTokens);
  double generateSeconds = secondsSince(generateStart);

  if (completion.contextFull())
    std::fprintf(stderr,
                 "swallow-rt: warning: the context of %lld tokens is full; -c "
                 "sets a longer one\n",
                 static_cast<long long>(completion.context()));
  if (options.verbose)
    std::fprintf(stderr,
                 "open %.3f s; prompt %zu tokens in %.3f s (%.1f/s); generated "
                 "%lld tokens in %.3f s (%.1f/s)\n",
                 openSeconds, ids.size(), promptSeconds,
                 double(ids.size()) / promptSeconds,
                 static_cast<long long>(generated), generateSeconds,
                 double(generated) / generateSeconds);
  if (options.profile)
    printProfile(session.get());
  return interruptRequested() ? 130 : 0;
}

} // namespace

void addRunCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<RunOptions>();
  CLI::App *verb = app.add_subcommand(
      "run", "Complete a text, printing it while it is generated");
  Options declare(*verb);
  declare.file(options->file);
  declare.text("-p,--prompt", options->prompt, "TEXT", "The text to complete",
               "standard input");
  declare.number<int64_t>("-n,--max-tokens", options->maxTokens, "N",
                          "Most new tokens", {0}, "model's or 512");
  declare.group("Sampling");
  declare.number<double>("--temperature", options->temperature, "T",
                         "0: always the likeliest", {0}, "model's");
  declare.number<double>("--top-p", options->topP, "P",
                         "Of the likeliest of sum P", {0, 1}, "model's");
  declare.number<int32_t>("--top-k", options->topK, "K", "Of the K likeliest",
                          {0}, "model's");
  declare.number<uint64_t>("--seed", options->seed, "N",
                           "Makes sampling repeatable", {0}, "random");
  declare.group("Machine");
  declare.context(options->context);
  declare.threads(options->threads);
  declare.variant(options->variant);
  declare.maxStepTokens(options->maxStepTokens);
  declare.flag("-v,--verbose", options->verbose,
               "Print the memory plan and speeds on standard error");
  declare.flag("--profile", options->profile,
               "Print the time spent in each stage on standard error");
  verb->callback(
      [&command, options] { command = [options] { return run(*options); }; });
}
