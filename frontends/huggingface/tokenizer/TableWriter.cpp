//===- TableWriter.cpp - a tokenizer's description to its table -----------===//

#include "frontends/huggingface/tokenizer/TableWriter.h"
#include "frontends/huggingface/Json.h"
#include "runtime/text/Normalizer.h"
#include "runtime/text/TokenTable.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

using namespace swallow;
namespace table = swallow::text::table;
using table::DecoderKind;
using table::NormalizerKind;
using table::PreTokenizerKind;

namespace {

// A FlatBuffer ends at 2 GiB; real vocabularies are hundreds of times smaller.
constexpr uint64_t maxTokenBytes = 1u << 28;
constexpr size_t maxMerges = 1u << 24;

/// Whether units can be bytes and tokens raw bytes: the text becomes GPT-2's
/// byte alphabet at the very end, one character per byte, and decoding begins
/// by undoing that. It saves both translations, and everything else about such
/// a model is the same.
bool canUseRawBytes(const TokenizerSpec &spec) {
  if (spec.byteFallback || !spec.continuingSubwordPrefix.empty() ||
      !spec.endOfWordSuffix.empty() || spec.preTokenizers.empty() ||
      spec.decoders.empty())
    return false;
  for (const TokenizerSpec::Normalizer &step : spec.normalizers)
    if (step.kind == NormalizerKind::ByteAlphabet)
      return false;
  for (size_t i = 0; i < spec.preTokenizers.size(); ++i)
    if ((spec.preTokenizers[i].kind == PreTokenizerKind::ByteAlphabet) !=
        (i + 1 == spec.preTokenizers.size()))
      return false;
  return spec.decoders[0].kind == DecoderKind::ByteLevel;
}

std::string byteTokenName(unsigned byte) {
  char name[8];
  std::snprintf(name, sizeof name, "<0x%02X>", byte);
  return name;
}

std::string_view firstCharacter(std::string_view text) {
  return text.substr(0, utf8Length(text[0]));
}

std::string_view lastCharacter(std::string_view text) {
  size_t last = text.size() - 1;
  while (last > 0 && (text[last] & 0xC0) == 0x80)
    --last;
  return text.substr(last);
}

class Writer {
public:
  explicit Writer(const TokenizerSpec &spec)
      : spec_(spec), rawBytes_(canUseRawBytes(spec)) {}

  Result<std::string> run() {
    SWALLOW_TRY(addTokens());
    SWALLOW_TRY(addAddedTokens());
    addLookup();
    addUnits();
    SWALLOW_TRY(addMerges());
    addJoints();
    addSteps();
    addIds();

    table_.version = tokenizerTableVersion;
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(table::Tokenizer::Pack(builder, &table_),
                   table::TokenizerIdentifier());
    std::string result(
        reinterpret_cast<const char *>(builder.GetBufferPointer()),
        builder.GetSize());
    // The runtime's own check, in memory aligned as it wants it.
    std::vector<uint64_t> aligned(result.size() / 8 + 1);
    std::memcpy(aligned.data(), result.data(), result.size());
    Result<Tokenizer> opened = Tokenizer::open(
        {reinterpret_cast<const uint8_t *>(aligned.data()), result.size()});
    if (!opened && opened.error().code == ErrorCode::UnsupportedTokenizer)
      return {ErrorCode::UnsupportedTokenizer,
              spec_.path + ": " + opened.error().message};
    if (!opened)
      return {ErrorCode::Internal,
              spec_.path + ": the compiled tokenizer does not open: " +
                  opened.error().message};
    return result;
  }

private:
  Error malformed(const std::string &what) const {
    return {ErrorCode::MalformedFile, spec_.path + ": " + what};
  }

  /// A token's bytes in the table. Decoders of byte-level models take tokens
  /// that are not in the byte alphabet as they are.
  std::string stored(const std::string &token) const {
    if (rawBytes_)
      if (std::optional<std::string> bytes = fromByteAlphabet(token))
        return *bytes;
    return token;
  }

