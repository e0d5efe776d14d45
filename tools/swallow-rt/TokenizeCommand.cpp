#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/Options.h"

namespace {

struct TokenizeOptions : CommonOptions {
  bool json = false;
  bool special = true;
};

int tokenize(const TokenizeOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  std::vector<int32_t> ids =
      encode(artifact.get(), readStandardInput(), options.special);
  if (options.json) {
    writeOutput(idsJson(ids) + "}\n");
    return 0;
  }
  std::string lines;
  for (int32_t id : ids)
    lines +=
        std::to_string(id) + "\t" + decode(artifact.get(), {id}, false) + "\n";
  writeOutput(lines);
  return 0;
}

} // namespace

void addTokenizeCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App *verb = app.add_subcommand(
      "tokenize", "Print the token ids of the text on standard input");
  Options declare(*verb);
  declare.file(options->file);
  declare.flag("--json", options->json, "Print {\"ids\":[...]}");
  declare.flag("!--no-special", options->special,
               "Without the tokens that are put around a text");
  verb->callback([&command, options] {
    command = [options] { return tokenize(*options); };
  });
}
