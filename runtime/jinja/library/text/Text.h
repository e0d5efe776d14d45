//===- Text.h - the work behind str's methods -------------------*- C++ -*-===//
//
// Plain functions on UTF-8, counted in code points where Python counts.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_TEXT_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_TEXT_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::jinja {

/// len(text).
size_t countCharacters(std::string_view text);
/// The byte where character `index` starts; the end if there are fewer.
size_t offsetOf(std::string_view text, size_t index);

/// The first place of `part` at or after `from`, the last place of it, or npos:
/// in linear time, which std::string_view does not promise.
size_t findText(std::string_view text, std::string_view part, size_t from = 0);
size_t findLast(std::string_view text, std::string_view part);

/// Views into the text, which must outlive them.
using Pieces = std::vector<std::string_view>;

/// text.split(None, limit) and rsplit; no limit for a negative one.
Pieces splitSpaces(std::string_view text, int64_t limit);
Pieces splitSpacesFromEnd(std::string_view text, int64_t limit);
/// text.split(separator, limit) and rsplit; the separator is not empty.
Pieces split(std::string_view text, std::string_view separator, int64_t limit);
Pieces splitFromEnd(std::string_view text, std::string_view separator,
                    int64_t limit);
Pieces splitLines(std::string_view text, bool keepEnds);

/// Removes white space, or the characters of `set`, from the start and end.
std::string_view stripText(std::string_view text,
                           std::optional<std::string_view> set, bool start,
                           bool end);

/// text.count(part), without overlaps; of an empty part len(text) + 1.
size_t countOf(std::string_view text, std::string_view part);
/// text.replace(from, to, limit); no limit for a negative one. replacements()
/// are made.
std::string replaceText(std::string_view text, std::string_view from,
                        std::string_view to, int64_t limit);
size_t replacements(std::string_view text, std::string_view from,
                    int64_t limit);

std::string expandTabs(std::string_view text, int64_t tabSize);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_TEXT_H
