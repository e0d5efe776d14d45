//===- Budget.cpp ---------------------------------------------------------===//

#include "runtime/jinja/value/Budget.h"

#include <utility>

namespace swallow::jinja {

Status Budget::reserve(size_t bytes) {
  if (bytesUsed_ > limits_.bytes || bytes > limits_.bytes - bytesUsed_)
    fail(Error{ErrorCode::OutOfMemory, "the template needs more than " +
                                           std::to_string(limits_.bytes) +
                                           " bytes of memory"});
  return stepBytes(bytes);
}

Status Budget::reserve(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes))
    bytes = SIZE_MAX;
  return reserve(bytes);
}

void Budget::fail(Error error) {
  if (failure_.ok())
    failure_ = Status(std::move(error));
}

Status Budget::exhausted() {
  if (bytesUsed_ > limits_.bytes)
    fail(Error{ErrorCode::OutOfMemory, "the template needs more than " +
                                           std::to_string(limits_.bytes) +
                                           " bytes of memory"});
  fail(Error{ErrorCode::OutOfRange, "the template takes more than " +
                                        std::to_string(limits_.steps) +
                                        " steps"});
  return failure_;
}

} // namespace swallow::jinja
