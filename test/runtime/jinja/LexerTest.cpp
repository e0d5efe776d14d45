//===- LexerTest.cpp - tokens and where they stand ------------------------===//

#include "runtime/jinja/syntax/Lexer.h"
#include "runtime/jinja/syntax/StringLiteral.h"

#include <gtest/gtest.h>

namespace swallow::jinja {
namespace {

/// "line:column kind text" for each token but the last.
std::string describe(std::string_view source) {
  auto tokens = tokenize(source);
  if (!tokens)
    return tokens.error().message;
  std::string text;
  for (const Token &token : *tokens) {
    if (token.kind == TokenKind::End)
      break;
    text += std::to_string(token.position.line) + ":" +
            std::to_string(token.position.column) + " ";
    switch (token.kind) {
    case TokenKind::Integer:
      text += std::to_string(token.integer);
      break;
    case TokenKind::Float:
      text += "float " + std::to_string(token.number);
      break;
    case TokenKind::Data:
    case TokenKind::String:
    case TokenKind::Name:
      text +=
          std::string(describeTokenKind(token.kind)) + " <" + token.text + ">";
      break;
    default:
      text += describeTokenKind(token.kind);
    }
    text += "\n";
  }
  return text;
}

TEST(Lexer, KindsAndPositions) {
  EXPECT_EQ(describe("é{{ a.b }}\n{%- if x -%} y"),
            "1:1 template data / text <é>\n"
            "1:2 begin of print statement\n"
            "1:5 name <a>\n"
            "1:6 .\n"
            "1:7 name <b>\n"
            "1:9 end of print statement\n"
            "2:1 begin of statement block\n"
            "2:5 name <if>\n"
            "2:8 name <x>\n"
            "2:10 end of statement block\n"
            "2:14 template data / text <y>\n");
}

TEST(Lexer, LongestOperatorsWin) {
  EXPECT_EQ(describe("{{ a//b**c>=d!=e }}"), "1:1 begin of print statement\n"
                                             "1:4 name <a>\n"
                                             "1:5 //\n"
                                             "1:7 name <b>\n"
                                             "1:8 **\n"
                                             "1:10 name <c>\n"
                                             "1:11 >=\n"
                                             "1:13 name <d>\n"
                                             "1:14 !=\n"
                                             "1:16 name <e>\n"
                                             "1:18 end of print statement\n");
}

TEST(Lexer, Numbers) {
  auto numbers = [](std::string_view text) {
    std::string all = describe("{{" + std::string(text) + "}}");
    size_t begin = all.find('\n') + 1;
    return all.substr(begin, all.rfind("\n1:") + 1 - begin);
  };
  EXPECT_EQ(numbers("0"), "1:3 0\n");
  EXPECT_EQ(numbers("1_000"), "1:3 1000\n");
  EXPECT_EQ(numbers("0x_fF"), "1:3 255\n");
  EXPECT_EQ(numbers("0b101"), "1:3 5\n");
  EXPECT_EQ(numbers("0O17"), "1:3 15\n");
  EXPECT_EQ(numbers("9223372036854775807"), "1:3 9223372036854775807\n");
  EXPECT_EQ(numbers("1.5"), "1:3 float 1.500000\n");
  EXPECT_EQ(numbers("1_0.2_5e+1"), "1:3 float 102.500000\n");
  EXPECT_EQ(numbers("2E3"), "1:3 float 2000.000000\n");
  EXPECT_EQ(numbers("1e999"), "1:3 float inf\n");
  EXPECT_EQ(numbers("1e-999"), "1:3 float 0.000000\n");
  // What is no number as a whole is several tokens.
  EXPECT_EQ(numbers("012"), "1:3 0\n1:4 12\n");
  EXPECT_EQ(numbers("0x"), "1:3 0\n1:4 name <x>\n");
  EXPECT_EQ(numbers("1__0"), "1:3 1\n1:4 name <__0>\n");
  EXPECT_EQ(numbers("1.x"), "1:3 1\n1:4 .\n1:5 name <x>\n");
  // Behind a dot there are no floats: a.1.2 is two look-ups.
  EXPECT_EQ(numbers("a.1.2"), "1:3 name <a>\n1:4 .\n1:5 1\n1:6 .\n1:7 2\n");
}

TEST(Lexer, Names) {
  EXPECT_EQ(describe("{{名前_1}}"), "1:1 begin of print statement\n"
                                    "1:3 name <名前_1>\n"
                                    "1:7 end of print statement\n");
  EXPECT_EQ(describe("{{ a² }}"),
            "template line 1, column 4: Invalid character in identifier");
}

TEST(Lexer, TagEndsInsideOfBracketsAreOperators) {
  EXPECT_EQ(describe("{{ {'a': {}} }}"), "1:1 begin of print statement\n"
                                         "1:4 {\n"
                                         "1:5 string <a>\n"
                                         "1:8 :\n"
                                         "1:10 {\n"
                                         "1:11 }\n"
                                         "1:12 }\n"
                                         "1:14 end of print statement\n");
}

TEST(Lexer, NewlinesAreOneKindAndTheLastOneGoes) {
  EXPECT_EQ(describe("a\r\nb\rc\n\n"),
            "1:1 template data / text <a\nb\nc\n>\n");
  EXPECT_EQ(describe("\r\n"), "");
  EXPECT_EQ(describe("a\r\n{{\r\nb }}"), "1:1 template data / text <a\n>\n"
                                         "2:1 begin of print statement\n"
                                         "3:1 name <b>\n"
                                         "3:3 end of print statement\n");
}

TEST(Lexer, Errors) {
  EXPECT_EQ(describe("a\n  {{ 'x }}"),
            "template line 2, column 6: a string that does not end");
  EXPECT_EQ(describe("{{ a ? b }}"),
            "template line 1, column 6: unexpected character '?'");
  EXPECT_EQ(describe("{{ あ！ }}"),
            "template line 1, column 5: unexpected character '！'");
  EXPECT_EQ(describe("{{ 9223372036854775808 }}"),
            "template line 1, column 4: the integer 9223372036854775808 does "
            "not fit into 64 bits");
  EXPECT_EQ(describe("\xff"),
            "template line 1, column 1: the template is not valid UTF-8");
  std::string many = "{{ ";
  for (size_t i = 0; i < maxTokens; ++i)
    many += "~ ";
  EXPECT_EQ(describe(many), "template line 1, column 500001: the template has "
                            "more than 250000 tokens");
}

std::string decode(std::string_view literal) {
  auto text = decodeStringLiteral(literal);
  return text ? *text : "error: " + text.error().message;
}

TEST(StringLiteral, Escapes) {
  EXPECT_EQ(decode(R"(a\n\t\\\'\"\a\b\f\r\v)"), "a\n\t\\'\"\a\b\f\r\v");
  EXPECT_EQ(decode(R"(\x41\u3042\U0001F600\101\7)"), "Aあ😀A\a");
  EXPECT_EQ(decode(R"(\400)"), "Ā");
  EXPECT_EQ(decode("a\\\nb"), "ab");
  EXPECT_EQ(decode(R"(\q\ )"), R"(\q\ )");
  EXPECT_EQ(decode("é\xe3\x81\x82"), "éあ");
  // The character is turned into an escape, whose backslash is escaped.
  EXPECT_EQ(decode("\\é"), R"(\xe9)");
  EXPECT_EQ(decode("\\あ\\😀"), R"(\u3042\U0001f600)");
}

TEST(StringLiteral, Errors) {
  EXPECT_EQ(decode(R"(\x4)"), "error: truncated \\xXX escape");
  EXPECT_EQ(decode(R"(\u123)"), "error: truncated \\uXXXX escape");
  EXPECT_EQ(decode(R"(\U0001)"), "error: truncated \\UXXXXXXXX escape");
  EXPECT_EQ(decode(R"(\U00110000)"), "error: illegal Unicode character");
  EXPECT_EQ(decode(R"(\ud83d)"),
            "error: an escape for half a surrogate pair, which no text can "
            "have");
  EXPECT_EQ(decode(R"(\N{DASH})"), "error: \\N{...} is not supported: write "
                                   "the character or \\u");
}

} // namespace
} // namespace swallow::jinja
