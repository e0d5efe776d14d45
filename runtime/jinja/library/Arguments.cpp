//===- Arguments.cpp ------------------------------------------------------===//

#include "runtime/jinja/library/Arguments.h"

#include "runtime/jinja/value/Operators.h"

#include <algorithm>
#include <cassert>

namespace swallow::jinja {

Signature::Signature(std::string_view function, size_t given, size_t required,
                     std::initializer_list<std::string_view> parameters)
    : function_(function), parameters_(parameters), given_(given),
      required_(required) {
  assert(parameters.size() <= maxParameters);
}

Error Signature::tooMany(size_t count) const {
  size_t most = given_ + parameters_.size();
  std::string message(function_);
  message += "() takes ";
  if (required_ < parameters_.size())
    message += "from " + std::to_string(given_ + required_) + " to ";
  message += std::to_string(most) + " positional argument";
  message += most == 1 ? "" : "s";
  message += " but " + std::to_string(given_ + count) + " were given";
  return typeError(message);
}

Error Signature::missing(const Bound &bound) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < required_; ++i)
    if (!bound[i])
      names.push_back("'" + std::string(parameters_[i]) + "'");
  std::string message(function_);
  message += "() missing " + std::to_string(names.size()) +
             " required positional argument" + (names.size() == 1 ? "" : "s") +
             ": ";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0)
      message += names.size() == 2       ? " and "
                 : i + 1 == names.size() ? ", and "
                                         : ", ";
    message += names[i];
  }
  return typeError(message);
}

Result<Bound> Signature::bind(const Arguments &arguments) const {
  Bound bound{};
  size_t count = arguments.positional.size();
  for (size_t i = 0; i < std::min(count, parameters_.size()); ++i)
    bound[i] = &arguments.positional[i];
  for (const NamedValue &argument : arguments.named) {
    auto parameter = std::ranges::find(parameters_, argument.name);
    if (parameter == parameters_.end())
      return typeError(std::string(function_) +
                       "() got an unexpected keyword argument '" +
                       argument.name + "'");
    const Value *&place = bound[parameter - parameters_.begin()];
    if (place)
      return typeError(std::string(function_) +
                       "() got multiple values for argument '" + argument.name +
                       "'");
    place = &argument.value;
  }
  if (count > parameters_.size())
    return tooMany(count);
  for (size_t i = 0; i < required_; ++i)
    if (!bound[i])
      return missing(bound);
  return bound;
}

Status refuseKeywords(const Arguments &arguments, std::string_view type,
                      std::string_view method) {
  if (arguments.named.empty())
    return {};
  std::string name(type);
  if (!name.empty())
    name += '.';
  return typeError(name.append(method) + "() takes no keyword arguments");
}

Status expectArguments(const Arguments &arguments, std::string_view type,
                       std::string_view method, size_t least, size_t most) {
  SWALLOW_TRY(refuseKeywords(arguments, type, method));
  size_t count = arguments.positional.size();
  if (count >= least && count <= most)
    return {};
  std::string qualified(type);
  if (!qualified.empty())
    qualified += '.';
  qualified.append(method).append("() takes ");
  std::string given = " (" + std::to_string(count) + " given)";
  if (most == 0)
    return typeError(qualified + "no arguments" + given);
  if (least == 1 && most == 1)
    return typeError(qualified + "exactly one argument" + given);
  size_t limit = count < least ? least : most;
  std::string message(method);
  message += " expected ";
  if (least != most)
    message += count < least ? "at least " : "at most ";
  message += std::to_string(limit) + (limit == 1 ? " argument" : " arguments") +
             ", got " + std::to_string(count);
  return typeError(message);
}

Status expectInputOnly(const Arguments &arguments, std::string_view function) {
  SWALLOW_TRY(refuseKeywords(arguments, "", function));
  size_t count = arguments.positional.size();
  if (count == 0)
    return {};
  return typeError(std::string(function) + "() takes exactly one argument (" +
                   std::to_string(count + 1) + " given)");
}

Result<int64_t> toIndex(const Value &value) {
  if (value.isIntegral())
    return value.asInt();
  return typeError("'" + std::string(value.typeName()) +
                   "' object cannot be interpreted as an integer");
}

Result<Value> softString(const Value &value, Environment &env) {
  if (value.isString())
    return value;
  SWALLOW_ASSIGN(std::string text, str(value, env));
  return Value::string(std::move(text), &env.budget);
}

} // namespace swallow::jinja
