//===- CompiledForm.cpp ---------------------------------------------------===//

#include "runtime/jinja/CompiledForm.h"

#include "runtime/jinja/syntax/Lexer.h"
#include "runtime/jinja/template_generated.h"
#include "runtime/text/Utf8.h"

#include <algorithm>

namespace swallow::jinja {

using ast::ExprKind;
using ast::ExprPtr;
using ast::StmtKind;
using ast::StmtPtr;

static_assert(static_cast<int>(ast::lastExprKind) ==
              static_cast<int>(fbs::ExprKind::MAX));
static_assert(static_cast<int>(ast::lastStmtKind) ==
              static_cast<int>(fbs::StmtKind::MAX));

namespace {

/// What an expression is there for.
enum class Role {
  Value,
  Printed,     // a value, or text between tags
  Target,      // names, namespace attributes, tuples of them
  Subscript,   // a value or a slice
  BlockFilter, // filters, the first of which filters a block
};

/// What expressions of a kind have; what is not here must be absent.
struct ExprShape {
  size_t minOperands = 0;
  size_t maxOperands = 0;
  bool text = false;
  bool arguments = false;
};

ExprShape shapeOf(ExprKind kind) {
  constexpr size_t any = ~size_t{0};
  switch (kind) {
  case ExprKind::None:
  case ExprKind::Bool:
  case ExprKind::Int:
  case ExprKind::Float:
    return {};
  case ExprKind::String:
  case ExprKind::Data:
  case ExprKind::Name:
  case ExprKind::NamespaceRef:
    return {.text = true};
  case ExprKind::Tuple:
  case ExprKind::List:
  case ExprKind::Dict:
    return {.maxOperands = any};
  case ExprKind::Negative:
  case ExprKind::Positive:
  case ExprKind::Not:
    return {1, 1};
  case ExprKind::And:
  case ExprKind::Or:
  case ExprKind::Concat:
  case ExprKind::Compare:
    return {2, any};
  case ExprKind::Binary:
  case ExprKind::Item:
    return {2, 2};
  case ExprKind::Conditional:
    return {2, 3};
  case ExprKind::Attribute:
    return {1, 1, true};
  case ExprKind::Slice:
    return {3, 3};
  case ExprKind::Call:
    return {1, 1, false, true};
  case ExprKind::Filter:
  case ExprKind::Test:
    return {1, 1, true, true};
  }
  return {};
}

/// The fields that statements of a kind have.
struct StmtShape {
  enum Field : unsigned {
    Name = 1,
    Parameters = 2,
    Expressions = 4,
    Target = 8,
    Targets = 16,
    Value = 32,
    Test = 64,
    Body = 128,
    Branches = 256,
    Else = 512,
  };
  unsigned required = 0;
  unsigned optional = 0;
};

StmtShape shapeOf(StmtKind kind) {
  using S = StmtShape;
  switch (kind) {
  case StmtKind::Output:
    return {0, S::Expressions};
  case StmtKind::For:
    return {S::Target | S::Value, S::Test | S::Body | S::Else};
  case StmtKind::If:
    return {S::Value, S::Body | S::Branches | S::Else};
  case StmtKind::Set:
    return {S::Target | S::Value, 0};
  case StmtKind::SetBlock:
    return {S::Target, S::Value | S::Body};
  case StmtKind::Macro:
    return {S::Name, S::Parameters | S::Expressions | S::Body};
  case StmtKind::CallBlock:
    return {S::Value, S::Parameters | S::Expressions | S::Body};
  case StmtKind::FilterBlock:
    return {S::Value, S::Body};
  case StmtKind::With:
    return {0, S::Expressions | S::Targets | S::Body};
  case StmtKind::Autoescape:
    return {S::Value, S::Body};
  case StmtKind::Block:
    return {S::Name, S::Body};
  case StmtKind::Generation:
    return {0, S::Body};
  case StmtKind::Break:
  case StmtKind::Continue:
    return {};
  }
  return {};
}

class Reader {
public:
  Result<std::unique_ptr<ast::Template>> read(const fbs::Template &stored);

private:
  /// After the first one, nothing is read any more.
  template <typename T = std::nullptr_t> T fail(std::string_view message) {
    if (failure_.ok())
      failure_ = Status(ErrorCode::Corrupt,
                        "the compiled template " + std::string(message));
    return T();
  }

