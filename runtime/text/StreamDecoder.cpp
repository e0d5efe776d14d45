//===- StreamDecoder.cpp - text while it is being generated ---------------===//

#include "runtime/text/StreamDecoder.h"
#include "runtime/text/TokenizerImpl.h"

#include <utility>

using namespace swallow;

struct StreamDecoder::Impl {
  std::shared_ptr<const Tokenizer::Impl> tokenizer;
  bool skipSpecialTokens;
  Decoder::Run run;
};

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer, bool skipSpecialTokens)
    : impl_(std::make_unique<Impl>(
          Impl{tokenizer.impl_, skipSpecialTokens,
               Decoder::Run(tokenizer.impl_->decoder)})) {}
StreamDecoder::StreamDecoder(StreamDecoder &&) noexcept = default;
StreamDecoder &StreamDecoder::operator=(StreamDecoder &&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

std::string StreamDecoder::append(int32_t id) {
  std::string text;
  const TokenTable &tokens = impl_->tokenizer->model.tokens;
  auto index = static_cast<uint32_t>(id);
  if (!tokens.has(index, TokenExists) ||
      (impl_->skipSpecialTokens && tokens.has(index, TokenIsSpecial)))
    return text;
  impl_->run.token(impl_->tokenizer->decoderText(id), text);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  impl_->run.finish(text);
  return text;
}

std::string Tokenizer::decode(std::span<const int32_t> ids,
                              bool skipSpecialTokens) const {
  StreamDecoder stream(*this, skipSpecialTokens);
  std::string text;
  for (int32_t id : ids)
    text += stream.append(id);
  return text += stream.finish();
}
