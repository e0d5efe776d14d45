//===- Utf8.h - UTF-8 and GPT-2's byte alphabet -----------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_UTF8_H
#define SWALLOW_RUNTIME_TEXT_UTF8_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace swallow {

constexpr std::string_view replacementCharacter = "\xEF\xBF\xBD"; // U+FFFD

/// What stands at the start of some bytes.
struct Utf8Unit {
  enum Kind {
    Character,  // `length` bytes are one character
    Broken,     // `length` bytes are a maximal broken sequence: one U+FFFD
    Incomplete, // all `length` bytes are the beginning of a character
  } kind;
  size_t length;
};

/// Classifies the start of `bytes`, which must not be empty. Maximal broken
/// sequences are those of the Unicode standard, section 3.9, "U+FFFD
/// Substitution of Maximal Subparts", which Rust's from_utf8_lossy follows.
Utf8Unit scanUtf8(std::string_view bytes);

bool isValidUtf8(std::string_view text);

/// `bytes` with U+FFFD for each maximal broken sequence.
std::string toValidUtf8(std::string_view bytes);

/// The length of the character that starts with `lead`, in valid UTF-8.
inline size_t utf8Length(char lead) {
  auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// The character at the start of valid, non-empty `text`.
char32_t decodeUtf8(std::string_view text);
void appendUtf8(std::string &out, char32_t codePoint);

/// Unicode's White_Space property, which is what Rust's is_whitespace and
/// Oniguruma's \s ask.
bool isWhiteSpace(char32_t codePoint);

/// The bytes of `text` as characters of GPT-2's byte alphabet: printable
/// Latin-1 stands for itself, the other bytes for U+0100 onwards
/// (github.com/openai/gpt-2, src/encoder.py, bytes_to_unicode).
std::string toByteAlphabet(std::string_view text);

/// The inverse; none if some character is not in the alphabet.
std::optional<std::string> fromByteAlphabet(std::string_view text);

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_UTF8_H
