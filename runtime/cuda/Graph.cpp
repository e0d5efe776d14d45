#include "runtime/cuda/Graph.h"

namespace swallow::cuda {

Result<Graph> Graph::capture(const Stream &stream,
                             const std::function<Status()> &enqueue) {
  const ContextPtr &context = stream.contextPtr();
  const DriverFunctions &api = context->api();
  SWALLOW_TRY(context->makeCurrent());
  SWALLOW_TRY(context->check(
      api.cuStreamBeginCapture(stream.get(), CUstreamCaptureMode::ThreadLocal),
      "starting to record a graph"));
  Status enqueued = enqueue();
  // Ended whatever happened, or the stream stays unusable.
  SWALLOW_TRY(context->makeCurrent());
  CUgraph graph = nullptr;
  CUresult result = api.cuStreamEndCapture(stream.get(), &graph);
  Handle owned(context, graph);
  SWALLOW_TRY(enqueued);
  SWALLOW_TRY(context->check(result, "recording a graph"));
  return Graph(std::move(owned));
}

Result<CUgraphNode> Graph::lastCaptured(const Stream &stream) {
  const Context &context = stream.context();
  SWALLOW_TRY(context.makeCurrent());
  auto status = CUstreamCaptureStatus::None;
  const CUgraphNode *nodes = nullptr;
  size_t count = 0;
  SWALLOW_TRY(context.check(
      context.api().cuStreamGetCaptureInfo(stream.get(), &status, nullptr,
                                           nullptr, &nodes, &count),
      "recording a graph"));
  // In a stream that waits for no other, the next node depends on just the
  // last one.
  if (status != CUstreamCaptureStatus::Active || count != 1)
    return Error{ErrorCode::Internal,
                 "no single node was recorded last: the stream has " +
                     std::to_string(count) + " open ends"};
  return nodes[0];
}

Result<std::vector<CUgraphNode>> Graph::nodes() const {
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  size_t count = 0;
  SWALLOW_TRY(
      context.check(context.api().cuGraphGetNodes(get(), nullptr, &count),
                    "listing the nodes of a graph"));
  std::vector<CUgraphNode> nodes(count);
  if (count > 0)
    SWALLOW_TRY(context.check(
        context.api().cuGraphGetNodes(get(), nodes.data(), &count),
        "listing the nodes of a graph"));
  return nodes;
}

Result<size_t> Graph::kernelCount() const {
  SWALLOW_ASSIGN(std::vector<CUgraphNode> all, nodes());
  const Context &context = handle_.context();
  size_t kernels = 0;
  for (CUgraphNode node : all) {
    auto type = CUgraphNodeType::Empty;
    SWALLOW_TRY(context.check(context.api().cuGraphNodeGetType(node, &type),
                              "listing the nodes of a graph"));
    kernels += type == CUgraphNodeType::Kernel;
  }
  return kernels;
}

Result<GraphExec> GraphExec::instantiate(Graph graph) {
  ContextPtr context = graph.contextPtr();
  SWALLOW_TRY(context->makeCurrent());
  CUgraphExec exec = nullptr;
  SWALLOW_TRY(
      context->check(context->api().cuGraphInstantiate(&exec, graph.get(), 0),
                     "making a graph ready to launch"));
  return GraphExec(std::move(graph), Handle(std::move(context), exec));
}

Status GraphExec::upload(const Stream &stream) const {
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  return context.check(context.api().cuGraphUpload(handle_.get(), stream.get()),
                       "copying a graph to the device");
}

Status GraphExec::launch(const Stream &stream) const {
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  return context.check(context.api().cuGraphLaunch(handle_.get(), stream.get()),
                       "launching a graph");
}

Status GraphExec::update(CUgraphNode node, const Function &function,
                         const LaunchShape &shape,
                         std::span<void *const> parameters) const {
  if (shape.cluster[0] != 0)
    return Error{ErrorCode::Internal,
                 "the cluster size of a recorded kernel cannot change"};
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  CUkernelNodeParams changed{};
  changed.func = function.get();
  changed.gridDimX = shape.grid[0];
  changed.gridDimY = shape.grid[1];
  changed.gridDimZ = shape.grid[2];
  changed.blockDimX = shape.block[0];
  changed.blockDimY = shape.block[1];
  changed.blockDimZ = shape.block[2];
  changed.sharedMemBytes = shape.dynamicSharedBytes;
  changed.kernelParams = const_cast<void **>(parameters.data());
  CUresult result = context.api().cuGraphExecKernelNodeSetParams(
      handle_.get(), node, &changed);
  if (result == CUresult::Success)
    return {};
  return context.error(result,
                       "changing the recorded kernel " + function.name());
}

} // namespace swallow::cuda
