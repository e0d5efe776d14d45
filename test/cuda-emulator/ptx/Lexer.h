//===- Lexer.h - PTX text into tokens ---------------------------*- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_PTX_LEXER_H
#define SWALLOW_TEST_CUDA_EMULATOR_PTX_LEXER_H

#include "runtime/support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::emulator::ptx {

struct Token {
  enum class Kind {
    Name,   ///< text: "ld", "%r1", "$L__BB0_2", "_"
    Dotted, ///< text without its dot: "global", "L2::128B", "x"
    Integer,
    Float, ///< bits of an f64 (isSingle: of an f32)
    String,
    Punctuation, ///< text: one character
    End,
  };
  Kind kind;
  int line;
  std::string_view text;
  uint64_t bits = 0;     ///< Integer, Float
  bool isSingle = false; ///< 0fXXXXXXXX

  bool is(char punctuation) const {
    return kind == Kind::Punctuation && text[0] == punctuation;
  }
  bool isDotted(std::string_view word) const {
    return kind == Kind::Dotted && text == word;
  }
};

/// Tokens of the whole text, an End last. They view into `text`.
Result<std::vector<Token>> lex(std::string_view text);

/// "line 12: <message>: <that line's text>".
Error errorAt(std::string_view text, int line, const std::string &message);

} // namespace swallow::emulator::ptx

#endif // SWALLOW_TEST_CUDA_EMULATOR_PTX_LEXER_H
