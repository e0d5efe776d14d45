//===- StreamDecoder.h - text while it is being generated -------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_STREAMDECODER_H
#define SWALLOW_RUNTIME_TEXT_STREAMDECODER_H

#include "runtime/text/Tokenizer.h"

#include <cstdint>
#include <memory>
#include <string>

namespace swallow {

/// Decodes ids one by one. What append() has returned so far plus finish() is
/// always exactly Tokenizer::decode() of the same ids, and every piece is whole
/// characters: bytes of an unfinished character wait, so does a run of byte
/// tokens ("<0xE3>"), whose text is only settled when the run ends, and so does
/// an emoji that may still grow (EmojiGate.h). Nothing else waits, but for what
/// the tokenizer's own decoder cannot tell before the next token, such as
/// whether a space is the last one.
/// Not for concurrent use; independent of the Tokenizer's lifetime, but not of
/// its segment's.
class StreamDecoder {
public:
  explicit StreamDecoder(const Tokenizer &tokenizer,
                         bool skipSpecialTokens = true);
  StreamDecoder(StreamDecoder &&) noexcept;
  StreamDecoder &operator=(StreamDecoder &&) noexcept;
  ~StreamDecoder();

  /// Adds `id` and returns the text that has become certain; often empty.
  std::string append(int32_t id);

  /// Ends the text and returns what was still waiting. The decoder is then as
  /// new.
  std::string finish();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_STREAMDECODER_H
