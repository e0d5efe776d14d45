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

TEST(RegexTranslator, QuantifiersOfQuantifiersRepeat) {
  EXPECT_EQ(matches("a**b|.", "aaab"), Strings{"aaab"});
  EXPECT_EQ(matches("(?:a{2}?b)+", "aabbaab"), (Strings{"aabbaab"}));
  EXPECT_EQ(matches("x{2}{3}", "xxxxxxx"), Strings{"xxxxxx"});
  EXPECT_EQ(matches("(?:ab)+?{2}", "ababab"), Strings{"abab"});
}

TEST(RegexTranslator, NestsAndIntersectsClasses) {
  EXPECT_EQ(matches("[a[bc]]+", "xabcx"), Strings{"abc"});
  EXPECT_EQ(matches("[a[^a-y]]+", "abza"), (Strings{"a", "za"}));
  EXPECT_EQ(matches("[^a[^a-y]]+", "abzc"), (Strings{"b", "c"}));
  EXPECT_EQ(matches("[a-z&&[^aeiou]]+", "hello"), (Strings{"h", "ll"}));
  EXPECT_EQ(matches("[^a-z&&[^aeiou]]+", "hEllo"), (Strings{"E", "o"}));
  EXPECT_EQ(matches(R"([\p{L}&&\p{Lu}&&[^B]]+)", "aABC"), (Strings{"A", "C"}));
  EXPECT_EQ(matches(R"([^\s&&[^\n]]+)", "a \nb"), (Strings{"a", "\nb"}));
  EXPECT_EQ(matches(R"([\W_]+)", "a-_b"), Strings{"-_"});
  EXPECT_EQ(matches(R"((?<=[a-z&&[^b]])x)", "axbx"), Strings{"x"});
}

TEST(RegexTranslator, KnowsNamedSets) {
  EXPECT_EQ(matches("[[:alpha:]]+", "aé1あ"), (Strings{"aé", "あ"}));
  EXPECT_EQ(matches("[[:^alpha:]1]+", "a12"), Strings{"12"});
  EXPECT_EQ(matches("[[:punct:]]+", "a$+!b"), Strings{"$+!"});
  EXPECT_EQ(matches(R"(\p{punct}+)", "a$+!b"), Strings{"!"});
  EXPECT_EQ(matches("[[:xdigit:][:blank:]]+", "fF 0\tg\n"), Strings{"fF 0\t"});
  EXPECT_EQ(matches("[[:graph:]]+", "a\u3000\u200Bb\x01"),
            (Strings{"a", "\u200Bb"}));
  EXPECT_EQ(matches("[[:print:]]+", "a \u3000\n\x01"), Strings{"a \u3000"});
  EXPECT_EQ(matches(R"(\p{uppercase letter}+)", "aBC"), Strings{"BC"});
  EXPECT_EQ(matches(R"(\p{Hira}+|\p{Katakana}+)", "あア亜"),
            (Strings{"あ", "ア"}));
  // The script, not the script extensions.
  EXPECT_EQ(matches(R"(\p{Katakana}+)", "アー"), Strings{"ア"});
  EXPECT_EQ(matches(R"(\p{LC}+)", "aBあ"), Strings{"aB"});
  EXPECT_EQ(matches(R"(\p{Emoji}+)", "a😀"), Strings{"😀"});
  EXPECT_EQ(matches(R"(\P{Assigned})", "a\u0378"), Strings{"\u0378"});
  EXPECT_EQ(matches(R"([^\p{Alnum}]+)", "a-1"), Strings{"-"});
}

TEST(RegexTranslator, KnowsRubysEscapes) {
  EXPECT_EQ(matches(R"(\R)", "a\r\n\n\u2028"),
            (Strings{"\r\n", "\n", "\u2028"}));
  EXPECT_EQ(matches(R"(\N+)", "a\rb\nc"), (Strings{"a\rb", "c"}));
  EXPECT_EQ(matches(R"(a\Ob)", "a\nb"), Strings{"a\nb"});
  EXPECT_EQ(matches("a(?#a comment)b", "ab"), Strings{"ab"});
}

TEST(RegexTranslator, RefersToGroups) {
  EXPECT_EQ(matches(R"((.)\1)", "abbccd"), (Strings{"bb", "cc"}));
  EXPECT_EQ(matches(R"((?:x)(a|b)(c)\1)", "xacaxacb"), Strings{"xaca"});
  EXPECT_EQ(matches(R"((?<n>.)(.)\k<n>)", "abax"), Strings{"aba"});
  EXPECT_EQ(matches(R"((.)(?'n'.)\k'n')", "abba"), Strings{"abb"});
  EXPECT_EQ(matches(R"((.)\k<1>)", "aab"), Strings{"aa"});
  EXPECT_EQ(matches(R"((?i)(a)\1)", "aA"), Strings{"aA"});
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
  refuses(R"(a\Kb)", "\\K at character 3: a\\Kb");
  refuses(R"(\Ga)", "\\G");
  refuses(R"(\X)", "\\X"); // libraries disagree about where clusters end
  refuses("あ(?~ab)", "absence operator (?~ at character 2");
  refuses("(a)(?(1)b|c)", "condition");
  refuses("(*FAIL)", "callout");
  refuses(R"((?<n>a)\g<n>)", "\\g");
  refuses("(?x: a)", "(?x)");
  refuses(R"(\p{Vulcan})", "Vulcan");
  refuses(R"(\p{Script=Han})", "Script=Han"); // which Oniguruma refuses too
  refuses(R"(\p{Xan})", "Xan");               // PCRE2's own
  refuses("[[:vulcan:]]", "[: :]");
  refuses("[a&&]", "empty character class");
  refuses("[]", "empty character class");
  refuses(std::string(100, '[').c_str(), "nested this deep");
  refuses(R"((?i)[\p{Lu}])", "\\p{Lu} where case does not count");
  refuses("(?i:[a&&[b]])", "&& where case does not count");
  refuses("(?i:[a[b]])", "within a class where case does not count");
  refuses("(?i:ß)", "several characters that equal one");
  refuses("(?i)miss", "several characters that equal one");
  EXPECT_TRUE(translateRegex(R"((?i:s(?:s|t))(?-i:ss)|ss[a[b]]\p{Lu})"));
  refuses("(a", "does not end");
  refuses("a)", "too many at character 2");
  refuses("[a", "does not end");
  refuses("[[a]", "does not end");
  refuses("[b-a]", "range that is empty");
  refuses("[a-\\d]", "range that ends in a set");
  refuses("*a", "nothing before it");
  refuses("a|+", "nothing before it");
  refuses(("a" + std::string(100, '*')).c_str(), "this many quantifiers");
  refuses("\\", "at the end");
  refuses(R"(\1)", "reference to group 1");
  refuses(R"((a)\2)", "reference to group 2");
  refuses(R"((?<n>a)\1)", "\\1");
  refuses(R"((?<n>a)\k<m>)", "reference to group m");
  refuses(R"((?<n>a)(?<n>b))", "two groups named n");
  refuses("(?<=a*)b", "lookbehind"); // in PCRE2's words
  refuses("\xFF", "UTF-8");
}

} // namespace
