//===- Calls.cpp ----------------------------------------------------------===//

#include "runtime/jinja/interpreter/Interpreter.h"
#include "runtime/jinja/interpreter/RenderObjects.h"

#include <algorithm>

namespace swallow::jinja {

using ast::Stmt;
using ast::StmtKind;

Result<Interpreter::Flow>
Interpreter::loop(const Stmt &stmt, Activation &variables, Output &out) {
  SWALLOW_ASSIGN(Value iterable, evaluate(*stmt.value, variables));
  Ref<Activation> outer(&variables);
  if (!stmt.recursive)
    return runLoop(stmt, outer, variables, iterable, 0, out);
  SWALLOW_ASSIGN(Value text, callLoop(stmt, outer, iterable, 0));
  SWALLOW_TRY(out.append(text.text()));
  return Flow::Normal;
}

Result<Value> Interpreter::callLoop(const Stmt &stmt,
                                    const Ref<Activation> &outer,
                                    const Value &iterable, size_t depth) {
  SWALLOW_ASSIGN(Ref<Activation> variables,
                 newActivation(stmt.loop->loopSlots, outer, outer->context()));
  Output buffer(env_);
  SWALLOW_TRY(runLoop(stmt, outer, *variables, iterable, depth, buffer));
  return textValue(buffer.take(), escapes(stmt.escaping));
}

// `outer` is the function that the loop stands in, `variables` the one that its
// body runs in: another one where it is recursive.
Result<Interpreter::Flow> Interpreter::runLoop(const Stmt &stmt,
                                               const Ref<Activation> &outer,
                                               Activation &variables,
                                               const Value &iterable,
                                               size_t depth, Output &out) {
  const ast::LoopInfo &info = *stmt.loop;
  Value source = iterable;
  auto iterator = iterate(source, env_);
  if (!iterator)
    return locate(stmt.value->position, iterator.error());
  Ref<Iterator> items = std::move(*iterator);
  if (stmt.test) {
    outer->capture(env_);
    SWALLOW_ASSIGN(Ref<Activation> own,
                   newActivation(info.testSlots, outer, outer->context()));
    SWALLOW_TRY(enter(info.test, *own));
    items =
        Ref<Iterator>(new LoopFilter(*this, stmt, std::move(own), items, env_));
    source = Value::custom(Ref<CustomObject>(items.get()));
  }
  Ref<LoopObject> object;
  Value objectValue;
  if (info.loopSlot) {
    variables.own(*info.loopSlot).reset();
    object = makeRef<LoopObject>(*this, stmt,
                                 stmt.recursive ? outer : Ref<Activation>(),
                                 source, items, depth, env_);
    objectValue = Value::custom(Ref<CustomObject>(object.get()));
  }
  // Like jinja2's indicator, it does not see iterations that end early.
  bool completed = false;
  while (true) {
    SWALLOW_TRY(env_.budget.step());
    SWALLOW_ASSIGN(std::optional<Value> item,
                   object ? object->next(env_) : items->next(env_));
    if (!item)
      break;
    SWALLOW_ASSIGN(Flow flow,
                   runLoopBody(stmt, variables, *item,
                               object ? &objectValue : nullptr, out));
    if (flow == Flow::Break)
      break;
    completed |= flow == Flow::Normal;
  }
  variables.leave(info.body);
  if (completed || stmt.elseBody.empty())
    return Flow::Normal;
  SWALLOW_TRY(enter(info.otherwise, variables));
  SWALLOW_ASSIGN(Flow flow, execute(stmt.elseBody, variables, out));
  variables.leave(info.otherwise);
  return flow;
}

Result<Interpreter::Flow> Interpreter::runLoopBody(const Stmt &stmt,
                                                   Activation &variables,
                                                   const Value &item,
                                                   const Value *loopObject,
                                                   Output &out) {
  SWALLOW_TRY(assign(*stmt.target, item, variables));
  if (loopObject)
    variables.own(*stmt.loop->loopSlot) = *loopObject;
  SWALLOW_TRY(enter(stmt.loop->body, variables));
  return execute(stmt.body, variables, out);
}

Result<std::optional<Value>> Interpreter::filterItem(const Stmt &stmt,
                                                     Activation &variables,
                                                     const Value &item) {
  const ast::Expr &target = *stmt.loop->testTarget;
  SWALLOW_TRY(assign(target, item, variables));
  SWALLOW_ASSIGN(bool wanted, test(*stmt.test, variables));
  if (!wanted)
    return std::optional<Value>();
  return std::optional<Value>(readTarget(target, variables));
}

Status Interpreter::defineMacro(const Stmt &stmt, Activation &variables) {
  Value macro = Value::custom(Ref<CustomObject>(
      new MacroObject(*this, stmt, Ref<Activation>(&variables), env_)));
  variables.at(stmt.macro->name) = macro;
  if (stmt.topLevel && !tree_.blocks.empty())
    context_->set(stmt.name, macro);
  return {};
}

Status Interpreter::callBlockStatement(const Stmt &stmt, Activation &variables,
                                       Output &out) {
  Value caller = Value::custom(Ref<CustomObject>(
      new MacroObject(*this, stmt, Ref<Activation>(&variables), env_)));
  SWALLOW_ASSIGN(Value text, evaluateCall(*stmt.value, variables, &caller));
  return printText(text, out);
}

// To jinja2 it is a call block around a function of transformers, which notes
// how much was printed before.
Status Interpreter::generation(const Stmt &stmt, Activation &variables,
                               Output &out) {
  SWALLOW_ASSIGN(Value text, callMacro(stmt, Ref<Activation>(&variables), {}));
  size_t begin = output_.size();
  env_.budget.take(sizeof(Span));
  generation_.push_back({begin, begin + text.text().size()});
  return out.append(text.text());
}

// As jinja2's Macro.__call__ gives its arguments to the function: parameters by
// place, then by name, then `caller`, `kwargs` and `varargs` where the body
// mentions them.
Status Interpreter::bindArguments(const Stmt &stmt, Activation &variables,
                                  const Arguments &arguments) {
  const ast::MacroInfo &info = *stmt.macro;
  std::string name =
      stmt.kind == StmtKind::Macro ? reprText(stmt.name) : std::string("None");
  std::vector<NamedValue> named = arguments.named;
  auto takeNamed = [&](std::string_view wanted) -> std::optional<Value> {
    auto found = std::find_if(
        named.begin(), named.end(),
        [&](const NamedValue &argument) { return argument.name == wanted; });
    if (found == named.end())
      return std::nullopt;
    Value value = std::move(found->value);
    named.erase(found);
    return value;
  };

  size_t count = stmt.parameters.size();
  SWALLOW_TRY(env_.budget.step(count * (1 + named.size())));
  size_t given = std::min(arguments.positional.size(), count);
  for (size_t i = 0; i < given; ++i)
    variables.own(info.parameters[i]) = arguments.positional[i];
  for (size_t i = given; i < count; ++i)
    variables.own(info.parameters[i]) = takeNamed(stmt.parameters[i]);

  if (info.caller) {
    std::optional<Value> caller = takeNamed("caller");
    if (!caller || caller->isNone())
      caller = Value::undefinedHint("No caller defined", &env_.budget);
    variables.own(*info.caller) = std::move(caller);
  }
  if (info.kwargs) {
    auto dict = makeRef<DictObject>(&env_.budget);
    for (NamedValue &argument : named)
      dict->set(argument.name, std::move(argument.value));
    variables.own(*info.kwargs) = Value::dict(dict);
  } else if (!named.empty()) {
    if (takeNamed("caller"))
      return typeError("macro " + name +
                       " was invoked with two values for the special caller "
                       "argument. This is most likely a bug.");
    return typeError("macro " + name + " takes no keyword argument " +
                     reprText(named.front().name));
  }
  if (info.varargs)
    variables.own(*info.varargs) = Value::tuple(
        {arguments.positional.begin() + static_cast<std::ptrdiff_t>(given),
         arguments.positional.end()},
        &env_.budget);
  else if (arguments.positional.size() > count)
    return typeError("macro " + name + " takes not more than " +
                     std::to_string(count) + " argument(s)");
  return {};
}

Result<Value> Interpreter::callMacro(const Stmt &stmt,
                                     const Ref<Activation> &outer,
                                     const Arguments &arguments) {
  const ast::MacroInfo &info = *stmt.macro;
  SWALLOW_ASSIGN(Ref<Activation> variables,
                 newActivation(info.slots, outer, outer->context()));
  SWALLOW_TRY(bindArguments(stmt, *variables, arguments));
  SWALLOW_TRY(enter(info.scope, *variables));
  size_t withoutDefault = stmt.parameters.size() - stmt.expressions.size();
  for (size_t i = 0; i < stmt.parameters.size(); ++i) {
    std::optional<Value> &value = variables->own(info.parameters[i]);
    if (value)
      continue;
    if (i < withoutDefault) {
      value = Value::undefinedHint("parameter " + reprText(stmt.parameters[i]) +
                                       " was not provided",
                                   &env_.budget);
      continue;
    }
    SWALLOW_ASSIGN(Value standard,
                   evaluate(*stmt.expressions[i - withoutDefault], *variables));
    variables->own(info.parameters[i]) = std::move(standard);
  }
  Output buffer(env_);
  SWALLOW_TRY(execute(stmt.body, *variables, buffer));
  return textValue(buffer.take(), env_.autoescape);
}

} // namespace swallow::jinja
