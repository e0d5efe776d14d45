//===- SyntheticTest.cpp - weights that follow from a seed ----------------===//

#include "runtime/packing/Synthetic.h"
#include "runtime/support/FloatFormats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

using namespace swallow;

namespace {

std::vector<uint16_t> read(const SyntheticTensor &tensor, int64_t begin,
                           int64_t end, int64_t cols) {
  std::vector<uint16_t> values(static_cast<size_t>((end - begin) * cols));
  tensor.read(begin, end, values.data());
  return values;
}

struct Statistics {
  double mean = 0, sigma = 0, kurtosis = 0;
};

Statistics statistics(const std::vector<uint16_t> &values) {
  Statistics s;
  double second = 0, fourth = 0;
  for (uint16_t bits : values)
    s.mean += bf16ToF32(bits);
  s.mean /= double(values.size());
  for (uint16_t bits : values) {
    double d = bf16ToF32(bits) - s.mean;
    second += d * d;
    fourth += d * d * d * d;
  }
  second /= double(values.size());
  s.sigma = std::sqrt(second);
  s.kurtosis = fourth / double(values.size()) / (second * second);
  return s;
}

TEST(SyntheticTensor, ValuesAreWhatTheyAlwaysWere) {
  // From the definition, computed by test/e2e/synthetic_values.py.
  SyntheticTensor matrix(1, "model.layers.0.mlp.up_proj.weight", 64);
  const std::vector<uint16_t> expected = {0x3c8b, 0x3e12, 0x3e3f, 0x3cd0,
                                          0x3e38, 0xbd6f, 0xbe58, 0x3dea,
                                          0x3d8b, 0xbca6, 0xbd98, 0x3e06};
  std::vector<uint16_t> row = read(matrix, 3, 4, 64);
  row.resize(expected.size());
  EXPECT_EQ(row, expected);
  SyntheticTensor norm(1, "model.norm.weight", 1);
  EXPECT_EQ(read(norm, 5, 9, 1),
            (std::vector<uint16_t>{0x3f6d, 0x3f7f, 0x3f89, 0x3f8c}));
  SyntheticTensor bias(7, "model.layers.1.self_attn.q_proj.bias", 1);
  EXPECT_EQ(read(bias, 0, 4, 1),
            (std::vector<uint16_t>{0xbc44, 0xbc85, 0x3d02, 0xbc00}));
}

TEST(SyntheticTensor, AnyPieceHasTheSameValues) {
  const int64_t cols = 37;
  SyntheticTensor matrix(5, "lm_head.weight", cols);
  std::vector<uint16_t> all = read(matrix, 0, 50, cols);
  for (int64_t begin : {0, 1, 17, 49}) {
    std::vector<uint16_t> piece = read(matrix, begin, 50, cols);
    EXPECT_TRUE(std::equal(piece.begin(), piece.end(),
                           all.begin() + begin * cols, all.end()));
  }
  SyntheticTensor vector(5, "model.norm.weight", 1);
  std::vector<uint16_t> whole = read(vector, 0, 100, 1);
  EXPECT_EQ(read(vector, 40, 60, 1),
            std::vector<uint16_t>(whole.begin() + 40, whole.begin() + 60));
}

TEST(SyntheticTensor, SeedAndNameMakeOtherValues) {
  const int64_t cols = 64, rows = 64;
  std::set<std::vector<uint16_t>> seen;
  for (uint64_t seed : {uint64_t(0), uint64_t(1), uint64_t(1) << 63})
    for (const char *name : {"a.weight", "b.weight"})
      seen.insert(read(SyntheticTensor(seed, name, cols), 0, rows, cols));
  EXPECT_EQ(seen.size(), 6u);
}

TEST(SyntheticTensor, MatricesAreAboutNormal) {
  for (int64_t cols : {128, 1024, 8192}) {
    SyntheticTensor matrix(3, "model.layers.2.mlp.down_proj.weight", cols);
    std::vector<uint16_t> values = read(matrix, 0, 512, cols);
    Statistics s = statistics(values);
    double unit = 1 / std::sqrt(double(cols));
    EXPECT_LT(std::abs(s.mean), 0.02 * unit) << cols;
    // The heavy rows and columns add to it: 1 + 3/64 and 1 + 15/256.
    EXPECT_GT(s.sigma, 0.98 * unit) << cols;
    EXPECT_LT(s.sigma, 1.15 * unit) << cols;
    EXPECT_GT(s.kurtosis, 2.5) << cols;
  }
}

TEST(SyntheticTensor, SomeRowsAndColumnsAreHeavier) {
  const int64_t rows = 2048, cols = 2048;
  SyntheticTensor matrix(11, "model.layers.0.self_attn.q_proj.weight", cols);
  std::vector<uint16_t> values = read(matrix, 0, rows, cols);
  std::vector<double> ofRow(rows), ofColumn(cols);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t col = 0; col < cols; ++col) {
      double value = bf16ToF32(values[static_cast<size_t>(row * cols + col)]);
      ofRow[static_cast<size_t>(row)] += value * value;
      ofColumn[static_cast<size_t>(col)] += value * value;
    }
  auto heavier = [](const std::vector<double> &sums, double factor) {
    std::vector<double> sorted = sums;
    std::sort(sorted.begin(), sorted.end());
    double middle = sorted[sorted.size() / 2];
    return std::count_if(sums.begin(), sums.end(), [&](double sum) {
      return sum > factor * factor * middle / 2;
    });
  };
  EXPECT_NEAR(double(heavier(ofRow, 2)), 2048.0 / 64, 20);
  EXPECT_NEAR(double(heavier(ofColumn, 4)), 2048.0 / 256, 10);
}

