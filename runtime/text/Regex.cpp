//===- Regex.cpp - compiled patterns --------------------------------------===//

#include "runtime/text/Regex.h"

#include <pcre2.h>

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

struct Regex::Matcher::Impl {
  const Regex::Impl *regex;
  MatchData data;
  MatchContext context;
  JitStack stack;
};

Regex::Matcher::Matcher(const Regex &regex) : impl_(std::make_unique<Impl>()) {
  impl_->regex = regex.impl_.get();
  impl_->data.reset(pcre2_match_data_create(1, nullptr));
  impl_->context.reset(pcre2_match_context_create(nullptr));
  if (impl_->regex->jit && impl_->context) {
    // Grows only when a pattern backtracks deeply; 32 KiB come for free.
    constexpr size_t kKiB = 1024;
    impl_->stack.reset(pcre2_jit_stack_create(32 * kKiB, 1024 * kKiB, nullptr));
    pcre2_jit_stack_assign(impl_->context.get(), nullptr, impl_->stack.get());
  }
}
Regex::Matcher::Matcher(Matcher &&) noexcept = default;
Regex::Matcher &Regex::Matcher::operator=(Matcher &&) noexcept = default;
Regex::Matcher::~Matcher() = default;

bool Regex::Matcher::find(std::string_view text, size_t from, size_t &start,
                          size_t &end) {
  if (!impl_->data || !impl_->context)
    return false;
  const pcre2_code *code = impl_->regex->code.get();
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  if (!subject)
    subject = reinterpret_cast<PCRE2_SPTR>("");
  int found = PCRE2_ERROR_JIT_STACKLIMIT;
  if (impl_->regex->jit)
    found = pcre2_jit_match(code, subject, text.size(), from, 0,
                            impl_->data.get(), impl_->context.get());
  // The interpreter keeps its state on the heap.
  if (found == PCRE2_ERROR_JIT_STACKLIMIT)
    found = pcre2_match(code, subject, text.size(), from,
                        PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, impl_->data.get(),
                        impl_->context.get());
  if (found < 0)
    return false;
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(impl_->data.get());
  start = range[0];
  end = range[1];
  // \K in a lookaround may put the start after the end or before `from`.
  return start >= from && start <= end && end <= text.size();
}
