//===- FakeStep.h - a step that checks what it is given ---------*- C++ -*-===//
//
// A step written by hand for session tests. It appends each row's token to the
// KV pool through the block tables, as compiled code does, and its logits are a
// function of all the tokens that a row can see, so that a wrong block, ring
// index, position or row shows as a wrong number. It also checks the contract
// of StepAbi.h and counts what is violated.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_RUNTIME_ENGINE_FAKESTEP_H
#define SWALLOW_TEST_RUNTIME_ENGINE_FAKESTEP_H

#include "runtime/engine/Session.h"

#include <atomic>

namespace swallow::test {

struct FakeModel {
  int64_t vocab = 37;
  int64_t layers = 2;
  int64_t window = 0;
  int64_t maxPositions = 4096;
};

/// Violations of the contract that steps have seen so far in this process.
extern std::atomic<int64_t> violations;

/// A program around the fake step, for one model at a time per process: the
/// step knows the model through a global, since the ABI gives code its
/// constants when it is compiled.
StepProgram makeFakeProgram(const FakeModel &model);

/// The logit for vocabulary entry `v` at position `position` of a sequence
/// that begins with `tokens`.
float fakeLogit(const FakeModel &model, std::span<const int32_t> tokens,
                int64_t position, int64_t v);

} // namespace swallow::test

#endif // SWALLOW_TEST_RUNTIME_ENGINE_FAKESTEP_H
