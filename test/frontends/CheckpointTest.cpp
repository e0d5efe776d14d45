//===- CheckpointTest.cpp - the weights of a checkpoint folder ------------===//

#include "frontends/huggingface/Checkpoint.h"
#include "test/frontends/CheckpointFixture.h"

#include <algorithm>

using namespace swallow;
using namespace swallow::test;

static const std::string goldenDir = SWALLOW_TEST_DIR "/golden/";
static const char *const goldenModels[] = {"llama2-gqa",     "llama2-mha",
                                           "llama31",        "llama31-tied",
                                           "mistral-window", "shisa-extra"};

/// A Llama of 1 layer: hidden 4, 2 heads on 1 KV head of 2, FFN 6, vocab 8.
static ModelConfig smallConfig() {
  auto config = parseModelConfig(R"({"model_type": "llama", "hidden_size": 4,
      "num_attention_heads": 2, "num_key_value_heads": 1,
      "intermediate_size": 6, "num_hidden_layers": 1, "vocab_size": 8})",
                                 "config.json");
  EXPECT_TRUE(config.ok());
  return *config;
}

/// Every tensor of a config, in f32, all bytes zero.
static std::vector<TestTensor> tensorsFor(const ModelConfig &config) {
  std::vector<TestTensor> tensors;
  for (const ExpectedTensor &expected : expectedTensors(config)) {
    size_t bytes = 4;
    for (int64_t dim : expected.shape)
      bytes *= dim;
    tensors.push_back({expected.name, "F32", expected.shape, bytes});
  }
  return tensors;
}

static TestTensor &byName(std::vector<TestTensor> &tensors,
                          const std::string &name) {
  auto it = std::find_if(tensors.begin(), tensors.end(),
                         [&](const TestTensor &t) { return t.name == name; });
  EXPECT_NE(it, tensors.end()) << name;
  return *it;
}

/// checkTensors of a single-file checkpoint with these tensors.
static Status check(const ModelConfig &config,
                    const std::vector<TestTensor> &tensors) {
  TemporaryFolder dir;
  dir.write("model.safetensors", safetensorsImage(tensors));
  SWALLOW_ASSIGN(Checkpoint checkpoint, Checkpoint::open(dir.path()));
  return checkTensors(config, checkpoint);
}

class Golden : public testing::TestWithParam<const char *> {};

TEST_P(Golden, OpensAndHasEveryTensor) {
  auto config = readModelConfig(goldenDir + GetParam());
  ASSERT_TRUE(config.ok()) << config.error().message;
  auto checkpoint = Checkpoint::open(goldenDir + GetParam());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  Status status = checkTensors(*config, *checkpoint);
  EXPECT_TRUE(status.ok()) << status.error().message;
  EXPECT_TRUE(unusedTensors(*config, *checkpoint).empty());
  // The stored tensors are what torch_dtype says, and lie in their file.
  for (const TensorView &tensor : checkpoint->tensors()) {
    EXPECT_EQ(tensor.dtype, config->dtype) << tensor.name;
    EXPECT_EQ(tensor.bytes.data(),
              tensor.file->bytes().data() + tensor.fileOffset);
    int64_t elements = 1;
    for (int64_t dim : tensor.shape)
      elements *= dim;
    EXPECT_EQ(tensor.numElements(), elements);
  }
  EXPECT_TRUE(checkpoint->sourceHash().ok());
}
INSTANTIATE_TEST_SUITE_P(Models, Golden, testing::ValuesIn(goldenModels),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Checkpoint, GoldenConfigs) {
  auto gqa = readModelConfig(goldenDir + "llama2-gqa");
  ASSERT_TRUE(gqa.ok());
  EXPECT_EQ(gqa->numHeads, 8);
  EXPECT_EQ(gqa->numKvHeads, 1);
  EXPECT_EQ(gqa->dtype, DType::F16);
  auto llama31 = readModelConfig(goldenDir + "llama31");
  ASSERT_TRUE(llama31.ok());
  EXPECT_EQ(llama31->rope.type, RopeConfig::Type::Llama3);
  EXPECT_EQ(llama31->rope.theta, 500000.0);
  EXPECT_EQ(llama31->rope.originalMaxPosition, 64);
  EXPECT_EQ(llama31->eosTokenIds, (std::vector<int64_t>{1101, 1107}));
  auto tied = readModelConfig(goldenDir + "llama31-tied");
  ASSERT_TRUE(tied.ok());
  EXPECT_TRUE(tied->tieWordEmbeddings);
  EXPECT_EQ(tied->headDim, 32);
  auto window = readModelConfig(goldenDir + "mistral-window");
  ASSERT_TRUE(window.ok());
  EXPECT_EQ(window->slidingWindow, 24);
  auto shisa = readModelConfig(goldenDir + "shisa-extra");
  ASSERT_TRUE(shisa.ok());
  EXPECT_EQ(shisa->architecture, Architecture::Mistral);
  EXPECT_FALSE(shisa->slidingWindow);
}

