//===- DecoderTest.cpp - decoder steps on tokens in pieces ----------------===//

#include "runtime/text/Decoder.h"
#include "runtime/text/tokenizer_generated.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

using namespace swallow;
namespace table = swallow::text::table;
using table::DecoderKind;

namespace {

Status addStep(Decoder &decoder, const table::DecoderStepT &step) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(table::DecoderStep::Pack(builder, &step));
  GrowthLimit growth(maxDecodeGrowth);
  return decoder.add(
      *flatbuffers::GetRoot<table::DecoderStep>(builder.GetBufferPointer()),
      false, growth);
}

table::DecoderStepT step(DecoderKind kind, const char *pattern = "",
                         const char *content = "", uint32_t start = 0,
                         uint32_t stop = 0) {
  table::DecoderStepT result;
  result.kind = kind;
  result.pattern = pattern;
  result.content = content;
  result.start = start;
  result.stop = stop;
  return result;
}

std::string decode(const Decoder &decoder,
                   const std::vector<std::string> &tokens) {
  Decoder::Run run(decoder);
  std::string text;
  for (const std::string &token : tokens)
    run.token(token, text);
  run.finish(text);
  return text;
}

/// A text cut in any way is decoded like the text in one piece.
void checkPieces(const Decoder &decoder, const char *alphabet) {
  std::mt19937 random(11);
  std::string letters = alphabet;
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    std::vector<std::string> pieces(1);
    for (size_t length = random() % 24; length > 0; --length) {
      char c = letters[random() % letters.size()];
      text += c;
      pieces.back() += c;
      while (random() % 3 == 0)
        pieces.emplace_back();
    }
    ASSERT_EQ(decode(decoder, pieces), decode(decoder, {text})) << text;
  }
}

TEST(Decoder, ReplacesAcrossPieces) {
  for (const char *pattern : {"a", "ab", "aab", "aabaa", "abab"}) {
    Decoder decoder;
    ASSERT_TRUE(addStep(decoder, step(DecoderKind::Fuse)));
    ASSERT_TRUE(
        addStep(decoder, step(DecoderKind::ReplaceLiteral, pattern, "x")));
    checkPieces(decoder, "ab");
  }
  Decoder decoder;
  ASSERT_TRUE(addStep(decoder, step(DecoderKind::Fuse)));
  ASSERT_TRUE(addStep(decoder, step(DecoderKind::ReplaceLiteral, "aab", "x")));
  EXPECT_EQ(decode(decoder, {"aaab", "aabaa"}), "axxaa");
  EXPECT_EQ(decode(decoder, {"aa", "a", "", "a", "b", "a"}), "aaxa");
}

TEST(Decoder, StripsAcrossPieces) {
  for (auto [start, stop] :
       {std::pair(0, 0), {1, 0}, {0, 1}, {2, 3}, {3, 1}, {0, 1 << 28}}) {
    Decoder decoder;
    ASSERT_TRUE(addStep(decoder, step(DecoderKind::Fuse)));
    ASSERT_TRUE(addStep(decoder, step(DecoderKind::Strip, "", " ",
                                      static_cast<uint32_t>(start),
                                      static_cast<uint32_t>(stop))));
    checkPieces(decoder, "a  ");
  }
  Decoder decoder;
  ASSERT_TRUE(addStep(decoder, step(DecoderKind::Fuse)));
  ASSERT_TRUE(addStep(decoder, step(DecoderKind::Strip, "", " ", 1, 2)));
  EXPECT_EQ(decode(decoder, {" ", " a  ", " "}), " a ");
}

// Held back for as long as a text has nothing else, in time that is linear.
TEST(Decoder, StripsAMillionPieces) {
  Decoder decoder;
  ASSERT_TRUE(addStep(decoder, step(DecoderKind::Fuse)));
  ASSERT_TRUE(addStep(decoder, step(DecoderKind::Strip, "", " ", 1, 1 << 28)));
  Decoder::Run run(decoder);
  std::string text;
  run.token("a", text);
  for (int i = 0; i < 1'000'000; ++i)
    run.token(" ", text);
  EXPECT_EQ(text, "a");
  run.token("b", text);
  EXPECT_EQ(text.size(), 1'000'002u);
}

TEST(Decoder, RefusesWhatCannotRun) {
  Decoder decoder;
  auto code = [&](const table::DecoderStepT &step) {
    return addStep(decoder, step).error().code;
  };
  EXPECT_EQ(code(step(DecoderKind::ReplaceLiteral)), ErrorCode::Corrupt);
  EXPECT_EQ(code(step(DecoderKind::ReplaceRegex, "(")), ErrorCode::Corrupt);
  EXPECT_EQ(code(step(DecoderKind::Strip)), ErrorCode::Corrupt);
  EXPECT_EQ(code(step(DecoderKind::Strip, "", "ab", 1)), ErrorCode::Corrupt);
  EXPECT_EQ(code(step(static_cast<DecoderKind>(99))), ErrorCode::Corrupt);
  ASSERT_TRUE(addStep(decoder, step(DecoderKind::Fuse)));
  EXPECT_EQ(code(step(DecoderKind::ByteLevel)), ErrorCode::Corrupt);
  EXPECT_EQ(code(step(DecoderKind::ByteFallback)), ErrorCode::Corrupt);
}

} // namespace
