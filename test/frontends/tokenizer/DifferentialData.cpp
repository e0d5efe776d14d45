//===- DifferentialData.cpp - what generate.py wrote ----------------------===//

#include "test/frontends/tokenizer/DifferentialData.h"

#include <zlib.h>

using namespace swallow;

std::string swallow::readGzip(const std::string &path) {
  std::string result;
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file)
    return result;
  char buffer[1 << 16];
  for (int count; (count = gzread(file, buffer, sizeof buffer)) > 0;)
    result.append(buffer, static_cast<size_t>(count));
  gzclose(file);
  return result;
}

size_t DifferentialReader::number() {
  size_t result = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (data_.empty())
      break;
    auto byte = static_cast<unsigned char>(data_[0]);
    data_.remove_prefix(1);
    result |= static_cast<size_t>(byte & 0x7F) << shift;
    if (byte < 0x80)
      return result;
  }
  failed_ = true;
  return 0;
}

std::string_view DifferentialReader::bytes() {
  size_t size = number();
  if (size > data_.size()) {
    failed_ = true;
    return {};
  }
  std::string_view result = data_.substr(0, size);
  data_.remove_prefix(size);
  return result;
}

std::vector<int32_t> DifferentialReader::ids() {
  std::vector<int32_t> result;
  for (size_t count = number(); count > 0 && !failed_; --count)
    result.push_back(static_cast<int32_t>(number()));
  return result;
}

std::string DifferentialReader::difference(std::string_view base) {
  size_t prefix = number(), suffix = number();
  std::string_view middle = bytes();
  if (prefix + suffix > base.size()) {
    failed_ = true;
    return {};
  }
  std::string result(base.substr(0, prefix));
  result += middle;
  result += base.substr(base.size() - suffix);
  return result;
}
