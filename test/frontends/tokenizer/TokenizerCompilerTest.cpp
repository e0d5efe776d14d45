//===- TokenizerCompilerTest.cpp - what is read and what is refused -------===//

#include "frontends/huggingface/Json.h"
#include "frontends/huggingface/tokenizer/TokenizerJson.h"
#include "runtime/support/MappedFile.h"
#include "test/frontends/tokenizer/CompiledTokenizer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace swallow;
namespace fs = std::filesystem;

namespace {

const std::string golden = SWALLOW_TEST_DIR "/golden/";

/// A folder that goes away again.
class TokenizerFolder : public testing::Test {
protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "swallow-tokenizer-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const char *name, const std::string &text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  void copy(const std::string &model, const char *name) {
    fs::copy_file(golden + model + "/" + name, folder_ / name);
  }
  /// Minimal tokenizer.json whose key `key` is `value`.
  void writeJson(const char *key, const char *value) {
    Json json = Json::parse(R"({
      "version": "1.0", "added_tokens": [], "normalizer": null,
      "pre_tokenizer": null, "post_processor": null,
      "decoder": {"type": "Fuse"},
      "model": {"type": "BPE", "unk_token": null,
                "vocab": {"a": 0, "b": 1, "ab": 2, " ": 3, "<s>": 4},
                "merges": [["a", "b"]]}})");
    json[Json::json_pointer(key)] = Json::parse(value);
    write("tokenizer.json", json.dump());
  }
  CompiledTokenizer compile() { return CompiledTokenizer(folder_.string()); }
  void expectError(ErrorCode code, const std::string &part) {
    CompiledTokenizer compiled = compile();
    EXPECT_FALSE(compiled.tokenizer);
    EXPECT_EQ(compiled.error.code, code) << compiled.error.message;
    EXPECT_NE(compiled.error.message.find(part), std::string::npos)
        << compiled.error.message;
    EXPECT_EQ(compiled.error.message.find('\n'), std::string::npos);
  }

  fs::path folder_;
};

TEST_F(TokenizerFolder, NeedsAFile) {
  expectError(ErrorCode::FileNotFound, "tokenizer.json or tokenizer.model");
}

TEST_F(TokenizerFolder, IsDeterministic) {
  for (const char *model : {"llama2-mha", "llama31", "shisa-extra"}) {
    Result<std::string> first = compileTokenizer(golden + model);
    Result<std::string> second = compileTokenizer(golden + model);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(*first, *second);
  }
}

TEST_F(TokenizerFolder, PrefersTokenizerJson) {
  copy("llama2-mha", "tokenizer.model");
  writeJson("/decoder", "null");
  CompiledTokenizer compiled = compile();
  ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
  EXPECT_EQ(compiled->vocabSize(), 5);
}

TEST_F(TokenizerFolder, KnowsItsTokens) {
  CompiledTokenizer compiled(golden + "llama31");
  ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
  EXPECT_EQ(compiled->special(SpecialToken::Bos), 1100);
  EXPECT_EQ(compiled->special(SpecialToken::Eos), 1107);
  EXPECT_EQ(compiled->special(SpecialToken::Pad), std::nullopt);
  EXPECT_EQ(compiled->vocabSize(), 1109);
  EXPECT_TRUE(compiled->isSpecial(1100));
  EXPECT_FALSE(compiled->isSpecial(0));
  EXPECT_TRUE(compiled->isToken(1108));
  EXPECT_FALSE(compiled->isToken(1109));
  EXPECT_FALSE(compiled->isToken(-1));
  EXPECT_EQ(compiled->tokenBytes(1107), "<|eot_id|>");
  EXPECT_EQ(compiled->tokenBytes(1093), " peo"); // raw bytes, not "Ġpeo"
  EXPECT_EQ(compiled->findToken(" peo"), 1093);
  EXPECT_EQ(compiled->findToken("<|eot_id|>"), 1107);
  EXPECT_EQ(compiled->findToken("no such token"), std::nullopt);
  EXPECT_EQ(compiled->decode(std::vector<int32_t>{-1, 5000, 39}), "H");
}

