//===- CompiledFormWriter.cpp ---------------------------------------------===//

#include "runtime/jinja/CompiledForm.h"

#include "runtime/jinja/template_generated.h"

namespace swallow::jinja {

using ast::ExprPtr;
using ast::StmtPtr;

namespace {

class Writer {
public:
  std::vector<uint8_t> write(const ast::Template &tree) {
    auto source = builder_.CreateString(tree.source);
    auto body = writeAll(tree.body);
    builder_.Finish(fbs::CreateTemplate(builder_, source, body),
                    fbs::TemplateIdentifier());
    return {builder_.GetBufferPointer(),
            builder_.GetBufferPointer() + builder_.GetSize()};
  }

private:
  template <typename T> using Offset = flatbuffers::Offset<T>;
  template <typename T> using Offsets = Offset<flatbuffers::Vector<Offset<T>>>;

  Offset<flatbuffers::String> writeText(const std::string &text) {
    return text.empty() ? Offset<flatbuffers::String>()
                        : builder_.CreateString(text);
  }
  template <typename T>
  Offsets<T> writeVector(const std::vector<Offset<T>> &v) {
    return v.empty() ? Offsets<T>() : builder_.CreateVector(v);
  }
  Offsets<fbs::Expr> writeAll(const std::vector<ExprPtr> &exprs) {
    std::vector<Offset<fbs::Expr>> offsets;
    offsets.reserve(exprs.size());
    for (const ExprPtr &expr : exprs)
      offsets.push_back(write(expr.get()));
    return writeVector(offsets);
  }
  Offsets<fbs::Stmt> writeAll(const std::vector<StmtPtr> &stmts) {
    std::vector<Offset<fbs::Stmt>> offsets;
    offsets.reserve(stmts.size());
    for (const StmtPtr &stmt : stmts)
      offsets.push_back(write(*stmt));
    return writeVector(offsets);
  }
  Offset<fbs::Expr> write(const ast::Expr *expr);
  Offset<fbs::Stmt> write(const ast::Stmt &stmt);

  flatbuffers::FlatBufferBuilder builder_;
};

Writer::Offset<fbs::Expr> Writer::write(const ast::Expr *expr) {
  if (!expr)
    return {};
  auto text = writeText(expr->text);
  auto attribute = writeText(expr->attribute);
  Offset<flatbuffers::Vector<uint8_t>> operators;
  if (!expr->operators.empty())
    operators = builder_.CreateVector(expr->operators);
  auto operands = writeAll(expr->operands);
  auto positional = writeAll(expr->positional);
  std::vector<Offset<fbs::Keyword>> keywords;
  for (const ast::Keyword &keyword : expr->keywords) {
    auto name = writeText(keyword.name);
    auto value = write(keyword.value.get());
    keywords.push_back(fbs::CreateKeyword(builder_, name, value));
  }
  auto keywordVector = writeVector(keywords);
  auto star = write(expr->star.get());
  auto doubleStar = write(expr->doubleStar.get());
  return fbs::CreateExpr(builder_, static_cast<fbs::ExprKind>(expr->kind),
                         expr->position.line, expr->position.column, text,
                         attribute, expr->integer, expr->number, operators,
                         operands, positional, keywordVector, star, doubleStar);
}

Writer::Offset<fbs::Stmt> Writer::write(const ast::Stmt &stmt) {
  auto name = writeText(stmt.name);
  std::vector<Offset<flatbuffers::String>> parameters;
  parameters.reserve(stmt.parameters.size());
  for (const std::string &parameter : stmt.parameters)
    parameters.push_back(builder_.CreateString(parameter));
  auto parameterVector = writeVector(parameters);
  auto expressions = writeAll(stmt.expressions);
  auto target = write(stmt.target.get());
  auto targets = writeAll(stmt.targets);
  auto value = write(stmt.value.get());
  auto test = write(stmt.test.get());
  auto body = writeAll(stmt.body);
  auto branches = writeAll(stmt.branches);
  auto elseBody = writeAll(stmt.elseBody);
  return fbs::CreateStmt(builder_, static_cast<fbs::StmtKind>(stmt.kind),
                         stmt.position.line, stmt.position.column, name,
                         parameterVector, expressions, target, targets, value,
                         test, body, branches, elseBody, stmt.recursive,
                         stmt.scoped, stmt.required);
}

} // namespace

std::vector<uint8_t> writeTemplate(const ast::Template &tree) {
  return Writer().write(tree);
}

} // namespace swallow::jinja
