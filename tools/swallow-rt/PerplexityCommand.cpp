#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/Options.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unistd.h>

namespace {

struct PerplexityOptions : CommonOptions {
  std::optional<std::string> text;
  std::optional<std::string> textFile;
  std::optional<int64_t> maxLength;
  std::optional<int64_t> stride;
  int64_t maxStepTokens = 512;
  bool json = false;
};

constexpr int64_t kDefaultMaxLength = 4096;
constexpr int64_t kDefaultStride = 512;
/// Rows of logits at a time; what they take must not grow with the vocabulary.
constexpr int64_t kLogitBytes = int64_t(64) << 20;

/// -log softmax(logits)[token], summed in double.
double negativeLogLikelihood(const float *logits, size_t vocab, int32_t token) {
  double highest = double(*std::max_element(logits, logits + vocab));
  double sum = 0;
  for (size_t i = 0; i < vocab; ++i)
    sum += std::exp(double(logits[i]) - highest);
  return highest + std::log(sum) - double(logits[token]);
}

/// The sums of "Perplexity of fixed-length models" in transformers'
/// documentation.
///
/// Windows of `max_length` tokens begin every `stride` tokens. The loss of a
/// window is the mean over its targets: the tokens that no window before it
/// had, without the very first token of a window, which nothing precedes. The
/// guide weighs it by the number of its new tokens minus one, for the label
/// that is lost where a window starts with a new token. (Where it overlaps the
/// one before, no label is lost, so such a window counts as one token less than
/// it has. That is kept, so that the numbers are the guide's.)
struct Sums {
  double nll = 0;
  int64_t tokens = 0; // weights

  void add(double mean, int64_t newTokens) {
    nll += mean * double(newTokens - 1);
    tokens += newTokens - 1;
  }
  double mean() const { return nll / double(tokens); }
};

class Evaluation {
public:
  Evaluation(const PerplexityOptions &options, const swallow_artifact *artifact,
             int64_t maxLength)
      : vocab_(static_cast<size_t>(modelInfo(artifact).vocab_size)) {
    swallow_session_options sessionOptions = options.session();
    stepTokens_ = std::min(options.maxStepTokens, maxLength);
    logitRows_ = std::clamp<int64_t>(
        kLogitBytes / static_cast<int64_t>(vocab_ * sizeof(float)), 1,
        stepTokens_);
    sessionOptions.context_length = maxLength;
    sessionOptions.max_step_tokens = stepTokens_;
    sessionOptions.max_logit_rows = logitRows_;
    session_ = createSession(artifact, sessionOptions);
  }

