//===- Activation.cpp -----------------------------------------------------===//

#include "runtime/jinja/interpreter/Activation.h"

#include "runtime/jinja/library/Library.h"

namespace swallow::jinja {

Context::Context(const Value &input, Budget *budget)
    : CustomObject(budget), input_(input) {
  charge(sizeof(*this));
}

Context::Context(Ref<Context> base, Budget *budget)
    : CustomObject(budget), base_(std::move(base)) {
  charge(sizeof(*this));
}

void Context::set(const std::string &name, const Value &value) {
  auto [found, isNew] = variables_.insert_or_assign(name, value);
  if (isNew)
    charge(sizeof(*found) + name.size());
}

std::optional<Value> Context::resolve(std::string_view name) const {
  for (const Context *at = this; at; at = at->base_.get()) {
    if (auto found = at->variables_.find(name); found != at->variables_.end())
      return found->second;
    if (at->base_)
      continue;
    if (const Value *value = at->input_.asDict().find(name))
      return *value;
  }
  return findGlobal(name);
}

Activation::Activation(uint32_t slots, Ref<Activation> parent,
                       Ref<Context> context, Budget *budget)
    : CustomObject(budget), slots_(slots), parent_(std::move(parent)),
      context_(std::move(context)) {
  charge(sizeof(*this) + slots * sizeof(slots_[0]));
}

std::optional<Value> &Activation::at(ast::Slot slot) {
  Activation *activation = this;
  for (uint32_t i = 0; i < slot.hops; ++i)
    activation = activation->parent_.get();
  return activation->slots_[slot.index];
}

void Activation::enter(const ast::Scope &scope) {
  for (const ast::Load &load : scope.loads) {
    switch (load.action) {
    case ast::Load::Resolve:
      slots_[load.target] = context_->resolve(load.name);
      break;
    case ast::Load::Alias:
      slots_[load.target] = at(load.source);
      break;
    case ast::Load::Undefined:
      slots_[load.target].reset();
      break;
    case ast::Load::Parameter:
      break;
    }
  }
}

void Activation::leave(const ast::Scope &scope) {
  for (const ast::Load &load : scope.loads)
    slots_[load.target].reset();
}

void Activation::capture(Environment &env) {
  if (captured_)
    return;
  captured_ = true;
  env.adopt(Ref<CustomObject>(this));
}

void Activation::clear() {
  for (std::optional<Value> &slot : slots_)
    slot.reset();
}

} // namespace swallow::jinja
