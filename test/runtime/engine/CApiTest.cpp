#include "runtime/include/swallow_rt.h"
#include "runtime/support/Result.h"
#include "test/runtime/engine/NextTokenArtifact.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <thread>

#if defined(__x86_64__)

extern "C" swallow_status generateFromC(const swallow_artifact *artifact,
                                        int32_t first, int32_t *ids,
                                        size_t count);

namespace swallow {
namespace {

using test::ArtifactParts;

class CApiTest : public testing::Test {
protected:
  void SetUp() override {
    unsetenv("SWALLOW_VARIANT");
    path = save("model.swallow", test::nextTokenArtifact());
    ASSERT_EQ(swallow_artifact_open(path.c_str(), &artifact), SWALLOW_OK)
        << swallow_error_message();
  }
  void TearDown() override { swallow_artifact_close(artifact); }

  std::string save(const std::string &name, ArtifactParts parts) {
    std::vector<uint8_t> bytes = test::writtenBytes(std::move(parts));
    std::ofstream(folder.file(name), std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return folder.file(name);
  }

  swallow_session_options options() const {
    swallow_session_options options;
    swallow_session_options_init(&options, sizeof(options));
    options.threads = 2;
    return options;
  }

  swallow_session *create(const swallow_session_options &options) {
    swallow_session *session = nullptr;
    EXPECT_EQ(swallow_session_create(artifact, &options, &session), SWALLOW_OK)
        << swallow_error_message();
    return session;
  }

  test::TemporaryFolder folder;
  std::string path;
  swallow_artifact *artifact = nullptr;
};

TEST(CApiCodesTest, AreTheEnginesCodes) {
  auto same = [](int32_t c, ErrorCode code) { return c == int32_t(code); };
  EXPECT_TRUE(same(SWALLOW_OK, ErrorCode::Ok));
  EXPECT_TRUE(same(SWALLOW_INVALID_ARGUMENT, ErrorCode::InvalidArgument));
  EXPECT_TRUE(same(SWALLOW_OUT_OF_RANGE, ErrorCode::OutOfRange));
  EXPECT_TRUE(same(SWALLOW_FILE_NOT_FOUND, ErrorCode::FileNotFound));
  EXPECT_TRUE(same(SWALLOW_FILE_UNREADABLE, ErrorCode::FileUnreadable));
  EXPECT_TRUE(same(SWALLOW_NOT_AN_ARTIFACT, ErrorCode::NotAnArtifact));
  EXPECT_TRUE(same(SWALLOW_VERSION_MISMATCH, ErrorCode::VersionMismatch));
  EXPECT_TRUE(same(SWALLOW_CORRUPT, ErrorCode::Corrupt));
  EXPECT_TRUE(same(SWALLOW_WRONG_MACHINE, ErrorCode::WrongMachine));
  EXPECT_TRUE(same(SWALLOW_PROBE_MISMATCH, ErrorCode::ProbeMismatch));
  EXPECT_TRUE(same(SWALLOW_CONTEXT_EXCEEDED, ErrorCode::ContextExceeded));
  EXPECT_TRUE(same(SWALLOW_INVALID_TOKEN, ErrorCode::InvalidToken));
  EXPECT_TRUE(same(SWALLOW_OUT_OF_MEMORY, ErrorCode::OutOfMemory));
  EXPECT_TRUE(same(SWALLOW_DEVICE_ERROR, ErrorCode::DeviceError));
  EXPECT_TRUE(same(SWALLOW_INTERNAL, ErrorCode::Internal));
}

TEST_F(CApiTest, GeneratesFromC) {
  int32_t ids[5] = {};
  ASSERT_EQ(generateFromC(artifact, 2, ids, 5), SWALLOW_OK)
      << swallow_error_message();
  for (int32_t i = 0; i < 5; ++i)
    EXPECT_EQ(ids[i], 3 + i);
}

TEST_F(CApiTest, TellsAboutTheModel) {
  swallow_model_info info{};
  info.struct_size = sizeof(info);
  ASSERT_EQ(swallow_artifact_model_info(artifact, &info), SWALLOW_OK);
  EXPECT_STREQ(info.architecture, "LlamaForCausalLM");
  EXPECT_EQ(info.vocab_size, 10);
  EXPECT_EQ(info.max_context, 64);
  EXPECT_EQ(info.window, 0);
  EXPECT_EQ(info.probe_tokens, 3);

  swallow_generation_defaults defaults{};
  defaults.struct_size = sizeof(defaults);
  ASSERT_EQ(swallow_artifact_generation_defaults(artifact, &defaults),
            SWALLOW_OK);
  ASSERT_EQ(defaults.num_eos_token_ids, 1u);
  EXPECT_EQ(defaults.eos_token_ids[0], 2);
  EXPECT_FLOAT_EQ(defaults.temperature, 0.6f);
  EXPECT_EQ(defaults.top_k, 50);
}

// A caller compiled against an older header has shorter structs.
TEST_F(CApiTest, ShorterStructsAreFilledAsFarAsTheyGo) {
  swallow_model_info info{};
  info.struct_size = offsetof(swallow_model_info, hidden_size);
  info.hidden_size = -5;
  ASSERT_EQ(swallow_artifact_model_info(artifact, &info), SWALLOW_OK);
  EXPECT_EQ(info.vocab_size, 10);
  EXPECT_EQ(info.hidden_size, -5);
  EXPECT_EQ(info.struct_size, offsetof(swallow_model_info, hidden_size));
  info.struct_size = 0;
  EXPECT_EQ(swallow_artifact_model_info(artifact, &info),
            SWALLOW_INVALID_ARGUMENT);

  swallow_session_options old;
  swallow_session_options_init(
      &old, offsetof(swallow_session_options, max_sequences));
  old.context_length = 33;
  old.max_sequences = -7; // beyond what this caller knows
  swallow_memory_plan plan{};
  plan.struct_size = sizeof(plan);
  ASSERT_EQ(swallow_memory_plan_query(artifact, &old, &plan), SWALLOW_OK);
  EXPECT_EQ(plan.context_length, 33);
  EXPECT_EQ(plan.max_sequences, 1);
}

TEST_F(CApiTest, ChoosesVariants) {
  ASSERT_EQ(swallow_artifact_num_variants(artifact), 2u);
  const char *name = nullptr, *missing = nullptr;
  ASSERT_EQ(swallow_artifact_variant(artifact, 0, &name, &missing), SWALLOW_OK);
  EXPECT_STREQ(name, "x86-64-dreams");
  EXPECT_STREQ(missing, "dreams");
  ASSERT_EQ(swallow_artifact_variant(artifact, 1, &name, &missing), SWALLOW_OK);
  EXPECT_STREQ(missing, "");
  EXPECT_EQ(swallow_artifact_variant(artifact, 2, &name, &missing),
            SWALLOW_OUT_OF_RANGE);

  swallow_session *session = create(options());
  EXPECT_STREQ(swallow_session_variant(session), "x86-64-any");
  swallow_session_destroy(session);

  swallow_session_options wanted = options();
  wanted.variant = "x86-64-dreams";
  EXPECT_EQ(swallow_session_create(artifact, &wanted, &session),
            SWALLOW_WRONG_MACHINE);
  EXPECT_NE(std::string(swallow_error_message()).find("lacks dreams"),
            std::string::npos);
  setenv("SWALLOW_VARIANT", "nothing", 1);
  swallow_session_options plain = options();
  EXPECT_EQ(swallow_session_create(artifact, &plain, &session),
            SWALLOW_INVALID_ARGUMENT);
  plain.variant = "x86-64-any"; // an option beats the environment
  ASSERT_EQ(swallow_session_create(artifact, &plain, &session), SWALLOW_OK);
  swallow_session_destroy(session);
  unsetenv("SWALLOW_VARIANT");
}

TEST_F(CApiTest, RunsRaggedSteps) {
  swallow_session_options opened = options();
  opened.max_sequences = 2;
  swallow_session *session = create(opened);
  // The session keeps what it needs of the artifact.
  swallow_artifact_close(artifact);
  artifact = nullptr;
  int64_t a = 0, b = 0, c = 0, length = 0;
  ASSERT_EQ(swallow_sequence_create(session, &a), SWALLOW_OK);
  ASSERT_EQ(swallow_sequence_create(session, &b), SWALLOW_OK);
  EXPECT_EQ(swallow_sequence_create(session, &c), SWALLOW_OUT_OF_RANGE);
  swallow_row rows[] = {{a, 1, false}, {b, 7, true}, {a, 4, true}};
  ASSERT_EQ(swallow_step(session, rows, 3), SWALLOW_OK);
  const float *logits = nullptr;
  ASSERT_EQ(swallow_logits(session, 0, &logits), SWALLOW_OK);
  EXPECT_EQ(logits[8], 1);
  ASSERT_EQ(swallow_logits(session, 1, &logits), SWALLOW_OK);
  EXPECT_EQ(logits[5], 1);
  EXPECT_EQ(logits[8], 0);
  EXPECT_EQ(swallow_logits(session, 2, &logits), SWALLOW_OUT_OF_RANGE);
  ASSERT_EQ(swallow_sequence_length(session, a, &length), SWALLOW_OK);
  EXPECT_EQ(length, 2);
  ASSERT_EQ(swallow_sequence_truncate(session, a, 1), SWALLOW_OK);
  ASSERT_EQ(swallow_sequence_length(session, a, &length), SWALLOW_OK);
  EXPECT_EQ(length, 1);

  rows[0].token = 10;
  EXPECT_EQ(swallow_step(session, rows, 3), SWALLOW_INVALID_TOKEN);
  EXPECT_STREQ(swallow_error_message(),
               "token id 10 is outside the vocabulary of 10");
  std::vector<int32_t> prompt(65, 1);
  EXPECT_EQ(swallow_prefill(session, b, prompt.data(), prompt.size()),
            SWALLOW_CONTEXT_EXCEEDED);
  EXPECT_EQ(swallow_sequence_remove(session, b), SWALLOW_OK);
  EXPECT_EQ(swallow_sequence_remove(session, b), SWALLOW_INVALID_ARGUMENT);
  std::vector<swallow_row> many(1000, swallow_row{a, 1, false});
  EXPECT_EQ(swallow_step(session, many.data(), many.size()),
            SWALLOW_OUT_OF_RANGE);
  swallow_session_destroy(session);
}

TEST_F(CApiTest, StepsForTheLikeliestTokens) {
  swallow_session *session = create(options());
  int64_t a = 0;
  int32_t token = 0;
  float logit = 0;
  const float *logits = nullptr;
  ASSERT_EQ(swallow_sequence_create(session, &a), SWALLOW_OK);
  EXPECT_EQ(swallow_likeliest(session, 0, &token, &logit),
            SWALLOW_OUT_OF_RANGE);
  const swallow_row rows[] = {{a, 1, false}, {a, 4, true}};
  ASSERT_EQ(swallow_step_likeliest(session, rows, 2), SWALLOW_OK);
  ASSERT_EQ(swallow_likeliest(session, 0, &token, &logit), SWALLOW_OK);
  EXPECT_EQ(token, 5);
  EXPECT_EQ(logit, 1);
  EXPECT_EQ(swallow_logits(session, 0, &logits), SWALLOW_INVALID_ARGUMENT);
  EXPECT_STREQ(swallow_error_message(),
               "the last step left the likeliest tokens and no logits");
  EXPECT_EQ(logits, nullptr);
  EXPECT_EQ(swallow_logits(session, 1, &logits), SWALLOW_OUT_OF_RANGE);
  token = -7;
  EXPECT_EQ(swallow_likeliest(session, 1, &token, &logit),
            SWALLOW_OUT_OF_RANGE);
  EXPECT_EQ(token, -7);

  // A step that is refused changes nothing.
  const swallow_row wrong[] = {{a, 10, true}};
  EXPECT_EQ(swallow_step_likeliest(session, wrong, 1), SWALLOW_INVALID_TOKEN);
  ASSERT_EQ(swallow_likeliest(session, 0, &token, &logit), SWALLOW_OK);
  EXPECT_EQ(token, 5);

  // After logits they can be had as well.
  ASSERT_EQ(swallow_step(session, rows + 1, 1), SWALLOW_OK);
  ASSERT_EQ(swallow_logits(session, 0, &logits), SWALLOW_OK);
  EXPECT_EQ(logits[5], 1);
  ASSERT_EQ(swallow_likeliest(session, 0, &token, &logit), SWALLOW_OK);
  EXPECT_EQ(token, 5);
  swallow_session_destroy(session);
}

TEST_F(CApiTest, PlansWithoutAllocating) {
  swallow_session_options opened = options();
  opened.max_sequences = 3;
  opened.memory_limit = int64_t(1) << 30;
  swallow_memory_plan planned{}, real{};
  planned.struct_size = real.struct_size = sizeof(planned);
  ASSERT_EQ(swallow_memory_plan_query(artifact, &opened, &planned), SWALLOW_OK);
  EXPECT_EQ(planned.context_length, 64);
  EXPECT_EQ(planned.kv_blocks, 6);
  swallow_session *session = create(opened);
  ASSERT_EQ(swallow_session_memory_plan(session, &real), SWALLOW_OK);
  EXPECT_EQ(real.total_bytes, planned.total_bytes);
  EXPECT_EQ(real.total_bytes, real.kv_bytes + real.arena_bytes +
                                  real.logits_bytes + real.batch_bytes);
  swallow_session_destroy(session);

  // Keys and values stored otherwise than the artifact says.
  std::string standard = planned.kv_cache;
  swallow_memory_plan other{};
  other.struct_size = sizeof(other);
  opened.kv_cache = standard.c_str();
  ASSERT_EQ(swallow_memory_plan_query(artifact, &opened, &other), SWALLOW_OK);
  EXPECT_EQ(other.kv_bytes, planned.kv_bytes);
  opened.kv_cache = "int8";
  ASSERT_EQ(swallow_memory_plan_query(artifact, &opened, &other), SWALLOW_OK);
  EXPECT_STREQ(other.kv_cache, "int8");
  EXPECT_LT(other.kv_bytes, planned.kv_bytes);
  opened.kv_cache = "int7";
  EXPECT_EQ(swallow_memory_plan_query(artifact, &opened, &other),
            SWALLOW_INVALID_ARGUMENT);
  EXPECT_STREQ(swallow_error_message(),
               "kv_cache must be f32, bf16, f16 or int8, not 'int7'");
  opened.kv_cache = nullptr;

  opened.memory_limit = 100;
  EXPECT_EQ(swallow_memory_plan_query(artifact, &opened, &planned),
            SWALLOW_OUT_OF_MEMORY);
  EXPECT_EQ(swallow_session_create(artifact, &opened, &session),
            SWALLOW_OUT_OF_MEMORY);
}

TEST_F(CApiTest, VerifiesItself) {
  EXPECT_EQ(swallow_artifact_verify_weights(artifact, 2, nullptr, nullptr),
            SWALLOW_OK);
  swallow_session *session = create(options());
  swallow_probe_result result{};
  result.struct_size = sizeof(result);
  ASSERT_EQ(swallow_session_verify_probe(session, &result), SWALLOW_OK);
  EXPECT_EQ(result.tokens, 3);
  EXPECT_EQ(result.mean_abs_error, 0);
  // Again: the probe's sequence has been given back.
  EXPECT_EQ(swallow_session_verify_probe(session, nullptr), SWALLOW_OK);
  swallow_session_destroy(session);
  swallow_artifact_close(artifact);

  ArtifactParts wrong = test::nextTokenArtifact();
  wrong.program.probe->logits[4] += 0.5f; // 0.5 / 30 / 0.316 = 5.3 %
  std::string wrongPath = save("wrong.swallow", std::move(wrong));
  ASSERT_EQ(swallow_artifact_open(wrongPath.c_str(), &artifact), SWALLOW_OK);
  session = create(options());
  EXPECT_EQ(swallow_session_verify_probe(session, &result),
            SWALLOW_PROBE_MISMATCH);
  EXPECT_NEAR(result.relative_error, 0.0527, 0.0001);
  EXPECT_NE(std::string(swallow_error_message()).find("x86-64-any"),
            std::string::npos);
  swallow_session_destroy(session);
}

TEST_F(CApiTest, InspectsAsJson) {
  char *text = nullptr;
  swallow_session_options opened = options();
  opened.max_sequences = 2;
  ASSERT_EQ(swallow_artifact_inspect(artifact, &opened, &text), SWALLOW_OK)
      << swallow_error_message();
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  swallow_string_free(text);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_EQ(json["model"]["vocab_size"], 10);
  ASSERT_EQ(json["variants"].size(), 2u);
  EXPECT_EQ(json["variants"][0]["runs_here"], false);
  EXPECT_EQ(json["variants"][0]["missing"], "dreams");
  EXPECT_EQ(json["variants"][1]["selected"], true);
  EXPECT_EQ(json["memory_plan"]["max_sequences"], 2);
  EXPECT_EQ(json["memory_plan"]["fits"], true);
  EXPECT_EQ(json["memory_plan"]["arena"][0]["name"], "residual");
  EXPECT_EQ(json["weights"]["tensors"], 10);
  EXPECT_EQ(json["probe"]["token_ids"], (std::vector<int>{1, 5, 3}));
  // 1 segment of weights beside the five that the parts have.
  EXPECT_EQ(json["segments"].size(), 6u);
}

TEST_F(CApiTest, HugePagesHoldACopyOfTheWeights) {
  swallow_session_options chosen = options();
  swallow_memory_plan mapped{}, copied{};
  mapped.struct_size = copied.struct_size = sizeof(mapped);
  ASSERT_EQ(swallow_memory_plan_query(artifact, &chosen, &mapped), SWALLOW_OK);
  chosen.huge_pages = true;
  ASSERT_EQ(swallow_memory_plan_query(artifact, &chosen, &copied), SWALLOW_OK);
  EXPECT_EQ(mapped.weights_allocated_bytes, 0u);
  EXPECT_GT(copied.weights_allocated_bytes, 0u);
  EXPECT_EQ(copied.weights_allocated_bytes, copied.weights_bytes);
  EXPECT_EQ(copied.total_bytes, mapped.total_bytes + copied.weights_bytes);
  swallow_session *session = create(chosen);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(swallow_session_verify_probe(session, nullptr), SWALLOW_OK);
  swallow_session_destroy(session);
}

TEST_F(CApiTest, MeasuresTheMachine) {
  swallow_session *session = create(options());
  ASSERT_NE(session, nullptr);
  swallow_machine_limits limits{};
  limits.struct_size = sizeof(limits);
  ASSERT_EQ(swallow_session_machine_limits(session, &limits), SWALLOW_OK);
  EXPECT_GT(limits.read_bytes_per_second, 0);
  // The variant in use asks for no instruction that multiplies vectors.
  EXPECT_STREQ(limits.instruction, "");
  EXPECT_EQ(limits.operations_per_second, 0);
  EXPECT_FALSE(limits.on_gpu);
  EXPECT_EQ(limits.device_memory_bytes, 0u);
  limits.struct_size = 0;
  EXPECT_EQ(swallow_session_machine_limits(session, &limits),
            SWALLOW_INVALID_ARGUMENT);
  swallow_session_destroy(session);
}

TEST_F(CApiTest, ListsDevicesWithoutADriver) {
  ASSERT_EQ(setenv("SWALLOW_CUDA_LIBRARY", "/nowhere/libcuda.so.1", 1), 0);
  char *text = nullptr;
  ASSERT_EQ(swallow_devices(&text), SWALLOW_OK);
  unsetenv("SWALLOW_CUDA_LIBRARY");
  nlohmann::json json = nlohmann::json::parse(text);
  swallow_string_free(text);
  EXPECT_GE(json["cpu"]["threads"].get<int>(), 1);
  EXPECT_TRUE(json["driver"].is_null());
  EXPECT_TRUE(json["gpus"].empty());
  EXPECT_NE(json["driver_error"].get<std::string>().find("/nowhere"),
            std::string::npos);
}

TEST_F(CApiTest, TellsThatWeightsAreSynthetic) {
  ArtifactParts parts = test::nextTokenArtifact();
  parts.program.synthetic = std::make_unique<fbs::SyntheticWeightsT>();
  parts.program.synthetic->seed = 12345678901234567890u;
  parts.program.model->checkpoint_layers = 80;
  std::string other = save("synthetic.swallow", std::move(parts));
  swallow_artifact *synthetic = nullptr;
  ASSERT_EQ(swallow_artifact_open(other.c_str(), &synthetic), SWALLOW_OK);
  swallow_model_info info{};
  info.struct_size = sizeof(info);
  ASSERT_EQ(swallow_artifact_model_info(artifact, &info), SWALLOW_OK);
  EXPECT_FALSE(info.synthetic_weights);
  EXPECT_EQ(info.checkpoint_layers, 2);
  ASSERT_EQ(swallow_artifact_model_info(synthetic, &info), SWALLOW_OK);
  EXPECT_TRUE(info.synthetic_weights);
  EXPECT_EQ(info.num_layers, 2);
  EXPECT_EQ(info.checkpoint_layers, 80);

  swallow_session_options chosen = options();
  char *text = nullptr;
  ASSERT_EQ(swallow_artifact_inspect(synthetic, &chosen, &text), SWALLOW_OK);
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  swallow_string_free(text);
  EXPECT_EQ(json["weights"]["synthetic_seed"], 12345678901234567890u);
  EXPECT_EQ(json["memory_plan"]["weights_allocated_bytes"],
            json["memory_plan"]["weights_bytes"]);

  EXPECT_EQ(swallow_artifact_verify_weights(synthetic, 1, nullptr, nullptr),
            SWALLOW_OK);
  swallow_session *session = nullptr;
  ASSERT_EQ(swallow_session_create(synthetic, &chosen, &session), SWALLOW_OK)
      << swallow_error_message();
  EXPECT_EQ(swallow_session_verify_probe(session, nullptr), SWALLOW_OK);
  swallow_session_destroy(session);
  swallow_artifact_close(synthetic);
}

TEST_F(CApiTest, ErrorsBelongToTheirThread) {
  swallow_artifact *none = nullptr;
  EXPECT_EQ(swallow_artifact_open("/no/such/file", &none),
            SWALLOW_FILE_NOT_FOUND);
  EXPECT_EQ(none, nullptr);
  std::string here = swallow_error_message();
  EXPECT_NE(here.find("/no/such/file"), std::string::npos);
  std::thread([] { EXPECT_STREQ(swallow_error_message(), ""); }).join();
  EXPECT_EQ(swallow_artifact_open(nullptr, &none), SWALLOW_INVALID_ARGUMENT);
}

// The table inside is no tokenizer: text fails with a message, the rest works.
TEST_F(CApiTest, ReportsABrokenTokenizer) {
  size_t count = 0;
  EXPECT_NE(swallow_encode(artifact, "a", 1, true, nullptr, 0, &count),
            SWALLOW_OK);
  EXPECT_EQ(std::string(swallow_error_message()).rfind(path, 0), 0u)
      << swallow_error_message();
  swallow_text_stream *stream = nullptr;
  EXPECT_NE(swallow_text_stream_create(artifact, true, &stream), SWALLOW_OK);
}

TEST_F(CApiTest, SamplersCheckTheirOptions) {
  swallow_sampling_options sampling;
  swallow_sampling_options_init(&sampling, sizeof(sampling));
  EXPECT_EQ(sampling.temperature, 1);
  sampling.top_p = 2;
  swallow_sampler *sampler = nullptr;
  EXPECT_EQ(swallow_sampler_create(&sampling, &sampler),
            SWALLOW_INVALID_ARGUMENT);
  swallow_sampler_destroy(nullptr);
  swallow_session_destroy(nullptr);
  swallow_artifact_close(nullptr);
  swallow_text_stream_destroy(nullptr);
  swallow_string_free(nullptr);
}

} // namespace
} // namespace swallow

#endif
