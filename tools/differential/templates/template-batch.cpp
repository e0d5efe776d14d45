//===- template-batch.cpp - many renderings over a pipe -------------------===//
//
// For fuzz.py. Reads one JSON object a line,
//   {"template": ..., "variables": {...}, "now": {"seconds", "microseconds"},
//    "limits": {"steps", "bytes"}}
// the last two optional, and answers each with a line,
//   {"text": ...}, with "generation" where it is not empty, or
//   {"error": message, "code": number, "line": L, "column": C}.
// Line and column are 0 where the template itself raised the message.
//
//===----------------------------------------------------------------------===//

#include "tools/differential/templates/TemplateCase.h"

#include <iostream>

using namespace swallow;
using differential::Json;

namespace {

Json describe(const Error &error) {
  differential::Position position = differential::positionOf(error.message);
  return {{"error", error.message},
          {"code", static_cast<int>(error.code)},
          {"line", position.line},
          {"column", position.column}};
}

Json answer(const std::string &line) {
  Json request = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!request.is_object() || !request.contains("template") ||
      !request["template"].is_string() || !request.contains("variables") ||
      !request["variables"].is_object())
    return describe({ErrorCode::InvalidArgument, "not a request"});

  Json now = request.value("now", Json::object());
  jinja::RenderOptions options = differential::optionsAt(
      now.value("seconds", int64_t{0}), now.value("microseconds", int32_t{0}));
  if (request.contains("limits")) {
    options.limits.steps =
        request["limits"].value("steps", options.limits.steps);
    options.limits.bytes =
        request["limits"].value("bytes", options.limits.bytes);
  }
  Result<jinja::Value> variables =
      differential::valueFromJson(request["variables"]);
  if (!variables.ok())
    return describe(variables.error());
  Result<jinja::RenderResult> result = differential::render(
      request["template"].get<std::string>(), *variables, options);
  if (!result.ok())
    return describe(result.error());

  Json reply = {{"text", result->text}};
  for (jinja::Span span : result->generation)
    reply["generation"].push_back({span.begin, span.end});
  return reply;
}

} // namespace

int main() {
  std::string line;
  // Lines are flushed one by one: the other side waits for each answer.
  while (std::getline(std::cin, line))
    std::cout << answer(line).dump(-1, ' ', false,
                                   Json::error_handler_t::replace)
              << std::endl;
  return 0;
}
