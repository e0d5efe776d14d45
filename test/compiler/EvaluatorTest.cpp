//===- EvaluatorTest.cpp - the evaluator's parts and its errors -----------===//

#include "compiler/Evaluator.h"
#include "compiler/EvaluatorKernels.h"
#include "compiler/EvaluatorMath.h"
#include "dialects/swallow/SwallowDialect.h"
#include "runtime/support/FloatFormats.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

using namespace swallow;

namespace {

//===----------------------------------------------------------------------===//
// Math and conversions
//===----------------------------------------------------------------------===//

TEST(EvaluatorMath, ExpIsCorrectlyRoundedAlmostAlways) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> range(-104, 89);
  for (int i = 0; i < 100000; ++i) {
    float x = range(random);
    double exact = std::exp(double(x));
    float rounded = static_cast<float>(exact);
    float found = deterministicExp(x);
    EXPECT_LE(std::abs(found - exact),
              std::abs(rounded - exact) + 2e-15 * exact)
        << x;
  }
  EXPECT_EQ(deterministicExp(0.0f), 1.0f);
  EXPECT_EQ(deterministicExp(200.0f), INFINITY);
  EXPECT_EQ(deterministicExp(-INFINITY), 0.0f);
  EXPECT_TRUE(std::isnan(deterministicExp(NAN)));
}

TEST(EvaluatorMath, SineAndCosine) {
  std::mt19937 random(2);
  for (float limit : {1.0f, 100.0f, 131072.0f, 1048576.0f}) {
    std::uniform_real_distribution<float> range(-limit, limit);
    for (int i = 0; i < 50000; ++i) {
      float x = range(random), sine, cosine;
      deterministicSinCos(x, sine, cosine);
      double s = std::sin(double(x)), c = std::cos(double(x));
      EXPECT_LE(std::abs(sine - s), std::abs(float(s) - s) + 1e-15) << x;
      EXPECT_LE(std::abs(cosine - c), std::abs(float(c) - c) + 1e-15) << x;
    }
  }
}

// Every f16 value, against the reference conversion; NaN stay NaN.
TEST(WeightSource, ConvertsEveryF16) {
  std::vector<uint16_t> halves(65536);
  for (int i = 0; i < 65536; ++i)
    halves[i] = i;
  std::vector<float> floats(65536);
  convertToF32(DType::F16, reinterpret_cast<const uint8_t *>(halves.data()),
               65536, floats.data());
  for (int i = 0; i < 65536; ++i) {
    float expected = f16ToF32(i);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(floats[i]));
      continue;
    }
    EXPECT_EQ(std::memcmp(&floats[i], &expected, 4), 0) << i;
    EXPECT_EQ(roundTo(DType::F16, expected), expected) << i;
  }
}

// The conversion of arrays, against the one value by value.
TEST(WeightSource, RoundsArraysToBf16) {
  std::vector<float> values;
  for (uint32_t upper = 0; upper < 65536; ++upper)
    for (uint32_t lower : {0x0000u, 0x0001u, 0x7fffu, 0x8000u, 0x8001u})
      values.push_back(std::bit_cast<float>(upper << 16 | lower));
  std::vector<float> rounded = values;
  roundTo(DType::BF16, rounded.data(), rounded.size());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(std::bit_cast<uint32_t>(rounded[i]),
              std::bit_cast<uint32_t>(roundToBf16(values[i])));
}

// Halfway cases go to the even neighbour, others to the nearer one.
TEST(WeightSource, RoundsToF16) {
  for (int i = 0; i < 0x7bff; ++i) {
    float low = f16ToF32(i), high = f16ToF32(i + 1);
    float middle = (low + high) / 2;
    EXPECT_EQ(roundTo(DType::F16, middle), i % 2 ? high : low) << i;
    EXPECT_EQ(roundTo(DType::F16, -std::nextafter(middle, 0.0f)), -low) << i;
    EXPECT_EQ(roundTo(DType::F16, std::nextafter(middle, 1e9f)), high) << i;
  }
  EXPECT_EQ(roundTo(DType::F16, 65519.0f), 65504.0f);
  EXPECT_EQ(roundTo(DType::F16, 65520.0f), INFINITY);
  EXPECT_TRUE(std::isnan(roundTo(DType::F16, NAN)));
}

