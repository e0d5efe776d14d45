//===- SafetensorsTest.cpp - one .safetensors file ------------------------===//

#include "frontends/huggingface/Safetensors.h"
#include "test/frontends/CheckpointFixture.h"

using namespace swallow;
using namespace swallow::test;

static Result<SafetensorsHeader> parse(const std::string &image) {
  return SafetensorsHeader::parse(
      {reinterpret_cast<const uint8_t *>(image.data()), image.size()},
      "dir/model.safetensors");
}
static Result<SafetensorsHeader> parse(const std::string &header,
                                       size_t dataBytes) {
  return parse(safetensorsImage(header, std::string(dataBytes, '\0')));
}
static void expectMalformed(const std::string &header, size_t dataBytes,
                            std::vector<std::string> parts) {
  parts.push_back("dir/model.safetensors: ");
  expectError(parse(header, dataBytes), ErrorCode::MalformedFile, parts);
}

TEST(Safetensors, ReadsEntriesSortedByName) {
  auto header = parse(
      R"({"__metadata__": {"format": "pt"},
          "b": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]},
          "a": {"dtype": "I64", "shape": [], "data_offsets": [12, 20]},
          "empty": {"dtype": "BF16", "shape": [0, 4], "data_offsets": [12, 12]},
          "c": {"dtype": "F4", "shape": [4], "data_offsets": [20, 22]}}   )",
      22);
  ASSERT_TRUE(header.ok()) << header.error().message;
  EXPECT_EQ(header->metadata.at("format"), "pt");
  ASSERT_EQ(header->entries.size(), 4u);
  EXPECT_EQ(header->entries[0].name, "a");
  EXPECT_EQ(header->entries[0].dtypeName, "I64");
  EXPECT_FALSE(header->entries[0].dtype);
  const SafetensorsEntry *b = header->find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->dtype, DType::F16);
  EXPECT_EQ(b->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(b->begin, header->dataBegin);
  EXPECT_EQ(b->size, 12u);
  EXPECT_EQ(header->find("d"), nullptr);
}

TEST(Safetensors, AnEmptyFileOfTensorsIsValid) {
  EXPECT_TRUE(parse("{}", 0).ok());
}

// Cut anywhere, a file is refused and never read past its end.
TEST(Safetensors, EveryTruncationIsRefused) {
  std::string image =
      safetensorsImage({{"a", "F32", {2}, 8}, {"b", "BF16", {3}, 6}});
  ASSERT_TRUE(parse(image).ok());
  for (size_t size = 0; size < image.size(); ++size) {
    // A heap copy of exactly this size, so that a sanitizer sees every byte.
    std::vector<uint8_t> cut(image.begin(), image.begin() + size);
    expectError(SafetensorsHeader::parse(cut, "f"), ErrorCode::MalformedFile,
                {"f: "});
  }
}

TEST(Safetensors, HeaderLength) {
  std::string image(16, '\xff');
  expectError(parse(image), ErrorCode::MalformedFile,
              {"at most 100000000", "18446744073709551615"});
  expectError(parse(std::string("\x40\0\0\0\0\0\0\0{}", 10)),
              ErrorCode::MalformedFile, {"truncated", "64", "found 2"});
  expectError(parse("abc"), ErrorCode::MalformedFile, {"8 bytes", "found 3"});
}

TEST(Safetensors, MalformedHeaders) {
  expectMalformed("{\"a\":", 0, {"malformed JSON"});
  expectMalformed(" {}", 0, {"begins with '{'"});
  expectMalformed("[]", 0, {"begins with '{'"});
  expectMalformed("", 0, {"begins with '{'"});
  std::string nested = "{\"a\":" + std::string(1000, '[');
  expectMalformed(nested, 0, {"nested deeper"});
  expectMalformed(R"({"__metadata__": {"n": 1}})", 0,
                  {"__metadata__", "the number 1", "\"n\""});
  expectMalformed(R"({"__metadata__": []})", 0, {"__metadata__", "a list"});
}

