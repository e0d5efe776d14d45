//===- CpuBackend.h - steps on the CPU --------------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_CPUBACKEND_H
#define SWALLOW_RUNTIME_ENGINE_CPUBACKEND_H

#include "runtime/engine/StepBackend.h"
#include "runtime/engine/StepProgram.h"

#include <memory>

namespace swallow {

/// Starts a team of plan.threads threads. `program` must outlive the backend.
/// Errors: those of MicroKernels::create and ThreadTeam::create, and
/// OutOfMemory when the system refuses an allocation.
Result<std::unique_ptr<StepBackend>>
openCpuBackend(const StepProgram &program, const MemoryPlan &plan,
               const SessionOptions &options);

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_CPUBACKEND_H