// Inputs that f16 cannot hold become its largest number; all else is rounded.
TEST(WeightSource, RoundsInputs) {
  const float tie = 1 + 0x1p-11f;
  const std::vector<float> values = {1,        tie,        65519.0f,  65520.0f,
                                     -7e4f,    INFINITY,   -INFINITY, 0x1p-25f,
                                     0x3p-26f, -0x1p-149f, 3e38f};
  std::vector<float> f16 = values, bf16 = values, f32 = values;
  roundInputTo(DType::F16, f16.data(), f16.size());
  EXPECT_EQ(f16,
            (std::vector<float>{1, 1, 65504.0f, 65504.0f, -65504.0f, 65504.0f,
                                -65504.0f, 0, 0x1p-24f, -0.0f, 65504.0f}));
  EXPECT_TRUE(std::signbit(f16[9]));
  roundInputTo(DType::BF16, bf16.data(), bf16.size());
  EXPECT_EQ(bf16[3], 65536.0f);
  EXPECT_EQ(bf16[5], INFINITY);
  roundInputTo(DType::F32, f32.data(), f32.size());
  EXPECT_EQ(f32, values);
  float nan = NAN;
  roundInputTo(DType::F16, &nan, 1);
  EXPECT_TRUE(std::isnan(nan));
}

// Queries and exponentials are rounded as keys and values are; what is too
// large for f16 becomes its largest number. The sum of the exponentials is of
// what they were.
TEST(EvaluatorKernels, AttentionRoundsItsFactors) {
  // Heads of 2: keys 1 and 0 in the first dimension, values side by side.
  const std::vector<float> first = {1, 0, 1, 0}, second = {0, 0, 0, 1};
  auto attended = [&](KvElement element, float query, float scale) {
    return attend({1, 2, {query, 0}}, {{{first.data(), second.data()}}}, 1, 2,
                  scale, element, {}, 1)
        .data;
  };
  auto expected = [](float score, float weight) {
    float other = deterministicExp(-score);
    return std::vector<float>{1 / (1 + other), weight / (1 + other)};
  };
  const float rounded = 2048, query = 2049, scale = 0x1p-11f;
  const float score = query * scale, other = deterministicExp(-1);
  EXPECT_EQ(attended(KvElement::F32, query, scale),
            expected(score, deterministicExp(-score)));
  EXPECT_EQ(attended(KvElement::BF16, query, scale),
            expected(rounded * scale, roundTo(DType::BF16, other)));
  EXPECT_EQ(attended(KvElement::F16, query, scale),
            expected(rounded * scale, roundTo(DType::F16, other)));
  const float largest = 65504 * 0x1p-15f;
  EXPECT_EQ(attended(KvElement::F16, 1e6f, 0x1p-15f),
            expected(largest, roundTo(DType::F16, deterministicExp(-largest))));
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

class EvaluatorTest : public testing::Test {
protected:
  EvaluatorTest() : context_(mlir::MLIRContext::Threading::DISABLED) {
    context_.loadDialect<SwallowDialect, mlir::arith::ArithDialect,
                         mlir::func::FuncDialect, mlir::scf::SCFDialect>();
  }

  Evaluator load(const char *text, int threads = 1) {
    module_ = mlir::parseSourceString<mlir::ModuleOp>(text, &context_);
    EXPECT_TRUE(module_);
    return Evaluator(*module_, weights_, {threads});
  }

  std::vector<float> random(int64_t count, float scale = 1) {
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> values(count);
    for (float &value : values)
      value = normal(random_);
    return values;
  }

  void addWeight(const std::string &name, std::vector<int64_t> shape) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    weights_.add(name, shape, random(count, 0.5f));
  }

  /// Those of fusedAndUnfused.
  void addFusedWeights() {
    for (const char *name : {"q", "q2"})
      addWeight(name, {12, 10});
    for (const char *name : {"k", "v"})
      addWeight(name, {6, 10});
    addWeight("qb", {12});
    addWeight("kb", {6});
    addWeight("vb", {6});
    addWeight("norm", {10});
  }

  /// Rows of two sequences, with logits of the rows 2 and 0.
  static EvalBatch twoSequences() {
    EvalBatch batch;
    batch.push(3, 0, 7);
    batch.push(1, 0, 9);
    batch.push(4, 1, 7);
    batch.logitRows = {2, 0};
    return batch;
  }

  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  MemoryWeights weights_;
  std::mt19937 random_{5};
};

