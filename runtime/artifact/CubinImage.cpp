//===- CubinImage.cpp - machine code for a GPU ----------------------------===//

#include "runtime/artifact/CubinImage.h"

#include <cstring>
#include <elf.h>

using namespace swallow;

static Error bad(const char *what) { return {ErrorCode::Corrupt, what}; }

Status swallow::checkCubinImage(std::span<const uint8_t> image) {
  auto inside = [&](uint64_t offset, uint64_t size) {
    return offset <= image.size() && size <= image.size() - offset;
  };
  Elf64_Ehdr header;
  if (image.size() < sizeof(header))
    return bad("not an ELF image");
  std::memcpy(&header, image.data(), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return bad("not an ELF image");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_CUDA)
    return bad("not for CUDA devices");
  if ((header.e_shnum > 0 && header.e_shentsize != sizeof(Elf64_Shdr)) ||
      (header.e_phnum > 0 && header.e_phentsize != sizeof(Elf64_Phdr)))
    return bad("its headers are of an unknown size");
  if (!inside(header.e_shoff, uint64_t(header.e_shnum) * sizeof(Elf64_Shdr)) ||
      !inside(header.e_phoff, uint64_t(header.e_phnum) * sizeof(Elf64_Phdr)))
    return bad("its headers reach past its end");
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment; // may be unaligned
    std::memcpy(&segment, image.data() + header.e_phoff + i * sizeof(segment),
                sizeof(segment));
    if (!inside(segment.p_offset, segment.p_filesz))
      return bad("a segment reaches past its end");
  }
  return {};
}
