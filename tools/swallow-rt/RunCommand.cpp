#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Generation.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/chat/ChatFormat.h"
#include "tools/swallow-rt/options/GenerationOptions.h"

#include <chrono>
#include <cstdio>

namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

struct RunOptions : CommonOptions {
  std::optional<std::string> prompt;
  std::optional<std::string> promptFile;
  bool chat = false;
  bool noSpecial = false;
  ChatFormat format;
  GenerationOptions generation;
  int64_t samples = 1;
  std::optional<int32_t> logprobs, promptLogprobs;
  int64_t maxStepTokens = 512;
  bool json = false;
  bool verbose = false;
  bool profile = false;
};

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

std::string promptText(const RunOptions &options) {
  if (options.prompt)
    return *options.prompt;
  std::string text =
      options.promptFile ? readFile(*options.promptFile) : readStandardInput();
  // The newline that ends the last line is the editor's or the shell's.
  if (text.ends_with('\n'))
    text.pop_back();
  return text;
}

std::vector<int32_t> promptIds(const RunOptions &options,
                               const swallow_artifact *artifact) {
  bool chat = options.chat || options.format.chosen();
  if (!chat) {
    std::vector<int32_t> ids =
        encode(artifact, promptText(options), !options.noSpecial);
    if (ids.empty())
      throw CommandError("the prompt is empty");
    return ids;
  }
  options.format.require(artifact);
  Json messages = Json::array();
  if (options.format.system)
    messages.push_back(message("system", *options.format.system));
  messages.push_back(message("user", promptText(options)));
  return options.format.ids(artifact, dumpJson(messages));
}

Json choiceJson(size_t index, const Sample &sample) {
  return {{"index", index},
          {"text", sample.text},
          {"token_ids", sample.ids},
          {"finish_reason", sample.finishReason},
          {"stop_reason", sample.stopReason},
          {"logprobs", sample.logprobs}};
}

std::string outcomeJson(const Outcome &outcome, const std::vector<int32_t> &ids,
                        const GenerationRequest &request, uint64_t seed,
                        double openSeconds) {
  Json json = {{"prompt_token_ids", ids}, {"choices", Json::array()}};
  for (size_t i = 0; i < outcome.samples.size(); ++i)
    json["choices"].push_back(choiceJson(i, outcome.samples[i]));
  json["prompt_logprobs"] = outcome.promptLogprobs;
  json["seed"] = request.samples() ? Json(seed) : Json();
  json["usage"] = {
      {"prompt_tokens", outcome.promptTokens},
      {"completion_tokens", outcome.generatedTokens()},
      {"total_tokens", outcome.promptTokens + outcome.generatedTokens()}};
  json["timings"] = {{"open_seconds", openSeconds},
                     {"prompt_seconds", outcome.promptSeconds},
                     {"prompt_tokens_per_second", outcome.promptSpeed()},
                     {"generate_seconds", outcome.generateSeconds},
                     {"generate_tokens_per_second", outcome.generateSpeed()}};
  return dumpJson(json);
}

/// Prints samples as they come: the first at once, the others, which are
/// generated side by side with it, behind it.
class Printer {
public:
  Printer(const RunOptions &options)
      : silent_(options.json), headings_(options.samples > 1) {}

  /// False when the reader has gone away.
  bool operator()(int64_t index, std::string_view text) {
    if (silent_ || index > 0)
      return true;
    heading(0);
    return open_ = open_ && writeOutput(text);
  }

  void finish(const Outcome &outcome) {
    for (size_t i = 0; !silent_ && open_ && i < outcome.samples.size(); ++i) {
      heading(i);
      open_ =
          (i == 0 || writeOutput(outcome.samples[i].text)) && writeOutput("\n");
    }
  }

private:
  void heading(size_t index) {
    if (!headings_ || index != printed_)
      return;
    ++printed_;
    open_ = open_ &&
            writeOutput("--- sample " + std::to_string(index + 1) + " ---\n");
  }

  bool silent_;
  bool headings_;
  bool open_ = true;
  size_t printed_ = 0; // headings
};

void warnIfFull(const Outcome &outcome, const swallow_session *session) {
  for (const Sample &sample : outcome.samples)
    if (sample.contextFull) {
      std::fprintf(stderr,
                   "swallow-rt: warning: the context of %lld tokens is full; "
                   "-c sets a longer one\n",
                   static_cast<long long>(memoryPlan(session).context_length));
      return;
    }
}