// A product's input is rounded so, and its weight is not.
TEST_F(EvaluatorTest, ProductsByF16RoundTheirInput) {
  Evaluator evaluator = load(R"(
  func.func @f(%x: tensor<?x3xf32>, %w: tensor<2x3xf16>) -> tensor<?x2xf32> {
    %0 = swallow.linear %x, %w : tensor<?x3xf32>, tensor<2x3xf16> -> tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  })");
  EvalTensor x{2, 3, {1e6f, 1, 2, 1 + 0x1p-11f, 0x1p-26f, -1e9f}};
  EvalTensor w{2, 3, {1, 2, 4, 0x1p-24f, 8, 1}};
  auto out = evaluator.evaluateFunction("f", {}, {x, w});
  ASSERT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ(out->front().data,
            (std::vector<float>{65504 + 2 + 8, 65504 * 0x1p-24f + 8 + 2,
                                1 - 4 * 65504.0f, 0x1p-24f - 65504.0f}));
}

// Each fused op computes the same bits as the ops that it stands for.
const char *fusedAndUnfused = R"(
  swallow.weight @q from ["q"] rows [12] : tensor<12x10xbf16>
  swallow.weight @k from ["k"] rows [6] : tensor<6x10xbf16>
  swallow.weight @v from ["v"] rows [6] : tensor<6x10xbf16>
  swallow.weight @qkv from ["q", "k", "v"] rows [12, 6, 6] : tensor<24x10xbf16>
  swallow.weight @qb from ["qb"] rows [12] : tensor<12xf32>
  swallow.weight @kb from ["kb"] rows [6] : tensor<6xf32>
  swallow.weight @vb from ["vb"] rows [6] : tensor<6xf32>
  swallow.weight @qkvb from ["qb", "kb", "vb"] rows [12, 6, 6] : tensor<24xf32>
  swallow.weight @gate_up from ["q", "q2"] rows [12, 12] : tensor<24x10xbf16>
  swallow.weight @q2 from ["q2"] rows [12] : tensor<12x10xbf16>
  swallow.weight @norm from ["norm"] rows [10] : tensor<10xf32>
  func.func @qkv_parts(%x: tensor<?x10xf32>, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 6, element = bf16>) -> tensor<?x12xf32> {
    %layer = arith.constant 0 : index
    %norm = swallow.load_weight @norm : tensor<10xf32>
    %q = swallow.load_weight @q : tensor<12x10xbf16>
    %k = swallow.load_weight @k : tensor<6x10xbf16>
    %v = swallow.load_weight @v : tensor<6x10xbf16>
    %qb = swallow.load_weight @qb : tensor<12xf32>
    %kb = swallow.load_weight @kb : tensor<6xf32>
    %vb = swallow.load_weight @vb : tensor<6xf32>
    %n = swallow.rms_norm %x, %norm eps 1.0e-05 : tensor<?x10xf32>, tensor<10xf32> -> tensor<?x10xf32>
    %0 = swallow.linear %n, %q bias %qb : tensor<12xf32> : tensor<?x10xf32>, tensor<12x10xbf16> -> tensor<?x12xf32>
    %1 = swallow.linear %n, %k bias %kb : tensor<6xf32> : tensor<?x10xf32>, tensor<6x10xbf16> -> tensor<?x6xf32>
    %2 = swallow.linear %n, %v bias %vb : tensor<6xf32> : tensor<?x10xf32>, tensor<6x10xbf16> -> tensor<?x6xf32>
    %3 = swallow.rope %0, %batch head_dim 6 <theta = 1.0e+04 : f64> : tensor<?x12xf32> -> tensor<?x12xf32>
    %4 = swallow.rope %1, %batch head_dim 6 <theta = 1.0e+04 : f64> : tensor<?x6xf32> -> tensor<?x6xf32>
    swallow.kv_append %4, %2, %batch, %kv[%layer] : tensor<?x6xf32>, <layers = 2, heads = 1, head_dim = 6, element = bf16>
    return %3 : tensor<?x12xf32>
  }
  func.func @qkv_fused(%x: tensor<?x10xf32>, %batch: !swallow.batch, %kv: !swallow.kv<layers = 2, heads = 1, head_dim = 6, element = bf16>) -> tensor<?x12xf32> {
    %layer = arith.constant 1 : index
    %norm = swallow.load_weight @norm : tensor<10xf32>
    %w = swallow.load_weight @qkv : tensor<24x10xbf16>
    %b = swallow.load_weight @qkvb : tensor<24xf32>
    %0 = swallow.fused_qkv %x, %w norm %norm : tensor<10xf32> eps 1.0e-05 bias %b : tensor<24xf32>, %batch, %kv[%layer] <theta = 1.0e+04 : f64> : tensor<?x10xf32>, tensor<24x10xbf16>, <layers = 2, heads = 1, head_dim = 6, element = bf16> -> tensor<?x12xf32>
    return %0 : tensor<?x12xf32>
  }
  func.func @mlp_parts(%x: tensor<?x10xf32>) -> tensor<?x12xf32> {
    %norm = swallow.load_weight @norm : tensor<10xf32>
    %g = swallow.load_weight @q : tensor<12x10xbf16>
    %u = swallow.load_weight @q2 : tensor<12x10xbf16>
    %n = swallow.rms_norm %x, %norm eps 1.0e-05 : tensor<?x10xf32>, tensor<10xf32> -> tensor<?x10xf32>
    %0 = swallow.linear %n, %g : tensor<?x10xf32>, tensor<12x10xbf16> -> tensor<?x12xf32>
    %1 = swallow.linear %n, %u : tensor<?x10xf32>, tensor<12x10xbf16> -> tensor<?x12xf32>
    %2 = swallow.silu %0 : tensor<?x12xf32>
    %3 = swallow.mul %2, %1 : tensor<?x12xf32>
    return %3 : tensor<?x12xf32>
  }
  func.func @mlp_fused(%x: tensor<?x10xf32>) -> tensor<?x12xf32> {
    %norm = swallow.load_weight @norm : tensor<10xf32>
    %w = swallow.load_weight @gate_up : tensor<24x10xbf16>
    %0 = swallow.gated_mlp %x, %w norm %norm : tensor<10xf32> eps 1.0e-05 : tensor<?x10xf32>, tensor<24x10xbf16> -> tensor<?x12xf32>
    return %0 : tensor<?x12xf32>
  }
  func.func @linear_parts(%x: tensor<?x10xf32>, %r: tensor<?x12xf32>) -> tensor<?x12xf32> {
    %w = swallow.load_weight @q : tensor<12x10xbf16>
    %b = swallow.load_weight @qb : tensor<12xf32>
    %0 = swallow.linear %x, %w bias %b : tensor<12xf32> : tensor<?x10xf32>, tensor<12x10xbf16> -> tensor<?x12xf32>
    %1 = swallow.add %r, %0 : tensor<?x12xf32>
    return %1 : tensor<?x12xf32>
  }
  func.func @linear_fused(%x: tensor<?x10xf32>, %r: tensor<?x12xf32>) -> tensor<?x12xf32> {
    %w = swallow.load_weight @q : tensor<12x10xbf16>
    %b = swallow.load_weight @qb : tensor<12xf32>
    %0 = swallow.fused_linear %x, %w bias %b : tensor<12xf32> residual %r : tensor<?x12xf32> : tensor<?x10xf32>, tensor<12x10xbf16> -> tensor<?x12xf32>
    return %0 : tensor<?x12xf32>
  }
  func.func @head_parts(%x: tensor<?x10xf32>, %batch: !swallow.batch) -> tensor<?x12xf32> {
    %norm = swallow.load_weight @norm : tensor<10xf32>
    %w = swallow.load_weight @q : tensor<12x10xbf16>
    %n = swallow.rms_norm %x, %norm eps 1.0e-05 : tensor<?x10xf32>, tensor<10xf32> -> tensor<?x10xf32>
    %s = swallow.select_rows %n, %batch : tensor<?x10xf32>
    %0 = swallow.lm_head %s, %w : tensor<?x10xf32>, tensor<12x10xbf16> -> tensor<?x12xf32>
    return %0 : tensor<?x12xf32>
  }
  func.func @head_fused(%x: tensor<?x10xf32>, %batch: !swallow.batch) -> tensor<?x12xf32> {
    %norm = swallow.load_weight @norm : tensor<10xf32>
    %w = swallow.load_weight @q : tensor<12x10xbf16>
    %0 = swallow.fused_lm_head %x, %batch, %w norm %norm : tensor<10xf32> eps 1.0e-05 : tensor<?x10xf32>, tensor<12x10xbf16> -> tensor<?x12xf32>
    return %0 : tensor<?x12xf32>
  }
)";

