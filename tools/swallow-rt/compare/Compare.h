//===- Compare.h - one model on two devices ---------------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_COMPARE_COMPARE_H
#define SWALLOW_TOOLS_SWALLOW_RT_COMPARE_COMPARE_H

#include "tools/swallow-rt/Support.h"

#include <optional>
#include <span>

struct CompareOptions : CommonOptions {
  // `device` and `variant` are compared with these.
  std::string against = "cpu", againstVariant;
  std::vector<int64_t> prompts = {40, 1, 600}; // lengths
  std::vector<int64_t> chunks = {1, 16, 7};
  int64_t copies = 3;
  int64_t greedy = 16;
  int64_t maxStepTokens = 512;
  std::optional<double> tolerance; // nothing: see usualTolerance
  bool json = false;
};

/// How the logits of some tokens differ. Errors are relative to the root mean
/// square of the logits that are expected, infinite where a logit is no number.
struct Comparison {
  std::string name; // "prompt of 40", "40 in steps of 7"
  size_t rows = 0;
  double meanError = 0;    // of the row with the largest one
  double largestError = 0; // of a logit
  // Rows by their most likely token: the same; another one that is as likely
  // but for what the tolerance allows; another one.
  size_t sameTokens = 0, nearTies = 0, otherTokens = 0;
  std::optional<bool> sameBits; // as the device has in one piece
  bool ok = false;
};

struct CompareResult {
  std::string device, variant, against, againstVariant, kvCache;
  double tolerance = 0; // of meanError
  std::vector<Comparison> comparisons;

  size_t failures() const;
};

/// Feeds the same made-up tokens to both devices, the first prompt also in
/// pieces, in several sequences and in a forked one, and followed by the tokens
/// that the other device finds most likely. Prompts are cut to what the model
/// can take. Throws CommandError.
CompareResult runCompare(const CompareOptions &options,
                         const swallow_artifact *artifact);

#endif // SWALLOW_TOOLS_SWALLOW_RT_COMPARE_COMPARE_H
