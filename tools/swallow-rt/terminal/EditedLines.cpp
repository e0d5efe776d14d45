#include "tools/swallow-rt/terminal/EditedLines.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/terminal/SavedLines.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cwchar>
#include <histedit.h>
#include <unistd.h>

namespace {

/// The characters of UTF-8, U+FFFD for what is none.
std::wstring wide(const std::string &text) {
  std::wstring result;
  std::mbstate_t state{};
  for (size_t i = 0; i < text.size();) {
    wchar_t character = 0;
    size_t used =
        std::mbrtowc(&character, text.data() + i, text.size() - i, &state);
    if (used == static_cast<size_t>(-1) || used == static_cast<size_t>(-2)) {
      state = {};
      character = 0xFFFD;
      used = 1;
    }
    result += character;
    i += std::max<size_t>(used, 1);
  }
  return result;
}

std::string narrow(const wchar_t *text, size_t size) {
  std::string result;
  std::mbstate_t state{};
  char bytes[MB_LEN_MAX];
  for (size_t i = 0; i < size; ++i) {
    size_t count = std::wcrtomb(bytes, text[i], &state);
    if (count != static_cast<size_t>(-1))
      result.append(bytes, count);
  }
  return result;
}

struct EditLineDeleter {
  void operator()(EditLine *e) const { el_end(e); }
};
struct HistoryDeleter {
  void operator()(HistoryW *h) const { history_wend(h); }
};
struct FileDeleter {
  void operator()(FILE *file) const { std::fclose(file); }
};

class EditedLines : public LineEditor {
public:
  EditedLines() : quiet_(std::fopen("/dev/null", "w")) {
    if (quiet_)
      // libedit tells its error stream about every terminal that it does not
      // know, and then edits in the simplest way that works everywhere.
      editor_.reset(el_init("swallow-rt", stdin, stdout, quiet_.get()));
    history_.reset(history_winit());
    if (!editor_ || !history_)
      throw CommandError("cannot set up line editing");
    EditLine *editor = editor_.get();
    el_wset(editor, EL_CLIENTDATA, this);
    el_wset(editor, EL_PROMPT, prompt);
    el_wset(editor, EL_GETCFN, readCharacter);
    el_wset(editor, EL_EDITOR, L"emacs");
    // The terminal is as it was while a signal is handled.
    el_wset(editor, EL_SIGNAL, 1);
    for (auto [key, function] : {std::pair(L"^R", L"em-inc-search-prev"),
                                 std::pair(L"\\e[3~", L"ed-delete-next-char"),
                                 std::pair(L"\\e[1~", L"ed-move-to-beg"),
                                 std::pair(L"\\e[4~", L"ed-move-to-end"),
                                 std::pair(L"\\e[1;5C", L"em-next-word"),
                                 std::pair(L"\\e[1;5D", L"ed-prev-word")})
      el_wset(editor, EL_BIND, key, function, nullptr);
    el_source(editor, nullptr);

    HistEventW event;
    history_w(history_.get(), &event, H_SETSIZE, int(SavedLines::kLimit));
    history_w(history_.get(), &event, H_SETUNIQUE, 1);
    el_wset(editor, EL_HIST, history_w, history_.get());
    for (const std::string &line : saved_.lines())
      history_w(history_.get(), &event, H_ENTER, wide(line).c_str());
  }

  Event read(const std::string &prompt, std::string &line) override {
    prompt_ = wide(prompt);
    interrupted_ = false;
    characters_ = {};
    // Before the prompt invites to type, not with the first character.
    el_wset(editor_.get(), EL_PREP_TERM, 1);
    int count = 0;
    const wchar_t *text = el_wgets(editor_.get(), &count);
    if (!text || count <= 0) {
      // The next prompt begins a line of its own.
      writeOutput("\n");
      return interrupted_ ? Event::Interrupt : Event::End;
    }
    line = narrow(text, static_cast<size_t>(count));
    if (line.ends_with('\n'))
      line.pop_back();
    remember(line);
    return Event::Line;
  }

private:
  static EditedLines &self(EditLine *editor) {
    void *data = nullptr;
    el_wget(editor, EL_CLIENTDATA, &data);
    return *static_cast<EditedLines *>(data);
  }

  static wchar_t *prompt(EditLine *editor) {
    return self(editor).prompt_.data();
  }

  /// libedit's own function goes on after a signal; this one ends the line.
  static int readCharacter(EditLine *editor, wchar_t *character) {
    EditedLines &lines = self(editor);
    for (;;) {
      if (!waitForInput()) {
        lines.interrupted_ = true;
        return -1;
      }
      char byte = 0;
      ssize_t got = ::read(STDIN_FILENO, &byte, 1);
      if (got == 0)
        return 0;
      if (got < 0 && errno != EINTR)
        return -1;
      if (got < 0)
        continue;
      bool first = std::mbsinit(&lines.characters_);
      size_t used = std::mbrtowc(character, &byte, 1, &lines.characters_);
      if (used == static_cast<size_t>(-1)) {
        // What was no character is as if not typed; this byte may begin one.
        lines.characters_ = {};
        used = first ? used
                     : std::mbrtowc(character, &byte, 1, &lines.characters_);
        if (used == static_cast<size_t>(-1))
          lines.characters_ = {};
      }
      if (used <= 1)
        return 1;
    }
  }

  void remember(const std::string &line) {
    if (line.empty())
      return;
    HistEventW event;
    history_w(history_.get(), &event, H_ENTER, wide(line).c_str());
    saved_.add(line);
  }

  std::unique_ptr<FILE, FileDeleter> quiet_;
  std::unique_ptr<EditLine, EditLineDeleter> editor_;
  std::unique_ptr<HistoryW, HistoryDeleter> history_;
  SavedLines saved_;
  std::wstring prompt_;
  std::mbstate_t characters_{};
  bool interrupted_ = false;
};

} // namespace

std::unique_ptr<LineEditor> createEditedLines() {
  return std::make_unique<EditedLines>();
}
