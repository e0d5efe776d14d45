//===- Arguments.h - what functions make of their arguments -----*- C++ -*-===//
//
// Arguments are matched to parameters as Python does it, with its messages.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_ARGUMENTS_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_ARGUMENTS_H

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Exceptions.h"

#include <array>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace swallow::jinja {

constexpr size_t maxParameters = 6;

/// The value of each parameter, or null where it has its default.
using Bound = std::array<const Value *, maxParameters>;

/// A function that is written in Python.
class Signature {
public:
  /// `given` counts what jinja2 passes by itself: the environment, say, and
  /// the filter's input; the messages count it. The first `required` of
  /// `parameters` have no default.
  Signature(std::string_view function, size_t given, size_t required,
            std::initializer_list<std::string_view> parameters);
  /// The values stay the arguments'.
  Result<Bound> bind(const Arguments &arguments) const;

private:
  Error tooMany(size_t count) const;
  Error missing(const Bound &bound) const;

  std::string_view function_;
  std::vector<std::string_view> parameters_; // a list's items would not last
  size_t given_;
  size_t required_;
};

/// A method that is written in C and takes no keywords: "str.upper() takes no
/// arguments (1 given)", "replace expected at least 2 arguments, got 1", ...
/// `type` is that of the receiver.
Status expectArguments(const Arguments &arguments, std::string_view type,
                       std::string_view method, size_t least, size_t most);
Status refuseKeywords(const Arguments &arguments, std::string_view type,
                      std::string_view method);

/// A filter or test that is a function of Python's own, whose one argument is
/// the input: "len() takes exactly one argument (2 given)".
Status expectInputOnly(const Arguments &arguments, std::string_view function);

/// operator.index(value): "'str' object cannot be interpreted as an integer".
Result<int64_t> toIndex(const Value &value);

/// markupsafe.soft_str(value): text as it is, str() of anything else.
Result<Value> softString(const Value &value, Environment &env);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_ARGUMENTS_H
