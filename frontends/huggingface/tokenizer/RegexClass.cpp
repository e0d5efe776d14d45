//===- RegexClass.cpp - Oniguruma's character classes ---------------------===//
//
// PCRE2's classes have neither classes within them nor intersections. Where a
// class is more than a list of characters, ranges and sets it becomes
// alternatives and lookaheads, which still match one character.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/tokenizer/RegexReader.h"

#include <optional>
#include <utility>
#include <vector>

using namespace swallow;

namespace {

constexpr int maxDepth = 32; // far deeper than anyone writes

/// A union: what can stand in one class, and patterns of one character.
struct Union {
  std::string items;
  std::vector<std::string> patterns;

  bool empty() const { return items.empty() && patterns.empty(); }
  void add(const CharacterSet &set) {
    if (set.negated)
      patterns.push_back(set.pattern());
    else
      items += set.items;
  }
  std::string pattern() const {
    if (patterns.empty())
      return "[" + items + "]";
    std::string result;
    if (!items.empty())
      result = "[" + items + "]";
    for (const std::string &pattern : patterns)
      result += (result.empty() ? "" : "|") + pattern;
    return "(?:" + result + ")";
  }
};

class ClassReader {
public:
  explicit ClassReader(RegexReader &reader) : reader_(reader) {}

  /// Reads a class after its [ and adds it to `out`.
  bool read(Union &out, int depth) {
    if (depth > maxDepth)
      return reader_.fail("character classes nested this deep");
    // What case means for a combination is Oniguruma's secret.
    if (depth > 0 && reader_.ignoresCase)
      return reader_.fail("a class within a class where case does not count");
    bool negated = reader_.next("^");
    std::vector<std::string> intersected; // what comes before each &&
    Union current;
    while (true) {
      if (reader_.atEnd())
        return reader_.fail("a character class that does not end");
      bool ends = reader_.peek() == ']';
      if (ends || reader_.rest().starts_with("&&")) {
        if (current.empty())
          return reader_.fail("an empty character class");
        reader_.skip(ends ? 1 : 2);
        if (ends)
          break;
        if (reader_.ignoresCase)
          return reader_.fail("&& where case does not count");
        intersected.push_back(current.pattern());
        current = {};
        continue;
      }
      if (!readItem(current, depth))
        return false;
    }
    if (intersected.empty()) {
      if (current.patterns.empty()) {
        out.add({current.items, negated});
        return true;
      }
      out.patterns.push_back(negated ? complement(current.pattern())
                                     : current.pattern());
      return true;
    }
    std::string pattern = "(?:";
    for (const std::string &part : intersected)
      pattern += "(?=" + part + ")";
    pattern += current.pattern() + ")";
    out.patterns.push_back(negated ? complement(pattern) : pattern);
    return true;
  }

private:
  static std::string complement(const std::string &pattern) {
    return "(?:(?!" + pattern + ")(?s:.))";
  }

  bool readItem(Union &current, int depth) {
    if (reader_.next("[:")) {
      bool negated = reader_.next("^");
      std::optional<std::string_view> name = reader_.takeUntil(':');
      std::optional<CharacterSet> set;
      if (name && reader_.next("]"))
        set = posixSet(*name);
      if (!set)
        return reader_.fail("an unknown [: :]");
      set->negated ^= negated;
      current.add(*set);
      return true;
    }
    if (reader_.next("["))
      return read(current, depth + 1);
    std::optional<char32_t> first;
    if (!readCharacter(current, first))
      return false;
    if (!first)
      return true;
    current.items += literalPattern(*first);
    // A - that is followed by ] is a character.
    std::string_view rest = reader_.rest();
    if (!rest.starts_with("-") || rest.starts_with("-]"))
      return true;
    reader_.skip(1);
    if (reader_.atEnd())
      return reader_.fail("a character class that does not end");
    if (reader_.peek() == '[' || reader_.rest().starts_with("&&"))
      return reader_.fail("a range that ends in a set");
    Union set;
    std::optional<char32_t> last;
    if (!readCharacter(set, last))
      return false;
    if (!last)
      return reader_.fail("a range that ends in a set");
    if (*last < *first)
      return reader_.fail("a range that is empty");
    current.items += "-" + literalPattern(*last);
    return true;
  }

  /// A character, which may begin a range, or an escape that is a set.
  bool readCharacter(Union &current, std::optional<char32_t> &character) {
    if (!reader_.next("\\")) {
      character = reader_.takeCharacter();
      return true;
    }
    if (reader_.atEnd())
      return reader_.fail("a \\ at the end");
    char c = reader_.peek();
    if (std::optional<CharacterSet> set = namedSet(c)) {
      reader_.skip(1);
      current.add(*set);
      return true;
    }
    if (c == 'p' || c == 'P') {
      reader_.skip(1);
      std::optional<CharacterSet> set = reader_.property(c == 'P');
      if (set)
        current.add(*set);
      return set.has_value();
    }
    if (c == 'b') {
      reader_.skip(1);
      character = 8;
      return true;
    }
    character = reader_.escapedCharacter();
    return character.has_value();
  }

  static std::optional<CharacterSet> namedSet(char c) {
    auto set = [](std::string_view items, bool negated) {
      return CharacterSet{std::string(items), negated};
    };
    switch (c) {
    case 's':
      return set(spaceItems, false);
    case 'S': // a class that has only this stays one class
      return set("\\P{White_Space}", false);
    case 'w':
      return set(wordItems, false);
    case 'W':
      return set(wordItems, true);
    case 'd':
      return set("\\p{Nd}", false);
    case 'D':
      return set("\\P{Nd}", false);
    case 'h':
      return set("0-9A-Fa-f", false);
    case 'H':
      return set("0-9A-Fa-f", true);
    default:
      return std::nullopt;
    }
  }

  RegexReader &reader_;
};

} // namespace

bool swallow::readCharacterClass(RegexReader &reader, std::string &out) {
  Union result;
  if (!ClassReader(reader).read(result, 0))
    return false;
  // One pattern: what read() added.
  out += result.patterns.empty() ? result.pattern() : result.patterns[0];
  return true;
}
