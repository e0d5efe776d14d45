//===- SelectFilters.cpp - map, select and their kin ----------------------===//
//
// They give generators: nothing is looked up or refused before an item is
// asked for.
//
//===----------------------------------------------------------------------===//

#include "runtime/jinja/library/Arguments.h"
#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/value/Operators.h"

#include <array>

namespace swallow::jinja {

namespace {

Error noneNamed(std::string_view kind, const Value &name, Environment &env) {
  Result<std::string> text = repr(name, env);
  if (!text)
    return text.error();
  std::string message = "No ";
  message.append(kind).append(" named ").append(*text).append(".");
  if (name.isUndefined()) {
    // The class is not a part of what Python quotes.
    std::string reason = name.asUndefined().error().message;
    reason.erase(0, reason.find(": ") + 2);
    message += " (" + reason + "; did you forget to quote the callable name?)";
  }
  return templateRuntimeError(message);
}

Arguments withoutFirst(const Arguments &arguments, size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<long>(count));
  return rest;
}

//===----------------------------------------------------------------------===//
// map
//===----------------------------------------------------------------------===//

struct Mapping {
  Value input;
  Arguments arguments;
  Ref<Iterator> items;
  std::optional<AttributeGetter> attribute;
  Filter filter = nullptr;

  Status prepare(Environment &env) {
    if (arguments.positional.empty() && arguments.find("attribute"))
      return prepareAttribute(env);
    if (arguments.positional.empty())
      return filterArgumentError("map requires a filter argument");
    return {};
  }

  Status prepareAttribute(Environment &env) {
    for (const NamedValue &argument : arguments.named)
      if (argument.name != "attribute" && argument.name != "default")
        return filterArgumentError("Unexpected keyword argument " +
                                   reprText(argument.name));
    SWALLOW_ASSIGN(
        AttributeGetter getter,
        AttributeGetter::create(*arguments.find("attribute"), false, env));
    if (const Value *otherwise = arguments.find("default"))
      getter.setDefault(*otherwise);
    attribute = std::move(getter);
    return {};
  }

  Result<Value> apply(const Value &item, Environment &env) {
    if (attribute)
      return (*attribute)(item, env);
    if (!filter) {
      Value name = arguments.positional[0];
      SWALLOW_TRY(checkHashable(name, &env.budget));
      filter = name.isString() ? findFilter(name.text()) : nullptr;
      if (!filter)
        return noneNamed("filter", name, env);
      arguments = withoutFirst(arguments, 1);
    }
    return filter(item, arguments, env);
  }
};

Result<Value> map(const Value &input, const Arguments &arguments,
                  Environment &env) {
  auto next = [mapping = Mapping{input, arguments, {}, {}}](
                  Environment &env) mutable -> Result<std::optional<Value>> {
    if (!mapping.items) {
      if (!truth(mapping.input))
        return std::optional<Value>();
      SWALLOW_TRY(mapping.prepare(env));
      SWALLOW_ASSIGN(mapping.items, iterate(mapping.input, env));
    }
    SWALLOW_ASSIGN(std::optional<Value> item, mapping.items->next(env));
    if (!item)
      return item;
    SWALLOW_ASSIGN(Value result, mapping.apply(*item, env));
    return std::optional<Value>(std::move(result));
  };
  return makeGenerator("sync_do_map", input, std::move(next), env);
}

//===----------------------------------------------------------------------===//
// select, reject, selectattr, rejectattr
//===----------------------------------------------------------------------===//

struct Selection {
  Value input;
  Arguments arguments;
  bool keep;
  bool byAttribute;
  Ref<Iterator> items;
  AttributeGetter attribute;
  std::optional<Value> name;
  Test test = nullptr;

  Status prepare(Environment &env) {
    if (byAttribute) {
      if (arguments.positional.empty())
        return filterArgumentError("Missing parameter for attribute name");
      SWALLOW_ASSIGN(attribute, AttributeGetter::create(arguments.positional[0],
                                                        false, env));
      arguments = withoutFirst(arguments, 1);
    }
    if (!arguments.positional.empty()) {
      name = arguments.positional[0];
      arguments = withoutFirst(arguments, 1);
    }
    return {};
  }

  Result<bool> passes(const Value &item, Environment &env) {
    SWALLOW_ASSIGN(Value value, attribute(item, env));
    if (!name)
      return truth(value);
    if (!test) {
      SWALLOW_TRY(checkHashable(*name, &env.budget));
      test = name->isString() ? findTest(name->text()) : nullptr;
      if (!test)
        return noneNamed("test", *name, env);
    }
    return test(value, arguments, env);
  }
};

template <bool Keep, bool ByAttribute>
Result<Value> select(const Value &input, const Arguments &arguments,
                     Environment &env) {
  auto next = [selection =
                   Selection{input, arguments, Keep, ByAttribute, {}, {}, {}}](
                  Environment &env) mutable -> Result<std::optional<Value>> {
    if (!selection.items) {
      if (!truth(selection.input))
        return std::optional<Value>();
      SWALLOW_TRY(selection.prepare(env));
      SWALLOW_ASSIGN(selection.items, iterate(selection.input, env));
    }
    while (true) {
      SWALLOW_TRY(env.budget.step());
      SWALLOW_ASSIGN(std::optional<Value> item, selection.items->next(env));
      if (!item)
        return item;
      SWALLOW_ASSIGN(bool passes, selection.passes(*item, env));
      if (passes == selection.keep)
        return item;
    }
  };
  return makeGenerator("select_or_reject", input, std::move(next), env);
}

//===----------------------------------------------------------------------===//
// attr, default
//===----------------------------------------------------------------------===//

Result<Value> attribute(const Value &input, const Arguments &arguments,
                        Environment &env) {
  static const Signature signature("do_attr", 2, 1, {"name"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  const Value &name = *bound[0];
  SWALLOW_TRY(checkHashable(name, &env.budget));
  if (!name.isString())
    return typeError("attribute name must be string, not '" +
                     std::string(name.typeName()) + "'");
  SWALLOW_ASSIGN(std::optional<Value> found,
                 getAttributeOnly(input, name.text(), env));
  return found ? *found : Value::undefined(input, name, &env.budget);
}

Result<Value> defaultFilter(const Value &input, const Arguments &arguments,
                            Environment &env) {
  static const Signature signature("do_default", 1, 0,
                                   {"default_value", "boolean"});
  SWALLOW_ASSIGN(Bound bound, signature.bind(arguments));
  bool boolean = bound[1] && truth(*bound[1]);
  if (!input.isUndefined() && !(boolean && !truth(input)))
    return input;
  return bound[0] ? *bound[0] : Value::string("", &env.budget);
}

constexpr std::array<NamedFilter, 8> filters = {{
    {"attr", attribute},
    {"d", defaultFilter},
    {"default", defaultFilter},
    {"map", map},
    {"reject", select<false, false>},
    {"rejectattr", select<false, true>},
    {"select", select<true, false>},
    {"selectattr", select<true, true>},
}};

} // namespace

std::span<const NamedFilter> selectFilters() { return filters; }

} // namespace swallow::jinja