TEST(Checkpoint, ShardsAndIndexAreListed) {
  auto checkpoint = Checkpoint::open(goldenDir + "llama2-gqa");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  auto files = checkpoint->files();
  ASSERT_EQ(files.size(), 11u);
  EXPECT_EQ(files[0], goldenDir + "llama2-gqa/model.safetensors.index.json");
  EXPECT_EQ(files[1],
            goldenDir + "llama2-gqa/model-00001-of-00010.safetensors");
  auto names = checkpoint->tensorNames();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(names.size(), 2u * 9 + 3);
}

TEST(Checkpoint, ViewsOutliveAMove) {
  TemporaryFolder dir;
  dir.write("model.safetensors", safetensorsImage({{"a", "F32", {2}, 8, 'x'}}));
  auto opened = Checkpoint::open(dir.path());
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  auto view = opened->require("a", {2});
  ASSERT_TRUE(view.ok());
  Checkpoint moved = std::move(*opened);
  EXPECT_EQ(view->file->path(), dir.file("model.safetensors"));
  EXPECT_EQ(view->bytes[7], 'x');
  EXPECT_EQ(moved.find("a")->bytes.data(), view->bytes.data());
}

TEST(Checkpoint, ASingleFileGoesBeforeAnIndex) {
  TemporaryFolder dir;
  dir.write("model.safetensors", safetensorsImage({{"a", "F32", {1}, 4}}));
  dir.write("model.safetensors.index.json", "not even JSON");
  auto checkpoint = Checkpoint::open(dir.path());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_NE(checkpoint->find("a"), nullptr);
}

TEST(Checkpoint, FolderErrors) {
  TemporaryFolder dir;
  expectError(Checkpoint::open(dir.file("absent")), ErrorCode::FileNotFound,
              {dir.file("absent")});
  expectError(Checkpoint::open(dir.path()), ErrorCode::FileNotFound,
              {dir.path(), "model.safetensors"});
  dir.write("plain", "");
  expectError(Checkpoint::open(dir.file("plain")), ErrorCode::FileUnreadable,
              {dir.file("plain"), "expected a folder"});
  std::filesystem::create_directory(dir.file("model.safetensors"));
  expectError(Checkpoint::open(dir.path()), ErrorCode::FileUnreadable,
              {dir.file("model.safetensors"), "directory"});
}

TEST(Checkpoint, OtherFormatsAreNamed) {
  for (const char *name :
       {"pytorch_model.bin", "model.Q4_K_M.gguf", "consolidated.00.pth"}) {
    TemporaryFolder dir;
    dir.write(name, "");
    expectError(Checkpoint::open(dir.path()), ErrorCode::UnsupportedModel,
                {dir.file(name), "expected model.safetensors"});
  }
}

