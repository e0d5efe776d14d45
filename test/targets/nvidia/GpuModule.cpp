//===- GpuModule.cpp - a module of fused ops as PTX -----------------------===//

#include "test/targets/nvidia/GpuModule.h"

#include "compiler/Pipelines.h"
#include "dialects/swallow/SwallowDialect.h"
#include "targets/nvidia/CodeGeneration.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <limits>

namespace swallow::test {

static int64_t number(mlir::DictionaryAttr dictionary, llvm::StringRef key) {
  return dictionary.getAs<mlir::IntegerAttr>(key).getInt();
}

static std::vector<GpuLaunchGroup> launchesOf(mlir::ModuleOp module) {
  std::vector<GpuLaunchGroup> groups;
  for (auto group : module->getAttrOfType<mlir::ArrayAttr>("swallow.launches")
                        .getAsRange<mlir::DictionaryAttr>()) {
    groups.push_back(
        {number(group, "layer_begin"), number(group, "layer_end"), {}});
    for (auto launch : group.getAs<mlir::ArrayAttr>("launches")
                           .getAsRange<mlir::DictionaryAttr>())
      groups.back().launches.push_back(
          {launch.getAs<mlir::StringAttr>("kernel").str(),
           launch.getAs<mlir::StringAttr>("rows").str(),
           number(launch, "threads"), number(launch, "grid_x"),
           number(launch, "rows_per_block"), number(launch, "kv_element"),
           number(launch, "min_rows"),
           launch.contains("max_rows") ? number(launch, "max_rows")
                                       : std::numeric_limits<int64_t>::max(),
           number(launch, "shared_bytes")});
  }
  return groups;
}

Result<GpuModule> compileForGpu(const std::string &ir,
                                const std::string &architecture) {
  const nvidia::Architecture *target = nvidia::findArchitecture(architecture);
  if (!target)
    return {ErrorCode::InvalidArgument, "no architecture " + architecture};
  mlir::DialectRegistry registry;
  registerCompilerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto fused = mlir::parseSourceString<mlir::ModuleOp>(ir, &context);
  if (!fused)
    return {ErrorCode::Internal, "the module cannot be parsed:\n" + ir};
  SWALLOW_ASSIGN(auto module, planModule(*fused, *target));
  SWALLOW_TRY(emitKernels(*module, *target));
  GpuModule result;
  result.groups = launchesOf(*module);
  for (auto slot : (*module)
                       ->getAttrOfType<mlir::ArrayAttr>("swallow.arena")
                       .getAsRange<SlotAttr>())
    result.slots.push_back({slot.getName().str(), slot.getSize().getConstant(),
                            slot.getSize().getPerToken()});
  SWALLOW_TRY(lowerGpuToLLVM(*module));
  SWALLOW_ASSIGN(result.ptx, nvidia::emitPtx(*module, *target));
  return result;
}

} // namespace swallow::test
