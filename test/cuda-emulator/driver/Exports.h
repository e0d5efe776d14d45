//===- Exports.h - the functions that the library exports -------*- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_DRIVER_EXPORTS_H
#define SWALLOW_TEST_CUDA_EMULATOR_DRIVER_EXPORTS_H

#include "test/cuda-emulator/driver/State.h"

#define SWALLOW_EXPORT extern "C" __attribute__((visibility("default")))

namespace swallow::emulator {

// Declared from the runtime's table, so that a definition with another
// signature does not compile and a missing one does not link.
#define SWALLOW_DECLARE(name, exported, parameters)                            \
  SWALLOW_EXPORT CUresult exported parameters;
SWALLOW_CUDA_FUNCTIONS(SWALLOW_DECLARE)
#undef SWALLOW_DECLARE

SWALLOW_EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **address,
                                            int version, uint64_t flags,
                                            int *status);

/// Writes the report to `path` now; 0 on success. Not part of CUDA.
SWALLOW_EXPORT int swallowEmulatorReport(const char *path);
/// How many findings there are, of kernels and of the use of the driver.
SWALLOW_EXPORT int swallowEmulatorFindings(void);
/// Forgets everything, handles and findings included, and lets cuInit read the
/// environment again. No other thread may be in the library.
SWALLOW_EXPORT void swallowEmulatorReset(void);

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_DRIVER_EXPORTS_H
