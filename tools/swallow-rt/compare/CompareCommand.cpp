#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/compare/CompareReport.h"
#include "tools/swallow-rt/options/Options.h"

namespace {

int compare(const CompareOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  CompareResult result = runCompare(options, artifact.get());
  writeOutput(options.json ? compareJson(result, options.file) + "\n"
                           : compareText(result));
  if (size_t failures = result.failures())
    throw CommandError(
        options.file + ": " + result.device + ", " + result.variant +
        ", differs from " + result.against + ", " + result.againstVariant +
        " in " + std::to_string(failures) + " of " +
        std::to_string(result.comparisons.size()) + " comparisons");
  return 0;
}

} // namespace

void addCompareCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App *verb =
      app.add_subcommand("compare", "Compare the logits of two devices");
  Options declare(*verb);
  declare.file(options->file);
  constexpr int64_t kMost = int64_t(1) << 20;
  declare.group("What is read");
  declare.numbers("--prompts", options->prompts, "Lengths of prompts",
                  {1, kMost}, "40,1,600");
  declare.numbers("--chunk", options->chunks, "Tokens in a step", {1, kMost},
                  "1,16,7");
  declare.number<int64_t>("--copies", options->copies, "N",
                          "Sequences side by side", {1, 64}, "3");
  declare.number<int64_t>("--greedy", options->greedy, "N",
                          "Tokens to generate", {0, kMost}, "16");
  declare.number<double>("--tolerance", options->tolerance, "X",
                         "Mean error allowed", {0, 1}, "by types");
  declare.flag("--json", options->json, "Print one JSON object");
  declare.group("Machine");
  declare.device(options->device);
  declare.text("--against", options->against, "NAME", "The other device",
               "cpu");
  declare.variant(options->variant);
  declare.text("--against-variant", options->againstVariant, "NAME",
               "Code variant of that", "the best");
  declare.kvCache(options->kvCache);
  declare.threads(options->threads);
  declare.maxStepTokens(options->maxStepTokens);
  verb->footer(
      "The first prompt is also read in steps of --chunk tokens, in --copies "
      "sequences,\nin a forked one, and followed by the tokens that the other "
      "device finds most\nlikely. Errors are of the logits' root mean square. "
      "Ends with 1 where they\ndiffer by more than the tolerance.");
  verb->callback([&command, options] {
    command = [options] { return compare(*options); };
  });
}
