//===- Decoder.cpp - tokens to text, piece by piece -----------------------===//
//
// Every step of tokenizers' decode_chain, which maps a list of tokens to a list
// of tokens, as a stage that works on one token after the other and holds back
// only what a later token could still change.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Decoder.h"
#include "runtime/text/Utf8.h"
#include "runtime/text/tokenizer_generated.h"

#include <algorithm>
#include <optional>
#include <utility>

using namespace swallow;
using text::table::DecoderKind;

class Decoder::Run::Stage {
public:
  virtual ~Stage() = default;
  virtual void token(std::string_view token) = 0;
  virtual void finish() {}

  /// The next stage, or where the text goes after the last one.
  Stage *next = nullptr;
  std::string *out = nullptr;

protected:
  void emit(std::string_view token) {
    if (next)
      next->token(token);
    else
      out->append(token);
  }
};

namespace {

using Stage = Decoder::Run::Stage;

class ReplaceStage : public Stage {
public:
  ReplaceStage(std::string_view pattern, std::string_view content)
      : pattern_(pattern), content_(content) {}
  void token(std::string_view token) override {
    emit(replaceLiteral(token, pattern_, content_));
  }

private:
  std::string_view pattern_, content_;
};

/// Replaces in a single token that comes in pieces: what may be the beginning
/// of the pattern waits. (Knuth, Morris and Pratt, "Fast pattern matching in
/// strings", 1977.)
class ReplaceFusedStage : public Stage {
public:
  ReplaceFusedStage(std::string_view pattern, std::string_view content)
      : pattern_(pattern), content_(content), borders_(pattern.size()) {
    for (size_t i = 1, border = 0; i < pattern.size(); ++i) {
      while (border > 0 && pattern[i] != pattern[border])
        border = borders_[border - 1];
      border += pattern[i] == pattern[border];
      borders_[i] = border;
    }
  }

  void token(std::string_view token) override {
    std::string done;
    for (char c : token) {
      // What can no longer be part of a match goes on.
      while (held_ > 0 && c != pattern_[held_]) {
        size_t border = borders_[held_ - 1];
        done += pattern_.substr(0, held_ - border);
        held_ = border;
      }
      if (c != pattern_[held_]) {
        done += c;
      } else if (++held_ == pattern_.size()) {
        done += content_;
        held_ = 0;
      }
    }
    if (!done.empty())
      emit(done);
  }
  void finish() override {
    if (held_ > 0)
      emit(pattern_.substr(0, held_));
    held_ = 0;
  }

private:
  std::string_view pattern_, content_;
  std::vector<size_t> borders_; // of each beginning of the pattern
  size_t held_ = 0;             // the beginning of the pattern that waits
};

class ReplaceRegexStage : public Stage {
public:
  ReplaceRegexStage(const Regex &regex, std::string_view content)
      : matcher_(regex), content_(content) {}
  void token(std::string_view token) override {
    // tokenizers finds nothing in an empty token, not even an empty match.
    emit(token.empty() ? std::string()
                       : replaceMatches(token, matcher_, content_));
  }

private:
  Regex::Matcher matcher_;
  std::string_view content_;
};

/// A run of byte tokens is its bytes if these are UTF-8 as a whole, and U+FFFD
/// for each of them if not.
class ByteFallbackStage : public Stage {
public:
  void token(std::string_view token) override {
    if (std::optional<char> byte = byteOf(token)) {
      run_ += *byte;
      return;
    }
    finish();
    emit(token);
  }
  void finish() override {
    if (run_.empty())
      return;
    if (isValidUtf8(run_))
      emit(run_);
    else
      for (size_t i = 0; i < run_.size(); ++i)
        emit(replacementCharacter);
    run_.clear();
  }

private:
  static std::optional<char> byteOf(std::string_view token) {
    auto digit = [](char c) {
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                    : -1;
    };
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>')
      return std::nullopt;
    int high = digit(token[3]), low = digit(token[4]);
    if (high < 0 || low < 0)
      return std::nullopt;
    return static_cast<char>(high * 16 + low);
  }

