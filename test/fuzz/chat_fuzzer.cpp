//===- chat_fuzzer.cpp - conversations from outside -----------------------===//
//
// Any request is refused with one line or gives valid UTF-8. A request is lines
// of text: one of options, then messages, tools, variables and a date.
//
//===----------------------------------------------------------------------===//

#include "runtime/chat/ChatRenderer.h"
#include "runtime/text/Utf8.h"
#include "test/runtime/chat/ChatArtifact.h"

#include <cstdlib>
#include <optional>

using namespace swallow;

static void check(bool holds) {
  if (!holds)
    std::abort();
}

static const ChatRenderer &renderer() {
  static const ChatRenderer opened = [] {
    std::vector<uint8_t> file = test::writtenBytes(test::withChat(
        test::smallArtifact(),
        {{"default", "{{ bos_token }}{% for m in messages %}{{ m.role }}: "
                     "{{ m.content | trim }}{{ eos_token }}{% endfor %}"},
         {"tool_use", "{{ tools | tojson(indent=1) }}{{ messages | tojson }}"
                      "{{ x }}{{ strftime_now('%c %j') }}{{ reasoning }}"}},
        {{"bos_token", "<s>"}, {"eos_token", "</s>"}}));
    Result<Artifact> artifact = Artifact::openBytes(file, "fuzz.swallow");
    check(artifact.ok());
    Result<ChatRenderer> chat = ChatRenderer::open(*artifact);
    check(chat.ok() && chat->templates().size() == 2);
    return std::move(*chat);
  }();
  return opened;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view rest(reinterpret_cast<const char *>(data), size);
  auto takeLine = [&]() -> std::optional<std::string_view> {
    if (rest.empty())
      return std::nullopt;
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    return line.empty() ? std::nullopt : std::optional(line);
  };
  const std::string_view options = takeLine().value_or("");
  ChatRequest request;
  request.messages = takeLine().value_or("");
  request.tools = takeLine();
  request.variables = takeLine();
  request.date = takeLine();
  for (char option : options)
    switch (option) {
    case 'a':
      request.promptStyle = "alpaca-ja";
      break;
    case 'l':
      request.promptStyle = "llama2";
      break;
    case 'p':
      request.promptStyle = "plain";
      break;
    case 't':
      request.templateName = "tool_use";
      break;
    case 'c':
      request.continueField = "content";
      break;
    case 'r':
      request.continueField = "reasoning";
      break;
    default:
      request.addGenerationPrompt = false;
    }
  Result<RenderedChat> rendered = renderer().render(request);
  if (rendered) {
    check(isValidUtf8(rendered->text));
  } else {
    check(!rendered.error().message.empty());
    check(rendered.error().message.find('\n') == std::string::npos);
  }
  return 0;
}
