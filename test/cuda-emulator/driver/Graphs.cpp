#include "test/cuda-emulator/driver/Exports.h"

#include <algorithm>

namespace swallow::emulator {

//===-- Capture -----------------------------------------------------------===//

CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!handle) // the default stream cannot
    return CUresult::StreamCaptureUnsupported;
  StreamObject *stream = call.device->streams.find(handle);
  if (!stream)
    return CUresult::InvalidHandle;
  if (stream->capture)
    return CUresult::IllegalState;
  stream->capture = std::make_shared<Capture>();
  stream->capture->graph =
      call.device->graphs.add(std::make_unique<GraphObject>());
  stream->capture->origin = handle;
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  stream->tails.clear();
  return CUresult::Success;
}

static void destroyGraph(DeviceState &device, CUgraph handle) {
  if (auto graph = device.graphs.take(handle))
    for (CUgraphNode node : graph->nodes)
      device.nodes.take(node);
}

/// Whether every node of the graph is before one of `ends`.
static bool allJoined(const DeviceState &device, const GraphObject &graph,
                      std::vector<CUgraphNode> ends) {
  std::set<CUgraphNode> before;
  while (!ends.empty()) {
    CUgraphNode node = ends.back();
    ends.pop_back();
    if (!before.insert(node).second)
      continue;
    const auto &more = device.nodes.find(node)->dependencies;
    ends.insert(ends.end(), more.begin(), more.end());
  }
  return before.size() == graph.nodes.size();
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  StreamObject *stream = call.device->streams.find(handle);
  if (!stream || !graph)
    return stream ? CUresult::InvalidValue : CUresult::InvalidHandle;
  *graph = nullptr;
  if (!stream->capture)
    return CUresult::IllegalState;
  if (stream->capture->origin != handle)
    return CUresult::StreamCaptureUnmatched;
  std::shared_ptr<Capture> capture = stream->capture;
  CUresult result = CUresult::Success;
  if (capture->invalid)
    result = CUresult::StreamCaptureInvalidated;
  else if (!allJoined(*call.device, *call.device->graphs.find(capture->graph),
                      stream->tails))
    result = CUresult::StreamCaptureUnjoined;
  for (const auto &[other, object] : call.device->streams)
    if (object->capture == capture) {
      object->capture = nullptr;
      object->tails.clear();
    }
  if (result == CUresult::Success)
    *graph = capture->graph;
  else
    destroyGraph(*call.device, capture->graph);
  return result;
}

CUresult cuStreamGetCaptureInfo_v2(CUstream handle,
                                   CUstreamCaptureStatus *status, uint64_t *id,
                                   CUgraph *graph,
                                   const CUgraphNode **dependencies,
                                   size_t *numDependencies) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  StreamObject *stream = call.device->stream(handle);
  if (!stream || !status)
    return stream ? CUresult::InvalidValue : CUresult::InvalidHandle;
  if (!stream->capture) {
    *status = CUstreamCaptureStatus::None;
    return CUresult::Success;
  }
  *status = stream->capture->invalid ? CUstreamCaptureStatus::Invalidated
                                     : CUstreamCaptureStatus::Active;
  if (id)
    *id = reinterpret_cast<uintptr_t>(stream->capture->graph);
  if (graph)
    *graph = stream->capture->graph;
  if (dependencies)
    *dependencies = stream->tails.data();
  if (numDependencies)
    *numDependencies = stream->tails.size();
  return CUresult::Success;
}

//===-- Graphs and nodes --------------------------------------------------===//

CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes, size_t *numNodes) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  GraphObject *graph = call.device->graphs.find(handle);
  if (!graph || !numNodes)
    return CUresult::InvalidValue;
  if (!nodes) {
    *numNodes = graph->nodes.size();
    return CUresult::Success;
  }
  // Entries beyond the number of nodes are set to null.
  for (size_t i = 0; i < *numNodes; ++i)
    nodes[i] = i < graph->nodes.size() ? graph->nodes[i] : nullptr;
  *numNodes = std::min(*numNodes, graph->nodes.size());
  return CUresult::Success;
}

CUresult cuGraphNodeGetType(CUgraphNode handle, CUgraphNodeType *type) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  NodeObject *node = call.device->nodes.find(handle);
  if (!node || !type)
    return CUresult::InvalidValue;
  if (!node->work)
    *type = CUgraphNodeType::Empty;
  else if (std::holds_alternative<KernelWork>(*node->work))
    *type = CUgraphNodeType::Kernel;
  else if (std::holds_alternative<CopyWork>(*node->work))
    *type = CUgraphNodeType::Memcpy;
  else if (std::holds_alternative<RecordWork>(*node->work))
    *type = CUgraphNodeType::EventRecord;
  else
    *type = CUgraphNodeType::Memset;
  return CUresult::Success;
}

CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode handle,
                                       CUkernelNodeParams *parameters) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  NodeObject *node = call.device->nodes.find(handle);
  if (!node || !parameters || !node->work ||
      !std::holds_alternative<KernelWork>(*node->work))
    return CUresult::InvalidValue;
  auto &work = std::get<KernelWork>(*node->work);
  FunctionObject *function = call.device->functions.find(work.function);
  if (!function)
    return CUresult::InvalidValue;
  node->parameterPointers.clear();
  for (const KernelParameter &parameter : function->kernel->params)
    node->parameterPointers.push_back(work.parameters.data() +
                                      parameter.offset);
  *parameters = {};
  parameters->func = work.function;
  parameters->gridDimX = work.shape.grid[0];
  parameters->gridDimY = work.shape.grid[1];
  parameters->gridDimZ = work.shape.grid[2];
  parameters->blockDimX = work.shape.block[0];
  parameters->blockDimY = work.shape.block[1];
  parameters->blockDimZ = work.shape.block[2];
  parameters->sharedMemBytes = work.shape.dynamicSharedBytes;
  parameters->kernelParams = node->parameterPointers.data();
  parameters->ctx = call.device->context;
  return CUresult::Success;
}

CUresult cuGraphDestroy(CUgraph handle) {
  Call call;
  if (!call.device)
    return call.result;
  if (!call.device->graphs.find(handle))
    return CUresult::InvalidValue;
  destroyGraph(*call.device, handle);
  return call.device->sticky;
}

//===-- Executable graphs -------------------------------------------------===//

CUresult cuGraphInstantiateWithFlags(CUgraphExec *handle, CUgraph graphHandle,
                                     unsigned long long flags) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  GraphObject *graph = call.device->graphs.find(graphHandle);
  if (!handle || !graph)
    return CUresult::InvalidValue;
  if (flags != 0)
    return CUresult::NotSupported;
  auto exec = std::make_unique<GraphExecObject>();
  for (CUgraphNode node : graph->nodes)
    if (const auto &work = call.device->nodes.find(node)->work)
      exec->work.emplace_back(node, *work);
  *handle = call.device->execs.add(std::move(exec));
  return CUresult::Success;
}

CUresult
cuGraphExecKernelNodeSetParams_v2(CUgraphExec handle, CUgraphNode node,
                                  const CUkernelNodeParams *parameters) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  GraphExecObject *exec = call.device->execs.find(handle);
  if (!exec || !parameters || parameters->extra || parameters->kern ||
      !call.device->nodes.find(node))
    return CUresult::InvalidValue;
  auto entry = std::find_if(exec->work.begin(), exec->work.end(),
                            [&](const auto &e) { return e.first == node; });
  if (entry == exec->work.end() ||
      !std::holds_alternative<KernelWork>(entry->second))
    return CUresult::InvalidValue;
  LaunchShape shape;
  shape.grid = {parameters->gridDimX, parameters->gridDimY,
                parameters->gridDimZ};
  shape.block = {parameters->blockDimX, parameters->blockDimY,
                 parameters->blockDimZ};
  shape.dynamicSharedBytes = parameters->sharedMemBytes;
  KernelWork work;
  CUresult result = makeKernelWork(*call.device, parameters->func, shape,
                                   parameters->kernelParams, work);
  if (result == CUresult::Success)
    entry->second = std::move(work);
  return result;
}

CUresult cuGraphUpload(CUgraphExec handle, CUstream stream) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!call.device->execs.find(handle))
    return CUresult::InvalidValue;
  return call.device->stream(stream) ? CUresult::Success
                                     : CUresult::InvalidHandle;
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream streamHandle) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  GraphExecObject *exec = call.device->execs.find(handle);
  StreamObject *stream = call.device->stream(streamHandle);
  if (!exec || !stream)
    return exec ? CUresult::InvalidHandle : CUresult::InvalidValue;
  if (stream->capture) // a graph within a graph
    return CUresult::StreamCaptureUnsupported;
  RunGraph run;
  for (const auto &[node, work] : exec->work)
    run.work.push_back(work);
  stream->queue.push_back(std::move(run));
  return CUresult::Success;
}

CUresult cuGraphExecDestroy(CUgraphExec handle) {
  Call call;
  if (!call.device)
    return call.result;
  return call.device->execs.take(handle) ? call.device->sticky
                                         : CUresult::InvalidValue;
}

} // namespace swallow::emulator
