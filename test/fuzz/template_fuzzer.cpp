//===- template_fuzzer.cpp - chat templates, parsed and rendered ----------===//
//
// Any text is refused with a one-line error that says where, or compiles to
// bytes that open again and render what the text renders: something, or an
// error, within the limits. Any bytes are refused or give such a template.
//
//===----------------------------------------------------------------------===//

#include "runtime/jinja/Template.h"
#include "runtime/jinja/value/Json.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace swallow;
using namespace swallow::jinja;

static void check(bool holds) {
  if (!holds)
    std::abort();
}

static const Value &context() {
  static const Value value = [] {
    auto parsed = parseJson(
        R"({"messages": [{"role": "user", "content": "Hi あ"},
            {"role": "assistant", "content": [{"type": "text", "text": ""}]}],
            "bos_token": "<s>", "n": 3, "x": 0.5, "none": null,
            "tools": [{"name": "f", "parameters": {"a": [true]}}]})");
    check(parsed.ok());
    return std::move(*parsed);
  }();
  return value;
}

static Result<RenderResult> render(const Template &compiled) {
  RenderOptions options;
  options.limits = {.bytes = size_t{4} << 20, .steps = 20'000};
  options.clock = [] { return LocalTime{1721988489, 123456, 7200}; };
  return compiled.render(context(), options);
}

static void useText(std::string_view source) {
  auto bytes = compileTemplate(source);
  if (!bytes) {
    check(bytes.error().message.starts_with("template line "));
    return;
  }
  auto opened = Template::open(*bytes);
  check(opened.ok());
  check(opened->source() == source);
  auto first = render(*opened), second = render(*opened);
  check(first.ok() == second.ok());
  if (!first)
    return;
  for (Span span : first->generation)
    check(span.begin <= span.end);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 4096)
    return 0;
  useText({reinterpret_cast<const char *>(data), size});
  if (auto opened = Template::open({data, size})) {
    static_cast<void>(render(*opened).ok());
  }
  return 0;
}
