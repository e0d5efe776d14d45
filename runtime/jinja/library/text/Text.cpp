//===- Text.cpp -----------------------------------------------------------===//

#include "runtime/jinja/library/text/Text.h"

#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <cstring>

namespace swallow::jinja {

namespace {

bool startsCharacter(char c) { return (c & 0xC0) != 0x80; }

/// Where the character that ends before `end` starts.
size_t previous(std::string_view text, size_t end) {
  do
    --end;
  while (!startsCharacter(text[end]));
  return end;
}

bool spaceAt(std::string_view text, size_t i) {
  return isSpace(decodeUtf8(text.substr(i)));
}

size_t skipSpaces(std::string_view text, size_t i) {
  while (i < text.size() && spaceAt(text, i))
    i += utf8Length(text[i]);
  return i;
}

size_t skipSpacesBack(std::string_view text, size_t end) {
  while (end > 0 && spaceAt(text, previous(text, end)))
    end = previous(text, end);
  return end;
}

bool isUnder(int64_t limit, size_t count) {
  return limit < 0 || count < static_cast<size_t>(limit);
}

} // namespace

size_t countCharacters(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, startsCharacter));
}

size_t offsetOf(std::string_view text, size_t index) {
  size_t i = 0;
  for (; i < text.size() && index > 0; --index)
    i += utf8Length(text[i]);
  return i;
}

size_t findText(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size())
    return std::string_view::npos;
  // Naive for what is short: that costs a factor at most, and is faster where
  // there are many places (a sanitizer's memmem looks at all of the text).
  constexpr size_t shortPart = 64;
  if (part.size() <= shortPart)
    return text.find(part, from);
  const void *found =
      memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found ? static_cast<size_t>(static_cast<const char *>(found) -
                                     text.data())
               : std::string_view::npos;
}

size_t findLast(std::string_view text, std::string_view part) {
  constexpr size_t quick = size_t{1} << 16;
  if (part.size() <= 1 || text.size() <= quick / part.size())
    return text.rfind(part);
  // Knuth, Morris and Pratt's search, from the end.
  auto back = [](std::string_view view, size_t i) {
    return view[view.size() - 1 - i];
  };
  std::vector<size_t> border(part.size(), 0);
  for (size_t i = 1, matched = 0; i < part.size(); ++i) {
    while (matched > 0 && back(part, i) != back(part, matched))
      matched = border[matched - 1];
    if (back(part, i) == back(part, matched))
      ++matched;
    border[i] = matched;
  }
  for (size_t i = 0, matched = 0; i < text.size(); ++i) {
    while (matched > 0 && back(text, i) != back(part, matched))
      matched = border[matched - 1];
    if (back(text, i) == back(part, matched))
      ++matched;
    if (matched == part.size())
      return text.size() - 1 - i;
  }
  return std::string_view::npos;
}

Pieces splitSpaces(std::string_view text, int64_t limit) {
  Pieces pieces;
  size_t i = skipSpaces(text, 0);
  while (i < text.size()) {
    if (!isUnder(limit, pieces.size())) {
      pieces.push_back(text.substr(i)); // with the white space at its end
      break;
    }
    size_t start = i;
    while (i < text.size() && !spaceAt(text, i))
      i += utf8Length(text[i]);
    pieces.push_back(text.substr(start, i - start));
    i = skipSpaces(text, i);
  }
  return pieces;
}

Pieces splitSpacesFromEnd(std::string_view text, int64_t limit) {
  Pieces pieces;
  size_t end = skipSpacesBack(text, text.size());
  while (end > 0) {
    if (!isUnder(limit, pieces.size())) {
      pieces.push_back(text.substr(0, end)); // with that at its beginning
      break;
    }
    size_t start = end;
    while (start > 0 && !spaceAt(text, previous(text, start)))
      start = previous(text, start);
    pieces.push_back(text.substr(start, end - start));
    end = skipSpacesBack(text, start);
  }
  std::ranges::reverse(pieces);
  return pieces;
}

