//===- tokenizer_json_fuzzer.cpp - any tokenizer.json ---------------------===//
//
// Whatever the reader accepts must make a table that the runtime opens, and
// then encode and decode.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/tokenizer/TableWriter.h"
#include "frontends/huggingface/tokenizer/TokenizerJson.h"
#include "runtime/text/Tokenizer.h"

#include <cstdlib>
#include <cstring>
#include <vector>

using namespace swallow;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Result<TokenizerSpec> spec = readTokenizerJson(text, "tokenizer.json");
  if (!spec)
    return 0;
  Result<std::string> table = writeTokenizerTable(*spec);
  if (!table) {
    if (table.error().code == ErrorCode::Internal)
      std::abort();
    return 0;
  }
  std::vector<uint64_t> segment(table->size() / 8 + 1);
  std::memcpy(segment.data(), table->data(), table->size());
  Result<Tokenizer> tokenizer = Tokenizer::open(
      {reinterpret_cast<const uint8_t *>(segment.data()), table->size()});
  if (!tokenizer)
    std::abort();
  tokenizer->decode(tokenizer->encode("Hello  東京 <s>x</s> 12 café\xFF\n"));
  return 0;
}
