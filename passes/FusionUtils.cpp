//===- FusionUtils.cpp - what the fusion passes share ---------------------===//

#include "passes/FusionUtils.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <numeric>

using namespace mlir;
using namespace swallow;

static WeightOp getWeight(LoadWeightOp load) {
  return SymbolTable::lookupNearestSymbolFrom<WeightOp>(load,
                                                        load.getWeightAttr());
}

static LogicalResult
checkJoinableLoads(PatternRewriter &rewriter, Operation *root,
                   llvm::function_ref<Value(LinearOp)> getValue,
                   ArrayRef<LinearOp> projections) {
  auto module = root->getParentOfType<ModuleOp>();
  LoadWeightOp firstLoad;
  WeightOp firstWeight;
  for (LinearOp projection : projections) {
    auto load = getValue(projection).getDefiningOp<LoadWeightOp>();
    if (!load)
      return rewriter.notifyMatchFailure(root, "a weight is not loaded");
    WeightOp weight = getWeight(load);
    if (!weight)
      return rewriter.notifyMatchFailure(root, "a weight has no symbol");
    if (weight.getSources().size() != 1)
      return rewriter.notifyMatchFailure(
          root, "a weight is already made of several tensors");
    if (weight.getPackingAttr())
      return rewriter.notifyMatchFailure(root, "a weight is already packed");
    auto uses = SymbolTable::getSymbolUses(weight, module);
    if (!load->hasOneUse() || !uses || !llvm::hasSingleElement(*uses))
      return rewriter.notifyMatchFailure(
          root, "a weight has another use and would be stored twice");
    if (!firstLoad) {
      firstLoad = load;
      firstWeight = weight;
      continue;
    }
    if (weight.getLayers() != firstWeight.getLayers() ||
        load.getLayer() != firstLoad.getLayer())
      return rewriter.notifyMatchFailure(root,
                                         "weights are of different layers");
    if (weight.getTensorType().getElementType() !=
            firstWeight.getTensorType().getElementType() ||
        weight.getQuantAttr() != firstWeight.getQuantAttr())
      return rewriter.notifyMatchFailure(
          root, "weights are of different element types");
  }
  return success();
}

LogicalResult swallow::checkJoinable(PatternRewriter &rewriter, Operation *root,
                                     ArrayRef<LinearOp> projections) {
  LinearOp first = projections.front();
  for (LinearOp projection : projections) {
    if (projection.getInput() != first.getInput())
      return rewriter.notifyMatchFailure(root,
                                         "projections have different inputs");
    if (!projection.getResult().hasOneUse())
      return rewriter.notifyMatchFailure(root, "a projection has another use");
    if (static_cast<bool>(projection.getBias()) !=
        static_cast<bool>(first.getBias()))
      return rewriter.notifyMatchFailure(
          root, "some projections have a bias and some have none");
  }
  if (failed(checkJoinableLoads(
          rewriter, root, [](LinearOp op) { return op.getWeight(); },
          projections)))
    return failure();
  if (!first.getBias())
    return success();
  return checkJoinableLoads(
      rewriter, root, [](LinearOp op) { return op.getBias(); }, projections);
}

/// Joins the weights behind `loads` into a symbol named `name` (or close to
/// it, if that is taken), placed where the first of them is, and loads it.
static LoadWeightOp joinLoads(PatternRewriter &rewriter, Location loc,
                              ArrayRef<LoadWeightOp> loads, StringRef name) {
  SmallVector<Attribute> sources;
  SmallVector<int64_t> sourceRows;
  for (LoadWeightOp load : loads) {
    WeightOp weight = getWeight(load);
    llvm::append_range(sources, weight.getSources());
    llvm::append_range(sourceRows, weight.getSourceRows());
  }
  LoadWeightOp firstLoad = loads.front();
  WeightOp first = getWeight(firstLoad);
  SmallVector<int64_t> shape(first.getTensorType().getShape());
  shape[0] = std::accumulate(sourceRows.begin(), sourceRows.end(), int64_t{0});
  auto type =
      RankedTensorType::get(shape, first.getTensorType().getElementType());

  auto module = first->getParentOfType<ModuleOp>();
  std::string unique = name.str();
  for (unsigned i = 0; SymbolTable::lookupSymbolIn(module, unique); ++i)
    unique = (name + "_" + Twine(i)).str();

  {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(first);
    WeightOp::create(
        rewriter, loc, rewriter.getStringAttr(unique),
        first.getSymVisibilityAttr(), rewriter.getArrayAttr(sources),
        rewriter.getDenseI64ArrayAttr(sourceRows), first.getLayersAttr(),
        TypeAttr::get(type), first.getQuantAttr(), PackingAttr(), IntegerAttr(),
        IntegerAttr());
  }
  return LoadWeightOp::create(rewriter, loc, type,
                              rewriter.getAttr<FlatSymbolRefAttr>(unique),
                              firstLoad.getLayer());
}

JoinedWeights swallow::joinWeights(PatternRewriter &rewriter,
                                   ArrayRef<LinearOp> projections,
                                   StringRef name) {
  SmallVector<LoadWeightOp> weights, biases;
  SmallVector<Location> locations;
  for (LinearOp projection : projections) {
    locations.push_back(projection.getLoc());
    weights.push_back(projection.getWeight().getDefiningOp<LoadWeightOp>());
    if (projection.getBias())
      biases.push_back(projection.getBias().getDefiningOp<LoadWeightOp>());
  }
  StringRef firstName = weights.front().getWeight();
  size_t dot = firstName.rfind('.');
  std::string joined =
      (firstName.take_front(dot == StringRef::npos ? 0 : dot + 1) + name).str();

  Location loc = rewriter.getFusedLoc(locations);
  JoinedWeights result;
  result.weight = joinLoads(rewriter, loc, weights, joined);
  if (!biases.empty())
    result.bias = joinLoads(rewriter, loc, biases, joined + ".bias");
  return result;
}

void swallow::eraseProjections(PatternRewriter &rewriter,
                               ArrayRef<LinearOp> projections) {
  for (LinearOp projection : projections) {
    SmallVector<LoadWeightOp, 2> loads;
    loads.push_back(projection.getWeight().getDefiningOp<LoadWeightOp>());
    if (projection.getBias())
      loads.push_back(projection.getBias().getDefiningOp<LoadWeightOp>());
    rewriter.eraseOp(projection);
    for (LoadWeightOp load : loads) {
      WeightOp weight = getWeight(load);
      rewriter.eraseOp(load);
      rewriter.eraseOp(weight);
    }
  }
}

LogicalResult swallow::applyFusion(ModuleOp module,
                                   RewritePatternSet patterns) {
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled)
      .setUseTopDownTraversal()
      .enableFolding(false)
      .enableConstantCSE(false);
  return applyPatternsGreedily(module, std::move(patterns), config);
}
