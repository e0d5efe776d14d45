// Every template of tools/differential/templates/chat with every conversation
// there, and the regressions, against what jinja2 made of them in
// transformers' environment (tools/differential/templates/generate.py).

#include "tools/differential/templates/TemplateCase.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace swallow {
namespace {

using differential::Json;

const std::filesystem::path dataDir =
    std::filesystem::path(SWALLOW_TEST_DIR) / "runtime/jinja/data";
const std::filesystem::path templateDir =
    std::filesystem::path(SWALLOW_TEST_DIR) / "../tools/differential/templates";

std::string readFile(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

Json readJson(const std::filesystem::path &path) {
  Json json = Json::parse(readFile(path), nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << path;
  return json;
}

/// The place where two texts part, with what is around it.
std::string firstDifference(const std::string &expected,
                            const std::string &actual) {
  size_t at = 0;
  while (at < expected.size() && at < actual.size() &&
         expected[at] == actual[at])
    ++at;
  size_t begin = at < 60 ? 0 : at - 60;
  // As JSON, so that white space shows; a cut character is replaced.
  auto around = [&](const std::string &text) {
    return Json(text.substr(begin, 140))
        .dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  std::ostringstream out;
  out << "differs from byte " << at << " of " << expected.size()
      << "\n  jinja2:  " << around(expected)
      << "\n  Swallow: " << around(actual);
  return out.str();
}

std::string spansOf(const jinja::RenderResult &result) {
  Json spans = Json::array();
  for (jinja::Span span : result.generation)
    spans.push_back({span.begin, span.end});
  return spans.dump();
}

/// Empty where the engine did what is expected, else what is different.
std::string compare(const std::string &source, const Json &variables,
                    const Json &expected, const jinja::RenderOptions &options) {
  Result<jinja::Value> context = differential::valueFromJson(variables);
  if (!context.ok())
    return context.error().message;
  Result<jinja::RenderResult> result =
      differential::render(source, *context, options);

  if (expected.contains("error")) {
    std::string kind = expected["error"].get<std::string>();
    std::string message = expected["message"].get<std::string>();
    if (result.ok())
      return "should fail: " + kind + ": " + message +
             "\n  Swallow: " + Json(result->text).dump();
    if (kind == "raise_exception" && result.error().message != message)
      return "should fail with \"" + message + "\", not \"" +
             result.error().message + "\"";
    return {};
  }
  if (!result.ok())
    return "fails: " + result.error().message;
  std::string text = expected["text"].get<std::string>();
  if (result->text != text)
    return firstDifference(text, result->text);
  std::string spans = expected.value("generation", Json::array()).dump();
  if (spansOf(*result) != spans)
    return "generation blocks: " + spansOf(*result) + ", not " + spans;
  return {};
}

jinja::RenderOptions optionsOf(const Json &file) {
  return differential::optionsAt(file["now"]["seconds"].get<int64_t>(),
                                 file["now"]["microseconds"].get<int32_t>());
}

TEST(Differential, TemplatesRenderAsJinja2DoesIt) {
  Json conversations =
      readJson(templateDir / "conversations.json")["conversations"];
  size_t templates = 0;
  size_t cases = 0;
  for (const auto &folder :
       std::filesystem::directory_iterator(templateDir / "chat")) {
    Json file = readJson(dataDir / "expected" /
                         (folder.path().filename().string() + ".json"));
    jinja::RenderOptions options = optionsOf(file);
    for (const auto &[name, expected] : file["templates"].items()) {
      std::string source = readFile(folder.path() / (name + ".jinja"));
      ++templates;
      size_t differences = 0;
      std::string first;
      for (const Json &conversation : conversations) {
        std::string title = conversation["name"].get<std::string>();
        ASSERT_TRUE(expected.contains(title))
            << "run generate.py again: " << name << ", " << title;
        // transformers passes these two in any case.
        Json variables = {{"tools", nullptr}, {"documents", nullptr}};
        variables.update(conversation["variables"]);
        ++cases;
        std::string difference =
            compare(source, variables, expected[title], options);
        if (!difference.empty() && differences++ == 0)
          first = "\"" + title + "\" " + difference;
      }
      if (differences != 0)
        ADD_FAILURE() << folder.path().filename().string() << "/" << name
                      << ": " << differences << " of " << conversations.size()
                      << " conversations, the first: " << first;
    }
  }
  EXPECT_GE(templates, 40u);
  EXPECT_GE(cases, templates * 20);
}

TEST(Differential, Regressions) {
  Json file = readJson(dataDir / "regressions.json");
  jinja::RenderOptions options = optionsOf(file);
  for (const Json &one : file["cases"]) {
    std::string source = one["template"].get<std::string>();
    std::string difference =
        compare(source, one["variables"], one["expected"], options);
    EXPECT_EQ(difference, "")
        << Json(source).dump() << " with " << one["variables"].dump();
  }
}

} // namespace
} // namespace swallow
