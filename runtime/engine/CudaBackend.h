//===- CudaBackend.h - steps on an NVIDIA GPU -------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_CUDABACKEND_H
#define SWALLOW_RUNTIME_ENGINE_CUDABACKEND_H

#include "runtime/cuda/Context.h"
#include "runtime/engine/StepBackend.h"
#include "runtime/engine/StepProgram.h"

#include <functional>
#include <memory>

namespace swallow {

/// Opens the GPU, and makes what nobody has taken of its memory the limit of
/// `options` where there is none, but for a part (at most 512 MiB) that the
/// driver needs beside the plan: for the kernels' code and recorded steps, and
/// since it hands out memory in large pieces.
Result<cuda::ContextPtr> openContext(const GpuChoice &gpu,
                                     SessionOptions &options);

/// As SessionOptions::weightsProgress.
using WeightsProgress = std::function<void(uint64_t done, uint64_t total)>;

/// Loads the kernels of program.variant, which is a GPU's, and copies the
/// weights to the context's GPU. With `profile` all steps are recorded, with
/// the marks that time their kernels. `program` and `plan` must outlive the
/// backend. Errors: those of the driver (DeviceError), also when the PTX lacks
/// a kernel that the artifact launches, and OutOfMemory.
Result<std::unique_ptr<StepBackend>>
openCudaBackend(const StepProgram &program, const MemoryPlan &plan,
                cuda::ContextPtr context, bool profile = false,
                const WeightsProgress &progress = {});

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_CUDABACKEND_H