  std::string run_;
};

/// The first bytes of `text` that are up to `count` times `content`.
size_t leading(std::string_view text, std::string_view content, size_t count) {
  size_t end = 0;
  while (count-- > 0 && text.substr(end).starts_with(content))
    end += content.size();
  return end;
}

/// The same at the end.
size_t trailing(std::string_view text, std::string_view content, size_t count) {
  size_t length = 0;
  while (count-- > 0 && text.substr(0, text.size() - length).ends_with(content))
    length += content.size();
  return length;
}

class StripStage : public Stage {
public:
  StripStage(std::string_view content, size_t start, size_t stop)
      : content_(content), start_(start), stop_(stop) {}
  void token(std::string_view token) override {
    size_t begin = leading(token, content_, start_);
    size_t end = token.size() - trailing(token, content_, stop_);
    emit(begin < end ? token.substr(begin, end - begin) : std::string_view());
  }

private:
  std::string_view content_;
  size_t start_, stop_;
};

/// Strips a single token that comes in pieces of whole characters.
class StripFusedStage : public Stage {
public:
  StripFusedStage(std::string_view content, size_t start, size_t stop)
      : content_(content), start_(start), stop_(stop), left_(start) {}
  void token(std::string_view token) override {
    size_t begin = leading(token, content_, left_);
    token.remove_prefix(begin);
    left_ -= begin / content_.size();
    if (token.empty())
      return;
    left_ = 0;
    // What is held is followed by something, or is too much.
    size_t end = trailing(token, content_, stop_);
    size_t count = end / content_.size();
    std::string done;
    size_t surplus = held_;
    if (end == token.size())
      surplus = held_ - std::min(held_, stop_ - count);
    for (size_t i = 0; i < surplus; ++i)
      done += content_;
    held_ = end == token.size() ? held_ - surplus + count : count;
    done += token.substr(0, token.size() - end);
    if (!done.empty())
      emit(done);
  }
  void finish() override {
    held_ = 0;
    left_ = start_;
  }

private:
  std::string_view content_;
  size_t start_, stop_;
  size_t left_;     // how often content may still be stripped from the start
  size_t held_ = 0; // how often content waits, stop_ times at most
};

class ByteLevelStage : public Stage {
public:
  explicit ByteLevelStage(bool rawBytes) : rawBytes_(rawBytes) {}
  void token(std::string_view token) override {
    std::optional<std::string> bytes;
    if (!rawBytes_)
      bytes = fromByteAlphabet(token);
    bytes_ += bytes ? std::string_view(*bytes) : token;
    emitCharacters();
  }
  void finish() override {
    if (!bytes_.empty())
      emit(toValidUtf8(bytes_));
    bytes_.clear();
  }

private:
  void emitCharacters() {
    std::string_view left = bytes_;
    std::string text;
    while (!left.empty()) {
      Utf8Unit unit = scanUtf8(left);
      if (unit.kind == Utf8Unit::Incomplete)
        break;
      text += unit.kind == Utf8Unit::Character ? left.substr(0, unit.length)
                                               : replacementCharacter;
      left.remove_prefix(unit.length);
    }
    bytes_.erase(0, bytes_.size() - left.size());
    if (!text.empty())
      emit(text);
  }

  bool rawBytes_;
  std::string bytes_;
};

class MetaspaceStage : public Stage {
public:
  MetaspaceStage(std::string_view pattern, bool dropInFirst, bool fused)
      : pattern_(pattern), dropInFirst_(dropInFirst), fused_(fused) {}
  void token(std::string_view token) override {
    emit(replaceLiteral(token, pattern_,
                        first_ && dropInFirst_ ? std::string_view() : " "));
    first_ = fused_;
  }
  void finish() override { first_ = true; }

private:
  std::string_view pattern_;
  bool dropInFirst_, fused_;
  bool first_ = true;
};

class SeparateStage : public Stage {
public:
  SeparateStage(std::string_view content, bool fused)
      : content_(content), fused_(fused) {}
  void token(std::string_view token) override {
    if (!first_)
      emit(content_);
    emit(token);
    first_ = fused_;
  }
  void finish() override { first_ = true; }

private:
  std::string_view content_;
  bool fused_;
  bool first_ = true;
};

/// What a suffix becomes is not known before the next token comes.
class WordSuffixStage : public Stage {
public:
  explicit WordSuffixStage(std::string_view suffix) : suffix_(suffix) {}
  void token(std::string_view token) override {
    if (held_)
      emit(replaceLiteral(*held_, suffix_, " "));
    held_.reset();
    if (findLiteral(token, suffix_, 0) == token.npos)
      emit(token);
    else
      held_ = token;
  }
  void finish() override {
    if (held_)
      emit(replaceLiteral(*held_, suffix_, ""));
    held_.reset();
  }

private:
  std::string_view suffix_;
  std::optional<std::string> held_;
};

class WordPieceStage : public Stage {
public:
  explicit WordPieceStage(std::string_view prefix) : prefix_(prefix) {}
  void token(std::string_view token) override {
    if (first_)
      emit(token);
    else if (token.starts_with(prefix_))
      emit(token.substr(prefix_.size()));
    else
      emit(std::string(1, ' ').append(token));
    first_ = false;
  }
  void finish() override { first_ = true; }

private:
  std::string_view prefix_;
  bool first_ = true;
};

} // namespace

