//===- TextWrap.cpp -------------------------------------------------------===//

#include "runtime/jinja/library/text/TextWrap.h"

#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

#include <algorithm>

namespace swallow::jinja {

namespace {

using Characters = std::u32string;
using CharactersView = std::u32string_view;

/// What textwrap takes for white space: ASCII's only.
bool isBlank(char32_t c) { return (c >= 9 && c <= 13) || c == ' '; }

bool isLetter(char32_t c) { return isWord(c) && !isDecimal(c); }

/// What an em-dash may follow.
bool isWordOrPunctuation(char32_t c) {
  return isWord(c) ||
         CharactersView(U"!\"'&.,?").find(c) != CharactersView::npos;
}

/// A part of the text, which may have lost characters from its front.
struct Chunk {
  CharactersView text;
  size_t spaces; // that the part ended with

  bool isAllSpace() const { return text.size() <= spaces; }
};

Chunk chunkOf(CharactersView text) {
  size_t end = text.size();
  while (end > 0 && isSpace(text[end - 1]))
    --end;
  return {text, text.size() - end};
}

/// Cuts text into pieces that a line may end after: white space, words, parts
/// of hyphenated words with their hyphen, and dashes between words.
class Chunker {
public:
  Chunker(CharactersView text, bool breakOnHyphens)
      : text_(text), breakOnHyphens_(breakOnHyphens) {}

  std::vector<Chunk> run() {
    std::vector<Chunk> chunks;
    for (size_t start = 0; start < text_.size();) {
      size_t end = endOfChunk(start);
      chunks.push_back(chunkOf(text_.substr(start, end - start)));
      start = end;
    }
    return chunks;
  }

private:
  bool blankAt(size_t i) const { return isBlank(text_[i]); }
  bool letterAt(size_t i) const {
    return i < text_.size() && isLetter(text_[i]);
  }
  bool hyphenAt(size_t i) const { return i < text_.size() && text_[i] == '-'; }

  size_t endOfChunk(size_t start) const {
    size_t end = start;
    if (blankAt(start)) {
      while (end < text_.size() && blankAt(end))
        ++end;
      return end;
    }
    if (!breakOnHyphens_) {
      while (end < text_.size() && !blankAt(end))
        ++end;
      return end;
    }
    if (size_t dash = endOfDash(start))
      return dash;
    for (end = start + 1;; ++end) {
      if (breaksAfterHyphen(end))
        return end + 1;
      if (end == text_.size() || blankAt(end) || endOfDash(end))
        return end;
    }
  }

  /// The end of an em-dash, two hyphens or more between words, or 0.
  size_t endOfDash(size_t start) const {
    if (start == 0 || !isWordOrPunctuation(text_[start - 1]) ||
        !hyphenAt(start) || !hyphenAt(start + 1))
      return 0;
    size_t end = start;
    while (hyphenAt(end))
      ++end;
    return end < text_.size() && isWord(text_[end]) ? end : 0;
  }

  /// Whether a word may be broken after the hyphen at `i`: two letters, or a
  /// letter, a hyphen and a letter, before it, and two letters after it.
  bool breaksAfterHyphen(size_t i) const {
    if (!hyphenAt(i) || i < 2 || !letterAt(i - 1))
      return false;
    bool before =
        letterAt(i - 2) || (i >= 3 && hyphenAt(i - 2) && letterAt(i - 3));
    bool after = letterAt(i + 1) &&
                 (letterAt(i + 2) || (hyphenAt(i + 2) && letterAt(i + 3)));
    return before && after;
  }

  CharactersView text_;
  bool breakOnHyphens_;
};

/// How much of a word that is too long fits `space` characters.
size_t breakPlace(CharactersView word, size_t space, bool breakOnHyphens) {
  if (!breakOnHyphens || word.size() <= space || space == 0)
    return space;
  size_t hyphen = word.rfind(U'-', space - 1);
  if (hyphen == CharactersView::npos ||
      word.substr(0, hyphen).find_first_not_of(U'-') == CharactersView::npos)
    return space;
  return hyphen + 1;
}

std::string encode(const std::vector<Chunk> &parts) {
  std::string text;
  for (const Chunk &part : parts)
    for (char32_t c : part.text)
      appendUtf8(text, c);
  return text;
}

} // namespace

std::vector<std::string> wrapText(std::string_view text,
                                  const WrapOptions &options) {
  Characters characters;
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i]))
    characters += decodeUtf8(text.substr(i));
  std::vector<Chunk> chunks = Chunker(characters, options.breakOnHyphens).run();
  auto width = static_cast<size_t>(options.width);
  std::vector<std::string> lines;
  for (auto chunk = chunks.begin(); chunk != chunks.end();) {
    if (!lines.empty() && chunk->isAllSpace())
      ++chunk;
    if (chunk == chunks.end())
      break;
    std::vector<Chunk> line;
    size_t length = 0;
    for (; chunk != chunks.end() && length + chunk->text.size() <= width;
         ++chunk) {
      length += chunk->text.size();
      line.push_back(*chunk);
    }
    if (chunk != chunks.end() && chunk->text.size() > width) {
      if (options.breakLongWords) {
        CharactersView word = chunk->text;
        size_t end = breakPlace(word, width - length, options.breakOnHyphens);
        line.push_back(chunkOf(word.substr(0, end)));
        chunk->text.remove_prefix(line.back().text.size());
      } else if (line.empty()) {
        line.push_back(*chunk++);
      }
    }
    if (!line.empty() && line.back().isAllSpace())
      line.pop_back();
    if (!line.empty())
      lines.push_back(encode(line));
  }
  return lines;
}

} // namespace swallow::jinja
