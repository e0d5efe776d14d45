//===- ArtifactFixture.h - a small artifact, whole and wrong ----*- C++ -*-===//
//
// A complete artifact of a tiny model: every table of the schema is used.
// Tests change its parts before they are put together.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_RUNTIME_ARTIFACT_ARTIFACTFIXTURE_H
#define SWALLOW_TEST_RUNTIME_ARTIFACT_ARTIFACTFIXTURE_H

#include "compiler/ArtifactWriter.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/program_generated.h"

#include <elf.h>

#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

namespace swallow::test {

/// What a linker makes of a step: one load segment that holds everything.
struct ElfImage {
  Elf64_Ehdr header;
  Elf64_Phdr segments[3]; // load, dynamic, stack
  Elf64_Dyn dynamic[3];
  Elf64_Sym symbols[2];
  char strings[16];
  Elf64_Shdr sections[4]; // null, symtab, strtab, spare
  uint8_t code[64];

  ElfImage();
  std::vector<uint8_t> bytes() const;
};

/// A program, its segments and its weights.
struct ArtifactParts {
  fbs::ProgramT program;
  std::vector<SegmentData> segments;
  std::deque<std::vector<uint8_t>> tensors; // what the jobs' spans refer to
  std::vector<WeightJob> jobs;

  /// Adds a weight of random finite values behind those that are there.
  void addWeight(const std::string &name, int layer, PackedLayout layout,
                 SourceElement element);
};

/// Two layers, hidden size 12, heads of 4, vocabulary 10: 10 weights.
ArtifactParts smallArtifact();

/// A folder of its own, removed with what is in it.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string file(const std::string &name) const { return path_ / name; }
  std::vector<std::string> names() const; // sorted
  const std::filesystem::path &path() const { return path_; }

private:
  std::filesystem::path path_;
};

std::vector<uint8_t> readBytes(const std::string &path);

/// The file that the writer makes of the parts, whatever its name.
std::vector<uint8_t> writtenBytes(ArtifactParts parts);

/// Takes an artifact's program out, lets `change` change it, and puts it back
/// with the segments as they were and a prefix that fits: a file that only the
/// checks of the program's meaning can refuse.
template <typename Change>
std::vector<uint8_t> withProgram(const std::vector<uint8_t> &file,
                                 Change change);
std::vector<uint8_t> replaceProgram(const std::vector<uint8_t> &file,
                                    const fbs::ProgramT &program);
fbs::ProgramT programOf(const std::vector<uint8_t> &file);

/// The prefix of `file` with its hash made right.
void fixHash(std::vector<uint8_t> &file);

template <typename Change>
std::vector<uint8_t> withProgram(const std::vector<uint8_t> &file,
                                 Change change) {
  fbs::ProgramT program = programOf(file);
  change(program);
  return replaceProgram(file, program);
}

} // namespace swallow::test

#endif // SWALLOW_TEST_RUNTIME_ARTIFACT_ARTIFACTFIXTURE_H
