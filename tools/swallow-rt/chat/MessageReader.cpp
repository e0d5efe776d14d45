#include "tools/swallow-rt/chat/MessageReader.h"

namespace {

constexpr const char *kPrompt = "> ";
constexpr const char *kMore = "| ";
constexpr std::string_view kQuotes = "\"\"\"";

using Event = LineEditor::Event;

} // namespace

MessageReader::Message MessageReader::next() {
  std::string line;
  Event event = editor_->read(kPrompt, line);
  if (event != Event::Line)
    return {event, {}};
  if (line.starts_with(kQuotes))
    return block(line.substr(kQuotes.size()));
  std::string text;
  while (line.ends_with('\\')) {
    line.back() = '\n';
    text += line;
    event = editor_->read(kMore, line);
    if (event == Event::Interrupt)
      return {event, {}};
    // The end of the input ends the message too; the next call sees it again.
    if (event == Event::End)
      line.clear();
  }
  return {Event::Line, text + line};
}

MessageReader::Message MessageReader::block(std::string line) {
  std::string text;
  for (;;) {
    if (line.ends_with(kQuotes))
      return {Event::Line, text + line.substr(0, line.size() - kQuotes.size()),
              true};
    text += line;
    Event event = editor_->read(kMore, line);
    if (event == Event::Interrupt)
      return {event, {}};
    if (event == Event::End)
      return {Event::Line, text, true};
    if (!text.empty())
      text += '\n';
  }
}
