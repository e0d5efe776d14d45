#include "tools/swallow-rt/terminal/SavedLines.h"
#include "tools/swallow-rt/Support.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace {

/// Longer files are none of ours.
constexpr uintmax_t kMaxBytes = 16 << 20;
/// Longer lines are pasted texts, which nobody looks for here.
constexpr size_t kMaxLine = 4096;

std::string historyPath() {
  const char *state = std::getenv("XDG_STATE_HOME");
  const char *home = std::getenv("HOME");
  std::filesystem::path folder;
  // Relative paths are to be ignored (XDG Base Directory Specification).
  if (state && *state == '/')
    folder = state;
  else if (home && *home == '/')
    folder = std::filesystem::path(home) / ".local" / "state";
  else
    return {};
  folder /= "swallow";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? std::string() : (folder / "history").string();
}

bool writeAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = write(descriptor, text.data(), text.size());
    if (written <= 0)
      return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

} // namespace

SavedLines::SavedLines() : path_(historyPath()) {
  std::error_code error;
  if (path_.empty() || !std::filesystem::is_regular_file(path_, error) ||
      std::filesystem::file_size(path_, error) > kMaxBytes || error)
    return;
  try {
    std::string text = readFile(path_);
    for (size_t begin = 0, end; begin < text.size(); begin = end + 1) {
      end = std::min(text.find('\n', begin), text.size());
      lines_.push_back(text.substr(begin, end - begin));
    }
  } catch (const CommandError &) {
    return; // not readable
  }
  bool tooLong = lines_.size() > 2 * kLimit;
  if (lines_.size() > kLimit)
    lines_.erase(lines_.begin(), lines_.end() - kLimit);
  if (tooLong)
    shorten();
}

void SavedLines::add(const std::string &line) {
  bool again = !lines_.empty() && lines_.back() == line;
  if (path_.empty() || line.size() > kMaxLine || again)
    return;
  lines_.push_back(line);
  int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                  S_IRUSR | S_IWUSR);
  if (file < 0)
    return;
  // One call, so that lines of two programs do not mix.
  writeAll(file, line + "\n");
  close(file);
}

/// Puts a shorter file in its place at once.
void SavedLines::shorten() {
  std::string text, temporary = path_ + ".XXXXXX";
  for (const std::string &line : lines_)
    text += line + "\n";
  int file = mkostemp(temporary.data(), O_CLOEXEC); // mode 0600
  if (file < 0)
    return;
  bool written = writeAll(file, text);
  close(file);
  if (!written || std::rename(temporary.c_str(), path_.c_str()) != 0)
    unlink(temporary.c_str());
}
