//===- JitArguments.h - options of the driver's compiler --------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_JITARGUMENTS_H
#define SWALLOW_RUNTIME_CUDA_JITARGUMENTS_H

#include "runtime/cuda/Module.h"

namespace swallow::cuda {

/// The option arrays of cuModuleLoadDataEx and cuLinkCreate with a buffer for
/// what the compiler says. Must outlive the calls (of a link: its
/// cuLinkDestroy), since the driver keeps the pointers.
class JitArguments {
public:
  explicit JitArguments(const JitOptions &options);
  JitArguments(const JitArguments &) = delete;
  JitArguments &operator=(const JitArguments &) = delete;

  unsigned count() const { return static_cast<unsigned>(options_.size()); }
  CUjitOption *options() { return options_.data(); }
  void **values() { return values_.data(); }

  /// The Error of a failed call: what the driver says, then the first line of
  /// the compiler's log that is about an error.
  Error error(const Context &context, CUresult result,
              std::string_view name) const;

private:
  void add(CUjitOption option, uintptr_t value);

  std::vector<CUjitOption> options_;
  std::vector<void *> values_;
  std::vector<char> log_;
};

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_JITARGUMENTS_H
