//===- KernelBuilder.h - loops and vectors for kernel emitters --*- C++ -*-===//
//
// Adds vectors to what the emitters of all targets share. Integers are i64,
// vectors are builtin vectors of f32 or i32. Every method creates ops at the
// builder's insertion point.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_X86_KERNELBUILDER_H
#define SWALLOW_TARGETS_X86_KERNELBUILDER_H

#include "runtime/packing/PackedLayout.h"
#include "targets/common/ScalarBuilder.h"
#include "targets/x86/Variant.h"

namespace swallow::x86 {

/// Element types in memory. Arithmetic on F32, BF16 and F16 is f32; U8 and S8
/// are quantised inputs and unpacked weights of integer products.
enum class Element { F32, BF16, F16, U8, S8 };
inline int64_t sizeOf(Element element) {
  return element == Element::F32                               ? 4
         : element == Element::BF16 || element == Element::F16 ? 2
                                                               : 1;
}
/// The element of a weight that is not quantised.
Element elementOf(PackedElement element);

/// Bytes between rows of an activation slot with `columns` elements. Columns
/// beyond `columns` hold zeros, so whole vectors can be read.
inline int64_t rowStride(int64_t columns, Element element) {
  return roundUp(columns * sizeOf(element), 64);
}

constexpr int64_t kLineBytes = 64, kPageBytes = 4096;
/// See KernelBuilder::prefetchNextPages; a power of two.
constexpr int64_t kWindowPages = 8;

class KernelBuilder : public ScalarBuilder {
public:
  KernelBuilder(mlir::OpBuilder &builder, mlir::Location loc,
                const Variant &variant);

  const Variant &variant() const { return target; }
  /// f32 lanes of a full vector.
  int64_t lanes() const { return target.lanes; }

  //===--- types ------------------------------------------------------------//
  mlir::VectorType f32Vector(int64_t lanes);
  mlir::VectorType i32Vector(int64_t lanes);
  mlir::VectorType i16Vector(int64_t lanes);
  mlir::VectorType i8Vector(int64_t lanes);

  //===--- memory -----------------------------------------------------------//
  /// Loads an i32 and sign-extends it to i64.
  Value loadI32(Value ptr);
  /// `lanes` consecutive elements as f32; only the first `count` are read, the
  /// others are 0.
  Value loadVector(Value ptr, Element element, int64_t lanes, int64_t count);
  Value loadVector(Value ptr, Element element) {
    return loadVector(ptr, element, lanes(), lanes());
  }
  /// Stores the first `count` lanes, rounded to `element`, F32 or BF16.
  void storeVector(Value vector, Value ptr, Element element, int64_t count);
  void storeVector(Value vector, Value ptr, Element element);
  /// One element as a scalar f32.
  Value loadScalar(Value ptr, Element element);
  /// Asks for the cache line at `ptr`; harmless wherever it points.
  void prefetch(Value ptr);
  /// The same for later: the nearest cache is left alone.
  void prefetchToSecondCache(Value ptr);
  /// Asks for `lines` lines of those that one who reads memory in order, and
  /// has come to `position`, reads next. The lines of kWindowPages pages stand
  /// for those of as many pages behind them, a line of each page in turn: so
  /// prefetching by the hardware, which ends with each page, is at work on all
  /// of them at once. It has room for more requests than a core.
  void prefetchNextPages(Value position, int64_t lines);

