//===- StepEmitter.cpp - what the kernel emitters share -------------------===//

#include "targets/x86/StepEmitter.h"

#include "runtime/abi/StepAbi.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/SaveAndRestore.h"

#include <cstddef>

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

static_assert(offsetof(SwallowStepArgs, logits) ==
                      8 * static_cast<size_t>(Arg::Logits) &&
                  offsetof(SwallowStepArgs, weights) ==
                      8 * static_cast<size_t>(Arg::Weights) &&
                  offsetof(SwallowStepArgs, services) ==
                      8 * static_cast<size_t>(Arg::Services) &&
                  offsetof(SwallowStepArgs, read_streams) ==
                      8 * static_cast<size_t>(Arg::ReadStreams) &&
                  offsetof(SwallowServices, brgemm) ==
                      8 * static_cast<size_t>(Service::Brgemm) &&
                  offsetof(SwallowServices, trace) ==
                      8 * static_cast<size_t>(Service::Trace) &&
                  offsetof(SwallowServices, claim) ==
                      8 * static_cast<size_t>(Service::Claim) &&
                  kTileRows == SWALLOW_TILE_ROWS,
              "the emitters and StepAbi.h disagree");

//===----------------------------------------------------------------------===//
// KernelFrame
//===----------------------------------------------------------------------===//

Value KernelFrame::field(Value base, int64_t index, Type type) {
  return k.load(type, k.offset(base, index * 8), 8);
}
Value KernelFrame::integer(Arg arg) {
  return field(args, static_cast<int64_t>(arg), k.i64Type());
}
Value KernelFrame::pointer(Arg arg) {
  return field(args, static_cast<int64_t>(arg), k.ptrType());
}
Value KernelFrame::element(Arg array, Value index) {
  return k.loadI32(k.offset(pointer(array), k.mul(index, 4)));
}

Value KernelFrame::slot(int64_t index) {
  SlotAttr attr = step.slotAttr(index);
  if (!attr) // a diagnostic has said so; the module is dropped
    return pointer(Arg::Arena);
  Value bytes = field(pointer(Arg::ArenaOffsets), index, k.i64Type());
  int64_t perThread = attr.getSize().getPerThread();
  if (perThread != 0)
    bytes = k.add(bytes, k.mul(thread, perThread));
  return k.offset(pointer(Arg::Arena), bytes);
}

Value KernelFrame::weight(WeightOp op) {
  Value base =
      k.offset(pointer(Arg::Weights), static_cast<int64_t>(*op.getOffset()));
  if (!op.getLayers())
    return base;
  return k.offset(base,
                  k.mul(layer, static_cast<int64_t>(*op.getLayerStride())));
}

std::pair<Value, Value> KernelFrame::share(Value total) {
  Value begin = k.div(k.mul(total, thread), threads);
  Value end = k.div(k.mul(total, k.add(thread, 1)), threads);
  return {begin, end};
}

Value KernelFrame::claim() {
  return callService(Service::Claim, {thread}, k.i64Type()).getResult();
}

void KernelFrame::forEachRun(Value total,
                             function_ref<void(Value, Value)> body) {
  Value length = k.max(k.div(total, k.mul(threads, kRunsPerThread)), k.i64(1));
  Value runs = k.div(k.add(k.add(total, length), -1), length);
  k.loopWhileLess(claim(), runs, [&](Value run) {
    Value begin = k.mul(run, length);
    body(begin, k.min(k.add(begin, length), total));
    return claim();
  });
}

LLVM::CallOp KernelFrame::callService(Service service, ValueRange arguments,
                                      Type result) {
  Value services = pointer(Arg::Services);
  Value function = field(services, static_cast<int64_t>(service), k.ptrType());
  SmallVector<Value> operands = {function, field(services, 0, k.ptrType())};
  operands.append(arguments.begin(), arguments.end());
  SmallVector<Type> types;
  for (Value operand : ArrayRef(operands).drop_front())
    types.push_back(operand.getType());
  if (!result)
    result = LLVM::LLVMVoidType::get(k.ops().getContext());
  auto type = LLVM::LLVMFunctionType::get(result, types);
  return LLVM::CallOp::create(k.ops(), type, operands);
}

