//===- PackedWeights.cpp - the weights of an artifact, unpacked -----------===//

#include "compiler/PackedWeights.h"

#include "runtime/packing/QuantFormat.h"
#include "runtime/support/FloatFormats.h"

#include <cassert>
#include <cstring>

namespace swallow {
namespace {

class PackedReader final : public WeightReader {
public:
  PackedReader(PackedLayout layout, int64_t source,
               std::span<const uint8_t> packed)
      : layout_(std::move(layout)), source_(source), packed_(packed) {}

  DType storedType() const override {
    return layout_.element == PackedElement::BF16  ? DType::BF16
           : layout_.element == PackedElement::F16 ? DType::F16
                                                   : DType::F32;
  }

  void readRow(int64_t row, float *out) const override {
    if (isQuantized(layout_.element)) {
      PackedLayout::Place place = layout_.place(source_, row);
      return dequantizeColumn(
          layout_, packed_.data() + place.block * layout_.blockBytes(),
          place.column, out);
    }
    for (int64_t col = 0; col < layout_.cols; ++col) {
      const uint8_t *at =
          packed_.data() + layout_.elementOffset(source_, row, col);
      if (layout_.element == PackedElement::F32) {
        std::memcpy(out + col, at, sizeof(float));
      } else {
        uint16_t bits;
        std::memcpy(&bits, at, sizeof(bits));
        out[col] = layout_.element == PackedElement::BF16 ? bf16ToF32(bits)
                                                          : f16ToF32(bits);
      }
    }
  }

private:
  PackedLayout layout_;
  int64_t source_;
  std::span<const uint8_t> packed_;
};

} // namespace

void PackedWeights::add(const PackedLayout &layout,
                        std::span<const std::string> sources,
                        std::span<const uint8_t> packed) {
  assert(sources.size() == layout.sourceRows.size() &&
         packed.size() == static_cast<size_t>(layout.totalBytes()));
  for (size_t i = 0; i < sources.size(); ++i)
    tensors_[sources[i]] = {layout, static_cast<int64_t>(i), packed};
}

Result<std::shared_ptr<const WeightReader>>
PackedWeights::open(const std::string &name,
                    const std::vector<int64_t> &shape) const {
  auto it = tensors_.find(name);
  if (it == tensors_.end())
    return {ErrorCode::MissingTensor, "no tensor named " + name};
  const Tensor &tensor = it->second;
  const int64_t rows = tensor.layout.sourceRows[tensor.source];
  // A vector is a matrix of one column here, and of one row to its readers.
  const bool vector = shape.size() == 1;
  if (shape.empty() || shape[0] != rows ||
      tensor.layout.cols != (vector ? 1 : shape[1]))
    return {ErrorCode::TensorMismatch,
            "tensor " + name + ": expected shape " + shapeText(shape) +
                ", found " + shapeText({rows, tensor.layout.cols})};
  if (!vector)
    return std::shared_ptr<const WeightReader>(std::make_shared<PackedReader>(
        tensor.layout, tensor.source, tensor.packed));
  PackedReader reader(tensor.layout, tensor.source, tensor.packed);
  auto values = std::make_shared<std::vector<float>>(rows);
  for (int64_t row = 0; row < rows; ++row)
    reader.readRow(row, values->data() + row);
  return memoryReader(std::move(values), rows);
}

} // namespace swallow
