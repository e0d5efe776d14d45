#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/chat/Chat.h"

#include <cstdio>

namespace {

struct ChatOptions : CommonOptions {
  ChatFormat format;
  GenerationOptions generation;
  int64_t maxStepTokens = 512;
  bool verbose = false;
};

int chat(const ChatOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  swallow_session_options sessionOptions = options.session();
  sessionOptions.max_step_tokens = options.maxStepTokens;
  SessionPtr session = createSession(artifact.get(), sessionOptions);
  if (options.verbose)
    std::fprintf(stderr, "%s\n", planLine(session.get()).c_str());
  return Chat(artifact.get(), session.get(), options.generation, options.format,
              options.verbose)
      .run();
}

} // namespace

void addChatCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App *verb = app.add_subcommand("chat", "Talk with a model");
  Options declare(*verb);
  declare.file(options->file);
  declare.group("Prompt");
  options->format.declare(declare);
  declare.group("End of an answer");
  options->generation.declareEnds(declare);
  declare.group("Sampling");
  options->generation.declareSampling(declare);
  declare.group("Penalties");
  options->generation.declarePenalties(declare);
  declare.group("Machine");
  declare.context(options->context);
  declare.threads(options->threads);
  declare.variant(options->variant);
  declare.hugePages(options->hugePages);
  declare.kvCache(options->kvCache);
  declare.device(options->device);
  declare.maxStepTokens(options->maxStepTokens);
  declare.flag("-v,--verbose", options->verbose,
               "Print speeds and context use after each answer");
  verb->footer(
      "model's: what the checkpoint's generation_config.json says. Messages "
      "come from a\nterminal, where /help lists commands, or line by line from "
      "standard input.");
  verb->callback(
      [&command, options] { command = [options] { return chat(*options); }; });
}
