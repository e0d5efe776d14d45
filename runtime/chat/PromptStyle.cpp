//===- PromptStyle.cpp - formats for models without a template ------------===//
//
// The formats are those of the model cards of tokyotech-llm's Swallow models:
// alpaca-ja of the -instruct-hf ones, llama2 of the -instruct-v0.1 ones.
//
//===----------------------------------------------------------------------===//

#include "runtime/chat/PromptStyle.h"

#include "runtime/chat/JsonInput.h"
#include "runtime/jinja/value/Objects.h"

#include <optional>
#include <vector>

using namespace swallow;
using jinja::Value;

const char *const swallow::recommendedSystemPrompt =
    "あなたは誠実で優秀な日本人のアシスタントです。";

namespace {

Error bad(std::string what) {
  return {ErrorCode::InvalidArgument, std::move(what)};
}

/// A message in the words of the formats.
struct Turn {
  std::string role;
  std::string content;
  std::optional<std::string> input; // of a user's message
};

std::string place(size_t index, const char *key) {
  return "messages[" + std::to_string(index) + "]." + key;
}

Result<std::string> readText(const Value &message, size_t index,
                             const char *key) {
  const Value *value = message.asDict().find(key);
  if (!value || !value->isString())
    return bad(place(index, key) + ": expected a string, found " +
               (value ? describeKind(*value) : "nothing"));
  return value->text();
}

Result<std::vector<Turn>> readTurns(const Conversation &messages) {
  std::vector<Turn> turns;
  for (size_t i = 0; i < messages.size(); ++i) {
    Turn turn;
    SWALLOW_ASSIGN(turn.role, readText(messages[i], i, "role"));
    SWALLOW_ASSIGN(turn.content, readText(messages[i], i, "content"));
    if (turn.role == "user" && messages[i].asDict().find("input")) {
      SWALLOW_ASSIGN(turn.input, readText(messages[i], i, "input"));
    }
    turns.push_back(std::move(turn));
  }
  return turns;
}

/// That roles alternate from turn `first` on, the user's being first, and that
/// what is continued is an answer.
Status checkRoles(const std::vector<Turn> &turns, size_t first, bool open) {
  if (first == turns.size())
    return bad("messages: expected a message of the user, found none");
  for (size_t i = first; i < turns.size(); ++i) {
    const char *expected = (i - first) % 2 == 0 ? "user" : "assistant";
    if (turns[i].role != expected)
      return bad(place(i, "role") + ": expected \"" + expected +
                 "\", as in this prompt style both take turns, found \"" +
                 oneLine(turns[i].role) + "\"");
  }
  if (open && turns.back().role != "assistant")
    return bad(place(turns.size() - 1, "role") +
               ": only a message of the assistant can be continued in this "
               "prompt style");
  return {};
}

Result<std::string> renderAlpaca(const Conversation &messages,
                                 const SpecialTokens &, bool open) {
  SWALLOW_ASSIGN(std::vector<Turn> turns, readTurns(messages));
  if (turns[0].role == "system")
    return bad("messages[0].role: the prompt style alpaca-ja has no place for "
               "a system message");
  SWALLOW_TRY(checkRoles(turns, 0, open));
  std::string text =
      turns[0].input
          ? "以下に、あるタスクを説明する指示があり、それに付随する入力が更なる"
            "文脈を提供しています。"
            "リクエストを適切に完了するための回答を記述してください。"
          : "以下に、あるタスクを説明する指示があります。"
            "リクエストを適切に完了するための回答を記述してください。";
  for (const Turn &turn : turns) {
    if (turn.role == "assistant") {
      text += turn.content;
      continue;
    }
    text += "\n\n### 指示:\n" + turn.content;
    if (turn.input)
      text += "\n\n### 入力:\n" + *turn.input;
    text += "\n\n### 応答:";
  }
  return text;
}

Result<std::string> renderLlama2(const Conversation &messages,
                                 const SpecialTokens &tokens, bool open) {
  auto bos = tokens.find("bos_token");
  auto eos = tokens.find("eos_token");
  if (bos == tokens.end() || eos == tokens.end())
    return bad("the prompt style llama2 needs a model with bos_token and "
               "eos_token");
  SWALLOW_ASSIGN(std::vector<Turn> turns, readTurns(messages));
  std::string system;
  size_t first = 0;
  if (turns[0].role == "system") {
    system = "<<SYS>>\n" + turns[0].content + "\n<</SYS>>\n\n";
    first = 1;
  }
  SWALLOW_TRY(checkRoles(turns, first, open));
  std::string text = bos->second;
  for (size_t i = first; i < turns.size(); ++i) {
    const Turn &turn = turns[i];
    if (turn.role == "assistant") {
      text.append(" ").append(stripSpace(turn.content));
      if (!open || i + 1 < turns.size())
        text += eos->second;
      continue;
    }
    std::string said = (i == first ? system : "") + turn.content;
    if (turn.input)
      said += "\n" + *turn.input;
    text.append("[INST] ").append(stripSpace(said)).append(" [/INST]");
  }
  return text;
}

Result<std::string> renderPlain(const Conversation &messages,
                                const SpecialTokens &, bool) {
  SWALLOW_ASSIGN(std::vector<Turn> turns, readTurns(messages));
  std::string text;
  for (const Turn &turn : turns)
    text += turn.content;
  return text;
}

constexpr PromptStyle styles[] = {
    {"alpaca-ja", "Swallow's Alpaca format, of the -instruct-hf models", false,
     renderAlpaca},
    {"llama2", "[INST] <<SYS>>, of Llama 2 chat and Swallow instruct v0.1",
     false, renderLlama2},
    {"plain", "the bare text of the messages, for base models", true,
     renderPlain},
};

} // namespace

std::span<const PromptStyle> swallow::promptStyles() { return styles; }

std::string swallow::promptStyleNames() {
  std::string names;
  for (const PromptStyle &style : styles)
    names.append(names.empty() ? "" : ", ").append(style.name);
  return names;
}

Result<const PromptStyle *> swallow::findPromptStyle(std::string_view name) {
  for (const PromptStyle &style : styles)
    if (name == style.name)
      return &style;
  return bad("there is no prompt style \"" + oneLine(name) +
             "\"; known: " + promptStyleNames());
}