TEST_F(EvaluatorTest, FusedOpsEqualTheirParts) {
  addFusedWeights();
  Evaluator evaluator = load(fusedAndUnfused);
  EvalBatch batch = twoSequences();
  EvalTensor x{3, 10, random(30)}, residual{3, 12, random(36)};

  auto compare = [&](std::string op, const std::vector<EvalInput> &inputs,
                     int64_t rows) {
    auto parts = evaluator.evaluateFunction(op + "_parts", batch, inputs);
    auto fused = evaluator.evaluateFunction(op + "_fused", batch, inputs);
    ASSERT_TRUE(parts.ok()) << parts.error().message;
    ASSERT_TRUE(fused.ok()) << fused.error().message;
    ASSERT_EQ(parts->size(), 1u);
    EXPECT_EQ(parts->front().rows, rows) << op;
    EXPECT_EQ(parts->front().data, fused->front().data) << op;
  };
  compare("qkv", {x}, 3);
  compare("mlp", {x}, 3);
  compare("linear", {x, residual}, 3);
  compare("head", {x}, 2);

  // The parts append to layer 0, the fused op to layer 1.
  for (int r = 0; r < 3; ++r) {
    const float *a =
        evaluator.kv().find(0, batch.sequences[r], batch.positions[r], 6);
    const float *b =
        evaluator.kv().find(1, batch.sequences[r], batch.positions[r], 6);
    ASSERT_TRUE(a && b);
    EXPECT_TRUE(std::equal(a, a + 12, b));
    EXPECT_EQ(a[0], roundToBf16(a[0]));
  }
  EXPECT_EQ(evaluator.kv().find(0, 7, 2, 6), nullptr);
}

