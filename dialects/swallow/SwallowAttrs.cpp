//===- SwallowAttrs.cpp - attributes of the swallow dialect ---------------===//

#include "dialects/swallow/SwallowDialect.h"

#include "dialects/swallow/ProductRows.h"
#include "runtime/packing/QuantFormat.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace swallow;

#define GET_ATTRDEF_CLASSES
#include "dialects/swallow/SwallowAttrs.cpp.inc"

void SwallowDialect::registerAttrs() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/swallow/SwallowAttrs.cpp.inc"
      >();
}

LogicalResult QuantAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t bits, int64_t group, Type inputs) {
  if (bits != 4 && bits != 6 && bits != 8)
    return emitError() << "expects codes of 4, 6 or 8 bits, got " << bits;
  if (group != kQuantGroup)
    return emitError() << "expects groups of " << kQuantGroup << " inputs, got "
                       << group;
  auto vector = dyn_cast<VectorType>(inputs);
  if (!inputs.isInteger(8) && !inputs.isBF16() &&
      !(vector && vector.getElementType().isInteger(8) &&
        vector.getShape() == ArrayRef<int64_t>(QuantizedRecords::kInputs)))
    return emitError()
           << "expects inputs of type i8, vector<32xi8> or bf16, got "
           << inputs;
  return success();
}

PackedElement QuantAttr::getElement() const {
  return getBits() == 4   ? PackedElement::I4
         : getBits() == 6 ? PackedElement::I6
                          : PackedElement::I8;
}

/// transformers' _compute_llama3_parameters, one frequency.
static float scaleLlama3(float inverse, Llama3ScalingAttr scaling) {
  const double pi = 3.14159265358979323846;
  auto value = [](FloatAttr attr) { return attr.getValueAsDouble(); };
  double factor = value(scaling.getFactor());
  double low = value(scaling.getLowFreqFactor());
  double high = value(scaling.getHighFreqFactor());
  double original = static_cast<double>(scaling.getOriginalMaxPosition());
  float wavelength = static_cast<float>(2 * pi) / inverse;
  if (wavelength > static_cast<float>(original / low))
    return inverse / static_cast<float>(factor);
  if (wavelength < static_cast<float>(original / high))
    return inverse;
  float smooth =
      (static_cast<float>(original) / wavelength - static_cast<float>(low)) /
      static_cast<float>(high - low);
  return (1.0f - smooth) * inverse / static_cast<float>(factor) +
         smooth * inverse;
}

std::vector<float> swallow::ropeInverseFrequencies(RopeAttr rope,
                                                   int64_t headDim) {
  std::vector<float> frequencies(headDim / 2);
  float theta = static_cast<float>(rope.getTheta().getValueAsDouble());
  for (int64_t i = 0; i < headDim / 2; ++i) {
    float exponent = static_cast<float>(2 * i) / static_cast<float>(headDim);
    float inverse = 1.0f / static_cast<float>(
                               std::pow(static_cast<double>(theta), exponent));
    if (rope.getLinearFactor())
      inverse /= static_cast<float>(rope.getLinearFactor().getValueAsDouble());
    if (rope.getScaling())
      inverse = scaleLlama3(inverse, rope.getScaling());
    frequencies[i] = inverse;
  }
  return frequencies;
}
