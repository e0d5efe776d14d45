//===- Symbols.cpp --------------------------------------------------------===//

#include "runtime/jinja/interpreter/Symbols.h"

namespace swallow::jinja {

using ast::Expr;
using ast::ExprKind;
using ast::ExprPtr;
using ast::Load;
using ast::Stmt;
using ast::StmtKind;
using ast::StmtPtr;

ast::Slot slotFrom(const Function &function, const Variable &variable) {
  ast::Slot slot{0, variable.index};
  for (const Function *at = &function; at != variable.function;
       at = at->parent())
    ++slot.hops;
  return slot;
}

void Symbols::setLoad(uint32_t target, const std::string &name,
                      Load::Action action, std::optional<Variable> source) {
  Load load;
  load.action = action;
  load.target = target;
  if (action == Load::Resolve)
    load.name = name;
  if (source)
    load.source = slotFrom(*function_, *source);
  loads_[target] = std::move(load);
}

void Symbols::define(const std::string &name, Load::Action action,
                     std::optional<Variable> source) {
  uint32_t target = function_->variable(level_, name);
  refs_[name] = target;
  setLoad(target, name, action, source);
}

std::optional<Variable> Symbols::find(const std::string &name) const {
  for (const Symbols *at = this; at; at = at->base_)
    if (auto found = at->refs_.find(name); found != at->refs_.end())
      return Variable{at->function_, found->second};
  return parent_ ? parent_->find(name) : std::nullopt;
}

void Symbols::load(const std::string &name) {
  if (!find(name))
    define(name, Load::Resolve);
}

void Symbols::store(const std::string &name) {
  stores_.insert(name);
  if (has(name))
    return;
  // The first thing that happens to the name is that it is written: outside of
  // this scope it keeps its value.
  std::optional<Variable> outer;
  if (parent_)
    outer = parent_->find(name);
  define(name, outer ? Load::Alias : Load::Undefined, outer);
}

uint32_t Symbols::declareParameter(const std::string &name) {
  stores_.insert(name);
  define(name, Load::Parameter);
  return refs_[name];
}

void Symbols::update(std::vector<Symbols> branches) {
  std::set<std::string> written;
  for (const Symbols &branch : branches)
    for (const std::string &name : branch.stores_)
      if (!stores(name))
        written.insert(name);
  for (Symbols &branch : branches) {
    for (auto &[name, target] : branch.refs_)
      refs_[name] = target;
    for (auto &[target, load] : branch.loads_)
      loads_[target] = std::move(load);
    stores_.merge(branch.stores_);
  }
  // A name that only some branches write has its outer value in the others.
  for (const std::string &name : written) {
    uint32_t target = find(name)->index;
    std::optional<Variable> outer;
    if (parent_)
      outer = parent_->find(name);
    setLoad(target, name, outer ? Load::Alias : Load::Resolve, outer);
  }
}

ast::Scope Symbols::scope() const {
  ast::Scope scope;
  for (const auto &[target, load] : loads_)
    scope.loads.push_back(load);
  return scope;
}

std::vector<std::pair<std::string, ast::Slot>> Symbols::visible() const {
  std::map<std::string, ast::Slot> slots;
  for (const Symbols *at = this; at; at = at->parent_)
    for (const std::string &name : at->stores_)
      slots.emplace(name, slotFrom(*function_, *find(name)));
  return {slots.begin(), slots.end()};
}

namespace {

template <typename Visit> void forEachChild(const Expr &expr, Visit visit) {
  for (const ExprPtr &operand : expr.operands)
    visit(*operand);
  for (const ExprPtr &argument : expr.positional)
    visit(*argument);
  for (const ast::Keyword &keyword : expr.keywords)
    visit(*keyword.value);
  if (expr.star)
    visit(*expr.star);
  if (expr.doubleStar)
    visit(*expr.doubleStar);
}

void analyze(Symbols &symbols, const Stmt &stmt);

Symbols analyzeBranch(const Symbols &symbols,
                      const std::vector<StmtPtr> &body) {
  Symbols branch = symbols.branch();
  analyze(branch, body);
  return branch;
}

void analyzeIf(Symbols &symbols, const Stmt &stmt) {
  analyze(symbols, *stmt.value);
  std::vector<Symbols> branches;
  branches.push_back(analyzeBranch(symbols, stmt.body));
  branches.push_back(analyzeBranch(symbols, stmt.branches));
  branches.push_back(analyzeBranch(symbols, stmt.elseBody));
  symbols.update(std::move(branches));
}

void analyze(Symbols &symbols, const Stmt &stmt) {
  switch (stmt.kind) {
  case StmtKind::Output:
  case StmtKind::With:
    for (const ExprPtr &expr : stmt.expressions)
      analyze(symbols, *expr);
    break;
  case StmtKind::If:
    analyzeIf(symbols, stmt);
    break;
  case StmtKind::Set:
    analyze(symbols, *stmt.value);
    analyzeTarget(symbols, *stmt.target, TargetMode::Store);
    break;
  case StmtKind::SetBlock:
    analyzeTarget(symbols, *stmt.target, TargetMode::Store);
    break;
  case StmtKind::Macro:
    symbols.store(stmt.name);
    break;
  case StmtKind::For:
  case StmtKind::CallBlock:
  case StmtKind::FilterBlock:
    analyze(symbols, *stmt.value);
    break;
  case StmtKind::Autoescape:
  case StmtKind::Block:
  case StmtKind::Generation:
  case StmtKind::Break:
  case StmtKind::Continue:
    break;
  }
}

class UndeclaredNames {
public:
  explicit UndeclaredNames(std::set<std::string> names)
      : names_(std::move(names)) {}

