#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/ConversationOptions.h"

#include <nlohmann/json.hpp>

namespace {

struct RenderOptions {
  std::string file;
  std::string messages = "-";
  ConversationOptions conversation;
  bool generationPrompt = true;
  bool continueFinal = false;
  std::optional<std::string> continueField;
  bool ids = false;
  bool json = false;
};

int render(const RenderOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  const bool fromInput = options.messages == "-";
  swallow_chat_options chat;
  swallow_chat_options_init(&chat, sizeof(chat));
  chat.add_generation_prompt = options.generationPrompt;
  if (options.continueField)
    chat.continue_final_message = options.continueField->c_str();
  else if (options.continueFinal)
    chat.continue_final_message = "content";
  Prompt prompt = options.conversation.render(
      artifact.get(),
      fromInput ? readStandardInput() : readFile(options.messages),
      fromInput ? "" : options.messages, chat);
  if (options.json) {
    nlohmann::ordered_json answer;
    answer["text"] = prompt.text;
    answer["ids"] = prompt.ids;
    writeOutput(answer.dump() + "\n");
  } else if (options.ids) {
    std::string line;
    for (int32_t id : prompt.ids)
      line += (line.empty() ? "" : " ") + std::to_string(id);
    writeOutput(line + "\n");
  } else {
    writeOutput(prompt.text);
  }
  return 0;
}

} // namespace

void addRenderCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<RenderOptions>();
  CLI::App *verb = app.add_subcommand(
      "render", "Print the prompt that a conversation becomes");
  Options declare(*verb);
  declare.file(options->file);
  declare.text("--messages", options->messages, "FILE", "JSON list of messages",
               "standard input");
  options->conversation.declare(declare);
  declare.flag("!--no-generation-prompt", options->generationPrompt,
               "Without the beginning of an answer");
  declare.flag("--continue-final-message", options->continueFinal,
               "End within the last message's content");
  declare.text("--continue-field", options->continueField, "KEY",
               "End within this member of it", "not");
  declare.flag("--ids", options->ids, "Print the token ids");
  declare.flag("--json", options->json, "Print {\"text\":...,\"ids\":[...]}");
  verb->callback([&command, options] {
    command = [options] { return render(*options); };
  });
}
