//===- tokenizer_model_fuzzer.cpp - any tokenizer.model -------------------===//

#include "frontends/huggingface/tokenizer/SentencePieceModel.h"
#include "frontends/huggingface/tokenizer/TableWriter.h"

#include <cstdlib>

using namespace swallow;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  Result<SentencePieceTokenizer> tokenizer =
      readSentencePieceModel(bytes, "tokenizer.model", {});
  if (!tokenizer)
    return 0;
  Result<std::string> table = writeTokenizerTable(tokenizer->spec);
  if (!table && table.error().code == ErrorCode::Internal)
    std::abort();
  return 0;
}
