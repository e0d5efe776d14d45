//===- EmojiGate.h - whole emoji while text streams -------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_EMOJIGATE_H
#define SWALLOW_RUNTIME_TEXT_EMOJIGATE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace swallow {

/// Lets text through but for an emoji at its end that may still grow: by a
/// variation selector, a skin tone, a joiner and what it joins, the other half
/// of a flag, tags, or the sign that makes a keycap of a digit.
///
/// What waits is the last extended grapheme cluster (Unicode standard, UAX #29)
/// if it has an Extended_Pictographic character or a regional indicator, or is
/// a digit, # or *, until the next cluster begins. Any other text passes at
/// once, although a combining mark might follow. A cluster of more than
/// maxHeld bytes, which no emoji has, does not wait any longer.
class EmojiGate {
public:
  static constexpr size_t maxHeld = 256;

  /// Takes whole characters and appends what may go on to `out`.
  void add(std::string_view text, std::string &out);
  /// Appends what was waiting and starts anew.
  void finish(std::string &out);

private:
  std::string held_;
  char32_t last_ = 0; // the character before; 0 if there is none
  int32_t state_ = 0; // utf8proc's, of the rules that look further back
  bool holds_ = false;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_EMOJIGATE_H
