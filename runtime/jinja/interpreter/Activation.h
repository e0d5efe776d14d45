//===- Activation.h - the variables of a running template -------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_INTERPRETER_ACTIVATION_H
#define SWALLOW_RUNTIME_JINJA_INTERPRETER_ACTIVATION_H

#include "runtime/jinja/syntax/Ast.h"
#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Objects.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::jinja {

/// jinja2's Context: what names mean that no scope has as a variable.
class Context final : public CustomObject {
public:
  /// `input` is a dict.
  Context(const Value &input, Budget *budget);
  /// What a scoped block sees: `base`, and the locals that set() adds.
  Context(Ref<Context> base, Budget *budget);

  std::string_view typeName() const override { return "Context"; }
  void set(const std::string &name, const Value &value);
  std::optional<Value> resolve(std::string_view name) const;
  void clear() override { variables_.clear(); }

private:
  Value input_;
  Ref<Context> base_;
  std::map<std::string, Value, std::less<>> variables_;
};

/// The variables of one call of a function (see Symbols.h). Closures keep it
/// alive beyond the call.
class Activation final : public CustomObject {
public:
  Activation(uint32_t slots, Ref<Activation> parent, Ref<Context> context,
             Budget *budget);

  std::string_view typeName() const override { return "function"; }
  /// None where nothing was assigned yet, or the scope has ended.
  std::optional<Value> &at(ast::Slot slot);
  std::optional<Value> &own(uint32_t index) { return slots_[index]; }
  const Ref<Context> &context() const { return context_; }

  void enter(const ast::Scope &scope);
  void leave(const ast::Scope &scope);
  /// Before something keeps a reference that a variable may refer to.
  void capture(Environment &env);
  void clear() override;

private:
  std::vector<std::optional<Value>> slots_;
  Ref<Activation> parent_;
  Ref<Context> context_;
  bool captured_ = false;
};

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_INTERPRETER_ACTIVATION_H
