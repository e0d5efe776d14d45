//===- Normalizer.cpp - what happens to text before it is split -----------===//

#include "runtime/text/Normalizer.h"
#include "runtime/text/Utf8.h"
#include "runtime/text/tokenizer_generated.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

using namespace swallow;
using text::table::NormalizerKind;

namespace {

/// Canonical or compatibility (de)composition (Unicode standard, section 3.11).
/// utf8proc's own driver reorders combining marks in quadratic time; a stable
/// sort of each run of them is the same order.
std::string normalizeUnicode(std::string_view text, bool compatible,
                             bool compose) {
  // ASCII is its own normal form.
  if (std::all_of(text.begin(), text.end(),
                  [](char c) { return static_cast<signed char>(c) >= 0; }))
    return std::string(text);

  auto options = static_cast<utf8proc_option_t>(
      UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0) |
      (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE));
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i])) {
    auto point = static_cast<utf8proc_int32_t>(decodeUtf8(text.substr(i)));
    // No decomposition is longer than 18 code points (that of U+FDFA).
    utf8proc_int32_t buffer[32];
    int boundary = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(point, buffer, 32, options, &boundary);
    if (count < 0 || count > 32)
      points.push_back(point);
    else
      points.insert(points.end(), buffer, buffer + count);
  }

  auto combiningClass = [](utf8proc_int32_t point) {
    return utf8proc_get_property(point)->combining_class;
  };
  for (size_t i = 0; i < points.size();) {
    size_t end = i;
    while (end < points.size() && combiningClass(points[end]) != 0)
      ++end;
    if (end - i > 1)
      std::stable_sort(points.begin() + static_cast<std::ptrdiff_t>(i),
                       points.begin() + static_cast<std::ptrdiff_t>(end),
                       [&](utf8proc_int32_t a, utf8proc_int32_t b) {
                         return combiningClass(a) < combiningClass(b);
                       });
    i = std::max(end, i + 1);
  }
  auto count = static_cast<utf8proc_ssize_t>(points.size());
  if (compose)
    count = utf8proc_normalize_utf32(points.data(), count, options);

  std::string result;
  result.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    appendUtf8(result, static_cast<char32_t>(points[static_cast<size_t>(i)]));
  return result;
}

std::string lowercase(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i])) {
    auto point = static_cast<utf8proc_int32_t>(decodeUtf8(text.substr(i)));
    // The one character whose lower case is two (SpecialCasing.txt).
    if (point == 0x130)
      result += "i\u0307";
    else
      appendUtf8(result, static_cast<char32_t>(utf8proc_tolower(point)));
  }
  return result;
}

} // namespace

Status GrowthLimit::add(size_t patternSize, size_t contentSize) {
  // An empty match is put beside a byte that stays.
  return multiply(patternSize == 0
                      ? 1.0 + static_cast<double>(contentSize)
                      : std::max(1.0, static_cast<double>(contentSize) /
                                          static_cast<double>(patternSize)));
}

Status GrowthLimit::multiply(double factor) {
  factor_ *= factor;
  if (factor_ > limit_)
    return {ErrorCode::UnsupportedTokenizer,
            "a tokenizer whose steps make text more than " +
                std::to_string(static_cast<int>(limit_)) +
                " times longer is not supported"};
  return {};
}

size_t swallow::findLiteral(std::string_view text, std::string_view pattern,
                            size_t from) {
  if (from >= text.size())
    return text.npos;
  const void *found = memmem(text.data() + from, text.size() - from,
                             pattern.data(), pattern.size());
  return found ? static_cast<size_t>(static_cast<const char *>(found) -
                                     text.data())
               : text.npos;
}

namespace {

/// Calls `visit(start, end)` for each `pattern` in `text`; an empty one is
/// nowhere.
template <typename Visit>
void forEachLiteral(std::string_view text, std::string_view pattern,
                    Visit visit) {
  if (pattern.empty())
    return;
  size_t from = 0;
  for (size_t at; (at = findLiteral(text, pattern, from)) != text.npos;
       from = at + pattern.size())
    visit(at, at + pattern.size());
}

} // namespace

std::string swallow::replaceLiteral(std::string_view text,
                                    std::string_view pattern,
                                    std::string_view content) {
  std::string result;
  size_t from = 0;
  forEachLiteral(text, pattern, [&](size_t start, size_t end) {
    result += text.substr(from, start - from);
    result += content;
    from = end;
  });
  result += text.substr(from);
  return result;
}

std::string swallow::replaceMatches(std::string_view text,
                                    Regex::Matcher &matcher,
                                    std::string_view content) {
  std::string result;
  size_t from = 0;
  forEachMatch(matcher, text, [&](size_t start, size_t end) {
    result += text.substr(from, start - from);
    result += content;
    from = end;
  });
  result += text.substr(from);
  return result;
}

std::string_view swallow::stripLeft(std::string_view text) {
  while (!text.empty() && isWhiteSpace(decodeUtf8(text)))
    text.remove_prefix(utf8Length(text[0]));
  return text;
}

std::string_view swallow::stripRight(std::string_view text) {
  while (!text.empty()) {
    size_t last = text.size() - 1;
    while (last > 0 && (text[last] & 0xC0) == 0x80)
      --last;
    if (!isWhiteSpace(decodeUtf8(text.substr(last))))
      break;
    text = text.substr(0, last);
  }
  return text;
}

