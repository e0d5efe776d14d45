//===- RenderObjects.cpp --------------------------------------------------===//

#include "runtime/jinja/interpreter/RenderObjects.h"

#include "runtime/jinja/interpreter/Interpreter.h"

#include <algorithm>

namespace swallow::jinja {

namespace {

/// `loop.cycle` or `loop.changed`.
class LoopMethod final : public CustomObject {
public:
  using Method = Result<Value> (LoopObject::*)(const Arguments &,
                                               Environment &);
  LoopMethod(LoopObject &loop, std::string_view name, Method method,
             Budget *budget)
      : CustomObject(budget), loop_(&loop), name_(name), method_(method) {
    charge(sizeof(*this));
    holds(loop.depth());
  }
  std::string_view typeName() const override { return "method"; }
  Result<std::string> repr(Environment &env, unsigned depth) const override {
    SWALLOW_ASSIGN(std::string loop, loop_->repr(env, depth));
    return "<bound method LoopContext." + std::string(name_) + " of " + loop +
           ">";
  }
  bool isCallable() const override { return true; }
  Result<Value> call(const Arguments &arguments, Environment &env) override {
    if (!arguments.named.empty())
      return typeError("LoopContext." + std::string(name_) +
                       "() got an unexpected keyword argument '" +
                       arguments.named.front().name + "'");
    return (loop_.get()->*method_)(arguments, env);
  }

private:
  Ref<LoopObject> loop_;
  std::string_view name_;
  Method method_;
};

Value ofText(std::string_view text, Environment &env) {
  return Value::string(std::string(text), &env.budget);
}

Value ofCount(size_t count) {
  return Value::integer(static_cast<int64_t>(count));
}

} // namespace

MacroObject::MacroObject(Interpreter &interpreter, const ast::Stmt &stmt,
                         Ref<Activation> outer, Environment &env)
    : CustomObject(&env.budget), interpreter_(interpreter), stmt_(stmt),
      outer_(std::move(outer)) {
  charge(sizeof(*this));
  outer_->capture(env);
}

Result<std::string> MacroObject::repr(Environment &env, unsigned depth) const {
  return stmt_.kind == ast::StmtKind::Macro
             ? "<Macro " + reprText(stmt_.name) + ">"
             : std::string("<Macro anonymous>");
}

Result<std::optional<Value>> MacroObject::attribute(std::string_view name,
                                                    Environment &env) {
  const ast::MacroInfo &info = *stmt_.macro;
  if (name == "name")
    return std::optional<Value>(stmt_.kind == ast::StmtKind::Macro
                                    ? ofText(stmt_.name, env)
                                    : Value::none());
  if (name == "arguments") {
    std::vector<Value> names;
    names.reserve(stmt_.parameters.size());
    for (const std::string &parameter : stmt_.parameters)
      names.push_back(ofText(parameter, env));
    return std::optional<Value>(Value::tuple(std::move(names), &env.budget));
  }
  if (name == "catch_kwargs")
    return std::optional<Value>(Value::boolean(info.kwargs.has_value()));
  if (name == "catch_varargs")
    return std::optional<Value>(Value::boolean(info.varargs.has_value()));
  if (name == "caller")
    return std::optional<Value>(Value::boolean(info.accessesCaller));
  if (name == "explicit_caller")
    return std::optional<Value>(Value::boolean(
        std::find(stmt_.parameters.begin(), stmt_.parameters.end(), "caller") !=
        stmt_.parameters.end()));
  return std::optional<Value>();
}

Result<Value> MacroObject::call(const Arguments &arguments, Environment &env) {
  return interpreter_.callMacro(stmt_, outer_, arguments);
}

LoopObject::LoopObject(Interpreter &interpreter, const ast::Stmt &stmt,
                       Ref<Activation> outer, const Value &iterable,
                       Ref<Iterator> items, size_t depth, Environment &env)
    : CustomObject(&env.budget), interpreter_(interpreter), stmt_(stmt),
      outer_(std::move(outer)), iterable_(iterable), items_(std::move(items)),
      depth0_(depth) {
  charge(sizeof(*this));
  holds(iterable.depth());
  if (outer_)
    outer_->capture(env);
  // Items that are made while the loop runs may contain the loop. Those of a
  // list cannot: it is older.
  if (iterable.isCustom()) {
    adopted_ = true;
    env.adopt(Ref<CustomObject>(this));
  }
}

void LoopObject::clear() {
  items_ = {};
  after_.reset();
  current_.reset();
  before_.reset();
  lastChanged_.reset();
}

Result<size_t> LoopObject::count(Environment &env) const {
  if (length_)
    return *length_;
  bool isSized = true;
  if (iterable_.isCustom()) {
    SWALLOW_ASSIGN(std::optional<size_t> known,
                   iterable_.asCustom().length(env));
    isSized = known.has_value();
  }
  if (isSized) {
    SWALLOW_ASSIGN(length_, jinja::length(iterable_, env));
    return *length_;
  }
  std::vector<Value> rest;
  while (true) {
    SWALLOW_ASSIGN(std::optional<Value> item, items_->next(env));
    if (!item)
      break;
    SWALLOW_TRY(env.budget.reserve(sizeof(Value)));
    rest.push_back(std::move(*item));
  }
  length_ = rest.size() + static_cast<size_t>(index()) + after_.has_value();
  SWALLOW_ASSIGN(
      items_, jinja::iterate(Value::list(std::move(rest), &env.budget), env));
  return *length_;
}

Result<std::optional<size_t>> LoopObject::length(Environment &env) {
  SWALLOW_ASSIGN(size_t items, count(env));
  return std::optional<size_t>(items);
}

Result<std::string> LoopObject::repr(Environment &env, unsigned depth) const {
  SWALLOW_ASSIGN(size_t items, count(env));
  return "<LoopContext " + std::to_string(index()) + "/" +
         std::to_string(items) + ">";
}

// The next item, which stays the next one.
Result<const std::optional<Value> *> LoopObject::peek(Environment &env) {
  if (!after_) {
    SWALLOW_ASSIGN(after_, items_->next(env));
  }
  return &after_;
}

Result<std::optional<Value>> LoopObject::next(Environment &env) {
  SWALLOW_TRY(peek(env));
  if (!after_)
    return std::optional<Value>();
  ++index0_;
  before_ = std::move(current_);
  current_ = std::exchange(after_, std::nullopt);
  return current_;
}

Result<std::optional<Value>> LoopObject::attribute(std::string_view name,
                                                   Environment &env) {
  auto give = [](Value value) {
    return std::optional<Value>(std::move(value));
  };
  if (name == "index0")
    return give(Value::integer(index0_));
  if (name == "index")
    return give(Value::integer(index()));
  if (name == "first")
    return give(Value::boolean(index0_ == 0));
  if (name == "depth0")
    return give(ofCount(depth0_));
  if (name == "depth")
    return give(ofCount(depth0_ + 1));
  if (name == "length" || name == "revindex" || name == "revindex0") {
    SWALLOW_ASSIGN(size_t items, count(env));
    auto length = static_cast<int64_t>(items);
    return give(Value::integer(name == "length"     ? length
                               : name == "revindex" ? length - index0_
                                                    : length - index()));
  }
  if (name == "last" || name == "nextitem") {
    SWALLOW_ASSIGN(const std::optional<Value> *after, peek(env));
    if (name == "last")
      return give(Value::boolean(!after->has_value()));
    return give(
        *after ? **after
               : Value::undefinedHint("there is no next item", &env.budget));
  }
  if (name == "previtem")
    return give(before_ ? *before_
                        : Value::undefinedHint("there is no previous item",
                                               &env.budget));
  if (name == "cycle" || name == "changed") {
    bool cycles = name == "cycle";
    return give(Value::custom(Ref<CustomObject>(new LoopMethod(
        *this, cycles ? "cycle" : "changed",
        cycles ? &LoopObject::cycle : &LoopObject::changed, &env.budget))));
  }
  return std::optional<Value>();
}

Result<Value> LoopObject::cycle(const Arguments &arguments, Environment &env) {
  if (arguments.positional.empty())
    return typeError("no items for cycling given");
  return arguments
      .positional[static_cast<size_t>(index0_) % arguments.positional.size()];
}

Result<Value> LoopObject::changed(const Arguments &arguments,
                                  Environment &env) {
  Value values = Value::tuple(arguments.positional, &env.budget);
  if (lastChanged_) {
    SWALLOW_ASSIGN(bool same, equal(*lastChanged_, values, env));
    if (same)
      return Value::boolean(false);
  }
  // It may be the loop itself that is asked about.
  bool isPlain = std::none_of(
      arguments.positional.begin(), arguments.positional.end(),
      [](const Value &value) { return value.isCustom() || value.depth() > 1; });
  if (!isPlain && !adopted_) {
    adopted_ = true;
    env.adopt(Ref<CustomObject>(this));
  }
  lastChanged_ = std::move(values);
  return Value::boolean(true);
}

Result<Value> LoopObject::call(const Arguments &arguments, Environment &env) {
  const Value *iterable = arguments.positional.size() == 1
                              ? &arguments.positional.front()
                              : arguments.find("iterable");
  if (!iterable || arguments.positional.size() + arguments.named.size() != 1)
    return typeError("LoopContext.__call__() takes one argument: the items");
  if (!outer_)
    return typeError("The loop must have the 'recursive' marker to be called "
                     "recursively.");
  return interpreter_.callLoop(stmt_, outer_, *iterable, depth0_ + 1);
}

LoopFilter::LoopFilter(Interpreter &interpreter, const ast::Stmt &stmt,
                       Ref<Activation> variables, Ref<Iterator> items,
                       Environment &env)
    : Iterator(&env.budget), interpreter_(interpreter), stmt_(stmt),
      variables_(std::move(variables)), items_(std::move(items)) {
  charge(sizeof(*this));
  holds(items_->depth());
}

Result<std::optional<Value>> LoopFilter::next(Environment &env) {
  while (items_) {
    SWALLOW_ASSIGN(std::optional<Value> item, items_->next(env));
    if (!item)
      break;
    SWALLOW_ASSIGN(item, interpreter_.filterItem(stmt_, *variables_, *item));
    if (item)
      return item;
  }
  return std::optional<Value>();
}

void LoopFilter::clear() {
  items_ = {};
  variables_->clear();
}

SelfObject::SelfObject(Interpreter &interpreter, Ref<Context> context,
                       Budget *budget)
    : CustomObject(budget), interpreter_(interpreter),
      context_(std::move(context)) {
  charge(sizeof(*this));
}

Result<std::string> SelfObject::repr(Environment &env, unsigned depth) const {
  return std::string("<TemplateReference None>");
}

Result<std::optional<Value>> SelfObject::item(const Value &key,
                                              Environment &env) {
  const ast::Stmt *block =
      key.isString() ? interpreter_.findBlock(key.text()) : nullptr;
  if (!block)
    return std::optional<Value>();
  return std::optional<Value>(Value::custom(Ref<CustomObject>(
      new BlockObject(interpreter_, *block, context_, &env.budget))));
}

BlockObject::BlockObject(Interpreter &interpreter, const ast::Stmt &stmt,
                         Ref<Context> context, Budget *budget)
    : CustomObject(budget), interpreter_(interpreter), stmt_(stmt),
      context_(std::move(context)) {
  charge(sizeof(*this));
}

Result<std::optional<Value>> BlockObject::attribute(std::string_view name,
                                                    Environment &env) {
  if (name == "name")
    return std::optional<Value>(ofText(stmt_.name, env));
  if (name == "super")
    return std::optional<Value>(noParentBlock(stmt_, env));
  return std::optional<Value>();
}

Result<Value> BlockObject::call(const Arguments &arguments, Environment &env) {
  if (!arguments.positional.empty() || !arguments.named.empty())
    return typeError("BlockReference.__call__() takes no arguments");
  return interpreter_.callBlock(stmt_, context_);
}

Value noParentBlock(const ast::Stmt &block, Environment &env) {
  return Value::undefinedHint("there is no parent block called " +
                                  reprText(block.name) + ".",
                              &env.budget);
}

} // namespace swallow::jinja
