// swallow-rt as a program: output, exit codes, one line for each error.

#include "test/runtime/engine/NextTokenArtifact.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sys/wait.h>

#if defined(__x86_64__)

namespace swallow {
namespace {

using nlohmann::json;

struct Outcome {
  int exitCode = -1;
  std::string out, err;
};

class SwallowRtTest : public testing::Test {
protected:
  void SetUp() override { unsetenv("SWALLOW_VARIANT"); }

  std::string save(const std::string &name, const std::vector<uint8_t> &bytes) {
    std::ofstream(folder.file(name), std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return folder.file(name);
  }

  std::string model() {
    return save("model.swallow", test::writtenBytes(test::nextTokenArtifact()));
  }

  Outcome run(const std::string &arguments) {
    std::string out = folder.file("stdout"), err = folder.file("stderr");
    int state = std::system((std::string(SWALLOW_RT_PROGRAM) + " " + arguments +
                             " >" + out + " 2>" + err + " </dev/null")
                                .c_str());
    Outcome outcome;
    outcome.exitCode = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    for (auto [path, text] :
         {std::pair(out, &outcome.out), std::pair(err, &outcome.err)}) {
      std::vector<uint8_t> bytes = test::readBytes(path);
      text->assign(bytes.begin(), bytes.end());
    }
    return outcome;
  }

  /// One line on standard error that begins as it should, nothing else.
  void expectError(const std::string &arguments, int exitCode,
                   const std::string &words) {
    Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exitCode, exitCode) << arguments;
    EXPECT_EQ(outcome.err.rfind("swallow-rt: error: ", 0), 0u) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1)
        << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  }

