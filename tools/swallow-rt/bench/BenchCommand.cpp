#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/bench/BenchReport.h"
#include "tools/swallow-rt/options/Options.h"

namespace {

int bench(const BenchOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  swallow_session_options session = options.session();
  char *raw = nullptr;
  // What is planned for the default context plays no part, so none may fail.
  session.context_length = 1;
  check(swallow_artifact_inspect(artifact.get(), &session, &raw));
  std::unique_ptr<char, void (*)(char *)> owned(raw, swallow_string_free);
  Workload workload(nlohmann::json::parse(raw));
  BenchResult result = runBench(options, artifact.get(), workload);
  writeOutput(options.json ? benchJson(result, workload) + "\n"
                           : benchText(result, workload));
  return 0;
}

} // namespace

void addBenchCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App *verb = app.add_subcommand(
      "bench", "Measure a compiled model beside the limits of this machine");
  Options declare(*verb);
  declare.file(options->file);
  constexpr int64_t kMost = int64_t(1) << 20;
  declare.group("Tests");
  declare.numbers("--prefill", options->prefill, "Prompt lengths; 0: none",
                  {0, kMost}, "512");
  declare.number<int64_t>("--decode", options->decode, "N",
                          "Tokens to generate; 0: none", {0, kMost}, "64");
  declare.numbers("--depth", options->depths, "Tokens before them", {0, kMost},
                  "0");
  declare.numbers("--batch", options->batches, "Sequences side by side",
                  {1, 1024}, "1");
  declare.number<int64_t>("--rounds", options->rounds, "N",
                          "Times that each is measured", {1, 10000}, "3");
  declare.group("Output");
  declare.flag("--json", options->json, "Print one JSON object");
  declare.flag("--profile", options->profile,
               "Tell the time of each stage, or kernel of a GPU");
  declare.group("Machine");
  declare.context(options->context);
  declare.threads(options->threads);
  declare.variant(options->variant);
  declare.hugePages(options->hugePages);
  declare.kvCache(options->kvCache);
  declare.device(options->device);
  declare.maxStepTokens(options->maxStepTokens);
  verb->footer("Speeds are medians over the rounds (worst to best). Rounds "
               "interleave the tests,\neach with the machine's limits measured "
               "just before.");
  verb->callback(
      [&command, options] { command = [options] { return bench(*options); }; });
}
