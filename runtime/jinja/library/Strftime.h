//===- Strftime.h - datetime.strftime ---------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_STRFTIME_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_STRFTIME_H

#include "runtime/jinja/value/Environment.h"

#include <string>
#include <string_view>

namespace swallow::jinja {

/// What Python's datetime.strftime(format) gives for a time without a zone, in
/// the C locale. The directives are those of the C library, as in Python.
/// Widths can make it long, but no longer than 256 times the format, or 1024.
std::string formatTime(const LocalTime &time, std::string_view format);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_STRFTIME_H
