//===- ChatRendererTest.cpp - conversations to prompts --------------------===//

#include "runtime/chat/ChatRenderer.h"
#include "runtime/support/MappedFile.h"
#include "test/runtime/chat/ChatArtifact.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <thread>

namespace swallow {
namespace {

using Json = nlohmann::ordered_json;
using test::Texts;

const Texts tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
const std::string hi = R"([{"role": "user", "content": "Hi"}])";

Result<ChatRenderer> open(const Texts &templates, const Texts &specialTokens) {
  std::vector<uint8_t> file = test::writtenBytes(
      test::withChat(test::smallArtifact(), templates, specialTokens));
  SWALLOW_ASSIGN(Artifact artifact, Artifact::openBytes(file, "m.swallow"));
  return ChatRenderer::open(artifact);
}

/// The text, or "CODE MESSAGE".
std::string textOf(const Result<RenderedChat> &rendered) {
  return rendered.ok()
             ? rendered->text
             : std::to_string(static_cast<int>(rendered.error().code)) + " " +
                   rendered.error().message;
}

std::string render(const std::string &source, const ChatRequest &request) {
  Result<ChatRenderer> renderer = open({{"default", source}}, tokens);
  return renderer.ok() ? textOf(renderer->render(request))
                       : renderer.error().message;
}

// cases.json (Inputs/make_cases.py) has what transformers makes of them.
TEST(ChatRenderer, RendersAsTransformersDoes) {
  Result<std::string> text =
      readFile(SWALLOW_TEST_DIR "/runtime/chat/Inputs/cases.json");
  ASSERT_TRUE(text.ok());
  Json file = Json::parse(*text, nullptr, false);
  ASSERT_GT(file["cases"].size(), 40u);
  for (const Json &one : file["cases"]) {
    SCOPED_TRACE(one["name"].get<std::string>());
    Result<ChatRenderer> renderer =
        open(one["templates"].get<Texts>(), file["tokens"].get<Texts>());
    ASSERT_TRUE(renderer.ok()) << renderer.error().message;
    std::map<std::string, std::string> held;
    auto optional = [&](const char *key,
                        bool json) -> std::optional<std::string_view> {
      auto found = one.find(key);
      if (found == one.end())
        return std::nullopt;
      return held[key] = json ? found->dump() : found->get<std::string>();
    };
    ChatRequest request;
    request.messages = *optional("messages", true);
    request.tools = optional("tools", true);
    request.documents = optional("documents", true);
    request.variables = optional("variables", true);
    request.templateName = optional("template", false);
    request.templateText = optional("template_text", false);
    request.continueField = optional("continue_final_message", false);
    request.addGenerationPrompt = one.value("add_generation_prompt", false);
    Result<RenderedChat> rendered = renderer->render(request);
    ASSERT_EQ(rendered.ok(), one.contains("text")) << textOf(rendered);
    if (!rendered.ok()) {
      EXPECT_EQ(rendered.error().code, ErrorCode::InvalidArgument);
      EXPECT_EQ(rendered.error().message.find('\n'), std::string::npos);
      continue;
    }
    EXPECT_EQ(rendered->text, one["text"].get<std::string>());
    EXPECT_FALSE(rendered->addSpecialTokens);
  }
}

TEST(ChatRenderer, NamesTheFormatsThereAre) {
  ChatRequest request;
  request.messages = hi;
  Result<ChatRenderer> none = open({}, tokens);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(textOf(none->render(request)),
            "100 the model has no chat template; choose a prompt style "
            "(alpaca-ja, llama2, plain) or give a template");
  Result<ChatRenderer> two = open({{"tool_use", "t"}, {"rag", "r"}}, tokens);
  ASSERT_TRUE(two.ok());
  ASSERT_EQ(two->templates().size(), 2u);
  EXPECT_EQ(two->templates()[0].name, "rag");
  EXPECT_EQ(two->templates()[0].compiled.source(), "r");
  EXPECT_EQ(textOf(two->render(request)),
            "100 the model has no default chat template; choose one of rag, "
            "tool_use");
  request.templateName = "a\nb";
  EXPECT_EQ(textOf(two->render(request)),
            "100 the model has no chat template named \"a b\"; it has rag, "
            "tool_use");
  request.promptStyle = "plain";
  EXPECT_EQ(textOf(two->render(request)),
            "100 choose one of a template's name, a template's text and a "
            "prompt style");
  request.templateName.reset();
  request.promptStyle = "chatml";
  EXPECT_EQ(textOf(two->render(request)),
            "100 there is no prompt style \"chatml\"; known: alpaca-ja, "
            "llama2, plain");
}

TEST(ChatRenderer, SaysWhereInputIsWrong) {
  const std::string deep(500, '[');
  const struct {
    const char *messages, *expected;
  } cases[] = {
      {"", "messages: JSON, byte 0: expected a value"},
      {"[{\"a\": 1,}]", "messages: JSON, byte 9: expected a key in quotes"},
      {"{}", "messages: expected a list of objects, found an object"},
      {"null", "messages: expected a list of objects, found null"},
      {"[]", "messages: expected at least one message, found none"},
      {"[{}, {}, []]", "messages[2]: expected an object, found a list"},
      {"[\"Hi\"]", "messages[0]: expected an object, found a string"},
      {"[true]", "messages[0]: expected an object, found true"},
      {"[{\"a\": 9223372036854775808}]",
       "messages: JSON, byte 7: expected an integer of at most 64 bits"},
      {deep.c_str(),
       "messages: JSON, byte 400: expected at most 400 levels of nesting"},
  };
  for (const auto &[messages, expected] : cases) {
    ChatRequest request;
    request.messages = messages;
    EXPECT_EQ(render("x", request), std::string("100 ") + expected);
  }
  ChatRequest request;
  request.messages = hi;
  request.tools = "{}";
  EXPECT_EQ(render("x", request),
            "100 tools: expected a list of objects, found an object");
  request.tools = "[{}, 1]";
  EXPECT_EQ(render("x", request),
            "100 tools[1]: expected an object, found a number");
  request.tools = "null";
  request.documents = "[\"text\"]";
  EXPECT_EQ(render("x", request),
            "100 documents[0]: expected an object, found a string");
  request.documents.reset();
  request.variables = "[]";
  EXPECT_EQ(render("x", request),
            "100 template variables: expected an object, found a list");
  request.variables = R"({"tools": []})";
  EXPECT_EQ(render("x", request),
            "100 template variables: tools has an option of its own");
}

TEST(ChatRenderer, BrokenTextIsRefusedInOneLine) {
  for (const char *messages : {"[{\"role\": \"\xff\"}]",
                               "[{\"role\": \"\\ud800\"}]", "[{\"a\n\": 1"}) {
    ChatRequest request;
    request.messages = messages;
    std::string message = render("x", request);
    EXPECT_EQ(message.rfind("100 messages: JSON, byte ", 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_EQ(message.find('\xff'), std::string::npos);
  }
}

TEST(ChatRenderer, KeepsTheLastOfEqualKeys) {
  ChatRequest request;
  request.messages = R"([{"a": 1, "b": 2, "a": 3}])";
  EXPECT_EQ(render("{{ messages | tojson }}", request),
            R"([{"a": 3, "b": 2}])");
}

TEST(ChatRenderer, TemplateErrorsAreOneLine) {
  ChatRequest request;
  request.messages = hi;
  EXPECT_EQ(render("{{ raise_exception('first\nsecond\x07') }}", request),
            "100 first second ");
  std::string longText = render("{{ raise_exception('あ' * 5000) }}", request);
  EXPECT_EQ(longText.size(), 4 + 999 + 3);
  EXPECT_NE(render("\n {{ messages.x.y }}", request).find("line 2"),
            std::string::npos);
  request.templateText = "a\n{% nonsense %}";
  request.templateLabel = "dir/my.jinja";
  std::string compile = render("x", request);
  EXPECT_EQ(compile.rfind("100 dir/my.jinja: template line 2, column ", 0), 0u)
      << compile;
}

TEST(ChatRenderer, EndlessTemplatesEnd) {
  ChatRequest request;
  request.messages = hi;
  for (const char *source :
       {"{% for a in range(100000) %}{% for b in range(100000) %}"
        "{% for c in range(100000) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set ns = namespace(t='x') %}{% for i in range(99) %}"
        "{% set ns.t = ns.t + ns.t %}{% endfor %}"}) {
    std::string message = render(source, request);
    ASSERT_GT(message.size(), 4u);
    EXPECT_TRUE(message.starts_with("10") || message.starts_with("50"))
        << message;
  }
}

TEST(ChatRenderer, DatesStandStill) {
  const std::string source = "{{ strftime_now('%d %b %Y %H:%M:%S %A %j') }}";
  const std::pair<const char *, const char *> dates[] = {
      {"2024-07-26", "26 Jul 2024 00:00:00 Friday 208"},
      {"2024-02-29T23:59:59", "29 Feb 2024 23:59:59 Thursday 060"},
      {"1970-01-01T00:00:01", "01 Jan 1970 00:00:01 Thursday 001"},
      {"1900-03-01", "01 Mar 1900 00:00:00 Thursday 060"},
      {"2000-12-31", "31 Dec 2000 00:00:00 Sunday 366"},
      {"9999-12-31", "31 Dec 9999 00:00:00 Friday 365"},
  };
  ChatRequest request;
  request.messages = hi;
  for (auto [date, expected] : dates) {
    request.date = date;
    EXPECT_EQ(render(source, request), expected);
  }
  for (const char *date :
       {"", "2024", "2024-7-26", "2024-13-01", "2024-00-01", "2024-01-32",
        "2023-02-29", "1900-02-29", "0000-01-01", "2024-01-01T24:00:00",
        "2024-01-01T00:60:00", "2024-01-01T00:00:60", "2024-01-01 00:00:00",
        "2024-01-01T00:00", "2024-01-01T00:00:00Z"}) {
    request.date = date;
    EXPECT_EQ(render(source, request),
              std::string("100 date: expected YYYY-MM-DD or "
                          "YYYY-MM-DDTHH:MM:SS, found \"") +
                  date + "\"");
  }
}

TEST(ChatRenderer, GenerationPromptIsOffWhileContinuing) {
  ChatRequest request;
  request.messages = hi;
  request.continueField = "content";
  request.addGenerationPrompt = true;
  EXPECT_EQ(render("{{ messages[0].content }}"
                   "{{ 'more' if add_generation_prompt }}",
                   request),
            "Hi");
}

TEST(ChatRenderer, RefusesBrokenTemplatesInArtifacts) {
  test::ArtifactParts parts =
      test::withChat(test::smallArtifact(), {{"default", "x"}}, tokens);
  parts.segments.back().bytes.resize(parts.segments.back().bytes.size() / 2);
  std::vector<uint8_t> file = test::writtenBytes(std::move(parts));
  Result<Artifact> artifact = Artifact::openBytes(file, "m.swallow");
  ASSERT_TRUE(artifact.ok());
  Result<ChatRenderer> renderer = ChatRenderer::open(*artifact);
  ASSERT_FALSE(renderer.ok());
  EXPECT_EQ(renderer.error().code, ErrorCode::Corrupt);
  EXPECT_EQ(
      renderer.error().message.rfind("m.swallow: chat template default: ", 0),
      0u)
      << renderer.error().message;

  Result<ChatRenderer> broken = open({}, {{"bos_token", "\xff"}});
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(broken.error().message, "m.swallow: a special token is not UTF-8");
}

TEST(ChatRenderer, RendersOnSeveralThreads) {
  Result<ChatRenderer> renderer =
      open({{"default", "{{ bos_token }}{% for m in messages %}"
                        "{{ m.content | trim | upper }}{% endfor %}"}},
           tokens);
  ASSERT_TRUE(renderer.ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) {
        ChatRequest request;
        request.messages = hi;
        EXPECT_EQ(textOf(renderer->render(request)), "<s>HI");
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace
} // namespace swallow
