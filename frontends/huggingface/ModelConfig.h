//===- ModelConfig.h - config.json of a checkpoint --------------*- C++ -*-===//
//
// Reads a Hugging Face config.json with the semantics of transformers'
// LlamaConfig and MistralConfig (versions 4.57 and 5.23 compared): the same
// defaults for absent keys, the same precedence between the two key styles
// (`rope_theta`, `rope_scaling`, `torch_dtype`; and `rope_parameters`,
// `dtype`). What is not supported is refused by name.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_MODELCONFIG_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_MODELCONFIG_H

#include "runtime/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

enum class Architecture { Llama, Mistral };

/// "LlamaForCausalLM" or "MistralForCausalLM".
const char *architectureName(Architecture architecture);

/// The element types in which a weight may be stored.
enum class DType { F32, F16, BF16 };

/// "f32", "f16" or "bf16".
const char *dtypeName(DType dtype);

/// Bytes of one element: 4 or 2.
size_t dtypeSize(DType dtype);

/// How the rotary position embedding's inverse frequencies are made, from
/// inv_freq[i] = theta^(-2i / head_dim), i < head_dim / 2
/// (transformers, modeling_rope_utils.py).
struct RopeConfig {
  enum class Type {
    Default, // inv_freq
    Linear,  // inv_freq / factor
    Llama3,  // by wavelength: inv_freq, inv_freq / factor, or between the two
  };

  Type type = Type::Default;
  double theta = 10000.0;
  double factor = 1.0;             // Linear, Llama3
  double lowFreqFactor = 1.0;      // Llama3
  double highFreqFactor = 1.0;     // Llama3; > lowFreqFactor
  int64_t originalMaxPosition = 0; // Llama3: positions before the scaling
};

/// "default", "linear" or "llama3".
const char *ropeTypeName(RopeConfig::Type type);

/// The validated shape of a model. Every size is positive and bounded (see
/// ModelConfig.cpp: sizes <= 2^20, vocabulary and layers less), so that the
/// byte size of any tensor, of all weights together and of one sequence's KV
/// cache at maxPositionEmbeddings in f32 fit an int64_t. numHeads is a
/// multiple of numKvHeads and headDim is even.
struct ModelConfig {
  Architecture architecture = Architecture::Llama;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0; // width of the gated MLP
  int64_t numLayers = 0;
  int64_t numHeads = 0;   // query heads
  int64_t numKvHeads = 0; // key/value heads; numHeads % numKvHeads == 0
  int64_t headDim = 0;    // not always hiddenSize / numHeads
  int64_t vocabSize = 0;
  int64_t maxPositionEmbeddings = 0; // the longest context
  double rmsNormEps = 0;
  RopeConfig rope;
  /// A query at i sees key j iff 0 <= i - j < slidingWindow; none: all j <= i.
  /// Always none for Llama, which ignores the key as transformers does.
  std::optional<int64_t> slidingWindow;
  bool attentionBias = false;     // q, k, v and o have a bias (Llama only)
  bool mlpBias = false;           // gate, up and down have a bias (Llama only)
  bool tieWordEmbeddings = false; // lm_head is embed_tokens
  /// What `dtype` or `torch_dtype` says; the stored tensors decide, each for
  /// itself (TensorView::dtype). F32, torch's default, when neither key is
  /// there.
  DType dtype = DType::F32;
  std::vector<int64_t> eosTokenIds; // any of them ends a text; may be empty
  std::optional<int64_t> bosTokenId;
  std::optional<int64_t> padTokenId;
};

/// Parses the text of a config.json; `path` is named in messages. Fails with
/// MalformedFile (not JSON), InvalidConfig (a key's value is wrong or missing)
/// or UnsupportedModel. Unknown keys are ignored.
Result<ModelConfig> parseModelConfig(std::string_view json,
                                     const std::string &path);

/// Reads `modelDir`/config.json. Also fails with FileNotFound and
/// FileUnreadable.
Result<ModelConfig> readModelConfig(const std::string &modelDir);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_MODELCONFIG_H