// What calibration asks for: the inputs of each product, no logits, and the
// keys of one layer only.
TEST_F(EvaluatorTest, ShowsTheInputsOfProducts) {
  addFusedWeights();
  load(fusedAndUnfused);
  std::vector<std::string> seen;
  std::vector<EvalTensor> inputs;
  Evaluator::Options options;
  options.computesLogits = false;
  options.keepsKv = false;
  options.observer = [&](const EvalMatrix &weight, const EvalTensor &input) {
    seen.insert(seen.end(), weight.names.begin(), weight.names.end());
    inputs.push_back(input);
    return seen.back() == "q2" ? Status(ErrorCode::InvalidArgument, "enough")
                               : Status();
  };
  Evaluator evaluator(*module_, weights_, options);
  EvalBatch batch = twoSequences();
  EvalTensor x{3, 10, random(30)}, residual{3, 12, random(36)};

  ASSERT_TRUE(
      evaluator.evaluateFunction("linear_fused", batch, {x, residual}).ok());
  EXPECT_EQ(seen, std::vector<std::string>{"q"});
  EXPECT_EQ(inputs.back().data, x.data); // not rounded
  auto head = evaluator.evaluateFunction("head_fused", batch, {x});
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(head->front().rows, 0);
  EXPECT_EQ(seen, std::vector<std::string>{"q"});

  seen.clear();
  ASSERT_TRUE(evaluator.evaluateFunction("qkv_parts", batch, {x}).ok());
  EXPECT_EQ(seen, (std::vector<std::string>{"q", "k", "v"}));
  EXPECT_TRUE(evaluator.kv().find(0, 7, 0, 6));
  seen.clear();
  ASSERT_TRUE(evaluator.evaluateFunction("qkv_fused", batch, {x}).ok());
  EXPECT_EQ(seen, (std::vector<std::string>{"q", "k", "v"}));
  EXPECT_EQ(inputs.back().rows, 3);
  EXPECT_FALSE(evaluator.kv().find(0, 7, 0, 6));
  EXPECT_TRUE(evaluator.kv().find(1, 7, 0, 6));

  auto failed = evaluator.evaluateFunction("mlp_fused", batch, {x});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().message, "enough");
}

