//===- Result.h - errors as values ------------------------------*- C++ -*-===//
//
// Every path that a user can reach reports failure through these types; no
// exception crosses a library boundary. A message is one line in the words of
// the model: it names the file, tensor or key and says what was expected.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_SUPPORT_RESULT_H
#define SWALLOW_RUNTIME_SUPPORT_RESULT_H

#include <cassert>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace swallow {

/// Numbered in bands of 100 so that a caller can react to a class of errors.
/// The values are part of the C API (swallow_rt.h) and never change.
enum class ErrorCode : int32_t {
  Ok = 0,
  // 1xx: what the caller asked for.
  InvalidArgument = 100,
  OutOfRange = 101,
  // 2xx: files.
  FileNotFound = 200,
  FileUnreadable = 201,
  WriteFailed = 202,
  // 3xx: Hugging Face checkpoints.
  MalformedFile = 300,
  InvalidConfig = 301,
  UnsupportedModel = 302,
  MissingTensor = 303,
  TensorMismatch = 304,
  UnsupportedTokenizer = 305,
  // 4xx: artifacts.
  NotAnArtifact = 400,
  VersionMismatch = 401,
  Corrupt = 402,
  WrongMachine = 403,
  ProbeMismatch = 404,
  // 5xx: running.
  ContextExceeded = 500,
  InvalidToken = 501,
  OutOfMemory = 502,
  DeviceError = 503,
  // 9xx: a defect of Swallow itself.
  Internal = 900,
};

struct Error {
  ErrorCode code;
  std::string message; // one line, no trailing newline
};

/// Success, or an Error. [[nodiscard]]: an ignored failure is a bug.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}
  Status(ErrorCode code, std::string message)
      : error_{code, std::move(message)} {}

  bool ok() const { return error_.code == ErrorCode::Ok; }
  explicit operator bool() const { return ok(); }
  const Error &error() const { return error_; }

private:
  Error error_{ErrorCode::Ok, {}};
};

/// A T, or an Error.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : storage_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : storage_(std::in_place_index<1>, std::move(error)) {}
  Result(ErrorCode code, std::string message)
      : storage_(std::in_place_index<1>, Error{code, std::move(message)}) {}

  bool ok() const { return storage_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T &value() {
    assert(ok());
    return *std::get_if<0>(&storage_);
  }
  const T &value() const {
    assert(ok());
    return *std::get_if<0>(&storage_);
  }
  T &operator*() { return value(); }
  const T &operator*() const { return value(); }
  T *operator->() { return &value(); }
  const T *operator->() const { return &value(); }

  const Error &error() const {
    assert(!ok());
    return *std::get_if<1>(&storage_);
  }

private:
  std::variant<T, Error> storage_;
};

} // namespace swallow

/// Returns the Error of a failed Status or Result from the calling function.
#define SWALLOW_TRY(expr)                                                      \
  do {                                                                         \
    auto &&swallowStatus = (expr);                                             \
    if (!swallowStatus.ok())                                                   \
      return swallowStatus.error();                                            \
  } while (false)

#define SWALLOW_CONCAT_(a, b) a##b
#define SWALLOW_CONCAT(a, b) SWALLOW_CONCAT_(a, b)
#define SWALLOW_ASSIGN_(tmp, decl, expr)                                       \
  auto tmp = (expr);                                                           \
  if (!tmp.ok())                                                               \
    return tmp.error();                                                        \
  decl = std::move(*tmp)
/// `SWALLOW_ASSIGN(auto x, f());` binds the value of a Result or returns its
/// Error.
#define SWALLOW_ASSIGN(decl, expr)                                             \
  SWALLOW_ASSIGN_(SWALLOW_CONCAT(swallowResult, __LINE__), decl, expr)

#endif // SWALLOW_RUNTIME_SUPPORT_RESULT_H