void KernelFrame::barrier() { callService(Service::Barrier, {thread}); }

void KernelFrame::brgemm(int64_t index, Value a, Value b, Value c) {
  callService(Service::Brgemm, {thread, k.i64(index), a, b, c});
}

LLVM::CallOp KernelFrame::call(LLVM::LLVMFuncOp callee, ValueRange arguments) {
  return LLVM::CallOp::create(k.ops(), callee, arguments);
}

//===----------------------------------------------------------------------===//
// StepEmitter: lookups
//===----------------------------------------------------------------------===//

StepEmitter::StepEmitter(ModuleOp planned, ModuleOp out, const Variant &variant)
    : PlannedStep(planned), out(out), target(variant) {}

InputForm StepEmitter::inputForm(WeightOp weight) const {
  Type element = weight.getTensorType().getElementType();
  if (element.isF16())
    return {Element::F32, Element::F16};
  if (!element.isBF16())
    return {};
  return {target.bf16Dot ? Element::BF16 : Element::F32, Element::BF16};
}

void StepEmitter::storeInput(KernelBuilder &k, InputForm form, Value vector,
                             Value ptr, int64_t count) {
  if (form.element == Element::F32 && form.rounds())
    vector = form.rounded == Element::F16 ? k.roundToF16(vector)
                                          : k.roundToBf16(vector);
  k.storeVector(vector, ptr, form.element, count);
}

/// The matrix of an op that multiplies by one.
static Value matrixOf(Operation *op) {
  return TypeSwitch<Operation *, Value>(op)
      .Case<FusedQkvOp, FusedLinearOp, GatedMlpOp, FusedLmHeadOp>(
          [](auto product) { return product.getWeight(); })
      .Default(Value());
}

void StepEmitter::storeResult(KernelBuilder &k, Value result, Value vector,
                              Value ptr, int64_t count) {
  if (isStoredAsProductInput(result) && !result.use_empty()) {
    // Its readers agree on the element, and matrices that are not quantised on
    // theirs.
    WeightOp weight = weightOf(matrixOf(*result.getUsers().begin()));
    return storeInput(k, inputForm(weight), vector, ptr, count);
  }
  k.storeVector(vector, ptr, elementOf(result), count);
}

Element StepEmitter::elementOf(Value value) {
  return storedType(value).isBF16() ? Element::BF16 : Element::F32;
}

Rows StepEmitter::rowsOf(KernelFrame &frame, Value value) {
  int64_t columns = cast<RankedTensorType>(value.getType()).getDimSize(1);
  return {frame.slot(slotOf(value)), columns, elementOf(value)};
}

int64_t StepEmitter::brgemm(const BrgemmKey &key) {
  auto it = llvm::find(brgemms, key);
  if (it == brgemms.end())
    it = brgemms.insert(it, key);
  return it - brgemms.begin();
}

int64_t StepEmitter::stage(StringRef name) {
  auto it = llvm::find(stages, name);
  if (it == stages.end())
    it = stages.insert(it, name.str());
  return it - stages.begin();
}

//===----------------------------------------------------------------------===//
// StepEmitter: functions
//===----------------------------------------------------------------------===//

std::string StepEmitter::uniqueName(StringRef stem) {
  int &count = names[stem];
  std::string name = stem.str();
  if (count++ > 0)
    name += "_" + std::to_string(count - 1);
  return name;
}

/// Attributes that keep LLVM from turning loops into calls of memset, memcpy or
/// libm, which compiled code must not import.
static ArrayAttr functionAttributes(MLIRContext *context) {
  Builder b(context);
  return b.getArrayAttr({b.getStringAttr("noinline"),
                         b.getStringAttr("nounwind"),
                         b.getStringAttr("no-builtins")});
}

