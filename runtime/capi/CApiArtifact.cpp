//===- CApiArtifact.cpp - errors, artifacts and text of swallow_rt.h ------===//

#include "runtime/capi/CApi.h"
#include "runtime/engine/Devices.h"
#include "runtime/engine/Inspect.h"
#include "runtime/engine/StepProgram.h"
#include "runtime/text/StreamDecoder.h"

#include <algorithm>
#include <cstdlib>

using namespace swallow;
using namespace swallow::capi;

static thread_local std::string lastError;

swallow_status swallow::capi::fail(const Error &error) {
  lastError = error.message;
  return static_cast<swallow_status>(error.code);
}

const char *swallow_error_message(void) { return lastError.c_str(); }

const char *swallow_version(void) { return SWALLOW_VERSION; }

const Result<Tokenizer> &swallow_artifact::tokenizer() const {
  std::call_once(once_, [this] {
    std::span<const uint8_t> segment =
        artifact->segmentOfKind(fbs::SegmentKind::Tokenizer);
    if (segment.empty()) {
      tokenizer_.emplace(ErrorCode::Corrupt,
                         artifact->path() + ": no tokenizer inside");
      return;
    }
    tokenizer_.emplace(Tokenizer::open(segment));
    if (!tokenizer_->ok()) {
      Error error = tokenizer_->error();
      error.message = artifact->path() + ": " + error.message;
      tokenizer_.emplace(std::move(error));
    }
  });
  return *tokenizer_;
}

//===----------------------------------------------------------------------===//
// Artifacts
//===----------------------------------------------------------------------===//

swallow_status swallow_artifact_open(const char *path, swallow_artifact **out) {
  if (!path || !out)
    return fail("swallow_artifact_open: a NULL argument");
  return guard([&] {
    Result<Artifact> artifact = Artifact::open(path);
    if (!artifact.ok())
      return fail(artifact.error());
    auto handle = std::make_unique<swallow_artifact>();
    handle->artifact = std::make_shared<const Artifact>(std::move(*artifact));
    *out = handle.release();
    return swallow_status(SWALLOW_OK);
  });
}

void swallow_artifact_close(swallow_artifact *artifact) { delete artifact; }

swallow_status swallow_artifact_verify_weights(
    const swallow_artifact *artifact, int32_t threads,
    void (*progress)(void *context, uint64_t done, uint64_t total),
    void *context) {
  return guard([&] {
    VerifyProgress report;
    if (progress)
      report = [=](uint64_t done, uint64_t total) {
        progress(context, done, total);
      };
    return finish(
        artifact->artifact->verifyWeights(threads, std::move(report)));
  });
}

swallow_status swallow_artifact_model_info(const swallow_artifact *artifact,
                                           swallow_model_info *info) {
  const fbs::Program &program = artifact->artifact->program();
  const fbs::ModelInfo &model = *program.model();
  auto text = [](const flatbuffers::String *string) {
    return string ? string->c_str() : "";
  };
  swallow_model_info value{};
  value.architecture = text(model.architecture());
  value.compiler_version = text(program.compiler_version());
  value.vocab_size = model.vocab_size();
  value.hidden_size = model.hidden_size();
  value.num_layers = model.num_layers();
  value.max_context = model.max_position_embeddings();
  value.window = program.kv()->window();
  if (program.probe() && program.probe()->token_ids())
    value.probe_tokens = program.probe()->token_ids()->size();
  value.synthetic_weights = program.synthetic();
  value.checkpoint_layers =
      std::max(model.num_layers(), model.checkpoint_layers());
  return fillStruct(info, value);
}

swallow_status
swallow_artifact_generation_defaults(const swallow_artifact *artifact,
                                     swallow_generation_defaults *defaults) {
  swallow_generation_defaults value{};
  // Where nothing is recorded, the schema's defaults are transformers' own.
  value.bos_token_id = -1;
  value.temperature = 1;
  value.top_k = 50;
  value.top_p = 1;
  value.typical_p = 1;
  value.repetition_penalty = 1;
  value.max_new_tokens = -1;
  if (const fbs::GenerationDefaults *g =
          artifact->artifact->program().generation()) {
    value.bos_token_id = g->bos_token_id();
    if (g->eos_token_ids()) {
      value.eos_token_ids = g->eos_token_ids()->data();
      value.num_eos_token_ids = g->eos_token_ids()->size();
    }
    value.do_sample = g->do_sample();
    value.temperature = g->temperature();
    value.top_k = g->top_k();
    value.top_p = g->top_p();
    value.min_p = g->min_p();
    value.typical_p = g->typical_p();
    value.repetition_penalty = g->repetition_penalty();
    value.max_new_tokens = g->max_new_tokens();
  }
  return fillStruct(defaults, value);
}

