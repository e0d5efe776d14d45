//===- RegexTranslatorTest.cpp - Oniguruma patterns to PCRE2 --------------===//

#include "frontends/huggingface/tokenizer/RegexTranslator.h"
#include "runtime/text/Regex.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace swallow;

namespace {

/// The matches of an Oniguruma pattern, or the error.
std::vector<std::string> matches(const char *pattern, std::string_view text) {
  Result<std::string> translated = translateRegex(pattern);
  if (!translated)
    return {translated.error().message};
  Result<Regex> regex = Regex::compile(*translated);
  if (!regex)
    return {regex.error().message};
  Regex::Matcher matcher(*regex);
  std::vector<std::string> result;
  forEachMatch(matcher, text, [&](size_t start, size_t end) {
    result.emplace_back(text.substr(start, end - start));
  });
  return result;
}

using Strings = std::vector<std::string>;

TEST(RegexTranslator, ClassesAreOnigurumas) {
  // U+180E is no white space any more, U+0085 is.
  EXPECT_EQ(matches(R"(\s+)", "a\u180E \u0085\u3000b"),
            Strings{" \u0085\u3000"});
  EXPECT_EQ(matches(R"([^\s]+)", "a\u180E b"), (Strings{"a\u180E", "b"}));
  EXPECT_EQ(matches(R"([\S\n]+)", "a \n"), (Strings{"a", "\n"}));
  // Marks are word characters; Latin-1's digits and fractions are, but not in
  // a class, and others are not.
  EXPECT_EQ(matches(R"(\w+)", "e\u0301½²_1-x⅓"), (Strings{"e\u0301½²_1", "x"}));
  EXPECT_EQ(matches(R"(\W)", "¹¾-⅓"), (Strings{"-", "⅓"}));
  EXPECT_EQ(matches(R"([\w]+)", "e\u0301½_1"), (Strings{"e\u0301", "_1"}));
  EXPECT_EQ(matches(R"([^\w])", "a³"), Strings{"³"});
  EXPECT_EQ(matches(R"(x\b)", "x¼x"), Strings{"x"});
  EXPECT_EQ(matches(R"(\b\w)", "e\u0301b cd"), (Strings{"e", "c"}));
  EXPECT_EQ(matches(R"(\h+)", "xyz09afAFg"), Strings{"09afAF"});
  EXPECT_EQ(matches(R"([\h-]+)", "0-x"), Strings{"0-"});
  EXPECT_EQ(matches(R"(\p{Han}+)", "ab東京ー"), Strings{"東京"});
  EXPECT_EQ(matches(R"(\p{^L}+|\P{N})", "a-1"), (Strings{"a", "-1"}));
}

TEST(RegexTranslator, OptionsAreRubys) {
  EXPECT_EQ(matches(R"((?i:'S|'LL))", "it's'll'ſ"),
            (Strings{"'s", "'ll", "'ſ"}));
  EXPECT_EQ(matches("a(?i)b|c", "aB C aC"), (Strings{"aB", "aC"}));
  EXPECT_EQ(matches("(?m:.)", "\n"), Strings{"\n"});
  EXPECT_EQ(matches(".", "\n\r"), Strings{"\r"});
  EXPECT_EQ(matches("^a$", "a\nba\na"), (Strings{"a", "a"}));
}

TEST(RegexTranslator, QuantifiersAreRubys) {
  EXPECT_EQ(matches(R"(\p{N}{1,3}+)", "12345"), Strings{"12345"});
  EXPECT_EQ(matches("a{,2}b", "aaab"), Strings{"aab"});
  EXPECT_EQ(matches("a{x", "a{x"), Strings{"a{x"});
  EXPECT_EQ(matches("a++b|a", "aaa"), (Strings{"a", "a", "a"}));
  EXPECT_EQ(matches("(ab){2}", "ababab"), Strings{"abab"});
}

TEST(RegexTranslator, EmptyMatchesAreOnigurumas) {
  EXPECT_EQ(matches("a*", "baa"), (Strings{"", "aa"}));
  EXPECT_EQ(matches("", "あb"), (Strings{"", "", ""}));
}

TEST(RegexTranslator, EscapesCharacters) {
  EXPECT_EQ(matches(R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]+)", "a[\\]-z"),
            Strings{"[\\]-"});
  EXPECT_EQ(matches(R"(\x{3042}\u3044\x41\t)", "あいA\t"), Strings{"あいA\t"});
  EXPECT_EQ(matches("#あ/", "#あ/"), Strings{"#あ/"});
  EXPECT_EQ(matches("[一-龥]+", "x東京y"), Strings{"東京"});
}

TEST(RegexTranslator, RefusesByName) {
  auto refuses = [](const char *pattern, const char *part) {
    Result<std::string> result = translateRegex(pattern);
    ASSERT_FALSE(result) << pattern;
    EXPECT_EQ(result.error().code, ErrorCode::UnsupportedTokenizer);
    EXPECT_NE(result.error().message.find(part), std::string::npos)
        << result.error().message;
  };
  refuses(R"((a)\1)", "\\1");
  refuses(R"(\Ka)", "\\K");
  refuses(R"(\Ga)", "\\G");
  refuses("[a[bc]]", "class within another");
  refuses("[a&&b]", "class within another");
  refuses("[[:alpha:]]", "class within another");
  refuses("(?x: a)", "(?x)");
  refuses(R"(\p{Vulcan})", "Vulcan");
  refuses("(a", "does not end");
  refuses("a)", "too many");
  refuses("[a", "does not end");
  refuses("[b-a]", "range");
  refuses("*a", "nothing before it");
  refuses("a**", "quantifier of a quantifier");
  refuses("a{2}?", "{n}?");
  refuses("\\", "at the end");
  refuses("\xFF", "UTF-8");
}

} // namespace
