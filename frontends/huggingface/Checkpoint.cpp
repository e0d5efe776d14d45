//===- Checkpoint.cpp - the weights of a checkpoint folder ----------------===//

#include "frontends/huggingface/Checkpoint.h"

#include "frontends/huggingface/CheckpointFolder.h"
#include "frontends/huggingface/Json.h"

#include <algorithm>
#include <map>
#include <utility>

using namespace swallow;

static const char *const singleName = "model.safetensors";
static const char *const indexName = "model.safetensors.index.json";

int64_t TensorView::numElements() const {
  return static_cast<int64_t>(bytes.size() / dtypeSize(dtype));
}

template <typename T>
static const T *findByName(const std::vector<T> &sorted,
                           std::string_view name) {
  auto it = std::lower_bound(
      sorted.begin(), sorted.end(), name,
      [](const T &element, std::string_view n) { return element.name < n; });
  return it != sorted.end() && it->name == name ? &*it : nullptr;
}

static const auto byName = [](const auto &a, const auto &b) {
  return a.name < b.name;
};

Result<Checkpoint> Checkpoint::open(const std::string &modelDir) {
  SWALLOW_ASSIGN(auto names, listFolder(modelDir));
  auto has = [&](const char *name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  Checkpoint checkpoint;
  checkpoint.dir_ = modelDir;
  if (has(singleName)) {
    SWALLOW_ASSIGN(SafetensorsFile opened,
                   SafetensorsFile::open(joinPath(modelDir, singleName)));
    checkpoint.files_.push_back(
        std::make_unique<SafetensorsFile>(std::move(opened)));
    for (const SafetensorsEntry &entry :
         checkpoint.files_.back()->header().entries)
      checkpoint.addTensor(*checkpoint.files_.back(), entry);
  } else if (has(indexName)) {
    SWALLOW_TRY(checkpoint.openSharded());
  } else {
    std::string expected = std::string("expected ") + singleName + " or " +
                           indexName + " with its shards";
    std::string other = findOtherWeights(names);
    if (!other.empty())
      return {ErrorCode::UnsupportedModel,
              joinPath(modelDir, other) +
                  ": weights in this format are not supported; " + expected};
    return {ErrorCode::FileNotFound, modelDir + ": no weights; " + expected};
  }
  std::sort(checkpoint.tensors_.begin(), checkpoint.tensors_.end(), byName);
  std::sort(checkpoint.others_.begin(), checkpoint.others_.end(), byName);
  return checkpoint;
}

void Checkpoint::addTensor(const SafetensorsFile &file,
                           const SafetensorsEntry &entry) {
  if (!entry.dtype) {
    others_.push_back({entry.name, entry.dtypeName, file.file().path()});
    return;
  }
  tensors_.push_back({entry.name, *entry.dtype, entry.shape, file.bytes(entry),
                      &file.file(), entry.begin});
}

Status Checkpoint::openSharded() {
  indexPath_ = joinPath(dir_, indexName);
  SWALLOW_ASSIGN(std::string text, readConfigFile(indexPath_));
  SWALLOW_ASSIGN(Json root, parseJson(text, indexPath_));
  auto mismatch = [&](const std::string &expected, const Json *found) {
    return Error{ErrorCode::MalformedFile,
                 indexPath_ + ": key \"weight_map\": expected " + expected +
                     ", found " +
                     (found ? describeJson(*found) : "no such key")};
  };
  if (!root.is_object())
    return {ErrorCode::MalformedFile, indexPath_ +
                                          ": expected a JSON object, found " +
                                          describeJson(root)};
  auto weightMap = root.find("weight_map");
  if (weightMap == root.end() || !weightMap->is_object())
    return mismatch("an object that maps tensors to files",
                    weightMap == root.end() ? nullptr : &*weightMap);
  if (weightMap->empty())
    return mismatch("at least one tensor", &*weightMap);

  std::map<std::string, std::vector<std::string>> shards; // file -> tensors
  for (const auto &[tensor, file] : weightMap->items()) {
    if (!file.is_string())
      return mismatch("a file name for tensor " + quoteForMessage(tensor),
                      &file);
    const auto &name = file.get_ref<const std::string &>();
    // A name that leads out of the folder is never made by a library.
    if (name.empty() || name.find('/') != name.npos || name == "." ||
        name == ".." || name.find('\0') != name.npos)
      return mismatch("the name of a file in the same folder for tensor " +
                          quoteForMessage(tensor),
                      &file);
    shards[name].push_back(tensor);
  }
  for (const auto &[name, tensors] : shards) {
    std::string path = joinPath(dir_, name);
    auto opened = SafetensorsFile::open(path);
    if (!opened && opened.error().code == ErrorCode::FileNotFound)
      return {ErrorCode::FileNotFound,
              indexPath_ + ": names shard " + quoteForMessage(name) +
                  " for tensor " + quoteForMessage(tensors.front()) +
                  ", but there is no such file in " + dir_};
    if (!opened)
      return opened.error();
    files_.push_back(std::make_unique<SafetensorsFile>(std::move(*opened)));
    for (const std::string &tensor : tensors) {
      const SafetensorsEntry *entry = files_.back()->header().find(tensor);
      if (!entry)
        return {ErrorCode::MissingTensor,
                indexPath_ + ": promises tensor " + quoteForMessage(tensor) +
                    " in shard " + quoteForMessage(name) +
                    ", which does not contain it"};
      addTensor(*files_.back(), *entry);
    }
  }
  return {};
}

const TensorView *Checkpoint::find(std::string_view name) const {
  return findByName(tensors_, name);
}

Result<TensorView>
Checkpoint::require(std::string_view name,
                    const std::vector<int64_t> &expectedShape) const {
  const TensorView *tensor = find(name);
  if (!tensor) {
    if (const Other *other = findByName(others_, name))
      return {ErrorCode::TensorMismatch,
              other->path + ": tensor " + quoteForMessage(name) +
                  ": expected F32, F16 or BF16, found " + other->dtypeName};
    return {ErrorCode::MissingTensor,
            (indexPath_.empty() ? files_.front()->file().path() : indexPath_) +
                ": no tensor " + quoteForMessage(name) +
                ", expected one of shape " + shapeText(expectedShape)};
  }
  if (tensor->shape != expectedShape)
    return {ErrorCode::TensorMismatch,
            tensor->file->path() + ": tensor " + quoteForMessage(name) +
                ": expected shape " + shapeText(expectedShape) + ", found " +
                shapeText(tensor->shape)};
  return *tensor;
}

std::vector<std::string> Checkpoint::tensorNames() const {
  std::vector<std::string> names;
  for (const TensorView &tensor : tensors_)
    names.push_back(tensor.name);
  for (const Other &other : others_)
    names.push_back(other.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Checkpoint::files() const {
  std::vector<std::string> paths;
  if (!indexPath_.empty())
    paths.push_back(indexPath_);
  for (const auto &file : files_)
    paths.push_back(file->file().path());
  return paths;
}

Result<Hash128> Checkpoint::sourceHash() const {
  Hasher hasher;
  auto addNumber = [&](uint64_t number) {
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; ++i)
      bytes[i] = static_cast<uint8_t>(number >> (8 * i));
    hasher.update(bytes);
  };
  // Each piece after its length, so that no two checkpoints run together.
  auto addBytes = [&](std::span<const uint8_t> bytes) {
    addNumber(bytes.size());
    hasher.update(bytes);
  };
  auto addText = [&](const std::string &text) {
    addBytes({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
  };

  std::vector<std::string> texts;
  std::string configPath = joinPath(dir_, "config.json");
  if (pathExists(configPath))
    texts.push_back(configPath);
  if (!indexPath_.empty())
    texts.push_back(indexPath_);
  for (const std::string &path : texts) {
    SWALLOW_ASSIGN(std::string text, readConfigFile(path));
    addText(text);
  }
  for (const auto &file : files_) {
    const std::string &path = file->file().path();
    addText(path.substr(path.rfind('/') + 1));
    addNumber(file->file().bytes().size());
    addBytes(file->file().bytes().first(file->header().dataBegin));
  }
  return hasher.finish();
}