static LLVM::LLVMFuncOp createFunction(ModuleOp module, Location loc,
                                       StringRef name, ArrayRef<Type> arguments,
                                       LLVM::Linkage linkage) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), arguments);
  auto func = LLVM::LLVMFuncOp::create(b, loc, name, type, linkage);
  func.setPassthroughAttr(functionAttributes(b.getContext()));
  return func;
}

LLVM::LLVMFuncOp StepEmitter::kernel(StringRef name, Location loc,
                                     function_ref<void(KernelFrame &)> body) {
  MLIRContext *context = out.getContext();
  Type ptr = LLVM::LLVMPointerType::get(context);
  Type i64 = IntegerType::get(context, 64);
  auto func = createFunction(out, loc, uniqueName(name), {ptr, i64, i64, i64},
                             LLVM::Linkage::Internal);
  OpBuilder b(context);
  b.setInsertionPointToStart(func.addEntryBlock(b));
  KernelBuilder k(b, loc, target);
  KernelFrame frame(*this, k, func.getArgument(0), func.getArgument(1),
                    func.getArgument(2), func.getArgument(3));
  body(frame);
  LLVM::ReturnOp::create(k.ops(), ValueRange());
  return func;
}

LLVM::LLVMFuncOp
StepEmitter::helper(StringRef name, ArrayRef<Type> argumentTypes,
                    function_ref<void(KernelBuilder &, ValueRange)> body) {
  LLVM::LLVMFuncOp &func = helpers[name];
  if (func)
    return func;
  Location loc = UnknownLoc::get(out.getContext());
  func = createFunction(out, loc, name, argumentTypes, LLVM::Linkage::Internal);
  OpBuilder b(out.getContext());
  b.setInsertionPointToStart(func.addEntryBlock(b));
  KernelBuilder k(b, loc, target);
  body(k, func.getArguments());
  LLVM::ReturnOp::create(k.ops(), ValueRange());
  return func;
}

Value StepEmitter::constantArray(KernelBuilder &k, StringRef name,
                                 ArrayRef<float> values) {
  LLVM::GlobalOp &global = arrays[name];
  if (!global) {
    OpBuilder b = OpBuilder::atBlockBegin(out.getBody());
    int64_t count = static_cast<int64_t>(values.size());
    auto data = DenseElementsAttr::get(
        RankedTensorType::get({count}, b.getF32Type()), values);
    global = LLVM::GlobalOp::create(
        b, UnknownLoc::get(b.getContext()),
        LLVM::LLVMArrayType::get(b.getF32Type(), count), /*isConstant=*/true,
        LLVM::Linkage::Internal, name, data, /*alignment=*/64);
  }
  return LLVM::AddressOfOp::create(k.ops(), global);
}

//===----------------------------------------------------------------------===//
// StepEmitter: the step
//===----------------------------------------------------------------------===//

LogicalResult StepEmitter::emit() {
  if (failed(emitStep()))
    return failure();

  // What the runtime has to know, for the artifact.
  Builder b(out.getContext());
  auto i64 = [&](StringRef name, int64_t value) {
    return b.getNamedAttr(name, b.getI64IntegerAttr(value));
  };
  auto element = [&](Element e) {
    return b.getStringAttr(e == Element::F32    ? "f32"
                           : e == Element::BF16 ? "bf16"
                           : e == Element::U8   ? "u8"
                                                : "s8");
  };
  SmallVector<Attribute> list;
  for (const BrgemmKey &key : brgemms)
    list.push_back(b.getDictionaryAttr(
        {i64("m", key.m), i64("n", key.n), i64("k", key.k), i64("lda", key.lda),
         i64("ldb", key.ldb), i64("ldc", key.ldc),
         b.getNamedAttr("a", element(key.a)),
         b.getNamedAttr("b", element(key.b)),
         b.getNamedAttr("accumulate", b.getBoolAttr(key.accumulate))}));
  out->setAttr("swallow.brgemms", b.getArrayAttr(list));
  SmallVector<StringRef> stageNames(stages.begin(), stages.end());
  out->setAttr("swallow.stages", b.getStrArrayAttr(stageNames));
  for (StringRef name : {"swallow.arena", "swallow.arena_size"})
    if (Attribute attr = plannedModule()->getAttr(name))
      out->setAttr(name, attr);
  out->setAttr("swallow.variant", b.getStringAttr(target.name));
  return success();
}