TEST(Checkpoint, IndexErrors) {
  TemporaryFolder dir;
  const std::string index = "model.safetensors.index.json";
  auto expectIndexError = [&](const std::string &text, ErrorCode code,
                              std::vector<std::string> parts) {
    dir.write(index, text);
    parts.push_back(dir.file(index));
    expectError(Checkpoint::open(dir.path()), code, parts);
  };
  dir.write("s1.safetensors", safetensorsImage({{"a", "F32", {1}, 4}}));
  expectIndexError("{", ErrorCode::MalformedFile, {"malformed JSON"});
  expectIndexError("[]", ErrorCode::MalformedFile, {"a JSON object", "a list"});
  expectIndexError("{}", ErrorCode::MalformedFile,
                   {"weight_map", "no such key"});
  expectIndexError(R"({"weight_map": {}})", ErrorCode::MalformedFile,
                   {"weight_map", "at least one tensor"});
  expectIndexError(R"({"weight_map": {"a": 1}})", ErrorCode::MalformedFile,
                   {"\"a\"", "the number 1"});
  for (const char *name : {"../s1.safetensors", "/etc/passwd", "..", ""})
    expectIndexError(R"({"weight_map": {"a": ")" + std::string(name) + "\"}}",
                     ErrorCode::MalformedFile, {"\"a\"", "same folder"});
  expectIndexError(R"({"weight_map": {"a": "s1.safetensors",
                                      "b": "s2.safetensors"}})",
                   ErrorCode::FileNotFound,
                   {"\"s2.safetensors\"", "\"b\"", "no such file"});
  expectIndexError(R"({"weight_map": {"a": "s1.safetensors",
                                      "b": "s1.safetensors"}})",
                   ErrorCode::MissingTensor,
                   {"\"b\"", "\"s1.safetensors\"", "does not contain"});
  // A shard that is there but broken names itself.
  dir.write("s2.safetensors", "short");
  dir.write(index, R"({"weight_map": {"b": "s2.safetensors"}})");
  expectError(Checkpoint::open(dir.path()), ErrorCode::MalformedFile,
              {dir.file("s2.safetensors")});
}

TEST(Checkpoint, RequireChecksShapeAndType) {
  TemporaryFolder dir;
  dir.write("model.safetensors",
            safetensorsImage(
                {{"half", "BF16", {2, 3}, 12}, {"byte", "F8_E4M3", {4}, 4}}));
  auto checkpoint = Checkpoint::open(dir.path());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  auto half = checkpoint->require("half", {2, 3});
  ASSERT_TRUE(half.ok());
  EXPECT_EQ(half->dtype, DType::BF16);
  EXPECT_EQ(half->numElements(), 6);
  expectError(checkpoint->require("half", {3, 2}), ErrorCode::TensorMismatch,
              {dir.file("model.safetensors"), "\"half\"", "[3, 2]", "[2, 3]"});
  expectError(checkpoint->require("none", {1}), ErrorCode::MissingTensor,
              {dir.file("model.safetensors"), "\"none\"", "[1]"});
  EXPECT_EQ(checkpoint->find("byte"), nullptr);
  expectError(checkpoint->require("byte", {4}), ErrorCode::TensorMismatch,
              {"\"byte\"", "BF16", "found F8_E4M3"});
  EXPECT_EQ(checkpoint->tensorNames(),
            (std::vector<std::string>{"byte", "half"}));
}

TEST(Checkpoint, CheckTensorsFindsEachMissingOne) {
  ModelConfig config = smallConfig();
  config.attentionBias = config.mlpBias = true;
  const std::vector<TestTensor> all = tensorsFor(config);
  EXPECT_EQ(all.size(), 1u + 2 + 7 * 2 + 1 + 1);
  ASSERT_TRUE(check(config, all).ok());
  for (size_t i = 0; i < all.size(); ++i) {
    std::vector<TestTensor> tensors = all;
    tensors.erase(tensors.begin() + i);
    expectError(check(config, tensors), ErrorCode::MissingTensor,
                {"\"" + all[i].name + "\"", shapeText(all[i].shape)});
  }
}