  /// What an added token is looked for as, and decodes from, if it is to be
  /// normalized.
  Result<std::vector<std::string>>
  normalize(const std::vector<std::string> &texts) const {
    if (spec_.normalizers.empty())
      return texts;
    flatbuffers::FlatBufferBuilder builder;
    table::TokenizerT steps;
    for (const TokenizerSpec::Normalizer &step : spec_.normalizers)
      steps.normalizers.push_back(
          std::make_unique<TokenizerSpec::Normalizer>(step));
    builder.Finish(table::Tokenizer::Pack(builder, &steps));
    Normalizer normalizer;
    GrowthLimit growth(maxEncodeGrowth);
    for (const table::NormalizerStep *step :
         *table::GetTokenizer(builder.GetBufferPointer())->normalizers())
      SWALLOW_TRY(normalizer.add(*step, growth));
    Normalizer::Scratch scratch(normalizer);
    std::vector<std::string> result;
    for (const std::string &text : texts) {
      bool keepsStart;
      result.push_back(normalizer.apply(text, scratch, keepsStart));
    }
    return result;
  }

  Status addTokens() {
    uint32_t size = 0;
    uint64_t bytes = 0;
    for (const auto &[token, id] : spec_.vocab) {
      size = std::max(size, id + 1);
      bytes += token.size();
    }
    for (const auto &[id, token] : spec_.added.tokens()) {
      size = std::max(size, id + 1);
      bytes += token.content.size();
    }
    if (bytes > maxTokenBytes || spec_.merges.size() > maxMerges)
      return malformed("a vocabulary of this size does not fit a table");
    // Ids may have holes, but a table is as large as its largest id.
    size_t tokens = spec_.vocab.size() + spec_.added.tokens().size();
    if (size >= maxVocabSize || size > 16 * tokens + 65536)
      return malformed("token id " + std::to_string(size - 1) +
                       " is too large for " + std::to_string(tokens) +
                       " tokens");
    texts_.resize(size);
    table_.token_flags.resize(size);
    for (const auto &[token, id] : spec_.vocab) {
      texts_[id] = &token;
      table_.token_flags[id] = TokenExists;
      if (!rawBytes_ || fromByteAlphabet(token))
        table_.token_flags[id] |= TokenInLookup;
      if (spec_.added.isSpecial(token))
        table_.token_flags[id] |= TokenIsSpecial;
    }
    return {};
  }

  Status addAddedTokens() {
    std::vector<std::string> contents;
    for (const auto &[id, token] : spec_.added.tokens())
      contents.push_back(token.content);
    Result<std::vector<std::string>> normalizedTexts = normalize(contents);
    if (!normalizedTexts)
      return {normalizedTexts.error().code,
              spec_.path + ": " + normalizedTexts.error().message};
    const std::vector<std::string> &normalized = *normalizedTexts;
    auto text = normalized.begin();
    addedTexts_.reserve(spec_.added.tokens().size());
    for (const auto &[id, token] : spec_.added.tokens()) {
      auto result = std::make_unique<table::AddedTokenT>();
      result->id = id;
      result->match = token.normalized ? *text : token.content;
      result->normalized = token.normalized;
      result->single_word = token.singleWord;
      result->strip_left = token.lstrip;
      result->strip_right = token.rstrip;
      ++text;
      const std::string &decoded = result->match;
      uint8_t &flags = table_.token_flags[id];
      flags &= static_cast<uint8_t>(~TokenIsSpecial);
      flags |= TokenExists;
      if (spec_.added.isSpecial(decoded))
        flags |= TokenIsSpecial;
      if (!texts_[id]) {
        addedTexts_.push_back(decoded);
        texts_[id] = &addedTexts_.back();
      } else if (*texts_[id] != decoded) {
        result->decoded = stored(decoded);
      }
      // tokenizers would look for nothing, and find it between all characters.
      if (result->match.empty())
        return {ErrorCode::UnsupportedTokenizer,
                spec_.path + ": the added token " +
                    quoteForMessage(token.content) +
                    " of which the normalizer leaves nothing is not supported"};
      table_.added.push_back(std::move(result));
    }
    auto key = [](const std::unique_ptr<table::AddedTokenT> &token) {
      return std::tie(token->normalized, token->match);
    };
    std::sort(table_.added.begin(), table_.added.end(),
              [&](const auto &a, const auto &b) { return key(a) < key(b); });
    for (size_t i = 1; i < table_.added.size(); ++i)
      if (key(table_.added[i - 1]) == key(table_.added[i]))
        return malformed("the added tokens " +
                         std::to_string(table_.added[i - 1]->id) + " and " +
                         std::to_string(table_.added[i]->id) +
                         " are the same once normalized");
    return {};
  }