LogicalResult StepEmitter::emitStep() {
  MLIRContext *context = out.getContext();
  Type ptr = LLVM::LLVMPointerType::get(context);
  Type i64 = IntegerType::get(context, 64);
  Location loc = plannedModule().getLoc();
  if (func::FuncOp func = stepFunction())
    loc = func.getLoc();
  auto entry = createFunction(out, loc, "swallow_step", {ptr, i64, i64},
                              LLVM::Linkage::External);
  OpBuilder b(context);
  b.setInsertionPointToStart(entry.addEntryBlock(b));
  KernelBuilder k(b, loc, target);
  KernelFrame frame(*this, k, entry.getArgument(0), k.i64(-1),
                    entry.getArgument(1), entry.getArgument(2));
  auto stage = [&](Operation *op) { return emitStage(op, frame); };
  auto layers = [&](int64_t begin, int64_t end,
                    function_ref<LogicalResult()> body) {
    LogicalResult status = success();
    k.loop(k.i64(begin), k.i64(end), 1, [&](Value layer) {
      llvm::SaveAndRestore restore(frame.layer, layer);
      status = body();
    });
    return status;
  };
  if (failed(visit("x86", {stage, layers})))
    return failure();
  LLVM::ReturnOp::create(k.ops(), ValueRange());
  return success();
}

LogicalResult StepEmitter::emitStage(Operation *op, KernelFrame &frame) {
  auto func = kernel(stageName(op), op->getLoc(), [&](KernelFrame &inner) {
    TypeSwitch<Operation *>(op)
        .Case([&](EmbeddingOp o) { emitEmbedding(inner, o); })
        .Case([&](FusedQkvOp o) { emitFusedQkv(inner, o); })
        .Case([&](AttentionOp o) { emitAttention(inner, o); })
        .Case([&](FusedLinearOp o) { emitFusedLinear(inner, o); })
        .Case([&](GatedMlpOp o) { emitGatedMlp(inner, o); })
        .Case([&](FusedLmHeadOp o) { emitFusedLmHead(inner, o); })
        .Case([&](SelectRowsOp o) { emitSelectRows(inner, o); });
  });
  if (hasComplained())
    return failure();
  frame.call(func, {frame.args, frame.layer, frame.thread, frame.threads});

  // The next stage reads what other threads wrote: meet, then tell the
  // profiler where the time went.
  Type ptr = frame.k.ptrType(), i64 = frame.k.i64Type();
  auto end = helper(
      "stage_end", {ptr, i64, i64, i64}, [&](KernelBuilder &k, ValueRange v) {
        KernelFrame inner(*this, k, v[0], v[2], v[1], v[1]);
        inner.barrier();
        Value services = inner.pointer(Arg::Services);
        Value trace = k.load(
            ptr, k.offset(services, static_cast<int64_t>(Service::Trace) * 8),
            8);
        Value address = LLVM::PtrToIntOp::create(k.ops(), i64, trace);
        Value off = k.equal(address, k.i64(0));
        k.ifThenElse(
            off, [] {},
            [&] {
              Value context = k.load(ptr, services, 8);
              auto type = LLVM::LLVMFunctionType::get(
                  LLVM::LLVMVoidType::get(k.ops().getContext()),
                  {ptr, i64, i64, i64});
              LLVM::CallOp::create(
                  k.ops(), type, ValueRange{trace, context, v[1], v[3], v[2]});
            });
      });
  frame.call(end, {frame.args, frame.thread, frame.layer,
                   frame.k.i64(stage(func.getSymName()))});
  return success();
}
