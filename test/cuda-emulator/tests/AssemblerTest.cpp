//===- AssemblerTest.cpp - the tests' PTX is real PTX ---------------------===//
//
// Assembles, with ptxas where it is installed, every text that the other tests
// of this program have loaded, so that none of them rests on a dialect that
// only the interpreter understands.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/tests/Harness.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <unistd.h>

using namespace swallow::emulator;

namespace {

std::string findAssembler() {
  for (const char *path : {"/usr/local/cuda/bin/ptxas", "/usr/bin/ptxas"})
    if (std::filesystem::exists(path))
      return path;
  return "";
}

/// The texts without variables of their own become one module per target, with
/// an entry k0, k1, ... for each; the others stay alone.
std::vector<std::string> mergedTexts() {
  std::map<std::string, std::string> merged;
  std::vector<std::string> files;
  std::set<std::string> texts(loadedTexts().begin(), loadedTexts().end());
  const std::string entry = "\n\n.visible .entry k(";
  int number = 0;
  for (const std::string &text : texts) {
    size_t at = text.find(entry);
    std::string head = text.substr(0, at);
    // moduleOf() puts the head and, with no variables, an empty line.
    if (at == std::string::npos || !head.ends_with(".address_size 64")) {
      files.push_back(text);
      continue;
    }
    merged[head] += "\n.visible .entry k" + std::to_string(number++) + "(" +
                    text.substr(at + entry.size());
  }
  for (const auto &[head, entries] : merged)
    files.push_back(head + "\n" + entries);
  return files;
}

class Assembler : public testing::Environment {
public:
  void TearDown() override {
    std::string assembler = findAssembler();
    if (assembler.empty()) {
      std::puts("ptxas is not installed: the tests' PTX was not assembled");
      return;
    }
    auto folder = std::filesystem::temp_directory_path() /
                  ("swallow-ptx-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    // One file per target: entries get names of their own.
    std::vector<std::string> files = mergedTexts();
    for (const std::string &text : files) {
      bool hopper = text.find(".target sm_90") != std::string::npos;
      std::ofstream(folder / "k.ptx") << text;
      std::string command = assembler +
                            (hopper ? " -arch=sm_90" : " -arch=sm_80") +
                            " -O0 -o /dev/null " + (folder / "k.ptx").string() +
                            " 2> " + (folder / "log").string();
      if (std::system(command.c_str()) != 0) {
        std::ifstream log(folder / "log");
        std::string message((std::istreambuf_iterator<char>(log)), {});
        std::ofstream("refused.ptx") << text;
        ADD_FAILURE() << "ptxas refuses refused.ptx:\n" << message;
      }
    }
    std::printf("ptxas assembled %zu texts as %zu modules\n",
                loadedTexts().size(), files.size());
    std::filesystem::remove_all(folder);
  }
};

[[maybe_unused]] const auto *const registered =
    testing::AddGlobalTestEnvironment(new Assembler);

} // namespace
