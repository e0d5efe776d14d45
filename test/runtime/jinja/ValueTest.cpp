//===- ValueTest.cpp - values, JSON and budgets ---------------------------===//

#include "runtime/jinja/value/Value.h"
#include "runtime/jinja/library/Library.h"
#include "runtime/jinja/library/format/ToJson.h"
#include "runtime/jinja/library/text/Text.h"
#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/jinja/value/Unicode.h"
#include "test/runtime/jinja/Expressions.h"

#include <cmath>

namespace swallow::jinja {
namespace {

std::string reprOf(const Value &value) {
  Environment env;
  Result<std::string> text = repr(value, env);
  return text ? *text : "error: " + text.error().message;
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

// repr(json.loads(...)) of Python.
TEST(JsonTest, Reads) {
  constexpr std::pair<std::string_view, std::string_view> cases[] = {
      {"null", "None"},
      {" [true , false]\n", "[True, False]"},
      {"[1, -2, 0, -0, 1.5, 1e3, -1E-2, 1.0]",
       "[1, -2, 0, 0, 1.5, 1000.0, -0.01, 1.0]"},
      {"[9223372036854775807, -9223372036854775808]",
       "[9223372036854775807, -9223372036854775808]"},
      {"[NaN, Infinity, -Infinity, 1e999, 1e-999, -1e-999]",
       "[nan, inf, -inf, inf, 0.0, -0.0]"},
      {R"({"b": 1, "a": {"c": []}, "b": 2})", "{'b': 2, 'a': {'c': []}}"},
      {R"("\u65e5\ud83d\ude00 \"\\\/\b\f\n\r\t")",
       "'日😀 \"\\\\/\\x08\\x0c\\n\\r\\t'"},
      {"\"日本\x7f\"", "'日本\\x7f'"},
      {R"({"": 1})", "{'': 1}"},
  };
  for (auto [json, expected] : cases) {
    Result<Value> value = parseJson(json);
    ASSERT_TRUE(value) << json << ": " << value.error().message;
    EXPECT_EQ(reprOf(*value), expected) << json;
  }
}

TEST(JsonTest, Refuses) {
  constexpr std::pair<std::string_view, std::string_view> cases[] = {
      {"", "JSON, byte 0: expected a value"},
      {"[1,]", "JSON, byte 3: expected a value"},
      {"[1 2]", "JSON, byte 3: expected ',' or ']'"},
      {"{\"a\" 1}", "JSON, byte 5: expected ':'"},
      {"{a: 1}", "JSON, byte 1: expected a key in quotes"},
      {"{\"a\": 1", "JSON, byte 7: expected ',' or '}'"},
      {"1 2", "JSON, byte 2: expected nothing more"},
      {"01", "JSON, byte 1: expected nothing more"},
      {"1.", "JSON, byte 1: expected nothing more"},
      {"-", "JSON, byte 0: expected a value"},
      {"\"abc", "JSON, byte 4: expected a closing quote"},
      {"\"a\nb\"", "JSON, byte 2: expected a closing quote"},
      {"\"\\x\"", "JSON, byte 2: expected an escape sequence of JSON"},
      {"\"\\u12\"", "JSON, byte 2: expected four hexadecimal digits"},
      {"\"\\ud83d\"", "JSON, byte 7: expected a low surrogate"},
      {"\"\\udc00\"", "JSON, byte 7: expected a high surrogate first"},
      {"\"\xff\"", "JSON, byte 1: expected text in UTF-8"},
      {"9223372036854775808",
       "JSON, byte 0: expected an integer of at most 64 bits"},
  };
  for (auto [json, expected] : cases) {
    Result<Value> value = parseJson(json);
    ASSERT_FALSE(value) << json;
    EXPECT_EQ(value.error().code, ErrorCode::MalformedFile);
    EXPECT_EQ(value.error().message, expected) << json;
  }
}

TEST(JsonTest, BoundsNesting) {
  std::string most(maxValueDepth - 1, '[');
  most += "1" + std::string(maxValueDepth - 1, ']');
  EXPECT_TRUE(parseJson(most));
  std::string tooDeep(100000, '[');
  Result<Value> value = parseJson(tooDeep);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().message,
            "JSON, byte 400: expected at most 400 levels of nesting");
}

TEST(JsonTest, RoundTrips) {
  constexpr std::string_view json =
      R"({"z": [1, 2.5, null, true], "a": {"日": "\"\\\n\u0001😀"}, "": []})";
  Result<Value> value = parseJson(json);
  ASSERT_TRUE(value);
  Environment env;
  Result<std::string> text = toJson(*value, {}, env);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, json);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

