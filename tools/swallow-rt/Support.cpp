#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/Options.h"
#include "tools/swallow-rt/terminal/LoadingLine.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <poll.h>
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
  if (modelInfo(artifact).synthetic_weights)
    std::fputs("swallow-rt: warning: the weights are synthetic: what the model "
               "says means nothing\n",
               stderr);
  swallow_session *session = nullptr;
  {
    LoadingLine line;
    swallow_session_options shown = options;
    if (line.isOnTerminal()) {
      shown.weights_progress = LoadingLine::update;
      shown.weights_progress_context = &line;
    }
    check(swallow_session_create(artifact, &shown, &session));
  }
  if (const char *notice = swallow_session_notice(session); *notice)
    std::fprintf(stderr, "swallow-rt: %s\n", notice);
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

std::string decode(const swallow_artifact *artifact,
                   const std::vector<int32_t> &ids, bool skipSpecialTokens) {
  std::string text(ids.size() * 8, '\0');
  size_t size = 0;
  for (int attempt = 0; attempt < 2; ++attempt) {
    check(swallow_decode(artifact, ids.data(), ids.size(), skipSpecialTokens,
                         text.data(), text.size(), &size));
    bool whole = size <= text.size();
    text.resize(size);
    if (whole)
      break;
  }
  return text;
}

swallow_model_info modelInfo(const swallow_artifact *artifact) {
  swallow_model_info info{};
  info.struct_size = sizeof(info);
  check(swallow_artifact_model_info(artifact, &info));
  return info;
}

swallow_memory_plan memoryPlan(const swallow_session *session) {
  swallow_memory_plan plan{};
  plan.struct_size = sizeof(plan);
  check(swallow_session_memory_plan(session, &plan));
  return plan;
}

std::string planLine(const swallow_session *session) {
  swallow_memory_plan plan = memoryPlan(session);
  char line[400];
  std::snprintf(line, sizeof(line),
                "%s, variant %s (%s), %d threads, context %lld tokens\n"
                "memory: %s = KV %s + activations %s + logits %s + batch %s; "
                "weights %s %s",
                swallow_session_device(session),
                swallow_session_variant(session), swallow_session_code(session),
                plan.threads, static_cast<long long>(plan.context_length),
                formatBytes(double(plan.total_bytes)).c_str(),
                formatBytes(double(plan.kv_bytes)).c_str(),
                formatBytes(double(plan.arena_bytes)).c_str(),
                formatBytes(double(plan.logits_bytes)).c_str(),
                formatBytes(double(plan.batch_bytes)).c_str(),
                formatBytes(double(plan.weights_bytes)).c_str(),
                plan.weights_allocated_bytes ? "in memory" : "mapped");
  return line;
}

swallow_session_options CommonOptions::session() const {
  swallow_session_options options;
  swallow_session_options_init(&options, sizeof(options));
  if (context == "auto")
    options.context_length = SWALLOW_CONTEXT_AUTO;
  else if (!context.empty())
    options.context_length = std::stoll(context);
  options.threads = threads;
  options.huge_pages = hugePages;
  if (!variant.empty())
    options.variant = variant.c_str();
  if (!kvCache.empty())
    options.kv_cache = kvCache.c_str();
  if (!device.empty())
    options.device = device.c_str();
  return options;
}

namespace {

std::string readAll(int descriptor, const std::string &name) {
  std::string text;
  char buffer[65536];
  for (;;) {
    ssize_t got = read(descriptor, buffer, sizeof(buffer));
    if (got == 0)
      return text;
    if (got > 0)
      text.append(buffer, static_cast<size_t>(got));
    else if (errno != EINTR)
      throw CommandError("cannot read " + name + ": " + std::strerror(errno));
  }
}

volatile std::sig_atomic_t interrupted = 0;

} // namespace

std::string readStandardInput() {
  return readAll(STDIN_FILENO, "standard input");
}

std::string readFile(const std::string &path) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    throw CommandError("cannot open " + path + ": " + std::strerror(errno));
  struct Closer {
    int descriptor;
    ~Closer() { close(descriptor); }
  } closer{descriptor};
  return readAll(descriptor, path);
}

std::vector<int32_t> parseIds(const std::string &source,
                              const std::string &text) {
  std::vector<int32_t> ids;
  constexpr const char *kSeparators = " \t\r\n,";
  for (size_t begin = text.find_first_not_of(kSeparators);
       begin != std::string::npos;) {
    size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
    int32_t id = 0;
    std::string_view word = std::string_view(text).substr(begin, end - begin);
    if (!parseNumber(word, id) || id < 0)
      throw CommandError(source + ": " + inQuotes(word) + " is not a token id");
    ids.push_back(id);
    begin = text.find_first_not_of(kSeparators, end);
  }
  return ids;
}

std::string inQuotes(std::string_view text) {
  constexpr size_t kLongest = 60;
  if (text.size() <= kLongest)
    return "'" + std::string(text) + "'";
  // Not in the middle of a character.
  size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return "'" + std::string(text.substr(0, end)) + "...'";
}

void catchInterrupts() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a read that waits for input ends.
  sigaction(SIGINT, &action, nullptr);
}

bool interruptRequested() { return interrupted != 0; }

bool takeInterrupt() {
  bool requested = interrupted != 0;
  interrupted = 0;
  return requested;
}

bool waitForInput() {
  sigset_t interrupt, before;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  for (;;) {
    // Held back between the look at the flag and the wait.
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    bool requested = takeInterrupt();
    pollfd input{STDIN_FILENO, POLLIN, 0};
    int ready = requested ? 0 : ppoll(&input, 1, nullptr, &before);
    bool failed = ready < 0 && errno != EINTR; // read will say why
    sigprocmask(SIG_SETMASK, &before, nullptr);
    // The terminal throws away what was typed before Ctrl-C.
    if (requested || takeInterrupt())
      return false;
    if (ready > 0 || failed)
      return true;
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

std::string dumpJson(const nlohmann::json &json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false,
                   nlohmann::json::error_handler_t::replace);
}

nlohmann::json message(std::string_view role, std::string_view content) {
  return {{"role", role}, {"content", content}};
}

std::string idsJson(const std::vector<int32_t> &ids) {
  std::string json = "{\"ids\":[";
  for (size_t i = 0; i < ids.size(); ++i)
    json += (i ? "," : "") + std::to_string(ids[i]);
  return json + "]";
}
