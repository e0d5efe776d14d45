//===- KernelHarness.h - one module through pipeline and loader -*- C++ -*-===//
//
// Compiles a small module of the dialect as the compiler does, into an artifact
// file, opens that with the loader, and runs its step with every buffer between
// forbidden pages. The reference evaluator says what the logits should be.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_TARGETS_X86_KERNELHARNESS_H
#define SWALLOW_TEST_TARGETS_X86_KERNELHARNESS_H

#include "compiler/Evaluator.h"
#include "runtime/engine/StepProgram.h"
#include "runtime/packing/KvLayout.h"
#include "runtime/support/Result.h"
#include "test/targets/x86/GuardedMemory.h"

#include <memory>
#include <string>
#include <vector>

namespace swallow::nvidia {
struct Architecture;
} // namespace swallow::nvidia

namespace swallow::test {

/// The name of the variant under test: $SWALLOW_VARIANT. oneDNN's instruction
/// set is one per process, and so the variant is.
std::string variantUnderTest();
/// What this machine lacks for it; empty when it can run.
std::string missingForVariant();

/// A module of fused ops in textual IR with a function @step, and random
/// weights for it.
class CompiledModule {
public:
  /// `vocab` is the number of columns of the step's result.
  static Result<std::unique_ptr<CompiledModule>> compile(const std::string &ir,
                                                         int64_t vocab);
  /// The same for an architecture of GPUs, whose code is another's matter: a
  /// program without a function to call.
  static Result<std::unique_ptr<CompiledModule>>
  pack(const std::string &ir, int64_t vocab,
       const nvidia::Architecture &architecture);
  ~CompiledModule();
  CompiledModule(const CompiledModule &) = delete;
  CompiledModule &operator=(const CompiledModule &) = delete;

  const StepProgram &program() const { return program_; }
  int64_t vocab() const { return program_.model->vocab_size(); }

  /// The logits of each step of a conversation, by the evaluator.
  Result<std::vector<std::vector<float>>>
  evaluate(const std::vector<EvalBatch> &steps,
           std::optional<KvElement> kvElement = {});

private:
  CompiledModule();
  template <typename Target>
  static Result<std::unique_ptr<CompiledModule>>
  compileFor(const Target &target, const std::string &ir, int64_t vocab);
  struct Ir;
  std::unique_ptr<Ir> ir_;
  StepProgram program_;
};

/// A conversation with a compiled step, with own memory and threads.
class GuardedRun {
public:
  struct Sizes {
    int64_t maxStepTokens;
    int64_t sequences; // batches name them 0 .. sequences - 1
    int64_t context;   // positions per sequence
    int threads;
    std::optional<KvElement> kvElement = {};  // nothing: the artifact's
    int64_t readStreams = 8;                  // of SwallowStepArgs
    std::optional<int64_t> onlyClaimant = {}; // thread that gets all claims
  };
  static Result<std::unique_ptr<GuardedRun>> open(const StepProgram &program,
                                                  const Sizes &sizes);
  ~GuardedRun();

  /// The logits of the rows that want them.
  std::vector<float> step(const EvalBatch &batch);
  /// Names a buffer whose surroundings in its own page were written to.
  std::string damage() const;

private:
  GuardedRun();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace swallow::test

#endif // SWALLOW_TEST_TARGETS_X86_KERNELHARNESS_H
