//===- FloatOps.cpp - f32 and f64 arithmetic ------------------------------===//
//
// PTX ISA, "Floating Point Instructions". The .approx functions are computed
// in f64 and rounded to f32: at least as close as any device's, and so not
// bit-identical to one.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/FloatFamilies.h"
#include "test/cuda-emulator/exec/alu/Lanes.h"
#include "test/cuda-emulator/exec/alu/Rounding.h"

#include <limits>

namespace swallow::emulator {

using ptx::Type;
using ptx::TypeClass;

namespace {

template <auto Op, bool Ftz, bool Sat> struct Shaped;

template <typename T, typename... A, T (*Op)(A...), bool Ftz, bool Sat>
struct Shaped<Op, Ftz, Sat> {
  static T flush(T value) { return Ftz ? flushSubnormal(value) : value; }
  static T f(A... arguments) {
    T result = flush(Op(flush(arguments)...));
    if (Sat)
      result = result > T{0} ? (result < T{1} ? result : T{1}) : T{0};
    return canonical(result);
  }
};

template <auto Op> Handler shaped(bool ftz, bool sat) {
  return ftz ? (sat ? Map<&Shaped<Op, true, true>::f>::run
                    : Map<&Shaped<Op, true, false>::f>::run)
             : (sat ? Map<&Shaped<Op, false, true>::f>::run
                    : Map<&Shaped<Op, false, false>::f>::run);
}

template <typename T> T add(T a, T b) { return a + b; }
template <typename T> T sub(T a, T b) { return a - b; }
template <typename T> T mul(T a, T b) { return a * b; }
template <typename T> T fma(T a, T b, T c) { return std::fma(a, b, c); }
template <typename T> T div(T a, T b) { return a / b; }
template <typename T> T reciprocal(T a) { return T{1} / a; }
template <typename T> T squareRoot(T a) { return std::sqrt(a); }
template <typename T> T minimum(T a, T b) {
  if (a == b)
    return std::signbit(a) ? a : b;
  return a < b || b != b ? a : b;
}
template <typename T> T maximum(T a, T b) {
  if (a == b)
    return std::signbit(a) ? b : a;
  return a > b || b != b ? a : b;
}
template <typename T> T minimumNan(T a, T b) {
  return a != a || b != b ? a + b : minimum(a, b);
}
template <typename T> T maximumNan(T a, T b) {
  return a != a || b != b ? a + b : maximum(a, b);
}
template <typename T> T minimum3(T a, T b, T c) {
  return minimum(minimum(a, b), c);
}
template <typename T> T maximum3(T a, T b, T c) {
  return maximum(maximum(a, b), c);
}
// Sign operations leave a NaN alone but for its sign.
template <typename T> T absolute(T a) { return std::fabs(a); }
template <typename T> T negate(T a) { return -a; }
float absoluteFtz(float a) { return std::fabs(flushSubnormal(a)); }
float negateFtz(float a) { return -flushSubnormal(a); }
template <typename T> T copySign(T sign, T magnitude) {
  return std::copysign(magnitude, sign);
}

// For 2^126 < |b| the approximate quotient is 0 (or NaN for an infinite a).
float divApprox(float a, float b) {
  if (std::fabs(b) > 0x1p126f && !std::isinf(b) && b == b)
    return std::isinf(a) ? std::numeric_limits<float>::quiet_NaN()
                         : std::copysign(0.0f, a) * std::copysign(1.0f, b);
  return a / b;
}
float rsqrtApprox(float a) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(a)));
}
double rsqrtDouble(double a) { return 1.0 / std::sqrt(a); }
float ex2Approx(float a) {
  return static_cast<float>(std::exp2(static_cast<double>(a)));
}
float lg2Approx(float a) {
  return static_cast<float>(std::log2(static_cast<double>(a)));
}
float sinApprox(float a) {
  return static_cast<float>(std::sin(static_cast<double>(a)));
}
float cosApprox(float a) {
  return static_cast<float>(std::cos(static_cast<double>(a)));
}
float tanhApprox(float a) {
  return static_cast<float>(std::tanh(static_cast<double>(a)));
}

