//===- ChatRenderer.cpp - conversations to prompts ------------------------===//

#include "runtime/chat/ChatRenderer.h"

#include "runtime/chat/JsonInput.h"
#include "runtime/jinja/value/Objects.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <iterator>
#include <utility>

using namespace swallow;
using jinja::DictObject;
using jinja::Ref;
using jinja::Template;
using jinja::Value;

static Error bad(std::string what) {
  return {ErrorCode::InvalidArgument, std::move(what)};
}

Result<ChatRenderer> ChatRenderer::open(const Artifact &artifact) {
  ChatRenderer renderer;
  const fbs::Program &program = artifact.program();
  auto corrupt = [&](const std::string &what) {
    return Error{ErrorCode::Corrupt, artifact.path() + ": " + what};
  };
  for (size_t i = 0; i < program.segments()->size(); ++i) {
    const fbs::Segment &segment =
        *program.segments()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (segment.kind() != fbs::SegmentKind::ChatTemplate)
      continue;
    std::string name = segment.name()->str();
    Result<Template> compiled = Template::open(artifact.segment(i));
    if (!compiled)
      return corrupt("chat template " + name + ": " + compiled.error().message);
    renderer.templates_.push_back({std::move(name), std::move(*compiled)});
  }
  std::sort(renderer.templates_.begin(), renderer.templates_.end(),
            [](const Named &a, const Named &b) { return a.name < b.name; });
  if (const auto *tokens = program.special_tokens())
    for (const fbs::SpecialToken *token : *tokens) {
      std::string text = token->text()->str();
      if (!isValidUtf8(token->name()->string_view()) || !isValidUtf8(text))
        return corrupt("a special token is not UTF-8");
      renderer.tokens_[token->name()->str()] = std::move(text);
    }
  return renderer;
}

std::string ChatRenderer::templateNames() const {
  std::string names;
  for (const Named &one : templates_)
    names += (names.empty() ? "" : ", ") + one.name;
  return names;
}

Result<const Template *> ChatRenderer::choose(const ChatRequest &request,
                                              bool tools) const {
  auto find = [&](std::string_view name) -> const Template * {
    for (const Named &one : templates_)
      if (one.name == name)
        return &one.compiled;
    return nullptr;
  };
  if (templates_.empty())
    return bad("the model has no chat template; choose a prompt style (" +
               promptStyleNames() + ") or give a template");
  if (request.templateName) {
    if (const Template *named = find(*request.templateName))
      return named;
    return bad("the model has no chat template named \"" +
               oneLine(*request.templateName) + "\"; it has " +
               templateNames());
  }
  const Template *chosen = tools ? find("tool_use") : nullptr;
  if (!chosen)
    chosen = find("default");
  if (!chosen)
    return bad("the model has no default chat template; choose one of " +
               templateNames());
  return chosen;
}

Result<Value> ChatRenderer::makeContext(const ChatRequest &request,
                                        const Conversation &messages,
                                        const Value &tools) const {
  constexpr std::string_view reserved[] = {"messages", "tools", "documents",
                                           "add_generation_prompt"};
  Ref<DictObject> context = jinja::makeRef<DictObject>(nullptr);
  for (const auto &[name, text] : tokens_)
    context->set(name, Value::string(text, nullptr));
  if (request.variables) {
    SWALLOW_ASSIGN(Value variables,
                   parseJsonInput(*request.variables, "template variables"));
    if (!variables.isDict())
      return bad(std::string("template variables: expected an object, found ") +
                 describeKind(variables));
    for (const DictObject::Entry &entry : variables.asDict().entries()) {
      const std::string &name = entry.key.text();
      if (std::find(std::begin(reserved), std::end(reserved), name) !=
          std::end(reserved))
        return bad("template variables: " + name + " has an option of its own");
      context->set(name, entry.value);
    }
  }
  Value documents;
  if (request.documents) {
    SWALLOW_ASSIGN(documents, readObjects(*request.documents, "documents"));
  }
  context->set("messages", Value::list(messages, nullptr));
  context->set("tools", tools);
  context->set("documents", documents);
  context->set(
      "add_generation_prompt",
      Value::boolean(request.addGenerationPrompt && !request.continueField));
  return Value::dict(context);
}

