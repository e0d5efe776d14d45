//===- Stream.h - queues of work and marks in them --------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_CUDA_STREAM_H
#define SWALLOW_RUNTIME_CUDA_STREAM_H

#include "runtime/cuda/Context.h"

namespace swallow::cuda {

/// A mark in a stream. Waiting for a mark that was never recorded returns at
/// once.
class Event {
public:
  enum class Timing { Off, On };

  /// Off is cheaper, and millisecondsSince then fails. A thread that waits
  /// sleeps; it does not spin.
  static Result<Event> create(ContextPtr context, Timing timing = Timing::Off);

  Event() = default;
  CUevent get() const { return handle_.get(); }

  /// Blocks until the work before the mark is done.
  Status synchronize() const;
  /// Whether it is done.
  Result<bool> isDone() const;
  /// The time on the device between two marks that are both done.
  Result<float> millisecondsSince(const Event &start) const;

private:
  using Handle = Owned<CUevent, &DriverFunctions::cuEventDestroy>;
  explicit Event(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

/// A queue whose work runs in order. It has no implicit order with the default
/// stream or any other one. Several threads may enqueue; the order is then
/// theirs to arrange.
class Stream {
public:
  static Result<Stream> create(ContextPtr context);

  Stream() = default;
  CUstream get() const { return handle_.get(); }
  const Context &context() const { return handle_.context(); }
  const ContextPtr &contextPtr() const { return handle_.contextPtr(); }

  /// Blocks until all work is done, and reports what failed of it.
  Status synchronize() const;
  Result<bool> isDone() const;
  /// Sets the mark to the work enqueued so far.
  Status record(const Event &event) const;
  /// While a graph is being recorded from the stream: each launch of the graph
  /// sets the mark when it comes to this place.
  Status recordInGraph(const Event &event) const;
  /// Work enqueued from now on waits for the mark.
  Status wait(const Event &event) const;

private:
  using Handle = Owned<CUstream, &DriverFunctions::cuStreamDestroy>;
  explicit Stream(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_STREAM_H
