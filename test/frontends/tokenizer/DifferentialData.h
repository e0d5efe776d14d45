//===- DifferentialData.h - what generate.py wrote --------------*- C++ -*-===//
//
// The files of tools/differential/tokenizers/generate.py: gzip of numbers
// (7 bits a byte, the lowest first), texts with their size in front, and texts
// that are given as they differ from another.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_FRONTENDS_TOKENIZER_DIFFERENTIALDATA_H
#define SWALLOW_TEST_FRONTENDS_TOKENIZER_DIFFERENTIALDATA_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// The unpacked bytes of a gzip file; empty if there is none.
std::string readGzip(const std::string &path);

/// Reads from the start to the end. Past the end everything is 0 or empty, and
/// failed() is true.
class DifferentialReader {
public:
  explicit DifferentialReader(std::string_view data) : data_(data) {}

  size_t number();
  std::string_view bytes();
  std::vector<int32_t> ids();
  /// A text that is given as it differs from `base`.
  std::string difference(std::string_view base);

  bool failed() const { return failed_; }
  bool atEnd() const { return data_.empty(); }

private:
  std::string_view data_;
  bool failed_ = false;
};

} // namespace swallow

#endif // SWALLOW_TEST_FRONTENDS_TOKENIZER_DIFFERENTIALDATA_H