TEST(TextTest, CountsCodePoints) {
  Value text = Value::string("a日😀é", nullptr);
  EXPECT_EQ(text.asString().length(), 4u);
  EXPECT_FALSE(text.asString().isAscii());
  EXPECT_EQ(text.asString().offset(2), 4u);
  EXPECT_EQ(text.asString().offset(4), 10u);
}

// The last place is found as std::string_view finds it, also by the search
// that long parts use, in a text that would take the naive one an hour.
TEST(TextTest, FindsInLinearTime) {
  std::string text(1 << 20, 'a');
  std::string part(1 << 19, 'a');
  EXPECT_EQ(findText(text, part), 0u);
  EXPECT_EQ(findLast(text, part), (size_t{1} << 20) - (size_t{1} << 19));
  part.front() = 'b';
  EXPECT_EQ(findLast(text, part), std::string_view::npos);
  part.front() = 'a';
  part.back() = 'b';
  EXPECT_EQ(findText(text, part), std::string_view::npos);
  std::string mixed = "abcabcabx";
  std::string haystack;
  for (int i = 0; i < 20000; ++i)
    haystack += mixed.substr(0, static_cast<size_t>(i % 10));
  for (std::string_view wanted : {"abcabcabx", "cabx", "abcab", "xx", "bxab"})
    EXPECT_EQ(findLast(haystack, wanted), haystack.rfind(wanted)) << wanted;
}

TEST(TextTest, ConvertsCase) {
  EXPECT_EQ(toUpper("straße ŉ ﬃ ᾳ ǅ"), "STRASSE ʼN FFI ΑΙ Ǆ");
  EXPECT_EQ(toLower("ΑΣ ΑΣΑ Σ İ Ω"), "ας ασα σ i̇ ω");
  EXPECT_EQ(toTitle("ǆabc ﬁx o'neil \u1FB7"),
            "ǅabc Fix O'Neil \u0391\u0342\u0345");
  EXPECT_EQ(toCaseFold("Straße ΣΑΣ"), "strasse σασ");
  EXPECT_EQ(toTitle("ᾈ"), "ᾈ");
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

TEST(NumbersTest, ComparesExactly) {
  auto order = [](const Value &left, const Value &right) {
    return compareNumbers(left, right);
  };
  Value big = Value::integer(9007199254740993);
  EXPECT_EQ(order(big, Value::number(9007199254740992.0)),
            NumberOrder::Greater);
  EXPECT_EQ(order(Value::integer(INT64_MAX), Value::number(0x1p63)),
            NumberOrder::Less);
  EXPECT_EQ(order(Value::integer(INT64_MIN), Value::number(-0x1p63)),
            NumberOrder::Equal);
  EXPECT_EQ(order(Value::number(0.5), Value::integer(0)), NumberOrder::Greater);
  EXPECT_EQ(order(Value::integer(0), Value::number(-0.5)),
            NumberOrder::Greater);
  EXPECT_EQ(order(Value::number(NAN), Value::integer(0)),
            NumberOrder::Unordered);
}

// Of Python: INT64_MAX / 3 and the like, where two roundings would differ.
TEST(NumbersTest, DividesWithOneRounding) {
  EXPECT_EQ(divideInts(INT64_MAX, 3), 3.0744573456182584e+18);
  EXPECT_EQ(divideInts(9007199254740993, 9007199254740992), 1.0);
  EXPECT_EQ(divideInts(INT64_MIN, -1), 0x1p63);
  EXPECT_EQ(divideInts(1, INT64_MIN), -0x1p-63);
  EXPECT_EQ(divideInts(9223372036854775295, 1), 9.223372036854775e+18);
}

//===----------------------------------------------------------------------===//
// Dicts
//===----------------------------------------------------------------------===//

TEST(DictTest, KeysAreEqualAsInPython) {
  auto dict = makeRef<DictObject>(nullptr);
  ASSERT_TRUE(dict->set(Value::integer(1), Value::string("a", nullptr)));
  ASSERT_TRUE(dict->set(Value::number(1.0), Value::string("b", nullptr)));
  ASSERT_TRUE(dict->set(Value::boolean(true), Value::string("c", nullptr)));
  ASSERT_TRUE(dict->set(Value::string("1", nullptr), Value::integer(2)));
  EXPECT_EQ(reprOf(Value::dict(dict)), "{1: 'c', '1': 2}");
}

TEST(DictTest, FindsAmongMany) {
  auto dict = makeRef<DictObject>(nullptr);
  for (int64_t i = 0; i < 1000; ++i) {
    dict->set("k" + std::to_string(i), Value::integer(i));
    ASSERT_TRUE(dict->set(Value::integer(i), Value::integer(-i)));
  }
  dict->set("k500", Value::integer(7));
  EXPECT_EQ(dict->size(), 2000u);
  EXPECT_EQ(dict->find("k999")->asInt(), 999);
  EXPECT_EQ(dict->find("k500")->asInt(), 7);
  EXPECT_EQ(dict->find(Value::number(3))->asInt(), -3);
  EXPECT_EQ(dict->find("k1000"), nullptr);
  EXPECT_EQ(dict->find(Value::list({}, nullptr)), nullptr);
}

TEST(DictTest, RefusesWhatCannotBeHashed) {
  auto dict = makeRef<DictObject>(nullptr);
  Value key = Value::tuple({Value::list({}, nullptr)}, nullptr);
  Status status = dict->set(key, Value::none());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "TypeError: unhashable type: 'list'");
}

