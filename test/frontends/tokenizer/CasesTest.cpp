//===- CasesTest.cpp - the answers of Hugging Face's libraries ------------===//

#include "frontends/huggingface/Json.h"
#include "runtime/support/MappedFile.h"
#include "runtime/text/StreamDecoder.h"
#include "runtime/text/Utf8.h"
#include "test/frontends/tokenizer/CompiledTokenizer.h"

#include <gtest/gtest.h>

#include <span>

using namespace swallow;

namespace {

using Ids = std::vector<int32_t>;

Json readJson(const std::string &path) {
  Result<std::string> text = readFile(path);
  if (!text)
    return {};
  Result<Json> json = parseJson(*text, path);
  return json ? *json : Json();
}

/// Streams `ids` and checks prefixes, every one of a short list: what has come
/// so far and what is then still waiting is what decode() makes of the prefix,
/// in whole characters.
void checkStream(const Tokenizer &tokenizer, const Ids &ids, bool skip) {
  StreamDecoder stream(tokenizer, skip);
  std::string soFar;
  for (size_t i = 0; i < ids.size(); ++i) {
    std::string piece = stream.append(ids[i]);
    ASSERT_TRUE(isValidUtf8(piece));
    soFar += piece;
    if (i % (ids.size() / 32 + 1) != 0)
      continue;
    StreamDecoder prefix(tokenizer, skip);
    std::string whole;
    for (size_t k = 0; k <= i; ++k)
      whole += prefix.append(ids[k]);
    ASSERT_EQ(whole, soFar);
    whole += prefix.finish();
    ASSERT_EQ(whole, tokenizer.decode(std::span(ids).subspan(0, i + 1), skip));
  }
  soFar += stream.finish();
  ASSERT_EQ(soFar, tokenizer.decode(ids, skip));
  // finish() leaves nothing behind.
  for (int32_t id : ids)
    stream.append(id);
  stream.finish();
  std::string again;
  for (int32_t id : ids)
    again += stream.append(id);
  ASSERT_EQ(again + stream.finish(), soFar);
}

class GoldenTokenizer : public testing::TestWithParam<const char *> {};

TEST_P(GoldenTokenizer, Agrees) {
  std::string folder = std::string(SWALLOW_TEST_DIR "/golden/") + GetParam();
  CompiledTokenizer compiled(folder);
  ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
  Json golden = readJson(folder + "/golden.json");
  ASSERT_GE(golden["tokenize"].size(), 20u);
  for (const Json &entry : golden["tokenize"]) {
    std::string text = entry["text"];
    SCOPED_TRACE(text);
    Ids ids = entry["ids"], bare = entry["ids_no_special"];
    EXPECT_EQ(compiled->encode(text), ids);
    EXPECT_EQ(compiled->encode(text, false), bare);
    EXPECT_EQ(compiled->decode(ids), entry["decoded"].get<std::string>());
    EXPECT_EQ(compiled->decode(ids, false),
              entry["decoded_with_special"].get<std::string>());
    checkStream(*compiled.tokenizer, ids, true);
    checkStream(*compiled.tokenizer, ids, false);
  }
  for (const Json &entry : golden["chat"]) {
    if (!entry.contains("ids"))
      continue;
    EXPECT_EQ(compiled->encode(entry["rendered"].get<std::string>(), false),
              entry["ids"].get<Ids>());
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenTokenizer,
                         testing::Values("llama2-gqa", "llama2-mha", "llama31",
                                         "llama31-tied", "mistral-window",
                                         "shisa-extra"));

class ComponentTokenizer : public testing::TestWithParam<const char *> {};

TEST_P(ComponentTokenizer, Agrees) {
  std::string folder =
      std::string(SWALLOW_TEST_DIR "/frontends/tokenizer/Inputs/") + GetParam();
  CompiledTokenizer compiled(folder);
  ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
  Json cases = readJson(folder + "/cases.json");
  ASSERT_GE(cases["encode"].size(), 100u);
  for (const Json &entry : cases["encode"]) {
    std::string text = entry["text"];
    SCOPED_TRACE(text);
    EXPECT_EQ(compiled->encode(text), entry["ids"].get<Ids>());
    EXPECT_EQ(compiled->encode(text, false), entry["bare"].get<Ids>());
  }
  for (const Json &entry : cases["decode"]) {
    Ids ids = entry["ids"];
    SCOPED_TRACE(entry["ids"].dump());
    EXPECT_EQ(compiled->decode(ids), entry["text"].get<std::string>());
    EXPECT_EQ(compiled->decode(ids, false),
              entry["special"].get<std::string>());
    checkStream(*compiled.tokenizer, ids, false);
  }
}

INSTANTIATE_TEST_SUITE_P(Components, ComponentTokenizer,
                         testing::Values("bert", "bert-cased", "bytenormalizer",
                                         "deepseek", "falcon", "gemma", "gpt",
                                         "gpt2", "llama2", "llama3",
                                         "metaspace-always", "metaspace-first",
                                         "metaspace-never", "no-unknown",
                                         "normalized", "o200k", "prefix",
                                         "splits", "suffix"));

} // namespace
