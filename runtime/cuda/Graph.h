//===- Graph.h - a step recorded once and launched often --------*- C++ -*-===//
//
// Launching a few hundred kernels one by one costs more of the host's time than
// many of them take on the device. A graph records them once from a stream;
// launching it is one call. What changes between launches is either read by
// the kernels from device memory or set with GraphExec::update.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_RUNTIME_CUDA_GRAPH_H
#define SWALLOW_RUNTIME_CUDA_GRAPH_H

#include "runtime/cuda/Module.h"

#include <functional>

namespace swallow::cuda {

/// Work recorded from a stream. Move-only. A graph, its nodes and its execs are
/// used by one thread at a time.
class Graph {
public:
  /// Runs `enqueue`, which launches kernels and copies into `stream`: they are
  /// recorded, not executed. Only this thread is affected. Fails with what
  /// `enqueue` returned, or when it did something that cannot be recorded, like
  /// waiting for the device.
  static Result<Graph> capture(const Stream &stream,
                               const std::function<Status()> &enqueue);

  /// Within capture(): the node of the call that was enqueued last.
  static Result<CUgraphNode> lastCaptured(const Stream &stream);

  Graph() = default;
  CUgraph get() const { return handle_.get(); }
  const ContextPtr &contextPtr() const { return handle_.contextPtr(); }

  /// All nodes, in no particular order.
  Result<std::vector<CUgraphNode>> nodes() const;
  /// How many of them are kernels.
  Result<size_t> kernelCount() const;

private:
  using Handle = Owned<CUgraph, &DriverFunctions::cuGraphDestroy>;
  explicit Graph(Handle handle) : handle_(std::move(handle)) {}
  Handle handle_;
};

/// A graph made ready for the device. Launches of one exec run one after the
/// other, in whatever streams. The functions that its kernels come from must
/// stay loaded, and memory that it names allocated, for as long as it is
/// launched. Move-only.
class GraphExec {
public:
  /// Keeps the graph, whose nodes name what update() changes.
  static Result<GraphExec> instantiate(Graph graph);

  GraphExec() = default;
  const Graph &graph() const { return graph_; }

  /// Copies it to the device, so that the first launch need not.
  Status upload(const Stream &stream) const;
  Status launch(const Stream &stream) const;

  /// Replaces a kernel node's function, shape and parameters in launches from
  /// now on. `shape.cluster` is not changed and must be 0.
  Status update(CUgraphNode node, const Function &function,
                const LaunchShape &shape,
                std::span<void *const> parameters) const;

private:
  using Handle = Owned<CUgraphExec, &DriverFunctions::cuGraphExecDestroy>;
  GraphExec(Graph graph, Handle handle)
      : graph_(std::move(graph)), handle_(std::move(handle)) {}

  Graph graph_;
  Handle handle_;
};

} // namespace swallow::cuda

#endif // SWALLOW_RUNTIME_CUDA_GRAPH_H
