//===- SwallowTypes.cpp - types of the swallow dialect --------------------===//

#include "dialects/swallow/SwallowDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace swallow;

#define GET_TYPEDEF_CLASSES
#include "dialects/swallow/SwallowTypes.cpp.inc"

void SwallowDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/swallow/SwallowTypes.cpp.inc"
      >();
}

LogicalResult KvType::verify(function_ref<InFlightDiagnostic()> emitError,
                             int64_t layers, int64_t heads, int64_t headDim,
                             Type element, int64_t window) {
  if (layers <= 0 || heads <= 0)
    return emitError() << "expected positive layers and heads, got " << layers
                       << " and " << heads;
  if (headDim <= 0 || headDim % 2 != 0)
    return emitError() << "expected an even positive head_dim, got " << headDim;
  if (!element.isF32() && !element.isBF16() && !element.isF16())
    return emitError() << "expected element f32, bf16 or f16, got " << element;
  if (window < 0)
    return emitError() << "expected a positive window, got " << window;
  return success();
}
