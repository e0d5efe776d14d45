//===- KernelBuilder.cpp - loops and vectors for kernel emitters ----------===//

#include "targets/x86/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

Element swallow::x86::elementOf(PackedElement element) {
  assert(!isQuantized(element));
  return element == PackedElement::BF16  ? Element::BF16
         : element == PackedElement::F16 ? Element::F16
                                         : Element::F32;
}

KernelBuilder::KernelBuilder(OpBuilder &builder, Location loc,
                             const Variant &variant)
    : ScalarBuilder(builder, loc), target(variant) {}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

VectorType KernelBuilder::f32Vector(int64_t lanes) {
  return VectorType::get({lanes}, b.getF32Type());
}
VectorType KernelBuilder::i32Vector(int64_t lanes) {
  return VectorType::get({lanes}, b.getI32Type());
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::loadI32(Value ptr) {
  return arith::ExtSIOp::create(b, b.getI64Type(), load(b.getI32Type(), ptr));
}
Value KernelBuilder::bitcast(Type type, Value value) {
  if (auto vector = dyn_cast<VectorType>(type);
      vector &&
      vector.getShape() != cast<VectorType>(value.getType()).getShape())
    return vector::BitCastOp::create(b, vector, value);
  return arith::BitcastOp::create(b, type, value);
}

/// A constant mask whose first `count` of `lanes` lanes are set.
static Value leadingMask(ImplicitLocOpBuilder &b, int64_t lanes,
                         int64_t count) {
  SmallVector<bool> bits(lanes, false);
  std::fill(bits.begin(), bits.begin() + count, true);
  auto type = VectorType::get({lanes}, b.getI1Type());
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, bits));
}

/// The bits of f16, a vector of i16 or one, as f32.
static Value halvesToFloat(ImplicitLocOpBuilder &b, Value bits) {
  auto typed = [&](Type element) -> Type {
    auto vector = dyn_cast<VectorType>(bits.getType());
    return vector ? vector.clone(element) : element;
  };
  Value halves = arith::BitcastOp::create(b, typed(b.getF16Type()), bits);
  return arith::ExtFOp::create(b, typed(b.getF32Type()), halves);
}

Value KernelBuilder::loadVector(Value ptr, Element element, int64_t lanes,
                                int64_t count) {
  Type scalar =
      element == Element::F32 ? Type(b.getF32Type()) : Type(b.getI16Type());
  auto type = VectorType::get({lanes}, scalar);
  Value raw;
  if (count == lanes) {
    raw = load(type, ptr, sizeOf(element));
  } else {
    Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(type));
    raw = LLVM::MaskedLoadOp::create(b, type, ptr, leadingMask(b, lanes, count),
                                     zeros,
                                     static_cast<uint32_t>(sizeOf(element)));
  }
  if (element == Element::F32)
    return raw;
  if (element == Element::F16)
    return halvesToFloat(b, raw);
  Value wide = arith::ExtUIOp::create(b, i32Vector(lanes), raw);
  Value sixteen = arith::ConstantOp::create(
      b, DenseElementsAttr::get(i32Vector(lanes), int32_t(16)));
  return bitcast(f32Vector(lanes), arith::ShLIOp::create(b, wide, sixteen));
}

static Value constantI32(ImplicitLocOpBuilder &b, VectorType type,
                         int32_t value) {
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, value));
}

/// The bf16 nearest to each lane, ties to even, in the upper half of an i32.
static Value roundedBits(ImplicitLocOpBuilder &b, Value vector) {
  auto lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  auto type = VectorType::get({lanes}, b.getI32Type());
  Value bits = arith::BitcastOp::create(b, type, vector);
  Value odd = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, bits, constantI32(b, type, 16)),
      constantI32(b, type, 1));
  Value bias = arith::AddIOp::create(b, odd, constantI32(b, type, 0x7fff));
  return arith::AddIOp::create(b, bits, bias);
}

