//===- Regex.cpp - compiled patterns --------------------------------------===//

#include "runtime/text/Regex.h"

#include <pcre2.h>

#include <algorithm>
#include <utility>

using namespace swallow;

namespace {

template <auto Free> struct Deleter {
  template <typename T> void operator()(T *object) const { Free(object); }
};
using Code = std::unique_ptr<pcre2_code, Deleter<pcre2_code_free>>;
using CompileContext =
    std::unique_ptr<pcre2_compile_context, Deleter<pcre2_compile_context_free>>;
using MatchContext =
    std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free>>;
using MatchData =
    std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free>>;
using JitStack =
    std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack_free>>;

} // namespace

struct Regex::Impl {
  Code code;
  bool jit = false;
};

Regex::Regex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Regex::Regex(Regex &&) noexcept = default;
Regex &Regex::operator=(Regex &&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern) {
  CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context)
    return {ErrorCode::OutOfMemory, "no memory for a regular expression"};
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto impl = std::make_unique<Impl>();
  impl->code.reset(pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
      &offset, context.get()));
  if (!impl->code) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(error, text, sizeof text);
    return {ErrorCode::InvalidArgument,
            std::string(reinterpret_cast<char *>(text)) + " at offset " +
                std::to_string(offset)};
  }
  // Where there is no JIT compiler the interpreter gives the same answers.
  impl->jit = pcre2_jit_compile(impl->code.get(), PCRE2_JIT_COMPLETE) == 0;
  return Regex(std::move(impl));
}

namespace {

// PCRE2 counts what a match tries, from each position anew. Nearly every match
// stays below the first limit; the others are found patiently.
constexpr uint32_t quickSteps = 20'000;
constexpr uint64_t patientSteps = 16'000'000, patientStepsPerByte = 64;
constexpr uint32_t heapKiB = 256 * 1024; // deep in the backtracking

bool isLimit(int error) {
  return error == PCRE2_ERROR_MATCHLIMIT || error == PCRE2_ERROR_JIT_STACKLIMIT;
}

PCRE2_SPTR subjectOf(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data() ? text.data() : "");
}

/// \K in a lookaround may put the start after the end or before `from`.
bool takeRange(pcre2_match_data *data, std::string_view text, size_t from,
               size_t &start, size_t &end) {
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(data);
  start = range[0];
  end = range[1];
  return start >= from && start <= end && end <= text.size();
}

} // namespace

bool Regex::matchesEmpty() const {
  uint32_t result = 0;
  pcre2_pattern_info(impl_->code.get(), PCRE2_INFO_MATCHEMPTY, &result);
  return result != 0;
}

struct Regex::Matcher::Impl {
  const Regex::Impl *regex;
  MatchData data;
  MatchContext context;
  JitStack stack;
  uint64_t patience = patientSteps;
};

Regex::Matcher::Matcher(const Regex &regex) : impl_(std::make_unique<Impl>()) {
  impl_->regex = regex.impl_.get();
  impl_->data.reset(pcre2_match_data_create(1, nullptr));
  impl_->context.reset(pcre2_match_context_create(nullptr));
  if (!impl_->context)
    return;
  pcre2_set_match_limit(impl_->context.get(), quickSteps);
  pcre2_set_heap_limit(impl_->context.get(), heapKiB);
  if (impl_->regex->jit) {
    // Grows only when a pattern backtracks deeply; 32 KiB come for free.
    constexpr size_t kKiB = 1024;
    impl_->stack.reset(pcre2_jit_stack_create(32 * kKiB, 1024 * kKiB, nullptr));
    pcre2_jit_stack_assign(impl_->context.get(), nullptr, impl_->stack.get());
  }
}
Regex::Matcher::Matcher(Matcher &&) noexcept = default;
Regex::Matcher &Regex::Matcher::operator=(Matcher &&) noexcept = default;
Regex::Matcher::~Matcher() = default;

void Regex::Matcher::restart() { impl_->patience = patientSteps; }

void Regex::Matcher::allow(size_t textSize) {
  if (impl_->patience > 0)
    impl_->patience += patientStepsPerByte * textSize;
}

bool Regex::Matcher::find(std::string_view text, size_t from, size_t &start,
                          size_t &end) {
  if (!impl_->data || !impl_->context || impl_->patience == 0)
    return false;
  const pcre2_code *code = impl_->regex->code.get();
  int found = impl_->regex->jit
                  ? pcre2_jit_match(code, subjectOf(text), text.size(), from, 0,
                                    impl_->data.get(), impl_->context.get())
                  : pcre2_match(code, subjectOf(text), text.size(), from,
                                PCRE2_NO_UTF_CHECK, impl_->data.get(),
                                impl_->context.get());
  if (isLimit(found))
    return findPatiently(text, from, start, end);
  return found >= 0 && takeRange(impl_->data.get(), text, from, start, end);
}

/// Tries one position after the other, with more steps where these are not
/// enough, and pays for every try that was in vain.
bool Regex::Matcher::findPatiently(std::string_view text, size_t from,
                                   size_t &start, size_t &end) {
  // The interpreter keeps its state on the heap, and in the match data until
  // that is freed.
  MatchData data(pcre2_match_data_create(1, nullptr));
  MatchContext context(pcre2_match_context_create(nullptr));
  if (!data || !context)
    return false;
  pcre2_set_heap_limit(context.get(), heapKiB);
  for (size_t at = from; at <= text.size();) {
    int found = PCRE2_ERROR_MATCHLIMIT;
    for (uint64_t steps = quickSteps; isLimit(found); steps *= 8) {
      uint64_t allowed = std::min({steps, impl_->patience, uint64_t(1) << 31});
      pcre2_set_match_limit(context.get(), static_cast<uint32_t>(allowed));
      found =
          pcre2_match(impl_->regex->code.get(), subjectOf(text), text.size(),
                      at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT | PCRE2_ANCHORED,
                      data.get(), context.get());
      if (isLimit(found))
        impl_->patience -= allowed;
      if (impl_->patience == 0)
        return false;
    }
    if (found >= 0)
      return takeRange(data.get(), text, from, start, end);
    if (found != PCRE2_ERROR_NOMATCH) {
      impl_->patience = 0; // too deep for its memory
      return false;
    }
    ++at;
    while (at < text.size() && (text[at] & 0xC0) == 0x80)
      ++at;
  }
  return false;
}
