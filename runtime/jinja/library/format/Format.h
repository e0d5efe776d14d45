//===- Format.h - Python's three ways to format -----------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_FORMAT_FORMAT_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_FORMAT_FORMAT_H

#include "runtime/jinja/value/Environment.h"
#include "runtime/jinja/value/Value.h"

#include <optional>
#include <string>
#include <string_view>

namespace swallow::jinja {

/// `format % values`: printf-style.
Result<Value> percentFormat(const Value &format, const Value &values,
                            Environment &env);

/// `format.format(*args, **kwargs)` as jinja2's sandbox runs it.
Result<Value> formatText(const Value &format, const Arguments &arguments,
                         Environment &env);
/// `format.format_map(mapping)`.
Result<Value> formatTextMap(const Value &format, const Value &mapping,
                            Environment &env);

/// format(value, specification): the mini-language of format().
Result<std::string> formatValue(const Value &value,
                                std::string_view specification,
                                Environment &env);

/// ascii(x) from repr(x): what is not ASCII as \x, \u and \U.
std::string asciiOf(std::string_view repr);

/// A float by 'e', 'E', 'f', 'F', 'g', 'G' with `precision` digits, or by 'r',
/// the shortest that reads back. No sign for what is not negative; nan and inf
/// by name. `alternate` keeps the point ('#'); `point` makes 'r' and 'g' end in
/// .0 where they look like an int.
std::string floatText(double value, char type, int precision,
                      bool alternate = false, bool point = false);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_FORMAT_FORMAT_H
