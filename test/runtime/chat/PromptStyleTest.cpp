//===- PromptStyleTest.cpp - formats for models without a template --------===//

#include "runtime/chat/ChatRenderer.h"
#include "test/runtime/chat/ChatArtifact.h"

#include <gtest/gtest.h>

#include <optional>

namespace swallow {
namespace {

class PromptStyleTest : public testing::Test {
protected:
  void SetUp() override { load({{"bos_token", "<s>"}, {"eos_token", "</s>"}}); }
  void load(const test::Texts &tokens) {
    std::vector<uint8_t> file =
        test::writtenBytes(test::withChat(test::smallArtifact(), {}, tokens));
    Result<Artifact> artifact = Artifact::openBytes(file, "m.swallow");
    ASSERT_TRUE(artifact.ok());
    renderer_.emplace(ChatRenderer::open(*artifact));
    ASSERT_TRUE(renderer_->ok());
  }

  std::string render(const char *style, const std::string &messages,
                     bool open = false) {
    ChatRequest request;
    request.promptStyle = style;
    request.messages = messages;
    if (open)
      request.continueField = "content";
    return render(request);
  }
  std::string render(const ChatRequest &request) {
    Result<RenderedChat> rendered = (*renderer_)->render(request);
    return rendered.ok() ? rendered->text : rendered.error().message;
  }

  std::optional<Result<ChatRenderer>> renderer_;
};

const std::string turns = R"([
  {"role": "user", "content": "東京は?"},
  {"role": "assistant", "content": " 日本の首都です。\n"},
  {"role": "user", "content": "要約せよ", "input": "長い文"}])";

TEST_F(PromptStyleTest, AlpacaJa) {
  EXPECT_EQ(render("alpaca-ja", R"([{"role": "user", "content": "指示A"}])"),
            "以下に、あるタスクを説明する指示があります。リクエストを適切に完了"
            "するための回答を記述してください。\n\n### 指示:\n指示A\n\n"
            "### 応答:");
  EXPECT_EQ(render("alpaca-ja", R"([{"role": "user", "content": "指示A",
                                     "input": "入力B"}])"),
            "以下に、あるタスクを説明する指示があり、それに付随する入力が更なる"
            "文脈を提供しています。リクエストを適切に完了するための回答を記述"
            "してください。\n\n### 指示:\n指示A\n\n### 入力:\n入力B\n\n"
            "### 応答:");
  EXPECT_EQ(render("alpaca-ja", turns),
            "以下に、あるタスクを説明する指示があります。リクエストを適切に完了"
            "するための回答を記述してください。\n\n### 指示:\n東京は?\n\n"
            "### 応答: 日本の首都です。\n\n\n### 指示:\n要約せよ\n\n"
            "### 入力:\n長い文\n\n### 応答:");
  EXPECT_EQ(
      render("alpaca-ja", R"([{"role": "system", "content": "S"},
                              {"role": "user", "content": "U"}])"),
      "messages[0].role: the prompt style alpaca-ja has no place for a system "
      "message");
}

TEST_F(PromptStyleTest, Llama2) {
  EXPECT_EQ(render("llama2", turns),
            "<s>[INST] 東京は? [/INST] 日本の首都です。</s>[INST] 要約せよ\n"
            "長い文 [/INST]");
  EXPECT_EQ(render("llama2", R"([{"role": "system", "content": "S"},
                                 {"role": "user", "content": " A　"}])"),
            "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\n A [/INST]");
  EXPECT_EQ(render("llama2", R"([{"role": "user", "content": "A"},
                                 {"role": "assistant", "content": "B "}])"),
            "<s>[INST] A [/INST] B</s>");
  EXPECT_EQ(render("llama2",
                   R"([{"role": "user", "content": "A"},
                       {"role": "assistant", "content": "B "}])",
                   true),
            "<s>[INST] A [/INST] B");
  EXPECT_EQ(std::string(recommendedSystemPrompt),
            "あなたは誠実で優秀な日本人のアシスタントです。");
  load({{"bos_token", "<s>"}});
  EXPECT_EQ(render("llama2", turns), "the prompt style llama2 needs a model "
                                     "with bos_token and eos_token");
}

TEST_F(PromptStyleTest, Plain) {
  EXPECT_EQ(render("plain", turns), "東京は? 日本の首都です。\n要約せよ");
  EXPECT_EQ(render("plain", R"([{"role": "any", "content": "Q:"}])"), "Q:");
  ChatRequest request;
  request.promptStyle = "plain";
  request.messages = turns;
  Result<RenderedChat> plain = (*renderer_)->render(request);
  ASSERT_TRUE(plain.ok());
  EXPECT_TRUE(plain->addSpecialTokens);
  request.promptStyle = "llama2";
  Result<RenderedChat> llama2 = (*renderer_)->render(request);
  ASSERT_TRUE(llama2.ok());
  EXPECT_FALSE(llama2->addSpecialTokens);
}

TEST_F(PromptStyleTest, SaysWhatHasNoPlace) {
  for (const char *style : {"alpaca-ja", "llama2"}) {
    EXPECT_EQ(render(style, R"([{"role": "assistant", "content": "A"}])"),
              "messages[0].role: expected \"user\", as in this prompt style "
              "both take turns, found \"assistant\"");
    EXPECT_EQ(render(style, R"([{"role": "user", "content": "A"},
                                {"role": "tool", "content": "B"}])"),
              "messages[1].role: expected \"assistant\", as in this prompt "
              "style both take turns, found \"tool\"");
    EXPECT_EQ(render(style, R"([{"role": "user", "content": "A"}])", true),
              "messages[0].role: only a message of the assistant can be "
              "continued in this prompt style");
    EXPECT_EQ(render(style, R"([{"role": "user"}])"),
              "messages[0].content: expected a string, found nothing");
    EXPECT_EQ(render(style, R"([{"role": 1, "content": "A"}])"),
              "messages[0].role: expected a string, found a number");
    EXPECT_EQ(render(style, R"([{"role": "user", "content": "A",
                                 "input": []}])"),
              "messages[0].input: expected a string, found a list");
  }
  EXPECT_EQ(render("llama2", R"([{"role": "system", "content": "S"}])"),
            "messages: expected a message of the user, found none");
  EXPECT_EQ(render("plain", R"([{"role": "user", "content": [{}]}])"),
            "messages[0].content: expected a string, found a list");

  ChatRequest request;
  request.promptStyle = "llama2";
  request.messages = turns;
  auto expectNoPlace = [&](auto member, const char *what) {
    ChatRequest changed = request;
    changed.*member = "[]";
    EXPECT_EQ(render(changed),
              std::string("the prompt style llama2 has no place for ") + what);
  };
  expectNoPlace(&ChatRequest::tools, "tools");
  expectNoPlace(&ChatRequest::documents, "documents");
  expectNoPlace(&ChatRequest::variables, "template variables");
  expectNoPlace(&ChatRequest::date, "a date");
  request.continueField = "role";
  EXPECT_EQ(render(request),
            "the prompt style llama2 can continue \"content\" only");
}

} // namespace
} // namespace swallow
