//===- Assembler.cpp - PTX to machine code by ptxas -----------------------===//

#include "targets/nvidia/Assembler.h"

#include "runtime/artifact/CubinImage.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Program.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace swallow;
using namespace swallow::nvidia;
using llvm::StringRef;

namespace {

/// A file in memory that other processes of the user open by path while this
/// object lives.
class UnnamedFile {
public:
  UnnamedFile() : fd_(memfd_create("swallow-ptxas", MFD_CLOEXEC)) {}
  UnnamedFile(const UnnamedFile &) = delete;
  UnnamedFile &operator=(const UnnamedFile &) = delete;
  ~UnnamedFile() {
    if (fd_ >= 0)
      close(fd_);
  }

  bool isOpen() const { return fd_ >= 0; }
  std::string path() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_);
  }

  bool write(StringRef text) const {
    while (!text.empty()) {
      ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR)
        continue;
      if (written <= 0)
        return false;
      text = text.drop_front(static_cast<size_t>(written));
    }
    return true;
  }

  /// All of it, or nothing where it cannot be read.
  std::string read() const {
    const off_t size = lseek(fd_, 0, SEEK_END);
    std::string bytes(size > 0 ? static_cast<size_t>(size) : 0, '\0');
    size_t done = 0;
    while (done < bytes.size()) {
      ssize_t got = pread(fd_, bytes.data() + done, bytes.size() - done,
                          static_cast<off_t>(done));
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        return {};
      done += static_cast<size_t>(got);
    }
    return bytes;
  }

private:
  int fd_;
};

/// How a run of a program has ended.
struct Run {
  int exitCode = -1;
  std::string failure; // why it has no exit code: it did not start, or a signal
  std::string output;  // of both streams
};

} // namespace

static Run runProgram(StringRef program, llvm::ArrayRef<StringRef> options) {
  Run run;
  UnnamedFile output;
  if (!output.isOpen()) {
    run.failure = std::strerror(errno);
    return run;
  }
  llvm::SmallVector<StringRef> arguments = {program};
  llvm::append_range(arguments, options);
  const std::string path = output.path();
  const std::optional<StringRef> streams[] = {StringRef(), StringRef(path),
                                              StringRef(path)};
  run.exitCode = llvm::sys::ExecuteAndWait(program, arguments,
                                           /*Env=*/std::nullopt, streams,
                                           /*SecondsToWait=*/0,
                                           /*MemoryLimit=*/0, &run.failure);
  if (run.exitCode < 0 && run.failure.empty())
    run.failure = "it did not run to its end";
  run.output = output.read();
  return run;
}

/// On one line and without what a terminal would obey.
static std::string plain(StringRef text) {
  std::string line = text.trim().str();
  for (char &c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  return line;
}

AssemblerPlaces AssemblerPlaces::ofProcess() {
  auto environment = [](const char *name) {
    const char *value = std::getenv(name);
    return std::string(value ? value : "");
  };
  AssemblerPlaces places;
  places.named = environment("SWALLOW_PTXAS");
  const std::string path = environment("PATH");
  llvm::SmallVector<StringRef> parts;
  StringRef(path).split(parts, ':', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef part : parts)
    places.folders.push_back(part.str());
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (std::string home = environment(variable); !home.empty())
      places.folders.push_back(home + "/bin");
  places.folders.push_back("/usr/local/cuda/bin");
  return places;
}

/// The assembler at `path`, or why that is none.
static AssemblerSearch tryAssembler(const std::string &path) {
  Run run = runProgram(path, {"--version"});
  std::string why = run.failure;
  if (why.empty() && run.exitCode != 0)
    why = "exit code " + std::to_string(run.exitCode);
  std::string version;
  if (why.empty()) {
    version = plain(parseAssemblerVersion(run.output));
    if (version.empty())
      why = "it does not say its version as ptxas does";
  }
  if (!why.empty())
    return {std::nullopt, path + " is not usable: " + plain(why),
            /*isSurprising=*/true};
  return {Assembler{path, version}, "", false};
}

Result<AssemblerSearch>
swallow::nvidia::findAssembler(const std::string &asked,
                               const AssemblerPlaces &places) {
  const bool isOption = !asked.empty();
  const std::string &named = isOption ? asked : places.named;
  if (named == "none")
    return AssemblerSearch{std::nullopt, "ptxas is not to be used", false};
  llvm::SmallVector<StringRef> folders(places.folders.begin(),
                                       places.folders.end());
  // A name with a slash is a path, which is taken as it is.
  auto path =
      llvm::sys::findProgramByName(named.empty() ? "ptxas" : named, folders);
  if (!path && named.empty())
    return AssemblerSearch{std::nullopt, "no ptxas was found", false};
  AssemblerSearch search =
      path ? tryAssembler(*path)
           : AssemblerSearch{std::nullopt, named + " was not found", true};
  if (!search.assembler && isOption)
    return {ErrorCode::InvalidArgument, "-ptxas: " + search.reason};
  return search;
}

/// `lines` with `name` for the path of the file that was assembled.
static void nameFile(std::vector<std::string> &lines, StringRef path,
                     StringRef name) {
  for (std::string &line : lines) {
    for (size_t at = 0; (at = line.find(path.str(), at)) != std::string::npos;
         at += name.size())
      line.replace(at, path.size(), name.str());
    line = plain(line);
  }
}

Result<AssembledCode>
swallow::nvidia::assemble(const Assembler &assembler, std::string_view ptx,
                          const Architecture &architecture) {
  AssembledCode code;
  UnnamedFile input, cubin;
  if (!input.isOpen() || !cubin.isOpen() || !input.write(ptx)) {
    code.reason = std::string("no file for ptxas: ") + std::strerror(errno);
    return code;
  }
  const std::string option = "-arch=" + architecture.name;
  const std::string inputPath = input.path(), cubinPath = cubin.path();
  Run run =
      runProgram(assembler.path, {"-v", option, "-o", cubinPath, inputPath});
  code.output = parseAssemblerOutput(run.output);
  for (auto *lines :
       {&code.output.warnings, &code.output.rejections, &code.output.failures})
    nameFile(*lines, inputPath, architecture.name + ".ptx");
  const std::string name = "ptxas " + assembler.version;
  if (!run.failure.empty()) {
    code.reason = name + " failed: " + plain(run.failure);
    return code;
  }
  if (run.exitCode != 0) {
    auto first = [](llvm::ArrayRef<std::string> lines) {
      return llvm::join(lines.take_front(3), " | ");
    };
    if (!code.output.rejections.empty())
      return {ErrorCode::Internal,
              name + " refuses the PTX of " + architecture.name +
                  " (-ptxas none " +
                  "compiles without it): " + first(code.output.rejections)};
    code.reason = name + " failed: " +
                  (code.output.failures.empty()
                       ? "exit code " + std::to_string(run.exitCode)
                       : first(code.output.failures));
    return code;
  }
  const std::string bytes = cubin.read();
  code.cubin.assign(bytes.begin(), bytes.end());
  if (Status status = checkCubinImage(code.cubin); !status) {
    code.reason = name + " wrote no cubin: " + status.error().message;
    code.cubin.clear();
  }
  return code;
}
