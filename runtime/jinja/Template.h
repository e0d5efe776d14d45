//===- Template.h - chat templates ------------------------------*- C++ -*-===//
//
// Jinja as Hugging Face's transformers renders chat templates with it: jinja2
// 3.1's ImmutableSandboxedEnvironment with trim_blocks and lstrip_blocks, loop
// controls and {% generation %}. docs/chat-templates.md says what differs.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_TEMPLATE_H
#define SWALLOW_RUNTIME_JINJA_TEMPLATE_H

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Value.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::jinja {

namespace ast {
struct Template;
} // namespace ast

/// Bytes [begin, end) of a text.
struct Span {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const Span &) const = default;
};

struct RenderOptions {
  /// What the rendering may use; it fails with OutOfRange (steps) or
  /// OutOfMemory (bytes) beyond.
  Budget::Limits limits;
  /// What strftime_now() reads.
  std::function<LocalTime()> clock = localTimeNow;
  /// Where the `random` filter's choices start.
  uint64_t randomSeed = 0;
};

struct RenderResult {
  std::string text; // valid UTF-8
  /// What {% generation %} blocks rendered, in order of their ends: byte
  /// offsets in `text` (transformers reports the same places in code points).
  /// As there, a block that is buffered, in a macro say, counts from where the
  /// buffer will be printed.
  std::vector<Span> generation;
};

/// The longest source that is compiled.
constexpr size_t maxTemplateBytes = size_t{1} << 20;

/// Parses and checks a template and writes it in compiled form, which is what
/// Template::open reads; the same source gives the same bytes. Fails with
/// MalformedFile and a message that starts with "template line L, column C: "
/// (lines and columns count from 1, columns in code points): a syntax error, an
/// unknown statement, filter or test, one that needs other templates (include,
/// import, extends).
Result<std::vector<uint8_t>> compileTemplate(std::string_view source);

/// A template that can be rendered any number of times, also by several threads
/// at once.
class Template {
public:
  /// compileTemplate and open in one.
  static Result<Template> compile(std::string_view source);
  /// Reads compiled bytes, which need not live on. Trusts nothing in them:
  /// fails with Corrupt.
  static Result<Template> open(std::span<const uint8_t> bytes);

  Template(Template &&) noexcept;
  Template &operator=(Template &&) noexcept;
  ~Template();

  /// Renders with the variables of `context`, a dict with text keys made
  /// without a budget. Fails with InvalidArgument: "template line 3, column 14:
  /// TypeError: ...", as the Python exception reads; what raise_exception() was
  /// given is the message as it is.
  Result<RenderResult> render(const Value &context,
                              const RenderOptions &options = {}) const;

  /// The text it was compiled from.
  const std::string &source() const;

private:
  explicit Template(std::unique_ptr<const ast::Template> tree);

  std::unique_ptr<const ast::Template> tree_;
};

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_TEMPLATE_H