size_t swallow_artifact_num_variants(const swallow_artifact *artifact) {
  const auto *variants = artifact->artifact->program().variants();
  return variants ? variants->size() : 0;
}

swallow_status swallow_artifact_variant(const swallow_artifact *artifact,
                                        size_t index, const char **name,
                                        const char **missing) {
  if (index >= swallow_artifact_num_variants(artifact))
    return fail(Error{ErrorCode::OutOfRange,
                      "there is no variant " + std::to_string(index)});
  return guard([&] {
    static thread_local std::string lacking;
    if (name)
      *name = artifact->artifact->program()
                  .variants()
                  ->Get(static_cast<flatbuffers::uoffset_t>(index))
                  ->name()
                  ->c_str();
    if (missing) {
      lacking = missingFor(*artifact->artifact, index);
      *missing = lacking.c_str();
    }
    return swallow_status(SWALLOW_OK);
  });
}

/// A copy that swallow_string_free frees.
static char *allocateString(const std::string &text) {
  char *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (!copy)
    throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

swallow_status swallow_artifact_inspect(const swallow_artifact *artifact,
                                        const swallow_session_options *options,
                                        char **json) {
  return guard([&] {
    SessionOptions parsed;
    if (swallow_status status = readOptions(options, parsed))
      return status;
    Result<std::string> text = inspectJson(*artifact->artifact, parsed);
    if (!text.ok())
      return fail(text.error());
    *json = allocateString(*text);
    return swallow_status(SWALLOW_OK);
  });
}

swallow_status swallow_devices(char **json) {
  return guard([&] {
    *json = allocateString(devicesJson());
    return swallow_status(SWALLOW_OK);
  });
}

void swallow_string_free(char *string) { std::free(string); }

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

swallow_status swallow_encode(const swallow_artifact *artifact,
                              const char *text, size_t size,
                              bool add_special_tokens, int32_t *ids,
                              size_t capacity, size_t *count) {
  return guard([&] {
    const Result<Tokenizer> &tokenizer = artifact->tokenizer();
    if (!tokenizer.ok())
      return fail(tokenizer.error());
    std::vector<int32_t> encoded =
        tokenizer->encode({text, size}, add_special_tokens);
    if (encoded.size() <= capacity)
      std::copy(encoded.begin(), encoded.end(), ids);
    *count = encoded.size();
    return swallow_status(SWALLOW_OK);
  });
}

swallow_status swallow_decode(const swallow_artifact *artifact,
                              const int32_t *ids, size_t count,
                              bool skip_special_tokens, char *text,
                              size_t capacity, size_t *size) {
  return guard([&] {
    const Result<Tokenizer> &tokenizer = artifact->tokenizer();
    if (!tokenizer.ok())
      return fail(tokenizer.error());
    std::string decoded = tokenizer->decode({ids, count}, skip_special_tokens);
    if (decoded.size() <= capacity)
      std::copy(decoded.begin(), decoded.end(), text);
    *size = decoded.size();
    return swallow_status(SWALLOW_OK);
  });
}

struct swallow_text_stream {
  std::shared_ptr<const Artifact> artifact; // holds the tokenizer's table
  StreamDecoder decoder;
  std::string piece; // what the last call returned
};

swallow_status swallow_text_stream_create(const swallow_artifact *artifact,
                                          bool skip_special_tokens,
                                          swallow_text_stream **out) {
  return guard([&] {
    const Result<Tokenizer> &tokenizer = artifact->tokenizer();
    if (!tokenizer.ok())
      return fail(tokenizer.error());
    *out = new swallow_text_stream{
        artifact->artifact, StreamDecoder(*tokenizer, skip_special_tokens), {}};
    return swallow_status(SWALLOW_OK);
  });
}

swallow_status swallow_text_stream_append(swallow_text_stream *stream,
                                          int32_t id, const char **text,
                                          size_t *size) {
  return guard([&] {
    stream->piece = stream->decoder.append(id);
    *text = stream->piece.data();
    *size = stream->piece.size();
    return swallow_status(SWALLOW_OK);
  });
}

swallow_status swallow_text_stream_finish(swallow_text_stream *stream,
                                          const char **text, size_t *size) {
  return guard([&] {
    stream->piece = stream->decoder.finish();
    *text = stream->piece.data();
    *size = stream->piece.size();
    return swallow_status(SWALLOW_OK);
  });
}

void swallow_text_stream_destroy(swallow_text_stream *stream) { delete stream; }