// A linear op against a plain double sum, weights given as an argument and
// rounded to their type, for sizes around the lanes of the sum.
TEST_F(EvaluatorTest, LinearMatchesDoubleArithmetic) {
  for (int64_t k : {1, 7, 8, 9, 33}) {
    std::string size = std::to_string(k);
    std::string text = "func.func @f(%x: tensor<?x" + size +
                       "xf32>, %w: tensor<13x" + size +
                       "xbf16>) -> tensor<?x13xf32> {\n"
                       "  %0 = swallow.linear %x, %w : tensor<?x" +
                       size + "xf32>, tensor<13x" + size +
                       "xbf16> -> tensor<?x13xf32>\n"
                       "  return %0 : tensor<?x13xf32>\n}";
    Evaluator evaluator = load(text.c_str());
    for (int64_t n : {1, 3, 4, 6, 35}) {
      EvalTensor x{n, k, random(n * k)}, w{13, k, random(13 * k)};
      auto out = evaluator.evaluateFunction("f", {}, {x, w});
      ASSERT_TRUE(out.ok()) << out.error().message;
      for (int64_t r = 0; r < n; ++r)
        for (int64_t c = 0; c < 13; ++c) {
          double sum = 0, scale = 0;
          for (int64_t i = 0; i < k; ++i) {
            double product = double(roundToBf16(x.row(r)[i])) *
                             double(roundToBf16(w.row(c)[i]));
            sum += product;
            scale += std::abs(product);
          }
          EXPECT_NEAR(out->front().row(r)[c], sum, 1e-6 * scale);
        }
    }
  }
}