Pieces split(std::string_view text, std::string_view separator, int64_t limit) {
  Pieces pieces;
  size_t start = 0;
  while (isUnder(limit, pieces.size())) {
    size_t found = findText(text, separator, start);
    if (found == std::string_view::npos)
      break;
    pieces.push_back(text.substr(start, found - start));
    start = found + separator.size();
  }
  pieces.push_back(text.substr(start));
  return pieces;
}

Pieces splitFromEnd(std::string_view text, std::string_view separator,
                    int64_t limit) {
  Pieces pieces;
  while (isUnder(limit, pieces.size())) {
    size_t found = findLast(text, separator);
    if (found == std::string_view::npos)
      break;
    pieces.push_back(text.substr(found + separator.size()));
    text = text.substr(0, found);
  }
  pieces.push_back(text);
  std::ranges::reverse(pieces);
  return pieces;
}

Pieces splitLines(std::string_view text, bool keepEnds) {
  Pieces lines;
  size_t start = 0;
  for (size_t i = 0; i < text.size();) {
    char32_t c = decodeUtf8(text.substr(i));
    size_t end = i + utf8Length(text[i]);
    if (!isLineBreak(c)) {
      i = end;
      continue;
    }
    if (c == '\r' && end < text.size() && text[end] == '\n')
      ++end;
    lines.push_back(text.substr(start, (keepEnds ? end : i) - start));
    start = i = end;
  }
  if (start < text.size())
    lines.push_back(text.substr(start));
  return lines;
}

std::string_view stripText(std::string_view text,
                           std::optional<std::string_view> set, bool start,
                           bool end) {
  std::vector<char32_t> stripped;
  for (size_t i = 0; set && i < set->size(); i += utf8Length((*set)[i]))
    stripped.push_back(decodeUtf8(set->substr(i)));
  std::ranges::sort(stripped);
  auto isStripped = [&](size_t i) {
    return set ? std::ranges::binary_search(stripped,
                                            decodeUtf8(text.substr(i)))
               : spaceAt(text, i);
  };
  size_t first = 0;
  size_t last = text.size();
  while (start && first < last && isStripped(first))
    first += utf8Length(text[first]);
  while (end && last > first && isStripped(previous(text, last)))
    last = previous(text, last);
  return text.substr(first, last - first);
}

size_t countOf(std::string_view text, std::string_view part) {
  if (part.empty())
    return countCharacters(text) + 1;
  size_t count = 0;
  for (size_t i = findText(text, part); i != std::string_view::npos;
       i = findText(text, part, i + part.size()))
    ++count;
  return count;
}

size_t replacements(std::string_view text, std::string_view from,
                    int64_t limit) {
  size_t count = countOf(text, from);
  return limit < 0 ? count : std::min(count, static_cast<size_t>(limit));
}

std::string replaceText(std::string_view text, std::string_view from,
                        std::string_view to, int64_t limit) {
  size_t left = replacements(text, from, limit);
  std::string result;
  size_t i = 0;
  if (from.empty()) {
    // Before every character, and at the end.
    for (; left > 0; --left) {
      result += to;
      if (i == text.size())
        break;
      size_t length = utf8Length(text[i]);
      result.append(text, i, length);
      i += length;
    }
    return result.append(text.substr(i));
  }
  for (; left > 0; --left) {
    size_t found = findText(text, from, i);
    result.append(text, i, found - i).append(to);
    i = found + from.size();
  }
  return result.append(text.substr(i));
}

std::string expandTabs(std::string_view text, int64_t tabSize) {
  std::string result;
  int64_t column = 0;
  for (char c : text) {
    if (c == '\t') {
      if (tabSize > 0) {
        int64_t spaces = tabSize - column % tabSize;
        result.append(static_cast<size_t>(spaces), ' ');
        column += spaces;
      }
      continue;
    }
    result += c;
    if (c == '\n' || c == '\r')
      column = 0;
    else if (startsCharacter(c))
      ++column;
  }
  return result;
}

} // namespace swallow::jinja
