#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"

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
  for (int32_t id : ids) {
    std::string text(64, '\0');
    size_t size = 0;
    for (int attempt = 0; attempt < 2; ++attempt) {
      check(swallow_decode(artifact.get(), &id, 1, false, text.data(),
                           text.size(), &size));
      if (size <= text.size())
        break;
      text.resize(size);
    }
    text.resize(size);
    lines += std::to_string(id) + "\t" + text + "\n";
  }
  writeOutput(lines);
  return 0;
}

} // namespace

void addTokenizeCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App *verb = app.add_subcommand(
      "tokenize", "Print the token ids of standard input, read byte for byte");
  options->addFile(*verb);
  verb->add_flag("--json", options->json, "Print {\"ids\":[...]}");
  verb->add_flag("!--no-special", options->special,
                 "Leave out the tokens that the tokenizer puts around a text");
  verb->callback([&command, options] {
    command = [options] { return tokenize(*options); };
  });
}