void KernelBuilder::storeVector(Value vector, Value ptr, Element element,
                                int64_t count) {
  auto lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  Value raw = vector;
  if (element == Element::BF16) {
    Value high = arith::ShRUIOp::create(b, roundedBits(b, vector),
                                        constantI32(b, i32Vector(lanes), 16));
    raw = arith::TruncIOp::create(b, VectorType::get({lanes}, b.getI16Type()),
                                  high);
  }
  if (count == lanes)
    return store(raw, ptr, sizeOf(element));
  // LLVM 22 makes a masked store of one lane a scalar store, but for lanes that
  // were truncated from i32 it stores all four bytes.
  if (count == 1)
    return store(vector::ExtractOp::create(b, raw, int64_t(0)), ptr,
                 sizeOf(element));
  LLVM::MaskedStoreOp::create(b, raw, ptr, leadingMask(b, lanes, count),
                              static_cast<uint32_t>(sizeOf(element)));
}
void KernelBuilder::storeVector(Value vector, Value ptr, Element element) {
  storeVector(vector, ptr, element,
              cast<VectorType>(vector.getType()).getDimSize(0));
}

Value KernelBuilder::loadScalar(Value ptr, Element element) {
  if (element == Element::F32)
    return load(f32Type(), ptr);
  Value bits = load(b.getI16Type(), ptr, 2);
  if (element == Element::F16)
    return halvesToFloat(b, bits);
  Value wide = arith::ExtUIOp::create(b, b.getI32Type(), bits);
  return bitcast(f32Type(), arith::ShLIOp::create(b, wide, i32(16)));
}

void KernelBuilder::prefetch(Value ptr) {
  // For reading, to be kept in all levels, of data.
  LLVM::Prefetch::create(b, ptr, 0, 3, 1);
}
void KernelBuilder::prefetchToSecondCache(Value ptr) {
  LLVM::Prefetch::create(b, ptr, 0, 2, 1);
}
void KernelBuilder::prefetchNextPages(Value position, int64_t lines) {
  constexpr int64_t size = kWindowPages * kPageBytes;
  Value address = LLVM::PtrToIntOp::create(b, i64Type(), position);
  Value first = div(address, kLineBytes);
  for (int64_t i = 0; i < lines; ++i) {
    Value line = add(first, i);
    Value inWindow = rem(line, size / kLineBytes);
    Value begin = mul(sub(line, inWindow), kLineBytes);
    Value page = mul(rem(inWindow, kWindowPages), kPageBytes);
    Value inPage = mul(div(inWindow, kWindowPages), kLineBytes);
    Value target = add(add(begin, size), add(page, inPage));
    prefetch(LLVM::IntToPtrOp::create(b, ptrType(), target));
  }
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value KernelBuilder::splat(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(
      b, VectorType::get({lanes}, scalar.getType()), scalar);
}
Value KernelBuilder::splat(float value, int64_t lanes) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(f32Vector(lanes), value));
}

Value KernelBuilder::reduce(Value vector,
                            function_ref<Value(Value, Value)> combine) {
  int64_t lanes = cast<VectorType>(vector.getType()).getDimSize(0);
  while (lanes > 1) {
    lanes /= 2;
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < lanes; ++i) {
      low.push_back(i);
      high.push_back(i + lanes);
    }
    Value lower = vector::ShuffleOp::create(b, vector, vector, low);
    Value upper = vector::ShuffleOp::create(b, vector, vector, high);
    vector = combine(lower, upper);
  }
  return vector::ExtractOp::create(b, vector, int64_t(0));
}
Value KernelBuilder::reduceAdd(Value vector) {
  return reduce(vector, [&](Value x, Value y) { return addf(x, y); });
}
Value KernelBuilder::reduceMax(Value vector) {
  return reduce(vector, [&](Value x, Value y) { return maxf(x, y); });
}

Value KernelBuilder::roundToBf16(Value vector) {
  auto type = cast<VectorType>(vector.getType());
  auto intType = i32Vector(type.getDimSize(0));
  Value masked = arith::AndIOp::create(
      b, roundedBits(b, vector),
      constantI32(b, intType, static_cast<int32_t>(0xffff0000u)));
  return bitcast(type, masked);
}

