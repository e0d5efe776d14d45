//===- Entities.h - HTML's character references -----------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_ENTITIES_H
#define SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_ENTITIES_H

#include <string>
#include <string_view>

namespace swallow::jinja {

/// The text with numeric references, and named ones of XML and Latin-1, as the
/// characters that they stand for. HTML's other names stay as they are.
std::string resolveEntities(std::string_view text);

} // namespace swallow::jinja

#endif // SWALLOW_RUNTIME_JINJA_LIBRARY_TEXT_ENTITIES_H
