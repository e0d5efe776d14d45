#include "runtime/include/swallow_rt.h"
#include "test/frontends/tokenizer/CompiledTokenizer.h"
#include "test/runtime/engine/NextTokenArtifact.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#if defined(__x86_64__)

namespace swallow {
namespace {

using test::ArtifactParts;

std::string message() { return swallow_error_message(); }

/// The model counts: after token t comes t + 1.
class CApiGenerationTest : public testing::Test {
protected:
  void SetUp() override {
    ArtifactParts parts = test::nextTokenArtifact();
    // Ids 3 and up are the bytes 0 and up.
    Result<std::string> table =
        compileTokenizer(SWALLOW_TEST_DIR "/golden/llama2-mha");
    ASSERT_TRUE(table.ok());
    for (auto &segment : parts.segments)
      if (segment.kind == fbs::SegmentKind::Tokenizer)
        segment.bytes.assign(table->begin(), table->end());
    fbs::GenerationDefaultsT &g = *parts.program.generation;
    g.eos_token_ids = {8};
    g.top_p = 0.9f;
    g.temperature = 0.6f;
    g.min_new_tokens = 2;
    g.max_length = 40;
    g.suppress_tokens = {0};
    g.stop_strings = {"\x04\x05", "x"};
    auto bias = std::make_unique<fbs::SequenceBiasT>();
    bias->ids = {6, 1};
    bias->bias = -std::numeric_limits<double>::infinity();
    g.sequence_bias.push_back(std::move(bias));
    open(std::move(parts));
  }
  void TearDown() override {
    swallow_generation_destroy(generation);
    swallow_session_destroy(session);
    swallow_artifact_close(artifact);
  }

  void open(ArtifactParts parts) {
    std::vector<uint8_t> bytes = test::writtenBytes(std::move(parts));
    std::string path = folder.file("model.swallow");
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    ASSERT_EQ(swallow_artifact_open(path.c_str(), &artifact), SWALLOW_OK)
        << message();
    swallow_session_options options;
    swallow_session_options_init(&options, sizeof(options));
    options.threads = 2;
    options.max_sequences = 3;
    ASSERT_EQ(swallow_session_create(artifact, &options, &session), SWALLOW_OK)
        << message();
    ASSERT_EQ(swallow_generation_create(artifact, session, &generation),
              SWALLOW_OK)
        << message();
  }

  static swallow_generation_options plain() {
    swallow_generation_options options;
    swallow_generation_options_init(&options, sizeof(options));
    return options;
  }

  swallow_status start(const swallow_generation_options *options,
                       std::vector<int32_t> ids) {
    return swallow_generation_start(generation, options, ids.data(),
                                    ids.size());
  }

  /// Runs to the end; the last event of each sample.
  std::vector<swallow_generation_event> finish() {
    std::vector<swallow_generation_event> last;
    tokens.clear();
    text.clear();
    swallow_generation_event event{};
    event.struct_size = sizeof(event);
    while (swallow_generation_next(generation, &event) == SWALLOW_OK &&
           event.kind != SWALLOW_EVENT_DONE) {
      if (event.kind == SWALLOW_EVENT_TOKEN)
        tokens.push_back(event.token);
      text.append(event.text, event.text_size);
      if (event.finish_reason != SWALLOW_FINISH_NONE)
        last.push_back(event);
    }
    EXPECT_EQ(event.kind, SWALLOW_EVENT_DONE) << message();
    return last;
  }

