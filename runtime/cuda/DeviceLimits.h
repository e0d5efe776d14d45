//===- DeviceLimits.h - what a device can do at best ------------*- C++ -*-===//
//
// For comparing what a model achieves with what is possible on the same device
// at the same time. What the device says of itself is in Device.h.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_CUDA_DEVICELIMITS_H
#define SWALLOW_RUNTIME_CUDA_DEVICELIMITS_H

#include "runtime/cuda/Stream.h"

namespace swallow::cuda {

/// Bytes per second that copies within the device's memory read and write
/// together, by the device's clock: the best of some. They are larger than any
/// cache where memory for that is free; 0 where next to none is. What is in
/// the stream is done afterwards.
Result<double> measureCopySpeed(const Stream &stream);

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_DEVICELIMITS_H