// Enough rows for several threads.
TEST_F(EvaluatorTest, ThreadsDoNotChangeBits) {
  const char *text = R"(
    func.func @f(%x: tensor<?x300xf32>, %w: tensor<2001x300xf32>) -> tensor<?x2001xf32> {
      %0 = swallow.linear %x, %w : tensor<?x300xf32>, tensor<2001x300xf32> -> tensor<?x2001xf32>
      return %0 : tensor<?x2001xf32>
    })";
  EvalTensor x{5, 300, random(1500)}, w{2001, 300, random(2001 * 300)};
  std::vector<float> expected;
  for (int threads : {1, 2, 3}) {
    Evaluator evaluator = load(text, threads);
    auto out = evaluator.evaluateFunction("f", {}, {x, w});
    ASSERT_TRUE(out.ok());
    if (expected.empty())
      expected = out->front().data;
    EXPECT_TRUE(out->front().data == expected) << threads << " threads";
  }
}

// Attention against a plain double computation: two query heads on each of two
// KV heads, and a window that the second position already fills.
TEST_F(EvaluatorTest, AttentionSeesItsWindow) {
  Evaluator evaluator = load(R"(
    func.func @f(%q: tensor<?x24xf32>, %layer: index, %batch: !swallow.batch, %kv: !swallow.kv<layers = 3, heads = 2, head_dim = 6, element = f32, window = 2>) -> tensor<?x24xf32> {
      %0 = swallow.attention %q, %batch, %kv[%layer] scale 0.5 : tensor<?x24xf32>, <layers = 3, heads = 2, head_dim = 6, element = f32, window = 2> -> tensor<?x24xf32>
      return %0 : tensor<?x24xf32>
    })");
  std::vector<std::vector<float>> entries;
  for (int position = 0; position < 5; ++position) {
    entries.push_back(random(24));
    evaluator.kv().at(2, 1, position, 12) = entries.back();
  }
  EvalBatch batch;
  batch.push(0, 4, 1);
  batch.push(0, 0, 1);
  EvalTensor q{2, 24, random(48)};
  auto out = evaluator.evaluateFunction("f", batch, {q, int64_t(2)});
  ASSERT_TRUE(out.ok()) << out.error().message;
  for (int r = 0; r < 2; ++r)
    for (int head = 0; head < 4; ++head) {
      int first = r == 0 ? 3 : 0, last = r == 0 ? 4 : 0, offset = head / 2 * 6;
      double total = 0, expected[6] = {};
      for (int j = first; j <= last; ++j) {
        double score = 0;
        for (int d = 0; d < 6; ++d)
          score += double(q.row(r)[head * 6 + d]) * entries[j][offset + d];
        double weight = std::exp(0.5 * score);
        total += weight;
        for (int d = 0; d < 6; ++d)
          expected[d] += weight * entries[j][12 + offset + d];
      }
      for (int d = 0; d < 6; ++d)
        EXPECT_NEAR(out->front().row(r)[head * 6 + d], expected[d] / total,
                    1e-5);
    }

  auto missing = evaluator.evaluateFunction("f", batch, {q, int64_t(1)});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("position 3 of sequence 1 has never"),
            std::string::npos);
  EXPECT_EQ(
      evaluator.evaluateFunction("f", batch, {q, int64_t(3)}).error().code,
      ErrorCode::OutOfRange);
}

TEST_F(EvaluatorTest, LoopsAndIndexArithmetic) {
  Evaluator evaluator = load(R"(
    func.func @twice(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %0 = swallow.add %x, %x : tensor<?x2xf32>
      return %0 : tensor<?x2xf32>
    }
    func.func @f(%x: tensor<?x2xf32>, %n: index) -> tensor<?x2xf32> {
      %c1 = arith.constant 1 : index
      %end = arith.addi %n, %c1 : index
      %0 = scf.for %i = %c1 to %end step %c1 iter_args(%y = %x) -> (tensor<?x2xf32>) {
        %z = func.call @twice(%y) : (tensor<?x2xf32>) -> tensor<?x2xf32>
        scf.yield %z : tensor<?x2xf32>
      }
      return %0 : tensor<?x2xf32>
    })");
  auto out = evaluator.evaluateFunction("f", {},
                                        {EvalTensor{1, 2, {3, 5}}, int64_t(4)});
  ASSERT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ(out->front().data, (std::vector<float>{48, 80}));
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

TEST_F(EvaluatorTest, NamesOpsThatItDoesNotKnow) {
  Evaluator evaluator = load(R"(
    func.func @step(%n: index) -> index {
      %0 = arith.divui %n, %n : index
      return %0 : index
    })");
  auto out = evaluator.evaluateFunction("step", {}, {int64_t(1)});
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.error().code, ErrorCode::Internal);
  EXPECT_NE(out.error().message.find("arith.divui"), std::string::npos);
}

