//===- LoadedCode.h - compiled code made executable --------------*- C++
//-*-===//

#ifndef SWALLOW_RUNTIME_DEVICE_LOADEDCODE_H
#define SWALLOW_RUNTIME_DEVICE_LOADEDCODE_H

#include "runtime/abi/StepAbi.h"
#include "runtime/device/Memory.h"

#include <span>
#include <string>

namespace swallow {

/// The code segment of one variant, mapped read+execute. The image is position
/// independent and has no relocations, so mapping it is all that loading takes:
/// the pages stay shared with every process that runs the same artifact.
/// Loading an image is trusting it like a program.
class LoadedCode {
public:
  /// Maps `size` bytes at `offset` (a multiple of 4096) of the file `fd`. Where
  /// the file system refuses executable mappings (mounted noexec), the bytes
  /// `contents` (the same ones, already mapped readable) are copied into
  /// anonymous memory instead. The file may be closed afterwards.
  ///
  /// Errors: Corrupt when `offset` is not aligned or `stepOffset` is outside;
  /// DeviceError when the system allows neither way. `file` names the artifact.
  static Result<LoadedCode> map(int fd, uint64_t offset,
                                std::span<const uint8_t> contents,
                                uint64_t stepOffset, const std::string &file);

  SwallowStepFn step() const { return step_; }
  bool isCopy() const { return copied_; }

private:
  PageMapping pages_;
  SwallowStepFn step_ = nullptr;
  bool copied_ = false;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_DEVICE_LOADEDCODE_H
