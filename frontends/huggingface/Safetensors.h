//===- Safetensors.h - one .safetensors file --------------------*- C++ -*-===//
//
// Format: github.com/huggingface/safetensors, README "Format" and
// safetensors/src/tensor.rs (Metadata::validate): 8 bytes of little-endian
// header length N <= 100 MB, N bytes of JSON, then the data that the header's
// offsets count from. Every byte of the data belongs to exactly one tensor.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_SAFETENSORS_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_SAFETENSORS_H

#include "frontends/huggingface/ModelConfig.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// What a header says of one tensor.
struct SafetensorsEntry {
  std::string name;
  std::string dtypeName;      // as in the header: "BF16", "I64", ...
  std::optional<DType> dtype; // set if usable as a weight
  std::vector<int64_t> shape; // row-major; empty for a scalar
  size_t begin = 0;           // byte offset of the data in the file
  size_t size = 0;            // bytes
};

/// "[2, 3]".
std::string shapeText(const std::vector<int64_t> &shape);

/// The validated header of a file image.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries; // sorted by name
  std::map<std::string, std::string> metadata;
  size_t dataBegin = 0; // file offset of the first data byte: 8 + N

  /// Fails with MalformedFile naming `path`, and the tensor where it is about
  /// one: truncated, malformed JSON, duplicate tensor, unknown dtype, bad
  /// shape, offsets that overlap, leave a hole, leave the file or disagree
  /// with the shape.
  static Result<SafetensorsHeader> parse(std::span<const uint8_t> file,
                                         const std::string &path);

  const SafetensorsEntry *find(std::string_view name) const;
};

/// A mapped file with its header. Move-only; concurrent reads are safe.
class SafetensorsFile {
public:
  static Result<SafetensorsFile> open(const std::string &path);

  const MappedFile &file() const { return file_; }
  const SafetensorsHeader &header() const { return header_; }

  /// The bytes of an entry of this file's header. Not necessarily aligned to
  /// the element type: the format allows headers of any length.
  std::span<const uint8_t> bytes(const SafetensorsEntry &entry) const {
    return file_.bytes().subspan(entry.begin, entry.size);
  }

private:
  MappedFile file_;
  SafetensorsHeader header_;
};

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_SAFETENSORS_H
