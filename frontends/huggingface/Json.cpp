//===- Json.cpp - checked access to JSON from outside ---------------------===//

#include "frontends/huggingface/Json.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

using namespace swallow;

namespace {

constexpr size_t maxDepth = 64;
constexpr size_t maxQuoted = 200;
constexpr int64_t maxTokenId = INT32_MAX;

/// `text` on one line and not too long to read.
std::string oneLine(std::string_view text) {
  size_t end = std::min(text.size(), maxQuoted);
  while (end > 0 && end < text.size() && (text[end] & 0xc0) == 0x80)
    --end; // not in the middle of a UTF-8 character
  std::string result(text.substr(0, end));
  for (char &c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  if (end < text.size())
    result += "...";
  return result;
}

/// Builds the value and keeps the first error. Unlike the library's own
/// builder it bounds the depth, notices duplicate keys and tells the place of
/// an error without throwing.
class Builder : public nlohmann::json_sax<Json> {
public:
  explicit Builder(DuplicateKeys duplicates) : duplicates_(duplicates) {}

  Json root;
  std::string error;

  bool null() override { return put(nullptr) != nullptr; }
  bool boolean(bool value) override { return put(value) != nullptr; }
  bool number_integer(number_integer_t value) override {
    return put(value) != nullptr;
  }
  bool number_unsigned(number_unsigned_t value) override {
    return put(value) != nullptr;
  }
  bool number_float(number_float_t value, const string_t &) override {
    return put(value) != nullptr;
  }
  bool string(string_t &value) override {
    return put(std::move(value)) != nullptr;
  }
  bool binary(binary_t &) override { return false; } // not in JSON text

  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t &key) override {
    auto &members = *stack_.back()->get_ptr<Json::object_t *>();
    auto [it, inserted] = members.try_emplace(key, nullptr);
    if (!inserted && duplicates_ == DuplicateKeys::Refuse) {
      error = "key " + quoteForMessage(key) + " is there twice";
      return false;
    }
    member_ = &it->second;
    return true;
  }

  bool parse_error(size_t, const std::string &,
                   const nlohmann::detail::exception &exception) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: ..."
    std::string_view text = exception.what();
    size_t end = text.find("] ");
    error = oneLine(end == text.npos ? text : text.substr(end + 2));
    if (error.find("ill-formed UTF-8") != error.npos) // and quotes it
      std::replace_if(
          error.begin(), error.end(), [](char c) { return c & 0x80; }, '?');
    return false;
  }

private:
  Json *put(Json value) {
    Json *place = &root;
    if (!stack_.empty()) {
      if (auto *list = stack_.back()->get_ptr<Json::array_t *>())
        place = &list->emplace_back();
      else
        place = member_;
    }
    *place = std::move(value);
    return place;
  }

  bool open(Json value) {
    if (stack_.size() >= maxDepth) {
      error = "nested deeper than " + std::to_string(maxDepth) + " levels";
      return false;
    }
    stack_.push_back(put(std::move(value)));
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  DuplicateKeys duplicates_;
  std::vector<Json *> stack_; // the open lists and objects, outermost first
  Json *member_ = nullptr;    // where the value of the latest key goes
};

std::string numberText(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.9g", value);
  return buffer;
}

std::string integerRange(int64_t min, int64_t max) {
  return "an integer from " + std::to_string(min) + " to " +
         std::to_string(max);
}

std::string numberRange(double min, double max) {
  return "a number from " + numberText(min) + " to " + numberText(max);
}

/// The value if it is an integer in the range; 1.0 is none, nor is true.
std::optional<int64_t> asInteger(const Json &value, int64_t min, int64_t max) {
  if (!value.is_number_integer())
    return std::nullopt;
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX)
    return std::nullopt;
  int64_t integer = value.get<int64_t>();
  if (integer < min || integer > max)
    return std::nullopt;
  return integer;
}

std::optional<double> asNumber(const Json &value, double min, double max) {
  if (!value.is_number())
    return std::nullopt;
  double number = value.get<double>();
  if (!(number >= min && number <= max))
    return std::nullopt;
  return number;
}

} // namespace

Result<Json> swallow::parseJson(std::string_view text, const std::string &path,
                                DuplicateKeys duplicates) {
  Builder builder(duplicates);
  if (!Json::sax_parse(text.begin(), text.end(), &builder))
    return {ErrorCode::MalformedFile,
            path + ": malformed JSON: " + builder.error};
  return std::move(builder.root);
}

std::string swallow::quoteForMessage(std::string_view text) {
  std::string result = oneLine(text);
  result.insert(result.begin(), '"');
  result.push_back('"');
  return result;
}