/// f32 with a directed rounding. flags: operation (0 add, 1 sub, 2 mul, 3 fma,
/// 4 div, 5 sqrt), Round, ftz, sat.
void directed(Warp &warp, const Inst &inst) {
  auto round = static_cast<Round>(inst.flags[1]);
  const float *a = warp.src<float>(inst.slots[1]);
  const float *b = warp.src<float>(inst.slots[2]);
  const float *c = warp.src<float>(inst.slots[3]);
  float result[32];
  for (int lane = 0; lane < 32; ++lane) {
    auto in = [&](float value) {
      return static_cast<double>(inst.flags[2] ? flushSubnormal(value) : value);
    };
    double x = in(a[lane]), y = in(b[lane]), z = in(c[lane]), exact = 0;
    switch (inst.flags[0]) {
    case 0:
    case 1:
      exact = sumToOdd(x, inst.flags[0] ? -y : y);
      // An exact zero of unlike signs is -0 when rounding down.
      if (exact == 0 && x != 0 && round == Round::Down)
        exact = -0.0;
      break;
    case 2:
      exact = x * y;
      break;
    case 3:
      exact = sumToOdd(x * y, z);
      if (exact == 0 && z != 0 && round == Round::Down)
        exact = -0.0;
      break;
    case 4: {
      exact = x / y;
      // To odd: the remainder says on which side the quotient lies.
      double rest = std::fma(-exact, y, x);
      if (std::isfinite(exact) && exact != 0 && rest != 0 && y != 0 &&
          !(std::bit_cast<uint64_t>(exact) & 1)) {
        bool away = (rest > 0) == (y > 0) ? exact > 0 : exact < 0;
        exact = std::bit_cast<double>(std::bit_cast<uint64_t>(exact) +
                                      (away ? 1 : -1));
      }
      break;
    }
    default: {
      exact = std::sqrt(x);
      double rest = std::fma(-exact, exact, x);
      if (std::isfinite(exact) && rest != 0 &&
          !(std::bit_cast<uint64_t>(exact) & 1))
        exact = std::bit_cast<double>(std::bit_cast<uint64_t>(exact) +
                                      (rest > 0 ? 1 : -1));
      break;
    }
    }
    float value = encodeF32(exact, round);
    if (inst.flags[2])
      value = flushSubnormal(value);
    if (inst.flags[3])
      value = value > 0 ? std::min(value, 1.0f) : 0.0f;
    result[lane] = canonical(value);
  }
  warp.store(inst.slots[0], result);
}

/// testp: flags[0] 0 finite, 1 infinite, 2 number, 3 notanumber, 4 normal,
/// 5 subnormal.
template <typename T> void testp(Warp &warp, const Inst &inst) {
  const T *a = warp.src<T>(inst.slots[1]);
  uint32_t result = 0;
  for (int lane = 0; lane < 32; ++lane) {
    int kind = std::fpclassify(a[lane]);
    bool is = false;
    switch (inst.flags[0]) {
    case 0:
      is = std::isfinite(a[lane]);
      break;
    case 1:
      is = kind == FP_INFINITE;
      break;
    case 2:
      is = kind != FP_NAN;
      break;
    case 3:
      is = kind == FP_NAN;
      break;
    case 4:
      is = kind == FP_NORMAL;
      break;
    default:
      is = kind == FP_SUBNORMAL;
      break;
    }
    result |= uint32_t{is} << lane;
  }
  warp.storePredicate(inst.slots[0], result);
}

