//===- Importer.cpp - a model as a step in the swallow dialect ------------===//

#include "frontends/huggingface/Importer.h"

#include "dialects/swallow/SwallowDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

#include <cassert>
#include <cmath>

using namespace mlir;

namespace swallow {
namespace {

class Importer {
public:
  Importer(MLIRContext &context, const ModelConfig &config, Type element)
      : config_(config), builder_(&context), loc_(builder_.getUnknownLoc()),
        element_(element), f32_(builder_.getF32Type()),
        batchType_(BatchType::get(&context)),
        kvType_(KvType::get(&context, config.numLayers, config.numKvHeads,
                            config.headDim, element,
                            config.slidingWindow.value_or(0))),
        rope_(ropeAttr()) {}

  OwningOpRef<ModuleOp> run() {
    OwningOpRef<ModuleOp> module(ModuleOp::create(loc_));
    builder_.setInsertionPointToEnd(module->getBody());
    declareWeights();
    func::FuncOp layer = buildDecoderLayer();
    buildStep(layer);
    return module;
  }

private:
  // Types ---------------------------------------------------------------------

  RankedTensorType activation(int64_t columns) {
    return RankedTensorType::get({ShapedType::kDynamic, columns}, f32_);
  }
  RankedTensorType matrix(int64_t out, int64_t in) {
    return RankedTensorType::get({out, in}, element_);
  }
  RankedTensorType vector(int64_t size) {
    return RankedTensorType::get({size}, f32_);
  }

  RopeAttr ropeAttr() {
    const RopeConfig &rope = config_.rope;
    auto number = [&](double value) { return builder_.getF64FloatAttr(value); };
    Llama3ScalingAttr scaling;
    FloatAttr linearFactor;
    if (rope.type == RopeConfig::Type::Llama3)
      scaling = Llama3ScalingAttr::get(
          builder_.getContext(), number(rope.factor),
          number(rope.lowFreqFactor), number(rope.highFreqFactor),
          rope.originalMaxPosition);
    if (rope.type == RopeConfig::Type::Linear)
      linearFactor = number(rope.factor);
    return RopeAttr::get(builder_.getContext(), number(rope.theta), scaling,
                         linearFactor);
  }

  // Weights -------------------------------------------------------------------

  void declare(const Twine &symbol, const Twine &source, RankedTensorType type,
               bool perLayer) {
    WeightOp::create(builder_, loc_, builder_.getStringAttr(symbol),
                     StringAttr(), builder_.getStrArrayAttr({source.str()}),
                     builder_.getDenseI64ArrayAttr({type.getDimSize(0)}),
                     perLayer ? builder_.getI64IntegerAttr(config_.numLayers)
                              : IntegerAttr(),
                     TypeAttr::get(type), QuantAttr(), PackingAttr(),
                     IntegerAttr(), IntegerAttr());
  }

  void declareNorm(const Twine &name) {
    declare("layers." + name, "model.layers.{layer}." + name + ".weight",
            vector(config_.hiddenSize), true);
  }

  void declareProjection(StringRef block, StringRef name, int64_t out,
                         int64_t in, bool bias) {
    std::string source = ("model.layers.{layer}." + block + "." + name).str();
    declare("layers." + name, source + ".weight", matrix(out, in), true);
    if (bias)
      declare("layers." + name + ".bias", source + ".bias", vector(out), true);
  }

  void declareWeights() {
    const ModelConfig &c = config_;
    int64_t queries = c.numHeads * c.headDim;
    int64_t keys = c.numKvHeads * c.headDim;
    declare("embed_tokens", "model.embed_tokens.weight",
            matrix(c.vocabSize, c.hiddenSize), false);
    declareNorm("input_layernorm");
    declareProjection("self_attn", "q_proj", queries, c.hiddenSize,
                      c.attentionBias);
    declareProjection("self_attn", "k_proj", keys, c.hiddenSize,
                      c.attentionBias);
    declareProjection("self_attn", "v_proj", keys, c.hiddenSize,
                      c.attentionBias);
    declareProjection("self_attn", "o_proj", c.hiddenSize, queries,
                      c.attentionBias);
    declareNorm("post_attention_layernorm");
    declareProjection("mlp", "gate_proj", c.intermediateSize, c.hiddenSize,
                      c.mlpBias);
    declareProjection("mlp", "up_proj", c.intermediateSize, c.hiddenSize,
                      c.mlpBias);
    declareProjection("mlp", "down_proj", c.hiddenSize, c.intermediateSize,
                      c.mlpBias);
    declare("norm", "model.norm.weight", vector(c.hiddenSize), false);
    if (!c.tieWordEmbeddings)
      declare("lm_head", "lm_head.weight", matrix(c.vocabSize, c.hiddenSize),
              false);
  }

  Value load(const Twine &symbol, RankedTensorType type, Value layer) {
    return LoadWeightOp::create(
        builder_, loc_, type,
        FlatSymbolRefAttr::get(builder_.getStringAttr(symbol)), layer);
  }

  // Ops -----------------------------------------------------------------------

  Value norm(Value input, const Twine &symbol, Value layer) {
    Value weight = load(symbol, vector(config_.hiddenSize), layer);
    return RmsNormOp::create(builder_, loc_, activation(config_.hiddenSize),
                             input, weight,
                             builder_.getF64FloatAttr(config_.rmsNormEps));
  }