TEST(Safetensors, DuplicateTensor) {
  expectMalformed(
      R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                      "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})",
      8, {"\"a\"", "twice"});
}

TEST(Safetensors, MalformedEntries) {
  expectMalformed(R"({"a": 3})", 0, {"tensor \"a\"", "an object"});
  expectMalformed(R"({"a": {"shape": [1], "data_offsets": [0, 4]}})", 4,
                  {"tensor \"a\"", "\"dtype\"", "no such key"});
  expectMalformed(
      R"({"a": {"dtype": "F128", "shape": [1], "data_offsets": [0, 16]}})", 16,
      {"tensor \"a\"", "dtype", "F128"});
  expectMalformed(R"({"a": {"dtype": "F32", "data_offsets": [0, 4]}})", 4,
                  {"\"shape\""});
  for (const char *dim : {"-1", "1.0", "\"1\"", "9223372036854775808", "1e30"})
    expectMalformed(R"({"a": {"dtype": "F32", "shape": [)" + std::string(dim) +
                        R"(], "data_offsets": [0, 4]}})",
                    4, {"tensor \"a\"", "\"shape\""});
  for (const char *offsets :
       {"4", "[]", "[0]", "[0, 4, 8]", "[4, 0]", "[-1, 3]", "[0, 4.0]",
        "[0, 18446744073709551616]", "[[0], [4]]", "null"})
    expectMalformed(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": )" +
                        std::string(offsets) + "}}",
                    4, {"tensor \"a\"", "data_offsets"});
}

TEST(Safetensors, SizesThatOverflow) {
  expectMalformed(R"({"a": {"dtype": "F32",
      "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}})",
                  0, {"tensor \"a\"", "[4611686018427387904, 4]"});
  expectMalformed(R"({"a": {"dtype": "F64",
      "shape": [2305843009213693952], "data_offsets": [0, 0]}})",
                  0, {"tensor \"a\""});
  // Half a byte.
  expectMalformed(
      R"({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}})", 2,
      {"tensor \"a\"", "whole number"});
}

TEST(Safetensors, SizeDisagreesWithShape) {
  expectMalformed(
      R"({"a": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 16]}})",
      16, {"tensor \"a\"", "expected 8 bytes", "BF16 [2, 2]", "found 16"});
}

TEST(Safetensors, OffsetsPastTheEnd) {
  expectMalformed(
      R"({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}})", 8,
      {"tensor \"a\"", "[0, 16]", "past the end", "8 bytes"});
}

TEST(Safetensors, OverlapsAndHoles) {
  expectMalformed(
      R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
          "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}})",
      12, {"tensor \"b\"", "overlaps", "\"a\""});
  expectMalformed(
      R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
          "b": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}})",
      12, {"tensor \"b\"", "offset 4", "found 8"});
  expectMalformed(
      R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", 6,
      {"all 6 bytes", "found 4"});
}

// Names come from outside: a message stays one line.
TEST(Safetensors, ControlCharactersInNames) {
  expectMalformed(R"({"a\nb": {"dtype": "X", "shape": []}})", 0, {"a b"});
}

TEST(Safetensors, OpensAFile) {
  TemporaryFolder dir;
  dir.write("m.safetensors", safetensorsImage({{"a", "F32", {2}, 8, 'x'}}));
  auto file = SafetensorsFile::open(dir.file("m.safetensors"));
  ASSERT_TRUE(file.ok()) << file.error().message;
  auto bytes = file->bytes(file->header().entries.at(0));
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "xxxxxxxx");
  expectError(SafetensorsFile::open(dir.path()), ErrorCode::FileUnreadable,
              {dir.path(), "directory"});
  expectError(SafetensorsFile::open(dir.file("n")), ErrorCode::FileNotFound,
              {dir.file("n")});
}
