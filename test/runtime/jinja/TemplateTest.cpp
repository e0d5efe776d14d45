//===- TemplateTest.cpp - compiled templates, limits, spans ---------------===//

#include "test/runtime/jinja/Rendering.h"

#include "runtime/jinja/CompiledForm.h"
#include "runtime/jinja/value/Objects.h"

#include <thread>

namespace swallow::jinja {
namespace {

// Every kind of statement and nearly every kind of expression.
constexpr std::string_view sample =
    "{% macro m(a, b='x') %}{{ a ~ b }}{{ caller(1) if caller }}"
    "{% endmacro %}"
    "{% set ns = namespace(n=1.5) %}{% set ns.n, t = 2, (3, [4], {'k': none}) "
    "%}"
    "{% set s | upper %}é{% endset %}"
    "{% for k, v in d.items() if v != 2 %}{{ loop.index }}{{ k }}"
    "{% if not v %}{% continue %}{% elif v is odd %}o{% else %}{% break %}"
    "{% endif %}{% else %}none{% endfor %}"
    "{% for i in [[1]] recursive %}{{ loop(i) if i is iterable }}{% endfor %}"
    "{% call(q) m(*[1], **{'b': -2}) %}{{ q }}{% endcall %}"
    "{% filter replace('a', 'b') %}aa{{ t[1:][0] }}{% endfilter %}"
    "{% with w = +1 < 2 <= 3 %}{{ w and s or ns.n }}{% endwith %}"
    "{% autoescape true %}{{ '<' }}{% endautoescape %}"
    "{% block b scoped %}{{ t }}{% endblock %}{{ self.b() }}"
    "{% generation %}{{ 7 // 2 ** 1 % 4 }}{% endgeneration %}";
constexpr std::string_view sampleVariables =
    R"({"d": {"a": 1, "b": 2, "c": 0}})";

TEST(Template, CompiledFormRendersAlike) {
  auto bytes = compileTemplate(sample);
  ASSERT_TRUE(bytes) << bytes.error().message;
  auto opened = Template::open(*bytes);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->source(), sample);
  auto context = parseJson(sampleVariables);
  auto result = opened->render(*context);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->text, render(sample, sampleVariables));
  EXPECT_EQ(result->text,
            "1ao2c1-21bb[4]É&lt;(3, [4], {'k': None})(3, [4], {'k': None})3");
}

TEST(Template, SameSourceSameBytes) {
  auto first = compileTemplate(sample), second = compileTemplate(sample);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
}

TEST(Template, CompiledFormReadsBackAsItIs) {
  auto bytes = compileTemplate(sample);
  ASSERT_TRUE(bytes);
  auto tree = readTemplate(*bytes);
  ASSERT_TRUE(tree) << tree.error().message;
  EXPECT_EQ(writeTemplate(**tree), *bytes);
}

TEST(Template, TruncatedFormsAreRefused) {
  auto bytes = compileTemplate(sample);
  ASSERT_TRUE(bytes);
  for (size_t size = 0; size < bytes->size(); ++size) {
    auto opened = Template::open(std::span(*bytes).first(size));
    if (opened) { // only where nothing but padding was lost
      EXPECT_GT(size + 8, bytes->size());
    } else {
      EXPECT_EQ(opened.error().code, ErrorCode::Corrupt);
    }
  }
}

