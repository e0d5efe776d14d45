//===- ChatFilesTest.cpp - what a folder says about conversations ---------===//

#include "frontends/huggingface/Json.h"
#include "frontends/huggingface/chat/ChatTemplates.h"
#include "frontends/huggingface/chat/SpecialTokens.h"
#include "runtime/support/MappedFile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace swallow;
namespace fs = std::filesystem;

namespace {

/// A folder that goes away again.
class ChatFolder : public testing::Test {
protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "swallow-chat-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void clear() {
    for (const fs::directory_entry &entry : fs::directory_iterator(folder_))
      fs::remove_all(entry.path());
  }
  void write(const std::string &name, const std::string &text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  void expectNoTemplates(const std::string &message) {
    Result<std::vector<ChatTemplateSource>> read =
        readChatTemplates(folder_.string());
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, ErrorCode::MalformedFile);
    EXPECT_EQ(read.error().message, folder_.string() + "/" + message);
  }
  void expectNoTokens(const std::string &message) {
    Result<std::map<std::string, std::string>> read =
        readSpecialTokensMap(folder_.string());
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, ErrorCode::MalformedFile);
    EXPECT_EQ(read.error().message, folder_.string() + "/" + message);
  }

  fs::path folder_;
};

// folders.json (Inputs/make_cases.py) has what transformers reads.
TEST_F(ChatFolder, ReadsWhatTransformersReads) {
  const std::string path =
      SWALLOW_TEST_DIR "/frontends/chat/Inputs/folders.json";
  Result<std::string> text = readFile(path);
  ASSERT_TRUE(text.ok());
  Result<Json> cases = parseJson(*text, path);
  ASSERT_TRUE(cases.ok());
  ASSERT_GT(cases->size(), 60u);
  for (const Json &one : *cases) {
    SCOPED_TRACE(one.at("name").get<std::string>());
    clear();
    fs::path model = fs::path(SWALLOW_TEST_DIR "/golden") /
                     one.at("model").get<std::string>();
    for (const Json &file : one.at("copied"))
      fs::copy_file(model / file.get<std::string>(),
                    folder_ / file.get<std::string>());
    for (const auto &[file, content] : one.at("files").items())
      write(file, content.get<std::string>());

    Result<std::map<std::string, std::string>> tokens =
        readSpecialTokensMap(folder_.string());
    ASSERT_TRUE(tokens.ok()) << tokens.error().message;
    EXPECT_EQ(Json(*tokens), one.at("tokens"));

    Result<std::vector<ChatTemplateSource>> templates =
        readChatTemplates(folder_.string());
    ASSERT_TRUE(templates.ok()) << templates.error().message;
    Json found = Json::object();
    for (const ChatTemplateSource &source : *templates)
      found[source.name] = source.text;
    EXPECT_EQ(found, one.at("templates"));
  }
}

TEST_F(ChatFolder, SaysWhereATemplateIs) {
  auto place = [&] {
    Result<std::vector<ChatTemplateSource>> read =
        readChatTemplates(folder_.string());
    return read.ok() && read->size() == 1 ? read->front().place : "";
  };
  write("tokenizer_config.json", R"({"chat_template": "x"})");
  EXPECT_EQ(place(),
            folder_.string() + "/tokenizer_config.json: chat_template");
  write("tokenizer_config.json",
        R"({"chat_template": [{"name": "rag", "template": "x"}]})");
  EXPECT_EQ(place(),
            folder_.string() + "/tokenizer_config.json: chat_template[0]");
  write("chat_template.jinja", "x");
  EXPECT_EQ(place(), folder_.string() + "/chat_template.jinja");
}

TEST_F(ChatFolder, RefusesWhatIsNoTemplate) {
  write("tokenizer_config.json", R"({"chat_template": 1})");
  expectNoTemplates("tokenizer_config.json: chat_template: expected a string "
                    "or a list of templates, found the number 1");
  write("tokenizer_config.json", R"({"chat_template": [{"name": "a"}]})");
  expectNoTemplates("tokenizer_config.json: chat_template[0].template: "
                    "expected a string, found nothing");
  write("tokenizer_config.json", R"({"chat_template": ["a"]})");
  expectNoTemplates("tokenizer_config.json: chat_template[0].name: expected a "
                    "string, found nothing");
  write("tokenizer_config.json", R"({"chat_template": {"a\n": "text"}})");
  expectNoTemplates("tokenizer_config.json: chat_template[\"a \"]: expected a "
                    "name without control characters, found \"a \"");
  write("chat_template.jinja", "\xff");
  expectNoTemplates("chat_template.jinja: expected UTF-8");
  fs::remove(folder_ / "chat_template.jinja");
  write("additional_chat_templates/a\nb.jinja", "x");
  expectNoTemplates("additional_chat_templates: expected names without control "
                    "characters before .jinja, found \"a b\"");
}

TEST_F(ChatFolder, RefusesWhatIsNoToken) {
  write("tokenizer_config.json", R"({"bos_token": 1})");
  expectNoTokens("tokenizer_config.json: bos_token: expected a string, found "
                 "the number 1");
  write("tokenizer_config.json", R"({"bos_token": {"content": 2}})");
  expectNoTokens("tokenizer_config.json: bos_token.content: expected a string, "
                 "found the number 2");
  write("tokenizer_config.json", "{}");
  write("special_tokens_map.json", R"({"extra_special_tokens": {"x": []}})");
  expectNoTokens("special_tokens_map.json: extra_special_tokens.x: expected a "
                 "string, found a list");
}

} // namespace
