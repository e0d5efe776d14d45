//===- Attributes.cpp - `attribute` arguments -----------------------------===//

#include "runtime/jinja/library/filters/Filters.h"
#include "runtime/jinja/library/text/Text.h"
#include "runtime/jinja/value/Numbers.h"
#include "runtime/jinja/value/Operators.h"
#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

namespace swallow::jinja {

namespace {

/// str.isdigit().
bool isDigits(std::string_view text) {
  for (size_t i = 0; i < text.size(); i += utf8Length(text[i]))
    if (!isDigit(decodeUtf8(text.substr(i))))
      return false;
  return !text.empty();
}

} // namespace

Result<AttributeGetter> AttributeGetter::create(const Value &attribute,
                                                bool ignoreCase,
                                                Environment &env) {
  AttributeGetter getter;
  getter.ignoreCase_ = ignoreCase;
  if (attribute.isString()) {
    SWALLOW_TRY(env.budget.reserve(countOf(attribute.text(), ".") + 1,
                                   sizeof(Value) + sizeof(StringObject)));
    for (std::string_view part : split(attribute.text(), ".", -1)) {
      if (isDigits(part)) {
        SWALLOW_ASSIGN(Value number, parseInt(part, 10));
        getter.parts_.push_back(std::move(number));
      } else {
        getter.parts_.push_back(Value::string(std::string(part), &env.budget));
      }
    }
  } else if (!attribute.isNone()) {
    getter.parts_.push_back(attribute);
  }
  return getter;
}

Result<Value> AttributeGetter::operator()(const Value &item,
                                          Environment &env) const {
  Value value = item;
  for (const Value &part : parts_) {
    SWALLOW_ASSIGN(value, getItem(value, part, env));
    if (value.isUndefined() && !default_.isNone())
      value = default_;
  }
  return ignoreCase_ ? foldCase(value, env) : Result<Value>(value);
}

Result<Value> foldCase(const Value &value, Environment &env) {
  if (!value.isString())
    return value;
  SWALLOW_TRY(env.budget.reserve(value.text().size()));
  return Value::string(toLower(value.text()), &env.budget);
}

} // namespace swallow::jinja
