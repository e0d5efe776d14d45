//===- JsonNode.cpp - a JSON value that knows where it is -----------------===//

#include "frontends/huggingface/tokenizer/JsonNode.h"

#include <cmath>

using namespace swallow;

JsonNode JsonNode::operator[](const std::string &key) const {
  std::string path = path_.empty() ? key : path_ + "." + key;
  const Json *value = nullptr;
  if (isObject())
    if (auto it = value_->find(key); it != value_->end())
      value = &*it;
  return JsonNode(value, file_, std::move(path));
}

JsonNode JsonNode::operator[](size_t index) const {
  const Json *value =
      isArray() && index < value_->size() ? &(*value_)[index] : nullptr;
  return JsonNode(value, file_, path_ + "[" + std::to_string(index) + "]");
}

std::string JsonNode::place() const {
  std::string result = *file_;
  result += ": ";
  if (!path_.empty())
    result.append(path_).append(": ");
  return result;
}

Error JsonNode::malformed(const std::string &expected) const {
  return {ErrorCode::MalformedFile,
          place() + "expected " + expected + ", found " +
              (value_ ? describeJson(*value_) : "nothing")};
}

Error JsonNode::unsupported(const std::string &component) const {
  return {ErrorCode::UnsupportedTokenizer,
          place() + component + " is not supported"};
}

Error JsonNode::wrap(const Error &error) const {
  return {error.code, place() + error.message};
}

Result<std::string> JsonNode::string() const {
  if (!isString())
    return malformed("a string");
  return *value_->get_ptr<const Json::string_t *>();
}

Result<std::string> JsonNode::string(const std::string &fallback) const {
  if (isMissingOrNull())
    return fallback;
  return string();
}

Result<bool> JsonNode::boolean() const {
  if (!value_ || !value_->is_boolean())
    return malformed("true or false");
  return *value_->get_ptr<const Json::boolean_t *>();
}

Result<bool> JsonNode::boolean(bool fallback) const {
  if (isMissingOrNull())
    return fallback;
  return boolean();
}

Result<uint32_t> JsonNode::number(uint32_t max) const {
  if (value_ && value_->is_number_unsigned()) {
    auto number = *value_->get_ptr<const Json::number_unsigned_t *>();
    if (number <= max)
      return static_cast<uint32_t>(number);
  }
  return malformed("a whole number from 0 to " + std::to_string(max));
}

Result<std::vector<JsonNode>> JsonNode::array() const {
  if (!isArray())
    return malformed("a list");
  std::vector<JsonNode> nodes;
  nodes.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i)
    nodes.push_back((*this)[i]);
  return nodes;
}

Result<const Json::object_t *> JsonNode::object() const {
  if (!isObject())
    return malformed("an object");
  return value_->get_ptr<const Json::object_t *>();
}
