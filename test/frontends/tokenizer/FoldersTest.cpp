//===- FoldersTest.cpp - tokenizers with all sorts of files beside them ---===//
//
// Small folders and what transformers makes of a few texts in each:
// differential/folders.json, written by
// tools/differential/tokenizers/folders.py.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/Json.h"
#include "runtime/support/MappedFile.h"
#include "test/frontends/tokenizer/CompiledTokenizer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace swallow;
namespace fs = std::filesystem;

namespace {

using Ids = std::vector<int32_t>;
const std::string data = SWALLOW_TEST_DIR "/frontends/tokenizer/differential/";

class TokenizerFolders : public testing::Test {
protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "swallow-folders-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    scratch_ = path;
    Result<std::string> text = readFile(data + "folders.json");
    ASSERT_TRUE(text) << text.error().message;
    Result<Json> all = parseJson(*text, "folders.json");
    ASSERT_TRUE(all) << all.error().message;
    all_ = std::move(*all);
    ASSERT_GE(all_["folders"].size(), 100u);
  }
  void TearDown() override { fs::remove_all(scratch_); }

  /// Makes the folder that `entry` describes.
  std::string make(const Json &entry) {
    fs::path folder = scratch_ / "folder";
    fs::remove_all(folder);
    fs::create_directory(folder);
    for (const char *name : {"tokenizer.model", "tokenizer.json"}) {
      fs::path source = data + entry["tokenizer"].get<std::string>();
      if (fs::exists(source / name))
        fs::copy_file(source / name, folder / name);
    }
    for (const auto &[name, content] : entry["files"].items())
      std::ofstream(folder / name) << content.dump();
    return folder.string();
  }

  fs::path scratch_;
  Json all_;
};

TEST_F(TokenizerFolders, AgreeAndAreNotedWhereTheyDiffer) {
  for (const Json &entry : all_["folders"]) {
    SCOPED_TRACE(entry["tokenizer"].get<std::string>() + " " +
                 entry["files"].dump());
    CompiledTokenizer compiled(make(entry));
    ASSERT_TRUE(compiled.tokenizer) << compiled.error.message;
    for (size_t i = 0; i < all_["texts"].size(); ++i) {
      auto text = all_["texts"][i].get<std::string>();
      EXPECT_EQ(compiled->encode(text), entry["ids"][i].get<Ids>()) << text;
      EXPECT_EQ(compiled->encode(text, false), entry["bare"][i].get<Ids>())
          << text;
    }
    for (size_t i = 0; i < all_["decode"].size(); ++i) {
      Ids ids = all_["decode"][i].get<Ids>();
      EXPECT_EQ(compiled->decode(ids, false),
                entry["decoded"][i].get<std::string>())
          << all_["decode"][i];
    }
    // A user who compares with transformers 5 is told, and only then.
    EXPECT_EQ(!compiled.notes.empty(),
              entry["transformers_5_differs"].get<bool>())
        << (compiled.notes.empty() ? "" : compiled.notes.front());
    for (const std::string &note : compiled.notes)
      EXPECT_EQ(note.find('\n'), std::string::npos) << note;
  }
}

} // namespace