//===----------------------------------------------------------------------===//
// Budgets
//===----------------------------------------------------------------------===//

/// What a rendering with little memory and few steps fails with.
Error renderBounded(std::string_view source) {
  Result<Template> compiled = Template::compile(source);
  EXPECT_TRUE(compiled) << source;
  if (!compiled)
    return compiled.error();
  RenderOptions options;
  options.limits.bytes = 10'000'000;
  options.limits.steps = 5'000'000;
  Result<Value> context = parseJson(R"({"a": "aaaaaaaaaa", "l": [1, 2]})");
  Result<RenderResult> result = compiled->render(*context, options);
  EXPECT_FALSE(result) << source;
  return result ? Error{ErrorCode::Ok, ""} : result.error();
}

// Each would take more than 10 MB, some of them more than any machine has.
TEST(BudgetTest, BoundsMemory) {
  constexpr std::string_view expressions[] = {
      "'x' * 10**9",
      "l * 10**9",
      "a * 9223372036854775807",
      "(a * 100000).replace('', a * 100)",
      "(a * 100000)|replace('a', a)|replace('a', a)",
      "(a * 1000).join([a] * 10000)",
      "(a * 1000)|list|join(a * 1000)",
      "a.center(10**12)",
      "a.ljust(10**12)",
      "a.rjust(10**12, '日')",
      "a.zfill(10**12)",
      "'\\t'.expandtabs(10**12)",
      "a|center(10**12)",
      "a|indent(10**12)",
      "('\\n' * 10000)|indent(a * 1000, true, true)",
      "'%1000000000d' % 1",
      "'%.1000000000f' % 1.5",
      "'%*d' % (10**12, 1)",
      "'{:1000000000d}'.format(1)",
      "'{:.1000000000f}'.format(1.5)",
      "'{:{}}'.format('a', 10**12)",
      "'{0}{0}{0}{0}{0}'.format(a * 500000)",
      "'%s%s' % (a * 500000, a * 500000)",
      "l|batch(10**12, 1)|list",
      "[1] * 300000 * 100",
      "(a * 100000).split('a') * 10",
      "(a * 900000).split('a')",
      "(a * 900000)|list",
      "(a * 100000).translate({97: a * 1000})",
      "[[[[1]]]]|tojson(indent=10**8)",
      "(a * 900000)|e",
      "('<' * 9000000)|e",
      "(a * 900000)|urlencode|urlencode|urlencode",
  };
  for (std::string_view expression : expressions) {
    Error error = renderBounded("{{ " + std::string(expression) + " }}");
    EXPECT_EQ(error.code, ErrorCode::OutOfMemory)
        << expression << ": " << error.message;
  }
}

// Values that share their parts print as far more than they take.
TEST(BudgetTest, BoundsWhatIsShared) {
  constexpr std::string_view uses[] = {
      "{{ ns.x }}",
      "{{ ns.x|tojson }}",
      "{{ ns.x|pprint }}",
      "{{ ns.x == ns.y }}",
      "{{ ns.x < ns.y }}",
      "{{ ns.x in [ns.y] }}",
      "{{ '%r' % [ns.x] }}",
      "{{ [ns.x, ns.y]|sort }}",
      "{{ [ns.x, ns.y]|min }}",
  };
  for (std::string_view use : uses) {
    std::string source =
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}"
        "{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}"
        "{% endfor %}";
    Error error = renderBounded(source + std::string(use));
    EXPECT_TRUE(error.code == ErrorCode::OutOfMemory ||
                error.code == ErrorCode::OutOfRange)
        << use << ": " << error.message;
  }
  Error error = renderBounded(
      "{% set ns = namespace(x=(1,), y=(1,)) %}{% for i in range(60) %}"
      "{% set ns.x = (ns.x, ns.x) %}{% set ns.y = (ns.y, ns.y) %}{% endfor %}"
      "{{ {ns.x: 1, ns.y: 2} }}");
  EXPECT_EQ(error.code, ErrorCode::OutOfRange) << error.message;
}

