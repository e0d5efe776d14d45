//===- PreTokenizer.cpp - text to words -----------------------------------===//

#include "runtime/text/PreTokenizer.h"
#include "runtime/text/Utf8.h"
#include "runtime/text/tokenizer_generated.h"

using namespace swallow;
using text::table::PreTokenizerKind;
using text::table::SplitBehavior;

namespace {

/// Takes the pieces of a text one after the other, delimiters and what is
/// between them, and gives out the splits that a behavior makes of them
/// (tokenizers, NormalizedString::split).
template <typename Emit> class Splitter {
public:
  Splitter(SplitBehavior behavior, Emit emit)
      : behavior_(behavior), emit_(emit) {}

  void piece(size_t start, size_t end, bool isDelimiter) {
    switch (behavior_) {
    case SplitBehavior::Removed:
      if (!isDelimiter)
        emit_(start, end);
      return;
    case SplitBehavior::Isolated:
      emit_(start, end);
      return;
    case SplitBehavior::MergedWithPrevious:
      append(start, end, isDelimiter, isDelimiter && !lastIsDelimiter_);
      return;
    case SplitBehavior::MergedWithNext:
      append(start, end, isDelimiter, !isDelimiter && lastIsDelimiter_);
      return;
    case SplitBehavior::Contiguous:
      append(start, end, isDelimiter, isDelimiter == lastIsDelimiter_);
      return;
    }
  }

  void finish() {
    if (held_)
      emit_(start_, end_);
    held_ = false;
  }

private:
  /// Joins the piece with the one that is held, or holds it instead.
  void append(size_t start, size_t end, bool isDelimiter, bool join) {
    lastIsDelimiter_ = isDelimiter;
    if (held_ && join) {
      end_ = end;
      return;
    }
    finish();
    held_ = true;
    start_ = start;
    end_ = end;
  }

  SplitBehavior behavior_;
  Emit emit_;
  bool held_ = false;
  bool lastIsDelimiter_ = false;
  size_t start_ = 0, end_ = 0;
};

} // namespace

Status PreTokenizer::add(const text::table::PreTokenizerStep &step,
                         GrowthLimit &growth) {
  Step result;
  result.kind = static_cast<uint8_t>(step.kind());
  result.behavior = static_cast<uint8_t>(step.behavior());
  result.invert = step.invert();
  if (step.kind() > PreTokenizerKind::MAX ||
      step.behavior() > SplitBehavior::MAX)
    return {ErrorCode::Corrupt, "tokenizer table: unknown pre-tokenizer step"};
  if (steps_.size() == maxTokenizerSteps)
    return {ErrorCode::UnsupportedTokenizer,
            "a tokenizer with more than 64 pre-tokenizer steps is not "
            "supported"};
  if (step.pattern())
    result.pattern = step.pattern()->str();
  if (step.content())
    result.content = step.content()->str();
  if (!isValidUtf8(result.pattern) || !isValidUtf8(result.content))
    return {ErrorCode::Corrupt, "tokenizer table: a step is not UTF-8"};
  if (step.kind() == PreTokenizerKind::ByteAlphabet)
    SWALLOW_TRY(growth.add(1, 2));
  else if (step.kind() == PreTokenizerKind::Prepend ||
           step.kind() == PreTokenizerKind::PrependFirst ||
           step.kind() == PreTokenizerKind::PrependAlways)
    SWALLOW_TRY(growth.add(0, result.content.size()));
  else if (step.kind() == PreTokenizerKind::ReplaceLiteral &&
           !result.pattern.empty())
    SWALLOW_TRY(growth.add(result.pattern.size(), result.content.size()));
  if (step.kind() == PreTokenizerKind::SplitRegex) {
    Result<Regex> regex = Regex::compile(result.pattern);
    if (!regex)
      return {ErrorCode::Corrupt,
              "tokenizer table: bad pre-tokenizer pattern: " +
                  regex.error().message};
    result.regex = std::move(*regex);
  }
  steps_.push_back(std::move(result));
  return {};
}

PreTokenizer::Scratch::Scratch(const PreTokenizer &preTokenizer) {
  for (const Step &step : preTokenizer.steps_) {
    matchers_.emplace_back();
    if (step.regex)
      matchers_.back().emplace(*step.regex);
  }
}

void PreTokenizer::Scratch::restart() {
  for (std::optional<Regex::Matcher> &matcher : matchers_)
    if (matcher)
      matcher->restart();
}

void PreTokenizer::run(size_t index, std::string_view text, bool atStart,
                       Scratch &scratch, const Visit &visit) const {
  if (text.empty())
    return;
  if (index == steps_.size()) {
    visit(text);
    return;
  }
  const Step &step = steps_[index];
  switch (static_cast<PreTokenizerKind>(step.kind)) {
  case PreTokenizerKind::SplitLiteral:
  case PreTokenizerKind::SplitRegex:
    runSplit(index, text, atStart, scratch, visit);
    return;
  case PreTokenizerKind::ReplaceLiteral:
    run(index + 1, replaceLiteral(text, step.pattern, step.content), atStart,
        scratch, visit);
    return;
  case PreTokenizerKind::PrependFirst:
    if (!atStart) {
      run(index + 1, text, atStart, scratch, visit);
      return;
    }
    [[fallthrough]];
  case PreTokenizerKind::Prepend:
    if (text.starts_with(step.content))
      run(index + 1, text, atStart, scratch, visit);
    else
      run(index + 1, step.content + std::string(text), atStart, scratch, visit);
    return;
  case PreTokenizerKind::PrependAlways:
    run(index + 1, step.content + std::string(text), atStart, scratch, visit);
    return;
  case PreTokenizerKind::ByteAlphabet:
    run(index + 1, toByteAlphabet(text), atStart, scratch, visit);
    return;
  }
}

void PreTokenizer::runSplit(size_t index, std::string_view text, bool atStart,
                            Scratch &scratch, const Visit &visit) const {
  const Step &step = steps_[index];
  Splitter splitter(static_cast<SplitBehavior>(step.behavior),
                    [&](size_t start, size_t end) {
                      run(index + 1, text.substr(start, end - start),
                          atStart && start == 0, scratch, visit);
                    });
  size_t from = 0;
  auto delimiter = [&](size_t start, size_t end) {
    if (from != start)
      splitter.piece(from, start, step.invert);
    splitter.piece(start, end, !step.invert);
    from = end;
  };
  if (step.regex) {
    // Steps further on use matchers of their own, so this one is not disturbed.
    forEachMatch(*scratch.matchers_[index], text, delimiter);
  } else if (!step.pattern.empty()) {
    for (size_t at; (at = findLiteral(text, step.pattern, from)) != text.npos;)
      delimiter(at, at + step.pattern.size());
  }
  if (from != text.size())
    splitter.piece(from, text.size(), step.invert);
  splitter.finish();
}
