//===- LikeliestToken.cpp - the largest of a row's logits -----------------===//

#include "targets/nvidia/LikeliestToken.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

/// The bits of minus infinity as SwallowGpuArgs has them.
static constexpr int32_t kNoNumber = 0x007fffff;

LikeliestToken swallow::nvidia::noToken(GpuBuilder &k) {
  return {k.f32(-std::numeric_limits<float>::infinity()), k.i32(0)};
}

LikeliestToken swallow::nvidia::likelier(GpuBuilder &k,
                                         const LikeliestToken &best,
                                         const LikeliestToken &next) {
  // False where one of them is NaN.
  Value isLarger = arith::CmpFOp::create(k.ops(), arith::CmpFPredicate::OGT,
                                         next.logit, best.logit);
  return {k.select(isLarger, next.logit, best.logit),
          k.select(isLarger, next.token, best.token)};
}

static Value keyOf(KernelFrame &f, Value row) {
  return f.k.offset(f.pointer(Arg::Likeliest), f.k.mul(f.k.toI64(row), 8));
}

void swallow::nvidia::clearLikeliest(KernelFrame &f, Value row) {
  GpuBuilder &k = f.k;
  k.ifThen(k.andi(k.equal(k.thread(), k.i32(0)),
                  k.lessThan(row, f.count(Arg::NumLogits))),
           [&] { k.store(k.i64(0), keyOf(f, row), 8); });
}

void swallow::nvidia::raiseLikeliest(KernelFrame &f, Value row,
                                     const LikeliestToken &ofLane) {
  GpuBuilder &k = f.k;
  ImplicitLocOpBuilder &b = k.ops();
  // -0 + 0 is 0.
  Value bits = k.bitcast(k.i32Type(), k.addf(ofLane.logit, k.zero()));
  Value sign = arith::ShRSIOp::create(b, bits, k.i32(31));
  Value ordered = k.xori(bits, k.ori(sign, k.i32(INT32_MIN)));
  Value largest = k.warpMaxUnsigned(ordered);
  Value token = k.warpMinUnsigned(
      k.select(k.equal(ordered, largest), ofLane.token, k.i32(-1)));
  Value isNumber = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, largest,
                                         k.i32(kNoNumber));
  k.ifThen(k.andi(k.equal(k.lane(), k.i32(0)), isNumber), [&] {
    auto wide = [&](Value word) -> Value {
      return arith::ExtUIOp::create(b, k.i64Type(), word);
    };
    Value key =
        k.ori(k.shiftLeft(wide(largest), 32), wide(k.xori(token, k.i32(-1))));
    k.atomicMax(keyOf(f, row), key);
  });
}
