//===- Json.h - checked access to JSON from outside -------------*- C++ -*-===//
//
// Parsing and typed access whose failures are Errors that name the file and
// the key and say what was expected and what was found.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_JSON_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_JSON_H

#include "runtime/support/Result.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

using Json = nlohmann::json;

/// What becomes of a key that an object has twice. Python's json, which
/// transformers uses, takes the last one.
enum class DuplicateKeys { TakeLast, Refuse };

/// Fails with MalformedFile naming `path` and the place, for anything that is
/// not one JSON value, for numbers that no double can hold, and for nesting
/// deeper than 64 levels (what reads the value may recurse).
Result<Json> parseJson(std::string_view text, const std::string &path,
                       DuplicateKeys duplicates = DuplicateKeys::TakeLast);

/// `"text"` for messages: on one line, and cut where it is too long to read.
std::string quoteForMessage(std::string_view text);

/// A short text for messages: `the string "abc"`, `the number 3.5`, `null`,
/// `a list`, `an object`.
std::string describeJson(const Json &value);

/// Typed access to the members of an object. Keeps a pointer to the object.
///
/// The functions that take a fallback return it for an absent key and refuse
/// null; those that return an optional take null for absent. They fail with
/// InvalidConfig.
class JsonObjectReader {
public:
  /// `object` must be an object; `prefix` ("rope_scaling.") goes before its
  /// keys in messages.
  JsonObjectReader(const Json &object, std::string path,
                   std::string prefix = "");

  /// Null if the key is absent.
  const Json *find(const char *key) const;
  bool isAbsentOrNull(const char *key) const;

  Result<int64_t> integer(const char *key, int64_t fallback, int64_t min,
                          int64_t max) const;
  Result<std::optional<int64_t>> optionalInteger(const char *key, int64_t min,
                                                 int64_t max) const;
  /// Integers are numbers too.
  Result<double> number(const char *key, double fallback, double min,
                        double max) const;
  Result<std::optional<double>> optionalNumber(const char *key, double min,
                                               double max) const;
  Result<bool> boolean(const char *key, bool fallback) const;
  Result<std::optional<bool>> optionalBoolean(const char *key) const;
  Result<std::optional<std::string>> optionalString(const char *key) const;

  /// A token id. None for null, for an absent key, and for a negative number,
  /// with which some old checkpoints say "none".
  Result<std::optional<int64_t>> tokenId(const char *key) const;
  /// One token id or a list of them; empty where tokenId() has none.
  Result<std::vector<int64_t>> tokenIds(const char *key) const;

  /// `PATH: key "PREFIX KEY": expected EXPECTED, found FOUND`.
  Error mismatch(const std::string &key, const std::string &expected,
                 const Json *found) const;
  /// `PATH: key "PREFIX KEY": TEXT`.
  Error error(ErrorCode code, const std::string &key,
              const std::string &text) const;

private:
  const Json *object_;
  std::string path_;
  std::string prefix_;
};

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_JSON_H