Value KernelBuilder::roundToF16(Value vector) {
  int64_t n = cast<VectorType>(vector.getType()).getDimSize(0);
  Value largest = splat(65504.0f, n), smallest = splat(-65504.0f, n);
  // A NaN is neither above nor below.
  auto choose = [&](arith::CmpFPredicate predicate, Value bound) {
    vector = select(arith::CmpFOp::create(b, predicate, bound, vector), bound,
                    vector);
  };
  choose(arith::CmpFPredicate::OLT, largest);
  choose(arith::CmpFPredicate::OGT, smallest);
  Value halves =
      arith::TruncFOp::create(b, VectorType::get({n}, b.getF16Type()), vector);
  return arith::ExtFOp::create(b, vector.getType(), halves);
}

Value KernelBuilder::exp(Value x) {
  int64_t n = cast<VectorType>(x.getType()).getDimSize(0);
  auto constant = [&](float value) { return splat(value, n); };
  // x = k ln 2 + r with |r| <= ln 2 / 2; ln 2 is split so that k * high is
  // exact for the k that occur.
  Value low = constant(-87.3f), high = constant(88.7f);
  Value clamped = maxf(x, low);
  Value below =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, clamped, high);
  clamped = select(below, clamped, high);
  Value k =
      LLVM::RintOp::create(b, mulf(clamped, constant(1.44269504088896341f)));
  Value r = fma(k, constant(-0.693359375f), clamped);
  r = fma(k, constant(2.12194440e-4f), r);
  // Taylor coefficients 1/i!; the remainder at |r| = 0.347 is under 1e-8.
  Value p = constant(1.0f / 5040);
  for (float c :
       {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = fma(p, r, constant(c));
  // 2^k by adding k to the exponent. k reaches 128 at the upper clamp, where
  // 2^127 * 2 must be taken in two steps.
  auto intType = i32Vector(n);
  Value exponent = arith::FPToSIOp::create(b, intType, k);
  Value half = arith::ShRSIOp::create(b, exponent, constantI32(b, intType, 1));
  Value rest = arith::SubIOp::create(b, exponent, half);
  auto power = [&](Value e) {
    Value biased = arith::AddIOp::create(b, e, constantI32(b, intType, 127));
    return bitcast(f32Vector(n), arith::ShLIOp::create(
                                     b, biased, constantI32(b, intType, 23)));
  };
  Value result = mulf(mulf(p, power(half)), power(rest));
  Value tiny = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, low);
  return select(tiny, constant(0.0f), result);
}

Value KernelBuilder::exp2(Value x, bool precise) {
  int64_t n = cast<VectorType>(x.getType()).getDimSize(0);
  auto constant = [&](float value) { return splat(value, n); };
  bool scales = n == 16; // AVX-512 has vscalefps, which knows every exponent
  if (!scales)
    x = maxf(x, constant(-127.0f));
  // Two additions round as vrndscaleps does, whose two steps share a port of
  // the processor. What they do not round is too far below to matter.
  Value magic = constant(12582912.0f); // 1.5 * 2^23
  Value k = scales && !precise ? subf(addf(x, magic), magic)
                               : Value(LLVM::RintOp::create(b, x));
  Value r = subf(x, k);
  // Taylor coefficients ln(2)^i / i!; |r| <= 1/2.
  constexpr float coefficients[] = {1.5403530393e-4f,
                                    1.3333558146e-3f,
                                    9.6181291076e-3f,
                                    5.5504108665e-2f,
                                    2.4022650696e-1f,
                                    6.9314718056e-1f,
                                    1.0f};
  Value p;
  for (float c : llvm::ArrayRef(coefficients).drop_front(precise ? 0 : 1))
    p = p ? fma(p, r, constant(c)) : constant(c);
  if (scales) {
    auto mask = arith::ConstantOp::create(b, b.getI16IntegerAttr(-1));
    return LLVM::CallIntrinsicOp::create(
               b, p.getType(),
               b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
               ValueRange{p, k, p, mask, i32(4)})
        .getResult(0);
  }
  // An exponent of -127 is the bits of zero.
  auto intType = i32Vector(n);
  Value exponent = arith::AddIOp::create(
      b, arith::FPToSIOp::create(b, intType, k), constantI32(b, intType, 127));
  return mulf(p, bitcast(f32Vector(n),
                         arith::ShLIOp::create(b, exponent,
                                               constantI32(b, intType, 23))));
}