  void addLookup() {
    table_.token_offsets.push_back(0);
    size_t count = 0;
    for (size_t id = 0; id < texts_.size(); ++id) {
      if (texts_[id]) {
        std::string bytes = stored(*texts_[id]);
        table_.token_bytes.insert(table_.token_bytes.end(), bytes.begin(),
                                  bytes.end());
      }
      table_.token_offsets.push_back(
          static_cast<uint32_t>(table_.token_bytes.size()));
      count += (table_.token_flags[id] & TokenInLookup) != 0;
    }
    table_.lookup.assign(std::bit_ceil(2 * count + 2), 0);
    size_t mask = table_.lookup.size() - 1;
    for (uint32_t id = 0; id < texts_.size(); ++id) {
      if (!(table_.token_flags[id] & TokenInLookup))
        continue;
      size_t slot = hashTokenBytes(stored(*texts_[id])) & mask;
      while (table_.lookup[slot] != 0)
        slot = (slot + 1) & mask;
      table_.lookup[slot] = id + 1;
    }
  }

  int32_t idOf(const std::string &token) const {
    auto it = spec_.vocab.find(token);
    return it == spec_.vocab.end() ? -1 : static_cast<int32_t>(it->second);
  }

  void addUnits() {
    table_.raw_bytes = rawBytes_;
    table_.byte_fallback = spec_.byteFallback;
    table_.ignore_merges = spec_.ignoreMerges;
    table_.fuse_unk = spec_.fuseUnk;
    if (!spec_.unkToken.empty())
      table_.unk_id = idOf(spec_.unkToken);
    table_.continuing_subword_prefix = spec_.continuingSubwordPrefix;
    table_.end_of_word_suffix = spec_.endOfWordSuffix;
    for (unsigned byte = 0; byte < 256; ++byte) {
      auto c = static_cast<char>(byte);
      table_.byte_units.push_back(
          idOf(rawBytes_ ? toByteAlphabet(std::string_view(&c, 1))
                         : byteTokenName(byte)));
    }
  }

  Status addMerges() {
    // A pair that is there twice has its last rank.
    std::vector<std::pair<uint64_t, uint32_t>> ranks;
    for (uint32_t rank = 0; rank < spec_.merges.size(); ++rank) {
      const auto &[left, right] = spec_.merges[rank];
      ranks.emplace_back(static_cast<uint64_t>(idOf(left)) << 32 |
                             static_cast<uint32_t>(idOf(right)),
                         rank);
    }
    std::sort(ranks.begin(), ranks.end());
    std::vector<uint32_t> kept;
    for (size_t i = 0; i < ranks.size(); ++i)
      if (i + 1 == ranks.size() || ranks[i + 1].first != ranks[i].first)
        kept.push_back(ranks[i].second);
    std::sort(kept.begin(), kept.end());

    table_.merges.assign(std::bit_ceil(kept.size() + kept.size() / 2 + 1),
                         table::MergeSlot(0, 0, 0, emptyMergeSlot));
    size_t mask = table_.merges.size() - 1;
    for (uint32_t rank : kept) {
      const auto &[left, right] = spec_.merges[rank];
      auto leftId = static_cast<uint32_t>(idOf(left));
      auto rightId = static_cast<uint32_t>(idOf(right));
      std::string merged = left;
      merged.append(right, spec_.continuingSubwordPrefix.size());
      // Bytes and text do not add up: "Ġ" is a byte, "Ġあ" is not two.
      if (rawBytes_ &&
          stored(merged).size() > stored(left).size() + stored(right).size())
        return {ErrorCode::UnsupportedTokenizer,
                spec_.path + ": a merge of bytes with other text (" +
                    quoteForMessage(merged) + ") is not supported"};
      size_t slot = hashPair(leftId, rightId) & mask;
      while (table_.merges[slot].result() != emptyMergeSlot)
        slot = (slot + 1) & mask;
      table_.merges[slot] = table::MergeSlot(
          leftId, rightId, rank, static_cast<uint32_t>(idOf(merged)));
    }
    return {};
  }

