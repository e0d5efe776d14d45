//===- Variant.h - code variants of the x86-64 target -----------*- C++ -*-===//

#ifndef SWALLOW_TARGETS_X86_VARIANT_H
#define SWALLOW_TARGETS_X86_VARIANT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>
#include <vector>

namespace swallow::x86 {

/// How products with quantised weights are summed in integers; see the pass
/// swallow-plan-arena.
enum class IntegerSums { Dots, Words, FewWords };

/// One code variant: the instructions it may use and what follows from them.
struct Variant {
  std::string name;
  /// What the machine must have, in LLVM's spelling; the code is compiled with
  /// exactly these on top of baseline x86-64.
  std::vector<std::string> features;
  int64_t lanes;     ///< f32 lanes of a vector register
  int64_t registers; ///< architectural vector registers
  /// Has vdpbf16ps, and oneDNN micro-kernels of bf16 x bf16.
  bool bf16Dot;
  /// Dots where it has vpdpbusd, and oneDNN micro-kernels of u8 x s8.
  IntegerSums integerSums;
  /// Has vpermb.
  bool vbmi;
  /// Has tiles, and multiplies many rows with them.
  bool amx;

  bool vnni() const { return integerSums == IntegerSums::Dots; }

  /// "+avx2,+fma,..." for LLVM's target machine.
  std::string featureString() const;
};

/// All variants, from the most to the least capable, which is the order in
/// which the runtime chooses.
llvm::ArrayRef<Variant> allVariants();

/// Null when no variant has that name.
const Variant *findVariant(llvm::StringRef name);

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_VARIANT_H
