//===- Scopes.cpp ---------------------------------------------------------===//

#include "runtime/jinja/interpreter/Scopes.h"

#include "runtime/jinja/interpreter/Symbols.h"
#include "runtime/jinja/syntax/Characters.h"
#include "runtime/jinja/syntax/Lexer.h"

#include <algorithm>
#include <deque>

namespace swallow::jinja {

using ast::Escaping;
using ast::Expr;
using ast::ExprKind;
using ast::ExprPtr;
using ast::Stmt;
using ast::StmtKind;
using ast::StmtPtr;

namespace {

using Body = std::vector<StmtPtr>;

/// Where a statement stands.
struct Frame {
  Symbols &symbols;
  Function &function;
  bool topLevel = false; // of the template, branches included
  bool inLoop = false;   // of the function
};

// Any statement below that `test` holds of.
template <typename Test> bool anyBelow(const Stmt &stmt, Test test) {
  auto inBody = [&](const Body &body) {
    return std::any_of(body.begin(), body.end(), [&](const StmtPtr &child) {
      return test(*child) || anyBelow(*child, test);
    });
  };
  return inBody(stmt.body) || inBody(stmt.branches) || inBody(stmt.elseBody);
}

// The place in `target` where the variable `loop` is assigned.
const Expr *findLoopTarget(const Expr *target) {
  if (!target)
    return nullptr;
  if (target->kind == ExprKind::Name && target->text == "loop")
    return target;
  for (const ExprPtr &item : target->operands)
    if (const Expr *found = findLoopTarget(item.get()))
      return found;
  return nullptr;
}

bool isWhiteSpace(const Stmt &stmt) {
  return stmt.kind == StmtKind::Output &&
         std::all_of(stmt.expressions.begin(), stmt.expressions.end(),
                     [](const ExprPtr &expr) {
                       return expr->kind == ExprKind::Data &&
                              leadingSpace(expr->text) == expr->text.size();
                     });
}

bool isLiteral(const Expr &expr) {
  switch (expr.kind) {
  case ExprKind::None:
  case ExprKind::Bool:
  case ExprKind::Int:
  case ExprKind::Float:
  case ExprKind::String:
    return true;
  default:
    return false;
  }
}

// Whether jinja2 knows the value when it compiles. What asks for the context
// is never known.
bool isConstant(const Expr &expr) {
  constexpr std::string_view withContext[] = {
      "map", "select", "reject", "selectattr", "rejectattr", "random"};
  auto areConstant = [](const std::vector<ExprPtr> &exprs) {
    return std::all_of(exprs.begin(), exprs.end(),
                       [](const ExprPtr &part) { return isConstant(*part); });
  };
  bool known = expr.kind != ExprKind::Name && expr.kind != ExprKind::Call &&
               !expr.star && !expr.doubleStar &&
               std::find(std::begin(withContext), std::end(withContext),
                         expr.text) == std::end(withContext);
  return known && areConstant(expr.operands) && areConstant(expr.positional) &&
         std::all_of(expr.keywords.begin(), expr.keywords.end(),
                     [](const ast::Keyword &keyword) {
                       return isConstant(*keyword.value);
                     });
}

ExprPtr copyTarget(const Expr &target) {
  auto copy = std::make_unique<Expr>();
  copy->kind = target.kind;
  copy->position = target.position;
  copy->depth = target.depth;
  copy->text = target.text;
  copy->attribute = target.attribute;
  for (const ExprPtr &item : target.operands)
    copy->operands.push_back(copyTarget(*item));
  return copy;
}

class Resolver {
public:
  explicit Resolver(ast::Template &tree) : tree_(tree) {}
  Status run();

private:
  Status resolveBody(const Body &body, const Frame &frame);
  Status resolveStmt(Stmt &stmt, const Frame &frame);
  Status resolveFor(Stmt &stmt, const Frame &frame);
  Status checkLoopTargets(const Stmt &stmt);
  Status resolveLoopTest(Stmt &stmt, const Frame &frame);
  Status resolveIf(Stmt &stmt, const Frame &frame);
  Status resolveSetBlock(Stmt &stmt, const Frame &frame);
  Status resolveMacro(Stmt &stmt, const Frame &frame);
  Status resolveFilterBlock(Stmt &stmt, const Frame &frame);
  Status resolveWith(Stmt &stmt, const Frame &frame);
  Status resolveAutoescape(Stmt &stmt, const Frame &frame);
  Status resolveBlock(Stmt &stmt, const Frame &frame);
  Status resolveBlockBody(Stmt &stmt);

