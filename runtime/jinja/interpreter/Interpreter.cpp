//===- Interpreter.cpp ----------------------------------------------------===//

#include "runtime/jinja/interpreter/Interpreter.h"

#include "runtime/jinja/interpreter/RenderObjects.h"
#include "runtime/jinja/library/Library.h"

namespace swallow::jinja {

using ast::Expr;
using ast::ExprKind;
using ast::ExprPtr;
using ast::Stmt;
using ast::StmtKind;
using ast::StmtPtr;

void Output::settle() {
  env_.budget.take(text_.size() - charged_);
  charged_ = text_.size();
}

Status Output::append(std::string_view text) {
  SWALLOW_TRY(env_.budget.reserve(text.size()));
  text_ += text;
  settle();
  return {};
}

Status Output::print(const Value &value) {
  Status status = appendStr(text_, value, env_);
  settle();
  return status;
}

Interpreter::Interpreter(const ast::Template &tree, const Value &context,
                         Environment &env)
    : tree_(tree), env_(env), context_(makeRef<Context>(context, &env.budget)),
      output_(env), escape_(findFilter("escape")) {
  // Blocks see the top level's macros, which see the context.
  env_.adopt(context_);
}

Result<Ref<Activation>>
Interpreter::newActivation(uint32_t slots, Ref<Activation> parent,
                           const Ref<Context> &context) {
  SWALLOW_TRY(env_.budget.step(1 + slots / 8));
  return makeRef<Activation>(slots, std::move(parent), context, &env_.budget);
}

Result<RenderResult> Interpreter::run() {
  SWALLOW_ASSIGN(Ref<Activation> variables,
                 newActivation(tree_.slots, {}, context_));
  if (tree_.self)
    variables->own(*tree_.self) = Value::custom(
        Ref<CustomObject>(new SelfObject(*this, context_, &env_.budget)));
  SWALLOW_TRY(enter(tree_.scope, *variables));
  SWALLOW_TRY(execute(tree_.body, *variables, output_));
  // What the last value took may have been too much.
  SWALLOW_TRY(env_.budget.step());
  return RenderResult{output_.take(), std::move(generation_)};
}

Result<Interpreter::Flow> Interpreter::execute(const std::vector<StmtPtr> &body,
                                               Activation &variables,
                                               Output &out) {
  for (const StmtPtr &stmt : body) {
    SWALLOW_ASSIGN(Flow flow, execute(*stmt, variables, out));
    if (flow != Flow::Normal)
      return flow;
  }
  return Flow::Normal;
}

Result<Interpreter::Flow>
Interpreter::execute(const Stmt &stmt, Activation &variables, Output &out) {
  if (Status status = env_.budget.step(); !status)
    return locate(stmt.position, status.error());
  Level level(*this);
  if (level.tooDeep())
    return locate(stmt.position, recursionError());
  auto flow = dispatch(stmt, variables, out);
  if (!flow)
    return locate(stmt.position, flow.error());
  return flow;
}

Result<Interpreter::Flow>
Interpreter::dispatch(const Stmt &stmt, Activation &variables, Output &out) {
  switch (stmt.kind) {
  case StmtKind::Output:
    SWALLOW_TRY(print(stmt, variables, out));
    return Flow::Normal;
  case StmtKind::For:
    return loop(stmt, variables, out);
  case StmtKind::If:
    return executeIf(stmt, variables, out);
  case StmtKind::Set:
    SWALLOW_TRY(set(stmt, variables));
    return Flow::Normal;
  case StmtKind::SetBlock:
    return setBlock(stmt, variables);
  case StmtKind::Macro:
    SWALLOW_TRY(defineMacro(stmt, variables));
    return Flow::Normal;
  case StmtKind::CallBlock:
    SWALLOW_TRY(callBlockStatement(stmt, variables, out));
    return Flow::Normal;
  case StmtKind::FilterBlock:
    return filterBlock(stmt, variables, out);
  case StmtKind::With:
    return with(stmt, variables, out);
  case StmtKind::Autoescape:
    return autoescape(stmt, variables, out);
  case StmtKind::Block:
    SWALLOW_TRY(block(stmt, variables, out));
    return Flow::Normal;
  case StmtKind::Generation:
    SWALLOW_TRY(generation(stmt, variables, out));
    return Flow::Normal;
  case StmtKind::Break:
    return Flow::Break;
  case StmtKind::Continue:
    return Flow::Continue;
  }
  return Flow::Normal;
}

Status Interpreter::print(const Stmt &stmt, Activation &variables,
                          Output &out) {
  for (const ExprPtr &expr : stmt.expressions) {
    if (expr->kind == ExprKind::Data) {
      SWALLOW_TRY(out.append(expr->text));
      continue;
    }
    SWALLOW_ASSIGN(Value value, evaluate(*expr, variables));
    Status status;
    if (escapes(expr->kind == ExprKind::Concat ? stmt.escaping
                                               : expr->escaping)) {
      SWALLOW_ASSIGN(Value safe, escape_(value, {}, env_));
      status = out.print(safe);
    } else {
      status = out.print(value);
    }
    if (!status)
      return locate(expr->position, status.error());
  }
  return {};
}

Result<Interpreter::Flow>
Interpreter::executeIf(const Stmt &stmt, Activation &variables, Output &out) {
  SWALLOW_ASSIGN(bool holds, test(*stmt.value, variables));
  if (holds)
    return execute(stmt.body, variables, out);
  for (const StmtPtr &branch : stmt.branches) {
    SWALLOW_ASSIGN(holds, test(*branch->value, variables));
    if (holds)
      return execute(branch->body, variables, out);
  }
  return execute(stmt.elseBody, variables, out);
}

// jinja2 looks at what is assigned to before it evaluates the value.
Status Interpreter::checkNamespaces(const Expr &target, Activation &variables) {
  if (target.kind == ExprKind::NamespaceRef) {
    const std::optional<Value> &value = variables.at(target.slot);
    if (!value || !value->as<NamespaceObject>())
      return locate(target.position,
                    templateRuntimeError(
                        "cannot assign attribute on non-namespace object"));
  }
  for (const ExprPtr &item : target.operands)
    SWALLOW_TRY(checkNamespaces(*item, variables));
  return {};
}

Status Interpreter::assign(const Expr &target, const Value &value,
                           Activation &variables) {
  switch (target.kind) {
  case ExprKind::Name:
    variables.at(target.slot) = value;
    return {};
  case ExprKind::NamespaceRef: {
    SWALLOW_TRY(checkNamespaces(target, variables));
    Status status = variables.at(target.slot)
                        ->as<NamespaceObject>()
                        ->set(target.attribute, value);
    return status ? status : locate(target.position, status.error());
  }
  default:
    return unpack(target, value, variables);
  }
}

Status Interpreter::unpack(const Expr &target, const Value &value,
                           Activation &variables) {
  if (!isIterable(value))
    return locate(target.position,
                  typeError("cannot unpack non-iterable " +
                            std::string(value.typeName()) + " object"));
  size_t wanted = target.operands.size();
  SWALLOW_ASSIGN(Ref<Iterator> items, iterate(value, env_));
  std::vector<Value> values;
  while (values.size() <= wanted) {
    SWALLOW_ASSIGN(std::optional<Value> item, items->next(env_));
    if (!item)
      break;
    values.push_back(std::move(*item));
  }
  if (values.size() < wanted)
    return locate(target.position,
                  valueError("not enough values to unpack (expected " +
                             std::to_string(wanted) + ", got " +
                             std::to_string(values.size()) + ")"));
  if (values.size() > wanted)
    return locate(target.position,
                  valueError("too many values to unpack (expected " +
                             std::to_string(wanted) + ")"));
  for (size_t i = 0; i < wanted; ++i)
    SWALLOW_TRY(assign(*target.operands[i], values[i], variables));
  return {};
}

// What the top level sets is what blocks see.
void Interpreter::publish(const Expr &target, Activation &variables) {
  if (target.kind == ExprKind::Name)
    if (const std::optional<Value> &value = variables.at(target.slot))
      context_->set(target.text, *value);
  for (const ExprPtr &item : target.operands)
    publish(*item, variables);
}

Status Interpreter::set(const Stmt &stmt, Activation &variables) {
  SWALLOW_TRY(checkNamespaces(*stmt.target, variables));
  SWALLOW_ASSIGN(Value value, evaluate(*stmt.value, variables));
  SWALLOW_TRY(assign(*stmt.target, value, variables));
  if (stmt.topLevel && !tree_.blocks.empty())
    publish(*stmt.target, variables);
  return {};
}

Result<Interpreter::Flow> Interpreter::setBlock(const Stmt &stmt,
                                                Activation &variables) {
  SWALLOW_TRY(enter(stmt.scope, variables));
  Output buffer(env_);
  SWALLOW_ASSIGN(Flow flow, execute(stmt.body, variables, buffer));
  if (flow != Flow::Normal)
    return flow;
  Value text = textValue(buffer.take(),
                         stmt.value ? escapes(stmt.escaping) : env_.autoescape);
  if (stmt.value) {
    SWALLOW_ASSIGN(text, applyFilters(*stmt.value, variables, text));
    if (env_.autoescape) {
      SWALLOW_ASSIGN(std::string safe, str(text, env_));
      text = textValue(std::move(safe), true);
    }
  }
  SWALLOW_TRY(assign(*stmt.target, text, variables));
  if (stmt.topLevel && !tree_.blocks.empty())
    publish(*stmt.target, variables);
  variables.leave(stmt.scope);
  return Flow::Normal;
}

Result<Interpreter::Flow>
Interpreter::filterBlock(const Stmt &stmt, Activation &variables, Output &out) {
  SWALLOW_TRY(enter(stmt.scope, variables));
  Output buffer(env_);
  SWALLOW_ASSIGN(Flow flow, execute(stmt.body, variables, buffer));
  if (flow != Flow::Normal)
    return flow;
  Value text = textValue(buffer.take(), escapes(stmt.escaping));
  SWALLOW_ASSIGN(text, applyFilters(*stmt.value, variables, text));
  SWALLOW_TRY(printText(text, out));
  variables.leave(stmt.scope);
  return Flow::Normal;
}

// Output that jinja2 joins without str().
Status Interpreter::printText(const Value &text, Output &out) {
  if (!text.isString())
    return typeError("expected str instance, " + std::string(text.typeName()) +
                     " found");
  return out.append(text.text());
}

Result<Interpreter::Flow>
Interpreter::with(const Stmt &stmt, Activation &variables, Output &out) {
  SWALLOW_TRY(enter(stmt.scope, variables));
  for (size_t i = 0; i < stmt.targets.size(); ++i) {
    SWALLOW_ASSIGN(Value value, evaluate(*stmt.expressions[i], variables));
    SWALLOW_TRY(assign(*stmt.targets[i], value, variables));
  }
  SWALLOW_ASSIGN(Flow flow, execute(stmt.body, variables, out));
  if (flow == Flow::Normal)
    variables.leave(stmt.scope);
  return flow;
}

Result<Interpreter::Flow>
Interpreter::autoescape(const Stmt &stmt, Activation &variables, Output &out) {
  SWALLOW_TRY(enter(stmt.scope, variables));
  SWALLOW_ASSIGN(bool on, test(*stmt.value, variables));
  bool outer = std::exchange(env_.autoescape, on);
  SWALLOW_ASSIGN(Flow flow, execute(stmt.body, variables, out));
  // jinja2's {% break %} leaves the block without putting this back.
  if (flow == Flow::Normal) {
    env_.autoescape = outer;
    variables.leave(stmt.scope);
  }
  return flow;
}

Status Interpreter::block(const Stmt &stmt, Activation &variables,
                          Output &out) {
  if (stmt.required)
    return templateRuntimeError("Required block " + reprText(stmt.name) +
                                " not found");
  Ref<Context> context = variables.context();
  if (stmt.scoped) {
    SWALLOW_TRY(env_.budget.step(stmt.block->visible.size()));
    context = makeRef<Context>(context, &env_.budget);
    env_.adopt(context);
    for (const auto &[name, slot] : stmt.block->visible)
      if (const std::optional<Value> &value = variables.at(slot))
        context->set(name, *value);
  }
  return renderBlock(stmt, context, out);
}

Status Interpreter::renderBlock(const Stmt &stmt, const Ref<Context> &context,
                                Output &out) {
  const ast::BlockInfo &info = *stmt.block;
  SWALLOW_ASSIGN(Ref<Activation> variables,
                 newActivation(info.slots, {}, context));
  if (info.self)
    variables->own(*info.self) = Value::custom(
        Ref<CustomObject>(new SelfObject(*this, context, &env_.budget)));
  if (info.super)
    variables->own(*info.super) = noParentBlock(stmt, env_);
  SWALLOW_TRY(enter(info.scope, *variables));
  SWALLOW_TRY(execute(stmt.body, *variables, out));
  return {};
}

Result<Value> Interpreter::callBlock(const Stmt &stmt,
                                     const Ref<Context> &context) {
  Output buffer(env_);
  SWALLOW_TRY(renderBlock(stmt, context, buffer));
  return textValue(buffer.take(), env_.autoescape);
}

const Stmt *Interpreter::findBlock(std::string_view name) const {
  for (const Stmt *block : tree_.blocks)
    if (block->name == name)
      return block;
  return nullptr;
}

} // namespace swallow::jinja
