#include "tools/differential/templates/TemplateCase.h"

#include "runtime/jinja/value/Objects.h"

#include <cstdio>

namespace swallow::differential {

using jinja::Value;

Result<Value> valueFromJson(const Json &json) {
  switch (json.type()) {
  case Json::value_t::boolean:
    return Value::boolean(json.get<bool>());
  case Json::value_t::number_integer:
    return Value::integer(json.get<int64_t>());
  case Json::value_t::number_unsigned:
    if (json.get<uint64_t>() > INT64_MAX)
      return Value::number(json.get<double>());
    return Value::integer(json.get<int64_t>());
  case Json::value_t::number_float:
    return Value::number(json.get<double>());
  case Json::value_t::string:
    return Value::string(json.get<std::string>(), nullptr);
  case Json::value_t::array: {
    std::vector<Value> items;
    for (const Json &item : json) {
      SWALLOW_ASSIGN(Value value, valueFromJson(item));
      items.push_back(std::move(value));
    }
    return Value::list(std::move(items), nullptr);
  }
  case Json::value_t::object: {
    auto dict = jinja::makeRef<jinja::DictObject>(nullptr);
    for (const auto &[key, item] : json.items()) {
      SWALLOW_ASSIGN(Value value, valueFromJson(item));
      dict->set(key, std::move(value));
    }
    return Value::dict(std::move(dict));
  }
  case Json::value_t::null:
    return Value::none();
  default:
    return Error{ErrorCode::InvalidArgument, "not JSON"};
  }
}

jinja::RenderOptions optionsAt(int64_t seconds, int32_t microseconds) {
  jinja::RenderOptions options;
  options.clock = [=] { return jinja::LocalTime{seconds, microseconds, 0}; };
  return options;
}

Result<jinja::RenderResult> render(std::string_view source,
                                   const Value &variables,
                                   const jinja::RenderOptions &options) {
  SWALLOW_ASSIGN(std::vector<uint8_t> bytes, jinja::compileTemplate(source));
  SWALLOW_ASSIGN(jinja::Template compiled, jinja::Template::open(bytes));
  return compiled.render(variables, options);
}

Position positionOf(std::string_view message) {
  Position position;
  if (std::sscanf(std::string(message).c_str(), "template line %u, column %u:",
                  &position.line, &position.column) != 2)
    return {};
  return position;
}

} // namespace swallow::differential
