//===- StreamDecoder.cpp - text while it is being generated ---------------===//

#include "runtime/text/StreamDecoder.h"
#include "runtime/text/EmojiGate.h"
#include "runtime/text/TokenizerImpl.h"

#include <utility>

using namespace swallow;

struct StreamDecoder::Impl {
  std::shared_ptr<const Tokenizer::Impl> tokenizer;
  bool skipSpecialTokens;
  Decoder::Run run;
  EmojiGate gate;
  std::string text = {}; // between the two
};

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer, bool skipSpecialTokens)
    : impl_(std::make_unique<Impl>(Impl{tokenizer.impl_, skipSpecialTokens,
                                        Decoder::Run(tokenizer.impl_->decoder),
                                        EmojiGate()})) {}
StreamDecoder::StreamDecoder(StreamDecoder &&) noexcept = default;
StreamDecoder &StreamDecoder::operator=(StreamDecoder &&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

/// Whether decoding has something to do with `id`.
static bool isDecoded(const TokenTable &tokens, int32_t id, bool skipSpecial) {
  auto index = static_cast<uint32_t>(id);
  return tokens.has(index, TokenExists) &&
         !(skipSpecial && tokens.has(index, TokenIsSpecial));
}

std::string StreamDecoder::append(int32_t id) {
  std::string result;
  if (!isDecoded(impl_->tokenizer->model.tokens, id, impl_->skipSpecialTokens))
    return result;
  impl_->text.clear();
  impl_->run.token(impl_->tokenizer->decoderText(id), impl_->text);
  impl_->gate.add(impl_->text, result);
  return result;
}

std::string StreamDecoder::finish() {
  std::string result;
  impl_->text.clear();
  impl_->run.finish(impl_->text);
  impl_->gate.add(impl_->text, result);
  impl_->gate.finish(result);
  return result;
}

std::string Tokenizer::decode(std::span<const int32_t> ids,
                              bool skipSpecialTokens) const {
  Decoder::Run run(impl_->decoder);
  std::string text;
  for (int32_t id : ids)
    if (isDecoded(impl_->model.tokens, id, skipSpecialTokens))
      run.token(impl_->decoderText(id), text);
  run.finish(text);
  return text;
}
