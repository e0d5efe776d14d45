#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/Options.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void showProgress(void *, uint64_t done, uint64_t total) {
  static int shown = -1;
  int percent =
      total ? static_cast<int>(double(done) / double(total) * 100) : 100;
  if (percent == shown)
    return;
  shown = percent;
  std::fprintf(stderr, "\rchecking weights: %3d %% of %s%s", percent,
               formatBytes(double(total)).c_str(), done == total ? "\n" : "");
}

bool isForGpu(std::string_view variant) { return variant.starts_with("sm_"); }

/// Replays the probe with one variant; returns whether it matches.
bool verifyVariant(const CommonOptions &options, swallow_artifact *artifact,
                   const std::string &variant, int64_t probeTokens) {
  swallow_session_options sessionOptions = options.session();
  sessionOptions.variant = variant.c_str();
  if (!isForGpu(variant)) // options.device says which GPU
    sessionOptions.device = "cpu";
  sessionOptions.context_length = probeTokens;
  sessionOptions.max_logit_rows = probeTokens;
  SessionPtr session = createSession(artifact, sessionOptions);
  swallow_probe_result result{};
  result.struct_size = sizeof(result);
  swallow_status status = swallow_session_verify_probe(session.get(), &result);
  if (status != SWALLOW_OK && status != SWALLOW_PROBE_MISMATCH)
    check(status);
  char line[256];
  std::snprintf(line, sizeof(line),
                "probe, %s: %s, mean absolute error %.3g of the logits' rms "
                "(at most %.3g), %lld tokens, %s\n",
                variant.c_str(), status == SWALLOW_OK ? "ok" : "MISMATCH",
                result.relative_error, result.tolerance,
                static_cast<long long>(result.tokens),
                swallow_session_code(session.get()));
  writeOutput(line);
  return status == SWALLOW_OK;
}

CommandError mismatch(const CommonOptions &options,
                      const std::string &variant) {
  return CommandError(options.file + ": variant " + variant +
                      " does not reproduce the probe's logits");
}

/// The same in a process of its own: oneDNN generates code for one instruction
/// set level per process, and code that crashes must not end the others' test.
void verifyInChild(const CommonOptions &options, swallow_artifact *artifact,
                   const std::string &variant, int64_t probeTokens) {
  pid_t child = fork();
  if (child < 0)
    throw CommandError(std::string("cannot start a process: ") +
                       std::strerror(errno));
  if (child == 0) {
    int code = 1;
    try {
      code = verifyVariant(options, artifact, variant, probeTokens) ? 0 : 3;
    } catch (const CommandError &error) {
      std::fprintf(stderr, "swallow-rt: error: %s\n", error.what());
    }
    _exit(code);
  }
  int state = 0;
  while (waitpid(child, &state, 0) < 0 && errno == EINTR)
    ;
  if (WIFSIGNALED(state))
    throw CommandError(options.file + ": variant " + variant +
                       " was ended by signal " +
                       std::to_string(WTERMSIG(state)) + " (" +
                       strsignal(WTERMSIG(state)) + ")");
  if (WEXITSTATUS(state) == 3)
    throw mismatch(options, variant);
  if (WEXITSTATUS(state) != 0)
    throw CommandError(options.file + ": variant " + variant +
                       " could not be verified");
}

int verify(const CommonOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  writeOutput("program, code, tokenizer: ok\n");
  if (modelInfo(artifact.get()).synthetic_weights) {
    writeOutput("weights: synthetic, nothing to check\n");
  } else {
    check(swallow_artifact_verify_weights(
        artifact.get(), options.threads,
        isatty(STDERR_FILENO) ? showProgress : nullptr, nullptr));
    writeOutput("weights: ok\n");
  }

  // Settles whether this machine runs any variant, or the one asked for.
  swallow_session_options sessionOptions = options.session();
  swallow_memory_plan plan{};
  plan.struct_size = sizeof(plan);
  sessionOptions.context_length = 1;
  check(swallow_memory_plan_query(artifact.get(), &sessionOptions, &plan));

  int64_t probeTokens = modelInfo(artifact.get()).probe_tokens;
  if (probeTokens == 0) {
    writeOutput("probe: none inside\n");
    return 0;
  }
  std::string wanted = options.variant;
  if (const char *environment = std::getenv("SWALLOW_VARIANT"))
    if (wanted.empty())
      wanted = environment;
  for (size_t i = 0; i < swallow_artifact_num_variants(artifact.get()); ++i) {
    const char *name = nullptr, *missing = nullptr;
    check(swallow_artifact_variant(artifact.get(), i, &name, &missing));
    if (!wanted.empty() && wanted != name)
      continue;
    if (*missing) {
      writeOutput(std::string("probe, ") + name +
                  ": not run, this machine lacks " + missing + "\n");
      continue;
    }
    // A driver that was opened before a fork is of no use after it.
    if (isForGpu(name)) {
      if (!verifyVariant(options, artifact.get(), name, probeTokens))
        throw mismatch(options, name);
      continue;
    }
    verifyInChild(options, artifact.get(), name, probeTokens);
  }
  return 0;
}

} // namespace

void addVerifyCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<CommonOptions>();
  CLI::App *verb = app.add_subcommand(
      "verify", "Check all hashes and replay the probe on this machine");
  Options declare(*verb);
  declare.file(options->file);
  declare.threads(options->threads);
  declare.variant(options->variant);
  declare.kvCache(options->kvCache);
  declare.device(options->device);
  verb->callback([&command, options] {
    command = [options] { return verify(*options); };
  });
}
