//===- CApiChat.cpp - conversations of swallow_chat.h ---------------------===//

#include "runtime/capi/CApi.h"

using namespace swallow;
using namespace swallow::capi;

const Result<ChatRenderer> &swallow_artifact::chat() const {
  std::call_once(chatOnce_,
                 [this] { chat_.emplace(ChatRenderer::open(*artifact)); });
  return *chat_;
}

static swallow_status outOfRange(const char *what, size_t index) {
  return fail(Error{ErrorCode::OutOfRange, std::string("there is no ") + what +
                                               " " + std::to_string(index)});
}

//===----------------------------------------------------------------------===//
// What a model brings
//===----------------------------------------------------------------------===//

size_t swallow_chat_num_templates(const swallow_artifact *artifact) {
  size_t count = 0;
  for (const fbs::Segment *segment : *artifact->artifact->program().segments())
    count += segment->kind() == fbs::SegmentKind::ChatTemplate;
  return count;
}

swallow_status swallow_chat_template(const swallow_artifact *artifact,
                                     size_t index, const char **name,
                                     const char **text, size_t *size) {
  return guard([&] {
    const Result<ChatRenderer> &chat = artifact->chat();
    if (!chat.ok())
      return fail(chat.error());
    if (index >= chat->templates().size())
      return outOfRange("chat template", index);
    const ChatRenderer::Named &found = chat->templates()[index];
    *name = found.name.c_str();
    if (text)
      *text = found.compiled.source().c_str();
    if (size)
      *size = found.compiled.source().size();
    return swallow_status(SWALLOW_OK);
  });
}

size_t swallow_chat_num_special_tokens(const swallow_artifact *artifact) {
  const auto *tokens = artifact->artifact->program().special_tokens();
  return tokens ? tokens->size() : 0;
}

swallow_status swallow_chat_special_token(const swallow_artifact *artifact,
                                          size_t index, const char **name,
                                          const char **text) {
  return guard([&] {
    if (index >= swallow_chat_num_special_tokens(artifact))
      return outOfRange("special token", index);
    const fbs::SpecialToken &token =
        *artifact->artifact->program().special_tokens()->Get(
            static_cast<flatbuffers::uoffset_t>(index));
    *name = token.name()->c_str();
    *text = token.text()->c_str();
    return swallow_status(SWALLOW_OK);
  });
}

size_t swallow_chat_num_prompt_styles(void) { return promptStyles().size(); }

swallow_status swallow_chat_prompt_style(size_t index, const char **name,
                                         const char **description) {
  return guard([&] {
    if (index >= promptStyles().size())
      return outOfRange("prompt style", index);
    if (name)
      *name = promptStyles()[index].name;
    if (description)
      *description = promptStyles()[index].description;
    return swallow_status(SWALLOW_OK);
  });
}

const char *swallow_chat_recommended_system_prompt(void) {
  return recommendedSystemPrompt;
}

//===----------------------------------------------------------------------===//
// Rendering
//===----------------------------------------------------------------------===//

struct swallow_chat_prompt {
  std::string text;
  std::vector<int32_t> ids;
};

void swallow_chat_options_init(swallow_chat_options *options,
                               size_t struct_size) {
  swallow_chat_options value{};
  value.add_generation_prompt = true;
  options->struct_size = struct_size;
  (void)fillStruct(options, value);
}

static ChatRequest readRequest(const swallow_chat_options &options) {
  auto optional = [](const char *text) {
    return text ? std::optional<std::string_view>(text) : std::nullopt;
  };
  ChatRequest request;
  request.messages = options.messages;
  request.tools = optional(options.tools);
  request.documents = optional(options.documents);
  request.variables = optional(options.template_vars);
  request.templateName = optional(options.template_name);
  request.templateText = optional(options.template_text);
  request.promptStyle = optional(options.prompt_style);
  if (options.template_label)
    request.templateLabel = options.template_label;
  request.addGenerationPrompt = options.add_generation_prompt;
  request.continueField = optional(options.continue_final_message);
  request.date = optional(options.date);
  return request;
}

swallow_status swallow_chat_render(const swallow_artifact *artifact,
                                   const swallow_chat_options *options,
                                   swallow_chat_prompt **out) {
  return guard([&] {
    swallow_chat_options value;
    swallow_chat_options_init(&value, sizeof(value));
    if (swallow_status status = readStruct(options, value))
      return status;
    if (!value.messages || !out)
      return fail("swallow_chat_render: messages or out is NULL");
    const Result<ChatRenderer> &chat = artifact->chat();
    if (!chat.ok())
      return fail(chat.error());
    const Result<Tokenizer> &tokenizer = artifact->tokenizer();
    if (!tokenizer.ok())
      return fail(tokenizer.error());
    Result<RenderedChat> rendered = chat->render(readRequest(value));
    if (!rendered.ok())
      return fail(rendered.error());
    auto prompt = std::make_unique<swallow_chat_prompt>();
    prompt->ids = tokenizer->encode(rendered->text, rendered->addSpecialTokens);
    prompt->text = std::move(rendered->text);
    *out = prompt.release();
    return swallow_status(SWALLOW_OK);
  });
}

swallow_status swallow_chat_prompt_text(const swallow_chat_prompt *prompt,
                                        const char **text, size_t *size) {
  *text = prompt->text.c_str();
  if (size)
    *size = prompt->text.size();
  return SWALLOW_OK;
}

swallow_status swallow_chat_prompt_ids(const swallow_chat_prompt *prompt,
                                       const int32_t **ids, size_t *count) {
  *ids = prompt->ids.data();
  *count = prompt->ids.size();
  return SWALLOW_OK;
}

void swallow_chat_prompt_destroy(swallow_chat_prompt *prompt) { delete prompt; }