  void visit(const std::vector<StmtPtr> &body) {
    for (const StmtPtr &stmt : body)
      visit(*stmt);
  }
  std::set<std::string> found;

private:
  void visit(const std::vector<ExprPtr> &exprs) {
    for (const ExprPtr &expr : exprs)
      visit(expr.get());
  }
  void visit(const Expr *expr) {
    if (!expr)
      return;
    if (expr->kind == ExprKind::Name && names_.contains(expr->text))
      found.insert(expr->text);
    forEachChild(*expr, [&](const Expr &child) { visit(&child); });
  }
  void write(const Expr *target) {
    if (!target)
      return;
    if (target->kind == ExprKind::Name)
      names_.erase(target->text);
    for (const ExprPtr &item : target->operands)
      write(item.get());
  }
  void visit(const Stmt &stmt);

  std::set<std::string> names_;
};

// In the order of jinja2's fields: what is written hides what follows.
void UndeclaredNames::visit(const Stmt &stmt) {
  switch (stmt.kind) {
  case StmtKind::Block:
    return;
  case StmtKind::CallBlock:
    visit(stmt.value.get());
    break;
  case StmtKind::FilterBlock:
    visit(stmt.body);
    visit(stmt.value.get());
    return;
  default:
    break;
  }
  for (const std::string &parameter : stmt.parameters)
    names_.erase(parameter);
  write(stmt.target.get());
  for (const ExprPtr &target : stmt.targets)
    write(target.get());
  visit(stmt.expressions);
  if (stmt.kind != StmtKind::CallBlock)
    visit(stmt.value.get());
  visit(stmt.body);
  visit(stmt.branches);
  visit(stmt.elseBody);
  visit(stmt.test.get());
}

} // namespace

void analyze(Symbols &symbols, const std::vector<StmtPtr> &body) {
  for (const StmtPtr &stmt : body)
    analyze(symbols, *stmt);
}

void analyze(Symbols &symbols, const Expr &expr) {
  if (expr.kind == ExprKind::Name)
    symbols.load(expr.text);
  forEachChild(expr, [&](const Expr &child) { analyze(symbols, child); });
}

void analyzeTarget(Symbols &symbols, const Expr &target, TargetMode mode) {
  if (target.kind == ExprKind::NamespaceRef)
    symbols.load(target.text);
  else if (target.kind == ExprKind::Name && mode == TargetMode::Parameter)
    symbols.declareParameter(target.text);
  else if (target.kind == ExprKind::Name)
    symbols.store(target.text);
  for (const ExprPtr &item : target.operands)
    analyzeTarget(symbols, *item, mode);
}

std::set<std::string> findUndeclared(const std::vector<StmtPtr> &body,
                                     std::set<std::string> names) {
  UndeclaredNames visitor(std::move(names));
  visitor.visit(body);
  return std::move(visitor.found);
}

} // namespace swallow::jinja
