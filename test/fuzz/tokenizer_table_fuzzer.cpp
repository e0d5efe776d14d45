//===- tokenizer_table_fuzzer.cpp - any tokenizer table -------------------===//
//
// The input is a text, a zero byte, and a table.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/StreamDecoder.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using namespace swallow;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = data + size;
  const uint8_t *zero = std::find(data, end, 0);
  if (zero == end)
    return 0;
  std::string_view text(reinterpret_cast<const char *>(data),
                        static_cast<size_t>(zero - data));
  const uint8_t *table = zero + 1;
  auto tableSize = static_cast<size_t>(end - table);
  std::vector<uint64_t> segment(tableSize / 8 + 1);
  std::memcpy(segment.data(), table, tableSize);
  Result<Tokenizer> tokenizer = Tokenizer::open(
      {reinterpret_cast<const uint8_t *>(segment.data()), tableSize});
  if (!tokenizer)
    return 0;
  std::vector<int32_t> ids = tokenizer->encode(text);
  for (int32_t id : ids)
    if (!tokenizer->isToken(id))
      std::abort();
  StreamDecoder stream(*tokenizer, false);
  std::string streamed;
  auto take = [&](const std::string &piece) {
    if (!isValidUtf8(piece))
      std::abort();
    streamed += piece;
  };
  for (int32_t id : ids)
    take(stream.append(id));
  take(stream.finish());
  if (streamed != tokenizer->decode(ids, false))
    std::abort();
  return 0;
}
