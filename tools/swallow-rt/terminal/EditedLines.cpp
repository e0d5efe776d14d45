#include "tools/swallow-rt/terminal/EditedLines.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/terminal/SavedLines.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <histedit.h>
#include <poll.h>
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

/// Terminals put these around what is pasted if they are asked to, so that its
/// line ends are no Enter.
constexpr std::string_view askForPastes = "\x1b[?2004h";
constexpr std::string_view noMorePastes = "\x1b[?2004l";
constexpr std::string_view pasteBegin = "\x1b[200~";
constexpr std::string_view pasteEnd = "\x1b[201~";

bool knowsPastes() {
  const char *terminal = std::getenv("TERM");
  return terminal && *terminal && std::string_view(terminal) != "dumb";
}

/// What is pasted as keys: without line ends behind it, and with ^V in front of
/// what would be a command.
std::string keysOf(std::string_view pasted) {
  std::string text;
  for (size_t i = 0; i < pasted.size(); ++i)
    if (pasted[i] != '\r')
      text += pasted[i];
    else if (i + 1 == pasted.size() || pasted[i + 1] != '\n')
      text += '\n';
  while (text.ends_with('\n'))
    text.pop_back();
  std::string keys;
  for (char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      keys += '\x16';
    keys += c;
  }
  return keys;
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
    if (knowsPastes_)
      writeOutput(askForPastes);
    keys_.clear();
    int count = 0;
    const wchar_t *text = el_wgets(editor_.get(), &count);
    if (knowsPastes_)
      writeOutput(noMorePastes);
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
      if (lines.keys_.empty() && !waitForInput()) {
        lines.interrupted_ = true;
        return -1;
      }
      char byte = 0;
      ssize_t got = lines.readByte(byte);
      if (got == 0)
        return 0;
      if (got < 0 && errno != EINTR)
        return -1;
      if (got < 0)
        continue;
      // A Ctrl-D from before the terminal gave keys one by one comes as a NUL.
      if (byte == 0) {
        const LineInfoW *typed = el_wline(editor);
        if (typed->lastchar == typed->buffer)
          return 0;
        continue;
      }
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

  /// The next byte of what is typed or pasted; as read(2).
  ssize_t readByte(char &byte) {
    if (keys_.empty()) {
      ssize_t got = ::read(STDIN_FILENO, &byte, 1);
      if (got <= 0 || byte != pasteBegin[0] || !knowsPastes_)
        return got;
      keys_ = byte;
      takePaste();
      if (keys_.empty()) { // nothing was pasted
        errno = EINTR;
        return -1;
      }
    }
    byte = keys_.front();
    keys_.erase(keys_.begin());
    return 1;
  }

  /// After an escape: if what a terminal has sent with it begins a paste, reads
  /// all of it and puts its keys into keys_. Otherwise they are what was read.
  void takePaste() {
    while (keys_.size() < pasteBegin.size()) {
      if (keys_ != pasteBegin.substr(0, keys_.size()) || !readMore(keySeconds))
        return;
    }
    if (keys_ != pasteBegin)
      return;
    keys_.clear();
    while (!keys_.ends_with(pasteEnd))
      if (!readMore(pasteSeconds))
        break; // a terminal that does not keep its word
    std::string_view pasted = keys_;
    if (pasted.ends_with(pasteEnd))
      pasted.remove_suffix(pasteEnd.size());
    std::string keys = keysOf(pasted);
    keys_ = std::move(keys);
  }

  /// One byte more in keys_; false if none comes for so long.
  bool readMore(double seconds) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char byte;
    if (poll(&input, 1, static_cast<int>(seconds * 1000)) <= 0 ||
        ::read(STDIN_FILENO, &byte, 1) != 1)
      return false;
    keys_ += byte;
    return true;
  }

  void remember(const std::string &line) {
    if (line.empty())
      return;
    HistEventW event;
    history_w(history_.get(), &event, H_ENTER, wide(line).c_str());
    // The file has one line for each.
    if (line.find('\n') == std::string::npos)
      saved_.add(line);
  }

  static constexpr double keySeconds = 0.05, pasteSeconds = 2;

  std::unique_ptr<FILE, FileDeleter> quiet_;
  std::unique_ptr<EditLine, EditLineDeleter> editor_;
  std::unique_ptr<HistoryW, HistoryDeleter> history_;
  SavedLines saved_;
  std::wstring prompt_;
  std::mbstate_t characters_{};
  bool knowsPastes_ = knowsPastes();
  std::string keys_; // read, or made of what was pasted, and still to be given
  bool interrupted_ = false;
};

} // namespace

std::unique_ptr<LineEditor> createEditedLines() {
  return std::make_unique<EditedLines>();
}