TEST(SyntheticTensor, RowsAndColumnsAreIndependent) {
  const int64_t rows = 256, cols = 2048;
  SyntheticTensor matrix(2, "model.embed_tokens.weight", cols);
  std::vector<uint16_t> values = read(matrix, 0, rows, cols);
  auto at = [&](int64_t row, int64_t col) {
    return double(bf16ToF32(values[static_cast<size_t>(row * cols + col)]));
  };
  double sigma = statistics(values).sigma;
  // Correlation of neighbours, down and to the right, and of shifted rows.
  for (auto [down, right] : {std::pair<int64_t, int64_t>{1, 0},
                             {0, 1},
                             {1, 1},
                             {2, 0},
                             {0, 2},
                             {7, 64}}) {
    double sum = 0;
    for (int64_t row = 0; row + down < rows; ++row)
      for (int64_t col = 0; col + right < cols; ++col)
        sum += at(row, col) * at(row + down, col + right);
    sum /= double((rows - down) * (cols - right)) * sigma * sigma;
    EXPECT_LT(std::abs(sum), 0.01) << down << ", " << right;
  }
}

TEST(SyntheticTensor, VectorsAreNormsOrBiases) {
  Statistics norm =
      statistics(read(SyntheticTensor(1, "model.norm.weight", 1), 0, 8192, 1));
  EXPECT_NEAR(norm.mean, 1, 0.01);
  EXPECT_NEAR(norm.sigma, 0.072, 0.005);
  Statistics bias = statistics(read(
      SyntheticTensor(1, "model.layers.0.mlp.up_proj.bias", 1), 0, 8192, 1));
  EXPECT_NEAR(bias.mean, 0, 0.001);
  EXPECT_NEAR(bias.sigma, 0.018, 0.001);
}

// Every block is what the packer makes of the whole tensors, whatever pieces it
// is asked for in.
TEST(SyntheticWeight, PacksAsThePackerDoes) {
  const PackedElement bf16 = PackedElement::BF16, f32 = PackedElement::F32;
  const PackedLayout layouts[] = {
      {{130}, 50, bf16, 64, 2, 0, false}, // one source with a short block
      {{96, 48, 48}, 33, bf16, 64, 2, 48, false}, // heads, odd columns
      {{100, 100}, 40, f32, 64, 1, 0, true},      // gate and up
      {{77}, 21, bf16, 0, 1, 0, false},           // an embedding
      {{90}, 1, f32, 0, 1, 0, false},             // a norm
      {{96, 48, 48}, 1, f32, 64, 1, 48, false},   // biases of heads
      {{96, 48, 48}, 50, PackedElement::I4, 64, 16, 48, false},
      {{100, 100}, 40, PackedElement::I8, 48, 16, 0, true},
  };
  for (const PackedLayout &layout : layouts) {
    std::vector<std::string> names;
    std::vector<std::vector<uint16_t>> tensors;
    std::vector<PackSource> sources;
    for (size_t i = 0; i < layout.sourceRows.size(); ++i) {
      std::string name = "tensor." + std::to_string(i);
      names.push_back(name + (layout.nBlock ? ".bias" : ".weight"));
      SyntheticTensor tensor(9, names.back(), layout.cols);
      tensors.push_back(read(tensor, 0, layout.sourceRows[i], layout.cols));
    }
    for (const std::vector<uint16_t> &tensor : tensors)
      sources.push_back({SourceElement::BF16,
                         {reinterpret_cast<const uint8_t *>(tensor.data()),
                          tensor.size() * 2}});
    std::vector<uint8_t> expected(static_cast<size_t>(layout.totalBytes()));
    std::vector<PackStats> stats(sources.size());
    packBlocks(layout, sources, 0, layout.totalBlocks(), expected.data(),
               stats);

    SyntheticWeight weight(9, layout, names);
    for (int64_t step : {int64_t(1), int64_t(3), layout.totalBlocks()}) {
      std::vector<uint8_t> found(expected.size(), 0xa5);
      for (int64_t at = 0; at < layout.totalBlocks(); at += step)
        weight.pack(at, std::min(at + step, layout.totalBlocks()),
                    found.data() + at * layout.blockBytes());
      EXPECT_EQ(found, expected) << layout.cols << " columns by " << step;
    }
  }
}

} // namespace
