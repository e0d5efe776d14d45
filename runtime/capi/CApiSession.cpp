//===- CApiSession.cpp - sessions and sampling of swallow_rt.h ------------===//

#include "runtime/capi/CApiSession.h"
#include "runtime/engine/CudaBackend.h"
#include "runtime/engine/Probe.h"
#include "runtime/generation/Sampler.h"

using namespace swallow;
using namespace swallow::capi;

struct swallow_sampler {
  Sampler sampler;
};

//===----------------------------------------------------------------------===//
// Options and plans
//===----------------------------------------------------------------------===//

void swallow_session_options_init(swallow_session_options *options,
                                  size_t struct_size) {
  SessionOptions defaults;
  swallow_session_options value{};
  value.context_length = defaults.contextLength;
  value.max_sequences = defaults.maxSequences;
  value.max_step_tokens = defaults.maxStepTokens;
  value.max_logit_rows = defaults.maxLogitRows;
  options->struct_size = struct_size;
  (void)fillStruct(options, value);
}

swallow_status swallow::capi::readOptions(const swallow_session_options *in,
                                          SessionOptions &options) {
  swallow_session_options value;
  swallow_session_options_init(&value, sizeof(value));
  if (swallow_status status = readStruct(in, value))
    return status;
  options.contextLength = value.context_length;
  options.maxSequences = value.max_sequences;
  options.maxStepTokens = value.max_step_tokens;
  options.maxLogitRows = value.max_logit_rows;
  options.threads = value.threads;
  options.variant = value.variant ? value.variant : "";
  options.device = value.device ? value.device : "";
  options.memoryLimit = value.memory_limit;
  options.profile = value.profile;
  options.hugePages = value.huge_pages;
  if (value.weights_progress)
    options.weightsProgress = [report = value.weights_progress,
                               context = value.weights_progress_context](
                                  uint64_t done, uint64_t total) {
      report(context, done, total);
    };
  if (value.kv_cache) {
    options.kvElement = parseKvElement(value.kv_cache);
    if (!options.kvElement)
      return fail({ErrorCode::InvalidArgument,
                   "kv_cache must be f32, bf16, f16 or int8, not '" +
                       std::string(value.kv_cache) + "'"});
  }
  return SWALLOW_OK;
}

static swallow_status fillPlan(swallow_memory_plan *out,
                               const MemoryPlan &plan) {
  swallow_memory_plan value{};
  value.context_length = plan.contextLength;
  value.max_sequences = plan.maxSequences;
  value.max_step_tokens = plan.maxStepTokens;
  value.max_logit_rows = plan.maxLogitRows;
  value.threads = plan.threads;
  value.kv_blocks = plan.blocks;
  value.kv_blocks_per_sequence = plan.blocksPerSequence;
  value.kv_bytes = plan.kvBytes;
  value.arena_bytes = plan.arenaBytes;
  value.logits_bytes = plan.logitsBytes;
  value.batch_bytes = plan.batchBytes;
  value.total_bytes = plan.totalBytes;
  value.weights_bytes = plan.weightsBytes;
  value.weights_allocated_bytes = plan.weightsAllocated;
  value.kv_cache = kvElementName(plan.kvElement).data();
  return fillStruct(out, value);
}

swallow_status swallow_memory_plan_query(const swallow_artifact *artifact,
                                         const swallow_session_options *options,
                                         swallow_memory_plan *plan) {
  return guard([&] {
    SessionOptions parsed;
    if (swallow_status status = readOptions(options, parsed))
      return status;
    const Artifact &file = *artifact->artifact;
    Result<CodeChoice> code = chooseCode(file, parsed.variant, parsed.device);
    if (!code.ok())
      return fail(code.error());
    parsed.hugePages |= file.syntheticSeed().has_value();
    if (code->gpu)
      if (auto context = openContext(*code->gpu, parsed); !context.ok())
        return fail(context.error());
    const fbs::Program &program = file.program();
    Result<MemoryPlan> planned =
        Session::plan(*program.model(), *program.kv(),
                      *program.variants()->Get(
                          static_cast<flatbuffers::uoffset_t>(code->variant)),
                      file.weightsSize(), parsed);
    return planned.ok() ? fillPlan(plan, *planned) : fail(planned.error());
  });
}

//===----------------------------------------------------------------------===//
// Sessions
//===----------------------------------------------------------------------===//

