#include "tools/swallow-rt/Support.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <unistd.h>

void check(swallow_status status) {
  if (status != SWALLOW_OK)
    throw CommandError(swallow_error_message());
}

ArtifactPtr openArtifact(const std::string &path) {
  swallow_artifact *artifact = nullptr;
  check(swallow_artifact_open(path.c_str(), &artifact));
  return ArtifactPtr(artifact);
}

SessionPtr createSession(const swallow_artifact *artifact,
                         const swallow_session_options &options) {
  swallow_session *session = nullptr;
  check(swallow_session_create(artifact, &options, &session));
  return SessionPtr(session);
}

std::vector<int32_t> encode(const swallow_artifact *artifact,
                            std::string_view text, bool addSpecialTokens) {
  // A token covers at least one byte, few are added around the text.
  std::vector<int32_t> ids(text.size() + 16);
  size_t count = 0;
  check(swallow_encode(artifact, text.data(), text.size(), addSpecialTokens,
                       ids.data(), ids.size(), &count));
  if (count > ids.size()) {
    ids.resize(count);
    check(swallow_encode(artifact, text.data(), text.size(), addSpecialTokens,
                         ids.data(), ids.size(), &count));
  }
  ids.resize(count);
  return ids;
}

swallow_model_info modelInfo(const swallow_artifact *artifact) {
  swallow_model_info info{};
  info.struct_size = sizeof(info);
  check(swallow_artifact_model_info(artifact, &info));
  return info;
}

void CommonOptions::addFile(CLI::App &app) {
  app.add_option("FILE", file, "The compiled model (.swallow)")->required();
}

void CommonOptions::addContext(CLI::App &app) {
  app.add_option("-c,--context", context,
                 "Context length in tokens, or 'auto': as much as fits into "
                 "memory (default: 4096 or the model's limit)")
      ->check([](const std::string &text) -> std::string {
        if (text == "auto")
          return {};
        int64_t value = 0;
        if (CLI::detail::lexical_cast(text, value) && value > 0)
          return {};
        return "must be a positive number or 'auto', not '" + text + "'";
      });
}

void CommonOptions::addThreads(CLI::App &app) {
  app.add_option("-t,--threads", threads,
                 "Threads (default: the physical cores available)")
      ->check(CLI::Range(1, 1024));
}

void CommonOptions::addVariant(CLI::App &app) {
  app.add_option("--variant", variant,
                 "Code variant (default: $SWALLOW_VARIANT, or the best that "
                 "this machine runs)");
}

swallow_session_options CommonOptions::session() const {
  swallow_session_options options;
  swallow_session_options_init(&options, sizeof(options));
  if (context == "auto")
    options.context_length = SWALLOW_CONTEXT_AUTO;
  else if (!context.empty())
    options.context_length = std::stoll(context);
  options.threads = threads;
  if (!variant.empty())
    options.variant = variant.c_str();
  return options;
}

std::string readStandardInput() {
  std::string text;
  char buffer[65536];
  for (;;) {
    ssize_t got = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (got == 0)
      return text;
    if (got > 0)
      text.append(buffer, static_cast<size_t>(got));
    else if (errno != EINTR)
      throw CommandError(std::string("cannot read standard input: ") +
                         std::strerror(errno));
  }
}

bool writeOutput(std::string_view text) {
  while (!text.empty()) {
    ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(static_cast<size_t>(written));
    else if (errno == EPIPE)
      return false;
    else if (errno != EINTR)
      throw CommandError(std::string("cannot write to standard output: ") +
                         std::strerror(errno));
  }
  return true;
}

std::string formatBytes(double bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(units)) {
    bytes /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.2f %s", bytes,
                units[unit]);
  return text;
}

std::string idsJson(const std::vector<int32_t> &ids) {
  std::string json = "{\"ids\":[";
  for (size_t i = 0; i < ids.size(); ++i)
    json += (i ? "," : "") + std::to_string(ids[i]);
  return json + "]";
}