  /// The mean over the last `newTokens` of the window's tokens but its first.
  /// Nothing when interrupted.
  std::optional<double> window(const int32_t *ids, int64_t length,
                               int64_t newTokens) {
    int64_t sequence = 0;
    check(swallow_sequence_create(session_.get(), &sequence));
    // Row i predicts token i + 1, so the last token need not be computed.
    int64_t firstTarget = std::max<int64_t>(length - newTokens, 1);
    double sum = 0;
    std::vector<swallow_row> rows;
    for (int64_t done = 0; done < length - 1;) {
      if (interruptRequested())
        return std::nullopt;
      rows.clear();
      int64_t wanted = 0;
      for (int64_t i = done;
           i < length - 1 && static_cast<int64_t>(rows.size()) < stepTokens_;
           ++i) {
        bool wants = i + 1 >= firstTarget;
        if (wants && wanted == logitRows_)
          break;
        wanted += wants;
        rows.push_back({sequence, ids[i], wants});
      }
      check(swallow_step(session_.get(), rows.data(), rows.size()));
      done += static_cast<int64_t>(rows.size());
      for (int64_t row = 0; row < wanted; ++row) {
        const float *logits = nullptr;
        check(
            swallow_logits(session_.get(), static_cast<size_t>(row), &logits));
        sum +=
            negativeLogLikelihood(logits, vocab_, ids[done - wanted + row + 1]);
      }
    }
    check(swallow_sequence_remove(session_.get(), sequence));
    return sum / double(length - firstTarget);
  }

private:
  size_t vocab_;
  int64_t stepTokens_ = 1;
  int64_t logitRows_ = 1;
  SessionPtr session_;
};

std::string textOf(const PerplexityOptions &options) {
  if (options.text)
    return *options.text;
  return options.textFile ? readFile(*options.textFile) : readStandardInput();
}

/// Options that make no sense together, before anything long begins.
void checkLengths(int64_t maxLength, int64_t stride, int64_t modelLimit) {
  if (maxLength > modelLimit)
    throw CommandError("--max-length " + std::to_string(maxLength) +
                       " is more than the model's context of " +
                       std::to_string(modelLimit));
  if (stride > maxLength)
    throw CommandError(
        "--stride " + std::to_string(stride) + " is more than the window of " +
        std::to_string(maxLength) + " tokens: text would be left out");
}

int perplexity(const PerplexityOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  int64_t limit = modelInfo(artifact.get()).max_context;
  int64_t maxLength =
      options.maxLength.value_or(std::min(kDefaultMaxLength, limit));
  int64_t stride = options.stride.value_or(std::min(kDefaultStride, maxLength));
  checkLengths(maxLength, stride, limit);

  std::vector<int32_t> ids = encode(artifact.get(), textOf(options), true);
  int64_t count = static_cast<int64_t>(ids.size());
  if (count < 2)
    throw CommandError("the text has " + std::to_string(count) +
                       " tokens; perplexity needs two or more");
  // No window is longer than the text.
  Evaluation evaluation(options, artifact.get(), std::min(maxLength, count));
  catchInterrupts();
  bool terminal = isatty(STDERR_FILENO);
  int64_t windows =
      count <= maxLength ? 1 : 1 + (count - maxLength + stride - 1) / stride;
  Sums sums;
  int64_t end = 0;
  for (int64_t window = 0; window < windows; ++window) {
    int64_t begin = window * stride, before = end;
    end = std::min(begin + maxLength, count);
    // The last token alone, at the start of a window, has no target.
    if (end - begin < 2)
      break;
    std::optional<double> mean =
        evaluation.window(ids.data() + begin, end - begin, end - before);
    if (!mean) {
      if (terminal)
        std::fputc('\n', stderr);
      return 130;
    }
    sums.add(*mean, end - before);
    if (terminal)
      std::fprintf(stderr, "\rwindow %lld of %lld, perplexity so far %.4f%s",
                   static_cast<long long>(window + 1),
                   static_cast<long long>(windows), std::exp(sums.mean()),
                   window + 1 == windows ? "\n" : "");
  }
  if (sums.tokens == 0)
    throw CommandError("no window has a token that counts; take a larger "
                       "--stride");

  double mean = sums.mean();
  if (options.json) {
    writeOutput(nlohmann::json{{"perplexity", std::exp(mean)},
                               {"mean_nll", mean},
                               {"tokens", sums.tokens},
                               {"text_tokens", count},
                               {"windows", windows},
                               {"max_length", maxLength},
                               {"stride", stride}}
                    .dump() +
                "\n");
    return 0;
  }
  char line[160];
  std::snprintf(line, sizeof(line),
                "perplexity %.6f  (mean NLL %.6f of %lld tokens, %lld windows "
                "of %lld, stride %lld)\n",
                std::exp(mean), mean, static_cast<long long>(sums.tokens),
                static_cast<long long>(windows),
                static_cast<long long>(maxLength),
                static_cast<long long>(stride));
  writeOutput(line);
  return 0;
}

} // namespace

void addPerplexityCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App *verb = app.add_subcommand(
      "perplexity", "Measure how well the model predicts a text");
  Options declare(*verb);
  declare.file(options->file);
  CLI::Option *text = declare.text("--text", options->text, "TEXT", "The text",
                                   "standard input");
  declare
      .text("--file", options->textFile, "PATH", "A file with the text",
            "standard input")
      ->excludes(text);
  declare.number<int64_t>("--max-length", options->maxLength, "N",
                          "Tokens in a window", {2}, "4096 or limit");
  declare.number<int64_t>("--stride", options->stride, "N",
                          "Tokens between windows", {1}, "512");
  declare.flag("--json", options->json, "Print the figures as JSON");
  declare.maxStepTokens(options->maxStepTokens);
  declare.threads(options->threads);
  declare.variant(options->variant);
  declare.hugePages(options->hugePages);
  declare.kvCache(options->kvCache);
  declare.device(options->device);
  verb->callback([&command, options] {
    command = [options] { return perplexity(*options); };
  });
}
