//===- JsonNode.h - a JSON value that knows where it is ---------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_JSONNODE_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_JSONNODE_H

#include "frontends/huggingface/Json.h"
#include "runtime/support/Result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace swallow {

/// A value in a document, or the place where one is missing. Typed access fails
/// with MalformedFile naming the file and the path of the value
/// ("decoder.decoders[1].content") and saying what was expected. Refers to the
/// document and the file name, which must outlive it.
class JsonNode {
public:
  JsonNode(const Json &root, const std::string &file)
      : value_(&root), file_(&file) {}

  /// The member of an object; a missing one if there is none or this is no
  /// object.
  JsonNode operator[](const std::string &key) const;
  JsonNode operator[](size_t index) const;

  bool isMissingOrNull() const { return !value_ || value_->is_null(); }
  bool isString() const { return value_ && value_->is_string(); }
  bool isObject() const { return value_ && value_->is_object(); }
  bool isArray() const { return value_ && value_->is_array(); }

  Result<std::string> string() const;
  Result<std::string> string(const std::string &fallback) const;
  Result<bool> boolean() const;
  /// `fallback` if missing or null.
  Result<bool> boolean(bool fallback) const;
  Result<uint32_t> number(uint32_t max) const;
  Result<std::vector<JsonNode>> array() const;
  /// The value itself, which must be an object.
  Result<const Json::object_t *> object() const;

  const Json *value() const { return value_; }

  Error malformed(const std::string &expected) const;
  /// UnsupportedTokenizer for `component`, such as `normalizer "Precompiled"`.
  Error unsupported(const std::string &component) const;
  /// The same problem with the file and the path before it.
  Error wrap(const Error &error) const;

private:
  JsonNode(const Json *value, const std::string *file, std::string path)
      : value_(value), file_(file), path_(std::move(path)) {}
  std::string place() const;

  const Json *value_;
  const std::string *file_;
  std::string path_;
};

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_JSONNODE_H
