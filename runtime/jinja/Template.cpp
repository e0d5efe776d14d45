//===- Template.cpp -------------------------------------------------------===//

#include "runtime/jinja/Template.h"

#include "runtime/jinja/CompiledForm.h"
#include "runtime/jinja/interpreter/Interpreter.h"
#include "runtime/jinja/interpreter/Scopes.h"
#include "runtime/jinja/syntax/Parser.h"

namespace swallow::jinja {

namespace {

Result<std::unique_ptr<ast::Template>> parseAndCheck(std::string_view source) {
  if (source.size() > maxTemplateBytes)
    return Error{ErrorCode::MalformedFile,
                 "the template has " + std::to_string(source.size()) +
                     " bytes; the limit is " +
                     std::to_string(maxTemplateBytes)};
  SWALLOW_ASSIGN(std::unique_ptr<ast::Template> tree, parse(source));
  SWALLOW_TRY(resolve(*tree));
  return tree;
}

} // namespace

Result<std::vector<uint8_t>> compileTemplate(std::string_view source) {
  SWALLOW_ASSIGN(std::unique_ptr<ast::Template> tree, parseAndCheck(source));
  return writeTemplate(*tree);
}

Result<Template> Template::compile(std::string_view source) {
  SWALLOW_ASSIGN(std::unique_ptr<ast::Template> tree, parseAndCheck(source));
  return Template(std::move(tree));
}

Result<Template> Template::open(std::span<const uint8_t> bytes) {
  SWALLOW_ASSIGN(std::unique_ptr<ast::Template> tree, readTemplate(bytes));
  if (Status status = resolve(*tree); !status)
    return Error{ErrorCode::Corrupt, status.error().message};
  return Template(std::move(tree));
}

Template::Template(std::unique_ptr<const ast::Template> tree)
    : tree_(std::move(tree)) {}
Template::Template(Template &&) noexcept = default;
Template &Template::operator=(Template &&) noexcept = default;
Template::~Template() = default;

const std::string &Template::source() const { return tree_->source; }

Result<RenderResult> Template::render(const Value &context,
                                      const RenderOptions &options) const {
  if (!context.isDict())
    return Error{ErrorCode::InvalidArgument,
                 "a template is rendered with a dict of variables"};
  Environment env(options.limits);
  env.clock = options.clock;
  env.randomSeed = options.randomSeed;
  return Interpreter(*tree_, context, env).run();
}

} // namespace swallow::jinja