  std::string readText(const flatbuffers::String *stored);
  ExprPtr readExpr(const fbs::Expr *stored, Role role);
  void readArguments(const fbs::Expr &stored, ast::Expr &expr);
  void checkExpr(const ast::Expr &expr, Role role);
  bool checkOperators(const ast::Expr &expr) const;
  StmtPtr readStmt(const fbs::Stmt *stored);
  void readParts(const fbs::Stmt &stored, ast::Stmt &stmt);
  void checkStmt(const ast::Stmt &stmt);
  template <typename Stored>
  std::vector<ExprPtr> readExprs(const Stored *stored, Role role);
  template <typename Stored>
  std::vector<StmtPtr> readStmts(const Stored *stored);

  Status failure_;
  uint32_t depth_ = 0;
};

std::string Reader::readText(const flatbuffers::String *stored) {
  if (!stored)
    return {};
  std::string text = stored->str();
  if (!isValidUtf8(text))
    return fail<std::string>("has text that is not UTF-8");
  return text;
}

template <typename Stored>
std::vector<ExprPtr> Reader::readExprs(const Stored *stored, Role role) {
  std::vector<ExprPtr> exprs;
  for (uint32_t i = 0; stored && failure_.ok() && i < stored->size(); ++i)
    exprs.push_back(readExpr(stored->Get(i), role));
  return exprs;
}

template <typename Stored>
std::vector<StmtPtr> Reader::readStmts(const Stored *stored) {
  std::vector<StmtPtr> stmts;
  for (uint32_t i = 0; stored && failure_.ok() && i < stored->size(); ++i)
    stmts.push_back(readStmt(stored->Get(i)));
  return stmts;
}

// Of an operand: the role that follows from its parent's.
Role operandRole(const ast::Expr &expr, Role role, size_t index) {
  if (role == Role::Target || role == Role::BlockFilter)
    return role;
  return expr.kind == ExprKind::Item && index == 1 ? Role::Subscript
                                                   : Role::Value;
}

ExprPtr Reader::readExpr(const fbs::Expr *stored, Role role) {
  if (!stored || !failure_.ok())
    return nullptr;
  if (depth_ > ast::maxTreeDepth)
    return fail("is nested too deeply");
  if (stored->kind() > fbs::ExprKind::MAX)
    return fail("has an unknown kind of expression");
  ++depth_;
  auto expr = std::make_unique<ast::Expr>();
  expr->kind = static_cast<ExprKind>(stored->kind());
  expr->position = {stored->line(), stored->column()};
  expr->text = readText(stored->text());
  expr->attribute = readText(stored->attribute());
  expr->integer = stored->integer();
  expr->number = stored->number();
  if (stored->operators())
    expr->operators.assign(stored->operators()->begin(),
                           stored->operators()->end());
  for (uint32_t i = 0; stored->operands() && i < stored->operands()->size();
       ++i)
    expr->operands.push_back(
        readExpr(stored->operands()->Get(i), operandRole(*expr, role, i)));
  readArguments(*stored, *expr);
  --depth_;
  if (failure_.ok())
    checkExpr(*expr, role);
  if (failure_.ok() && !ast::seal(*expr))
    fail("is nested too deeply");
  if (!failure_.ok())
    return nullptr;
  return expr;
}

void Reader::readArguments(const fbs::Expr &stored, ast::Expr &expr) {
  expr.positional = readExprs(stored.positional(), Role::Value);
  for (uint32_t i = 0; stored.keywords() && i < stored.keywords()->size();
       ++i) {
    const fbs::Keyword *keyword = stored.keywords()->Get(i);
    std::string name = readText(keyword->name());
    for (const ast::Keyword &other : expr.keywords)
      if (other.name == name)
        return fail<void>("has two arguments of one name");
    if (i >= ast::maxParameters)
      return fail<void>("has too many arguments");
    ExprPtr value = readExpr(keyword->value(), Role::Value);
    if (!value)
      return fail<void>("has an argument without a value");
    expr.keywords.push_back({std::move(name), std::move(value)});
  }
  expr.star = readExpr(stored.star(), Role::Value);
  expr.doubleStar = readExpr(stored.double_star(), Role::Value);
}

bool Reader::checkOperators(const ast::Expr &expr) const {
  size_t count = expr.kind == ExprKind::Binary    ? 1
                 : expr.kind == ExprKind::Compare ? expr.operands.size() - 1
                                                  : 0;
  auto last = expr.kind == ExprKind::Binary
                  ? static_cast<uint8_t>(ast::lastBinaryOp)
                  : static_cast<uint8_t>(ast::lastComparison);
  return expr.operators.size() == count &&
         std::all_of(expr.operators.begin(), expr.operators.end(),
                     [&](uint8_t op) { return op <= last; });
}

bool fitsRole(const ast::Expr &expr, Role role) {
  switch (expr.kind) {
  case ExprKind::Data:
    return role == Role::Printed;
  case ExprKind::Slice:
    return role == Role::Subscript;
  case ExprKind::NamespaceRef:
    return role == Role::Target;
  case ExprKind::Name:
  case ExprKind::Tuple:
    return role != Role::BlockFilter;
  case ExprKind::Filter:
    return role != Role::Target;
  default:
    return role != Role::Target && role != Role::BlockFilter;
  }
}

void Reader::checkExpr(const ast::Expr &expr, Role role) {
  ExprShape shape = shapeOf(expr.kind);
  if (role == Role::BlockFilter)
    shape.minOperands = 0;
  size_t count = expr.operands.size();
  bool hasArguments = !expr.positional.empty() || !expr.keywords.empty() ||
                      expr.star || expr.doubleStar;
  // Literals and text between tags may be empty, names may not.
  bool needsText = shape.text && expr.kind != ExprKind::String &&
                   expr.kind != ExprKind::Data;
  if (!fitsRole(expr, role) || count < shape.minOperands ||
      count > shape.maxOperands ||
      (expr.kind == ExprKind::Dict && count % 2 != 0) ||
      (needsText && expr.text.empty()) || (!shape.text && !expr.text.empty()) ||
      (expr.kind == ExprKind::NamespaceRef) != !expr.attribute.empty() ||
      (hasArguments && !shape.arguments) || !checkOperators(expr))
    fail("has an expression that no source could have");
}

StmtPtr Reader::readStmt(const fbs::Stmt *stored) {
  if (!failure_.ok())
    return nullptr;
  if (depth_ > ast::maxTreeDepth)
    return fail("is nested too deeply");
  if (stored->kind() > fbs::StmtKind::MAX)
    return fail("has an unknown kind of statement");
  ++depth_;
  auto stmt = std::make_unique<ast::Stmt>();
  stmt->kind = static_cast<StmtKind>(stored->kind());
  stmt->position = {stored->line(), stored->column()};
  stmt->name = readText(stored->name());
  stmt->recursive = stored->recursive();
  stmt->scoped = stored->scoped();
  stmt->required = stored->required();
  readParts(*stored, *stmt);
  --depth_;
  if (failure_.ok())
    checkStmt(*stmt);
  if (failure_.ok() && !ast::seal(*stmt))
    fail("is nested too deeply");
  if (!failure_.ok())
    return nullptr;
  return stmt;
}

void Reader::readParts(const fbs::Stmt &stored, ast::Stmt &stmt) {
  for (uint32_t i = 0; stored.parameters() && i < stored.parameters()->size();
       ++i) {
    std::string parameter = readText(stored.parameters()->Get(i));
    if (parameter.empty() || i >= ast::maxParameters ||
        std::find(stmt.parameters.begin(), stmt.parameters.end(), parameter) !=
            stmt.parameters.end())
      return fail<void>("has wrong parameters");
    stmt.parameters.push_back(std::move(parameter));
  }
  stmt.expressions =
      readExprs(stored.expressions(),
                stmt.kind == StmtKind::Output ? Role::Printed : Role::Value);
  stmt.target = readExpr(stored.target(), Role::Target);
  stmt.targets = readExprs(stored.targets(), Role::Target);
  bool filters =
      stmt.kind == StmtKind::SetBlock || stmt.kind == StmtKind::FilterBlock;
  stmt.value =
      readExpr(stored.value(), filters ? Role::BlockFilter : Role::Value);
  stmt.test = readExpr(stored.test(), Role::Value);
  stmt.body = readStmts(stored.body());
  stmt.branches = readStmts(stored.branches());
  stmt.elseBody = readStmts(stored.else_body());
}

void Reader::checkStmt(const ast::Stmt &stmt) {
  using S = StmtShape;
  unsigned present = 0;
  auto note = [&](bool isThere, S::Field field) {
    if (isThere)
      present |= field;
  };
  note(!stmt.name.empty(), S::Name);
  note(!stmt.parameters.empty(), S::Parameters);
  note(!stmt.expressions.empty(), S::Expressions);
  note(stmt.target != nullptr, S::Target);
  note(!stmt.targets.empty(), S::Targets);
  note(stmt.value != nullptr, S::Value);
  note(stmt.test != nullptr, S::Test);
  note(!stmt.body.empty(), S::Body);
  note(!stmt.branches.empty(), S::Branches);
  note(!stmt.elseBody.empty(), S::Else);
  StmtShape shape = shapeOf(stmt.kind);
  bool fits = (present & shape.required) == shape.required &&
              (present & ~(shape.required | shape.optional)) == 0;
  bool isMacro =
      stmt.kind == StmtKind::Macro || stmt.kind == StmtKind::CallBlock;
  if (isMacro)
    fits &= stmt.expressions.size() <= stmt.parameters.size();
  if (stmt.kind == StmtKind::CallBlock && stmt.value)
    fits &= stmt.value->kind == ExprKind::Call;
  if (stmt.kind == StmtKind::With)
    fits &= stmt.expressions.size() == stmt.targets.size();
  for (const StmtPtr &branch : stmt.branches)
    fits &= branch->kind == StmtKind::If && branch->branches.empty() &&
            branch->elseBody.empty();
  fits &= !stmt.recursive || stmt.kind == StmtKind::For;
  fits &= !(stmt.scoped || stmt.required) || stmt.kind == StmtKind::Block;
  if (!fits)
    fail("has a statement that no source could have");
}

Result<std::unique_ptr<ast::Template>>
Reader::read(const fbs::Template &stored) {
  auto tree = std::make_unique<ast::Template>();
  tree->source = readText(stored.source());
  tree->body = readStmts(stored.body());
  SWALLOW_TRY(failure_);
  return tree;
}

} // namespace

Result<std::unique_ptr<ast::Template>>
readTemplate(std::span<const uint8_t> bytes) {
  // A copy, for FlatBuffers reads aligned numbers. Tables may be shared, so
  // that few bytes could be a large tree: the verifier counts every visit.
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  flatbuffers::Verifier verifier(copy.data(), copy.size(),
                                 2 * ast::maxTreeDepth + 4,
                                 4 * static_cast<uint32_t>(maxTokens));
  if (!fbs::VerifyTemplateBuffer(verifier))
    return Error{ErrorCode::Corrupt, "this is no compiled template"};
  return Reader().read(*fbs::GetTemplate(copy.data()));
}

} // namespace swallow::jinja
