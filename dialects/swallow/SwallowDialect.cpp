//===- SwallowDialect.cpp - registration ----------------------------------===//

#include "dialects/swallow/SwallowDialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"

using namespace mlir;
using namespace swallow;

#include "dialects/swallow/SwallowDialect.cpp.inc"

void SwallowDialect::initialize() {
  registerTypes();
  registerAttrs();
  addOperations<
#define GET_OP_LIST
#include "dialects/swallow/SwallowOps.cpp.inc"
      >();
}

void swallow::registerSwallowDialects(DialectRegistry &registry) {
  registry.insert<SwallowDialect, arith::ArithDialect, func::FuncDialect,
                  scf::SCFDialect>();
}
