//===- Urlize.h - links for URLs in text ------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_URLIZE_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_URLIZE_H

#include "runtime/jinja/value/Budget.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::jinja {

struct UrlizeOptions {
  /// What is shown of a URL.
  std::function<Result<std::string>(const std::string &)> shorten;
  std::string rel; // plain text; none if empty
  std::string target;
  std::vector<std::string> extraSchemes;
};

/// jinja2.utils.urlize of text that is escaped already.
Result<std::string> urlize(std::string_view escaped,
                           const UrlizeOptions &options, Budget &budget);

/// Whether text is word characters, dots, plus and minus signs.
bool isSchemeText(std::string_view text);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_URLIZE_H