TEST_F(TokenizerFolder, ReadsBrokenUtf8AsReplacementCharacters) {
  for (const char *model : {"llama31", "llama2-mha"}) {
    CompiledTokenizer compiled(golden + model);
    ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
    EXPECT_EQ(compiled->encode("a\xE3\x81z\xFF"),
              compiled->encode("a\uFFFDz\uFFFD"));
    EXPECT_EQ(compiled->encode("\xED\xA0\x80"),
              compiled->encode("\uFFFD\uFFFD\uFFFD"));
  }
}

TEST_F(TokenizerFolder, EncodesOnManyThreads) {
  for (const char *model : {"llama31", "llama2-mha"}) {
    CompiledTokenizer compiled(golden + model);
    ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
    std::vector<std::string> texts;
    for (int i = 0; i < 200; ++i)
      texts.push_back("Text " + std::to_string(i * 7919) + " 東京" +
                      std::string(static_cast<size_t>(i * 20), 'x'));
    std::vector<std::vector<int32_t>> expected;
    for (const std::string &text : texts)
      expected.push_back(compiled->encode(text));
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (size_t first = 0; first < 12; ++first)
      threads.emplace_back([&, first] {
        for (size_t i = 0; i < texts.size(); ++i) {
          size_t k = (i + first * 16) % texts.size();
          wrong += compiled->encode(texts[k]) != expected[k];
        }
      });
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

// Quadratic merging or scanning would take minutes for each of these.
TEST_F(TokenizerFolder, IsNearLinear) {
  for (const char *model : {"llama31", "llama2-mha"}) {
    CompiledTokenizer compiled(golden + model);
    ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
    for (const char *unit : {"x", " ", "\n", "の", "日", "<", "e\u0301"}) {
      std::string text;
      while (text.size() < 500000)
        text += unit;
      std::vector<int32_t> ids = compiled->encode(text, false);
      EXPECT_EQ(compiled->decode(ids), text);
    }
  }
}

// White space that several tokens could take is looked at once.
TEST_F(TokenizerFolder, StripsLongWhiteSpaceInLinearTime) {
  for (const char *flags : {R"("lstrip": true, "rstrip": false)",
                            R"("lstrip": false, "rstrip": true)"}) {
    writeJson("/added_tokens",
              (R"([{"id": 3, "content": " ", "single_word": false,
                    "normalized": false, "special": true, )" +
               std::string(flags) + "}]")
                  .c_str());
    CompiledTokenizer compiled = compile();
    ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
    std::vector<int32_t> ids =
        compiled->encode("a" + std::string(1'000'000, ' '));
    EXPECT_EQ(ids.size(), 1'000'001u);
    EXPECT_EQ(ids.back(), 3);
  }
}

TEST_F(TokenizerFolder, HonoursSentencePieceOptions) {
  auto encode = [&](const char *config, const char *text) {
    write("tokenizer_config.json", config);
    CompiledTokenizer compiled = compile();
    EXPECT_TRUE(compiled.tokenizer) << compiled.error.message;
    std::vector<std::string> tokens;
    for (int32_t id : compiled->encode(text))
      tokens.emplace_back(compiled->tokenBytes(id));
    return tokens;
  };
  using Tokens = std::vector<std::string>;
  copy("llama2-mha", "tokenizer.model");
  EXPECT_EQ(encode("{}", "x</s>x"),
            (Tokens{"<s>", "▁", "x", "</s>", "▁", "x"}));
  EXPECT_EQ(encode(R"({"legacy": false})", "x</s>x"),
            (Tokens{"<s>", "▁", "x", "</s>", "x"}));
  EXPECT_EQ(encode(R"({"add_bos_token": false, "add_eos_token": true})", "x"),
            (Tokens{"▁", "x", "</s>"}));
  EXPECT_EQ(encode(R"({"add_prefix_space": false})", "x"),
            (Tokens{"<s>", "x"}));
  EXPECT_EQ(encode(R"({"added_tokens_decoder": {"900": {"content": "<new>",
                       "special": true}}})",
                   "x<new>"),
            (Tokens{"<s>", "▁", "x", "<new>"}));
  write("added_tokens.json", R"({"<older>": 900})");
  // Not special, but looked for in the text as it is.
  EXPECT_EQ(encode("{}", "x<older>x"),
            (Tokens{"<s>", "▁", "x", "<older>", "▁", "x"}));
}

