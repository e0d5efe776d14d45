//===- SwallowOps.cpp - verifiers and methods of the ops ------------------===//

#include "dialects/swallow/SwallowDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

#include <numeric>

using namespace mlir;
using namespace swallow;

#define GET_OP_CLASSES
#include "dialects/swallow/SwallowOps.cpp.inc"

static int64_t columns(Value value) {
  return cast<RankedTensorType>(value.getType()).getDimSize(1);
}

static int64_t length(Value vector) {
  return cast<RankedTensorType>(vector.getType()).getDimSize(0);
}

/// weight is (out, in); checks in against the input and returns out.
static FailureOr<int64_t> verifyProduct(Operation *op, Value input,
                                        Value weight) {
  auto type = cast<RankedTensorType>(weight.getType());
  if (type.getDimSize(1) != columns(input))
    return op->emitOpError()
           << "expects a weight of " << columns(input)
           << " input features, as many as the input has columns, got " << type;
  return type.getDimSize(0);
}

static LogicalResult verifyNorm(Operation *op, Value input, Value norm,
                                bool hasEps) {
  if (!norm)
    return hasEps ? op->emitOpError("has eps but no norm") : success();
  if (!hasEps)
    return op->emitOpError("has a norm but no eps");
  if (length(norm) != columns(input))
    return op->emitOpError() << "expects a norm of " << columns(input)
                             << " elements, got " << norm.getType();
  return success();
}

static LogicalResult verifyBias(Operation *op, Value bias, int64_t out) {
  if (bias && length(bias) != out)
    return op->emitOpError() << "expects a bias of " << out << " elements, got "
                             << bias.getType();
  return success();
}

static LogicalResult verifyColumns(Operation *op, Value result, int64_t want) {
  if (columns(result) != want)
    return op->emitOpError() << "expects a result of " << want
                             << " columns, got " << result.getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

std::string WeightOp::getSourceName(unsigned i, int64_t layer) {
  std::string name = cast<StringAttr>(getSources()[i]).str();
  const std::string placeholder = "{layer}";
  if (size_t at = name.find(placeholder); at != std::string::npos)
    name.replace(at, placeholder.size(), std::to_string(layer));
  return name;
}

PackedLayout WeightOp::getPackedLayout() {
  PackedLayout layout;
  layout.sourceRows.assign(getSourceRows().begin(), getSourceRows().end());
  RankedTensorType type = getTensorType();
  layout.cols = type.getRank() == 2 ? type.getDimSize(1) : 1;
  if (QuantAttr quant = getQuantAttr())
    layout.element = quant.getElement();
  else
    layout.element = type.getElementType().isBF16()  ? PackedElement::BF16
                     : type.getElementType().isF16() ? PackedElement::F16
                                                     : PackedElement::F32;
  PackingAttr packing = getPackingAttr();
  layout.nBlock = packing.getNBlock();
  layout.kGroup = packing.getKGroup();
  layout.rowUnit = packing.getRowUnit();
  layout.interleave = packing.getInterleave();
  return layout;
}

LogicalResult WeightOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape() || type.getRank() < 1 ||
      type.getRank() > 2)
    return emitOpError() << "expects a static vector or matrix type, got "
                         << getType();
  if (getSources().empty() || getSources().size() != getSourceRows().size())
    return emitOpError() << "expects as many rows as sources, got "
                         << getSourceRows().size() << " and "
                         << getSources().size();
  int64_t rows = 0;
  for (int64_t n : getSourceRows()) {
    if (n <= 0)
      return emitOpError() << "expects positive source rows, got " << n;
    rows += n;
  }
  if (rows != type.getDimSize(0))
    return emitOpError() << "expects " << type.getDimSize(0)
                         << " source rows in all, got " << rows;
  for (Attribute source : getSources()) {
    bool perLayer = cast<StringAttr>(source).getValue().contains("{layer}");
    if (perLayer != getLayers().has_value())
      return emitOpError() << "expects {layer} in every source exactly when "
                              "the weight has layers, got "
                           << source;
  }
  if (getLayers() && static_cast<int64_t>(*getLayers()) <= 0)
    return emitOpError("expects a positive number of layers");
  if (getQuantAttr() && (type.getRank() != 2 || !type.getElementType().isF32()))
    return emitOpError() << "expects a quantised weight to be a matrix of f32, "
                            "got "
                         << getType();
  if (PackingAttr packing = getPackingAttr()) {
    if (packing.getNBlock() < 0 || packing.getKGroup() < 1 ||
        packing.getRowUnit() < 0)
      return emitOpError() << "has an invalid packing " << packing;
    if (QuantAttr quant = getQuantAttr();
        quant &&
        (packing.getKGroup() != quant.getGroup() || packing.getNBlock() < 16 ||
         packing.getNBlock() > 64 || packing.getNBlock() % 16 != 0))
      return emitOpError() << "expects groups of " << quant.getGroup()
                           << " in blocks of 16, 32, 48 or 64 output features "
                              "for "
                           << quant << ", got " << packing;
    if (packing.getInterleave() && !llvm::all_equal(getSourceRows()))
      return emitOpError("interleaves sources of different sizes");
  }
  return success();
}

