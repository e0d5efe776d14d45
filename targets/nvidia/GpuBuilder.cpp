//===- GpuBuilder.cpp - what GPU kernels do beside scalars ----------------===//

#include "targets/nvidia/GpuBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

Value GpuBuilder::thread() { return NVVM::ThreadIdXOp::create(b, i32Type()); }
Value GpuBuilder::blockX() { return NVVM::BlockIdXOp::create(b, i32Type()); }
Value GpuBuilder::blockY() { return NVVM::BlockIdYOp::create(b, i32Type()); }
Value GpuBuilder::lane() { return rem(thread(), kWarp); }
Value GpuBuilder::warp() { return div(thread(), kWarp); }

void GpuBuilder::barrier() {
  intrinsic("llvm.nvvm.barrier.cta.sync.aligned.all", {i32(0)});
}
void GpuBuilder::warpBarrier() {
  intrinsic("llvm.nvvm.bar.warp.sync", {i32(-1)});
}

Value GpuBuilder::shuffleXor(Value value, int64_t mask) {
  return NVVM::ShflOp::create(
      b, value.getType(), i32(-1), value, i32(static_cast<int32_t>(mask)),
      i32(31), NVVM::ShflKind::bfly, /*return_value_and_is_valid=*/UnitAttr());
}

Value GpuBuilder::shuffleFrom(Value value, Value lane) {
  return NVVM::ShflOp::create(b, value.getType(), i32(-1), value, lane, i32(31),
                              NVVM::ShflKind::idx,
                              /*return_value_and_is_valid=*/UnitAttr());
}

Value GpuBuilder::warpSum(Value value) {
  for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
    value = addf(value, shuffleXor(value, mask));
  return value;
}
Value GpuBuilder::warpMax(Value value) {
  for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
    value = maxNumber(value, shuffleXor(value, mask));
  return value;
}
Value GpuBuilder::warpMaxUnsigned(Value value) {
  return intrinsic("llvm.nvvm.redux.sync.umax", i32Type(), {value, i32(-1)});
}
Value GpuBuilder::warpMinUnsigned(Value value) {
  return intrinsic("llvm.nvvm.redux.sync.umin", i32Type(), {value, i32(-1)});
}

