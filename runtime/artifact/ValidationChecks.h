//===- ValidationChecks.h - what all of validation asks ---------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ARTIFACT_VALIDATIONCHECKS_H
#define SWALLOW_RUNTIME_ARTIFACT_VALIDATIONCHECKS_H

#include "runtime/artifact/program_generated.h"
#include "runtime/support/Result.h"

#include <algorithm>
#include <string>

namespace swallow::validation {

// Far beyond any model, and small enough that products of a few of them fit 64
// bits.
constexpr uint32_t kMaxDimension = 1u << 24;
constexpr size_t kMaxText = 4096;

inline Error bad(std::string what) {
  return {ErrorCode::Corrupt, std::move(what)};
}

template <typename Vector> size_t sizeOf(const Vector *vector) {
  return vector ? vector->size() : 0;
}

// A name that messages may print: not empty, not endless, no control
// characters (a terminal would obey them).
inline bool isText(const flatbuffers::String *text) {
  if (!text || text->size() == 0 || text->size() > kMaxText)
    return false;
  return std::all_of(text->begin(), text->end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f;
  });
}

inline bool areTexts(
    const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>> *all) {
  for (size_t i = 0; i < sizeOf(all); ++i)
    if (!isText(all->Get(static_cast<flatbuffers::uoffset_t>(i))))
      return false;
  return true;
}

} // namespace swallow::validation

#endif // SWALLOW_RUNTIME_ARTIFACT_VALIDATIONCHECKS_H
