#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Feed.h"
#include "tools/swallow-rt/options/Options.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace {

struct LogitsOptions : CommonOptions {
  std::vector<int32_t> ids;
  int64_t chunk = 512;
  int64_t copies = 1;
  bool json = false;
};

/// Of each copy.
std::vector<LogitRows> computeLogits(const LogitsOptions &options,
                                     const swallow_artifact *artifact) {
  swallow_session_options sessionOptions = options.session();
  size_t count = options.ids.size();
  size_t copies = static_cast<size_t>(options.copies);
  size_t chunk = std::min(static_cast<size_t>(options.chunk), count);
  if (sessionOptions.context_length == 0)
    sessionOptions.context_length = static_cast<int64_t>(count);
  if (sessionOptions.context_length > 0 &&
      static_cast<int64_t>(count) > sessionOptions.context_length)
    throw CommandError(std::to_string(count) +
                       " tokens exceed the context of " +
                       std::to_string(sessionOptions.context_length));
  sessionOptions.max_sequences = options.copies;
  sessionOptions.max_step_tokens = static_cast<int64_t>(chunk * copies);
  sessionOptions.max_logit_rows = sessionOptions.max_step_tokens;
  SessionPtr session = createSession(artifact, sessionOptions);
  size_t vocab = static_cast<size_t>(modelInfo(artifact).vocab_size);
  return feedCopies({session.get(), vocab}, options.ids, chunk, copies, count);
}

std::string rowsJson(const LogitRows &rows) {
  std::string json = "[";
  char number[32];
  for (size_t row = 0; row < rows.size(); ++row) {
    json += row ? ",[" : "[";
    for (size_t i = 0; i < rows[row].size(); ++i) {
      if (i)
        json += ',';
      // JSON has no word for these; a reader that expects numbers then fails.
      if (!std::isfinite(rows[row][i])) {
        json += "null";
        continue;
      }
      std::snprintf(number, sizeof(number), "%.9g", double(rows[row][i]));
      json += number;
    }
    json += "]";
  }
  return json + "]";
}

int printLogits(const LogitsOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  std::vector<LogitRows> logits = computeLogits(options, artifact.get());
  if (options.json) {
    std::string json =
        idsJson(options.ids) + ",\"logits\":" + rowsJson(logits[0]);
    for (size_t copy = 1; copy < logits.size(); ++copy)
      json += (copy == 1 ? ",\"copies\":[" : ",") + rowsJson(logits[copy]);
    json += logits.size() > 1 ? "]}\n" : "}\n";
    writeOutput(json);
    return 0;
  }
  std::string lines;
  for (size_t i = 0; i < options.ids.size(); ++i) {
    const std::vector<float> &row = logits[0][i];
    auto best = std::max_element(row.begin(), row.end());
    char line[96];
    std::snprintf(line, sizeof(line), "%zu\t%d\tnext %td (%.6g)\n", i,
                  options.ids[i], best - row.begin(), double(*best));
    lines += line;
  }
  writeOutput(lines);
  return 0;
}

} // namespace

void addLogitsCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App *verb = app.add_subcommand(
      "logits", "Print the logits after each of some tokens");
  Options declare(*verb);
  declare.file(options->file);
  auto readIds = [options](const std::string &text) {
    try {
      options->ids = parseIds("--ids", text);
    } catch (const CommandError &error) {
      throw CLI::ValidationError(error.what());
    }
    if (options->ids.empty())
      throw CLI::ValidationError("--ids names no token");
  };
  declare
      .custom("--ids", "IDS", "Token ids, separated by commas",
              "at least 0, required", readIds)
      ->required();
  declare.flag("--json", options->json,
               "Print {\"ids\":[...],\"logits\":[[...],...]}");
  declare.number<int64_t>("--chunk", options->chunk, "N", "Tokens in one step",
                          {1, int64_t(1) << 20}, "512");
  declare.number<int64_t>("--copies", options->copies, "N",
                          "Sequences side by side", {1, 64}, "1");
  declare.context(options->context);
  declare.threads(options->threads);
  declare.variant(options->variant);
  declare.hugePages(options->hugePages);
  declare.kvCache(options->kvCache);
  declare.device(options->device);
  verb->callback([&command, options] {
    command = [options] { return printLogits(*options); };
  });
}