TEST_F(EvaluatorTest, StopsEndlessRecursion) {
  Evaluator evaluator = load(R"(
    func.func @f() {
      call @f() : () -> ()
      return
    })");
  EXPECT_EQ(evaluator.evaluateFunction("f", {}, {}).error().code,
            ErrorCode::InvalidArgument);
}

TEST_F(EvaluatorTest, RefusesBadInput) {
  weights_.add("table", {5, 2}, random(10));
  weights_.add("narrow", {4, 2}, random(8));
  Evaluator evaluator = load(R"(
    swallow.weight @table from ["table"] rows [5] : tensor<5x2xf32>
    swallow.weight @absent from ["absent"] rows [5] : tensor<5x2xf32>
    swallow.weight @narrow from ["narrow"] rows [5] : tensor<5x2xf32>
    func.func @step(%batch: !swallow.batch) -> tensor<?x2xf32> {
      %w = swallow.load_weight @table : tensor<5x2xf32>
      %0 = swallow.embedding %batch, %w : tensor<5x2xf32> -> tensor<?x2xf32>
      %1 = swallow.select_rows %0, %batch : tensor<?x2xf32>
      return %1 : tensor<?x2xf32>
    }
    func.func @absent_weight() {
      %w = swallow.load_weight @absent : tensor<5x2xf32>
      return
    }
    func.func @narrow_weight() {
      %w = swallow.load_weight @narrow : tensor<5x2xf32>
      return
    }
    func.func @id(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      return %x : tensor<?x2xf32>
    })");
  EvalBatch batch = twoSequences();
  auto good = evaluator.step(batch);
  ASSERT_TRUE(good.ok()) << good.error().message;
  EXPECT_EQ(good->size(), 4u);

  auto stepCode = [&](auto change) {
    EvalBatch bad = twoSequences();
    change(bad);
    return evaluator.step(bad).error().code;
  };
  EXPECT_EQ(stepCode([](EvalBatch &b) { b.ids[1] = 5; }),
            ErrorCode::InvalidToken);
  EXPECT_EQ(stepCode([](EvalBatch &b) { b.ids[1] = -1; }),
            ErrorCode::InvalidToken);
  EXPECT_EQ(stepCode([](EvalBatch &b) { b.positions[0] = -1; }),
            ErrorCode::OutOfRange);
  EXPECT_EQ(stepCode([](EvalBatch &b) { b.logitRows[0] = 3; }),
            ErrorCode::OutOfRange);
  EXPECT_EQ(stepCode([](EvalBatch &b) { b.positions.pop_back(); }),
            ErrorCode::InvalidArgument);

  auto code = [&](const char *name, std::vector<EvalInput> inputs) {
    return evaluator.evaluateFunction(name, {}, inputs).error().code;
  };
  EXPECT_EQ(code("absent_weight", {}), ErrorCode::MissingTensor);
  EXPECT_EQ(code("narrow_weight", {}), ErrorCode::TensorMismatch);
  EXPECT_EQ(code("nowhere", {}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("id", {}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("id", {int64_t(1)}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code("id", {EvalTensor{1, 3, {1, 2, 3}}}),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code("id", {EvalTensor{2, 2, {1, 2, 3}}}),
            ErrorCode::InvalidArgument);
}

} // namespace