int run(const RunOptions &options) {
  Clock::time_point start = Clock::now();
  ArtifactPtr artifact = openArtifact(options.file);
  std::vector<int32_t> ids = promptIds(options, artifact.get());

  swallow_session_options sessionOptions = options.session();
  sessionOptions.max_sequences = options.samples;
  sessionOptions.max_step_tokens =
      std::max(options.maxStepTokens, options.samples);
  sessionOptions.profile = options.profile;
  SessionPtr session = createSession(artifact.get(), sessionOptions);
  GenerationRequest request(options.generation, artifact.get());
  request.options().n = options.samples;
  request.options().logprobs = options.logprobs.value_or(-1);
  request.options().prompt_logprobs = options.promptLogprobs.value_or(-1);
  if (options.samples > 1 && !request.samples())
    throw CommandError("--samples " + std::to_string(options.samples) +
                       " would be " + std::to_string(options.samples) +
                       " times the same text: greedy generation has one "
                       "(--temperature samples)");
  if (options.verbose)
    std::fprintf(stderr, "%s\nsampling: %s\n", planLine(session.get()).c_str(),
                 request.describe().c_str());
  GenerationPtr generation = createGeneration(artifact.get(), session.get());
  double openSeconds =
      std::chrono::duration<double>(Clock::now() - start).count();

  catchInterrupts();
  Printer printer(options);
  Outcome outcome = generate(artifact.get(), generation.get(),
                             request.options(), ids, std::ref(printer));
  printer.finish(outcome);
  if (options.json)
    writeOutput(outcomeJson(outcome, ids, request, request.options().seed,
                            openSeconds) +
                "\n");
  warnIfFull(outcome, session.get());
  if (options.verbose)
    std::fprintf(stderr, "open %.3f s; %s\n", openSeconds,
                 speedLine(outcome).c_str());
  if (options.profile)
    printProfile(session.get());
  return outcome.interrupted ? 130 : 0;
}

} // namespace

void addRunCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<RunOptions>();
  CLI::App *verb = app.add_subcommand(
      "run", "Complete a text, printing it while it is generated");
  Options declare(*verb);
  declare.file(options->file);
  declare.group("Prompt");
  CLI::Option *prompt = declare.text("-p,--prompt", options->prompt, "TEXT",
                                     "The text to complete", "standard input");
  declare
      .text("--prompt-file", options->promptFile, "PATH",
            "A file with the text", "standard input")
      ->excludes(prompt);
  declare.flag("--no-special", options->noSpecial,
               "Without the tokens that are put around a text");
  declare.flag("--chat", options->chat,
               "The text is a message, for the model's template");
  options->format.declare(declare);

  declare.group("End");
  options->generation.declareEnds(declare);
  declare.group("Sampling");
  options->generation.declareSampling(declare);
  declare.number<int64_t>("--samples", options->samples, "N",
                          "Texts of one prompt", {1, 256}, "1");
  declare.group("Penalties");
  options->generation.declarePenalties(declare);

  declare.group("Output");
  CLI::Option *json =
      declare.flag("--json", options->json,
                   "Print one JSON object at the end and nothing else");
  declare
      .number<int32_t>("--logprobs", options->logprobs, "K",
                       "Likeliest tokens, in --json", {0, 1024}, "none")
      ->needs(json);
  declare
      .number<int32_t>("--prompt-logprobs", options->promptLogprobs, "K",
                       "Same for the prompt", {0, 1024}, "none")
      ->needs(json);
  declare.flag("-v,--verbose", options->verbose,
               "Print the memory plan and speeds on standard error");
  declare.flag("--profile", options->profile,
               "Print the time spent in each stage on standard error");
  declare.group("Machine");
  declare.context(options->context);
  declare.threads(options->threads);
  declare.variant(options->variant);
  declare.hugePages(options->hugePages);
  declare.kvCache(options->kvCache);
  declare.device(options->device);
  declare.maxStepTokens(options->maxStepTokens);
  verb->footer("model's: what the checkpoint's generation_config.json says. "
               "Naming a way of\nsampling samples. --system, "
               "--chat-template and --prompt-style mean --chat.");
  verb->callback(
      [&command, options] { command = [options] { return run(*options); }; });
}