  //===--- vectors ----------------------------------------------------------//
  Value splat(Value scalar, int64_t lanes);
  Value splat(float value, int64_t lanes);
  Value splat(Value scalar) { return splat(scalar, lanes()); }
  Value zero() { return splat(0.0f, lanes()); }
  /// Sum and maximum of all lanes, in a fixed tree order.
  Value reduceAdd(Value vector);
  Value reduceMax(Value vector);
  //===--- integer vectors --------------------------------------------------//
  Value splatI32(int32_t value, int64_t lanes);
  Value splatI32(int32_t value) { return splatI32(value, lanes()); }
  /// A constant of bytes, repeated to fill a vector of 4 * lanes() bytes.
  Value bytes(llvm::ArrayRef<int8_t> pattern);
  Value addi(Value lhs, Value rhs) { return add(lhs, rhs); }
  /// Shifts of each lane by a constant; `shrs` copies the sign.
  Value shl(Value vector, int64_t count);
  Value shru(Value vector, int64_t count);
  Value shrs(Value vector, int64_t count);
  /// The same bits as another type of the same size.
  Value bitcast(mlir::Type type, Value value);
  /// Bytes of a 16-byte table, of which each 128 bits hold a copy, by the low
  /// four bits of each byte.
  Value lookupLowBits(Value table, Value bytes);
  /// sum + the four products of each lane's bytes: `unsignedBytes` times
  /// `signedBytes`. Requires variant().vnni().
  Value dot(Value sum, Value unsignedBytes, Value signedBytes);
  /// The sums of each two neighbouring products of bytes, `unsignedBytes` times
  /// `signedBytes`, as words; exact where they fit.
  Value multiplyAddBytes(Value unsignedBytes, Value signedBytes);
  /// The sums of each two neighbouring words, as i32.
  Value addPairs(Value words);
  /// Magnitudes of signed bytes.
  Value absBytes(Value bytes);
  /// `bytes`, negated where `signs` is below 0; anything where it is 0.
  Value withSignOf(Value bytes, Value signs);
  /// (a * b + 2^14) >> 15 of 16-bit lanes.
  Value multiplyHigh(Value a, Value b);
  Value toFloat(Value integers);
  /// Nearest integer, ties to even.
  Value toInt(Value floats);
  Value reduceAddInt(Value vector);
  /// Sign-extended bytes at `ptr` as a vector of i32.
  Value loadBytes(Value ptr);
  /// The larger of each two unsigned bytes.
  Value maxBytes(Value lhs, Value rhs);
  /// Unsigned bytes as f32.
  Value bytesToFloat(Value bytes);
  /// Stores each lane's low byte.
  Value truncateToBytes(Value integers);

  /// Round to nearest even to the precision of bf16, kept as f32. Not meant
  /// for NaNs with all mantissa bits set, which no x86 instruction produces.
  Value roundToBf16(Value vector);
  /// Round to nearest even to the precision of f16, kept as f32; what is too
  /// large becomes the largest number, NaN stays NaN.
  Value roundToF16(Value vector);
  /// e^x by Cody-Waite reduction and a polynomial, relative error under 2e-7;
  /// 0 below -87.3.
  Value exp(Value vector);
  /// 2^x for x not above 0 by more than a rounding, relative error under 3e-6,
  /// or 2e-7 when `precise`; 0 far below -126.
  Value exp2(Value vector, bool precise);
  /// vdpbf16ps: adds both products of each pair of bf16 to a lane of `sum`.
  /// Requires variant().bf16Dot; `a` and `b` are vectors of i32.
  Value dotBf16(Value sum, Value a, Value b);
  /// bf16 pairs in the lanes of an i32 vector: the first of each pair, or the
  /// second, as f32.
  Value firstOfPairs(Value pairs);
  Value secondOfPairs(Value pairs);
  /// 2 * lanes() f16, pairs of inputs of lanes() features, as f32: the first of
  /// each pair, and the second. Where a lane has which feature is what takes
  /// least: orderOfHalves puts them in their order.
  std::pair<Value, Value> loadHalves(Value ptr);
  Value orderOfHalves(Value vector);
  /// Two f32 vectors rounded to nearest even as bf16, one behind the other.
  /// Requires variant().bf16Dot and 16 lanes.
  Value packBf16(Value first, Value second);
  /// The same as pairs in the lanes of an i32 vector.
  Value packPairs(Value first, Value second);

private:
  Value reduce(Value vector, llvm::function_ref<Value(Value, Value)> combine);

  const Variant &target;
};

} // namespace swallow::x86

#endif // SWALLOW_TARGETS_X86_KERNELBUILDER_H