  test::TemporaryFolder folder;
  swallow_artifact *artifact = nullptr;
  swallow_session *session = nullptr;
  swallow_generation *generation = nullptr;
  std::vector<int32_t> tokens;
  std::string text;
};

TEST_F(CApiGenerationTest, OptionsComeFromTheArtifact) {
  swallow_generation_options options = plain();
  EXPECT_EQ(options.n, 1);
  EXPECT_EQ(options.max_tokens, -1);
  EXPECT_EQ(options.top_k, 0);
  EXPECT_EQ(options.logprobs, -1);
  EXPECT_TRUE(options.detokenize);
  EXPECT_EQ(options.num_stop, 0u);

  ASSERT_EQ(swallow_generation_options_from_artifact(artifact, &options,
                                                     sizeof(options)),
            SWALLOW_OK);
  EXPECT_EQ(options.temperature, 0.6); // not 0.60000002384
  EXPECT_EQ(options.top_p, 0.9);
  EXPECT_EQ(options.top_k, 50);
  EXPECT_EQ(options.min_tokens, 2);
  EXPECT_EQ(options.max_length, 40);
  ASSERT_EQ(options.num_eos_token_ids, 1u);
  EXPECT_EQ(options.eos_token_ids[0], 8);
  ASSERT_EQ(options.num_suppress_tokens, 1u);
  ASSERT_EQ(options.num_stop, 2u);
  EXPECT_STREQ(options.stop[0], "\x04\x05");
  ASSERT_EQ(options.num_sequence_bias, 1u);
  EXPECT_EQ(options.sequence_bias[0].count, 2u);
  EXPECT_EQ(options.sequence_bias[0].ids[1], 1);
  EXPECT_TRUE(std::isinf(options.sequence_bias[0].bias));

  // A caller that knows fewer options keeps what lies behind them.
  swallow_generation_options old;
  old.max_length = -77;
  ASSERT_EQ(
      swallow_generation_options_from_artifact(
          artifact, &old, offsetof(swallow_generation_options, max_length)),
      SWALLOW_OK);
  EXPECT_EQ(old.max_length, -77);
  EXPECT_EQ(old.max_tokens, -1);
}

TEST_F(CApiGenerationTest, GeneratesUntilEos) {
  swallow_generation_options options = plain();
  int32_t eos[] = {7, 9};
  options.eos_token_ids = eos;
  options.num_eos_token_ids = 2;
  options.logprobs = 2;
  ASSERT_EQ(start(&options, {1, 2}), SWALLOW_OK) << message();
  swallow_generation_event event{};
  event.struct_size = sizeof(event);
  ASSERT_EQ(swallow_generation_next(generation, &event), SWALLOW_OK);
  EXPECT_EQ(event.kind, SWALLOW_EVENT_PROMPT);
  EXPECT_EQ(event.prompt_done, 2);
  EXPECT_EQ(event.prompt_tokens, 2);
  ASSERT_EQ(swallow_generation_next(generation, &event), SWALLOW_OK);
  EXPECT_EQ(event.kind, SWALLOW_EVENT_TOKEN);
  EXPECT_EQ(event.token, 3);
  EXPECT_EQ(event.position, 2);
  EXPECT_EQ(event.rank, 1);
  double total = std::exp(1.0) + 9;
  EXPECT_NEAR(event.logprob, 1 - std::log(total), 1e-14);
  ASSERT_EQ(event.num_top_logprobs, 2u);
  EXPECT_EQ(event.top_logprobs[0].token, 3);
  EXPECT_EQ(event.top_logprobs[1].token, 0);
  EXPECT_NEAR(event.top_logprobs[1].logprob, -std::log(total), 1e-14);

  std::vector<swallow_generation_event> last = finish();
  EXPECT_EQ(tokens, (std::vector<int32_t>{4, 5, 6, 7}));
  EXPECT_EQ(text, (std::string("\0\1\2\3", 4))); // of 3 to 6
  ASSERT_EQ(last.size(), 1u);
  EXPECT_STREQ(swallow_finish_reason_name(last[0].finish_reason), "stop");
  EXPECT_TRUE(last[0].stopped_by_eos);
  EXPECT_EQ(last[0].stop_token, 7);
  EXPECT_EQ(last[0].stop_string, nullptr);
  EXPECT_EQ(swallow_generation_context_used(generation), 6);

  // The next turn begins with this one.
  ASSERT_EQ(start(&options, {1, 2, 3, 4, 5, 6, 7, 2}), SWALLOW_OK);
  last = finish();
  EXPECT_EQ(last[0].prompt_reused, 6);
  EXPECT_EQ(last[0].prompt_tokens, 8);
  EXPECT_EQ(tokens, (std::vector<int32_t>{3, 4, 5, 6, 7}));
}

TEST_F(CApiGenerationTest, StopStringsAndTheArtifactsOptions) {
  // NULL: the artifact's options, whose first stop string is ids 7 and 8.
  ASSERT_EQ(start(nullptr, {4}), SWALLOW_OK) << message();
  std::vector<swallow_generation_event> last = finish();
  EXPECT_EQ(tokens, (std::vector<int32_t>{5, 6, 7, 8}));
  EXPECT_TRUE(last[0].stopped_by_eos); // 8 is EOS before it is text
  EXPECT_EQ(text, "\x02\x03\x04");

  swallow_generation_options options;
  ASSERT_EQ(swallow_generation_options_from_artifact(artifact, &options,
                                                     sizeof(options)),
            SWALLOW_OK);
  options.ignore_eos = true;
  ASSERT_EQ(start(&options, {4}), SWALLOW_OK) << message();
  last = finish();
  EXPECT_EQ(text, "\x02\x03");
  EXPECT_EQ(last[0].finish_reason, SWALLOW_FINISH_STOP);
  EXPECT_STREQ(last[0].stop_string, "\x04\x05");
  EXPECT_EQ(last[0].stop_token, -1);

  options.max_tokens = 3;
  options.stop_token_ids = options.eos_token_ids;
  options.num_stop_token_ids = 1;
  ASSERT_EQ(start(&options, {4}), SWALLOW_OK) << message();
  last = finish();
  EXPECT_EQ(text, "\x02\x03\x04"); // what waited for the rest of a stop
  EXPECT_STREQ(swallow_finish_reason_name(last[0].finish_reason), "length");
  EXPECT_FALSE(last[0].context_full);
}

TEST_F(CApiGenerationTest, SeveralSamplesAndAbort) {
  swallow_generation_options options = plain();
  options.do_sample = true;
  options.n = 3;
  options.max_tokens = 20;
  options.detokenize = false;
  ASSERT_EQ(start(&options, {1, 2, 3}), SWALLOW_OK) << message();
  EXPECT_EQ(finish().size(), 3u);
  std::vector<int32_t> first = tokens;
  EXPECT_EQ(first.size(), 60u);
  ASSERT_EQ(start(&options, {1, 2, 3}), SWALLOW_OK);
  finish();
  EXPECT_EQ(tokens, first);
  options.seed = 1;
  ASSERT_EQ(start(&options, {1, 2, 3}), SWALLOW_OK);
  finish();
  EXPECT_NE(tokens, first);

  ASSERT_EQ(start(&options, {1, 2, 3}), SWALLOW_OK);
  EXPECT_EQ(swallow_generation_abort(generation, 7), SWALLOW_INVALID_ARGUMENT);
  ASSERT_EQ(swallow_generation_abort(generation, -1), SWALLOW_OK);
  std::vector<swallow_generation_event> last = finish();
  ASSERT_EQ(last.size(), 3u);
  EXPECT_EQ(last[2].kind, SWALLOW_EVENT_END);
  EXPECT_EQ(last[2].index, 2);
  EXPECT_STREQ(swallow_finish_reason_name(last[2].finish_reason), "abort");
  EXPECT_STREQ(swallow_finish_reason_name(SWALLOW_FINISH_NONE), "");

  // A generation lives without the artifact's handle, and gives its sequences
  // back.
  swallow_artifact_close(artifact);
  artifact = nullptr;
  options = plain();
  options.max_tokens = 2;
  ASSERT_EQ(start(&options, {4}), SWALLOW_OK);
  finish();
  EXPECT_EQ(text, "\x02\x03");
  swallow_generation_destroy(generation);
  generation = nullptr;
  int64_t sequence = 0;
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(swallow_sequence_create(session, &sequence), SWALLOW_OK);
}

TEST_F(CApiGenerationTest, ForksSequences) {
  int64_t source = 0, fork = 0, length = 0;
  ASSERT_EQ(swallow_sequence_create(session, &source), SWALLOW_OK);
  int32_t ids[] = {1, 2, 3};
  ASSERT_EQ(swallow_prefill(session, source, ids, 3), SWALLOW_OK);
  ASSERT_EQ(swallow_sequence_fork(session, source, &fork), SWALLOW_OK);
  EXPECT_NE(fork, source);
  ASSERT_EQ(swallow_sequence_length(session, fork, &length), SWALLOW_OK);
  EXPECT_EQ(length, 3);
  ASSERT_EQ(swallow_sequence_remove(session, source), SWALLOW_OK);
  EXPECT_EQ(swallow_sequence_fork(session, source, &fork),
            SWALLOW_INVALID_ARGUMENT);
}

TEST_F(CApiGenerationTest, RefusesInOneLine) {
  swallow_generation_event event{};
  EXPECT_EQ(swallow_generation_next(generation, &event),
            SWALLOW_INVALID_ARGUMENT); // struct_size
  event.struct_size = sizeof(event);
  EXPECT_EQ(swallow_generation_next(generation, &event),
            SWALLOW_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "no generation has been started");

  swallow_generation_options options = plain();
  options.top_p = 1.5;
  EXPECT_EQ(start(&options, {1}), SWALLOW_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "top_p is 1.5: it must be from 0 to 1");
  options = plain();
  options.num_stop = 2;
  EXPECT_EQ(start(&options, {1}), SWALLOW_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "stop is NULL: it must have 2 entries");
  const char *none[] = {nullptr};
  options.stop = none;
  options.num_stop = 1;
  EXPECT_EQ(start(&options, {1}), SWALLOW_INVALID_ARGUMENT);
  swallow_sequence_bias bias = {nullptr, 2, 1.0};
  options = plain();
  options.sequence_bias = &bias;
  options.num_sequence_bias = 1;
  EXPECT_EQ(start(&options, {1}), SWALLOW_INVALID_ARGUMENT);
  options = plain();
  EXPECT_EQ(start(&options, {10}), SWALLOW_INVALID_TOKEN);
  EXPECT_EQ(start(&options, std::vector<int32_t>(65, 1)),
            SWALLOW_CONTEXT_EXCEEDED);
  options.struct_size = 0;
  EXPECT_EQ(start(&options, {1}), SWALLOW_INVALID_ARGUMENT);
  EXPECT_EQ(swallow_generation_create(nullptr, session, &generation),
            SWALLOW_INVALID_ARGUMENT);
  swallow_generation_destroy(nullptr);
}

// A damaged tokenizer: requests for text say so, ids still work.
TEST_F(CApiGenerationTest, WorksWithoutATokenizer) {
  TearDown();
  open(test::nextTokenArtifact());
  swallow_generation_options options = plain();
  options.max_tokens = 3;
  EXPECT_EQ(start(&options, {1}), SWALLOW_CORRUPT);
  EXPECT_NE(message().find("model.swallow"), std::string::npos);
  options.detokenize = false;
  ASSERT_EQ(start(&options, {1}), SWALLOW_OK) << message();
  finish();
  EXPECT_EQ(tokens, (std::vector<int32_t>{2, 3, 4}));
  EXPECT_EQ(text, "");
}

} // namespace
} // namespace swallow

#endif
