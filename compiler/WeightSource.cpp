//===- WeightSource.cpp - where the evaluator reads weights from ----------===//

#include "compiler/WeightSource.h"

#include "runtime/support/FloatFormats.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace swallow {
namespace {

class ViewReader final : public WeightReader {
public:
  ViewReader(TensorView view, int64_t cols)
      : view_(std::move(view)), cols_(cols) {}
  DType storedType() const override { return view_.dtype; }
  void readRow(int64_t row, float *out) const override {
    size_t rowBytes = cols_ * dtypeSize(view_.dtype);
    convertToF32(view_.dtype, view_.bytes.data() + row * rowBytes, cols_, out);
  }

private:
  TensorView view_;
  int64_t cols_;
};

class MemoryReader final : public WeightReader {
public:
  MemoryReader(std::shared_ptr<const std::vector<float>> values, int64_t cols)
      : values_(std::move(values)), cols_(cols) {}
  DType storedType() const override { return DType::F32; }
  void readRow(int64_t row, float *out) const override {
    std::memcpy(out, values_->data() + row * cols_, cols_ * sizeof(float));
  }

private:
  std::shared_ptr<const std::vector<float>> values_;
  int64_t cols_;
};

/// f16ToF32 without branches, so that compilers vectorise it: the exponent's
/// bias is corrected by a multiplication, which is exact also for subnormals.
float f16ToF32Branchless(uint16_t half) {
  uint32_t magnitude = static_cast<uint32_t>(half & 0x7fffu) << 13;
  float value = std::bit_cast<float>(magnitude) * 0x1p112f;
  uint32_t bits = std::bit_cast<uint32_t>(value);
  bits |= magnitude >= (0x1fu << 23) ? 0x7f800000u : 0u; // infinities and NaN
  return std::bit_cast<float>(bits | static_cast<uint32_t>(half & 0x8000u)
                                         << 16);
}

/// roundToBf16 without branches. NaN keep their upper bits and become quiet.
float roundToBf16Branchless(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  uint32_t isNan = value != value ? ~0u : 0u;
  bits = (rounded & ~isNan) | ((bits | 0x400000u) & isNan);
  return std::bit_cast<float>(bits & 0xffff0000u);
}

/// Rounds an f32 to the nearest value of f16, ties to even. In the normal range
/// an integer addition rounds the 13 bits that f16 lacks; below it, adding and
/// subtracting 0.5, whose last place is 2^-24, rounds to a multiple of the
/// smallest subnormal.
float roundToF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t sign = bits & 0x80000000u;
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u)
    return value;
  if (bits < 0x38800000u) { // below 2^-14
    float rounded = (std::bit_cast<float>(bits) + 0.5f) - 0.5f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(rounded) | sign);
  }
  bits = (bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu;
  if (bits > 0x477fe000u) // 65504, the largest f16
    bits = 0x7f800000u;
  return std::bit_cast<float>(bits | sign);
}

int64_t columnsOf(const std::vector<int64_t> &shape) {
  return shape.empty() ? 1 : shape.back();
}

} // namespace

std::shared_ptr<const WeightReader>
memoryReader(std::shared_ptr<const std::vector<float>> values, int64_t cols) {
  return std::make_shared<MemoryReader>(std::move(values), cols);
}

void convertToF32(DType type, const uint8_t *bytes, int64_t count, float *out) {
  switch (type) {
  case DType::F32:
    std::memcpy(out, bytes, count * sizeof(float));
    return;
  case DType::BF16:
    for (int64_t i = 0; i < count; ++i) {
      uint16_t half;
      std::memcpy(&half, bytes + 2 * i, 2);
      out[i] = bf16ToF32(half);
    }
    return;
  case DType::F16:
    for (int64_t i = 0; i < count; ++i) {
      uint16_t half;
      std::memcpy(&half, bytes + 2 * i, 2);
      out[i] = f16ToF32Branchless(half);
    }
    return;
  }
}

float roundTo(DType type, float value) {
  switch (type) {
  case DType::F32:
    return value;
  case DType::BF16:
    return roundToBf16(value);
  case DType::F16:
    return roundToF16(value);
  }
  return value;
}

void roundTo(DType type, float *values, int64_t count) {
  switch (type) {
  case DType::F32:
    return;
  case DType::BF16:
    for (int64_t i = 0; i < count; ++i)
      values[i] = roundToBf16Branchless(values[i]);
    return;
  case DType::F16:
    for (int64_t i = 0; i < count; ++i)
      values[i] = roundToF16(values[i]);
    return;
  }
}

void roundInputTo(DType type, float *values, int64_t count) {
  constexpr float largestF16 = 65504.0f;
  if (type == DType::F16)
    for (int64_t i = 0; i < count; ++i)
      values[i] = std::clamp(values[i], -largestF16, largestF16);
  roundTo(type, values, count);
}

Result<std::shared_ptr<const WeightReader>>
CheckpointWeights::open(const std::string &name,
                        const std::vector<int64_t> &shape) const {
  SWALLOW_ASSIGN(TensorView view, checkpoint_.require(name, shape));
  return std::shared_ptr<const WeightReader>(
      std::make_shared<ViewReader>(std::move(view), columnsOf(shape)));
}

void MemoryWeights::add(const std::string &name, std::vector<int64_t> shape,
                        std::vector<float> values) {
  tensors_[name] = {
      std::move(shape),
      std::make_shared<const std::vector<float>>(std::move(values))};
}

Result<std::shared_ptr<const WeightReader>>
MemoryWeights::open(const std::string &name,
                    const std::vector<int64_t> &shape) const {
  auto it = tensors_.find(name);
  if (it == tensors_.end())
    return {ErrorCode::MissingTensor, "no tensor named " + name};
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  if (it->second.shape != shape ||
      static_cast<int64_t>(it->second.values->size()) != count)
    return {ErrorCode::TensorMismatch, "tensor " + name + ": expected shape " +
                                           shapeText(shape) + ", found " +
                                           shapeText(it->second.shape)};
  return memoryReader(it->second.values, columnsOf(shape));
}

} // namespace swallow
