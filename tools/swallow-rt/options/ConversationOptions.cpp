#include "tools/swallow-rt/options/ConversationOptions.h"

#include "tools/swallow-rt/Support.h"

#include <memory>
#include <unistd.h>

namespace {

struct PromptDeleter {
  void operator()(swallow_chat_prompt *prompt) const {
    swallow_chat_prompt_destroy(prompt);
  }
};

std::string promptStyles() {
  std::string names;
  const char *name = nullptr;
  for (size_t i = 0; i < swallow_chat_num_prompt_styles(); ++i) {
    check(swallow_chat_prompt_style(i, &name, nullptr));
    names += (i ? ", " : "") + std::string(name);
  }
  return names;
}

bool hasTemplate(const swallow_artifact *artifact, const std::string &wanted) {
  const char *name = nullptr;
  for (size_t i = 0; i < swallow_chat_num_templates(artifact); ++i) {
    check(swallow_chat_template(artifact, i, &name, nullptr, nullptr));
    if (name == wanted)
      return true;
  }
  return false;
}

/// What C strings cannot hold is no JSON and no template either.
std::string checkedText(std::string text, const std::string &source) {
  if (text.find('\0') != std::string::npos)
    throw CommandError(source + ": a zero byte is no text");
  return text;
}

} // namespace

void ConversationOptions::declare(Options &options) {
  options.text("--chat-template", chatTemplate_, "FILE",
               "Jinja file, or a template's name", "model's");
  options.text("--prompt-style", promptStyle_, "STYLE",
               ("Or one of " + promptStyles()).c_str(), "none");
  options.text("--tools", toolsFile_, "FILE", "JSON list of tools", "none");
  options.text("--documents", documentsFile_, "FILE", "JSON list of documents",
               "none");
  options.text("--template-vars", templateVars_, "JSON",
               "Object of template variables", "none");
  options.text("--date", date_, "DATE", "YYYY-MM-DD[THH:MM:SS] for templates",
               "now");
}

Prompt ConversationOptions::render(const swallow_artifact *artifact,
                                   const std::string &messages,
                                   const std::string &source,
                                   swallow_chat_options base) const {
  const std::string text =
      checkedText(messages, source.empty() ? "messages" : source);
  base.messages = text.c_str();
  auto fromFile = [](const std::optional<std::string> &path) {
    return path ? checkedText(readFile(*path), *path) : std::string();
  };
  const std::string tools = fromFile(toolsFile_);
  const std::string documents = fromFile(documentsFile_);
  base.tools = toolsFile_ ? tools.c_str() : nullptr;
  base.documents = documentsFile_ ? documents.c_str() : nullptr;
  base.template_vars = templateVars_ ? templateVars_->c_str() : nullptr;
  base.date = date_ ? date_->c_str() : nullptr;
  base.prompt_style = promptStyle_ ? promptStyle_->c_str() : nullptr;
  std::string templateText;
  if (chatTemplate_ && (hasTemplate(artifact, *chatTemplate_) ||
                        access(chatTemplate_->c_str(), F_OK) != 0)) {
    base.template_name = chatTemplate_->c_str();
  } else if (chatTemplate_) {
    templateText = fromFile(chatTemplate_);
    base.template_text = templateText.c_str();
    base.template_label = chatTemplate_->c_str();
  }

  swallow_chat_prompt *made = nullptr;
  if (swallow_status status = swallow_chat_render(artifact, &base, &made)) {
    std::string message = swallow_error_message();
    if (base.template_name && !hasTemplate(artifact, *chatTemplate_))
      throw CommandError("--chat-template " + inQuotes(*chatTemplate_) +
                         ": there is no such file; " + message);
    // The runtime names the member; whoever reads it wants the file too.
    const std::pair<const char *, const std::string *> files[] = {
        {"messages", source.empty() ? nullptr : &source},
        {"tools", toolsFile_ ? &*toolsFile_ : nullptr},
        {"documents", documentsFile_ ? &*documentsFile_ : nullptr}};
    if (status == SWALLOW_INVALID_ARGUMENT)
      for (auto [what, path] : files)
        if (path && (message.starts_with(std::string(what) + "[") ||
                     message.starts_with(std::string(what) + ":")))
          throw CommandError(*path + ": " + message);
    throw CommandError(message);
  }
  std::unique_ptr<swallow_chat_prompt, PromptDeleter> prompt(made);
  const char *rendered = nullptr;
  const int32_t *ids = nullptr;
  size_t size = 0, count = 0;
  check(swallow_chat_prompt_text(prompt.get(), &rendered, &size));
  check(swallow_chat_prompt_ids(prompt.get(), &ids, &count));
  return {std::string(rendered, size), std::vector<int32_t>(ids, ids + count)};
}
