//===- TojsonTest.cpp - transformers' tojson ------------------------------===//

#include "test/runtime/jinja/Expressions.h"

namespace swallow::jinja {
namespace {

constexpr std::string_view variables = R"json(
{"s": "Hello World",
 "u": "日本語テキスト",
 "l": [3, 1, 2],
 "d": {"a": 1,
 "b": 2},
 "nest": {"k": [1, {"z": []}]},
 "html": "<b>&\"'x</b>"}
)json";

constexpr ExpressionCase tojson[] = {
    {"l|tojson(indent=1.5,separators='abc')",
     "error: ValueError: too many values to unpack (expected 2)"},
    {"s|tojson(separators=(1,2))", "\"Hello World\""},
    {"d|tojson", "{\"a\": 1, \"b\": 2}"},
    {"l|tojson", "[3, 1, 2]"},
    {"u|tojson", "\"日本語テキスト\""},
    {"u|tojson(ensure_ascii=true)",
     "\"\\u65e5\\u672c\\u8a9e\\u30c6\\u30ad\\u30b9\\u30c8\""},
    {"'😀\\x7f\\u2028\"\\\\/'|tojson", "\"😀\177\342\200\250\\\"\\\\/\""},
    {"'😀\\x7f'|tojson(true)", "\"\\ud83d\\ude00\\u007f\""},
    {"nest|tojson", "{\"k\": [1, {\"z\": []}]}"},
    {"nest|tojson(indent=2)",
     "{\n  \"k\": [\n    1,\n    {\n      \"z\": []\n    }\n  ]\n}"},
    {"nest|tojson(indent=0)", "{\n\"k\": [\n1,\n{\n\"z\": []\n}\n]\n}"},
    {"nest|tojson(indent=-1)", "{\n\"k\": [\n1,\n{\n\"z\": []\n}\n]\n}"},
    {"nest|tojson(indent='--')",
     "{\n--\"k\": [\n----1,\n----{\n------\"z\": []\n----}\n--]\n}"},
    {"nest|tojson(indent=true)",
     "{\n \"k\": [\n  1,\n  {\n   \"z\": []\n  }\n ]\n}"},
    {"nest|tojson(separators=(',',':'))", "{\"k\":[1,{\"z\":[]}]}"},
    {"nest|tojson(indent=1,separators=(',',':'))",
     "{\n \"k\":[\n  1,\n  {\n   \"z\":[]\n  }\n ]\n}"},
    {"{'b':1,'a':2}|tojson(sort_keys=true)", "{\"a\": 2, \"b\": 1}"},
    {"{'b':1,1:2}|tojson(sort_keys=true)",
     "error: TypeError: '<' not supported between instances of 'int' and "
     "'str'"},
    {"{1:1,1.5:2,true:3,none:4,'x':5}|tojson",
     "{\"1\": 3, \"1.5\": 2, \"null\": 4, \"x\": 5}"},
    {"{(1,2):3}|tojson",
     "error: TypeError: keys must be str, int, float, bool or None, not tuple"},
    {"{'a':1e16,'b':1e-5,'c':0.1,'d':-0.0,'e':1e22}|tojson",
     "{\"a\": 1e+16, \"b\": 1e-05, \"c\": 0.1, \"d\": -0.0, \"e\": 1e+22}"},
    {"['nan'|float,'inf'|float,'-inf'|float]|tojson",
     "[NaN, Infinity, -Infinity]"},
    {"x|tojson",
     "error: TypeError: Object of type Undefined is not JSON serializable"},
    {"range(3)|tojson",
     "error: TypeError: Object of type range is not JSON serializable"},
    {"(1,2)|tojson", "[1, 2]"},
    {"d.items()|tojson",
     "error: TypeError: Object of type dict_items is not JSON serializable"},
    {"d.items()|list|tojson", "[[\"a\", 1], [\"b\", 2]]"},
    {"namespace(a=1)|tojson", "error: TypeError: Object of type "
                              "TemplateNamespace is not JSON serializable"},
    {"s|tojson(indent=1.5)", "\"Hello World\""},
    {"s|tojson(foo=1)",
     "error: TypeError: _cached_compile_jinja_template.<locals>.tojson() got "
     "an unexpected keyword argument 'foo'"},
    {"html|tojson", "\"<b>&\\\"'x</b>\""},
    {"html|e|tojson", "\"&lt;b&gt;&amp;&#34;&#39;x&lt;/b&gt;\""},
    {"[]|tojson(indent=2)", "[]"},
    {"{}|tojson(indent=2)", "{}"},
    {"[[],{}]|tojson(indent=2)", "[\n  [],\n  {}\n]"},
    {"s|tojson(separators=5)",
     "error: TypeError: cannot unpack non-iterable int object"},
    {"s|tojson(separators=('a','b','c'))",
     "error: ValueError: too many values to unpack (expected 2)"},
    {"l|tojson(separators='ab')", "[3a1a2]"},
    {"l|tojson(separators=(1,2))",
     "error: TypeError: make_encoder() argument 5 must be str, not int"},
};

TEST(TojsonTest, Tojson) { check(tojson, variables); }

} // namespace
} // namespace swallow::jinja
