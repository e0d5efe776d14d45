//===- StepEmitter.cpp - what the GPU kernel emitters share ---------------===//

#include "targets/nvidia/StepEmitter.h"

#include "runtime/abi/GpuAbi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstddef>

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

static_assert(offsetof(SwallowGpuArgs, logits) ==
                      8 * static_cast<size_t>(Arg::Logits) &&
                  offsetof(SwallowGpuArgs, weights) ==
                      8 * static_cast<size_t>(Arg::Weights) &&
                  offsetof(SwallowGpuArgs, likeliest) ==
                      8 * static_cast<size_t>(Arg::Likeliest) &&
                  offsetof(SwallowGpuArgs, slots) ==
                      8 * static_cast<size_t>(Arg::Slots),
              "the emitters and GpuAbi.h disagree");

//===----------------------------------------------------------------------===//
// KernelFrame
//===----------------------------------------------------------------------===//

Value KernelFrame::wide(Arg arg) {
  return k.load(k.i64Type(), k.offset(args, static_cast<int64_t>(arg) * 8), 8);
}
Value KernelFrame::count(Arg arg) {
  return arith::TruncIOp::create(k.ops(), k.i32Type(), wide(arg));
}
Value KernelFrame::pointer(Arg arg) { return k.toPointer(wide(arg), kGlobal); }

Value KernelFrame::element(Arg array, Value index) {
  return k.loadIndex(pointer(array), index);
}

Value KernelFrame::slot(int64_t index) {
  // After a diagnostic any slot will do: the module is dropped.
  int64_t field =
      static_cast<int64_t>(Arg::Slots) + std::max<int64_t>(index, 0);
  Value address = k.load(k.i64Type(), k.offset(args, field * 8), 8);
  return k.toPointer(address, kGlobal);
}

Value KernelFrame::weight(WeightOp op) {
  Value base =
      k.offset(pointer(Arg::Weights), static_cast<int64_t>(*op.getOffset()));
  if (!op.getLayers())
    return base;
  return row(base, layer, static_cast<int64_t>(*op.getLayerStride()));
}

Value KernelFrame::row(Value base, Value row, int64_t stride) {
  return k.offset(base, k.mul(k.toI64(row), stride));
}

Rows KernelFrame::rowsOf(Value activation) {
  int64_t columns = cast<RankedTensorType>(activation.getType()).getDimSize(1);
  return {slot(step.slotOf(activation)), columns,
          elementOf(step.storedType(activation))};
}

Value KernelFrame::shared(StringRef name, int64_t bytes) {
  return step.sharedVariable(k, name, bytes);
}

Value KernelFrame::dynamicShared() { return step.dynamicSharedMemory(k); }

Value KernelFrame::isLastBlock(Value ticket, Value last) {
  Value taken = shared("taken", 4);
  k.barrier();
  k.ifThen(k.equal(k.thread(), k.i32(0)), [&] {
    k.fence();
    // Begins at 0 again with the last.
    Value before = k.atomicIncrement(ticket, last);
    k.fence();
    k.store(before, taken);
  });
  k.barrier();
  return k.equal(k.load(k.i32Type(), taken), last);
}

//===----------------------------------------------------------------------===//
// StepEmitter
//===----------------------------------------------------------------------===//

Value StepEmitter::sharedVariable(GpuBuilder &k, StringRef name,
                                  int64_t bytes) {
  OpBuilder b = OpBuilder::atBlockBegin(out.getBody());
  auto global = LLVM::GlobalOp::create(
      b, UnknownLoc::get(b.getContext()),
      LLVM::LLVMArrayType::get(b.getI8Type(), bytes), /*isConstant=*/false,
      LLVM::Linkage::Internal, kernelName + "_" + name.str(), Attribute(),
      /*alignment=*/16, kShared);
  return LLVM::AddressOfOp::create(k.ops(), global);
}

Value StepEmitter::dynamicSharedMemory(GpuBuilder &k) {
  if (!dynamicShared) {
    OpBuilder b = OpBuilder::atBlockBegin(out.getBody());
    dynamicShared = LLVM::GlobalOp::create(
        b, UnknownLoc::get(b.getContext()),
        LLVM::LLVMArrayType::get(b.getI8Type(), 0), /*isConstant=*/false,
        LLVM::Linkage::External, "swallow_dynamic_shared", Attribute(),
        /*alignment=*/128, kShared);
  }
  return LLVM::AddressOfOp::create(k.ops(), dynamicShared);
}

Value StepEmitter::constantArray(GpuBuilder &k, StringRef name,
                                 ArrayRef<float> values) {
  LLVM::GlobalOp &global = arrays[name];
  if (!global) {
    OpBuilder b = OpBuilder::atBlockBegin(out.getBody());
    auto count = static_cast<int64_t>(values.size());
    auto data = DenseElementsAttr::get(
        RankedTensorType::get({count}, b.getF32Type()), values);
    global = LLVM::GlobalOp::create(
        b, UnknownLoc::get(b.getContext()),
        LLVM::LLVMArrayType::get(b.getF32Type(), count), /*isConstant=*/true,
        LLVM::Linkage::Internal, name, data, /*alignment=*/16, kGlobal);
  }
  return LLVM::AddressOfOp::create(k.ops(), global);
}

