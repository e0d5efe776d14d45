//===- CheckpointTensors.cpp - which tensors a model needs ----------------===//
//
// Names and shapes as in transformers' modeling_llama.py and
// modeling_mistral.py.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/Checkpoint.h"

#include <algorithm>
#include <cstring>
#include <set>

using namespace swallow;

static const char *const embedName = "model.embed_tokens.weight";
static const char *const headName = "lm_head.weight";

std::vector<ExpectedTensor>
swallow::expectedTensors(const ModelConfig &config) {
  const int64_t hidden = config.hiddenSize, ffn = config.intermediateSize;
  const int64_t queries = config.numHeads * config.headDim;
  const int64_t keys = config.numKvHeads * config.headDim;
  const char *vocabByHidden = "[vocab_size, hidden_size]";

  std::vector<ExpectedTensor> tensors;
  tensors.push_back({embedName, {config.vocabSize, hidden}, vocabByHidden});
  for (int64_t layer = 0; layer < config.numLayers; ++layer) {
    std::string prefix = "model.layers." + std::to_string(layer) + ".";
    auto norm = [&](const char *name) {
      tensors.push_back({prefix + name + ".weight", {hidden}, "[hidden_size]"});
    };
    auto linear = [&](const char *name, int64_t out, int64_t in, bool bias,
                      const char *dims, const char *biasDims) {
      tensors.push_back({prefix + name + ".weight", {out, in}, dims});
      if (bias)
        tensors.push_back({prefix + name + ".bias", {out}, biasDims});
    };
    auto attention = [&](const char *name, int64_t out, int64_t in,
                         const char *dims, const char *biasDims) {
      linear(name, out, in, config.attentionBias, dims, biasDims);
    };
    auto mlp = [&](const char *name, int64_t out, int64_t in, const char *dims,
                   const char *biasDims) {
      linear(name, out, in, config.mlpBias, dims, biasDims);
    };
    const char *keysByHidden = "[num_key_value_heads * head_dim, hidden_size]";
    const char *keyDims = "[num_key_value_heads * head_dim]";
    norm("input_layernorm");
    attention("self_attn.q_proj", queries, hidden,
              "[num_attention_heads * head_dim, hidden_size]",
              "[num_attention_heads * head_dim]");
    attention("self_attn.k_proj", keys, hidden, keysByHidden, keyDims);
    attention("self_attn.v_proj", keys, hidden, keysByHidden, keyDims);
    attention("self_attn.o_proj", hidden, queries,
              "[hidden_size, num_attention_heads * head_dim]", "[hidden_size]");
    norm("post_attention_layernorm");
    mlp("mlp.gate_proj", ffn, hidden, "[intermediate_size, hidden_size]",
        "[intermediate_size]");
    mlp("mlp.up_proj", ffn, hidden, "[intermediate_size, hidden_size]",
        "[intermediate_size]");
    mlp("mlp.down_proj", hidden, ffn, "[hidden_size, intermediate_size]",
        "[hidden_size]");
  }
  tensors.push_back({"model.norm.weight", {hidden}, "[hidden_size]"});
  if (!config.tieWordEmbeddings)
    tensors.push_back({headName, {config.vocabSize, hidden}, vocabByHidden});
  return tensors;
}

Status swallow::checkTensors(const ModelConfig &config,
                             const Checkpoint &checkpoint) {
  for (const ExpectedTensor &expected : expectedTensors(config)) {
    auto tensor = checkpoint.require(expected.name, expected.shape);
    if (!tensor)
      return {tensor.error().code, tensor.error().message +
                                       "; config.json makes it " +
                                       expected.dims};
  }
  return {};
}

bool swallow::untieDifferentEmbeddings(ModelConfig &config,
                                       const Checkpoint &checkpoint) {
  if (!config.tieWordEmbeddings)
    return false;
  const TensorView *head = checkpoint.find(headName);
  const TensorView *embed = checkpoint.find(embedName);
  if (!head || !embed)
    return false;
  if (head->dtype == embed->dtype && head->shape == embed->shape &&
      std::memcmp(head->bytes.data(), embed->bytes.data(),
                  head->bytes.size()) == 0)
    return false;
  config.tieWordEmbeddings = false;
  return true;
}

std::vector<std::string> swallow::unusedTensors(const ModelConfig &config,
                                                const Checkpoint &checkpoint) {
  std::set<std::string> used;
  for (const ExpectedTensor &expected : expectedTensors(config))
    used.insert(expected.name);
  if (config.tieWordEmbeddings)
    used.insert(headName);
  std::vector<std::string> unused;
  for (const std::string &name : checkpoint.tensorNames())
    if (!used.contains(name) && !name.ends_with(".rotary_emb.inv_freq"))
      unused.push_back(name);
  return unused;
}
