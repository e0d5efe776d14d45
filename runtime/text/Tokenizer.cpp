//===- Tokenizer.cpp - text to token ids and back -------------------------===//

#include "runtime/text/Tokenizer.h"
#include "runtime/text/TokenizerImpl.h"
#include "runtime/text/Utf8.h"
#include "runtime/text/tokenizer_generated.h"

#include <utility>

using namespace swallow;

namespace {

Error corrupt(const char *what) {
  return {ErrorCode::Corrupt, std::string("tokenizer table: ") + what};
}

std::string_view viewOf(const flatbuffers::String *string) {
  return string ? string->string_view() : std::string_view();
}

Result<BpeModel> openModel(const text::table::Tokenizer &table) {
  BpeModel model;
  SWALLOW_ASSIGN(model.tokens, TokenTable::create(table));
  auto idOrNone = [&](int32_t id) {
    return id == -1 || model.tokens.has(static_cast<uint32_t>(id), TokenExists);
  };
  const auto *byteUnits = table.byte_units();
  if (!byteUnits || byteUnits->size() != model.byteUnits.size())
    return corrupt("byte_units must have 256 entries");
  for (uint32_t i = 0; i < byteUnits->size(); ++i) {
    model.byteUnits[i] = byteUnits->Get(i);
    if (!idOrNone(model.byteUnits[i]))
      return corrupt("bad byte_units");
    // A byte, or something like "<0x41>".
    if (model.byteUnits[i] != -1 &&
        model.tokens.bytes(static_cast<uint32_t>(model.byteUnits[i])).size() >
            (table.raw_bytes() ? 1 : 6))
      return corrupt("bad byte_units");
  }
  model.rawBytes = table.raw_bytes();
  model.byteFallback = table.byte_fallback();
  model.ignoreMerges = table.ignore_merges();
  model.fuseUnk = table.fuse_unk();
  model.unkId = table.unk_id();
  model.prefix = viewOf(table.continuing_subword_prefix());
  model.suffix = viewOf(table.end_of_word_suffix());
  if (!idOrNone(model.unkId))
    return corrupt("bad unk_id");
  // Texts of tokens leave the decoder as UTF-8 only if they are.
  if (!model.rawBytes)
    for (uint32_t id = 0; id < model.tokens.size(); ++id)
      if (!isValidUtf8(model.tokens.bytes(id)))
        return corrupt("a token is not UTF-8");
  return model;
}

} // namespace

Tokenizer::Tokenizer(std::shared_ptr<const Impl> impl)
    : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(const Tokenizer &) = default;
