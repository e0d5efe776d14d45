//===- CudaBackend.h - steps on an NVIDIA GPU -------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_CUDABACKEND_H
#define SWALLOW_RUNTIME_ENGINE_CUDABACKEND_H

#include "runtime/engine/StepBackend.h"
#include "runtime/engine/StepProgram.h"

#include <memory>

namespace swallow {

/// Loads the kernels of program.variant, which is a GPU's, on program.gpu, and
/// copies the weights there. `program` and `plan` must outlive the backend.
/// Errors: those of the driver (DeviceError), OutOfMemory, and Corrupt when the
/// PTX lacks a kernel that the artifact launches.
Result<std::unique_ptr<StepBackend>> openCudaBackend(const StepProgram &program,
                                                     const MemoryPlan &plan);

/// Bytes of the device's memory that nobody has taken.
Result<uint64_t> freeDeviceMemory(const GpuChoice &gpu);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_CUDABACKEND_H
