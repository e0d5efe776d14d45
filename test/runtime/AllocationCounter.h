//===- AllocationCounter.h - how often a test program allocates -*- C++ -*-===//
//
// Replaces operator new of the program that includes it (in one source file).
// Sanitizers bring operators of their own; SWALLOW_COUNTS_ALLOCATIONS is not
// defined then.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_RUNTIME_ALLOCATIONCOUNTER_H
#define SWALLOW_TEST_RUNTIME_ALLOCATIONCOUNTER_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SWALLOW_TEST_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SWALLOW_TEST_SANITIZED
#endif

#ifndef SWALLOW_TEST_SANITIZED
#define SWALLOW_COUNTS_ALLOCATIONS

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace swallow::test {
inline std::atomic<int64_t> numAllocations{0};
} // namespace swallow::test

// Inlined, the pair confuses GCC's check for mismatched deallocation.
__attribute__((noinline)) void *operator new(size_t size) {
  swallow::test::numAllocations.fetch_add(1, std::memory_order_relaxed);
  if (void *memory = std::malloc(size))
    return memory;
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void *memory) noexcept {
  std::free(memory);
}
__attribute__((noinline)) void operator delete(void *memory, size_t) noexcept {
  std::free(memory);
}

#endif
#endif // SWALLOW_TEST_RUNTIME_ALLOCATIONCOUNTER_H