Tokenizer &Tokenizer::operator=(const Tokenizer &) = default;
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::open(std::span<const uint8_t> segment) {
  if (reinterpret_cast<uintptr_t>(segment.data()) % 8 != 0)
    return {ErrorCode::InvalidArgument, "tokenizer table: not aligned"};
  // FlatBuffers cannot look at anything shorter than root offset and
  // identifier.
  if (segment.size() < 8 ||
      !text::table::TokenizerBufferHasIdentifier(segment.data()))
    return corrupt("not a tokenizer table");
  flatbuffers::Verifier verifier(segment.data(), segment.size());
  if (!text::table::VerifyTokenizerBuffer(verifier))
    return corrupt("damaged");
  const text::table::Tokenizer &table =
      *text::table::GetTokenizer(segment.data());
  if (table.version() != tokenizerTableVersion)
    return {ErrorCode::VersionMismatch,
            "tokenizer table: version " + std::to_string(table.version()) +
                ", this runtime reads version " +
                std::to_string(tokenizerTableVersion)};

  auto impl = std::make_shared<Impl>();
  SWALLOW_ASSIGN(impl->model, openModel(table));
  const BpeModel &model = impl->model;
  auto isToken = [&](uint32_t id) { return model.tokens.has(id, TokenExists); };
  if (table.added())
    for (const text::table::AddedToken *token : *table.added()) {
      if (!isToken(token->id()))
        return corrupt("an added token has no id");
      SWALLOW_TRY(token->normalized() ? impl->addedNormalized.add(*token)
                                      : impl->added.add(*token));
      impl->addedIds.push_back(token->id());
      if (!token->decoded())
        continue;
      if (!model.rawBytes && !isValidUtf8(viewOf(token->decoded())))
        return corrupt("an added token is not UTF-8");
      impl->decoded.emplace(static_cast<int32_t>(token->id()),
                            viewOf(token->decoded()));
      if (impl->decoderText(static_cast<int32_t>(token->id())).size() >
          viewOf(token->match()).size())
        return corrupt("an added token decodes from more than it matches");
    }
  GrowthLimit encodeGrowth(maxEncodeGrowth), decodeGrowth(maxDecodeGrowth);
  if (table.normalizers())
    for (const text::table::NormalizerStep *step : *table.normalizers())
      SWALLOW_TRY(impl->normalizer.add(*step, encodeGrowth));
  if (table.pre_tokenizers())
    for (const text::table::PreTokenizerStep *step : *table.pre_tokenizers())
      SWALLOW_TRY(impl->preTokenizer.add(*step, encodeGrowth));
  // Every step but this one expects UTF-8.
  if (model.rawBytes &&
      (!table.decoders() || table.decoders()->size() == 0 ||
       table.decoders()->Get(0)->kind() != text::table::DecoderKind::ByteLevel))
    return corrupt("raw bytes without a byte decoder");
  if (table.decoders())
    for (const text::table::DecoderStep *step : *table.decoders())
      SWALLOW_TRY(impl->decoder.add(*step, model.rawBytes, decodeGrowth));
  GrowthLimit roundTrip(maxRoundTripGrowth);
  SWALLOW_TRY(roundTrip.multiply(encodeGrowth.factor()));
  SWALLOW_TRY(roundTrip.multiply(decodeGrowth.factor()));
  if (model.unkId >= 0)
    SWALLOW_TRY(roundTrip.add(1, impl->decoderText(model.unkId).size()));

  auto readIds = [&](const flatbuffers::Vector<uint32_t> *ids,
                     std::vector<int32_t> &result) {
    if (ids)
      for (uint32_t id : *ids) {
        if (!isToken(id))
          return false;
        result.push_back(static_cast<int32_t>(id));
      }
    return true;
  };
  if (!readIds(table.prefix_ids(), impl->prefixIds) ||
      !readIds(table.suffix_ids(), impl->suffixIds))
    return corrupt("bad prefix_ids or suffix_ids");
  int32_t named[4] = {table.bos_id(), table.eos_id(), table.named_unk_id(),
                      table.pad_id()};
  for (size_t i = 0; i < 4; ++i) {
    if (named[i] == -1)
      continue;
    if (!isToken(static_cast<uint32_t>(named[i])))
      return corrupt("bad id of a special token");
    impl->special[i] = named[i];
  }
  return Tokenizer(std::move(impl));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text,
                                       bool addSpecialTokens) const {
  std::string repaired;
  if (!isValidUtf8(text))
    text = repaired = toValidUtf8(text);

  std::vector<int32_t> ids;
  if (addSpecialTokens)
    ids = impl_->prefixIds;

  std::unique_ptr<Impl::Scratch> scratch = impl_->scratches.take(*impl_);
  const PreTokenizer::Visit encodeWord = [&](std::string_view word) {
    scratch->bpe.encode(word, ids);
  };
  // tokenizers, AddedVocabulary::extract_and_normalize: tokens in the text as
  // it is, then tokens in what the normalizer makes of the rest.
  for (const AddedTokens::Piece &piece : impl_->added.split(text)) {
    if (piece.id >= 0) {
      ids.push_back(piece.id);
      continue;
    }
    bool keepsStart = true;
    std::string normalized;
    std::string_view rest = piece.text;
    if (!impl_->normalizer.empty())
      rest = normalized =
          impl_->normalizer.apply(piece.text, scratch->normalizer, keepsStart);
    for (const AddedTokens::Piece &part : impl_->addedNormalized.split(rest)) {
      if (part.id >= 0)
        ids.push_back(part.id);
      else
        impl_->preTokenizer.split(
            part.text, piece.offset == 0 && part.offset == 0 && keepsStart,
            scratch->preTokenizer, encodeWord);
    }
  }
  impl_->scratches.give(std::move(scratch));
  if (addSpecialTokens)
    ids.insert(ids.end(), impl_->suffixIds.begin(), impl_->suffixIds.end());
  return ids;
}

int32_t Tokenizer::vocabSize() const {
  return static_cast<int32_t>(impl_->model.tokens.size());
}

bool Tokenizer::isToken(int32_t id) const {
  return impl_->model.tokens.has(static_cast<uint32_t>(id), TokenExists);
}

bool Tokenizer::isSpecial(int32_t id) const {
  return impl_->model.tokens.has(static_cast<uint32_t>(id), TokenIsSpecial);
}

std::string_view Tokenizer::tokenBytes(int32_t id) const {
  if (!isToken(id))
    return {};
  return impl_->model.tokens.bytes(static_cast<uint32_t>(id));
}

std::optional<int32_t> Tokenizer::findToken(std::string_view bytes) const {
  if (std::optional<uint32_t> id = impl_->model.tokens.find(bytes))
    return static_cast<int32_t>(*id);
  for (uint32_t id : impl_->addedIds)
    if (impl_->model.tokens.bytes(id) == bytes)
      return static_cast<int32_t>(id);
  return std::nullopt;
}

std::optional<int32_t> Tokenizer::special(SpecialToken which) const {
  return impl_->special[static_cast<size_t>(which)];
}
