//===- Objects.h - what the driver's handles stand for ----------*- C++ -*-===//
//
// Handles are numbers that are never used twice, looked up in tables: a handle
// that was made up or destroyed is found out, whatever it is passed to.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_DRIVER_OBJECTS_H
#define SWALLOW_TEST_CUDA_EMULATOR_DRIVER_OBJECTS_H

#include "runtime/cuda/CudaApi.h"
#include "test/cuda-emulator/Emulator.h"

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace swallow::emulator {

using namespace swallow::cuda;

/// A handle that nothing has had before, of whatever type; no mapping's
/// address.
inline uintptr_t nextHandle() {
  static uintptr_t last = 0x0e0000000000;
  return last += 64;
}

/// Objects by handle. Not thread-safe, like all of the state.
template <typename Handle, typename T> class Table {
public:
  Handle add(std::unique_ptr<T> object) {
    const uintptr_t handle = nextHandle();
    objects_[handle] = std::move(object);
    return reinterpret_cast<Handle>(handle);
  }
  T *find(Handle handle) const {
    auto it = objects_.find(reinterpret_cast<uintptr_t>(handle));
    return it == objects_.end() ? nullptr : it->second.get();
  }
  std::unique_ptr<T> take(Handle handle) {
    auto node = objects_.extract(reinterpret_cast<uintptr_t>(handle));
    return node ? std::move(node.mapped()) : nullptr;
  }
  size_t size() const { return objects_.size(); }
  void clear() { objects_.clear(); }
  auto begin() const { return objects_.begin(); }
  auto end() const { return objects_.end(); }

private:
  std::map<uintptr_t, std::unique_ptr<T>> objects_;
};

//===-- Work --------------------------------------------------------------===//

struct KernelWork {
  CUfunction function = nullptr;
  LaunchShape shape;
  std::vector<uint8_t> parameters; // the parameter block
};

struct CopyWork {
  enum class Way { HostToDevice, DeviceToHost, DeviceToDevice } way;
  uint64_t target = 0, source = 0; // addresses of either side
  uint64_t bytes = 0;
  /// What a copy from ordinary host memory read when it was enqueued.
  std::shared_ptr<std::vector<uint8_t>> staged;
};

struct FillWork {
  uint64_t target = 0;
  uint32_t value = 0;
  uint32_t elementBytes = 1;
  uint64_t count = 0;
};

/// Of a graph: each launch sets the event.
struct RecordWork {
  CUevent event = nullptr;
};

using Work = std::variant<KernelWork, CopyWork, FillWork, RecordWork>;

//===-- Streams and events ------------------------------------------------===//

/// One recording of an event. `node`s: where it lies in a graph, when it was
/// recorded while capturing.
struct EventMark {
  bool done = false;
  std::chrono::steady_clock::time_point when;
  CUstream stream = nullptr;
  CUgraph capturedIn = nullptr;
  std::vector<CUgraphNode> capturedAfter;
};

struct EventObject {
  unsigned flags = 0;
  std::shared_ptr<EventMark> mark; // null: never recorded
};

struct RecordMark {
  std::shared_ptr<EventMark> mark;
};
struct AwaitMark {
  std::shared_ptr<EventMark> mark;
};
struct RunGraph {
  std::vector<Work> work; // as it was at the launch
};
using QueueEntry = std::variant<Work, RecordMark, AwaitMark, RunGraph>;

/// A capture in progress, shared by the streams that take part.
struct Capture {
  CUgraph graph = nullptr;
  CUstream origin = nullptr;
  CUstreamCaptureMode mode = CUstreamCaptureMode::Global;
  std::thread::id thread;
  bool invalid = false;
};

/// Work waits in the queue until somebody waits for it: a result that is looked
/// at too early is not there yet, reliably.
struct StreamObject {
  unsigned flags = 0;
  std::deque<QueueEntry> queue;
  std::shared_ptr<Capture> capture; // null: not capturing
  std::vector<CUgraphNode> tails;   // while capturing: the last nodes
};

//===-- Modules, links, graphs --------------------------------------------===//

struct FunctionObject {
  CUmodule module = nullptr;
  const Kernel *kernel = nullptr;
};

struct ModuleObject {
  std::unique_ptr<Module> module;
  std::map<std::string, CUfunction> functions;
};

struct LinkObject {
  std::string ptx;
  std::vector<uint8_t> cubin;
  std::vector<CUjitOption> options;
  std::vector<void *> values;
};

struct NodeObject {
  CUgraph graph = nullptr;
  std::optional<Work> work; // none: an empty node
  std::vector<CUgraphNode> dependencies;
  std::vector<void *> parameterPointers; // for cuGraphKernelNodeGetParams
};

struct GraphObject {
  std::vector<CUgraphNode> nodes; // each after what it depends on
};

struct GraphExecObject {
  std::vector<std::pair<CUgraphNode, Work>> work; // in order of execution
};

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_DRIVER_OBJECTS_H