void decodeTestp(Decoder &d) {
  int what = d.takeOneOf(
      {"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  Type type = d.needType();
  if (what < 0)
    d.fail("testp without its property");
  Inst inst;
  inst.flags[0] = static_cast<uint8_t>(what);
  inst.slots[1] = d.source(d.operand(1), type);
  inst.slots[0] = d.predicateDestination(d.operand(0));
  inst.handler = type.bits == 64 ? testp<double> : testp<float>;
  d.emit(inst);
}

enum class Op {
  Add,
  Sub,
  Mul,
  Fma,
  Div,
  Sqrt,
  Rcp,
  Min,
  Max,
  Abs,
  Neg,
  Rsqrt,
  Ex2,
  Lg2,
  Sin,
  Cos,
  Tanh,
  CopySign,
};

const std::unordered_map<std::string_view, Op> &operations() {
  static const std::unordered_map<std::string_view, Op> table = {
      {"add", Op::Add},           {"sub", Op::Sub}, {"mul", Op::Mul},
      {"fma", Op::Fma},           {"mad", Op::Fma}, {"div", Op::Div},
      {"sqrt", Op::Sqrt},         {"rcp", Op::Rcp}, {"min", Op::Min},
      {"max", Op::Max},           {"abs", Op::Abs}, {"neg", Op::Neg},
      {"rsqrt", Op::Rsqrt},       {"ex2", Op::Ex2}, {"lg2", Op::Lg2},
      {"sin", Op::Sin},           {"cos", Op::Cos}, {"tanh", Op::Tanh},
      {"copysign", Op::CopySign},
  };
  return table;
}

template <typename T>
Handler handlerOf(Op op, bool ftz, bool sat, bool nan, bool approx,
                  size_t sources) {
  switch (op) {
  case Op::Add:
    return shaped<&add<T>>(ftz, sat);
  case Op::Sub:
    return shaped<&sub<T>>(ftz, sat);
  case Op::Mul:
    return shaped<&mul<T>>(ftz, sat);
  case Op::Fma:
    return shaped<&fma<T>>(ftz, sat);
  case Op::Div:
    if constexpr (sizeof(T) == 4)
      if (approx)
        return shaped<&divApprox>(ftz, false);
    return shaped<&div<T>>(ftz, false);
  case Op::Sqrt:
    return shaped<&squareRoot<T>>(ftz, false);
  case Op::Rcp:
    return shaped<&reciprocal<T>>(ftz, false);
  case Op::Min:
    if (sources == 3)
      return nan ? nullptr : shaped<&minimum3<T>>(ftz, false);
    return nan ? shaped<&minimumNan<T>>(ftz, false)
               : shaped<&minimum<T>>(ftz, false);
  case Op::Max:
    if (sources == 3)
      return nan ? nullptr : shaped<&maximum3<T>>(ftz, false);
    return nan ? shaped<&maximumNan<T>>(ftz, false)
               : shaped<&maximum<T>>(ftz, false);
  case Op::Abs:
    if constexpr (sizeof(T) == 4)
      if (ftz)
        return Map<&absoluteFtz>::run;
    return Map<&absolute<T>>::run;
  case Op::Neg:
    if constexpr (sizeof(T) == 4)
      if (ftz)
        return Map<&negateFtz>::run;
    return Map<&negate<T>>::run;
  case Op::CopySign:
    return Map<&copySign<T>>::run;
  default:
    break;
  }
  if constexpr (sizeof(T) == 8)
    return op == Op::Rsqrt ? shaped<&rsqrtDouble>(false, false) : nullptr;
  else
    switch (op) {
    case Op::Rsqrt:
      return shaped<&rsqrtApprox>(ftz, false);
    case Op::Ex2:
      return shaped<&ex2Approx>(ftz, false);
    case Op::Lg2:
      return shaped<&lg2Approx>(ftz, false);
    case Op::Sin:
      return shaped<&sinApprox>(ftz, false);
    case Op::Cos:
      return shaped<&cosApprox>(ftz, false);
    case Op::Tanh:
      return shaped<&tanhApprox>(ftz, false);
    default:
      return nullptr;
    }
}

int directedOperation(Op op) {
  switch (op) {
  case Op::Add:
    return 0;
  case Op::Sub:
    return 1;
  case Op::Mul:
    return 2;
  case Op::Fma:
    return 3;
  case Op::Div:
  case Op::Rcp:
    return 4;
  case Op::Sqrt:
    return 5;
  default:
    return -1;
  }
}

void decodeFloatOnly(Decoder &d) {
  if (!decodeFloatArithmetic(d))
    d.fail("a floating-point type expected");
}

} // namespace

bool decodeFloatArithmetic(Decoder &d) {
  auto peeked = d.peekType();
  if (!peeked || !peeked->isFloat())
    return false;
  if (peeked->kind == TypeClass::BFloat || peeked->bits == 16 ||
      peeked->packed) {
    decodeHalfArithmetic(d);
    return true;
  }
  Op op = operations().at(d.mnemonic());
  int rounding = d.takeOneOf({"rn", "rz", "rm", "rp"});
  bool approx = d.take("approx");
  d.take("full");
  bool ftz = d.take("ftz"), sat = d.take("sat"), nan = d.take("NaN");
  Type type = d.needType();
  size_t sources = d.operandCount() - 1;
  Inst inst;
  bool isReciprocal = op == Op::Rcp;
  if (rounding > 0) {
    int operation = directedOperation(op);
    if (operation < 0 || type.bits == 64) {
      d.fail("this rounding is not supported here");
      return true;
    }
    inst.handler = directed;
    inst.flags = {static_cast<uint8_t>(operation),
                  static_cast<uint8_t>(rounding), ftz, sat};
  } else {
    inst.handler =
        type.bits == 64
            ? handlerOf<double>(op, false, false, nan, approx, sources)
            : handlerOf<float>(op, ftz, sat, nan, approx, sources);
    if (!inst.handler) {
      d.fail("this type is not allowed here");
      return true;
    }
  }
  size_t wanted = op == Op::Fma ? 3
                  : op == Op::Add || op == Op::Sub || op == Op::Mul ||
                          op == Op::Div || op == Op::CopySign
                      ? 2
                  : op == Op::Min || op == Op::Max ? (sources == 3 ? 3 : 2)
                                                   : 1;
  if (!d.expectOperands(wanted + 1, wanted + 1))
    return true;
  size_t at = 1;
  if (isReciprocal && rounding > 0)
    inst.slots[at++] = d.constant(typeB32, std::bit_cast<uint32_t>(1.0f));
  for (size_t i = 1; i <= wanted; ++i)
    inst.slots[at++] = d.source(d.operand(i), type);
  // Unused sources of `directed` read something harmless.
  for (; at <= 3; ++at)
    inst.slots[at] = inst.slots[1];
  inst.slots[0] = d.destination(d.operand(0), type);
  d.emit(inst);
  return true;
}

void addFloatOps(Families &families) {
  for (const char *name : {"fma", "sqrt", "rcp", "rsqrt", "ex2", "lg2", "sin",
                           "cos", "tanh", "copysign"})
    families[name] = decodeFloatOnly;
  families["testp"] = decodeTestp;
}

} // namespace swallow::emulator
