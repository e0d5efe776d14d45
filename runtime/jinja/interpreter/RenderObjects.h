//===- RenderObjects.h - macros, `loop`, `self` -----------------*- C++ -*-===//
//
// The values that belong to a running template. What they mean is jinja2's
// documentation, "List of Control Structures"; attributes are those of its
// classes Macro, LoopContext, TemplateReference and BlockReference.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_INTERPRETER_RENDEROBJECTS_H
#define SWALLOW_RUNTIME_JINJA_INTERPRETER_RENDEROBJECTS_H

#include "runtime/jinja/interpreter/Activation.h"
#include "runtime/jinja/syntax/Ast.h"
#include "runtime/jinja/value/Objects.h"

#include <optional>
#include <string>

namespace swallow::jinja {

class Interpreter;

/// A macro, or the `caller` of a call block, which has no name.
class MacroObject final : public CustomObject {
public:
  MacroObject(Interpreter &interpreter, const ast::Stmt &stmt,
              Ref<Activation> outer, Environment &env);
  std::string_view typeName() const override { return "Macro"; }
  std::string_view moduleName() const override { return "jinja2.runtime"; }
  Result<std::string> repr(Environment &env, unsigned depth) const override;
  Result<std::optional<Value>> attribute(std::string_view name,
                                         Environment &env) override;
  bool isCallable() const override { return true; }
  Result<Value> call(const Arguments &arguments, Environment &env) override;

private:
  Interpreter &interpreter_;
  const ast::Stmt &stmt_;
  Ref<Activation> outer_;
};

/// The variable `loop`.
class LoopObject final : public CustomObject {
public:
  /// `items` goes over `iterable`. A loop that can be called has `outer`.
  LoopObject(Interpreter &interpreter, const ast::Stmt &stmt,
             Ref<Activation> outer, const Value &iterable, Ref<Iterator> items,
             size_t depth, Environment &env);
  std::string_view typeName() const override { return "LoopContext"; }
  std::string_view moduleName() const override { return "jinja2.runtime"; }
  Result<std::string> repr(Environment &env, unsigned depth) const override;
  Result<std::optional<size_t>> length(Environment &env) override;
  Result<std::optional<Value>> attribute(std::string_view name,
                                         Environment &env) override;
  bool isCallable() const override { return true; }
  Result<Value> call(const Arguments &arguments, Environment &env) override;
  void clear() override;

  /// Moves to the next item.
  Result<std::optional<Value>> next(Environment &env);
  Result<Value> cycle(const Arguments &arguments, Environment &env);
  Result<Value> changed(const Arguments &arguments, Environment &env);

private:
  Result<size_t> count(Environment &env) const;
  Result<const std::optional<Value> *> peek(Environment &env);
  int64_t index() const { return index0_ + 1; }

  Interpreter &interpreter_;
  const ast::Stmt &stmt_;
  Ref<Activation> outer_;
  Value iterable_;
  // Asking for the length may need all of the items.
  mutable Ref<Iterator> items_;
  mutable std::optional<size_t> length_;
  size_t depth0_;
  int64_t index0_ = -1;
  std::optional<Value> after_;
  std::optional<Value> current_;
  std::optional<Value> before_;
  std::optional<Value> lastChanged_;
  bool adopted_ = false;
};

/// What `for ... if ...` goes through: the filter runs while the loop does.
class LoopFilter final : public Iterator {
public:
  /// `variables` are those of the filter's function, entered.
  LoopFilter(Interpreter &interpreter, const ast::Stmt &stmt,
             Ref<Activation> variables, Ref<Iterator> items, Environment &env);
  Result<std::optional<Value>> next(Environment &env) override;
  void clear() override;

private:
  Interpreter &interpreter_;
  const ast::Stmt &stmt_;
  Ref<Activation> variables_;
  Ref<Iterator> items_;
};

/// The variable `self`: the template's blocks by name.
class SelfObject final : public CustomObject {
public:
  SelfObject(Interpreter &interpreter, Ref<Context> context, Budget *budget);
  std::string_view typeName() const override { return "TemplateReference"; }
  std::string_view moduleName() const override { return "jinja2.runtime"; }
  Result<std::string> repr(Environment &env, unsigned depth) const override;
  Result<std::optional<Value>> item(const Value &key,
                                    Environment &env) override;

private:
  Interpreter &interpreter_;
  Ref<Context> context_;
};

/// `self.name`: a block that can be called.
class BlockObject final : public CustomObject {
public:
  BlockObject(Interpreter &interpreter, const ast::Stmt &stmt,
              Ref<Context> context, Budget *budget);
  std::string_view typeName() const override { return "BlockReference"; }
  std::string_view moduleName() const override { return "jinja2.runtime"; }
  Result<std::optional<Value>> attribute(std::string_view name,
                                         Environment &env) override;
  bool isCallable() const override { return true; }
  Result<Value> call(const Arguments &arguments, Environment &env) override;

private:
  Interpreter &interpreter_;
  const ast::Stmt &stmt_;
  Ref<Context> context_;
};

/// What `super` is where no template was extended.
Value noParentBlock(const ast::Stmt &block, Environment &env);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_INTERPRETER_RENDEROBJECTS_H
