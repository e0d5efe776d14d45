//===- State.h - the emulated driver's state --------------------*- C++ -*-===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_DRIVER_STATE_H
#define SWALLOW_TEST_CUDA_EMULATOR_DRIVER_STATE_H

#include "test/cuda-emulator/driver/Objects.h"
#include "test/cuda-emulator/driver/Settings.h"

#include <mutex>

namespace swallow::emulator {

/// Something that a program did wrong with the driver, as opposed to what a
/// kernel did.
struct DriverFinding {
  std::string kind; // "Leak", "UseAfterFree", "DoubleFree"
  std::string message;
};

/// What all launches of the kernels of one name did.
struct KernelRecord {
  uint64_t launches = 0;
  Counters counters;
};

/// One device and its primary context, with all that lives in it.
struct DeviceState {
  int ordinal = 0;
  CUcontext context = nullptr; // null: not retained
  int retained = 0;
  CUresult sticky = CUresult::Success; // what every call returns from then on

  std::unique_ptr<DeviceMemory> memory;
  std::set<uint64_t> allocated; // by cuMemAlloc; modules have variables too
  std::map<uint64_t, uint64_t> freed; // address -> bytes, until used again
  std::map<uintptr_t, uint64_t> hostBlocks; // from cuMemHostAlloc
  StreamObject defaultStream;
  Table<CUstream, StreamObject> streams;
  Table<CUevent, EventObject> events;
  Table<CUmodule, ModuleObject> modules;
  Table<CUfunction, FunctionObject> functions;
  Table<CUlinkState, LinkObject> links;
  Table<CUgraph, GraphObject> graphs;
  Table<CUgraphNode, NodeObject> nodes;
  Table<CUgraphExec, GraphExecObject> execs;
  Executor executor;

  /// Null when the handle is of no stream here.
  StreamObject *stream(CUstream handle) {
    return handle ? streams.find(handle) : &defaultStream;
  }
};

struct State {
  std::recursive_mutex mutex; // held in every call
  bool initialized = false;
  Settings settings;
  std::vector<std::unique_ptr<DeviceState>> devices;
  uint64_t allocations = 0, launches = 0, copiesIn = 0;
  uint64_t bytesToHost = 0; // by copies
  std::vector<DriverFinding> driverFindings;
  std::vector<Finding> kernelFindings;
  std::map<std::string, KernelRecord> kernels;

  DeviceState *deviceOf(CUcontext context);
  DeviceState *deviceAt(CUdevice ordinal);
  void found(std::string kind, std::string message);
  /// A finding for each kind of thing that is still there.
  void findLeaks(const DeviceState &device, const std::string &when);
  /// Forgets everything and starts over.
  void reset();
};

State &state();

/// The context that this thread has made current; may be destroyed by now.
CUcontext &currentContext();

/// What a call begins with: takes the lock and finds the current device.
/// `result` is not Success when the call cannot go on.
struct Call {
  Call();
  std::unique_lock<std::recursive_mutex> lock;
  State &state;
  DeviceState *device = nullptr;
  CUresult result = CUresult::Success;
};

//===-- Queue.cpp ---------------------------------------------------------===//

/// Appends to the stream's queue, or to the graph while it is capturing.
CUresult enqueue(Call &call, CUstream stream, Work work);
/// Executes what is in the stream's queue, up to `until` or all of it. The
/// result is the device's from then on.
CUresult drain(DeviceState &device, StreamObject &stream,
               const EventMark *until = nullptr);
CUresult drainAll(DeviceState &device);
/// For calls on the default stream: all streams but those created
/// non-blocking.
CUresult drainBlocking(DeviceState &device);
/// Whether a call that may wait for the device is forbidden because something
/// is capturing; that capture is then spoilt.
CUresult forbidWhileCapturing(DeviceState &device);

//===-- Launch.cpp --------------------------------------------------------===//

CUresult makeKernelWork(DeviceState &device, CUfunction function,
                        const LaunchShape &shape, void **parameters,
                        KernelWork &work);
CUresult execute(DeviceState &device, const Work &work);

//===-- Memory.cpp --------------------------------------------------------===//

/// Whether [address, address + bytes) is inside one live allocation; notes a
/// use after free.
bool checkRange(DeviceState &device, uint64_t address, uint64_t bytes);

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_DRIVER_STATE_H
