//===- CodeImage.cpp - what a code segment may be -------------------------===//

#include "runtime/artifact/CodeImage.h"

#include <cstring>
#include <elf.h>
#include <optional>
#include <string>
#include <string_view>

using namespace swallow;

namespace {

Error bad(std::string what) { return {ErrorCode::Corrupt, std::move(what)}; }

class Checker {
public:
  explicit Checker(std::span<const uint8_t> image) : image_(image) {}

  Result<CodeImage> run() {
    SWALLOW_TRY(checkHeader());
    SWALLOW_TRY(checkSegments());
    SWALLOW_TRY(checkDynamic());
    SWALLOW_TRY(checkSections());
    return CodeImage{load_.p_offset, load_.p_filesz};
  }

private:
  bool inside(uint64_t offset, uint64_t size) const {
    return offset <= image_.size() && size <= image_.size() - offset;
  }
  // A structure at an offset that is known to be inside; may be unaligned.
  template <typename T> T read(uint64_t offset) const {
    T value;
    std::memcpy(&value, image_.data() + offset, sizeof(T));
    return value;
  }

  Status checkHeader() {
    if (!inside(0, sizeof(Elf64_Ehdr)))
      return bad("not an ELF image: only " + std::to_string(image_.size()) +
                 " bytes");
    header_ = read<Elf64_Ehdr>(0);
    if (std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0)
      return bad("not an ELF image");
    if (header_.e_ident[EI_CLASS] != ELFCLASS64 ||
        header_.e_ident[EI_DATA] != ELFDATA2LSB ||
        header_.e_machine != EM_X86_64 || header_.e_type != ET_DYN)
      return bad("not a shared object for x86-64");
    if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum == 0 ||
        !inside(header_.e_phoff,
                uint64_t(header_.e_phnum) * sizeof(Elf64_Phdr)))
      return bad("its program headers are outside the image");
    return {};
  }

  Status checkSegments() {
    bool haveLoad = false;
    for (unsigned i = 0; i < header_.e_phnum; ++i) {
      auto segment = read<Elf64_Phdr>(header_.e_phoff + i * sizeof(Elf64_Phdr));
      if (segment.p_type == PT_GNU_STACK) { // only flags; W is usual
        if (segment.p_flags & PF_X)
          return bad("it asks for an executable stack");
        continue;
      }
      if (segment.p_type == PT_NULL)
        continue;
      if (segment.p_flags & PF_W)
        return bad("it has a writable segment");
      if (segment.p_type == PT_TLS || segment.p_type == PT_INTERP)
        return bad(segment.p_type == PT_TLS
                       ? "it has thread-local storage"
                       : "it asks for a program interpreter");
      if (!inside(segment.p_offset, segment.p_filesz))
        return bad("a segment reaches past the end of the image");
      if (segment.p_type == PT_DYNAMIC)
        dynamic_ = segment;
      if (segment.p_type != PT_LOAD)
        continue;
      if (haveLoad)
        return bad("it has more than one load segment");
      haveLoad = true;
      load_ = segment;
    }
    if (!haveLoad)
      return bad("it has no load segment");
    if (load_.p_flags != (PF_R | PF_X))
      return bad("its load segment is not read+execute");
    if (load_.p_vaddr != 0)
      return bad("its load segment is not at virtual address 0");
    if (load_.p_offset % 4096 != 0)
      return bad("its load segment is not aligned to 4096 bytes");
    if (load_.p_filesz == 0 || load_.p_memsz != load_.p_filesz)
      return bad("its load segment is empty or has memory that is not in the "
                 "file");
    return {};
  }

  Status checkDynamic() {
    if (!dynamic_)
      return {};
    for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= dynamic_->p_filesz;
         at += sizeof(Elf64_Dyn)) {
      auto entry = read<Elf64_Dyn>(dynamic_->p_offset + at);
      switch (entry.d_tag) {
      case DT_NULL:
        return {};
      case DT_NEEDED:
        return bad("it needs another library");
      case DT_RELASZ:
      case DT_RELSZ:
      case DT_PLTRELSZ:
      case DT_RELRSZ:
        if (entry.d_un.d_val != 0)
          return bad("it has dynamic relocations");
        break;
      case DT_TEXTREL:
        return bad("it has relocations in its text");
      case DT_INIT:
      case DT_FINI:
      case DT_INIT_ARRAY:
      case DT_FINI_ARRAY:
      case DT_PREINIT_ARRAY:
        return bad("it has constructors or destructors");
      default:
        break;
      }
    }
    return {};
  }

  // Section headers are not loaded and may be stripped, but where they are,
  // they name what a linker left open.
  Status checkSections() {
    if (header_.e_shnum == 0)
      return {};
    if (header_.e_shentsize != sizeof(Elf64_Shdr) ||
        !inside(header_.e_shoff,
                uint64_t(header_.e_shnum) * sizeof(Elf64_Shdr)))
      return bad("its section headers are outside the image");
    for (unsigned i = 0; i < header_.e_shnum; ++i) {
      Elf64_Shdr section = sectionAt(i);
      if (section.sh_type == SHT_NULL || section.sh_type == SHT_NOBITS)
        continue;
      if (!inside(section.sh_offset, section.sh_size))
        return bad("a section reaches past the end of the image");
      if ((section.sh_type == SHT_REL || section.sh_type == SHT_RELA ||
           section.sh_type == SHT_RELR) &&
          section.sh_size != 0)
        return bad("it has relocations");
      if (section.sh_type == SHT_SYMTAB || section.sh_type == SHT_DYNSYM)
        SWALLOW_TRY(checkSymbols(section));
    }
    return {};
  }

  Elf64_Shdr sectionAt(unsigned index) const {
    return read<Elf64_Shdr>(header_.e_shoff + index * sizeof(Elf64_Shdr));
  }

  Status checkSymbols(const Elf64_Shdr &table) {
    std::span<const uint8_t> names;
    if (table.sh_link < header_.e_shnum) {
      Elf64_Shdr strings = sectionAt(table.sh_link);
      if (strings.sh_type == SHT_STRTAB &&
          inside(strings.sh_offset, strings.sh_size))
        names = image_.subspan(strings.sh_offset, strings.sh_size);
    }
    uint64_t count = table.sh_size / sizeof(Elf64_Sym);
    for (uint64_t i = 1; i < count; ++i) { // symbol 0 is always undefined
      auto symbol = read<Elf64_Sym>(table.sh_offset + i * sizeof(Elf64_Sym));
      if (symbol.st_shndx != SHN_UNDEF)
        continue;
      std::string name = "?";
      if (symbol.st_name < names.size()) {
        auto rest = names.subspan(symbol.st_name);
        const char *begin = reinterpret_cast<const char *>(rest.data());
        name.assign(begin, strnlen(begin, rest.size()));
      }
      return bad("it has an undefined symbol, " + name);
    }
    return {};
  }

  std::span<const uint8_t> image_;
  Elf64_Ehdr header_ = {};
  Elf64_Phdr load_ = {};
  std::optional<Elf64_Phdr> dynamic_;
};

} // namespace

Result<CodeImage> swallow::checkCodeImage(std::span<const uint8_t> image) {
  return Checker(image).run();
}
