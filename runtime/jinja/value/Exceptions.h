//===- Exceptions.h - Python's exceptions as errors -------------*- C++ -*-===//
//
// A failure is an Error whose message reads as Python's traceback ends:
// "TypeError: unsupported operand type(s) for +: 'int' and 'str'". The one
// without a class in front is what raise_exception() of a template says.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_VALUE_EXCEPTIONS_H
#define SWALLOW_RUNTIME_JINJA_VALUE_EXCEPTIONS_H

#include "runtime/support/Result.h"

#include <string>
#include <string_view>

namespace swallow::jinja {

Error typeError(std::string_view message);
Error valueError(std::string_view message);
Error keyError(std::string_view repr);
Error indexError(std::string_view message);
Error attributeError(std::string_view message);
Error overflowError(std::string_view message);
Error zeroDivisionError(std::string_view message);
Error recursionError();
Error undefinedError(std::string_view message);
Error securityError(std::string_view message);
Error filterArgumentError(std::string_view message);
Error templateRuntimeError(std::string_view message);
/// Of any other class, `name`.
Error exception(std::string_view name, std::string_view message);
/// What raise_exception() makes: the message as it is.
Error templateError(std::string_view message);

/// Whether `error` was made by one of the above with this class name.
bool isException(const Error &error, std::string_view name);
/// IndexError or KeyError, which Python calls LookupError.
bool isLookupError(const Error &error);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_VALUE_EXCEPTIONS_H
