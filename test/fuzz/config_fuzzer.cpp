//===- config_fuzzer.cpp - config.json and generation_config.json ---------===//
//
// Any bytes give a valid ModelConfig or a one-line error.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/Checkpoint.h"
#include "frontends/huggingface/GenerationConfig.h"
#include "frontends/huggingface/ModelConfig.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace swallow;

static void check(bool holds) {
  if (!holds)
    std::abort();
}

template <typename T> static void checkError(const Result<T> &result) {
  check(!result.error().message.empty());
  check(result.error().message.find('\n') == std::string::npos);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  auto config = parseModelConfig(text, "config.json");
  if (!config) {
    checkError(config);
  } else {
    // What ModelConfig.h promises to everything that computes with it.
    check(config->headDim > 0 && config->headDim % 2 == 0);
    check(config->numKvHeads > 0 && config->numHeads % config->numKvHeads == 0);
    check(!config->slidingWindow || *config->slidingWindow > 0);
    // All layers are alike: one of them as many times is the whole model.
    ModelConfig oneLayer = *config;
    oneLayer.numLayers = 1;
    int64_t bytes = 0;
    for (const ExpectedTensor &tensor : expectedTensors(oneLayer)) {
      int64_t size = 4;
      for (int64_t dim : tensor.shape)
        check(dim > 0 && !__builtin_mul_overflow(size, dim, &size));
      check(!__builtin_add_overflow(bytes, size, &bytes));
    }
    check(!__builtin_mul_overflow(bytes, config->numLayers, &bytes));
  }
  auto generation = parseGenerationConfig(text, "generation_config.json",
                                          config ? *config : ModelConfig());
  if (!generation)
    checkError(generation);
  return 0;
}