TEST_F(TokenizerFolder, TakesSpecialTokensFromTheConfig) {
  writeJson("/decoder", R"({"type": "Fuse"})");
  write("tokenizer_config.json",
        R"({"bos_token": "<s>", "pad_token": {"content": "<pad>"},
            "additional_special_tokens": ["ab"]})");
  CompiledTokenizer compiled = compile();
  ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
  EXPECT_EQ(compiled->special(SpecialToken::Bos), 4);
  EXPECT_EQ(compiled->special(SpecialToken::Pad), 5);
  EXPECT_EQ(compiled->encode("a<s>ab<pad>b"),
            (std::vector<int32_t>{0, 4, 2, 5, 1}));
  EXPECT_EQ(compiled->decode(std::vector<int32_t>{0, 4, 2, 5, 1}), "ab");
}

// A prompt that asks for neither is neither cut nor padded, in transformers.
TEST_F(TokenizerFolder, MakesOnlyListedTokensSpecialByName) {
  const char *added = R"([{"id": 5, "content": "<pad>", "special": false,
      "single_word": false, "lstrip": false, "rstrip": false,
      "normalized": false}])";
  auto decoded = [&](const char *config) {
    writeJson("/added_tokens", added);
    write("tokenizer_config.json", config);
    CompiledTokenizer compiled = compile();
    return compiled.tokenizer ? compiled->decode(std::vector<int32_t>{0, 5})
                              : compiled.error.message;
  };
  EXPECT_EQ(decoded("{}"), "a<pad>");
  EXPECT_EQ(decoded(R"({"pad_token": "<pad>"})"), "a");
  // Being in a list does not make it special.
  EXPECT_EQ(decoded(R"({"additional_special_tokens": ["<pad>"]})"), "a<pad>");
  // With added_tokens_decoder only the tokens in it are looked at.
  EXPECT_EQ(decoded(R"({"pad_token": "<pad>", "added_tokens_decoder":
                        {"4": {"content": "<s>", "special": true}}})"),
            "a<pad>");
  EXPECT_EQ(decoded(R"({"pad_token": "<pad>", "added_tokens_decoder":
                        {"5": {"content": "<pad>", "special": false}}})"),
            "a");
}

TEST_F(TokenizerFolder, AddsTokensWithNamesOfTheModelsOwn) {
  copy("llama31", "tokenizer.json");
  write("tokenizer_config.json", R"({
    "image_token": "<image>", "no_token": null, "add_bos_token": true,
    "audio_token": {"__type": "AddedToken", "content": "<audio>"}})");
  write("special_tokens_map.json",
        R"({"image_token": "<|eot_id|>", "video_token": "<video>"})");
  CompiledTokenizer compiled = compile();
  ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
  // Each is one token, and left out with the special ones.
  for (const char *text : {"<audio>", "<image>", "<video>"}) {
    std::vector<int32_t> ids = compiled->encode(text, false);
    EXPECT_EQ(ids.size(), 1u) << text;
    EXPECT_EQ(compiled->decode(ids, true), "") << text;
  }
}

