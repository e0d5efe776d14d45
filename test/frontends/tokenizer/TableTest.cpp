//===- TableTest.cpp - damaged tokenizer tables ---------------------------===//

#include "runtime/text/TokenTable.h"
#include "runtime/text/tokenizer_generated.h"
#include "test/frontends/tokenizer/CompiledTokenizer.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

using namespace swallow;
namespace table = swallow::text::table;

namespace {

std::string tableOf(const char *model) {
  Result<std::string> result =
      compileTokenizer(std::string(SWALLOW_TEST_DIR "/golden/") + model);
  return result ? *result : std::string();
}

ErrorCode openCode(const std::string &bytes) {
  Segment segment(bytes);
  Result<Tokenizer> opened = Tokenizer::open(segment.bytes());
  return opened ? ErrorCode::Ok : opened.error().code;
}

TEST(TokenizerTable, ChecksTheFrame) {
  std::string bytes = tableOf("llama31");
  ASSERT_EQ(openCode(bytes), ErrorCode::Ok);
  for (size_t size : {size_t(0), size_t(4), size_t(7), size_t(8), size_t(100),
                      bytes.size() / 2, bytes.size() - 8})
    EXPECT_EQ(openCode(bytes.substr(0, size)), ErrorCode::Corrupt) << size;
  std::string other = bytes;
  other[4] = 'X';
  EXPECT_EQ(openCode(other), ErrorCode::Corrupt);
  Segment segment(bytes);
  EXPECT_EQ(Tokenizer::open(segment.bytes().subspan(1)).error().code,
            ErrorCode::InvalidArgument);
}

/// The code of opening a table after a change to what is in it.
ErrorCode openChanged(const char *model,
                      const std::function<void(table::TokenizerT &)> &change) {
  std::string bytes = tableOf(model);
  Segment segment(bytes);
  auto content = std::unique_ptr<table::TokenizerT>(
      table::GetTokenizer(segment.bytes().data())->UnPack());
  change(*content);
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(table::Tokenizer::Pack(builder, content.get()),
                 table::TokenizerIdentifier());
  return openCode(
      std::string(reinterpret_cast<const char *>(builder.GetBufferPointer()),
                  builder.GetSize()));
}

TEST(TokenizerTable, ChecksTheContent) {
  using T = table::TokenizerT;
  EXPECT_EQ(openChanged("llama31", [](T &t) {}), ErrorCode::Ok);
  EXPECT_EQ(openChanged("llama31", [](T &t) { ++t.version; }),
            ErrorCode::VersionMismatch);
  const std::vector<std::function<void(T &)>> changes = {
      [](T &t) { t.token_flags.clear(); },
      [](T &t) { t.token_offsets.pop_back(); },
      [](T &t) { t.token_offsets[3] = 1u << 30; },
      [](T &t) { t.token_offsets.back() += 1; },
      [](T &t) { t.token_flags[7] = 0; }, // which lookup and merges lead to
      [](T &t) { t.lookup.clear(); },
      [](T &t) { t.lookup.push_back(0); },
      [](T &t) { t.lookup[5] = 1u << 20; },
      [](T &t) { t.lookup.assign(t.lookup.size(), 1); },
      [](T &t) { t.merges.pop_back(); },
      [](T &t) { t.merges[0] = table::MergeSlot(0, 0, 0, 1u << 20); },
      [](T &t) {
        t.merges.assign(t.merges.size(), table::MergeSlot(0, 0, 0, 0));
      },
      [](T &t) { t.joints.assign(3, 0); },
      [](T &t) { t.byte_units.pop_back(); },
      [](T &t) { t.byte_units[7] = -2; },
      [](T &t) { t.unk_id = 1 << 20; },
      [](T &t) { t.bos_id = 1 << 20; },
      [](T &t) { t.prefix_ids.push_back(1u << 20); },
      [](T &t) { t.added[0]->id = 1u << 20; },
      [](T &t) { t.added[0]->match = "\xFF"; },
      [](T &t) { t.added[0]->decoded = std::string(1000, 'x'); },
      [](T &t) { t.byte_units['a'] = t.bos_id; }, // more than a byte
      [](T &t) {                                  // makes text from nothing
        for (table::MergeSlot &slot : t.merges)
          if (slot.result() != emptyMergeSlot)
            slot = table::MergeSlot(slot.left(), slot.right(), slot.rank(),
                                    static_cast<uint32_t>(t.bos_id));
      },
      [](T &t) { // a search would take long
        t.merges.assign(2 * maxTakenSlots, t.merges[0]);
        for (size_t i = 0; i < t.merges.size(); ++i)
          t.merges[i] = i == 0 ? table::MergeSlot(0, 0, 0, emptyMergeSlot)
                               : table::MergeSlot(0, 0, 0, 0);
      },
      [](T &t) { std::swap(t.added[0], t.added[1]); },
      [](T &t) { t.decoders.clear(); },
      [](T &t) { t.decoders[0]->kind = static_cast<table::DecoderKind>(200); },
      [](T &t) { t.pre_tokenizers[0]->pattern = "("; },
      [](T &t) { t.pre_tokenizers[0]->pattern = "\xFF"; },
      [](T &t) {
        t.pre_tokenizers[0]->kind = static_cast<table::PreTokenizerKind>(200);
      },
      [](T &t) {
        t.normalizers.push_back(std::make_unique<table::NormalizerStepT>());
        t.normalizers[0]->kind = static_cast<table::NormalizerKind>(200);
      },
  };
  for (size_t i = 0; i < changes.size(); ++i)
    EXPECT_EQ(openChanged("llama31", changes[i]), ErrorCode::Corrupt) << i;
  EXPECT_EQ(openChanged("llama2-gqa", [](T &t) { t.token_bytes[0] = 0xFF; }),
            ErrorCode::Corrupt);
}

// Each of these would let a short text take gigabytes or hours.
TEST(TokenizerTable, RefusesGrowth) {
  using T = table::TokenizerT;
  auto normalizer = [](T &t, table::NormalizerKind kind, std::string pattern,
                       std::string content) {
    auto step = std::make_unique<table::NormalizerStepT>();
    step->kind = kind;
    step->pattern = std::move(pattern);
    step->content = std::move(content);
    t.normalizers.push_back(std::move(step));
  };
  auto preTokenizer = [](T &t, table::PreTokenizerKind kind,
                         std::string pattern, std::string content) {
    auto step = std::make_unique<table::PreTokenizerStepT>();
    step->kind = kind;
    step->pattern = std::move(pattern);
    step->content = std::move(content);
    t.pre_tokenizers.push_back(std::move(step));
  };
  auto decoder = [](T &t, std::string pattern, std::string content) {
    auto step = std::make_unique<table::DecoderStepT>();
    step->kind = table::DecoderKind::ReplaceLiteral;
    step->pattern = std::move(pattern);
    step->content = std::move(content);
    t.decoders.push_back(std::move(step));
  };
  const std::string many(40, 'x');
  const std::vector<std::function<void(T &)>> changes = {
      // Together, if not each for itself.
      [&](T &t) {
        normalizer(t, table::NormalizerKind::ReplaceLiteral, "x", many);
        preTokenizer(t, table::PreTokenizerKind::ReplaceLiteral, "x", many);
      },
      [&](T &t) {
        decoder(t, "x", many);
        decoder(t, "x", many);
      },
      [&](T &t) {
        normalizer(t, table::NormalizerKind::ReplaceLiteral, "x", many + many);
        decoder(t, "x", many + many);
        t.decoders[0]->kind = table::DecoderKind::ByteLevel;
        decoder(t, "a", "bc");
        normalizer(t, table::NormalizerKind::NFKC, "", "");
      },
      [&](T &t) {
        for (int i = 0; i < 65; ++i)
          normalizer(t, table::NormalizerKind::StripLeft, "", "");
      },
      [&](T &t) {
        for (int i = 0; i < 65; ++i)
          preTokenizer(t, table::PreTokenizerKind::SplitLiteral, "x", "");
      },
      [&](T &t) {
        for (int i = 0; i < 65; ++i)
          decoder(t, "x", "y");
      },
  };
  for (size_t i = 0; i < changes.size(); ++i)
    EXPECT_EQ(openChanged("llama31", changes[i]),
              ErrorCode::UnsupportedTokenizer)
        << i;
}

// FlatBuffers' verifier accepts a vector of 64-bit numbers at any multiple of
// four bytes.
TEST(TokenizerTable, ChecksTheAlignment) {
  using table::Tokenizer;
  std::string bytes = tableOf("llama2-gqa");
  Segment segment(bytes);
  auto content = std::unique_ptr<table::TokenizerT>(
      table::GetTokenizer(segment.bytes().data())->UnPack());
  // Read four bytes further on, the first number is the length 1 and the rest
  // of a number.
  content->joints = {1, 0, 0, 0};
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(Tokenizer::Pack(builder, content.get()),
                 table::TokenizerIdentifier());
  std::string packed(reinterpret_cast<const char *>(builder.GetBufferPointer()),
                     builder.GetSize());
  ASSERT_EQ(openCode(packed), ErrorCode::Ok);
  uint8_t *field = flatbuffers::GetMutableRoot<flatbuffers::Table>(
                       reinterpret_cast<uint8_t *>(packed.data()))
                       ->GetAddressOf(Tokenizer::VT_JOINTS);
  flatbuffers::WriteScalar(field, flatbuffers::ReadScalar<uint32_t>(field) + 4);
  EXPECT_EQ(openCode(packed), ErrorCode::Corrupt);
}

// Whatever opens, runs: the sanitizers see to the rest.
TEST(TokenizerTable, SurvivesBitFlips) {
  std::mt19937 random(7);
  for (const char *model : {"llama31", "llama2-gqa"}) {
    const std::string bytes = tableOf(model);
    size_t opened = 0;
    for (int round = 0; round < 400; ++round) {
      Segment segment(bytes);
      for (int flips = 1 + random() % 4; flips > 0; --flips)
        segment.data()[random() % bytes.size()] ^= 1u << random() % 8;
      Result<Tokenizer> tokenizer = Tokenizer::open(segment.bytes());
      if (!tokenizer)
        continue;
      ++opened;
      std::vector<int32_t> ids =
          tokenizer->encode("Hello  東京 <|eot_id|> 12345 café 😀\n");
      for (int32_t id : ids)
        EXPECT_LT(id, tokenizer->vocabSize());
      tokenizer->decode(ids);
    }
    EXPECT_GT(opened, 0u);
  }
}

} // namespace
