//===- safetensors_fuzzer.cpp - the header of a safetensors file ----------===//
//
// Any bytes give a one-line error, or entries that lie in the file and fill
// its data without overlapping.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/Safetensors.h"

#include <cstdint>
#include <cstdlib>
#include <span>

using namespace swallow;

static void check(bool holds) {
  if (!holds)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto header = SafetensorsHeader::parse({data, size}, "model.safetensors");
  if (!header) {
    check(!header.error().message.empty());
    check(header.error().message.find('\n') == std::string::npos);
    return 0;
  }
  size_t covered = header->dataBegin;
  for (const SafetensorsEntry &entry : header->entries) {
    check(entry.begin >= header->dataBegin && entry.begin <= size);
    check(entry.size <= size - entry.begin);
    check(header->find(entry.name) == &entry);
    if (entry.dtype) {
      size_t bytes = dtypeSize(*entry.dtype);
      for (int64_t dim : entry.shape)
        bytes *= static_cast<size_t>(dim);
      check(bytes == entry.size);
    }
    covered += entry.size;
  }
  check(covered == size);
  return 0;
}