void StepEmitter::launch(StringRef name, Location loc, const LaunchShape &shape,
                         function_ref<void(KernelFrame &)> body) {
  MLIRContext *context = out.getContext();
  int &count = names[name];
  kernelName = name.str() + (count > 0 ? "_" + std::to_string(count) : "");
  ++count;

  OpBuilder b = OpBuilder::atBlockEnd(out.getBody());
  Type ptr = LLVM::LLVMPointerType::get(context);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                          {ptr, b.getI32Type()});
  auto func = LLVM::LLVMFuncOp::create(b, loc, kernelName, type);
  auto args =
      LLVM::LLVMArrayType::get(b.getI64Type(), sizeof(SwallowGpuArgs) / 8);
  func.setArgAttr(0, LLVM::LLVMDialect::getByValAttrName(),
                  TypeAttr::get(args));
  func.setArgAttr(0, LLVM::LLVMDialect::getAlignAttrName(),
                  b.getI64IntegerAttr(8));
  func->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  auto threads = static_cast<int32_t>(shape.threads);
  func->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                b.getDenseI32ArrayAttr({threads, 1, 1}));
  // Without this ptxas would rather spill than let few blocks share a
  // multiprocessor.
  func->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                b.getI32IntegerAttr(1));
  b.setInsertionPointToStart(func.addEntryBlock(b));
  GpuBuilder k(b, loc);
  KernelFrame frame(*this, k, func.getArgument(0), func.getArgument(1));
  body(frame);
  LLVM::ReturnOp::create(k.ops(), ValueRange());

  auto number = [&](StringRef key, int64_t value) {
    return b.getNamedAttr(key, b.getI64IntegerAttr(value));
  };
  StringRef rows = shape.rows == GridRows::None     ? "none"
                   : shape.rows == GridRows::Tokens ? "tokens"
                                                    : "logits";
  SmallVector<NamedAttribute> fields = {
      b.getNamedAttr("kernel", b.getStringAttr(kernelName)),
      number("threads", shape.threads),
      number("grid_x", shape.gridX),
      b.getNamedAttr("rows", b.getStringAttr(rows)),
      number("rows_per_block", shape.rowsPerBlock),
      number("kv_element", shape.kvElement),
      number("min_rows", shape.minRows),
      number("shared_bytes", shape.sharedBytes)};
  if (shape.maxRows)
    fields.push_back(number("max_rows", *shape.maxRows));
  launches.push_back(b.getDictionaryAttr(fields));
}

/// The launches since the last group, for layers [layerBegin, layerEnd).
void StepEmitter::closeGroup(int64_t layerBegin, int64_t layerEnd) {
  if (launches.empty())
    return;
  Builder b(out.getContext());
  groups.push_back(b.getDictionaryAttr(
      {b.getNamedAttr("layer_begin", b.getI64IntegerAttr(layerBegin)),
       b.getNamedAttr("layer_end", b.getI64IntegerAttr(layerEnd)),
       b.getNamedAttr("launches", b.getArrayAttr(launches))}));
  launches.clear();
}

LogicalResult StepEmitter::emit() {
  constexpr int64_t noLayer = -1;
  auto stage = [&](Operation *op) { return emitStage(op); };
  auto layers = [&](int64_t begin, int64_t end,
                    function_ref<LogicalResult()> body) {
    closeGroup(noLayer, 0);
    LogicalResult status = body();
    closeGroup(begin, end);
    return status;
  };
  if (failed(visit("NVIDIA", {stage, layers})))
    return failure();
  closeGroup(noLayer, 0);
  auto arena = plannedModule()->getAttrOfType<ArrayAttr>("swallow.arena");
  if (arena.size() > SWALLOW_GPU_SLOTS)
    return plannedModule().emitError()
           << "has " << arena.size() << " arena slots; kernels can name "
           << SWALLOW_GPU_SLOTS;
  Builder b(out.getContext());
  out->setAttr("swallow.launches", b.getArrayAttr(groups));
  for (StringRef name : {"swallow.arena", "swallow.arena_size"})
    out->setAttr(name, plannedModule()->getAttr(name));
  out->setAttr("swallow.variant", b.getStringAttr(architecture.name));
  return success();
}

LogicalResult StepEmitter::emitStage(Operation *op) {
  auto result =
      TypeSwitch<Operation *, LogicalResult>(op)
          .Case<EmbeddingOp, FusedQkvOp, AttentionOp, FusedLinearOp, GatedMlpOp,
                FusedLmHeadOp, SelectRowsOp>([&](auto stage) {
            emitKernels(*this, stage);
            return success();
          })
          .Default([](Operation *other) {
            return other->emitOpError("has no NVIDIA kernel");
          });
  return hasComplained() ? failure() : result;
}