Value KernelBuilder::dotBf16(Value sum, Value x, Value y) {
  int64_t n = cast<VectorType>(sum.getType()).getDimSize(0);
  auto pairs = VectorType::get({2 * n}, b.getBF16Type());
  StringRef name = n == 16 ? "llvm.x86.avx512bf16.dpbf16ps.512"
                           : "llvm.x86.avx512bf16.dpbf16ps.256";
  return LLVM::CallIntrinsicOp::create(
             b, sum.getType(), b.getStringAttr(name),
             ValueRange{sum, vector::BitCastOp::create(b, pairs, x),
                        vector::BitCastOp::create(b, pairs, y)})
      .getResult(0);
}

Value KernelBuilder::firstOfPairs(Value pairs) {
  auto type = cast<VectorType>(pairs.getType());
  return bitcast(f32Vector(type.getDimSize(0)),
                 arith::ShLIOp::create(b, pairs, constantI32(b, type, 16)));
}
Value KernelBuilder::secondOfPairs(Value pairs) {
  auto type = cast<VectorType>(pairs.getType());
  return bitcast(
      f32Vector(type.getDimSize(0)),
      arith::AndIOp::create(
          b, pairs, constantI32(b, type, static_cast<int32_t>(0xffff0000u))));
}

// Within each 128 bits, which takes one instruction on every variant.
std::pair<Value, Value> KernelBuilder::loadHalves(Value ptr) {
  const int64_t n = lanes();
  Value low = loadVector(ptr, Element::F16);
  Value high = loadVector(offset(ptr, n * sizeOf(Element::F16)), Element::F16);
  auto chosen = [&](int64_t inPair) -> Value {
    SmallVector<int64_t> order;
    for (int64_t at = inPair; at < n; at += 4)
      order.append({at, at + 2, n + at, n + at + 2});
    return vector::ShuffleOp::create(b, low, high, order);
  };
  return {chosen(0), chosen(1)};
}

Value KernelBuilder::orderOfHalves(Value vector) {
  SmallVector<int64_t> order;
  for (int64_t half : {0, 2})
    for (int64_t at = half; at < lanes(); at += 4)
      order.append({at, at + 1});
  return vector::ShuffleOp::create(b, vector, vector, order);
}

Value KernelBuilder::packBf16(Value first, Value second) {
  assert(target.bf16Dot && lanes() == 16);
  return intrinsic("llvm.x86.avx512bf16.cvtne2ps2bf16.512",
                   VectorType::get({32}, b.getBF16Type()), {second, first});
}

Value KernelBuilder::packPairs(Value first, Value second) {
  Value both = packBf16(first, second);
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < 16; ++lane)
    order.append({lane, 16 + lane});
  return bitcast(i32Vector(16),
                 vector::ShuffleOp::create(b, both, both, order));
}

//===----------------------------------------------------------------------===//
// Integer vectors
//===----------------------------------------------------------------------===//

VectorType KernelBuilder::i16Vector(int64_t lanes) {
  return VectorType::get({lanes}, b.getI16Type());
}
VectorType KernelBuilder::i8Vector(int64_t lanes) {
  return VectorType::get({lanes}, b.getI8Type());
}
Value KernelBuilder::splatI32(int32_t value, int64_t lanes) {
  return constantI32(b, i32Vector(lanes), value);
}
Value KernelBuilder::bytes(ArrayRef<int8_t> pattern) {
  SmallVector<int8_t> all;
  while (static_cast<int64_t>(all.size()) < 4 * lanes())
    all.append(pattern.begin(), pattern.end());
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(i8Vector(4 * lanes()), ArrayRef<int8_t>(all)));
}

static Value splatLike(ImplicitLocOpBuilder &b, Value vector, int64_t value) {
  auto type = cast<VectorType>(vector.getType());
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             type, b.getIntegerAttr(type.getElementType(), value)));
}
Value KernelBuilder::shl(Value vector, int64_t count) {
  return arith::ShLIOp::create(b, vector, splatLike(b, vector, count));
}
Value KernelBuilder::shru(Value vector, int64_t count) {
  return arith::ShRUIOp::create(b, vector, splatLike(b, vector, count));
}
Value KernelBuilder::shrs(Value vector, int64_t count) {
  return arith::ShRSIOp::create(b, vector, splatLike(b, vector, count));
}

