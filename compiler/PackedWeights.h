//===- PackedWeights.h - the weights of an artifact, unpacked ---*- C++ -*-===//

#ifndef SWALLOW_COMPILER_PACKEDWEIGHTS_H
#define SWALLOW_COMPILER_PACKEDWEIGHTS_H

#include "compiler/WeightSource.h"
#include "runtime/packing/PackedLayout.h"

#include <map>
#include <span>
#include <string>

namespace swallow {

/// Tensors read back from packed weights: what compiled code multiplies by,
/// with the errors of quantisation. Refers to the packed bytes.
class PackedWeights final : public WeightSource {
public:
  /// The tensors that a packed weight is made of, in the order of
  /// layout.sourceRows. `packed` has layout.totalBytes() bytes.
  void add(const PackedLayout &layout, std::span<const std::string> sources,
           std::span<const uint8_t> packed);

  Result<std::shared_ptr<const WeightReader>>
  open(const std::string &name,
       const std::vector<int64_t> &shape) const override;

private:
  struct Tensor {
    PackedLayout layout;
    int64_t source;
    std::span<const uint8_t> packed;
  };
  std::map<std::string, Tensor> tensors_;
};

} // namespace swallow

#endif // SWALLOW_COMPILER_PACKEDWEIGHTS_H