  /// A merge of two tokens joins the last character of the one and the first of
  /// the other; where two characters never meet like this, text may be cut
  /// without changing its tokens. Only worth it for characters: about any two
  /// bytes do meet.
  void addJoints() {
    if (rawBytes_ || !spec_.continuingSubwordPrefix.empty() ||
        !spec_.endOfWordSuffix.empty())
      return;
    std::vector<uint64_t> pairs;
    for (const auto &[left, right] : spec_.merges) {
      for (const std::string *token : {&left, &right}) {
        // These are units too, but not characters.
        if (token->empty() || *token == spec_.unkToken ||
            (token->size() == 6 && token->starts_with("<0x")))
          return;
      }
      int32_t last = idOf(std::string(lastCharacter(left)));
      int32_t first = idOf(std::string(firstCharacter(right)));
      if (last >= 0 && first >= 0)
        pairs.push_back(hashPair(static_cast<uint32_t>(last),
                                 static_cast<uint32_t>(first)));
    }
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    // 16 bits a pair: one boundary in 16 is kept for nothing.
    table_.joints.assign(std::bit_ceil(pairs.size() / 4 + 1), 0);
    uint64_t mask = table_.joints.size() * 64 - 1;
    for (uint64_t hash : pairs)
      table_.joints[(hash & mask) / 64] |= uint64_t(1) << (hash & mask) % 64;
  }

  void addSteps() {
    for (const TokenizerSpec::Normalizer &step : spec_.normalizers)
      table_.normalizers.push_back(
          std::make_unique<TokenizerSpec::Normalizer>(step));
    for (const TokenizerSpec::PreTokenizer &step : spec_.preTokenizers)
      table_.pre_tokenizers.push_back(
          std::make_unique<TokenizerSpec::PreTokenizer>(step));
    if (rawBytes_)
      table_.pre_tokenizers.pop_back();
    for (const TokenizerSpec::Decoder &step : spec_.decoders)
      table_.decoders.push_back(std::make_unique<TokenizerSpec::Decoder>(step));
  }

  void addIds() {
    table_.prefix_ids = spec_.prefixIds;
    table_.suffix_ids = spec_.suffixIds;
    auto named = [&](const std::string &token) {
      for (const auto &[id, added] : spec_.added.tokens())
        if (added.content == token)
          return static_cast<int32_t>(id);
      return idOf(token);
    };
    table_.bos_id = named(spec_.bosToken);
    table_.eos_id = named(spec_.eosToken);
    table_.named_unk_id = named(spec_.namedUnkToken);
    table_.pad_id = named(spec_.padToken);
  }

  const TokenizerSpec &spec_;
  const bool rawBytes_;
  table::TokenizerT table_;
  std::vector<const std::string *> texts_; // by id; null for no token
  std::vector<std::string> addedTexts_;
};

} // namespace

Result<std::string> swallow::writeTokenizerTable(const TokenizerSpec &spec) {
  return Writer(spec).run();
}
