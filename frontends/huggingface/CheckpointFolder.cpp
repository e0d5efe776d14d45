//===- CheckpointFolder.cpp - the folder of a checkpoint ------------------===//

#include "frontends/huggingface/CheckpointFolder.h"

#include "runtime/support/MappedFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <string_view>
#include <unistd.h>

using namespace swallow;

static const char *const expectedFolder =
    "expected a folder with a Hugging Face checkpoint (config.json, "
    "safetensors files, tokenizer files)";

std::string swallow::joinPath(const std::string &dir, const std::string &name) {
  return dir.empty() || dir.back() == '/' ? dir + name : dir + "/" + name;
}

bool swallow::pathExists(const std::string &path) {
  return ::access(path.c_str(), F_OK) == 0;
}

Result<std::vector<std::string>> swallow::listFolder(const std::string &dir) {
  DIR *handle = ::opendir(dir.c_str());
  if (!handle) {
    int err = errno;
    return {err == ENOENT ? ErrorCode::FileNotFound : ErrorCode::FileUnreadable,
            dir + ": " + std::strerror(err) + "; " + expectedFolder};
  }
  std::vector<std::string> names;
  while (const dirent *entry = ::readdir(handle))
    names.emplace_back(entry->d_name);
  ::closedir(handle);
  std::sort(names.begin(), names.end());
  return names;
}

std::string swallow::findOtherWeights(const std::vector<std::string> &names) {
  for (const std::string &name : names)
    for (std::string_view suffix :
         {".bin", ".gguf", ".ggml", ".pth", ".pt", ".ckpt", ".h5", ".msgpack"})
      if (name.size() > suffix.size() && name.ends_with(suffix) &&
          name != "training_args.bin")
        return name;
  return {};
}

Status swallow::checkCheckpointFolder(const std::string &dir) {
  SWALLOW_ASSIGN(auto names, listFolder(dir));
  if (std::binary_search(names.begin(), names.end(), "config.json"))
    return {};
  std::string other = findOtherWeights(names);
  return {ErrorCode::FileNotFound,
          joinPath(dir, "config.json") + ": no such file; " + expectedFolder +
              (other.empty() ? "" : ", found " + other)};
}

Result<std::string> swallow::readConfigFile(const std::string &path) {
  constexpr size_t maxBytes = 16 << 20;
  SWALLOW_ASSIGN(MappedFile file, MappedFile::open(path));
  auto bytes = file.bytes();
  if (bytes.size() > maxBytes)
    return {ErrorCode::MalformedFile,
            path + ": expected at most " + std::to_string(maxBytes) +
                " bytes, found " + std::to_string(bytes.size())};
  return std::string(bytes.begin(), bytes.end());
}