Status Normalizer::add(const text::table::NormalizerStep &step,
                       GrowthLimit &growth) {
  if (steps_.size() == maxTokenizerSteps)
    return {ErrorCode::UnsupportedTokenizer,
            "a tokenizer with more than 64 normalizer steps is not supported"};
  Step result;
  result.kind = static_cast<uint8_t>(step.kind());
  if (step.kind() > NormalizerKind::MAX)
    return {ErrorCode::Corrupt, "tokenizer table: unknown normalizer step"};
  if (step.pattern())
    result.pattern = step.pattern()->str();
  if (step.content())
    result.content = step.content()->str();
  if (!isValidUtf8(result.pattern) || !isValidUtf8(result.content))
    return {ErrorCode::Corrupt, "tokenizer table: a step is not UTF-8"};
  switch (step.kind()) {
  case NormalizerKind::Prepend:
  case NormalizerKind::ReplaceRegex:
    SWALLOW_TRY(growth.add(0, result.content.size()));
    break;
  case NormalizerKind::ReplaceLiteral:
    if (!result.pattern.empty())
      SWALLOW_TRY(growth.add(result.pattern.size(), result.content.size()));
    break;
  case NormalizerKind::NFKC:
  case NormalizerKind::NFKD:
    SWALLOW_TRY(growth.add(3, 33)); // U+FDFA, the longest decomposition
    break;
  case NormalizerKind::NFC:
  case NormalizerKind::NFD:
    SWALLOW_TRY(growth.add(1, 3)); // Unicode standard, UAX #15, section 9.2
    break;
  case NormalizerKind::Lowercase:
    SWALLOW_TRY(growth.add(2, 3)); // U+0130, U+023A and U+023E
    break;
  case NormalizerKind::ByteAlphabet:
    SWALLOW_TRY(growth.add(1, 2));
    break;
  default:
    break;
  }
  if (step.kind() == NormalizerKind::ReplaceRegex) {
    Result<Regex> regex = Regex::compile(result.pattern);
    if (!regex)
      return {ErrorCode::Corrupt, "tokenizer table: bad normalizer pattern: " +
                                      regex.error().message};
    result.regex = std::move(*regex);
  }
  steps_.push_back(std::move(result));
  return {};
}

Normalizer::Scratch::Scratch(const Normalizer &normalizer) {
  for (const Step &step : normalizer.steps_) {
    matchers_.emplace_back();
    if (step.regex)
      matchers_.back().emplace(*step.regex);
  }
}

void Normalizer::Scratch::restart() {
  for (std::optional<Regex::Matcher> &matcher : matchers_)
    if (matcher)
      matcher->restart();
}

namespace {

/// Replaces what `forEach` calls its argument with by `content`. The first
/// `startSize` bytes come from the first character of the whole text, before
/// and after.
template <typename ForEach>
std::string replaceFromStart(std::string_view text, std::string_view content,
                             size_t &startSize, ForEach forEach) {
  std::string result;
  size_t from = 0, newStartSize = 0;
  auto keepUpTo = [&](size_t end) {
    if (from < startSize)
      newStartSize += std::min(end, startSize) - from;
    result += text.substr(from, end - from);
  };
  forEach([&](size_t start, size_t end) {
    keepUpTo(start);
    size_t last = end > start ? end - 1 : end;
    while (last > start && (text[last] & 0xC0) == 0x80)
      --last;
    if (last < startSize)
      newStartSize += content.size();
    result += content;
    from = end;
  });
  keepUpTo(text.size());
  startSize = newStartSize;
  return result;
}

} // namespace

std::string Normalizer::apply(std::string_view text, Scratch &scratch,
                              bool &keepsStart) const {
  std::string result(text);
  size_t startSize = text.empty() ? 0 : utf8Length(text[0]);
  // For steps that change each character, or nearly, for itself.
  auto change = [&](auto &&step) {
    startSize = step(std::string_view(result).substr(0, startSize)).size();
    result = step(result);
    startSize = std::min(startSize, result.size());
  };
  auto normalize = [&](bool compatible, bool compose) {
    change([=](std::string_view part) {
      return normalizeUnicode(part, compatible, compose);
    });
  };
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step &step = steps_[i];
    switch (static_cast<NormalizerKind>(step.kind)) {
    case NormalizerKind::Prepend:
      if (!result.empty())
        result.insert(0, step.content);
      if (startSize > 0)
        startSize += step.content.size();
      break;
    case NormalizerKind::ReplaceLiteral:
      result = replaceFromStart(result, step.content, startSize,
                                [&](auto &&replace) {
                                  forEachLiteral(result, step.pattern, replace);
                                });
      break;
    case NormalizerKind::ReplaceRegex:
      result = replaceFromStart(
          result, step.content, startSize, [&](auto &&replace) {
            forEachMatch(*scratch.matchers_[i], result, replace);
          });
      break;
    case NormalizerKind::StripLeft: {
      std::string_view stripped = stripLeft(result);
      size_t gone = result.size() - stripped.size();
      startSize -= std::min(startSize, gone);
      result.erase(0, gone);
      break;
    }
    case NormalizerKind::StripRight:
      result.resize(stripRight(result).size());
      startSize = std::min(startSize, result.size());
      break;
    case NormalizerKind::NFC:
      normalize(false, true);
      break;
    case NormalizerKind::NFD:
      normalize(false, false);
      break;
    case NormalizerKind::NFKC:
      normalize(true, true);
      break;
    case NormalizerKind::NFKD:
      normalize(true, false);
      break;
    case NormalizerKind::Lowercase:
      change(lowercase);
      break;
    case NormalizerKind::ByteAlphabet:
      change(toByteAlphabet);
      break;
    }
  }
  keepsStart = startSize > 0;
  return result;
}
