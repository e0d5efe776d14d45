//===- CompiledTokenizer.h - a tokenizer for tests --------------*- C++ -*-===//

#ifndef SWALLOW_TEST_FRONTENDS_TOKENIZER_COMPILEDTOKENIZER_H
#define SWALLOW_TEST_FRONTENDS_TOKENIZER_COMPILEDTOKENIZER_H

#include "frontends/huggingface/TokenizerCompiler.h"
#include "runtime/text/Tokenizer.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace swallow {

/// A table in memory that is aligned as an artifact's segment.
class Segment {
public:
  explicit Segment(const std::string &bytes)
      : words_(bytes.size() / 8 + 1), size_(bytes.size()) {
    std::memcpy(words_.data(), bytes.data(), size_);
  }
  std::span<const uint8_t> bytes() const {
    return {reinterpret_cast<const uint8_t *>(words_.data()), size_};
  }
  uint8_t *data() { return reinterpret_cast<uint8_t *>(words_.data()); }

private:
  std::vector<uint64_t> words_;
  size_t size_;
};

/// The tokenizer of a folder, compiled and opened. `error` says why there is
/// none.
struct CompiledTokenizer {
  explicit CompiledTokenizer(const std::string &folder) {
    Result<std::string> table = compileTokenizer(folder, &notes);
    if (!table) {
      error = table.error();
      return;
    }
    segment.emplace(*table);
    Result<Tokenizer> opened = Tokenizer::open(segment->bytes());
    if (opened)
      tokenizer = std::move(*opened);
    else
      error = opened.error();
  }
  Tokenizer *operator->() { return &*tokenizer; }

  std::vector<std::string> notes; // the compiler's
  std::optional<Segment> segment;
  std::optional<Tokenizer> tokenizer;
  Error error{ErrorCode::Ok, {}};
};

} // namespace swallow

#endif // SWALLOW_TEST_FRONTENDS_TOKENIZER_COMPILEDTOKENIZER_H
