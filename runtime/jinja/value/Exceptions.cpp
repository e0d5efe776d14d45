//===- Exceptions.cpp -----------------------------------------------------===//

#include "runtime/jinja/value/Exceptions.h"

namespace swallow::jinja {

Error exception(std::string_view name, std::string_view message) {
  std::string text(name);
  text.append(": ").append(message);
  return {ErrorCode::InvalidArgument, std::move(text)};
}

Error typeError(std::string_view message) {
  return exception("TypeError", message);
}
Error valueError(std::string_view message) {
  return exception("ValueError", message);
}
Error keyError(std::string_view repr) { return exception("KeyError", repr); }
Error indexError(std::string_view message) {
  return exception("IndexError", message);
}
Error attributeError(std::string_view message) {
  return exception("AttributeError", message);
}
Error overflowError(std::string_view message) {
  return exception("OverflowError", message);
}
Error zeroDivisionError(std::string_view message) {
  return exception("ZeroDivisionError", message);
}
Error recursionError() {
  return exception("RecursionError", "maximum recursion depth exceeded");
}
Error undefinedError(std::string_view message) {
  return exception("UndefinedError", message);
}
Error securityError(std::string_view message) {
  return exception("SecurityError", message);
}
Error filterArgumentError(std::string_view message) {
  return exception("FilterArgumentError", message);
}
Error templateRuntimeError(std::string_view message) {
  return exception("TemplateRuntimeError", message);
}
Error templateError(std::string_view message) {
  return {ErrorCode::InvalidArgument, std::string(message)};
}

bool isException(const Error &error, std::string_view name) {
  std::string_view message = error.message;
  return error.code == ErrorCode::InvalidArgument &&
         message.starts_with(name) &&
         message.substr(name.size()).starts_with(": ");
}

bool isLookupError(const Error &error) {
  return isException(error, "IndexError") || isException(error, "KeyError");
}

} // namespace swallow::jinja
