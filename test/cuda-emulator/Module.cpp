//===- Module.cpp - a loaded PTX module -----------------------------------===//

#include "test/cuda-emulator/Module.h"

#include "test/cuda-emulator/exec/Decoder.h"
#include "test/cuda-emulator/ptx/Lexer.h"
#include "test/cuda-emulator/ptx/Parser.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

namespace swallow::emulator {

static constexpr uint32_t defaultSharedBytes = 48 * 1024;

Kernel::Kernel() = default;
Kernel::~Kernel() = default;

Module::~Module() {
  for (const auto &[name, variable] : globals_)
    (void)memory_.free(variable.address);
}

const Kernel *Module::kernel(std::string_view name) const {
  auto it = kernels_.find(name);
  return it == kernels_.end() ? nullptr : it->second.get();
}

std::optional<GlobalVariable> Module::global(std::string_view name) const {
  auto it = globals_.find(name);
  if (it == globals_.end())
    return std::nullopt;
  return it->second;
}

std::vector<std::string> Module::kernelNames() const {
  std::vector<std::string> names;
  for (const auto &[name, kernel] : kernels_)
    names.push_back(name);
  return names;
}

static Status checkTarget(const std::string &target, int computeCapability) {
  auto refuse = [&](const std::string &why) {
    return Error{ErrorCode::InvalidArgument,
                 ".target " + target + ": " + why + " (the device is sm_" +
                     std::to_string(computeCapability) + ")"};
  };
  if (!target.starts_with("sm_"))
    return refuse("sm_NN expected");
  int number = 0;
  const char *end = target.data() + target.size();
  auto [rest, error] = std::from_chars(target.data() + 3, end, number);
  if (error != std::errc())
    return refuse("sm_NN expected");
  if (number > computeCapability)
    return refuse("newer than the device");
  // Architecture-specific code runs on that architecture alone, family
  // specific code on its family, that is at least on itself.
  if (rest != end && number != computeCapability)
    return refuse("for exactly that architecture");
  return {};
}

/// The bytes of a variable from its initialiser; names become addresses.
static Status initialBytes(const ptx::Variable &variable,
                           const ModuleScope &scope,
                           std::vector<uint8_t> &bytes) {
  uint32_t size = variable.type.bytes();
  if (variable.initializers.size() * size > bytes.size())
    return Error{ErrorCode::InvalidArgument,
                 "more values than '" + variable.name + "' has elements"};
  for (size_t i = 0; i < variable.initializers.size(); ++i) {
    const ptx::Initializer &value = variable.initializers[i];
    uint64_t bits = value.bits;
    if (value.isName) {
      auto it = scope.variables.find(value.name);
      if (it == scope.variables.end())
        return Error{ErrorCode::InvalidArgument,
                     "'" + value.name + "' is no variable with an address"};
      bits = it->second.address + value.offset;
    } else if (value.isFloat && size == 4 && !value.isSingle) {
      bits = std::bit_cast<uint32_t>(
          static_cast<float>(std::bit_cast<double>(value.bits)));
    } else if (value.isFloat && size == 8 && value.isSingle) {
      bits = std::bit_cast<uint64_t>(static_cast<double>(
          std::bit_cast<float>(static_cast<uint32_t>(value.bits))));
    }
    std::memcpy(bytes.data() + i * size, &bits, std::min(size, 8u));
  }
  return {};
}

Result<std::unique_ptr<Module>> Module::load(std::string_view text,
                                             int computeCapability,
                                             DeviceMemory &memory) {
  text = text.substr(0, text.find('\0'));
  SWALLOW_ASSIGN(ptx::Module parsed, ptx::parse(text));
  SWALLOW_TRY(checkTarget(parsed.target, computeCapability));
  if (parsed.version == 0)
    return Error{ErrorCode::InvalidArgument, "the PTX lacks its .version"};
  std::unique_ptr<Module> module(new Module(memory));
  module->ptxVersion_ = parsed.version;
  module->target_ = parsed.target;

  ModuleScope scope;
  for (const ptx::Variable &variable : parsed.variables) {
    if (variable.space == ptx::Space::Shared) {
      scope.shared[variable.name] = &variable;
      continue;
    }
    if (variable.space != ptx::Space::Global &&
        variable.space != ptx::Space::Const)
      return ptx::errorAt(text, variable.line,
                          "a variable of this state space outside of a "
                          "function is not supported");
    if (variable.isExtern || variable.bytes() == 0)
      return ptx::errorAt(text, variable.line, "an external or empty variable");
    if (variable.alignment > 256)
      return ptx::errorAt(text, variable.line,
                          "an alignment of at most 256 bytes expected");
    SWALLOW_ASSIGN(uint64_t address, memory.allocate(variable.bytes()));
    module->globals_[variable.name] = {address, variable.bytes()};
    Symbol symbol;
    symbol.type = variable.type;
    symbol.space = variable.space;
    symbol.address = address;
    scope.variables[variable.name] = symbol;
  }
  for (const ptx::Variable &variable : parsed.variables) {
    if (variable.space == ptx::Space::Shared)
      continue;
    std::vector<uint8_t> bytes(variable.bytes());
    Status status = initialBytes(variable, scope, bytes);
    if (!status.ok())
      return ptx::errorAt(text, variable.line, status.error().message);
    SWALLOW_TRY(memory.write(module->globals_[variable.name].address,
                             bytes.data(), bytes.size()));
  }
  for (const ptx::Function &function : parsed.functions) {
    if (function.isExtern && !function.hasBody)
      return ptx::errorAt(text, function.line,
                          ".extern .func '" + function.name +
                              "' cannot be resolved");
    if (function.hasBody)
      scope.functions[function.name] = &function;
  }
  for (const auto &[alias, name] : parsed.aliases)
    if (auto it = scope.functions.find(name); it != scope.functions.end())
      scope.functions[alias] = it->second;

  for (const ptx::Function &function : parsed.functions) {
    if (!function.isEntry || !function.hasBody)
      continue;
    auto kernel = std::make_unique<Kernel>();
    kernel->name = function.name;
    kernel->maxThreads = function.maxThreads;
    kernel->requiredThreads = function.requiredThreads;
    std::vector<uint32_t> offsets;
    for (const ptx::Variable &parameter : function.params) {
      uint32_t align = std::max(1u, parameter.alignment);
      uint32_t offset = (kernel->parameterBytes + align - 1) / align * align;
      auto size = static_cast<uint32_t>(parameter.bytes());
      kernel->params.push_back({offset, size, align});
      offsets.push_back(offset);
      kernel->parameterBytes = offset + size;
    }
    kernel->program = std::make_unique<Program>();
    Decoder decoder(scope, *kernel->program);
    Status status = decoder.decode(function, offsets);
    if (!status.ok())
      return ptx::errorAt(text, decoder.failedLine(), status.error().message);
    kernel->program->parameterBytes = kernel->parameterBytes;
    kernel->staticSharedBytes = kernel->program->staticSharedEnd - sharedStart;
    if (kernel->staticSharedBytes > defaultSharedBytes)
      return ptx::errorAt(text, function.line,
                          "more than 48 KiB of static shared memory");
    kernel->maxDynamicShared = defaultSharedBytes - kernel->staticSharedBytes;
    kernel->localBytesPerThread = kernel->program->localBytes;
    module->kernels_[function.name] = std::move(kernel);
  }
  return module;
}

} // namespace swallow::emulator