std::string swallow::describeJson(const Json &value) {
  switch (value.type()) {
  case Json::value_t::object:
    return "an object";
  case Json::value_t::array:
    return "a list";
  case Json::value_t::string:
    return "the string " +
           quoteForMessage(value.get_ref<const std::string &>());
  case Json::value_t::boolean:
    return value.get<bool>() ? "true" : "false";
  case Json::value_t::number_integer:
    return "the number " + std::to_string(value.get<int64_t>());
  case Json::value_t::number_unsigned:
    return "the number " + std::to_string(value.get<uint64_t>());
  case Json::value_t::number_float:
    return "the number " + value.dump();
  default:
    return "null";
  }
}

JsonObjectReader::JsonObjectReader(const Json &object, std::string path,
                                   std::string prefix)
    : object_(&object), path_(std::move(path)), prefix_(std::move(prefix)) {
  assert(object.is_object());
}

const Json *JsonObjectReader::find(const char *key) const {
  auto it = object_->find(key);
  return it == object_->end() ? nullptr : &*it;
}

bool JsonObjectReader::isAbsentOrNull(const char *key) const {
  const Json *value = find(key);
  return !value || value->is_null();
}

Error JsonObjectReader::error(ErrorCode code, const std::string &key,
                              const std::string &text) const {
  return {code, path_ + ": key \"" + prefix_ + key + "\": " + text};
}

Error JsonObjectReader::mismatch(const std::string &key,
                                 const std::string &expected,
                                 const Json *found) const {
  return error(ErrorCode::InvalidConfig, key,
               "expected " + expected + ", found " +
                   (found ? describeJson(*found) : "no such key"));
}

Result<int64_t> JsonObjectReader::integer(const char *key, int64_t fallback,
                                          int64_t min, int64_t max) const {
  const Json *value = find(key);
  if (!value)
    return fallback;
  if (auto integer = asInteger(*value, min, max))
    return *integer;
  return mismatch(key, integerRange(min, max), value);
}

Result<std::optional<int64_t>>
JsonObjectReader::optionalInteger(const char *key, int64_t min,
                                  int64_t max) const {
  if (isAbsentOrNull(key))
    return std::optional<int64_t>();
  if (auto integer = asInteger(*find(key), min, max))
    return integer;
  return mismatch(key, integerRange(min, max) + " or null", find(key));
}

Result<double> JsonObjectReader::number(const char *key, double fallback,
                                        double min, double max) const {
  const Json *value = find(key);
  if (!value)
    return fallback;
  if (auto number = asNumber(*value, min, max))
    return *number;
  return mismatch(key, numberRange(min, max), value);
}

Result<std::optional<double>>
JsonObjectReader::optionalNumber(const char *key, double min,
                                 double max) const {
  if (isAbsentOrNull(key))
    return std::optional<double>();
  if (auto number = asNumber(*find(key), min, max))
    return number;
  return mismatch(key, numberRange(min, max) + " or null", find(key));
}

Result<bool> JsonObjectReader::boolean(const char *key, bool fallback) const {
  const Json *value = find(key);
  if (!value)
    return fallback;
  if (value->is_boolean())
    return value->get<bool>();
  return mismatch(key, "true or false", value);
}

Result<std::optional<bool>>
JsonObjectReader::optionalBoolean(const char *key) const {
  if (isAbsentOrNull(key))
    return std::optional<bool>();
  if (find(key)->is_boolean())
    return std::optional<bool>(find(key)->get<bool>());
  return mismatch(key, "true, false or null", find(key));
}

Result<std::optional<std::string>>
JsonObjectReader::optionalString(const char *key) const {
  if (isAbsentOrNull(key))
    return std::optional<std::string>();
  if (find(key)->is_string())
    return std::optional<std::string>(find(key)->get<std::string>());
  return mismatch(key, "a string or null", find(key));
}

Result<std::optional<int64_t>>
JsonObjectReader::tokenId(const char *key) const {
  SWALLOW_ASSIGN(auto id, optionalInteger(key, INT32_MIN, maxTokenId));
  return id && *id >= 0 ? id : std::nullopt;
}

Result<std::vector<int64_t>> JsonObjectReader::tokenIds(const char *key) const {
  std::vector<int64_t> ids;
  const Json *value = find(key);
  if (!value || !value->is_array()) {
    SWALLOW_ASSIGN(auto id, tokenId(key));
    if (id)
      ids.push_back(*id);
    return ids;
  }
  for (const Json &element : *value) {
    auto id = asInteger(element, 0, maxTokenId);
    if (!id)
      return mismatch(key, "token ids from 0 to " + std::to_string(maxTokenId),
                      &element);
    ids.push_back(*id);
  }
  return ids;
}
