//===- TokenizerSpec.h - a tokenizer as its files describe it ---*- C++ -*-===//
//
// What the readers of tokenizer.json and tokenizer.model produce, and what the
// table is written from. Steps are those of runtime/text/tokenizer.fbs.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TOKENIZERSPEC_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TOKENIZERSPEC_H

#include "frontends/huggingface/tokenizer/AddedVocabulary.h"
#include "runtime/text/tokenizer_generated.h"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace swallow {

struct TokenizerSpec {
  using Normalizer = text::table::NormalizerStepT;
  using PreTokenizer = text::table::PreTokenizerStepT;
  using Decoder = text::table::DecoderStepT;

  /// The token of an id below 2^28, every id once.
  std::unordered_map<std::string, uint32_t> vocab;
  /// In the order in which they apply; all in the vocabulary, and so is what
  /// they make.
  std::vector<std::pair<std::string, std::string>> merges;
  bool byteFallback = false;
  bool ignoreMerges = false;
  bool fuseUnk = false;
  std::string unkToken; // empty: none
  std::string continuingSubwordPrefix;
  std::string endOfWordSuffix;

  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> preTokenizers;
  std::vector<Decoder> decoders;
  AddedVocabulary added;

  std::vector<uint32_t> prefixIds, suffixIds;
  std::string bosToken, eosToken, namedUnkToken, padToken; // empty: none

  /// The file that describes it, for messages.
  std::string path;
};

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_TOKENIZERSPEC_H