Result<RenderedChat>
ChatRenderer::renderStyle(const PromptStyle &style,
                          const ChatRequest &request) const {
  const std::pair<const char *, bool> unused[] = {
      {"tools", request.tools.has_value()},
      {"documents", request.documents.has_value()},
      {"template variables", request.variables.has_value()},
      {"a date", request.date.has_value()}};
  for (auto [what, given] : unused)
    if (given)
      return bad(std::string("the prompt style ") + style.name +
                 " has no place for " + what);
  if (request.continueField && *request.continueField != "content")
    return bad(std::string("the prompt style ") + style.name +
               " can continue \"content\" only");
  SWALLOW_ASSIGN(Conversation messages, readConversation(request.messages));
  SWALLOW_ASSIGN(
      std::string text,
      style.render(messages, tokens_, request.continueField.has_value()));
  return RenderedChat{std::move(text), style.addSpecialTokens};
}

Result<RenderedChat> ChatRenderer::render(const ChatRequest &request) const {
  if (request.templateName.has_value() + request.templateText.has_value() +
          request.promptStyle.has_value() >
      1)
    return bad("choose one of a template's name, a template's text and a "
               "prompt style");
  if (request.promptStyle) {
    SWALLOW_ASSIGN(const PromptStyle *style,
                   findPromptStyle(*request.promptStyle));
    return renderStyle(*style, request);
  }
  jinja::RenderOptions options;
  if (request.date) {
    SWALLOW_ASSIGN(jinja::LocalTime date, parseDate(*request.date));
    options.clock = [date] { return date; };
  }
  Value tools;
  if (request.tools) {
    SWALLOW_ASSIGN(tools, readObjects(*request.tools, "tools"));
  }
  std::optional<Template> given;
  const Template *chosen = nullptr;
  if (request.templateText) {
    Result<Template> compiled = Template::compile(*request.templateText);
    if (!compiled)
      return bad(request.templateLabel + ": " +
                 oneLine(compiled.error().message));
    chosen = &given.emplace(std::move(*compiled));
  } else {
    SWALLOW_ASSIGN(chosen, choose(request, !tools.isNone()));
  }
  SWALLOW_ASSIGN(Conversation messages, readConversation(request.messages));
  std::optional<Continuation> continuation;
  if (request.continueField) {
    SWALLOW_ASSIGN(
        continuation,
        Continuation::mark(messages, *request.continueField, chosen->source()));
  }
  SWALLOW_ASSIGN(Value context, makeContext(request, messages, tools));
  Result<jinja::RenderResult> rendered = chosen->render(context, options);
  if (!rendered)
    return {rendered.error().code, oneLine(rendered.error().message)};
  std::string text = std::move(rendered->text);
  if (continuation) {
    SWALLOW_ASSIGN(text, continuation->cut(std::move(text)));
  }
  return RenderedChat{std::move(text), false};
}

Result<jinja::LocalTime> swallow::parseDate(std::string_view text) {
  constexpr std::string_view pattern = "dddd-dd-ddTdd:dd:dd";
  auto matches = [&] {
    if (text.size() != 10 && text.size() != pattern.size())
      return false;
    for (size_t i = 0; i < text.size(); ++i)
      if (pattern[i] == 'd' ? text[i] < '0' || text[i] > '9'
                            : text[i] != pattern[i])
        return false;
    return true;
  };
  const Error error =
      bad("date: expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, found \"" +
          oneLine(text) + "\"");
  if (!matches())
    return error;
  auto number = [&](size_t at, size_t digits) {
    int64_t value = 0;
    for (size_t i = at; i < at + digits && i < text.size(); ++i)
      value = value * 10 + (text[i] - '0');
    return value;
  };
  const int64_t year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const int64_t hour = number(11, 2), minute = number(14, 2),
                second = number(17, 2);
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 1 || month < 1 || month > 12 || day < 1 ||
      day > days[month - 1] + (month == 2 && leap ? 1 : 0) || hour > 23 ||
      minute > 59 || second > 59)
    return error;
  // Days since 1970-01-01, with the leap day at the end of a year that starts
  // in March (howardhinnant.github.io/date_algorithms.html, days_from_civil).
  const int64_t marchYear = month <= 2 ? year - 1 : year;
  const int64_t era = marchYear / 400;
  const int64_t yearOfEra = marchYear - era * 400;
  const int64_t dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
  const int64_t dayOfEra =
      yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  jinja::LocalTime time;
  time.seconds = (era * 146097 + dayOfEra - 719468) * 86400 + hour * 3600 +
                 minute * 60 + second;
  return time;
}
