//===- StrCase.cpp - str.upper, title, isalpha, ... -----------------------===//

#include "runtime/jinja/library/methods/StrSupport.h"
#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

namespace swallow::jinja {

namespace {

using Convert = std::string (*)(std::string_view);

Result<Value> convert(const Value &self, const Arguments &arguments,
                      std::string_view method, Convert function,
                      Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, "str", method, 0, 0));
  // Conversions work on code points of four bytes, and can lengthen the text.
  SWALLOW_TRY(env.budget.reserve(self.text().size(), 8));
  return likeSelf(self, function(self.text()), env);
}

/// Calls `visit` with each character until it returns false; whether it never
/// did.
template <typename Visit>
bool everyCharacter(std::string_view text, Visit visit) {
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i]))
    if (!visit(decodeUtf8(text.substr(i))))
      return false;
  return true;
}

using Class = bool (*)(char32_t);

/// Whether all characters are of a class and there is one.
template <Class IsOf> bool allOf(std::string_view text) {
  return !text.empty() && everyCharacter(text, IsOf);
}

bool isAscii(std::string_view text) {
  return everyCharacter(text, [](char32_t c) { return c < 0x80; });
}

bool allPrintable(std::string_view text) {
  return everyCharacter(text, isPrintable);
}

bool isIdentifier(std::string_view text) {
  bool first = true;
  return !text.empty() && everyCharacter(text, [&](char32_t c) {
    return std::exchange(first, false) ? isIdentifierStart(c)
                                       : isIdentifierPart(c);
  });
}

/// Lower case (or upper case) is what has no letter of the other kind and one
/// of its own.
template <bool Upper> bool isInCase(std::string_view text) {
  bool found = false;
  return everyCharacter(text,
                        [&](char32_t c) {
                          bool own = Upper ? isUpper(c) : isLower(c);
                          found |= own;
                          return own || !isCased(c);
                        }) &&
         found;
}

bool isInTitleCase(std::string_view text) {
  bool found = false;
  bool afterCased = false;
  return everyCharacter(text,
                        [&](char32_t c) {
                          bool capital = isUpper(c) || isTitle(c);
                          bool small = isLower(c);
                          bool good =
                              capital ? !afterCased : !small || afterCased;
                          afterCased = capital || small;
                          found |= afterCased;
                          return good;
                        }) &&
         found;
}

using Ask = bool (*)(std::string_view);

Result<Value> ask(const Value &self, const Arguments &arguments,
                  std::string_view method, Ask question, Environment &env) {
  SWALLOW_TRY(expectArguments(arguments, self.typeName(), method, 0, 0));
  SWALLOW_TRY(env.budget.step(1 + self.text().size() / 8));
  return Value::boolean(question(self.text()));
}

struct Conversion {
  std::string_view name;
  Convert function;
};
constexpr std::array<Conversion, 6> conversions = {{
    {"capitalize", capitalize},
    {"casefold", toCaseFold},
    {"lower", toLower},
    {"swapcase", swapCase},
    {"title", toTitle},
    {"upper", toUpper},
}};

struct Question {
  std::string_view name;
  Ask function;
};
constexpr std::array<Question, 12> questions = {{
    {"isalnum", allOf<isAlnum>},
    {"isalpha", allOf<isAlpha>},
    {"isascii", isAscii},
    {"isdecimal", allOf<isDecimal>},
    {"isdigit", allOf<isDigit>},
    {"isidentifier", isIdentifier},
    {"islower", isInCase<false>},
    {"isnumeric", allOf<isNumeric>},
    {"isprintable", allPrintable},
    {"isspace", allOf<isSpace>},
    {"istitle", isInTitleCase},
    {"isupper", isInCase<true>},
}};

template <size_t Index>
Result<Value> conversion(const Value &self, const Arguments &arguments,
                         Environment &env) {
  return convert(self, arguments, conversions[Index].name,
                 conversions[Index].function, env);
}

template <size_t Index>
Result<Value> question(const Value &self, const Arguments &arguments,
                       Environment &env) {
  return ask(self, arguments, questions[Index].name, questions[Index].function,
             env);
}

template <size_t... Conversions, size_t... Questions>
constexpr auto makeMethods(std::index_sequence<Conversions...>,
                           std::index_sequence<Questions...>) {
  return std::array<NamedMethod, sizeof...(Conversions) + sizeof...(Questions)>{
      {{conversions[Conversions].name, conversion<Conversions>}...,
       {questions[Questions].name, question<Questions>}...}};
}

constexpr auto methods =
    makeMethods(std::make_index_sequence<conversions.size()>(),
                std::make_index_sequence<questions.size()>());

} // namespace

std::span<const NamedMethod> strCaseMethods() { return methods; }

} // namespace swallow::jinja