swallow_status swallow_session_create(const swallow_artifact *artifact,
                                      const swallow_session_options *options,
                                      swallow_session **out) {
  return guard([&] {
    SessionOptions parsed;
    if (swallow_status status = readOptions(options, parsed))
      return status;
    Result<CodeChoice> code =
        chooseCode(*artifact->artifact, parsed.variant, parsed.device);
    if (!code.ok())
      return fail(code.error());
    std::string notice = code->notice;
    Result<StepProgram> program =
        loadStep(artifact->artifact, std::move(*code));
    if (!program.ok())
      return fail(program.error());
    Result<std::unique_ptr<Session>> session =
        Session::open(std::move(*program), parsed);
    if (!session.ok())
      return fail(session.error());
    auto handle = std::make_unique<swallow_session>();
    handle->artifact = artifact->artifact;
    handle->session = std::move(*session);
    handle->notice =
        notice.empty() ? handle->session->notice() : std::move(notice);
    handle->rows.resize(
        static_cast<size_t>(handle->session->memoryPlan().maxStepTokens));
    *out = handle.release();
    return swallow_status(SWALLOW_OK);
  });
}

void swallow_session_destroy(swallow_session *session) { delete session; }

swallow_status swallow_session_memory_plan(const swallow_session *session,
                                           swallow_memory_plan *plan) {
  return fillPlan(plan, session->session->memoryPlan());
}

const char *swallow_session_variant(const swallow_session *session) {
  return session->session->program().variant->name()->c_str();
}

const char *swallow_session_device(const swallow_session *session) {
  return session->session->device().c_str();
}

const char *swallow_session_code(const swallow_session *session) {
  return session->session->code().c_str();
}

const char *swallow_session_notice(const swallow_session *session) {
  return session->notice.c_str();
}

swallow_status swallow_sequence_create(swallow_session *session,
                                       int64_t *sequence) {
  return guard([&] {
    Result<SequenceId> id = session->session->createSequence();
    if (!id.ok())
      return fail(id.error());
    *sequence = *id;
    return swallow_status(SWALLOW_OK);
  });
}

swallow_status swallow_sequence_remove(swallow_session *session,
                                       int64_t sequence) {
  return guard(
      [&] { return finish(session->session->removeSequence(sequence)); });
}

swallow_status swallow_sequence_length(const swallow_session *session,
                                       int64_t sequence, int64_t *length) {
  return guard([&] {
    Result<int64_t> result = session->session->sequenceLength(sequence);
    if (!result.ok())
      return fail(result.error());
    *length = *result;
    return swallow_status(SWALLOW_OK);
  });
}

swallow_status swallow_sequence_truncate(swallow_session *session,
                                         int64_t sequence, int64_t length) {
  return guard([&] {
    return finish(session->session->truncateSequence(sequence, length));
  });
}

swallow_status swallow_sequence_fork(swallow_session *session, int64_t sequence,
                                     int64_t *fork) {
  return guard([&] {
    Result<SequenceId> id = session->session->forkSequence(sequence);
    if (!id.ok())
      return fail(id.error());
    *fork = *id;
    return swallow_status(SWALLOW_OK);
  });
}

static swallow_status step(swallow_session *session, const swallow_row *rows,
                           size_t num_rows, StepOutput output) {
  return guard([&] {
    // Too many rows are the engine's to refuse, in its words.
    if (num_rows > session->rows.size())
      session->rows.resize(num_rows);
    for (size_t i = 0; i < num_rows; ++i)
      session->rows[i] = {rows[i].sequence, rows[i].token,
                          rows[i].wants_logits};
    return finish(
        session->session->step({session->rows.data(), num_rows}, output));
  });
}

swallow_status swallow_step(swallow_session *session, const swallow_row *rows,
                            size_t num_rows) {
  return step(session, rows, num_rows, StepOutput::Logits);
}

swallow_status swallow_step_likeliest(swallow_session *session,
                                      const swallow_row *rows,
                                      size_t num_rows) {
  return step(session, rows, num_rows, StepOutput::Likeliest);
}

swallow_status swallow_prefill(swallow_session *session, int64_t sequence,
                               const int32_t *ids, size_t count) {
  return guard([&] {
    return finish(session->session->prefill(sequence, {ids, count}));
  });
}

/// Whether the last step has made a row of logits.
static swallow_status checkRow(const swallow_session *session, size_t index) {
  int64_t rows = session->session->numLogits();
  if (index < static_cast<size_t>(rows))
    return SWALLOW_OK;
  return guard([&] {
    return fail(
        Error{ErrorCode::OutOfRange, "row " + std::to_string(index) +
                                         " of logits; the last step made " +
                                         std::to_string(rows)});
  });
}

swallow_status swallow_logits(const swallow_session *session, size_t index,
                              const float **logits) {
  if (swallow_status status = checkRow(session, index))
    return status;
  if (session->session->output() != StepOutput::Logits)
    return guard([&] {
      return fail("the last step left the likeliest tokens and no logits");
    });
  *logits = session->session->logits(static_cast<int64_t>(index)).data();
  return SWALLOW_OK;
}

