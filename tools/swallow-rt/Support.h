//===- Support.h - what the verbs share -------------------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_SUPPORT_H
#define SWALLOW_TOOLS_SWALLOW_RT_SUPPORT_H

#include "runtime/include/swallow_rt.h"

#include <CLI/CLI.hpp>

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
struct SamplerDeleter {
  void operator()(swallow_sampler *s) const { swallow_sampler_destroy(s); }
};
struct TextStreamDeleter {
  void operator()(swallow_text_stream *s) const {
    swallow_text_stream_destroy(s);
  }
};
using ArtifactPtr = std::unique_ptr<swallow_artifact, ArtifactDeleter>;
using SessionPtr = std::unique_ptr<swallow_session, SessionDeleter>;
using SamplerPtr = std::unique_ptr<swallow_sampler, SamplerDeleter>;
using TextStreamPtr = std::unique_ptr<swallow_text_stream, TextStreamDeleter>;

ArtifactPtr openArtifact(const std::string &path);
SessionPtr createSession(const swallow_artifact *artifact,
                         const swallow_session_options &options);
std::vector<int32_t> encode(const swallow_artifact *artifact,
                            std::string_view text, bool addSpecialTokens);
swallow_model_info modelInfo(const swallow_artifact *artifact);

/// The options that several verbs have.
struct CommonOptions {
  std::string file;
  std::string context; // a number, "auto", or empty
  int32_t threads = 0;
  std::string variant;

  void addFile(CLI::App &app);
  void addContext(CLI::App &app);
  void addThreads(CLI::App &app);
  void addVariant(CLI::App &app);

  /// The runtime's options with these filled in.
  swallow_session_options session() const;
};

/// Everything on standard input, byte for byte.
std::string readStandardInput();

/// Writes to standard output at once. False when its reader has gone away;
/// throws CommandError when it cannot be written for another reason.
bool writeOutput(std::string_view text);

/// "1.50 GiB".
std::string formatBytes(double bytes);

/// {"ids":[1,2,3] without the closing brace.
std::string idsJson(const std::vector<int32_t> &ids);

#endif // SWALLOW_TOOLS_SWALLOW_RT_SUPPORT_H