TEST(BudgetTest, BoundsSteps) {
  constexpr std::string_view sources[] = {
      "{% for i in range(100000) %}{% for j in range(100000) %}"
      "{% endfor %}{% endfor %}",
      "{{ range(100000)|map('string')|map('length')|sum }}"
      "{% for i in range(1000) %}{{ range(100000)|sum }}{% endfor %}",
      "{% for i in range(100000) %}{{ (a * 100000).count('b') }}{% endfor %}",
      "{% for i in range(100000) %}{{ 'b' in a * 100000 }}{% endfor %}",
      "{% for i in range(100000) %}{{ (a * 100000)|wordcount }}{% endfor %}",
  };
  for (std::string_view source : sources) {
    Error error = renderBounded(source);
    EXPECT_EQ(error.code, ErrorCode::OutOfRange)
        << source << ": " << error.message;
  }
}

TEST(BudgetTest, BoundsNesting) {
  constexpr std::string_view sources[] = {
      "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}"
      "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x={}) %}{% for i in range(1000) %}"
      "{% set ns.x = {1: ns.x} %}{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(1000) %}"
      "{% set ns.x = ns.x|map('string') %}{% endfor %}{{ ns.x|list }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(2000) %}"
      "{% set ns.x = namespace(x=[ns.x]) %}{% endfor %}{{ ns.x }}",
  };
  for (std::string_view source : sources) {
    Error error = renderBounded(source);
    EXPECT_NE(error.message.find("maximum recursion depth exceeded"),
              std::string::npos)
        << source << ": " << error.message;
  }
}

// A namespace that holds itself prints, and is freed.
TEST(BudgetTest, BreaksCycles) {
  Result<Template> compiled =
      Template::compile("{% set ns = namespace(a=1) %}{% set ns.b = [ns] %}"
                        "{% set ns.c = ns.b|map('string') %}{{ ns.b }}");
  ASSERT_TRUE(compiled);
  Result<Value> context = parseJson("{}");
  Result<RenderResult> result = compiled->render(*context);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->text.starts_with(
      "[<Namespace {'a': 1, 'b': [<Namespace {...}>], 'c': <generator object"))
      << result->text;
}

TEST(BudgetTest, CountsWhatIsAlive) {
  Environment env;
  {
    Value text = Value::string(std::string(1000, 'x'), &env.budget);
    EXPECT_GE(env.budget.bytesUsed(), 1000u);
    Value list = Value::list({text, text}, &env.budget);
    Value copy = list;
  }
  EXPECT_EQ(env.budget.bytesUsed(), 0u);
}

//===----------------------------------------------------------------------===//
// Lookups
//===----------------------------------------------------------------------===//

TEST(LibraryTest, HasEveryDocumentedName) {
  constexpr std::string_view filters =
      "abs attr batch capitalize center count d default dictsort e escape "
      "filesizeformat first float forceescape format groupby indent int items "
      "join last length list lower map max min pprint random reject rejectattr "
      "replace reverse round safe select selectattr slice sort string "
      "striptags sum title tojson trim truncate unique upper urlencode urlize "
      "wordcount wordwrap xmlattr";
  for (std::string_view name : splitSpaces(filters, -1))
    EXPECT_NE(findFilter(name), nullptr) << name;
  constexpr std::string_view tests =
      "boolean callable defined divisibleby eq equalto == != > >= < <= ne lt "
      "le gt ge greaterthan lessthan escaped even odd false true filter test "
      "float in integer iterable lower upper mapping none number sameas "
      "sequence string undefined";
  for (std::string_view name : splitSpaces(tests, -1))
    EXPECT_NE(findTest(name), nullptr) << name;
  constexpr std::string_view globals =
      "range dict lipsum cycler joiner namespace raise_exception strftime_now";
  for (std::string_view name : splitSpaces(globals, -1))
    EXPECT_TRUE(findGlobal(name)) << name;
  EXPECT_EQ(findFilter("nope"), nullptr);
  EXPECT_EQ(findTest("nope"), nullptr);
  EXPECT_FALSE(findGlobal("nope"));
}

// `random` draws from the rendering's seed.
TEST(LibraryTest, RandomFollowsTheSeed) {
  Result<Template> compiled = Template::compile(
      "{% for i in range(20) %}{{ range(10)|random }}{% endfor %}");
  ASSERT_TRUE(compiled);
  Result<Value> context = parseJson("{}");
  auto render = [&](uint64_t seed) {
    RenderOptions options;
    options.randomSeed = seed;
    Result<RenderResult> result = compiled->render(*context, options);
    return result ? result->text : result.error().message;
  };
  EXPECT_EQ(render(1), render(1));
  EXPECT_NE(render(1), render(2));
  EXPECT_EQ(render(1).size(), 20u);
}

} // namespace
} // namespace swallow::jinja
