//===- CodeImageTest.cpp - what a code segment may be ---------------------===//

#include "runtime/artifact/CodeImage.h"
#include "test/runtime/artifact/ArtifactFixture.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace swallow;
using swallow::test::ElfImage;

namespace {

template <typename Change> std::string refusal(Change change) {
  ElfImage image;
  change(image);
  auto code = checkCodeImage(image.bytes());
  if (code)
    return "accepted";
  EXPECT_EQ(code.error().code, ErrorCode::Corrupt);
  return code.error().message;
}

TEST(CodeImage, AcceptsOneLoadSegment) {
  auto code = checkCodeImage(ElfImage().bytes());
  ASSERT_TRUE(code.ok()) << code.error().message;
  EXPECT_EQ(code->fileOffset, 0u);
  EXPECT_EQ(code->size, sizeof(ElfImage));
  EXPECT_TRUE(code->contains(sizeof(ElfImage) - 1));
  EXPECT_FALSE(code->contains(sizeof(ElfImage)));
}

TEST(CodeImage, AcceptsAStrippedImage) {
  EXPECT_EQ(refusal([](ElfImage &i) {
              i.header.e_shnum = 0;
              i.header.e_shoff = 0;
            }),
            "accepted");
}

TEST(CodeImage, RefusesOtherFiles) {
  EXPECT_EQ(refusal([](ElfImage &i) { i.header.e_ident[0] = 'P'; }),
            "not an ELF image");
  const std::string other = "not a shared object for x86-64";
  EXPECT_EQ(refusal([](ElfImage &i) { i.header.e_machine = EM_AARCH64; }),
            other);
  EXPECT_EQ(refusal([](ElfImage &i) { i.header.e_type = ET_REL; }), other);
  EXPECT_EQ(
      refusal([](ElfImage &i) { i.header.e_ident[EI_CLASS] = ELFCLASS32; }),
      other);
}

TEST(CodeImage, RefusesOtherSegments) {
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[0].p_flags |= PF_W; }),
            "it has a writable segment");
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[1].p_flags |= PF_W; }),
            "it has a writable segment");
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[2].p_flags |= PF_X; }),
            "it asks for an executable stack");
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[1] = i.segments[0]; }),
            "it has more than one load segment");
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[0].p_type = PT_NULL; }),
            "it has no load segment");
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[0].p_flags = PF_R; }),
            "its load segment is not read+execute");
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[0].p_vaddr = 4096; }),
            "its load segment is not at virtual address 0");
  EXPECT_EQ(refusal([](ElfImage &i) {
              i.segments[0].p_offset = 64;
              i.segments[0].p_filesz -= 64;
            }),
            "its load segment is not aligned to 4096 bytes");
  EXPECT_EQ(refusal([](ElfImage &i) { ++i.segments[0].p_memsz; }),
            "its load segment is empty or has memory that is not in the file");
  EXPECT_EQ(refusal([](ElfImage &i) { ++i.segments[0].p_filesz; }),
            "a segment reaches past the end of the image");
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[0].p_filesz = ~0ull; }),
            "a segment reaches past the end of the image");
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[1].p_type = PT_TLS; }),
            "it has thread-local storage");
  EXPECT_EQ(refusal([](ElfImage &i) { i.segments[1].p_type = PT_INTERP; }),
            "it asks for a program interpreter");
  EXPECT_EQ(refusal([](ElfImage &i) { i.header.e_phoff = ~0ull - 8; }),
            "its program headers are outside the image");
}

TEST(CodeImage, RefusesWhatNeedsALinker) {
  EXPECT_EQ(refusal([](ElfImage &i) { i.dynamic[0].d_tag = DT_NEEDED; }),
            "it needs another library");
  EXPECT_EQ(refusal([](ElfImage &i) { i.dynamic[1].d_un.d_val = 24; }),
            "it has dynamic relocations");
  EXPECT_EQ(refusal([](ElfImage &i) { i.dynamic[0].d_tag = DT_RELRSZ; }),
            "it has dynamic relocations");
  EXPECT_EQ(refusal([](ElfImage &i) { i.dynamic[0].d_tag = DT_TEXTREL; }),
            "it has relocations in its text");
  EXPECT_EQ(refusal([](ElfImage &i) { i.dynamic[0].d_tag = DT_INIT_ARRAY; }),
            "it has constructors or destructors");
  EXPECT_EQ(refusal([](ElfImage &i) { i.sections[3].sh_type = SHT_RELA; }),
            "it has relocations");
  EXPECT_EQ(refusal([](ElfImage &i) {
              i.symbols[1].st_shndx = SHN_UNDEF;
              std::strcpy(i.strings + 1, "expf");
            }),
            "it has an undefined symbol, expf");
  EXPECT_EQ(refusal([](ElfImage &i) {
              i.symbols[1].st_shndx = SHN_UNDEF;
              i.symbols[1].st_name = ~0u;
            }),
            "it has an undefined symbol, ?");
  EXPECT_EQ(refusal([](ElfImage &i) { i.sections[1].sh_offset = ~0ull; }),
            "a section reaches past the end of the image");
  EXPECT_EQ(refusal([](ElfImage &i) { i.header.e_shoff = ~0ull - 8; }),
            "its section headers are outside the image");
}

TEST(CodeImage, RefusesEveryTruncation) {
  const std::vector<uint8_t> image = ElfImage().bytes();
  for (size_t size = 0; size < image.size(); ++size) {
    // A copy without spare bytes, so that a sanitizer sees a read past it.
    std::vector<uint8_t> cut(image.begin(),
                             image.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_FALSE(checkCodeImage(cut).ok()) << size;
  }
}

TEST(CodeImage, SurvivesEveryBitFlip) {
  const std::vector<uint8_t> image = ElfImage().bytes();
  for (size_t bit = 0; bit < image.size() * 8; ++bit) {
    std::vector<uint8_t> flipped = image;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    // Whatever is accepted lies inside.
    if (auto code = checkCodeImage(flipped)) {
      ASSERT_LE(code->fileOffset + code->size, flipped.size()) << bit;
    }
  }
}

} // namespace
