//===- PrettyPrint.cpp ----------------------------------------------------===//

#include "runtime/jinja/library/format/PrettyPrint.h"

#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/library/text/Text.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

namespace swallow::jinja {

namespace {

constexpr int64_t lineWidth = 80;

int64_t widthOf(std::string_view text) {
  return static_cast<int64_t>(countCharacters(text));
}

/// The entries by key. Keys that cannot be compared go by the names of their
/// types, as far as Python says what they go by.
Result<std::vector<DictObject::Entry>> sortedEntries(const DictObject &dict,
                                                     Environment &env) {
  std::vector<Value> keys;
  std::vector<Value> order;
  keys.reserve(dict.size());
  order.reserve(dict.size());
  for (size_t i = 0; i < dict.size(); ++i) {
    keys.push_back(dict.entries()[i].key);
    order.push_back(Value::integer(static_cast<int64_t>(i)));
  }
  SWALLOW_TRY(sortBy(order, keys, false, env, Unordered::ByType));
  std::vector<DictObject::Entry> entries;
  entries.reserve(dict.size());
  for (const Value &place : order)
    entries.push_back(dict.entries()[static_cast<size_t>(place.asInt())]);
  return entries;
}

class Printer {
public:
  explicit Printer(Environment &env) : env_(env) {}

  /// Writes `value` at column `indent` with `allowance` characters to follow.
  Status print(const Value &value, int64_t indent, int64_t allowance,
               int level) {
    SWALLOW_TRY(env_.budget.step());
    if (out.size() > env_.budget.limits().bytes)
      SWALLOW_TRY(env_.budget.reserve(out.size()));
    SWALLOW_ASSIGN(std::string text, oneLine(value));
    if (widthOf(text) > lineWidth - indent - allowance) {
      if (value.isDict())
        return printDict(value.asDict(), indent, allowance, level + 1);
      if (value.isSequence())
        return printItems(value, indent, allowance, level + 1);
      if (value.isString() && !value.asString().isSafe())
        return printText(value.text(), indent, allowance, level + 1);
    }
    out += text;
    return {};
  }

  std::string out;

private:
  /// repr() with the keys of dicts sorted.
  Result<std::string> oneLine(const Value &value) {
    SWALLOW_TRY(env_.budget.step());
    if (value.isDict()) {
      SWALLOW_ASSIGN(std::vector<DictObject::Entry> entries,
                     sortedEntries(value.asDict(), env_));
      std::string text = "{";
      for (const DictObject::Entry &entry : entries) {
        if (text.size() > 1)
          text += ", ";
        SWALLOW_ASSIGN(std::string key, oneLine(entry.key));
        SWALLOW_ASSIGN(std::string item, oneLine(entry.value));
        text.append(key).append(": ").append(item);
      }
      return text + "}";
    }
    if (!value.isSequence())
      return repr(value, env_);
    std::string text = value.isList() ? "[" : "(";
    for (const Value &item : value.items()) {
      if (text.size() > 1)
        text += ", ";
      SWALLOW_ASSIGN(std::string part, oneLine(item));
      text += part;
      if (text.size() > env_.budget.limits().bytes)
        SWALLOW_TRY(env_.budget.reserve(text.size()));
    }
    if (value.isTuple() && value.items().size() == 1)
      text += ',';
    return text + (value.isList() ? "]" : ")");
  }

  void newLine(int64_t indent) {
    out += '\n';
    out.append(static_cast<size_t>(indent), ' ');
  }

  Status printDict(const DictObject &dict, int64_t indent, int64_t allowance,
                   int level) {
    SWALLOW_ASSIGN(std::vector<DictObject::Entry> entries,
                   sortedEntries(dict, env_));
    out += '{';
    ++indent;
    for (size_t i = 0; i < entries.size(); ++i) {
      bool last = i + 1 == entries.size();
      SWALLOW_ASSIGN(std::string key, oneLine(entries[i].key));
      out += key + ": ";
      SWALLOW_TRY(print(entries[i].value, indent + widthOf(key) + 2,
                        last ? allowance + 1 : 1, level));
      if (!last) {
        out += ',';
        newLine(indent);
      }
    }
    out += '}';
    return {};
  }

  Status printItems(const Value &value, int64_t indent, int64_t allowance,
                    int level) {
    const std::vector<Value> &items = value.items();
    std::string_view end = value.isList()      ? "]"
                           : items.size() == 1 ? ",)"
                                               : ")";
    out += value.isList() ? '[' : '(';
    ++indent;
    for (size_t i = 0; i < items.size(); ++i) {
      bool last = i + 1 == items.size();
      SWALLOW_TRY(print(items[i], indent,
                        last ? allowance + static_cast<int64_t>(end.size()) : 1,
                        level));
      if (!last) {
        out += ',';
        newLine(indent);
      }
    }
    out += end;
    return {};
  }

  /// A line's words, each with the white space after it.
  static Pieces wordsOf(std::string_view line) {
    Pieces words;
    for (size_t i = 0; i < line.size();) {
      size_t start = i;
      auto space = [&] { return isSpace(decodeUtf8(line.substr(i))); };
      while (i < line.size() && !space())
        i += utf8Length(line[i]);
      while (i < line.size() && space())
        i += utf8Length(line[i]);
      words.push_back(line.substr(start, i - start));
    }
    return words;
  }

  /// Text as literals over several lines, which Python joins.
  Status printText(std::string_view text, int64_t indent, int64_t allowance,
                   int level) {
    bool outermost = level == 1;
    indent += outermost;
    allowance += outermost;
    int64_t width = lineWidth - indent;
    std::vector<std::string> literals;
    Pieces lines = splitLines(text, true);
    for (size_t i = 0; i < lines.size(); ++i) {
      bool lastLine = i + 1 == lines.size();
      std::string whole = reprText(lines[i]);
      if (widthOf(whole) <= width - (lastLine ? allowance : 0)) {
        literals.push_back(std::move(whole));
        continue;
      }
      SWALLOW_TRY(env_.budget.step(1 + lines[i].size()));
      std::string current;
      Pieces words = wordsOf(lines[i]);
      for (size_t j = 0; j < words.size(); ++j) {
        bool lastWord = lastLine && j + 1 == words.size();
        std::string candidate = current + std::string(words[j]);
        if (widthOf(reprText(candidate)) > width - (lastWord ? allowance : 0)) {
          if (!current.empty())
            literals.push_back(reprText(current));
          current = words[j];
        } else {
          current = std::move(candidate);
        }
      }
      if (!current.empty())
        literals.push_back(reprText(current));
    }
    bool parentheses = outermost && literals.size() > 1;
    if (parentheses)
      out += '(';
    for (size_t i = 0; i < literals.size(); ++i) {
      if (i > 0)
        newLine(indent);
      out += literals[i];
    }
    if (parentheses)
      out += ')';
    return {};
  }

  Environment &env_;
};

} // namespace

Result<std::string> prettyPrint(const Value &value, Environment &env) {
  Printer printer(env);
  SWALLOW_TRY(printer.print(value, 0, 0, 0));
  return std::move(printer.out);
}

} // namespace swallow::jinja
