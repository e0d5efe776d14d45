//===- CApiChatTest.cpp - swallow_chat.h ----------------------------------===//

#include "frontends/huggingface/TokenizerCompiler.h"
#include "runtime/include/swallow_rt.h"
#include "test/runtime/chat/ChatArtifact.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <fstream>
#include <thread>

extern "C" long renderFromC(const swallow_artifact *artifact,
                            const char *messages, int32_t *ids,
                            size_t capacity);

namespace swallow {
namespace {

const char *const hi = R"([{"role": "user", "content": "Hi"}])";
const std::string chatml =
    "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    "{{ '!' if add_generation_prompt }}";

class CApiChatTest : public testing::Test {
protected:
  void SetUp() override {
    load({{"default", chatml}, {"tool_use", "tools\n{{ tools | length }}"}});
  }
  void TearDown() override { swallow_artifact_close(artifact); }

  /// The tokenizer of a golden model and these templates.
  void load(const test::Texts &templates) {
    swallow_artifact_close(artifact);
    Result<std::string> table =
        compileTokenizer(SWALLOW_TEST_DIR "/golden/llama2-gqa");
    ASSERT_TRUE(table.ok());
    tokenizer = *table;
    test::ArtifactParts parts =
        test::withChat(test::smallArtifact(), templates,
                       {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
    for (SegmentData &segment : parts.segments)
      if (segment.kind == fbs::SegmentKind::Tokenizer)
        segment.bytes.assign(tokenizer.begin(), tokenizer.end());
    save(std::move(parts));
  }
  void save(test::ArtifactParts parts) {
    std::vector<uint8_t> bytes = test::writtenBytes(std::move(parts));
    std::string path = folder.file("model.swallow");
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    ASSERT_EQ(swallow_artifact_open(path.c_str(), &artifact), SWALLOW_OK)
        << swallow_error_message();
  }

  std::vector<int32_t> encode(const std::string &text, bool special) {
    std::vector<int32_t> ids(100);
    size_t count = 0;
    EXPECT_EQ(swallow_encode(artifact, text.data(), text.size(), special,
                             ids.data(), ids.size(), &count),
              SWALLOW_OK);
    ids.resize(count);
    return ids;
  }

  static swallow_chat_options options() {
    swallow_chat_options options;
    swallow_chat_options_init(&options, sizeof(options));
    options.messages = hi;
    return options;
  }

  struct Prompt {
    std::string text;
    std::vector<int32_t> ids;
  };
  Prompt render(const swallow_chat_options &options) {
    swallow_chat_prompt *prompt = nullptr;
    EXPECT_EQ(swallow_chat_render(artifact, &options, &prompt), SWALLOW_OK)
        << swallow_error_message();
    if (!prompt)
      return {};
    const char *text = nullptr;
    const int32_t *ids = nullptr;
    size_t size = 0, count = 0;
    EXPECT_EQ(swallow_chat_prompt_text(prompt, &text, &size), SWALLOW_OK);
    EXPECT_EQ(swallow_chat_prompt_ids(prompt, &ids, &count), SWALLOW_OK);
    EXPECT_EQ(text[size], '\0');
    Prompt result{std::string(text, size), {ids, ids + count}};
    swallow_chat_prompt_destroy(prompt);
    return result;
  }
  void expectError(const swallow_chat_options &options, swallow_status status,
                   const std::string &words) {
    auto *untouched = reinterpret_cast<swallow_chat_prompt *>(&folder);
    swallow_chat_prompt *prompt = untouched;
    EXPECT_EQ(swallow_chat_render(artifact, &options, &prompt), status);
    EXPECT_EQ(prompt, untouched);
    EXPECT_NE(std::string(swallow_error_message()).find(words),
              std::string::npos)
        << swallow_error_message();
  }

  test::TemporaryFolder folder;
  std::string tokenizer;
  swallow_artifact *artifact = nullptr;
};

TEST_F(CApiChatTest, RendersFromC) {
  int32_t ids[16] = {};
  const std::vector<int32_t> expected = encode("<s>Hi!", false);
  ASSERT_EQ(renderFromC(artifact, hi, ids, 16),
            static_cast<long>(expected.size()));
  EXPECT_EQ(std::vector<int32_t>(ids, ids + expected.size()), expected);
  EXPECT_EQ(ids[0], 1); // <s>, once
  EXPECT_NE(ids[1], 1);
  EXPECT_EQ(renderFromC(artifact, "{", ids, 16), -1);
}

TEST_F(CApiChatTest, RendersByEachFormat) {
  swallow_chat_options request = options();
  EXPECT_EQ(render(request).text, "<s>Hi!");
  request.add_generation_prompt = false;
  EXPECT_EQ(render(request).text, "<s>Hi");
  request.tools = "[{}, {}]";
  EXPECT_EQ(render(request).text, "tools\n2");
  request.template_name = "default";
  EXPECT_EQ(render(request).text, "<s>Hi");
  request = options();
  request.template_text = "{{ documents[0].t }}{{ x }}{{ strftime_now('%Y') }}";
  request.documents = R"([{"t": "d"}])";
  request.template_vars = R"({"x": 5})";
  request.date = "2030-01-01";
  EXPECT_EQ(render(request).text, "d52030");
  request = options();
  request.continue_final_message = "content";
  EXPECT_EQ(render(request).text, "<s>Hi");
  request = options();
  request.prompt_style = "plain";
  Prompt plain = render(request);
  EXPECT_EQ(plain.text, "Hi");
  EXPECT_EQ(plain.ids, encode("Hi", true));
  request.prompt_style = "llama2";
  Prompt llama2 = render(request);
  EXPECT_EQ(llama2.text, "<s>[INST] Hi [/INST]");
  EXPECT_EQ(llama2.ids, encode(llama2.text, false));
}

TEST_F(CApiChatTest, TellsWhatTheModelBrings) {
  ASSERT_EQ(swallow_chat_num_templates(artifact), 2u);
  const char *name = nullptr, *text = nullptr;
  size_t size = 0;
  ASSERT_EQ(swallow_chat_template(artifact, 1, &name, &text, &size),
            SWALLOW_OK);
  EXPECT_STREQ(name, "tool_use");
  EXPECT_EQ(std::string(text, size), "tools\n{{ tools | length }}");
  ASSERT_EQ(swallow_chat_template(artifact, 0, &name, nullptr, nullptr),
            SWALLOW_OK);
  EXPECT_STREQ(name, "default");
  EXPECT_EQ(swallow_chat_template(artifact, 2, &name, &text, &size),
            SWALLOW_OUT_OF_RANGE);

  ASSERT_EQ(swallow_chat_num_special_tokens(artifact), 2u);
  ASSERT_EQ(swallow_chat_special_token(artifact, 1, &name, &text), SWALLOW_OK);
  EXPECT_STREQ(name, "eos_token");
  EXPECT_STREQ(text, "</s>");
  EXPECT_EQ(swallow_chat_special_token(artifact, 2, &name, &text),
            SWALLOW_OUT_OF_RANGE);

  ASSERT_EQ(swallow_chat_num_prompt_styles(), 3u);
  ASSERT_EQ(swallow_chat_prompt_style(0, &name, &text), SWALLOW_OK);
  EXPECT_STREQ(name, "alpaca-ja");
  EXPECT_NE(std::string(text), "");
  EXPECT_EQ(swallow_chat_prompt_style(3, nullptr, nullptr),
            SWALLOW_OUT_OF_RANGE);
  EXPECT_STREQ(swallow_chat_recommended_system_prompt(),
               "あなたは誠実で優秀な日本人のアシスタントです。");
}

TEST_F(CApiChatTest, SaysWhatIsWrong) {
  swallow_chat_options request = options();
  request.messages = nullptr;
  expectError(request, SWALLOW_INVALID_ARGUMENT, "messages");
  request = options();
  request.struct_size = 0;
  expectError(request, SWALLOW_INVALID_ARGUMENT, "struct_size");
  request = options();
  request.messages = "[1]";
  expectError(request, SWALLOW_INVALID_ARGUMENT,
              "messages[0]: expected an object, found a number");
  request = options();
  request.template_name = "rag";
  expectError(request, SWALLOW_INVALID_ARGUMENT, "it has default, tool_use");
  request = options();
  request.template_text = "{{ raise_exception('Nein') }}";
  expectError(request, SWALLOW_INVALID_ARGUMENT, "Nein");
  request.template_text = "{% endif %}";
  expectError(request, SWALLOW_INVALID_ARGUMENT,
              "chat template: template line");
  request.template_label = "my file";
  expectError(request, SWALLOW_INVALID_ARGUMENT, "my file: template line 1");
  swallow_chat_prompt_destroy(nullptr);

  load({});
  EXPECT_EQ(swallow_chat_num_templates(artifact), 0u);
  expectError(options(), SWALLOW_INVALID_ARGUMENT, "no chat template");
}

TEST_F(CApiChatTest, OlderCallersKeepDefaults) {
  // What a caller compiled against a shorter struct hands over.
  swallow_chat_options request;
  request.struct_size = offsetof(swallow_chat_options, tools);
  request.messages = hi;
  request.tools = "garbage that must not be read";
  request.add_generation_prompt = false;
  EXPECT_EQ(render(request).text, "<s>Hi!");
}

TEST_F(CApiChatTest, BrokenTemplatesSayWhere) {
  test::ArtifactParts parts =
      test::withChat(test::smallArtifact(), {{"default", "x"}}, {});
  parts.segments.back().bytes.clear();
  swallow_artifact_close(artifact);
  save(std::move(parts));
  const char *name = nullptr;
  EXPECT_EQ(swallow_chat_template(artifact, 0, &name, nullptr, nullptr),
            SWALLOW_CORRUPT);
  expectError(options(), SWALLOW_CORRUPT,
              "model.swallow: chat template default: ");
}

TEST_F(CApiChatTest, RendersOnSeveralThreads) {
  const std::vector<int32_t> expected = encode("<s>Hi!", false);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 20; ++k)
        EXPECT_EQ(render(options()).ids, expected);
    });
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace
} // namespace swallow
