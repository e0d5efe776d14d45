//===- CheckpointFixture.h - small checkpoints for tests --------*- C++ -*-===//

#ifndef SWALLOW_TEST_FRONTENDS_CHECKPOINTFIXTURE_H
#define SWALLOW_TEST_FRONTENDS_CHECKPOINTFIXTURE_H

#include "frontends/huggingface/Safetensors.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace swallow::test {

/// A folder of its own for each test, removed afterwards.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "swallow-XXXXXX").string();
    const char *made = ::mkdtemp(pattern.data());
    EXPECT_NE(made, nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::string &path() const { return path_; }
  std::string file(const std::string &name) const { return path_ + "/" + name; }
  void write(const std::string &name, const std::string &content) const {
    std::ofstream stream(file(name), std::ios::binary);
    stream << content;
    EXPECT_TRUE(stream.good());
  }

private:
  std::string path_;
};

/// The image of a safetensors file: header length, header, data.
inline std::string safetensorsImage(const std::string &header,
                                    const std::string &data) {
  std::string image(8, '\0');
  for (int i = 0; i < 8; ++i)
    image[i] = static_cast<char>(uint64_t(header.size()) >> (8 * i));
  return image + header + data;
}

struct TestTensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  size_t bytes;
  char fill = 0;
};

/// A valid file that holds the tensors one after another.
inline std::string safetensorsImage(const std::vector<TestTensor> &tensors) {
  std::string header = "{", data;
  for (const TestTensor &tensor : tensors) {
    if (header.size() > 1)
      header += ",";
    header += "\"" + tensor.name + "\":{\"dtype\":\"" + tensor.dtype +
              "\",\"shape\":" + shapeText(tensor.shape) +
              ",\"data_offsets\":[" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + tensor.bytes) + "]}";
    data.append(tensor.bytes, tensor.fill);
  }
  return safetensorsImage(header + "}", data);
}

/// Expects failure with `code` and a one-line message that has every part.
template <typename ResultOrStatus>
void expectError(const ResultOrStatus &result, ErrorCode code,
                 const std::vector<std::string> &parts) {
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, code) << result.error().message;
  for (const std::string &part : parts)
    EXPECT_NE(result.error().message.find(part), std::string::npos)
        << "no '" << part << "' in: " << result.error().message;
  EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
}

} // namespace swallow::test

#endif // SWALLOW_TEST_FRONTENDS_CHECKPOINTFIXTURE_H