// Whatever is flipped, it is refused or renders something within the limits.
TEST(Template, FlippedBitsAreHarmless) {
  auto bytes = compileTemplate(sample);
  ASSERT_TRUE(bytes);
  auto context = parseJson(sampleVariables);
  RenderOptions options;
  options.limits = {.bytes = size_t{1} << 20, .steps = 100'000};
  size_t refused = 0;
  for (size_t i = 0; i < bytes->size() * 8; i += 3) {
    std::vector<uint8_t> flipped = *bytes;
    flipped[i / 8] ^= static_cast<uint8_t>(1u << i % 8);
    auto opened = Template::open(flipped);
    if (!opened) {
      EXPECT_EQ(opened.error().code, ErrorCode::Corrupt);
      ++refused;
      continue;
    }
    auto result = opened->render(*context, options);
    if (!result) {
      EXPECT_FALSE(result.error().message.empty());
    }
  }
  EXPECT_GT(refused, bytes->size());
}

TEST(Template, RenderingEndsWhateverTheTemplate) {
  RenderOptions options;
  options.limits = {.bytes = size_t{16} << 20, .steps = 2'000'000};
  for (std::string_view source :
       {"{% for a in range(99999) %}{% for b in range(99999) %}"
        "{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{{ 'x' * 99999 }}{% endfor %}",
        "{% set ns = namespace(s='x') %}{% for a in range(99) %}"
        "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for a in range(99) %}"
        "{% set ns.l = ns.l + ns.l %}{% endfor %}",
        "{% set ns = namespace(l=[]) %}{% for a in range(9999) %}"
        "{% set ns.l = [ns.l] %}{% endfor %}",
        "{{ 'x' * 999999999999 }}", "{{ [0] * 999999999999 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{% call m() %}{% endcall %}{{ caller }}{% endmacro %}"
        "{% call m() %}{% endcall %}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% block b %}{{ self.b() }}{% endblock %}",
        "{% block b scoped %}{{ self.b() }}{% endblock %}"}) {
    std::string text = render(source, "{}", options);
    EXPECT_TRUE(text.starts_with("fails: template line 1, column "))
        << source << "\n"
        << text.substr(0, 200);
  }
}

std::string numbered(std::string_view before, std::string_view after,
                     int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text.append(before).append(std::to_string(i)).append(after);
  return text;
}

// What is entered again and again may have many names that nothing uses.
TEST(Template, NamesAreWork) {
  RenderOptions options;
  options.limits = {.bytes = size_t{16} << 20, .steps = 500'000};
  std::string names("{% if false %}");
  names.append(numbered("{% set a", " = 1 %}", 10000)).append("{% endif %}");
  for (const std::string &source :
       {"{% for i in range(99999) %}" + names + "{% endfor %}",
        "{% macro m() %}" + names + "{% endmacro %}" +
            "{% for i in range(99999) %}{{ m() }}{% endfor %}",
        "{% for i in range(99999) %}{% with %}" + names +
            "{% endwith %}{% endfor %}"}) {
    std::string text = render(source, "{}", options);
    EXPECT_NE(text.find("steps"), std::string::npos) << text.substr(0, 200);
  }
}

TEST(Template, CountsThatAreBounded) {
  auto error = [](const std::string &source) {
    auto bytes = compileTemplate(source);
    return bytes ? "compiles" : bytes.error().message;
  };
  auto macro = [](int parameters) {
    return std::string("{% macro m(z")
        .append(numbered(", a", "", parameters - 1))
        .append(") %}{% endmacro %}");
  };
  auto call = [](int arguments) {
    return std::string("{{ m(")
        .append(numbered("a", "=1,", arguments))
        .append(") }}");
  };
  EXPECT_EQ(error(macro(1000) + call(1000)), "compiles");
  EXPECT_EQ(error(macro(1001)),
            "template line 1, column 5899: more than 1000 parameters");
  EXPECT_EQ(error(call(1001)),
            "template line 1, column 5: more than 1000 keyword arguments");
  EXPECT_EQ(error(numbered("{% block a", " %}{% endblock %}", 64)), "compiles");
  EXPECT_EQ(error(numbered("{% block a", " %}{% endblock %}\n", 65)),
            "template line 65, column 4: more than 64 blocks");
}

// Macros may call each other as often as Python would let them.
TEST(Template, RecursionIsAsDeepAsInPython) {
  EXPECT_EQ(render("{% macro m(n) %}{% if n > 0 %}{% for i in [1] %}"
                   "{{ m(n - 1) }}{% endfor %}{% else %}end{% endif %}"
                   "{% endmacro %}{{ m(185) }}"),
            "end");
}

TEST(Template, CyclesAreFreed) {
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.self = ns %}"
                   "{% macro m() %}{{ m }}{% set x = m %}{% endmacro %}"
                   "{% set ns.m = m %}{{ ns.self.self.m() }}"
                   "{% for i in [ns]|map(attribute='self') %}"
                   "{% set ns.l = loop %}{{ loop.changed(loop) }}{% endfor %}"),
            "<Macro 'm'>True");
  EXPECT_EQ(render("{% macro m() %}{{ self.b }}{% endmacro %}{% set c = m %}"
                   "{% block b scoped %}{% macro n() %}{% endmacro %}"
                   "{% set s = self %}{{ c.name }}{% endblock %}"),
            "m");
}

TEST(Template, GenerationSpans) {
  auto compiled = Template::compile(
      "あ{% generation %}い{{ x }}{% endgeneration %}b"
      "{% for i in [1, 2] %}{% generation %}{{ i }}{% endgeneration %}"
      "{% endfor %}{% macro m() %}12{% generation %}3{% endgeneration %}"
      "{% endmacro %}{{ m() }}");
  ASSERT_TRUE(compiled);
  auto result = compiled->render(*parseJson(R"({"x": "う"})"));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text, "あいうb12123");
  // The last one is counted from where the macro's text begins.
  EXPECT_EQ(result->generation,
            (std::vector<Span>{{3, 9}, {10, 11}, {11, 12}, {12, 13}}));
}

TEST(Template, RaisedMessagesStayAsTheyAre) {
  EXPECT_EQ(render("a\n{{ raise_exception('Only\\nthis: ' ~ 1) }}"),
            "fails: Only\nthis: 1");
}

TEST(Template, OneTemplateManyThreads) {
  auto compiled = Template::compile(sample);
  ASSERT_TRUE(compiled);
  auto context = parseJson(sampleVariables);
  std::string expected = render(sample, sampleVariables);
  std::vector<std::thread> threads;
  std::vector<std::string> texts(4);
  for (std::string &text : texts)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        auto result = compiled->render(*context);
        text = result ? result->text : result.error().message;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &text : texts)
    EXPECT_EQ(text, expected);
}

TEST(Template, LongSourcesAreRefused) {
  auto compiled = compileTemplate(std::string(maxTemplateBytes + 1, 'x'));
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().message,
            "the template has 1048577 bytes; the limit is 1048576");
}

TEST(Template, ContextIsADict) {
  auto compiled = Template::compile("x");
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->render(Value::none()).error().code,
            ErrorCode::InvalidArgument);
}

} // namespace
} // namespace swallow::jinja
