//===- Checkpoint.h - the weights of a checkpoint folder --------*- C++ -*-===//
//
// Opens `model.safetensors`, or the shards that `model.safetensors.index.json`
// names, and answers for tensors by their Hugging Face name. Nothing is read
// but headers until somebody touches a tensor's bytes.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_CHECKPOINT_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_CHECKPOINT_H

#include "frontends/huggingface/ModelConfig.h"
#include "frontends/huggingface/Safetensors.h"
#include "runtime/support/Hash.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// A tensor whose elements can be used as weights. Valid as long as the
/// Checkpoint that it came from, also after that has been moved.
struct TensorView {
  std::string name; // "model.layers.0.mlp.up_proj.weight"
  DType dtype = DType::F32;
  std::vector<int64_t> shape;     // row-major
  std::span<const uint8_t> bytes; // little-endian elements; may be unaligned
  const MappedFile *file = nullptr;
  size_t fileOffset = 0; // of bytes in file

  int64_t numElements() const;
};

/// Move-only; concurrent const access is safe.
class Checkpoint {
public:
  /// Opens every file and validates every header. A single model.safetensors
  /// goes before an index, as in transformers. Fails with FileNotFound /
  /// FileUnreadable (folder, weights, or a shard that the index names),
  /// MalformedFile (index or header), MissingTensor (a shard without a tensor
  /// that the index promises) or UnsupportedModel (weights only in another
  /// format).
  static Result<Checkpoint> open(const std::string &modelDir);

  /// Null if there is no such tensor or its element type is no weight type.
  const TensorView *find(std::string_view name) const;

  /// Fails with MissingTensor, or with TensorMismatch for another shape or an
  /// element type other than F32, F16 and BF16.
  Result<TensorView> require(std::string_view name,
                             const std::vector<int64_t> &expectedShape) const;

  /// Every tensor usable as a weight, sorted by name.
  const std::vector<TensorView> &tensors() const { return tensors_; }

  /// The names of all tensors of any element type, sorted.
  std::vector<std::string> tensorNames() const;

  /// Paths of everything that was opened: the index if there is one, then the
  /// safetensors files in order of name.
  std::vector<std::string> files() const;

  /// Identifies the checkpoint cheaply: XXH3-128 over config.json (if there),
  /// the index, and each file's name, size and header. Weight bytes are not
  /// part of it. Independent of the folder's path and of the machine.
  Result<Hash128> sourceHash() const;

private:
  Checkpoint() = default; // open() makes one with at least one file

  struct Other { // a tensor that is not usable as a weight
    std::string name, dtypeName, path;
  };
  void addTensor(const SafetensorsFile &file, const SafetensorsEntry &entry);
  Status openSharded();

  std::string dir_;
  std::string indexPath_; // empty for a single file
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::vector<TensorView> tensors_; // sorted by name
  std::vector<Other> others_;       // sorted by name
};

/// A tensor that a model needs.
struct ExpectedTensor {
  std::string name;
  std::vector<int64_t> shape;
  const char *dims; // what the shape is in the words of config.json
};

/// All tensors of a model in the order of its forward pass: embed_tokens, then
/// for each layer input_layernorm, q, k, v, o, post_attention_layernorm, gate,
/// up, down (each followed by its bias if it has one), then norm and, unless
/// tied, lm_head. Projection weights are [out, in].
std::vector<ExpectedTensor> expectedTensors(const ModelConfig &config);

/// Whether every expected tensor is there with its shape and a usable type
/// (MissingTensor, TensorMismatch). Other tensors, such as the
/// rotary_emb.inv_freq buffers of old checkpoints, are ignored; so is lm_head
/// where the embeddings are tied.
Status checkTensors(const ModelConfig &config, const Checkpoint &checkpoint);

/// Clears config.tieWordEmbeddings if the checkpoint has an lm_head.weight that
/// differs from embed_tokens.weight: transformers 5 then believes the
/// checkpoint (PreTrainedModel.tie_weights). Returns whether it did, so that
/// the caller can say so. Compares the two tensors' bytes, only where the
/// config says tied and both are there.
bool untieDifferentEmbeddings(ModelConfig &config,
                              const Checkpoint &checkpoint);

/// The names of the checkpoint's tensors that the model does not use, sorted,
/// for a warning: biases that config.json does not announce, say. Without the
/// inv_freq buffers, and without a tied lm_head.
std::vector<std::string> unusedTensors(const ModelConfig &config,
                                       const Checkpoint &checkpoint);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_CHECKPOINT_H
