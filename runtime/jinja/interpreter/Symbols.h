//===- Symbols.h - which variable a name means ------------------*- C++ -*-===//
//
// jinja2 compiles a template to Python functions, and decides for every name in
// every scope which local variable of them it is and what that holds when the
// scope is entered. What a template prints depends on those rules: whether a
// {% set %} is seen after a loop, what a macro sees of its surroundings, which
// value a name has that is set in one branch of an {% if %} only. So they are
// kept as they are, functions included.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_INTERPRETER_SYMBOLS_H
#define SWALLOW_RUNTIME_JINJA_INTERPRETER_SYMBOLS_H

#include "runtime/jinja/syntax/Ast.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::jinja {

/// What would be a Python function: the template, a block, a macro, a recursive
/// loop, a loop's filter. Scopes of one level share their variables of one
/// name.
class Function {
public:
  explicit Function(const Function *parent) : parent_(parent) {}

  uint32_t variable(uint32_t level, const std::string &name) {
    auto [found, isNew] = variables_.emplace(std::pair(level, name), count_);
    count_ += isNew;
    return found->second;
  }
  uint32_t count() const { return count_; }
  const Function *parent() const { return parent_; }

private:
  const Function *parent_;
  uint32_t count_ = 0;
  std::map<std::pair<uint32_t, std::string>, uint32_t> variables_;
};

struct Variable {
  const Function *function = nullptr;
  uint32_t index = 0;
};

/// How `function` reaches a variable of itself or of one around it.
ast::Slot slotFrom(const Function &function, const Variable &variable);

/// The names of one scope.
class Symbols {
public:
  Symbols(const Symbols *parent, Function &function)
      : parent_(parent), function_(&function),
        level_(parent ? parent->level_ + 1 : 0) {}

  /// A name that is read, written, or given by whoever enters the scope.
  void load(const std::string &name);
  void store(const std::string &name);
  uint32_t declareParameter(const std::string &name);

  /// Everything that happens in the branches of an {% if %} in this scope.
  Symbols branch() const { return Symbols(*this, *function_, BranchTag()); }
  void update(std::vector<Symbols> branches);

  std::optional<Variable> find(const std::string &name) const;
  /// The loads of this scope, not of those around it.
  ast::Scope scope() const;
  /// Every name written here or around, with its variable seen from here.
  std::vector<std::pair<std::string, ast::Slot>> visible() const;

  const Function &function() const { return *function_; }

private:
  struct BranchTag {};
  Symbols(const Symbols &base, Function &function, BranchTag)
      : base_(&base), parent_(base.parent_), function_(&function),
        level_(base.level_) {}

  bool has(const std::string &name) const {
    return refs_.contains(name) || (base_ && base_->has(name));
  }
  bool stores(const std::string &name) const {
    return stores_.contains(name) || (base_ && base_->stores(name));
  }
  void define(const std::string &name, ast::Load::Action action,
              std::optional<Variable> source = {});
  void setLoad(uint32_t target, const std::string &name,
               ast::Load::Action action, std::optional<Variable> source);

  const Symbols *base_ = nullptr; // of a branch: what it adds to
  const Symbols *parent_;
  Function *function_;
  uint32_t level_;
  std::map<std::string, uint32_t> refs_;
  std::map<uint32_t, ast::Load> loads_; // by target
  std::set<std::string> stores_;
};

/// What the statements of a scope do to its names. Bodies that are scopes of
/// their own are left out.
void analyze(Symbols &symbols, const std::vector<ast::StmtPtr> &body);
void analyze(Symbols &symbols, const ast::Expr &expr);
enum class TargetMode { Store, Parameter };
void analyzeTarget(Symbols &symbols, const ast::Expr &target, TargetMode mode);

/// Those of `names` that are read somewhere in `body`, also inside of other
/// scopes, before a statement writes them.
std::set<std::string> findUndeclared(const std::vector<ast::StmtPtr> &body,
                                     std::set<std::string> names);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_INTERPRETER_SYMBOLS_H