swallow_status swallow_likeliest(const swallow_session *session, size_t index,
                                 int32_t *token, float *logit) {
  if (swallow_status status = checkRow(session, index))
    return status;
  const Likeliest best =
      session->session->likeliest(static_cast<int64_t>(index));
  *token = best.token;
  *logit = best.logit;
  return SWALLOW_OK;
}

swallow_status swallow_session_machine_limits(swallow_session *session,
                                              swallow_machine_limits *limits) {
  return guard([&] {
    Result<MachineSpeeds> measured = session->session->measureSpeeds();
    if (!measured.ok())
      return fail(measured.error());
    swallow_machine_limits value{};
    value.read_bytes_per_second = measured->readSpeed;
    value.operations_per_second = measured->peak;
    value.instruction = measured->instruction;
    value.on_gpu = measured->onGpu;
    value.nominal_read_bytes_per_second = measured->nominalReadSpeed;
    value.device_memory_bytes = measured->memoryBytes;
    value.device_memory_free_bytes = measured->memoryFree;
    return fillStruct(limits, value);
  });
}

swallow_status swallow_session_stage_time(const swallow_session *session,
                                          size_t index, const char **name,
                                          double *seconds, uint64_t *calls) {
  std::span<const StageTime> times = session->session->stageTimes();
  if (index >= times.size())
    return guard([&] {
      return fail(Error{ErrorCode::OutOfRange,
                        "there is no stage " + std::to_string(index)});
    });
  *name = times[index].name.c_str();
  *seconds = times[index].seconds;
  *calls = times[index].calls;
  return SWALLOW_OK;
}

swallow_status swallow_session_verify_probe(swallow_session *session,
                                            swallow_probe_result *result) {
  return guard([&] {
    const fbs::Probe *probe = session->artifact->program().probe();
    ProbeResult measured;
    if (probe && probe->token_ids() && probe->token_ids()->size() > 0) {
      Result<ProbeResult> run = runProbe(*session->session, *probe);
      if (!run.ok())
        return fail(run.error());
      measured = *run;
    }
    if (result) {
      swallow_probe_result value{};
      value.tokens = measured.tokens;
      value.mean_abs_error = measured.meanAbsError;
      value.relative_error = measured.relativeError;
      value.tolerance = measured.tolerance;
      if (swallow_status status = fillStruct(result, value))
        return status;
    }
    if (measured.tokens > 0 && !measured.passed())
      return fail(Error{ErrorCode::ProbeMismatch,
                        session->artifact->path() + ": variant " +
                            swallow_session_variant(session) +
                            " computes other logits than the reference: mean "
                            "absolute error " +
                            std::to_string(measured.relativeError) +
                            " of their root mean square, at most " +
                            std::to_string(measured.tolerance) +
                            " is allowed"});
    return swallow_status(SWALLOW_OK);
  });
}

//===----------------------------------------------------------------------===//
// Sampling
//===----------------------------------------------------------------------===//

void swallow_sampling_options_init(swallow_sampling_options *options,
                                   size_t struct_size) {
  GenerationOptions defaults;
  swallow_sampling_options value{};
  value.temperature = static_cast<float>(defaults.temperature);
  value.top_k = defaults.topK;
  value.top_p = static_cast<float>(defaults.topP);
  value.seed = defaults.seed;
  options->struct_size = struct_size;
  (void)fillStruct(options, value);
}

swallow_status swallow_sampler_create(const swallow_sampling_options *options,
                                      swallow_sampler **out) {
  return guard([&] {
    swallow_sampling_options value;
    swallow_sampling_options_init(&value, sizeof(value));
    if (swallow_status status = readStruct(options, value))
      return status;
    auto sampling = std::make_shared<GenerationOptions>();
    sampling->doSample = true;
    sampling->temperature = double(value.temperature);
    sampling->topK = value.top_k;
    sampling->topP = double(value.top_p);
    sampling->seed = value.seed;
    if (Status status = validateOptions(*sampling, INT32_MAX); !status.ok())
      return fail(status.error());
    *out = new swallow_sampler{Sampler(std::move(sampling), {})};
    return swallow_status(SWALLOW_OK);
  });
}

swallow_status swallow_sample(swallow_sampler *sampler, const float *logits,
                              size_t vocab_size, int32_t *token) {
  return guard([&] {
    Result<int32_t> drawn = sampler->sampler.sample({logits, vocab_size});
    if (!drawn.ok())
      return fail(drawn.error());
    *token = *drawn;
    return swallow_status(SWALLOW_OK);
  });
}

void swallow_sampler_destroy(swallow_sampler *sampler) { delete sampler; }