TEST(Checkpoint, CheckTensorsNamesTheShape) {
  ModelConfig config = smallConfig();
  auto tensors = tensorsFor(config);
  auto &k = byName(tensors, "model.layers.0.self_attn.k_proj.weight");
  EXPECT_EQ(k.shape, (std::vector<int64_t>{2, 4}));
  k.shape = {4, 2};
  expectError(check(config, tensors), ErrorCode::TensorMismatch,
              {"model.layers.0.self_attn.k_proj.weight",
               "expected shape [2, 4]", "found [4, 2]",
               "[num_key_value_heads * head_dim, hidden_size]"});
}

TEST(Checkpoint, TiedModelsNeedNoHead) {
  ModelConfig config = smallConfig();
  auto tensors = tensorsFor(config);
  config.tieWordEmbeddings = true;
  EXPECT_TRUE(check(config, tensors).ok()); // present and ignored
  tensors.pop_back();
  EXPECT_TRUE(check(config, tensors).ok());
  config.tieWordEmbeddings = false;
  expectError(check(config, tensors), ErrorCode::MissingTensor,
              {"\"lm_head.weight\""});
}

TEST(Checkpoint, UntiesADifferentHead) {
  ModelConfig config = smallConfig();
  auto tensors = tensorsFor(config);
  auto untied = [&](ModelConfig tied) {
    TemporaryFolder dir;
    dir.write("model.safetensors", safetensorsImage(tensors));
    auto checkpoint = Checkpoint::open(dir.path());
    EXPECT_TRUE(checkpoint.ok());
    bool changed = untieDifferentEmbeddings(tied, *checkpoint);
    EXPECT_EQ(changed, !tied.tieWordEmbeddings);
    return changed;
  };
  config.tieWordEmbeddings = true;
  EXPECT_FALSE(untied(config)); // both all zero
  tensors.back().fill = 1;
  EXPECT_TRUE(untied(config));
  tensors.pop_back();
  EXPECT_FALSE(untied(config));
}

TEST(Checkpoint, UnusedTensors) {
  ModelConfig config = smallConfig();
  auto tensors = tensorsFor(config);
  tensors.push_back(
      {"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {1}, 4});
  tensors.push_back({"model.layers.0.self_attn.q_proj.bias", "F32", {4}, 16});
  tensors.push_back({"step", "I64", {}, 8});
  TemporaryFolder dir;
  dir.write("model.safetensors", safetensorsImage(tensors));
  auto checkpoint = Checkpoint::open(dir.path());
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_TRUE(checkTensors(config, *checkpoint).ok());
  EXPECT_EQ(unusedTensors(config, *checkpoint),
            (std::vector<std::string>{"model.layers.0.self_attn.q_proj.bias",
                                      "step"}));
}

TEST(Checkpoint, SourceHash) {
  auto hashOf = [](const std::string &config, const std::string &image) {
    TemporaryFolder dir;
    dir.write("config.json", config);
    dir.write("model.safetensors", image);
    auto checkpoint = Checkpoint::open(dir.path());
    EXPECT_TRUE(checkpoint.ok());
    auto hash = checkpoint->sourceHash();
    EXPECT_TRUE(hash.ok());
    return toHex(*hash);
  };
  std::string image = safetensorsImage({{"a", "F32", {2}, 8}});
  std::string other = safetensorsImage({{"b", "F32", {2}, 8}});
  // The folder's path is no part of it; config and headers are.
  EXPECT_EQ(hashOf("{}", image), hashOf("{}", image));
  EXPECT_NE(hashOf("{}", image), hashOf("{ }", image));
  EXPECT_NE(hashOf("{}", image), hashOf("{}", other));
}
