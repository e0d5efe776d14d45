//===- EmojiGate.cpp - whole emoji while text streams ---------------------===//

#include "runtime/text/EmojiGate.h"
#include "runtime/text/Utf8.h"

#include <utf8proc.h>

using namespace swallow;

namespace {

bool mayGrow(char32_t c) {
  if (c < 0x80)
    return (c >= '0' && c <= '9') || c == '#' || c == '*';
  auto kind =
      utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->boundclass;
  return kind == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC ||
         kind == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR;
}

} // namespace

void EmojiGate::add(std::string_view text, std::string &out) {
  while (!text.empty()) {
    std::string_view bytes = text.substr(0, utf8Length(text[0]));
    text.remove_prefix(bytes.size());
    char32_t c = decodeUtf8(bytes);
    bool breaks = last_ == 0 || utf8proc_grapheme_break_stateful(
                                    static_cast<utf8proc_int32_t>(last_),
                                    static_cast<utf8proc_int32_t>(c), &state_);
    last_ = c;
    if (breaks) {
      out += held_;
      held_.clear();
      holds_ = mayGrow(c);
    }
    if (!holds_) {
      out += bytes;
      continue;
    }
    held_ += bytes;
    if (held_.size() > maxHeld) {
      out += held_;
      held_.clear();
      holds_ = false;
    }
  }
}

void EmojiGate::finish(std::string &out) {
  out += held_;
  *this = EmojiGate();
}
