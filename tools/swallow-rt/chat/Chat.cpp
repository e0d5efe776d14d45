#include "tools/swallow-rt/chat/Chat.h"

#include <cstdarg>
#include <cstdio>
#include <unistd.h>

namespace {

constexpr const char *kHelp =
    "/system TEXT   set the system message; without TEXT, take it away\n"
    "/undo          take back your last message and its answer\n"
    "/reset         start over; the system message stays\n"
    "/save FILE     write the conversation as JSON\n"
    "/load FILE     go on with a conversation that was saved\n"
    "/stats         tokens per second, use of the context\n"
    "/help          this list\n"
    "/exit          end, as Ctrl-D does\n"
    "A line that ends with \\ goes on in the next one; so do lines between\n"
    "\"\"\" and \"\"\". A message that begins with / is written with //.\n"
    "Ctrl-C stops an answer, or clears what you have typed.\n";

/// What a person reads beside the conversation; answers alone are on standard
/// output.
__attribute__((format(printf, 1, 2))) void tell(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
}

} // namespace

Chat::Chat(const swallow_artifact *artifact, swallow_session *session,
           const GenerationOptions &generation, const ChatFormat &format,
           bool verbose)
    : artifact_(artifact), request_(generation, artifact), format_(format),
      generation_(createGeneration(artifact, session)),
      context_(memoryPlan(session).context_length),
      interactive_(isatty(STDIN_FILENO)), verbose_(verbose) {
  format_.require(artifact);
  messages_.setSystem(format.system);
}

int Chat::run() {
  catchInterrupts();
  MessageReader reader;
  if (interactive_)
    tell("%s, context of %lld tokens. /help lists the commands, Ctrl-D "
         "ends.\n",
         modelInfo(artifact_).architecture, static_cast<long long>(context_));
  for (;;) {
    MessageReader::Message message = reader.next();
    if (message.event == LineEditor::Event::End)
      return 0;
    if (message.event == LineEditor::Event::Interrupt) {
      if (!interactive_)
        return 130;
      continue;
    }
    try {
      if (handle(message) == Next::End)
        return !interactive_ && interruptRequested() ? 130 : 0;
    } catch (const CommandError &error) {
      if (!interactive_)
        throw;
      tell("swallow-rt: error: %s\n", error.what());
    }
  }
}

Chat::Next Chat::handle(const MessageReader::Message &message) {
  std::string text = message.text;
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    return Next::GoOn;
  if (!message.quoted && text.starts_with("//")) {
    text.erase(0, 1);
  } else if (!message.quoted && text.starts_with('/')) {
    size_t end = std::min(text.find_first_of(" \t"), text.size());
    size_t argument = std::min(text.find_first_not_of(" \t", end), text.size());
    return command(std::string_view(text).substr(1, end - 1),
                   text.substr(argument));
  }
  messages_.add("user", text);
  return answer();
}

Chat::Next Chat::command(std::string_view name, const std::string &argument) {
  auto needsFile = [&] {
    if (argument.empty())
      throw CommandError("/" + std::string(name) + " needs the name of a file");
  };
  if (name == "system") {
    messages_.setSystem(argument.empty() ? std::nullopt
                                         : std::optional(argument));
    tell("(the system message is %s)\n", argument.empty() ? "gone" : "set");
  } else if (name == "undo") {
    if (!messages_.undo())
      throw CommandError("there is nothing to take back");
    tell("(your last message is taken back)\n");
  } else if (name == "reset") {
    messages_.reset();
    tell("(a new conversation)\n");
  } else if (name == "save") {
    needsFile();
    messages_.save(argument);
    tell("(%zu messages are in %s)\n", messages_.size(), argument.c_str());
  } else if (name == "load") {
    needsFile();
    messages_.load(argument);
    tell("(%zu messages)\n", messages_.size());
    if (messages_.awaitsAnswer())
      return answer();
  } else if (name == "stats") {
    stats();
  } else if (name == "help") {
    tell("%s", kHelp);
  } else if (name == "exit") {
    return Next::End;
  } else {
    throw CommandError("there is no command " +
                       inQuotes("/" + std::string(name)) +
                       "; /help lists them, and a message that begins with / "
                       "is written with //");
  }
  return Next::GoOn;
}

Chat::Next Chat::answer() {
  bool open = true;
  try {
    std::vector<int32_t> ids = format_.ids(artifact_, messages_.json());
    if (static_cast<int64_t>(ids.size()) > context_)
      throw CommandError(
          "the context is full: the conversation has " +
          std::to_string(ids.size()) + " tokens, the context " +
          std::to_string(context_) +
          ". /reset starts over, /undo takes the last exchange back, and -c "
          "sets a longer context when the program starts");
    last_ = generate(artifact_, generation_.get(), request_.options(), ids,
                     [&open](int64_t, std::string_view text) {
                       return open = writeOutput(text);
                     });
    // Another answer draws other numbers; --seed repeats all of them.
    ++request_.options().seed;
  } catch (const CommandError &) {
    messages_.undo();
    throw;
  }
  const Sample &sample = last_.samples[0];
  if (!open || !writeOutput("\n"))
    return Next::End; // nobody reads any more
  if (last_.interrupted && sample.ids.empty()) {
    messages_.undo();
    tell("(stopped before the answer; your message is taken back)\n");
  } else {
    messages_.add("assistant", sample.text);
    ++answers_;
    answerTokens_ += last_.generatedTokens();
    answerSeconds_ += last_.generateSeconds;
    if (last_.interrupted)
      tell("(stopped)\n");
  }
  if (sample.contextFull)
    tell("(the context of %lld tokens is full: the answer ends here. /reset "
         "starts over, /undo takes it back)\n",
         static_cast<long long>(context_));
  if (verbose_)
    stats();
  if (!interactive_ && last_.interrupted)
    return Next::End;
  takeInterrupt();
  return Next::GoOn;
}

void Chat::stats() const {
  int64_t used = swallow_generation_context_used(generation_.get());
  tell("context %lld of %lld tokens (%.0f %%), %zu messages, %s\n",
       static_cast<long long>(used), static_cast<long long>(context_),
       double(used) / double(context_) * 100, messages_.size(),
       request_.describe().c_str());
  if (last_.samples.empty())
    return;
  tell("last answer: %s\n", speedLine(last_).c_str());
  if (answerSeconds_ > 0)
    tell("all %lld answers: %lld tokens, %.1f/s\n",
         static_cast<long long>(answers_),
         static_cast<long long>(answerTokens_),
         double(answerTokens_) / answerSeconds_);
}
