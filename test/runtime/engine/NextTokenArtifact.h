//===- NextTokenArtifact.h - an artifact that counts ------------*- C++ -*-===//
//
// A whole artifact file whose code is a few instructions by hand: the logits
// after token t are 1 for t + 1 and 0 for all others. Vocabulary 10, context
// 64, so that everything around compiled code can be tested without a compiler.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_RUNTIME_ENGINE_NEXTTOKENARTIFACT_H
#define SWALLOW_TEST_RUNTIME_ENGINE_NEXTTOKENARTIFACT_H

#include "test/runtime/artifact/ArtifactFixture.h"

#if defined(__x86_64__)
// SwallowStepArgs: num_logits at 8, token_ids 16, logit_rows 40, logits 48. A
// row of logits is 40 bytes. Thread 0 does everything.
asm(R"(
  .pushsection .rodata
nextTokenStepBegin:
  test  %rsi, %rsi
  jne   2f
  mov   8(%rdi), %r8
  mov   16(%rdi), %r9
  mov   40(%rdi), %r10
  mov   48(%rdi), %r11
  xorps %xmm0, %xmm0
1:
  sub   $1, %r8
  js    2f
  movslq (%r10,%r8,4), %rax
  movslq (%r9,%rax,4), %rax
  lea   (%r8,%r8,4), %rdx
  lea   (%r11,%rdx,8), %rdx
  movups %xmm0, (%rdx)
  movups %xmm0, 16(%rdx)
  movlps %xmm0, 32(%rdx)
  movl  $0x3f800000, 4(%rdx,%rax,4)
  jmp   1b
2:
  ret
nextTokenStepEnd:
  .popsection
)");
extern const uint8_t nextTokenStepBegin[] __asm__("nextTokenStepBegin");
extern const uint8_t nextTokenStepEnd[] __asm__("nextTokenStepEnd");

namespace swallow::test {

/// Tokens below 9 only: the step does not look.
inline ArtifactParts nextTokenArtifact() {
  ArtifactParts parts = smallArtifact();
  ElfImage image;
  size_t codeBytes = size_t(nextTokenStepEnd - nextTokenStepBegin);
  image.segments[0].p_filesz += codeBytes;
  image.segments[0].p_memsz += codeBytes;
  std::vector<uint8_t> bytes = image.bytes();
  bytes.insert(bytes.end(), nextTokenStepBegin, nextTokenStepEnd);
  for (SegmentData &segment : parts.segments)
    if (segment.kind == fbs::SegmentKind::Code)
      segment.bytes = bytes;

  // Two variants: one for a machine that does not exist, one for any.
  auto &variants = parts.program.variants;
  variants[0]->name = "x86-64-dreams";
  variants[0]->features = {"dreams"};
  variants[1]->name = "x86-64-any";
  variants[1]->features = {"sse3"};
  for (auto &variant : variants) {
    variant->brgemms.clear();
    variant->step_offset = sizeof(ElfImage);
  }

  fbs::ProbeT &probe = *parts.program.probe;
  probe.token_ids = {1, 5, 3};
  probe.logits.assign(30, 0.0f);
  for (size_t i = 0; i < 3; ++i)
    probe.logits[i * 10 + size_t(probe.token_ids[i]) + 1] = 1;
  probe.logit_rms = 0.316227766f;
  return parts;
}

} // namespace swallow::test
#endif

#endif // SWALLOW_TEST_RUNTIME_ENGINE_NEXTTOKENARTIFACT_H
