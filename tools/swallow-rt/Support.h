//===- Support.h - what the verbs share -------------------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_SUPPORT_H
#define SWALLOW_TOOLS_SWALLOW_RT_SUPPORT_H

#include "runtime/include/swallow_rt.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// Ends the command with the message on one line and exit code 1.
struct CommandError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws CommandError with the runtime's message unless `status` is OK.
void check(swallow_status status);

struct ArtifactDeleter {
  void operator()(swallow_artifact *a) const { swallow_artifact_close(a); }
};
struct SessionDeleter {
  void operator()(swallow_session *s) const { swallow_session_destroy(s); }
};
using ArtifactPtr = std::unique_ptr<swallow_artifact, ArtifactDeleter>;
using SessionPtr = std::unique_ptr<swallow_session, SessionDeleter>;

ArtifactPtr openArtifact(const std::string &path);
SessionPtr createSession(const swallow_artifact *artifact,
                         const swallow_session_options &options);
std::vector<int32_t> encode(const swallow_artifact *artifact,
                            std::string_view text, bool addSpecialTokens);
/// The text of ids, special tokens left out or not.
std::string decode(const swallow_artifact *artifact,
                   const std::vector<int32_t> &ids, bool skipSpecialTokens);
swallow_model_info modelInfo(const swallow_artifact *artifact);

swallow_memory_plan memoryPlan(const swallow_session *session);
/// Two lines about the code and the memory in use.
std::string planLine(const swallow_session *session);

/// The options that several verbs have (declared by options/Options.h).
struct CommonOptions {
  std::string file;
  std::string context; // a number, "auto", or empty
  int32_t threads = 0;
  std::string variant;
  bool hugePages = false;
  std::string kvCache;
  std::string device;

  /// The runtime's options with these filled in.
  swallow_session_options session() const;
};

/// Everything on standard input, byte for byte.
std::string readStandardInput();

/// All of a file, byte for byte.
std::string readFile(const std::string &path);

/// Numbers separated by spaces, newlines or commas. `source` begins the
/// message about anything else.
std::vector<int32_t> parseIds(const std::string &source,
                              const std::string &text);

/// In quotes, cut to what a message has room for.
std::string inQuotes(std::string_view text);

/// From now on Ctrl-C only sets a flag, which loops look at between steps.
void catchInterrupts();
bool interruptRequested();
/// The same, and unsets the flag.
bool takeInterrupt();
/// Waits until standard input can be read (its end included). False, and the
/// flag unset, when Ctrl-C was there first.
bool waitForInput();

/// Writes to standard output at once. False when its reader has gone away;
/// throws CommandError when it cannot be written for another reason.
bool writeOutput(std::string_view text);

/// "1.50 GiB".
std::string formatBytes(double bytes);

/// JSON on one line. What is no UTF-8 becomes U+FFFD.
std::string dumpJson(const nlohmann::json &json);

/// A message of a conversation: {"role": ..., "content": ...}.
nlohmann::json message(std::string_view role, std::string_view content);

/// {"ids":[1,2,3] without the closing brace.
std::string idsJson(const std::vector<int32_t> &ids);

#endif // SWALLOW_TOOLS_SWALLOW_RT_SUPPORT_H
