//===- Urlize.cpp ---------------------------------------------------------===//

#include "runtime/jinja/library/text/Urlize.h"

#include "runtime/jinja/library/text/Html.h"
#include "runtime/jinja/library/text/Text.h"
#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Regex.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <array>
#include <utility>

namespace swallow::jinja {

namespace {

/// A pattern that whole words are matched against.
class WordPattern {
public:
  explicit WordPattern(const std::string &pattern)
      : regex_(Regex::compile("\\A(?:" + pattern + ")\\z")) {}
  bool operator()(std::string_view word) const {
    if (!regex_)
      return false;
    Regex::Matcher matcher(*regex_);
    matcher.allow(word.size());
    size_t start, end;
    return matcher.find(word, 0, start, end);
  }

private:
  Result<Regex> regex_;
};

/// A host that has a scheme or www, that ends in a well-known domain, or an IP
/// address; then a port and a path.
bool isUrl(std::string_view word) {
  static const WordPattern pattern(
      "(?i)(?:(?:https?://|www\\.)(?:(?:[\\w%-]+\\.)+)?"
      "(?:[a-z]{2,63}|xn--[\\w%]{2,59})"
      "|(?:[\\w%-]{2,63}\\.)+(?:com|edu|gov|info|int|mil|net|org)"
      "|https?://(?:\\d{1,3}(?:\\.\\d{1,3}){3}"
      "|\\[(?:[\\da-f]{0,4}:){2}(?:[\\da-f]{0,4}:?){1,6}\\]))"
      "(?::\\d{1,5})?(?:[/?#]\\S*)?");
  return pattern(word);
}

bool isEmail(std::string_view word) {
  static const WordPattern pattern("\\S+@\\w[\\w.-]*\\.\\w+");
  return pattern(word);
}

/// The longest run of `tokens` at the start, or at the end.
size_t leading(std::string_view word,
               std::initializer_list<std::string_view> tokens) {
  size_t length = 0;
  for (bool found = true; found;) {
    found = false;
    for (std::string_view token : tokens) {
      if (word.substr(length).starts_with(token)) {
        length += token.size();
        found = true;
      }
    }
  }
  return length;
}

size_t trailing(std::string_view word,
                std::initializer_list<std::string_view> tokens) {
  size_t length = 0;
  for (bool found = true; found;) {
    found = false;
    for (std::string_view token : tokens) {
      if (word.substr(0, word.size() - length).ends_with(token)) {
        length += token.size();
        found = true;
      }
    }
  }
  return length;
}

class Linker {
public:
  explicit Linker(const UrlizeOptions &options) : options_(options) {
    if (!options.rel.empty())
      attributes_ += attribute("rel", options.rel);
    if (!options.target.empty())
      attributes_ += attribute("target", options.target);
  }

  Status append(std::string &out, std::string_view word) const {
    size_t head = leading(word, {"(", "<", "&lt;"});
    std::string_view rest = word.substr(head);
    size_t tailSize = trailing(rest, {")", ">", ".", ",", "\n", "&gt;"});
    std::string middle(rest.substr(0, rest.size() - tailSize));
    std::string_view tail = rest.substr(rest.size() - tailSize);
    balance(middle, tail);
    SWALLOW_ASSIGN(std::string linked, link(middle));
    out.append(word.substr(0, head)).append(linked).append(tail);
    return {};
  }

private:
  static std::string attribute(std::string_view name, std::string_view value) {
    std::string text = " ";
    text.append(name).append("=\"");
    appendEscaped(text, value);
    return text + "\"";
  }

  /// Brackets that were opened within the word are closed within it.
  static void balance(std::string &middle, std::string_view &tail) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3>
        brackets = {{{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}}};
    for (auto [open, close] : brackets) {
      size_t opened = countOf(middle, open);
      if (opened <= countOf(middle, close))
        continue;
      for (size_t left = std::min(opened, countOf(tail, close)); left > 0;
           --left) {
        size_t end = tail.find(close) + close.size();
        middle += tail.substr(0, end);
        tail.remove_prefix(end);
      }
    }
  }

  Result<std::string> link(const std::string &word) const {
    if (isUrl(word)) {
      bool scheme = word.starts_with("https://") || word.starts_with("http://");
      SWALLOW_ASSIGN(std::string shown, options_.shorten(word));
      return "<a href=\"" + (scheme ? word : "https://" + word) + "\"" +
             attributes_ + ">" + shown + "</a>";
    }
    if (word.starts_with("mailto:") &&
        isEmail(std::string_view(word).substr(7)))
      return "<a href=\"" + word + "\">" + word.substr(7) + "</a>";
    if (word.find('@') != std::string::npos && !word.starts_with("www.") &&
        !word.starts_with("@") && word.find(':') == std::string::npos &&
        isEmail(word))
      return "<a href=\"mailto:" + word + "\">" + word + "</a>";
    std::string result = word;
    for (const std::string &scheme : options_.extraSchemes) {
      if (result == scheme || !result.starts_with(scheme))
        continue;
      std::string linked = "<a href=\"";
      linked.append(result).append("\"").append(attributes_).append(">");
      result = linked.append(result).append("</a>");
    }
    return result;
  }

  const UrlizeOptions &options_;
  std::string attributes_;
};

} // namespace

Result<std::string> urlize(std::string_view escaped,
                           const UrlizeOptions &options, Budget &budget) {
  Linker linker(options);
  std::string out;
  for (size_t i = 0; i < escaped.size();) {
    size_t start = i;
    bool space = isSpace(decodeUtf8(escaped.substr(i)));
    while (i < escaped.size() &&
           isSpace(decodeUtf8(escaped.substr(i))) == space)
      i += utf8Length(escaped[i]);
    std::string_view word = escaped.substr(start, i - start);
    SWALLOW_TRY(budget.step(1 + word.size()));
    if (space)
      out += word;
    else
      SWALLOW_TRY(linker.append(out, word));
    if (out.size() > budget.limits().bytes)
      SWALLOW_TRY(budget.reserve(out.size()));
  }
  SWALLOW_TRY(budget.reserve(out.size()));
  return out;
}

bool isSchemeText(std::string_view text) {
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i])) {
    char32_t c = decodeUtf8(text.substr(i));
    if (!isWord(c) && c != '.' && c != '+' && c != '-')
      return false;
  }
  return true;
}

} // namespace swallow::jinja