Status Decoder::add(const text::table::DecoderStep &step, bool rawBytes,
                    GrowthLimit &growth) {
  auto corrupt = [](const char *what) {
    return Status(ErrorCode::Corrupt, std::string("tokenizer table: ") + what);
  };
  if (steps_.size() == maxTokenizerSteps)
    return {ErrorCode::UnsupportedTokenizer,
            "a tokenizer with more than 64 decoder steps is not supported"};
  Step result;
  result.kind = static_cast<uint8_t>(step.kind());
  result.fused = fused_;
  result.rawBytes = rawBytes;
  result.start = step.start();
  result.stop = step.stop();
  if (step.pattern())
    result.pattern = step.pattern()->str();
  if (step.content())
    result.content = step.content()->str();
  if (!isValidUtf8(result.pattern) || !isValidUtf8(result.content))
    return corrupt("a decoder step is not UTF-8");
  switch (step.kind()) {
  case DecoderKind::ReplaceLiteral:
  case DecoderKind::Metaspace:
    if (result.pattern.empty())
      return corrupt("a decoder without a pattern");
    SWALLOW_TRY(growth.add(result.pattern.size(), result.content.size()));
    break;
  case DecoderKind::ReplaceRegex: {
    if (fused_)
      return corrupt("a decoder pattern after tokens are fused");
    SWALLOW_TRY(growth.add(0, result.content.size()));
    Result<Regex> regex = Regex::compile(result.pattern);
    if (!regex)
      return corrupt(("bad decoder pattern: " + regex.error().message).c_str());
    result.regex = std::make_shared<const Regex>(std::move(*regex));
    break;
  }
  case DecoderKind::ByteFallback:
    if (fused_)
      return corrupt("a byte decoder after tokens are fused");
    break;
  case DecoderKind::Strip:
    if (result.content.empty() ||
        result.content.size() != utf8Length(result.content[0]))
      return corrupt("a decoder that strips other than one character");
    break;
  case DecoderKind::Fuse:
    fused_ = true;
    break;
  case DecoderKind::ByteLevel:
    if (fused_)
      return corrupt("a byte decoder after tokens are fused");
    SWALLOW_TRY(growth.add(1, 3)); // a broken byte becomes U+FFFD
    fused_ = true;
    break;
  case DecoderKind::WordSuffix:
    if (fused_ || result.pattern.empty())
      return corrupt("a bad suffix decoder");
    break;
  case DecoderKind::WordPiece:
    if (fused_)
      return corrupt("a word piece decoder after tokens are fused");
    SWALLOW_TRY(growth.add(0, 1));
    break;
  case DecoderKind::Separate:
    SWALLOW_TRY(growth.add(0, result.content.size()));
    break;
  default:
    return corrupt("unknown decoder step");
  }
  steps_.push_back(std::move(result));
  return {};
}

Decoder::Run::Run(const Decoder &decoder) {
  for (const Step &step : decoder.steps_) {
    std::unique_ptr<Stage> stage;
    switch (static_cast<DecoderKind>(step.kind)) {
    case DecoderKind::ReplaceLiteral:
      if (step.fused)
        stage = std::make_unique<ReplaceFusedStage>(step.pattern, step.content);
      else
        stage = std::make_unique<ReplaceStage>(step.pattern, step.content);
      break;
    case DecoderKind::ReplaceRegex:
      stage = std::make_unique<ReplaceRegexStage>(*step.regex, step.content);
      break;
    case DecoderKind::ByteFallback:
      stage = std::make_unique<ByteFallbackStage>();
      break;
    case DecoderKind::Strip:
      if (step.fused)
        stage = std::make_unique<StripFusedStage>(step.content, step.start,
                                                  step.stop);
      else
        stage =
            std::make_unique<StripStage>(step.content, step.start, step.stop);
      break;
    case DecoderKind::ByteLevel:
      stage = std::make_unique<ByteLevelStage>(step.rawBytes);
      break;
    case DecoderKind::Metaspace:
      stage = std::make_unique<MetaspaceStage>(step.pattern, step.start != 0,
                                               step.fused);
      break;
    case DecoderKind::Separate:
      stage = std::make_unique<SeparateStage>(step.content, step.fused);
      break;
    case DecoderKind::WordSuffix:
      stage = std::make_unique<WordSuffixStage>(step.pattern);
      break;
    case DecoderKind::WordPiece:
      stage = std::make_unique<WordPieceStage>(step.pattern);
      break;
    case DecoderKind::Fuse: // `fused` of the later steps is all there is to it
      continue;
    }
    stages_.push_back(std::move(stage));
  }
  for (size_t i = 0; i + 1 < stages_.size(); ++i)
    stages_[i]->next = stages_[i + 1].get();
}
Decoder::Run::Run(Run &&) noexcept = default;
Decoder::Run &Decoder::Run::operator=(Run &&) noexcept = default;
Decoder::Run::~Run() = default;

void Decoder::Run::token(std::string_view token, std::string &out) {
  if (stages_.empty()) {
    out += token;
    return;
  }
  stages_.back()->out = &out;
  stages_.front()->token(token);
}

void Decoder::Run::finish(std::string &out) {
  if (stages_.empty())
    return;
  stages_.back()->out = &out;
  for (std::unique_ptr<Stage> &stage : stages_)
    stage->finish();
}