  Value linear(Value input, StringRef name, int64_t out, bool hasBias,
               Value layer) {
    int64_t in = cast<RankedTensorType>(input.getType()).getDimSize(1);
    Value weight = load("layers." + name, matrix(out, in), layer);
    Value bias;
    if (hasBias)
      bias = load("layers." + name + ".bias", vector(out), layer);
    return LinearOp::create(builder_, loc_, activation(out), input, weight,
                            bias);
  }

  Value rotate(Value input, Value batch) {
    return RopeOp::create(builder_, loc_, input.getType(), input, batch, rope_,
                          builder_.getI64IntegerAttr(config_.headDim));
  }

  func::FuncOp buildDecoderLayer() {
    const ModelConfig &c = config_;
    RankedTensorType hiddenType = activation(c.hiddenSize);
    auto function = func::FuncOp::create(
        builder_, loc_, "decoder_layer",
        builder_.getFunctionType(
            {hiddenType, builder_.getIndexType(), batchType_, kvType_},
            {hiddenType}));
    function.setPrivate();
    OpBuilder::InsertionGuard guard(builder_);
    Block *body = function.addEntryBlock();
    builder_.setInsertionPointToStart(body);
    Value hidden = body->getArgument(0), layer = body->getArgument(1);
    Value batch = body->getArgument(2), kv = body->getArgument(3);

    int64_t queries = c.numHeads * c.headDim;
    int64_t keys = c.numKvHeads * c.headDim;
    Value normed = norm(hidden, "layers.input_layernorm", layer);
    Value query = linear(normed, "q_proj", queries, c.attentionBias, layer);
    Value key = linear(normed, "k_proj", keys, c.attentionBias, layer);
    Value value = linear(normed, "v_proj", keys, c.attentionBias, layer);
    query = rotate(query, batch);
    key = rotate(key, batch);
    KvAppendOp::create(builder_, loc_, key, value, batch, kv, layer);
    Value attended = AttentionOp::create(
        builder_, loc_, query.getType(), query, batch, kv, layer,
        builder_.getF64FloatAttr(1.0 / std::sqrt(double(c.headDim))));
    Value projected =
        linear(attended, "o_proj", c.hiddenSize, c.attentionBias, layer);
    hidden = AddOp::create(builder_, loc_, hidden, projected);

    normed = norm(hidden, "layers.post_attention_layernorm", layer);
    Value gate =
        linear(normed, "gate_proj", c.intermediateSize, c.mlpBias, layer);
    Value up = linear(normed, "up_proj", c.intermediateSize, c.mlpBias, layer);
    Value activated = SiluOp::create(builder_, loc_, gate);
    Value product = MulOp::create(builder_, loc_, activated, up);
    Value down = linear(product, "down_proj", c.hiddenSize, c.mlpBias, layer);
    hidden = AddOp::create(builder_, loc_, hidden, down);
    func::ReturnOp::create(builder_, loc_, hidden);
    return function;
  }

  void buildStep(func::FuncOp decoderLayer) {
    const ModelConfig &c = config_;
    RankedTensorType logitsType = activation(c.vocabSize);
    auto function = func::FuncOp::create(
        builder_, loc_, "step",
        builder_.getFunctionType({batchType_, kvType_}, {logitsType}));
    OpBuilder::InsertionGuard guard(builder_);
    Block *body = function.addEntryBlock();
    builder_.setInsertionPointToStart(body);
    Value batch = body->getArgument(0), kv = body->getArgument(1);

    RankedTensorType tableType = matrix(c.vocabSize, c.hiddenSize);
    Value table = load("embed_tokens", tableType, Value());
    Value hidden = EmbeddingOp::create(builder_, loc_, activation(c.hiddenSize),
                                       batch, table);
    Value begin = arith::ConstantIndexOp::create(builder_, loc_, 0);
    Value end = arith::ConstantIndexOp::create(builder_, loc_, c.numLayers);
    Value one = arith::ConstantIndexOp::create(builder_, loc_, 1);
    auto loop = scf::ForOp::create(
        builder_, loc_, begin, end, one, ValueRange{hidden},
        [&](OpBuilder &b, Location loc, Value layer, ValueRange carried) {
          auto call = func::CallOp::create(
              b, loc, decoderLayer, ValueRange{carried[0], layer, batch, kv});
          scf::YieldOp::create(b, loc, call.getResults());
        });
    hidden = norm(loop.getResult(0), "norm", Value());
    Value rows =
        SelectRowsOp::create(builder_, loc_, hidden.getType(), hidden, batch);
    // A tied head reads the embedding table a second time.
    Value head =
        c.tieWordEmbeddings ? table : load("lm_head", tableType, Value());
    Value logits = LmHeadOp::create(builder_, loc_, logitsType, rows, head);
    func::ReturnOp::create(builder_, loc_, logits);
  }

  const ModelConfig &config_;
  OpBuilder builder_;
  Location loc_;
  Type element_;
  FloatType f32_;
  BatchType batchType_;
  KvType kvType_;
  RopeAttr rope_;
};

} // namespace

OwningOpRef<ModuleOp> importModel(MLIRContext &context,
                                  const ModelConfig &config,
                                  const ImportOptions &options) {
  context.loadDialect<SwallowDialect, arith::ArithDialect, func::FuncDialect,
                      scf::SCFDialect>();
  Type element = options.dtype == DType::F32 ? Type(Float32Type::get(&context))
                 : options.dtype == DType::F16
                     ? Type(Float16Type::get(&context))
                     : BFloat16Type::get(&context);
  return Importer(context, config, element).run();
}

} // namespace swallow