void GpuBuilder::fence() {
  LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acq_rel, "device");
}
Value GpuBuilder::atomicIncrement(Value ptr, Value last) {
  return LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::uinc_wrap, ptr, last,
                                   LLVM::AtomicOrdering::monotonic, "device");
}
void GpuBuilder::atomicMax(Value ptr, Value value) {
  LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::umax, ptr, value,
                            LLVM::AtomicOrdering::monotonic, "device");
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value GpuBuilder::loadConstant(Type type, Value ptr, int64_t alignment) {
  return LLVM::LoadOp::create(b, type, ptr, static_cast<unsigned>(alignment),
                              /*isVolatile=*/false, /*isNonTemporal=*/false,
                              /*isInvariant=*/true);
}
GpuBuilder::Values GpuBuilder::loadStream(Value ptr, int64_t bytes,
                                          int64_t count) {
  const bool four = count == 4;
  StringRef text =
      four ? "ld.global.nc.L1::no_allocate.v4.b32 {$0, $1, $2, $3}, [$4+$5];"
           : "ld.global.nc.L1::no_allocate.v2.b32 {$0, $1}, [$2+$3];";
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(count, i32Type()));
  Value result =
      LLVM::InlineAsmOp::create(
          b, type, ValueRange{ptr, i32(static_cast<int32_t>(bytes))}, text,
          four ? "=r,=r,=r,=r,l,n" : "=r,=r,l,n", /*has_side_effects=*/false,
          /*is_align_stack=*/false, LLVM::TailCallKind::None,
          LLVM::AsmDialectAttr(), ArrayAttr())
          .getResult(0);
  Values loaded;
  for (int64_t i = 0; i < count; ++i)
    loaded.push_back(LLVM::ExtractValueOp::create(b, result, i));
  return loaded;
}
void GpuBuilder::storeNeighbours(ValueRange values, Value ptr) {
  store(vector(values), ptr, 4 * static_cast<int64_t>(values.size()));
}
void GpuBuilder::asyncCopy(Value to, Value from, Value size) {
  NVVM::CpAsyncOp::create(b, to, from, 16, NVVM::LoadCacheModifierKind::CG,
                          size);
}
void GpuBuilder::asyncCopyFour(Value to, Value from, Value size) {
  NVVM::CpAsyncOp::create(b, to, from, 4, NVVM::LoadCacheModifierKind::CA,
                          size);
}
void GpuBuilder::commitCopies() { NVVM::CpAsyncCommitGroupOp::create(b); }
void GpuBuilder::waitCopies(int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, static_cast<uint32_t>(pending));
}
GpuBuilder::Values GpuBuilder::loadMatrices(Value row, int64_t count,
                                            bool transposed) {
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(count, i32Type()));
  Value result = intrinsic("llvm.nvvm.ldmatrix.sync.aligned.m8n8.x" +
                               std::to_string(count) +
                               (transposed ? ".trans" : "") + ".b16.p3",
                           type, {row});
  Values matrices;
  for (int64_t i = 0; i < count; ++i)
    matrices.push_back(LLVM::ExtractValueOp::create(b, result, i));
  return matrices;
}
void GpuBuilder::storeElements(ValueRange values, Value ptr, Element element) {
  SmallVector<Value> words(values);
  if (element != Element::F32) {
    words.clear();
    for (size_t i = 0; i < values.size(); i += 2)
      words.push_back(packPair(values[i], values[i + 1], element));
  }
  for (size_t i = 0; i < words.size(); i += 4) {
    ValueRange part =
        ValueRange(words).slice(i, std::min<size_t>(4, words.size() - i));
    auto bytes = static_cast<int64_t>(part.size() * 4);
    store(vector(part), offset(ptr, static_cast<int64_t>(i * 4)), bytes);
  }
}
Value GpuBuilder::loadIndex(Value array, Value index) {
  return loadConstant(i32Type(), offset(array, mul(index, 4)), 4);
}
Value GpuBuilder::toPointer(Value address, unsigned space) {
  return LLVM::IntToPtrOp::create(b, ptrType(space), address);
}
Value GpuBuilder::toI64(Value value) {
  return arith::ExtSIOp::create(b, i64Type(), value);
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

VectorType GpuBuilder::vectorOf(Type type, int64_t count) {
  return VectorType::get({count}, type);
}
Value GpuBuilder::extract(Value vector, int64_t index) {
  if (!isa<VectorType>(vector.getType()))
    return vector;
  return LLVM::ExtractElementOp::create(b, vector,
                                        i32(static_cast<int32_t>(index)));
}
Value GpuBuilder::vector(ValueRange elements) {
  if (elements.size() == 1)
    return elements.front();
  auto count = static_cast<int64_t>(elements.size());
  Value result =
      LLVM::PoisonOp::create(b, vectorOf(elements.front().getType(), count));
  for (auto [i, element] : llvm::enumerate(elements))
    result = LLVM::InsertElementOp::create(b, result, element,
                                           i32(static_cast<int32_t>(i)));
  return result;
}
Value GpuBuilder::maxNumber(Value lhs, Value rhs) {
  return LLVM::MaxNumOp::create(b, lhs, rhs);
}
Value GpuBuilder::bitcast(Type type, Value value) {
  return LLVM::BitcastOp::create(b, type, value);
}
Value GpuBuilder::shiftLeft(Value value, int64_t count) {
  return arith::ShLIOp::create(b, value, integer(value.getType(), count));
}
Value GpuBuilder::shiftRight(Value value, int64_t count) {
  return arith::ShRUIOp::create(b, value, integer(value.getType(), count));
}
Value GpuBuilder::xori(Value lhs, Value rhs) {
  return arith::XOrIOp::create(b, lhs, rhs);
}
Value GpuBuilder::permute(Value low, Value high, Value selector) {
  return intrinsic("llvm.nvvm.prmt", i32Type(), {low, high, selector});
}
Value GpuBuilder::dot4(Value a, bool isUnsigned, Value other, Value sum) {
  return intrinsic(isUnsigned ? "llvm.nvvm.idp4a.u.s" : "llvm.nvvm.idp4a.s.s",
                   i32Type(), {a, other, sum});
}
Value GpuBuilder::toFloat(Value value) {
  return arith::SIToFPOp::create(b, f32Type(), value);
}
Value GpuBuilder::lowHalf(Value pair, Element element) {
  if (element == Element::BF16)
    return bitcast(f32Type(), shiftLeft(pair, 16));
  Value halves = bitcast(vectorOf(b.getF16Type(), 2), pair);
  return arith::ExtFOp::create(b, f32Type(), extract(halves, 0));
}
Value GpuBuilder::highHalf(Value pair, Element element) {
  if (element == Element::BF16)
    return bitcast(f32Type(),
                   andi(pair, i32(static_cast<int32_t>(0xffff0000u))));
  Value halves = bitcast(vectorOf(b.getF16Type(), 2), pair);
  return arith::ExtFOp::create(b, f32Type(), extract(halves, 1));
}
Value GpuBuilder::packPair(Value low, Value high, Element element) {
  if (element == Element::BF16)
    return packFitting(low, high, element);
  auto saturated = [&](Value value) -> Value {
    constexpr float largest = 65504.0f;
    Value bounded = LLVM::MinimumOp::create(b, value, f32(largest));
    return LLVM::MaximumOp::create(b, bounded, f32(-largest));
  };
  high = saturated(high);
  return packFitting(saturated(low), high, element);
}
Value GpuBuilder::packFitting(Value low, Value high, Element element) {
  const bool isBf16 = element == Element::BF16;
  Type type = isBf16 ? Type(b.getBF16Type()) : Type(b.getF16Type());
  // The first operand becomes the high half.
  return bitcast(i32Type(), intrinsic(isBf16 ? "llvm.nvvm.ff2bf16x2.rn"
                                             : "llvm.nvvm.ff2f16x2.rn",
                                      vectorOf(type, 2), {high, low}));
}
Value GpuBuilder::roundTo(Value value, Element element) {
  return lowHalf(packPair(value, zero(), element), element);
}
Value GpuBuilder::loadElement(Value ptr, Element element) {
  if (element == Element::F32)
    return load(f32Type(), ptr);
  Value half = load(b.getI16Type(), ptr, 2);
  return lowHalf(arith::ExtUIOp::create(b, i32Type(), half), element);
}
std::pair<Value, Value> GpuBuilder::loadPair(Value ptr, Element element) {
  if (element != Element::F32) {
    Value pair = load(i32Type(), ptr);
    return {lowHalf(pair, element), highHalf(pair, element)};
  }
  Value pair = load(vectorOf(f32Type(), 2), ptr, 8);
  return {extract(pair, 0), extract(pair, 1)};
}
void GpuBuilder::storeElement(Value value, Value ptr, Element element) {
  if (element == Element::F32)
    return store(value, ptr);
  store(arith::TruncIOp::create(b, b.getI16Type(),
                                packPair(value, zero(), element)),
        ptr, 2);
}
Value GpuBuilder::exp2(Value value) {
  return intrinsic("llvm.nvvm.ex2.approx", f32Type(), {value});
}
Value GpuBuilder::reciprocal(Value value) {
  return intrinsic("llvm.nvvm.rcp.approx.ftz.f", f32Type(), {value});
}
Value GpuBuilder::rsqrt(Value value) {
  return intrinsic("llvm.nvvm.rsqrt.approx.f", f32Type(), {value});
}

GpuBuilder::Values GpuBuilder::mma(ValueRange a, ValueRange bFragment,
                                   ValueRange c, Element element) {
  SmallVector<Value> operands(a.begin(), a.end());
  operands.append(bFragment.begin(), bFragment.end());
  if (element == Element::F16)
    for (Value &operand : operands)
      operand = bitcast(vectorOf(b.getF16Type(), 2), operand);
  operands.append(c.begin(), c.end());
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                               SmallVector<Type>(4, f32Type()));
  Value result = intrinsic(element == Element::F16
                               ? "llvm.nvvm.mma.m16n8k16.row.col.f32.f32"
                               : "llvm.nvvm.mma.m16n8k16.row.col.bf16",
                           type, operands);
  Values sums;
  for (int64_t i = 0; i < 4; ++i)
    sums.push_back(LLVM::ExtractValueOp::create(b, result, i));
  return sums;
}
