//===- CApi.h - the objects behind swallow_rt.h -----------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CAPI_CAPI_H
#define SWALLOW_RUNTIME_CAPI_CAPI_H

#include "runtime/artifact/Artifact.h"
#include "runtime/chat/ChatRenderer.h"
#include "runtime/engine/MemoryPlan.h"
#include "runtime/include/swallow_rt.h"
#include "runtime/text/Tokenizer.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>

namespace swallow::capi {
struct DefaultOptions;
}

struct swallow_artifact {
  std::shared_ptr<const swallow::Artifact> artifact;

  /// Opened when text is first needed; models without text can still run.
  const swallow::Result<swallow::Tokenizer> &tokenizer() const;
  /// Opened when a conversation is first rendered.
  const swallow::Result<swallow::ChatRenderer> &chat() const;
  /// The checkpoint's generation options with what their arrays point to, made
  /// when they are first asked for.
  const swallow::capi::DefaultOptions &defaultOptions() const;

private:
  mutable std::once_flag once_, chatOnce_;
  mutable std::optional<swallow::Result<swallow::Tokenizer>> tokenizer_;
  mutable std::optional<swallow::Result<swallow::ChatRenderer>> chat_;
  mutable std::once_flag defaultsOnce_;
  mutable std::shared_ptr<const swallow::capi::DefaultOptions> defaults_;
};

namespace swallow::capi {

/// Remembers the message for swallow_error_message.
swallow_status fail(const Error &error);

inline swallow_status fail(const char *message) {
  return fail(Error{ErrorCode::InvalidArgument, message});
}

inline swallow_status finish(const Status &status) {
  return status.ok() ? SWALLOW_OK : fail(status.error());
}

/// Runs `body`, which returns a swallow_status; what it throws (only running
/// out of memory is expected) becomes an error.
template <typename Body> swallow_status guard(Body &&body) {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return fail(Error{ErrorCode::OutOfMemory, "out of memory"});
  } catch (const std::exception &exception) {
    return fail(Error{ErrorCode::Internal, exception.what()});
  }
}

/// Copies as much of `value` as the caller's struct has room for; its
/// struct_size stays.
template <typename Struct>
swallow_status fillStruct(Struct *out, Struct value) {
  if (!out || out->struct_size < sizeof(size_t))
    return fail("struct_size is not set");
  value.struct_size = out->struct_size;
  std::memcpy(out, &value, std::min(out->struct_size, sizeof(Struct)));
  return SWALLOW_OK;
}

/// The caller's struct over the defaults that `value` holds.
template <typename Struct>
swallow_status readStruct(const Struct *in, Struct &value) {
  if (!in)
    return SWALLOW_OK;
  if (in->struct_size < sizeof(size_t))
    return fail("struct_size is not set");
  std::memcpy(&value, in, std::min(in->struct_size, sizeof(Struct)));
  return SWALLOW_OK;
}

/// The engine's options from the caller's (NULL: the defaults).
swallow_status readOptions(const swallow_session_options *in,
                           SessionOptions &options);

} // namespace swallow::capi

#endif // SWALLOW_RUNTIME_CAPI_CAPI_H
