#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/Options.h"

#include <nlohmann/json.hpp>

#include <unistd.h>

namespace {

using Json = nlohmann::json;

struct DetokenizeOptions : CommonOptions {
  bool json = false;
  bool keepSpecial = false;
};

/// The ids of a JSON list, or of the member "ids" that `tokenize --json`
/// prints.
std::vector<int32_t> idsOfJson(const std::string &text) {
  // Three levels are more than any list of ids has.
  auto shallow = [](int depth, Json::parse_event_t, const Json &) {
    return depth < 4;
  };
  Json json = Json::parse(text, shallow, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("ids"))
    json = Json(json["ids"]);
  if (!json.is_array())
    throw CommandError("standard input: neither a list of token ids nor an "
                       "object with \"ids\"");
  std::vector<int32_t> ids;
  ids.reserve(json.size());
  for (const Json &item : json) {
    // A float is refused even when it is whole, as 1.0.
    int64_t id = item.is_number_integer() ? item.get<int64_t>() : -1;
    if (id < 0 || id > std::numeric_limits<int32_t>::max())
      throw CommandError("standard input: " + inQuotes(item.dump()) +
                         " is not a token id");
    ids.push_back(static_cast<int32_t>(id));
  }
  return ids;
}

int detokenize(const DetokenizeOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  std::string input = readStandardInput();
  size_t first = input.find_first_not_of(" \t\r\n");
  bool json = first != std::string::npos &&
              (input[first] == '{' || input[first] == '[');
  std::vector<int32_t> ids =
      json ? idsOfJson(input) : parseIds("standard input", input);
  int64_t vocab = modelInfo(artifact.get()).vocab_size;
  for (int32_t id : ids)
    if (id >= vocab)
      throw CommandError("standard input: token id " + std::to_string(id) +
                         " is out of range: the vocabulary has " +
                         std::to_string(vocab) + " entries");
  std::string text = decode(artifact.get(), ids, !options.keepSpecial);
  if (options.json)
    writeOutput(dumpJson({{"text", text}}) + "\n");
  else
    // Byte for byte what tokenize would read, but no prompt behind the text.
    writeOutput(text + (isatty(STDOUT_FILENO) ? "\n" : ""));
  return 0;
}

} // namespace

void addDetokenizeCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<DetokenizeOptions>();
  CLI::App *verb = app.add_subcommand(
      "detokenize", "Print the text of the token ids on standard input");
  Options declare(*verb);
  declare.file(options->file);
  declare.flag("--json", options->json, "Print {\"text\":\"...\"}");
  declare.flag("--keep-special", options->keepSpecial,
               "Print special tokens (<s>, </s>, ...) too");
  verb->footer("Ids are numbers separated by spaces, newlines or commas, a "
               "JSON list, or what\ntokenize --json prints.");
  verb->callback([&command, options] {
    command = [options] { return detokenize(*options); };
  });
}
