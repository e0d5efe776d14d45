//===- DifferentialTest.cpp - against Hugging Face's tokenizers -----------===//
//
// Tokenizers of many make-ups, 2000 strings and 100 that are not UTF-8, and
// what Hugging Face's libraries make of them: differential/, written by
// tools/differential/tokenizers/generate.py, whose README.md tells more.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/Json.h"
#include "frontends/huggingface/tokenizer/TableWriter.h"
#include "frontends/huggingface/tokenizer/TokenizerJson.h"
#include "runtime/support/MappedFile.h"
#include "runtime/text/StreamDecoder.h"
#include "runtime/text/Utf8.h"
#include "test/frontends/tokenizer/CompiledTokenizer.h"
#include "test/frontends/tokenizer/DifferentialData.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

using namespace swallow;

namespace {

using Ids = std::vector<int32_t>;
const std::string folder = SWALLOW_TEST_DIR "/frontends/tokenizer/differential";

/// Text on one line in ASCII, as JSON writes it.
std::string shown(std::string_view text) {
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

/// The ids from a little before `from` on, with their tokens.
std::string shown(const Tokenizer &tokenizer, const Ids &ids, size_t from) {
  std::ostringstream out;
  size_t begin = from < 3 ? 0 : from - 3;
  if (begin > 0)
    out << "... ";
  for (size_t i = begin; i < std::min(ids.size(), begin + 10); ++i)
    out << ids[i] << " " << shown(tokenizer.tokenBytes(ids[i])) << "  ";
  return out.str();
}

/// Tells of the first difference of a tokenizer and counts the others.
class Differences {
public:
  explicit Differences(const Tokenizer &tokenizer) : tokenizer_(tokenizer) {}
  ~Differences() {
    EXPECT_EQ(count_, 0u) << count_ << " differences; the first:\n" << first_;
  }

  void compare(const char *what, const std::string &input, const Ids &mine,
               const Ids &expected) {
    if (mine == expected || count_++ > 0)
      return;
    auto at =
        static_cast<size_t>(std::mismatch(mine.begin(), mine.end(),
                                          expected.begin(), expected.end())
                                .first -
                            mine.begin());
    first_ = std::string(what) + " " + input + "\n  from id " +
             std::to_string(at) +
             " on\n  expected: " + shown(tokenizer_, expected, at) +
             "\n  found:    " + shown(tokenizer_, mine, at);
  }

  void compare(const char *what, const std::string &input,
               std::string_view mine, std::string_view expected) {
    if (mine == expected || count_++ > 0)
      return;
    first_ = std::string(what) + " " + input +
             "\n  expected: " + shown(expected) +
             "\n  found:    " + shown(mine);
  }

private:
  const Tokenizer &tokenizer_;
  size_t count_ = 0;
  std::string first_;
};

void compareDecoding(const Tokenizer &tokenizer, Differences &differences,
                     const Ids &ids, const std::string &expected,
                     bool skipSpecialTokens) {
  std::string input = Json(ids).dump();
  const char *what = skipSpecialTokens ? "decode without special tokens"
                                       : "decode with special tokens";
  differences.compare(what, input, tokenizer.decode(ids, skipSpecialTokens),
                      expected);
  StreamDecoder stream(tokenizer, skipSpecialTokens);
  std::string streamed;
  for (int32_t id : ids) {
    std::string piece = stream.append(id);
    if (!isValidUtf8(piece))
      differences.compare("half a character in the stream of", input, piece,
                          "");
    streamed += piece;
  }
  streamed += stream.finish();
  differences.compare("stream", input, streamed, expected);
}

class Differential : public testing::TestWithParam<std::string> {};

TEST_P(Differential, Agrees) {
  CompiledTokenizer compiled(folder + "/" + GetParam());
  ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
  const Tokenizer &tokenizer = *compiled.tokenizer;

  std::string textData = readGzip(folder + "/texts.bin.gz");
  std::string caseData = readGzip(folder + "/" + GetParam() + "/cases.bin.gz");
  DifferentialReader texts(textData), cases(caseData);
  Differences differences(tokenizer);
  auto decode = [&](const Ids &ids, std::string_view base) {
    if (cases.number() == 0) // Hugging Face's library panics
      return;
    std::string skipped = cases.difference(base);
    std::string whole = cases.difference(skipped);
    compareDecoding(tokenizer, differences, ids, skipped, true);
    compareDecoding(tokenizer, differences, ids, whole, false);
  };

  size_t count = texts.number();
  ASSERT_GE(count, 2000u);
  for (size_t i = 0; i < count; ++i) {
    std::string_view text = texts.bytes();
    if (cases.number() == 0) // as above
      continue;
    Ids withSpecial = cases.ids(), bare = cases.ids();
    differences.compare("encode", shown(text), tokenizer.encode(text),
                        withSpecial);
    differences.compare("encode without special tokens", shown(text),
                        tokenizer.encode(text, false), bare);
    decode(withSpecial, text);
    ASSERT_FALSE(texts.failed() || cases.failed()) << "damaged data";
  }
  size_t decodes = cases.number();
  ASSERT_GE(decodes, 100u);
  for (size_t i = 0; i < decodes; ++i) {
    Ids ids = cases.ids();
    decode(ids, "");
  }
  EXPECT_TRUE(texts.atEnd() && cases.atEnd() && !cases.failed())
      << "damaged data";
}

/// The folders that are there, so that none is forgotten.
std::vector<std::string> names() {
  std::vector<std::string> result;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(folder, error))
    if (entry.is_directory())
      result.push_back(entry.path().filename().string());
  std::sort(result.begin(), result.end());
  return result;
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Differential, testing::ValuesIn(names()),
                         [](const testing::TestParamInfo<std::string> &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(DifferentialData, HasManyTokenizers) { EXPECT_GE(names().size(), 25u); }

// What the fuzz found; regressions.py tells the reasons.
TEST(DifferentialData, FoundByTheFuzz) {
  Result<std::string> text = readFile(folder + "/regressions.json");
  ASSERT_TRUE(text) << text.error().message;
  Result<Json> all = parseJson(*text, "regressions.json");
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_GE(all->size(), 10u);
  for (const Json &entry : *all) {
    SCOPED_TRACE(entry["why"].get<std::string>());
    Result<TokenizerSpec> spec =
        readTokenizerJson(entry["tokenizer"].dump(), "tokenizer.json");
    ASSERT_TRUE(spec) << spec.error().message;
    Result<std::string> table = writeTokenizerTable(*spec);
    ASSERT_TRUE(table) << table.error().message;
    Segment segment(*table);
    Result<Tokenizer> tokenizer = Tokenizer::open(segment.bytes());
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    Differences differences(*tokenizer);
    for (const Json &item : entry["cases"]) {
      std::string input = item["text"];
      differences.compare("encode", shown(input),
                          tokenizer->encode(input, false),
                          item["ids"].get<Ids>());
    }
  }
}

} // namespace
