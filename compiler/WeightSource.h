//===- WeightSource.h - where the evaluator reads weights from --*- C++ -*-===//

#ifndef SWALLOW_COMPILER_WEIGHTSOURCE_H
#define SWALLOW_COMPILER_WEIGHTSOURCE_H

#include "frontends/huggingface/Checkpoint.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace swallow {

/// One tensor, row by row: [rows][cols] for a matrix, a single row for a
/// vector. Thread-safe; may be used as long as its WeightSource.
class WeightReader {
public:
  virtual ~WeightReader() = default;
  /// A type that holds every value of the tensor exactly.
  virtual DType storedType() const = 0;
  /// Writes the unrounded f32 values of row `row`, `cols` of them.
  virtual void readRow(int64_t row, float *out) const = 0;
};

/// Tensors by their Hugging Face name. Thread-safe.
class WeightSource {
public:
  virtual ~WeightSource() = default;
  /// Fails with MissingTensor or TensorMismatch.
  virtual Result<std::shared_ptr<const WeightReader>>
  open(const std::string &name, const std::vector<int64_t> &shape) const = 0;
};

/// The tensors of a checkpoint, converted while they are read: nothing but the
/// row at hand leaves the mapping. Refers to the checkpoint.
class CheckpointWeights final : public WeightSource {
public:
  explicit CheckpointWeights(const Checkpoint &checkpoint)
      : checkpoint_(checkpoint) {}
  Result<std::shared_ptr<const WeightReader>>
  open(const std::string &name,
       const std::vector<int64_t> &shape) const override;

private:
  const Checkpoint &checkpoint_;
};

/// Tensors made by a test.
class MemoryWeights final : public WeightSource {
public:
  /// Replaces a tensor of that name. `values` is row-major and has as many
  /// elements as the shape (one or two dimensions).
  void add(const std::string &name, std::vector<int64_t> shape,
           std::vector<float> values);
  Result<std::shared_ptr<const WeightReader>>
  open(const std::string &name,
       const std::vector<int64_t> &shape) const override;

private:
  struct Tensor {
    std::vector<int64_t> shape;
    std::shared_ptr<const std::vector<float>> values;
  };
  std::map<std::string, Tensor> tensors_;
};

/// A reader of values in memory, rows of `cols` elements.
std::shared_ptr<const WeightReader>
memoryReader(std::shared_ptr<const std::vector<float>> values, int64_t cols);

/// `count` little-endian elements at `bytes`, of any alignment, as f32. Exact.
void convertToF32(DType type, const uint8_t *bytes, int64_t count, float *out);

/// Rounds to nearest even to what `type` can hold.
float roundTo(DType type, float value);
/// As roundTo, but what is too large for f16 becomes its largest number.
void roundInputTo(DType type, float *values, int64_t count);
void roundTo(DType type, float *values, int64_t count);

} // namespace swallow

#endif // SWALLOW_COMPILER_WEIGHTSOURCE_H
