//===- Settings.h - what the emulated driver pretends to be -----*- C++ -*-===//
//
// Read from the environment by cuInit (and again after swallowEmulatorReset):
//
//   SWALLOW_EMULATOR_DEVICES=1            how many devices; 0 for none
//   SWALLOW_EMULATOR_NAME=...             the name of each
//   SWALLOW_EMULATOR_CAPABILITY=9.0       compute capability of each
//   SWALLOW_EMULATOR_MULTIPROCESSORS=132
//   SWALLOW_EMULATOR_MEMORY=4294967296    bytes of each
//   SWALLOW_EMULATOR_DRIVER=12080         as cuDriverGetVersion: CUDA 12.8;
//                                         0: the stub of the toolkit
//   SWALLOW_EMULATOR_FAIL_ALLOCATION=N    the Nth cuMemAlloc is out of memory
//   SWALLOW_EMULATOR_FAIL_LAUNCH=N        the device is lost at the Nth kernel
//   SWALLOW_EMULATOR_COPY_MILLISECONDS=0  what each copy to the device takes
//   SWALLOW_EMULATOR_SPOIL_COPY=N         the Nth copy to the device arrives
//                                         with all bits inverted
//   SWALLOW_EMULATOR_FATAL=all            all findings fail the next call that
//                                         waits, or with "faults" only those
//                                         on which a device stops
//   SWALLOW_EMULATOR_REPORT=FILE          written at exit, see Report.h
//   CUDA_VISIBLE_DEVICES=0,2              as for the real driver, indices only
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_DRIVER_SETTINGS_H
#define SWALLOW_TEST_CUDA_EMULATOR_DRIVER_SETTINGS_H

#include <cstdint>
#include <string>

namespace swallow::emulator {

struct Settings {
  int devices = 1; // those that CUDA_VISIBLE_DEVICES leaves
  std::string name = "Swallow PTX emulator";
  int major = 9, minor = 0;
  int multiprocessors = 132;
  uint64_t memoryBytes = uint64_t{4} << 30;
  int driverVersion = 12080;
  uint64_t failAllocation = 0; // 0: never
  uint64_t failLaunch = 0;     // 0: never
  uint64_t copyMilliseconds = 0;
  uint64_t spoilCopy = 0; // 0: never
  bool allFindingsFatal = true;
  std::string report; // empty: none

  static Settings fromEnvironment();
};

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_DRIVER_SETTINGS_H