LogicalResult
LoadWeightOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  auto weight =
      symbolTable.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError() << "expects a swallow.weight named "
                         << getWeightAttr();
  if (weight.getTensorType() != getResult().getType())
    return emitOpError() << "expects the type of its weight, "
                         << weight.getTensorType() << ", got "
                         << getResult().getType();
  if (weight.getLayers().has_value() != static_cast<bool>(getLayer()))
    return emitOpError() << "expects a layer index exactly when the weight has "
                            "layers";
  return success();
}

//===----------------------------------------------------------------------===//
// Import stage
//===----------------------------------------------------------------------===//

LogicalResult EmbeddingOp::verify() {
  return verifyColumns(*this, getResult(), columns(getTable()));
}

LogicalResult RmsNormOp::verify() {
  if (getEps().convertToDouble() < 0)
    return emitOpError("expects eps >= 0");
  if (failed(verifyNorm(*this, getInput(), getWeight(), true)))
    return failure();
  return verifyColumns(*this, getResult(), columns(getInput()));
}

LogicalResult LinearOp::verify() {
  auto out = verifyProduct(*this, getInput(), getWeight());
  if (failed(out) || failed(verifyBias(*this, getBias(), *out)))
    return failure();
  return verifyColumns(*this, getResult(), *out);
}

LogicalResult RopeOp::verify() {
  int64_t headDim = getHeadDim();
  if (headDim <= 0 || headDim % 2 != 0)
    return emitOpError() << "expects an even positive head_dim, got "
                         << headDim;
  if (columns(getInput()) % headDim != 0)
    return emitOpError() << "expects whole heads of " << headDim
                         << " columns, got " << getInput().getType();
  return verifyColumns(*this, getResult(), columns(getInput()));
}

LogicalResult KvAppendOp::verify() {
  KvType kv = getKv().getType();
  int64_t want = kv.getHeads() * kv.getHeadDim();
  for (Value value : {getKey(), getValue()})
    if (columns(value) != want)
      return emitOpError() << "expects keys and values of " << want
                           << " columns for " << kv << ", got "
                           << value.getType();
  return success();
}

static LogicalResult verifyQueries(Operation *op, int64_t queryColumns,
                                   KvType kv) {
  int64_t group = kv.getHeads() * kv.getHeadDim();
  if (queryColumns <= 0 || queryColumns % group != 0)
    return op->emitOpError()
           << "expects query columns that are a multiple of kv_heads * "
              "head_dim = "
           << group << ", got " << queryColumns;
  return success();
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyQueries(*this, columns(getQuery()), getKv().getType())))
    return failure();
  return verifyColumns(*this, getResult(), columns(getQuery()));
}

LogicalResult LmHeadOp::verify() {
  auto out = verifyProduct(*this, getInput(), getWeight());
  if (failed(out))
    return failure();
  return verifyColumns(*this, getResult(), *out);
}

//===----------------------------------------------------------------------===//
// Fused ops
//===----------------------------------------------------------------------===//

LogicalResult FusedQkvOp::verify() {
  auto out = verifyProduct(*this, getInput(), getWeight());
  if (failed(out) ||
      failed(verifyNorm(*this, getInput(), getNorm(), getEps().has_value())) ||
      failed(verifyBias(*this, getBias(), *out)))
    return failure();
  KvType kv = getKv().getType();
  int64_t queries = *out - 2 * kv.getHeads() * kv.getHeadDim();
  if (failed(verifyQueries(*this, queries, kv)))
    return failure();
  return verifyColumns(*this, getResult(), queries);
}

LogicalResult FusedLinearOp::verify() {
  auto out = verifyProduct(*this, getInput(), getWeight());
  if (failed(out) ||
      failed(verifyNorm(*this, getInput(), getNorm(), getEps().has_value())) ||
      failed(verifyBias(*this, getBias(), *out)))
    return failure();
  if (getResidual() && columns(getResidual()) != *out)
    return emitOpError() << "expects a residual of " << *out << " columns, got "
                         << getResidual().getType();
  return verifyColumns(*this, getResult(), *out);
}

LogicalResult GatedMlpOp::verify() {
  auto out = verifyProduct(*this, getInput(), getWeight());
  if (failed(out) ||
      failed(verifyNorm(*this, getInput(), getNorm(), getEps().has_value())) ||
      failed(verifyBias(*this, getBias(), *out)))
    return failure();
  if (*out % 2 != 0)
    return emitOpError() << "expects a weight of gate and up features, got "
                         << getWeight().getType();
  return verifyColumns(*this, getResult(), *out / 2);
}

LogicalResult FusedLmHeadOp::verify() {
  auto out = verifyProduct(*this, getInput(), getWeight());
  if (failed(out) ||
      failed(verifyNorm(*this, getInput(), getNorm(), getEps().has_value())))
    return failure();
  return verifyColumns(*this, getResult(), *out);
}