  test::TemporaryFolder folder;
};

TEST_F(SwallowRtTest, HelpAndVersionSucceed) {
  EXPECT_EQ(run("--version").out, "swallow-rt 0.1.0\n");
  for (const char *verb :
       {"", "run ", "inspect ", "verify ", "logits ", "tokenize "}) {
    Outcome outcome = run(std::string(verb) + "--help");
    EXPECT_EQ(outcome.exitCode, 0) << verb;
    EXPECT_NE(outcome.out.find("Usage: "), std::string::npos) << verb;
    EXPECT_EQ(outcome.err, "");
  }
}

TEST_F(SwallowRtTest, WrongUsageIsTwo) {
  std::string file = model();
  expectError("", 2, "no command");
  expectError("fly", 2, "fly");
  expectError("inspect", 2, "FILE");
  expectError("inspect " + file + " --wings", 2, "--wings");
  expectError("inspect " + file + " -c many", 2, "many");
  expectError("inspect " + file + " -c 0", 2, "0");
  expectError("logits " + file, 2, "--ids");
  expectError("logits " + file + " --ids 1,x", 2, "--ids");
  expectError("logits " + file + " --ids -1", 2, "-1");
  expectError("run " + file + " --threads 0", 2, "--threads");
  expectError("run " + file + " --kv-cache int7", 2,
              "--kv-cache: must be f32, bf16, f16 or int8, not 'int7'");
}

TEST_F(SwallowRtTest, LogitsInPiecesAndSideBySide) {
  std::string file = model();
  for (const char *how :
       {"", " --chunk 1", " --chunk 2", " --copies 3", " --copies 2 --chunk 1",
        " --threads 1", " --threads 3", " --variant x86-64-any"}) {
    Outcome outcome = run("logits " + file + " --ids 1,5,3,3 --json" + how);
    ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
    json result = json::parse(outcome.out, nullptr, false);
    ASSERT_FALSE(result.is_discarded()) << outcome.out;
    std::vector<int> ids = {1, 5, 3, 3};
    EXPECT_EQ(result["ids"], ids);
    std::vector<json> copies = {result["logits"]};
    if (result.contains("copies"))
      copies.insert(copies.end(), result["copies"].begin(),
                    result["copies"].end());
    EXPECT_EQ(copies.size(), std::string(how).find("3") == 10           ? 3u
                             : std::string(how).find("--copies 2") == 1 ? 2u
                                                                        : 1u);
    for (const json &copy : copies) {
      ASSERT_EQ(copy.size(), 4u) << how;
      for (size_t i = 0; i < 4; ++i)
        for (int v = 0; v < 10; ++v)
          EXPECT_EQ(copy[i][size_t(v)], v == ids[i] + 1 ? 1 : 0) << how;
    }
  }
}

TEST_F(SwallowRtTest, InspectsForPeopleAndScripts) {
  std::string file = model();
  Outcome outcome = run("inspect " + file + " -c 40 --batch 3");
  ASSERT_EQ(outcome.exitCode, 0) << outcome.err;
  for (const char *words :
       {"LlamaForCausalLM", "x86-64-dreams", "lacks dreams",
        "this machine takes it", "3 sequence(s) of 40 tokens", "Weights"})
    EXPECT_NE(outcome.out.find(words), std::string::npos) << words;
  outcome = run("inspect " + file + " --json -c 40 --batch 3");
  json result = json::parse(outcome.out, nullptr, false);
  ASSERT_FALSE(result.is_discarded());
  EXPECT_EQ(result["memory_plan"]["context_length"], 40);
  EXPECT_EQ(result["memory_plan"]["max_sequences"], 3);
}

TEST_F(SwallowRtTest, VerifiesEveryVariantThatRuns) {
  Outcome outcome = run("verify " + model());
  EXPECT_EQ(outcome.exitCode, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("weights: ok"), std::string::npos);
  EXPECT_NE(
      outcome.out.find("x86-64-dreams: not run, this machine lacks dreams"),
      std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("x86-64-any: ok"), std::string::npos);
}

TEST_F(SwallowRtTest, VerifyFindsWrongLogitsAndWeights) {
  test::ArtifactParts wrong = test::nextTokenArtifact();
  wrong.program.probe->logits[4] += 0.5f;
  std::string file =
      save("wrong.swallow", test::writtenBytes(std::move(wrong)));
  expectError("verify " + file, 1, "x86-64-any");

  std::vector<uint8_t> bytes = test::writtenBytes(test::nextTokenArtifact());
  bytes.back() ^= 1; // the last weight
  expectError("verify " + save("flipped.swallow", bytes), 1, "final_norm");
}

TEST_F(SwallowRtTest, ErrorsAreOneLine) {
  std::string file = model();
  expectError("run /no/such/file -p a", 1, "/no/such/file");
  expectError("inspect " + folder.path().string(), 1, folder.path().string());
  expectError("inspect " + file + " -c 65", 1, "65");
  expectError("logits " + file + " --ids 1,10", 1,
              "token id 10 is outside the vocabulary of 10");
  expectError("logits " + file + " --ids 1,2,3 -c 2", 1, "context of 2");
  expectError("logits " + file + " --ids 1 --variant none", 1,
              "no code variant is named 'none'");
  expectError("verify " + file + " --variant x86-64-dreams", 1, "dreams");
  expectError("run " + file + " -p a", 1, "tokenizer");

  std::vector<uint8_t> bytes = test::readBytes(file);
  bytes.resize(bytes.size() / 2);
  expectError("inspect " + save("half.swallow", bytes), 1, "half.swallow");
}

TEST_F(SwallowRtTest, FullDiskIsAnError) {
  int state = std::system((std::string(SWALLOW_RT_PROGRAM) + " inspect " +
                           model() + " >/dev/full 2>" + folder.file("err"))
                              .c_str());
  EXPECT_EQ(WEXITSTATUS(state), 1);
}

TEST_F(SwallowRtTest, AReaderThatLeavesIsNone) {
  std::string command = "bash -c '" + std::string(SWALLOW_RT_PROGRAM) +
                        " inspect " + model() +
                        " --json | true; exit ${PIPESTATUS[0]}'";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 0);
}

} // namespace
} // namespace swallow

#endif