TEST_F(TokenizerFolder, IgnoresTruncationAndPadding) {
  writeJson("/truncation", R"({"direction": "Right", "max_length": 2,
                               "strategy": "LongestFirst", "stride": 0})");
  CompiledTokenizer cut = compile();
  ASSERT_TRUE(cut.tokenizer) << cut.error.message;
  EXPECT_EQ(cut->encode("aaaa").size(), 4u);
  writeJson("/padding", R"({"strategy": {"Fixed": 8}, "direction": "Left",
                            "pad_to_multiple_of": null, "pad_id": 0,
                            "pad_type_id": 0, "pad_token": "a"})");
  CompiledTokenizer padded = compile();
  ASSERT_TRUE(padded.tokenizer) << padded.error.message;
  EXPECT_EQ(padded->encode("aaaa").size(), 4u);
}

TEST_F(TokenizerFolder, AcceptsDropoutThatIsNone) {
  for (const char *none : {"null", "0", "0.0"}) {
    writeJson("/model/dropout", none);
    CompiledTokenizer compiled = compile();
    ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
    EXPECT_EQ(compiled->encode("ab"), std::vector<int32_t>{2});
  }
}

TEST_F(TokenizerFolder, RefusesMergesOfBytesWithOtherText) {
  Json json = Json::parse(R"({
    "version": "1.0", "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "post_processor": null, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"Ġ": 0, "あ": 1, "Ġあ": 2},
              "merges": [["Ġ", "あ"]]}})");
  write("tokenizer.json", json.dump());
  expectError(ErrorCode::UnsupportedTokenizer, "Ġあ");
}

TEST_F(TokenizerFolder, RefusesByName) {
  auto refuses = [&](const char *key, const char *value, const char *part) {
    SCOPED_TRACE(value);
    writeJson(key, value);
    expectError(ErrorCode::UnsupportedTokenizer, part);
  };
  refuses("/model/type", R"("Unigram")", "Unigram");
  refuses("/model/dropout", "0.1", "dropout");
  refuses("/normalizer", R"({"type": "Precompiled"})",
          "normalizer.type: normalizer");
  refuses("/pre_tokenizer",
          R"({"type": "Sequence", "pretokenizers": [{"type": "New"}]})",
          "pre_tokenizer.pretokenizers[0].type");
  refuses("/pre_tokenizer",
          R"({"type": "Split", "pattern": {"Regex": "(?~a)b"},
              "behavior": "Isolated", "invert": false})",
          "absence operator (?~");
  refuses("/post_processor", R"({"type": "Mystery"})", "Mystery");
  refuses("/decoder", R"({"type": "CTC"})", "CTC");
  refuses("/decoder",
          R"({"type": "Sequence", "decoders":
              [{"type": "Fuse"}, {"type": "ByteFallback"}]})",
          "decoder.decoders[1]");
  refuses("/version", R"("2.0")", "version");
  refuses("/normalizer",
          R"({"type": "Sequence", "normalizers":
              [{"type": "Replace", "pattern": {"String": "a"}, "content":
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
               {"type": "Replace", "pattern": {"String": "a"}, "content":
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
              ]})",
          "times longer");
  // Where tokenizers itself gives nonsense or panics.
  refuses("/normalizer",
          R"({"type": "Replace", "pattern": {"Regex": "a*"}, "content": "x"})",
          "may match nothing");
  refuses("/normalizer", R"({"type": "Prepend", "prepend": ""})", "an empty");
  const char *twoTemplates = R"({"type": "Sequence", "processors": [
      {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true},
      {"type": "RobertaProcessing", "sep": ["<s>", 4], "cls": ["<s>", 4],
       "trim_offsets": true, "add_prefix_space": true},
      {"type": "BertProcessing", "sep": ["<s>", 4], "cls": ["<s>", 4]}]})";
  refuses("/post_processor", twoTemplates, "processors[2].type: a second");
  refuses("", R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
                  "normalizer": {"type": "Strip", "strip_left": true,
                                 "strip_right": true},
                  "added_tokens": [{"id": 1, "content": "\t", "special": false,
                    "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": true}]})",
          "leaves nothing");
}

