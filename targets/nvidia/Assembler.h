//===- Assembler.h - PTX to machine code by ptxas ---------------*- C++ -*-===//
//
// ptxas is part of the CUDA Toolkit, which nothing else here needs: where it is
// found, an artifact gets machine code beside its PTX, and the compile learns
// what each kernel takes of a multiprocessor.
//
// The program is run without a shell. What it reads and writes are files
// without a name, which are gone with this process however it ends.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_ASSEMBLER_H
#define SWALLOW_TARGETS_NVIDIA_ASSEMBLER_H

#include "runtime/support/Result.h"
#include "targets/nvidia/Architecture.h"
#include "targets/nvidia/AssemblerOutput.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow::nvidia {

struct Assembler {
  std::string path;
  std::string version; ///< "13.0.88"
};

struct AssemblerSearch {
  std::optional<Assembler> assembler;
  std::string reason; ///< why there is none, a part of a sentence; else empty
  /// That there is none is not what the user would expect.
  bool isSurprising = false;
};

/// Where findAssembler looks.
struct AssemblerPlaces {
  std::string named; ///< $SWALLOW_PTXAS
  /// Those of PATH, then bin of $CUDA_HOME, of $CUDA_PATH and of the folder
  /// that the toolkit is usually in.
  std::vector<std::string> folders;

  static AssemblerPlaces ofProcess();
};

/// The assembler to use. `asked` is a path, "none", or empty for what `places`
/// name. Fails with InvalidArgument when a path was asked for and is no ptxas
/// that runs.
Result<AssemblerSearch>
findAssembler(const std::string &asked,
              const AssemblerPlaces &places = AssemblerPlaces::ofProcess());

struct AssembledCode {
  std::vector<uint8_t> cubin;
  AssemblerOutput output; ///< with "sm_90.ptx" for the name of the file
  /// Why there is no cubin: this ptxas is too old, or could not do its work.
  std::string reason;
};

/// Machine code for `architecture`: the same bytes for the same PTX and
/// version. Fails with Internal, in the assembler's words, when it refuses the
/// PTX. May be called from several threads at once.
Result<AssembledCode> assemble(const Assembler &assembler, std::string_view ptx,
                               const Architecture &architecture);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_ASSEMBLER_H
