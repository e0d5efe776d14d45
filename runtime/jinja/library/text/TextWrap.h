//===- TextWrap.h - Python's textwrap ---------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_TEXTWRAP_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_TEXTWRAP_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::jinja {

struct WrapOptions {
  int64_t width = 79; // of characters, more than 0
  bool breakLongWords = true;
  bool breakOnHyphens = true;
};

/// textwrap.wrap(text, ...) with tabs and white space left as they are.
std::vector<std::string> wrapText(std::string_view text,
                                  const WrapOptions &options);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_TEXTWRAP_H