TEST_F(TokenizerFolder, NamesFileAndKeyOfMalformedOnes) {
  auto refuses = [&](const char *key, const char *value, const char *part) {
    SCOPED_TRACE(value);
    writeJson(key, value);
    expectError(ErrorCode::MalformedFile, part);
    expectError(ErrorCode::MalformedFile, "tokenizer.json");
  };
  refuses("/model", "3", "model");
  refuses("/model/vocab", "[]", "model.vocab");
  refuses("/model/vocab", R"({"a": -1})", "model.vocab.a");
  refuses("/model/vocab", R"({"a": 1, "b": 1})", "no other token has");
  refuses("/model/vocab", R"({"a": 4000000000})", "model.vocab.a");
  refuses("/model/vocab", R"({"a": 0, "b": 1, "ab": 200000000})", "too large");
  refuses("/model/merges", R"([["a", "c"]])", "model.merges[0]");
  refuses("/model/merges", R"(["a b c"])", "model.merges[0]");
  refuses("/model/merges", R"([["b", "a"]])", "\"ba\"");
  refuses("/added_tokens", R"([{"id": 1}])", "added_tokens[0].content");
  refuses("/normalizer", R"({"type": 1})", "normalizer.type");
  refuses("/normalizer", R"({"type": "Prepend"})", "normalizer.prepend");
  refuses("/pre_tokenizer", R"({"type": "Metaspace", "replacement": "ab"})",
          "pre_tokenizer.replacement");
  refuses("/pre_tokenizer",
          R"({"type": "Split", "pattern": {"String": "a"}, "invert": false,
              "behavior": "Sideways"})",
          "pre_tokenizer.behavior");
  refuses("/post_processor",
          R"({"type": "TemplateProcessing", "special_tokens":
              {"x": {"ids": [77]}}, "single": [{"SpecialToken": {"id": "x"}},
              {"Sequence": {"id": "A"}}]})",
          "special_tokens.x.ids");
  refuses("/decoder", R"({"type": "Strip", "content": " ", "start": 1})",
          "decoder.stop");
  write("tokenizer.json", "{\"version\": ");
  expectError(ErrorCode::MalformedFile, "tokenizer.json");
}

TEST_F(TokenizerFolder, ChecksTheConfig) {
  writeJson("/decoder", "null");
  write("tokenizer_config.json", R"({"bos_token": 3})");
  expectError(ErrorCode::MalformedFile, "tokenizer_config.json: bos_token");
  write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {}}})");
  expectError(ErrorCode::MalformedFile, "added_tokens_decoder.x");
  write("tokenizer_config.json", "[]");
  expectError(ErrorCode::MalformedFile, "expected an object");
}

TEST_F(TokenizerFolder, ChecksSentencePieceModels) {
  write("tokenizer.model", "");
  expectError(ErrorCode::MalformedFile, "tokenizer.model");
  write("tokenizer.model", "IQ== 0\nIg== 1\n");
  expectError(ErrorCode::UnsupportedTokenizer, "tiktoken");
  write("tokenizer.model", "this is no protocol buffer");
  expectError(ErrorCode::MalformedFile, "tokenizer.model");
  Result<std::string> model = readFile(golden + "llama2-mha/tokenizer.model");
  ASSERT_TRUE(model);
  write("tokenizer.model", model->substr(0, model->size() / 2));
  EXPECT_FALSE(compile().tokenizer);
  // An empty trainer_spec (field 2) after the model's own leaves its values;
  // one with model_type 1 (field 3) makes it a unigram model.
  write("tokenizer.model", *model + std::string("\x12\x02\x18\x01", 4));
  expectError(ErrorCode::UnsupportedTokenizer, "unigram");
  // normalizer_spec (field 3) with a precompiled_charsmap (field 2).
  write("tokenizer.model", *model + std::string("\x1a\x03\x12\x01x", 5));
  expectError(ErrorCode::UnsupportedTokenizer, "normalization rule");
  // remove_extra_whitespaces (field 4).
  write("tokenizer.model", *model + std::string("\x1a\x02\x20\x01", 4));
  expectError(ErrorCode::UnsupportedTokenizer, "remove_extra_whitespaces");
}

} // namespace
