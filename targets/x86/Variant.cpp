//===- Variant.cpp - code variants of the x86-64 target -------------------===//

#include "targets/x86/Variant.h"

using namespace swallow::x86;

std::string Variant::featureString() const {
  std::string out;
  for (const std::string &feature : features)
    out += (out.empty() ? "+" : ",+") + feature;
  return out;
}

llvm::ArrayRef<Variant> swallow::x86::allVariants() {
  static const std::vector<Variant> variants = {
      {"x86-64-amx",
       {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl",
        "avx512vbmi", "avx512vnni", "avx512bf16", "amx-tile", "amx-int8",
        "amx-bf16"},
       16,
       32,
       true,
       IntegerSums::Dots,
       true,
       true},
      {"x86-64-avx512-bf16",
       {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl",
        "avx512vbmi", "avx512vnni", "avx512bf16"},
       16,
       32,
       true,
       IntegerSums::Dots,
       true,
       false},
      {"x86-64-avx512",
       {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl"},
       16,
       32,
       false,
       IntegerSums::FewWords,
       false,
       false},
      {"x86-64-avx2",
       {"avx2", "fma", "f16c"},
       8,
       16,
       false,
       IntegerSums::Words,
       false,
       false},
  };
  return variants;
}

const Variant *swallow::x86::findVariant(llvm::StringRef name) {
  for (const Variant &variant : allVariants())
    if (variant.name == name)
      return &variant;
  return nullptr;
}
