//===- CheckpointFolder.h - the folder of a checkpoint ----------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_CHECKPOINTFOLDER_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_CHECKPOINTFOLDER_H

#include "runtime/support/Result.h"

#include <string>
#include <vector>

namespace swallow {

std::string joinPath(const std::string &dir, const std::string &name);

/// Whether `path` exists, as anything.
bool pathExists(const std::string &path);

/// The names in a folder, sorted. Fails with FileNotFound or FileUnreadable,
/// saying that a folder with a Hugging Face checkpoint is expected.
Result<std::vector<std::string>> listFolder(const std::string &dir);

/// Ok if the folder can be listed and has a config.json. Otherwise says what
/// is expected, and what is there instead if it is weights in another format.
Status checkCheckpointFolder(const std::string &dir);

/// The first name, if any, that is weights in a format other than safetensors
/// (pytorch_model.bin, *.gguf, ...).
std::string findOtherWeights(const std::vector<std::string> &names);

/// Reads a configuration text of at most 16 MiB, far above any real one.
Result<std::string> readConfigFile(const std::string &path);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_CHECKPOINTFOLDER_H