  Status resolveAll(const std::vector<ExprPtr> &exprs, const Frame &frame);
  Status resolveExpr(Expr &expr, const Frame &frame);
  Status resolveFunction(Expr &expr);
  void resolveTarget(Expr &target, const Frame &frame);
  static ast::Slot slotOf(const std::string &name, const Frame &frame) {
    // Analysis has seen every name, so that there is a variable.
    return slotFrom(frame.function, *frame.symbols.find(name));
  }
  Function &newFunction(const Function *parent) {
    return functions_.emplace_back(parent);
  }

  Escaping escaping() const {
    return isDynamic_ ? Escaping::Dynamic : constantEscaping_;
  }

  ast::Template &tree_;
  // What the constants of {% autoescape %} around say; and whether one of them
  // has no constant.
  Escaping constantEscaping_ = Escaping::Off;
  bool isDynamic_ = false;
  std::deque<Function> functions_;
  std::vector<Stmt *> blocks_;
};

Status Resolver::run() {
  Function &function = newFunction(nullptr);
  Symbols symbols(nullptr, function);
  if (!findUndeclared(tree_.body, {"self"}).empty())
    tree_.self = symbols.declareParameter("self");
  analyze(symbols, tree_.body);
  SWALLOW_TRY(resolveBody(tree_.body, {symbols, function, true}));
  tree_.scope = symbols.scope();
  tree_.slots = function.count();
  // resolveBlockBody adds the blocks that it finds inside.
  for (size_t i = 0; i < blocks_.size(); ++i)
    SWALLOW_TRY(resolveBlockBody(*blocks_[i]));
  tree_.blocks.assign(blocks_.begin(), blocks_.end());
  return {};
}

Status Resolver::resolveBody(const Body &body, const Frame &frame) {
  for (const StmtPtr &stmt : body)
    SWALLOW_TRY(resolveStmt(*stmt, frame));
  return {};
}

Status Resolver::resolveStmt(Stmt &stmt, const Frame &frame) {
  stmt.escaping = escaping();
  switch (stmt.kind) {
  case StmtKind::Output:
    return resolveAll(stmt.expressions, frame);
  case StmtKind::For:
    return resolveFor(stmt, frame);
  case StmtKind::If:
    return resolveIf(stmt, frame);
  case StmtKind::Set:
    SWALLOW_TRY(resolveExpr(*stmt.value, frame));
    resolveTarget(*stmt.target, frame);
    stmt.topLevel = frame.topLevel;
    return {};
  case StmtKind::SetBlock:
    return resolveSetBlock(stmt, frame);
  case StmtKind::Macro:
  case StmtKind::CallBlock:
  case StmtKind::Generation:
    return resolveMacro(stmt, frame);
  case StmtKind::FilterBlock:
    return resolveFilterBlock(stmt, frame);
  case StmtKind::With:
    return resolveWith(stmt, frame);
  case StmtKind::Autoescape:
    return resolveAutoescape(stmt, frame);
  case StmtKind::Block:
    return resolveBlock(stmt, frame);
  case StmtKind::Break:
  case StmtKind::Continue:
    if (!frame.inLoop)
      return syntaxError(stmt.position, stmt.kind == StmtKind::Break
                                            ? "'break' outside loop"
                                            : "'continue' outside loop");
    return {};
  }
  return {};
}

// No statement inside of a loop may assign its variable `loop`.
Status Resolver::checkLoopTargets(const Stmt &stmt) {
  const Expr *found = nullptr;
  auto assigns = [&](const Stmt &inner) {
    found = findLoopTarget(inner.target.get());
    return found != nullptr;
  };
  if (assigns(stmt) || anyBelow(stmt, assigns))
    return syntaxError(found->position,
                       "Can't assign to special loop variable");
  return {};
}

// The filter of a loop runs as a function of its own, while the loop runs.
Status Resolver::resolveLoopTest(Stmt &stmt, const Frame &frame) {
  ast::LoopInfo &info = *stmt.loop;
  Function &function = newFunction(&frame.function);
  Symbols symbols(&frame.symbols, function);
  analyzeTarget(symbols, *stmt.target, TargetMode::Parameter);
  analyze(symbols, *stmt.test);
  Frame inner{symbols, function};
  info.testTarget = copyTarget(*stmt.target);
  resolveTarget(*info.testTarget, inner);
  SWALLOW_TRY(resolveExpr(*stmt.test, inner));
  info.test = symbols.scope();
  info.testSlots = function.count();
  return {};
}

Status Resolver::resolveFor(Stmt &stmt, const Frame &frame) {
  SWALLOW_TRY(checkLoopTargets(stmt));
  stmt.loop = std::make_unique<ast::LoopInfo>();
  ast::LoopInfo &info = *stmt.loop;
  SWALLOW_TRY(resolveExpr(*stmt.value, frame));
  if (stmt.test)
    SWALLOW_TRY(resolveLoopTest(stmt, frame));

  Function &function =
      stmt.recursive ? newFunction(&frame.function) : frame.function;
  Symbols symbols(&frame.symbols, function);
  bool extended = stmt.recursive ||
                  !findUndeclared(stmt.body, {"loop"}).empty() ||
                  anyBelow(stmt, [](const Stmt &inner) {
                    return inner.kind == StmtKind::Block && inner.scoped;
                  });
  if (extended)
    info.loopSlot = symbols.declareParameter("loop");
  analyzeTarget(symbols, *stmt.target, TargetMode::Parameter);
  analyze(symbols, stmt.body);
  Frame inner{symbols, function, false, true};
  resolveTarget(*stmt.target, inner);
  SWALLOW_TRY(resolveBody(stmt.body, inner));
  info.body = symbols.scope();

  Symbols otherwise(&frame.symbols, function);
  analyze(otherwise, stmt.elseBody);
  SWALLOW_TRY(resolveBody(stmt.elseBody, {otherwise, function, false,
                                          frame.inLoop && !stmt.recursive}));
  info.otherwise = otherwise.scope();
  if (stmt.recursive)
    info.loopSlots = function.count();
  return {};
}

Status Resolver::resolveIf(Stmt &stmt, const Frame &frame) {
  SWALLOW_TRY(resolveExpr(*stmt.value, frame));
  SWALLOW_TRY(resolveBody(stmt.body, frame));
  SWALLOW_TRY(resolveBody(stmt.branches, frame));
  return resolveBody(stmt.elseBody, frame);
}

Status Resolver::resolveSetBlock(Stmt &stmt, const Frame &frame) {
  Symbols symbols(&frame.symbols, frame.function);
  analyze(symbols, stmt.body);
  if (stmt.value)
    analyze(symbols, *stmt.value);
  Frame inner{symbols, frame.function, false, frame.inLoop};
  SWALLOW_TRY(resolveBody(stmt.body, inner));
  if (stmt.value)
    SWALLOW_TRY(resolveExpr(*stmt.value, inner));
  resolveTarget(*stmt.target, frame);
  stmt.topLevel = frame.topLevel;
  stmt.scope = symbols.scope();
  return {};
}

Status Resolver::resolveMacro(Stmt &stmt, const Frame &frame) {
  stmt.macro = std::make_unique<ast::MacroInfo>();
  ast::MacroInfo &info = *stmt.macro;
  if (stmt.kind == StmtKind::CallBlock)
    SWALLOW_TRY(resolveExpr(*stmt.value, frame));
  Function &function = newFunction(&frame.function);
  Symbols symbols(&frame.symbols, function);
  auto analyzeAll = [&] {
    info.parameters.clear();
    for (const std::string &parameter : stmt.parameters)
      info.parameters.push_back(symbols.declareParameter(parameter));
    for (const ExprPtr &value : stmt.expressions)
      analyze(symbols, *value);
    analyze(symbols, stmt.body);
  };
  analyzeAll();

  auto declared = [&](std::string_view name) {
    return std::find(stmt.parameters.begin(), stmt.parameters.end(), name) -
           stmt.parameters.begin();
  };
  auto count = static_cast<std::ptrdiff_t>(stmt.parameters.size());
  std::set<std::string> undeclared =
      findUndeclared(stmt.body, {"caller", "kwargs", "varargs"});
  if (undeclared.contains("caller")) {
    info.accessesCaller = true;
    if (declared("caller") == count)
      info.caller = symbols.declareParameter("caller");
    else if (declared("caller") <
             count - static_cast<std::ptrdiff_t>(stmt.expressions.size()))
      return syntaxError(stmt.position,
                         "When defining macros or call blocks the special "
                         "\"caller\" argument must be omitted or be given a "
                         "default.");
  }
  if (undeclared.contains("kwargs") && declared("kwargs") == count)
    info.kwargs = symbols.declareParameter("kwargs");
  if (undeclared.contains("varargs") && declared("varargs") == count)
    info.varargs = symbols.declareParameter("varargs");
  analyzeAll();

  Frame inner{symbols, function};
  SWALLOW_TRY(resolveAll(stmt.expressions, inner));
  SWALLOW_TRY(resolveBody(stmt.body, inner));
  info.scope = symbols.scope();
  info.slots = function.count();
  if (stmt.kind == StmtKind::Macro) {
    info.name = slotOf(stmt.name, frame);
    stmt.topLevel = frame.topLevel;
  }
  return {};
}

Status Resolver::resolveFilterBlock(Stmt &stmt, const Frame &frame) {
  Symbols symbols(&frame.symbols, frame.function);
  analyze(symbols, stmt.body);
  analyze(symbols, *stmt.value);
  Frame inner{symbols, frame.function, false, frame.inLoop};
  SWALLOW_TRY(resolveBody(stmt.body, inner));
  SWALLOW_TRY(resolveExpr(*stmt.value, inner));
  stmt.scope = symbols.scope();
  return {};
}

Status Resolver::resolveWith(Stmt &stmt, const Frame &frame) {
  Symbols symbols(&frame.symbols, frame.function);
  for (const ExprPtr &target : stmt.targets)
    analyzeTarget(symbols, *target, TargetMode::Parameter);
  analyze(symbols, stmt.body);
  SWALLOW_TRY(resolveAll(stmt.expressions, frame));
  Frame inner{symbols, frame.function, false, frame.inLoop};
  for (const ExprPtr &target : stmt.targets)
    resolveTarget(*target, inner);
  SWALLOW_TRY(resolveBody(stmt.body, inner));
  stmt.scope = symbols.scope();
  return {};
}

Status Resolver::resolveAutoescape(Stmt &stmt, const Frame &frame) {
  Symbols symbols(&frame.symbols, frame.function);
  analyze(symbols, *stmt.value);
  analyze(symbols, stmt.body);
  Frame inner{symbols, frame.function, false, frame.inLoop};
  SWALLOW_TRY(resolveExpr(*stmt.value, inner));
  // A constant decides for the text below; anything else when it is known.
  Escaping outer = constantEscaping_;
  bool wasDynamic = isDynamic_;
  if (isLiteral(*stmt.value))
    constantEscaping_ =
        truth(stmt.value->constant) ? Escaping::On : Escaping::Off;
  else
    isDynamic_ = true;
  Status status = resolveBody(stmt.body, inner);
  constantEscaping_ = outer;
  isDynamic_ = wasDynamic;
  stmt.scope = symbols.scope();
  return status;
}

Status Resolver::resolveBlock(Stmt &stmt, const Frame &frame) {
  if (std::any_of(blocks_.begin(), blocks_.end(),
                  [&](const Stmt *block) { return block->name == stmt.name; }))
    return syntaxError(stmt.position,
                       "block '" + stmt.name + "' defined twice");
  if (blocks_.size() >= ast::maxBlocks)
    return syntaxError(stmt.position, "more than " +
                                          std::to_string(ast::maxBlocks) +
                                          " blocks");
  if (stmt.required &&
      !std::all_of(stmt.body.begin(), stmt.body.end(),
                   [](const StmtPtr &inner) { return isWhiteSpace(*inner); }))
    return syntaxError(stmt.position, "Required blocks can only contain "
                                      "comments or whitespace");
  stmt.block = std::make_unique<ast::BlockInfo>();
  if (stmt.scoped)
    stmt.block->visible = frame.symbols.visible();
  blocks_.push_back(&stmt);
  return {};
}

// A block is a function that sees nothing but the context.
Status Resolver::resolveBlockBody(Stmt &stmt) {
  ast::BlockInfo &info = *stmt.block;
  Function &function = newFunction(nullptr);
  Symbols symbols(nullptr, function);
  std::set<std::string> undeclared =
      findUndeclared(stmt.body, {"self", "super"});
  if (undeclared.contains("self"))
    info.self = symbols.declareParameter("self");
  if (undeclared.contains("super"))
    info.super = symbols.declareParameter("super");
  analyze(symbols, stmt.body);
  SWALLOW_TRY(resolveBody(stmt.body, {symbols, function}));
  info.scope = symbols.scope();
  info.slots = function.count();
  return {};
}

Status Resolver::resolveAll(const std::vector<ExprPtr> &exprs,
                            const Frame &frame) {
  for (const ExprPtr &expr : exprs)
    SWALLOW_TRY(resolveExpr(*expr, frame));
  return {};
}

Status Resolver::resolveFunction(Expr &expr) {
  bool isFilter = expr.kind == ExprKind::Filter;
  if (isFilter)
    expr.filter = findFilter(expr.text);
  else
    expr.test = findTest(expr.text);
  if (!expr.filter && !expr.test)
    return syntaxError(expr.position,
                       std::string(isFilter ? "No filter" : "No test") +
                           " named '" + expr.text + "'.");
  return {};
}

Status Resolver::resolveExpr(Expr &expr, const Frame &frame) {
  // jinja2 prints and joins what it knows before it renders. Where it does not
  // know whether to escape, it joins without escaping.
  expr.escaping = isLiteral(expr) ? constantEscaping_ : escaping();
  if (expr.kind == ExprKind::Concat && (isDynamic_ || isConstant(expr)))
    expr.escaping = Escaping::Off;
  switch (expr.kind) {
  case ExprKind::Bool:
    expr.constant = Value::boolean(expr.integer != 0);
    return {};
  case ExprKind::Int:
    expr.constant = Value::integer(expr.integer);
    return {};
  case ExprKind::Float:
    expr.constant = Value::number(expr.number);
    return {};
  case ExprKind::String:
    expr.constant = Value::string(expr.text, nullptr);
    return {};
  case ExprKind::Name:
    expr.slot = slotOf(expr.text, frame);
    return {};
  case ExprKind::Filter:
  case ExprKind::Test:
    SWALLOW_TRY(resolveFunction(expr));
    break;
  default:
    break;
  }
  SWALLOW_TRY(resolveAll(expr.operands, frame));
  SWALLOW_TRY(resolveAll(expr.positional, frame));
  for (const ast::Keyword &keyword : expr.keywords)
    SWALLOW_TRY(resolveExpr(*keyword.value, frame));
  if (expr.star)
    SWALLOW_TRY(resolveExpr(*expr.star, frame));
  if (expr.doubleStar)
    SWALLOW_TRY(resolveExpr(*expr.doubleStar, frame));
  return {};
}

void Resolver::resolveTarget(Expr &target, const Frame &frame) {
  if (target.kind == ExprKind::Name || target.kind == ExprKind::NamespaceRef)
    target.slot = slotOf(target.text, frame);
  for (const ExprPtr &item : target.operands)
    resolveTarget(*item, frame);
}

} // namespace

Status resolve(ast::Template &tree) { return Resolver(tree).run(); }

} // namespace swallow::jinja
