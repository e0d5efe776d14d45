#include "tools/swallow-rt/terminal/LineEditor.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/terminal/EditedLines.h"

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <langinfo.h>
#include <unistd.h>
#include <utility>

namespace {

/// Lines as they come.
class PlainLines : public LineEditor {
public:
  Event read(const std::string &prompt, std::string &line) override {
    if (isatty(STDIN_FILENO))
      std::fputs(prompt.c_str(), stderr);
    for (;;) {
      size_t end = buffer_.find('\n', searched_);
      if (end != std::string::npos) {
        line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        searched_ = 0;
        return Event::Line;
      }
      searched_ = buffer_.size();
      if (!waitForInput()) {
        buffer_.clear();
        searched_ = 0;
        if (isatty(STDIN_FILENO))
          std::fputc('\n', stderr);
        return Event::Interrupt;
      }
      char block[4096];
      ssize_t got = ::read(STDIN_FILENO, block, sizeof(block));
      if (got > 0) {
        buffer_.append(block, static_cast<size_t>(got));
      } else if (got == 0) {
        // The last line may lack its newline.
        line = std::exchange(buffer_, {});
        searched_ = 0;
        return line.empty() ? Event::End : Event::Line;
      } else if (errno != EINTR) {
        throw CommandError(std::string("cannot read standard input: ") +
                           std::strerror(errno));
      }
    }
  }

private:
  std::string buffer_;  // read, without the lines handed out
  size_t searched_ = 0; // bytes of it known to have no newline
};

/// Characters are UTF-8 whatever the environment says. False where the system
/// has no such locale.
bool useUtf8Locale() {
  for (const char *name : {"", "C.UTF-8", "C.utf8", "en_US.UTF-8"})
    if (std::setlocale(LC_CTYPE, name) &&
        std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
      return true;
  std::setlocale(LC_CTYPE, "C");
  return false;
}

} // namespace

std::unique_ptr<LineEditor> LineEditor::create() {
  if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && useUtf8Locale())
    return createEditedLines();
  return std::make_unique<PlainLines>();
}
