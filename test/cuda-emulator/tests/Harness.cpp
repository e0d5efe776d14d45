//===- Harness.cpp - runs hand-written PTX in a test ----------------------===//

#include "test/cuda-emulator/tests/Harness.h"

namespace swallow::emulator {

static std::vector<std::string> &texts() {
  static std::vector<std::string> all;
  return all;
}

const std::vector<std::string> &loadedTexts() { return texts(); }

std::string moduleOf(const std::string &body, int pointers,
                     const std::string &globals, const std::string &target) {
  std::string parameters;
  for (int i = 0; i < pointers; ++i)
    parameters += (i ? ", .param .u64 p" : ".param .u64 p") + std::to_string(i);
  return ".version " + std::string(target == "sm_80" ? "7.8" : "8.0") +
         "\n.target " + target + "\n.address_size 64\n" + globals +
         "\n.visible .entry k(" + parameters + ")\n{\n" + body + "}\n";
}

Harness::Harness(const std::string &text) {
  auto loaded = Module::load(text, 90, memory);
  if (!loaded.ok()) {
    ADD_FAILURE() << loaded.error().message;
    return;
  }
  texts().push_back(text);
  module = std::move(*loaded);
}

uint64_t Harness::space(uint64_t bytes) {
  auto address = memory.allocate(bytes);
  EXPECT_TRUE(address.ok());
  return address.ok() ? *address : 0;
}

Counters Harness::run(LaunchShape shape,
                      std::initializer_list<uint64_t> pointers, bool mayFail) {
  std::vector<uint8_t> block(pointers.size() * 8);
  std::memcpy(block.data(), std::data(pointers), block.size());
  return runWith(shape, block, mayFail);
}

Counters Harness::runWith(LaunchShape shape, std::vector<uint8_t> parameters,
                          bool mayFail) {
  if (!module)
    return {};
  const Kernel *kernel = module->kernel("k");
  if (!kernel) {
    ADD_FAILURE() << "no kernel k";
    return {};
  }
  auto counters = executor.run(*kernel, shape, parameters, memory);
  if (!counters.ok()) {
    EXPECT_TRUE(mayFail) << counters.error().message;
    return {};
  }
  return *counters;
}

bool Harness::found(Finding::Kind kind) const { return lineOf(kind) != 0; }

int Harness::lineOf(Finding::Kind kind) const {
  for (const Finding &finding : executor.findings())
    if (finding.kind == kind)
      return finding.line;
  return 0;
}

std::string Harness::findings() const {
  std::string all;
  for (const Finding &finding : executor.findings())
    all += describe(finding) + "\n";
  return all;
}

} // namespace swallow::emulator