Value KernelBuilder::lookupLowBits(Value table, Value bytes) {
  Type type = i8Vector(4 * lanes());
  // vpermb looks at six bits, and finds the same in each copy; vpshufb gives 0
  // where the highest bit is set.
  if (target.vbmi)
    return intrinsic("llvm.x86.avx512.permvar.qi.512", type, {table, bytes});
  Value indices = andi(bytes, this->bytes({15}));
  return intrinsic(lanes() == 16 ? "llvm.x86.avx512.pshuf.b.512"
                                 : "llvm.x86.avx2.pshuf.b",
                   type, {table, indices});
}

Value KernelBuilder::dot(Value sum, Value unsignedBytes, Value signedBytes) {
  return intrinsic(lanes() == 16 ? "llvm.x86.avx512.vpdpbusd.512"
                                 : "llvm.x86.avx512.vpdpbusd.256",
                   sum.getType(), {sum, unsignedBytes, signedBytes});
}
Value KernelBuilder::multiplyAddBytes(Value unsignedBytes, Value signedBytes) {
  const int64_t bytes = cast<VectorType>(unsignedBytes.getType()).getDimSize(0);
  return intrinsic(bytes == 64 ? "llvm.x86.avx512.pmaddubs.w.512"
                               : "llvm.x86.avx2.pmadd.ub.sw",
                   i16Vector(bytes / 2), {unsignedBytes, signedBytes});
}
Value KernelBuilder::addPairs(Value words) {
  return intrinsic(lanes() == 16 ? "llvm.x86.avx512.pmaddw.d.512"
                                 : "llvm.x86.avx2.pmadd.wd",
                   i32Vector(lanes()), {words, splatLike(b, words, 1)});
}
Value KernelBuilder::absBytes(Value bytes) {
  return LLVM::AbsOp::create(b, bytes.getType(), bytes,
                             /*is_int_min_poison=*/false);
}
Value KernelBuilder::withSignOf(Value bytes, Value signs) {
  if (lanes() == 8)
    return intrinsic("llvm.x86.avx2.psign.b", bytes.getType(), {bytes, signs});
  Value zero = splatLike(b, bytes, 0);
  Value negative =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, signs, zero);
  return arith::SelectOp::create(b, negative, sub(zero, bytes), bytes);
}

Value KernelBuilder::multiplyHigh(Value x, Value y) {
  return intrinsic(lanes() == 16 ? "llvm.x86.avx512.pmul.hr.sw.512"
                                 : "llvm.x86.avx2.pmul.hr.sw",
                   x.getType(), {x, y});
}
Value KernelBuilder::toFloat(Value integers) {
  int64_t n = cast<VectorType>(integers.getType()).getDimSize(0);
  return arith::SIToFPOp::create(b, f32Vector(n), integers);
}
Value KernelBuilder::toInt(Value floats) {
  int64_t n = cast<VectorType>(floats.getType()).getDimSize(0);
  return arith::FPToSIOp::create(b, i32Vector(n),
                                 LLVM::RintOp::create(b, floats));
}
Value KernelBuilder::reduceAddInt(Value vector) {
  return reduce(vector, [&](Value x, Value y) { return addi(x, y); });
}
Value KernelBuilder::loadBytes(Value ptr) {
  return arith::ExtSIOp::create(b, i32Vector(lanes()),
                                load(i8Vector(lanes()), ptr, 1));
}
Value KernelBuilder::maxBytes(Value lhs, Value rhs) {
  return arith::MaxUIOp::create(b, lhs, rhs);
}
Value KernelBuilder::bytesToFloat(Value bytes) {
  int64_t n = cast<VectorType>(bytes.getType()).getDimSize(0);
  return arith::UIToFPOp::create(b, f32Vector(n), bytes);
}
Value KernelBuilder::truncateToBytes(Value integers) {
  int64_t n = cast<VectorType>(integers.getType()).getDimSize(0);
  return arith::TruncIOp::create(b, i8Vector(n), integers);
}
