#include "test/cuda-emulator/driver/Exports.h"

#include <algorithm>

namespace swallow::emulator {

static void addNode(DeviceState &device, StreamObject &stream,
                    std::optional<Work> work) {
  CUgraph graph = stream.capture->graph;
  auto node = std::make_unique<NodeObject>();
  node->graph = graph;
  node->work = std::move(work);
  node->dependencies = stream.tails;
  CUgraphNode handle = device.nodes.add(std::move(node));
  device.graphs.find(graph)->nodes.push_back(handle);
  stream.tails = {handle};
}

CUresult enqueue(Call &call, CUstream handle, Work work) {
  DeviceState &device = *call.device;
  StreamObject *stream = device.stream(handle);
  if (!stream)
    return CUresult::InvalidHandle;
  if (stream->capture) {
    if (stream->capture->invalid)
      return CUresult::StreamCaptureInvalidated;
    addNode(device, *stream, std::move(work));
    return CUresult::Success;
  }
  // The default stream and blocking ones wait for each other.
  if (!handle) {
    if (CUresult result = drainBlocking(device); result != CUresult::Success)
      return result;
  } else if (!(stream->flags & StreamNonBlocking)) {
    if (CUresult result = drain(device, device.defaultStream);
        result != CUresult::Success)
      return result;
  }
  stream->queue.push_back(std::move(work));
  return CUresult::Success;
}

CUresult drain(DeviceState &device, StreamObject &stream,
               const EventMark *until) {
  while (!stream.queue.empty() && device.sticky == CUresult::Success &&
         !(until && until->done)) {
    QueueEntry entry = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (auto *work = std::get_if<Work>(&entry)) {
      device.sticky = execute(device, *work);
    } else if (auto *record = std::get_if<RecordMark>(&entry)) {
      record->mark->done = true;
      record->mark->when = std::chrono::steady_clock::now();
    } else if (auto *await = std::get_if<AwaitMark>(&entry)) {
      // The mark was recorded before the wait was enqueued, so this ends.
      if (StreamObject *other = device.stream(await->mark->stream);
          other && !await->mark->done)
        drain(device, *other, await->mark.get());
    } else {
      for (const Work &work : std::get<RunGraph>(entry).work)
        if (device.sticky == CUresult::Success)
          device.sticky = execute(device, work);
    }
  }
  if (device.sticky != CUresult::Success)
    stream.queue.clear();
  return device.sticky;
}

CUresult drainBlocking(DeviceState &device) {
  drain(device, device.defaultStream);
  for (const auto &[handle, stream] : device.streams)
    if (!(stream->flags & StreamNonBlocking))
      drain(device, *stream);
  return device.sticky;
}

CUresult drainAll(DeviceState &device) {
  drain(device, device.defaultStream);
  for (const auto &[handle, stream] : device.streams)
    drain(device, *stream);
  return device.sticky;
}

CUresult forbidWhileCapturing(DeviceState &device) {
  bool forbidden = false;
  for (const auto &[handle, stream] : device.streams) {
    if (!stream->capture)
      continue;
    const Capture &capture = *stream->capture;
    if (capture.mode == CUstreamCaptureMode::Global ||
        (capture.mode == CUstreamCaptureMode::ThreadLocal &&
         capture.thread == std::this_thread::get_id())) {
      stream->capture->invalid = true;
      forbidden = true;
    }
  }
  return forbidden ? CUresult::StreamCaptureUnsupported : CUresult::Success;
}

//===-- Streams -----------------------------------------------------------===//

CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!stream || flags > StreamNonBlocking)
    return CUresult::InvalidValue;
  auto object = std::make_unique<StreamObject>();
  object->flags = flags;
  *stream = call.device->streams.add(std::move(object));
  return CUresult::Success;
}

CUresult cuStreamDestroy_v2(CUstream stream) {
  Call call;
  if (!call.device)
    return call.result;
  StreamObject *object = call.device->streams.find(stream);
  if (!object)
    return CUresult::InvalidHandle;
  drain(*call.device, *object);
  call.device->streams.take(stream);
  return call.device->sticky;
}

/// The stream that a call waits for or looks at, which must not be capturing.
static CUresult streamToWaitFor(Call &call, CUstream handle,
                                StreamObject *&stream) {
  if (call.result != CUresult::Success)
    return call.result;
  stream = call.device->stream(handle);
  if (!stream)
    return CUresult::InvalidHandle;
  if (stream->capture) {
    stream->capture->invalid = true;
    return CUresult::StreamCaptureUnsupported;
  }
  return CUresult::Success;
}

CUresult cuStreamSynchronize(CUstream handle) {
  Call call;
  StreamObject *stream = nullptr;
  CUresult result = streamToWaitFor(call, handle, stream);
  if (result != CUresult::Success)
    return result;
  return handle ? drain(*call.device, *stream) : drainBlocking(*call.device);
}

CUresult cuStreamQuery(CUstream handle) {
  Call call;
  StreamObject *stream = nullptr;
  CUresult result = streamToWaitFor(call, handle, stream);
  if (result != CUresult::Success)
    return result;
  if (stream->queue.empty())
    return CUresult::Success;
  // The work is done by the time somebody asks again.
  result = drain(*call.device, *stream);
  return result == CUresult::Success ? CUresult::NotReady : result;
}

CUresult cuCtxSynchronize(void) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (CUresult result = forbidWhileCapturing(*call.device);
      result != CUresult::Success)
    return result;
  return drainAll(*call.device);
}

//===-- Events ------------------------------------------------------------===//

CUresult cuEventCreate(CUevent *event, unsigned flags) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  if (!event || flags > 3)
    return CUresult::InvalidValue;
  auto object = std::make_unique<EventObject>();
  object->flags = flags;
  *event = call.device->events.add(std::move(object));
  return CUresult::Success;
}

CUresult cuEventDestroy_v2(CUevent event) {
  Call call;
  if (!call.device)
    return call.result;
  if (!call.device->events.take(event))
    return CUresult::InvalidHandle;
  return call.device->sticky;
}

CUresult cuEventRecord(CUevent handle, CUstream streamHandle) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  EventObject *event = call.device->events.find(handle);
  StreamObject *stream = call.device->stream(streamHandle);
  if (!event || !stream)
    return CUresult::InvalidHandle;
  event->mark = std::make_shared<EventMark>();
  event->mark->stream = streamHandle;
  if (stream->capture) {
    event->mark->capturedIn = stream->capture->graph;
    event->mark->capturedAfter = stream->tails;
    return CUresult::Success;
  }
  stream->queue.push_back(RecordMark{event->mark});
  return CUresult::Success;
}

CUresult cuEventRecordWithFlags(CUevent handle, CUstream streamHandle,
                                unsigned flags) {
  if (flags == EventRecordDefault)
    return cuEventRecord(handle, streamHandle);
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  StreamObject *stream = call.device->stream(streamHandle);
  if (!call.device->events.find(handle) || !stream)
    return CUresult::InvalidHandle;
  if (flags != EventRecordExternal || !stream->capture)
    return CUresult::InvalidValue;
  return enqueue(call, streamHandle, RecordWork{handle});
}

CUresult cuStreamWaitEvent(CUstream streamHandle, CUevent handle,
                           unsigned flags) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  EventObject *event = call.device->events.find(handle);
  StreamObject *stream = call.device->stream(streamHandle);
  if (!event || !stream)
    return CUresult::InvalidHandle;
  if (flags > 1)
    return CUresult::InvalidValue;
  if (!event->mark)
    return CUresult::Success;
  const EventMark &mark = *event->mark;
  if (!mark.capturedIn) {
    if (stream->capture)
      return CUresult::StreamCaptureIsolation;
    stream->queue.push_back(AwaitMark{event->mark});
    return CUresult::Success;
  }
  // The stream joins the capture that the event was recorded in.
  StreamObject *origin = call.device->streams.find(mark.stream);
  if (!origin || !origin->capture ||
      origin->capture->graph != mark.capturedIn || !streamHandle)
    return CUresult::InvalidValue;
  if (stream->capture && stream->capture != origin->capture)
    return CUresult::StreamCaptureIsolation;
  if (!stream->capture) {
    stream->capture = origin->capture;
    stream->tails.clear();
  }
  for (CUgraphNode node : mark.capturedAfter)
    if (std::find(stream->tails.begin(), stream->tails.end(), node) ==
        stream->tails.end())
      stream->tails.push_back(node);
  return CUresult::Success;
}

CUresult cuEventSynchronize(CUevent handle) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  EventObject *event = call.device->events.find(handle);
  if (!event)
    return CUresult::InvalidHandle;
  if (!event->mark || event->mark->done)
    return CUresult::Success;
  if (event->mark->capturedIn)
    return CUresult::CapturedEvent;
  StreamObject *stream = call.device->stream(event->mark->stream);
  return stream ? drain(*call.device, *stream, event->mark.get())
                : CUresult::Success;
}

CUresult cuEventQuery(CUevent handle) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  EventObject *event = call.device->events.find(handle);
  if (!event)
    return CUresult::InvalidHandle;
  if (!event->mark || event->mark->done)
    return CUresult::Success;
  if (event->mark->capturedIn)
    return CUresult::CapturedEvent;
  CUresult result = cuEventSynchronize(handle);
  return result == CUresult::Success ? CUresult::NotReady : result;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  Call call;
  if (call.result != CUresult::Success)
    return call.result;
  EventObject *first = call.device->events.find(start);
  EventObject *last = call.device->events.find(end);
  if (!first || !last || !first->mark || !last->mark ||
      ((first->flags | last->flags) & EventDisableTiming))
    return CUresult::InvalidHandle;
  if (!milliseconds)
    return CUresult::InvalidValue;
  if (first->mark->capturedIn || last->mark->capturedIn)
    return CUresult::CapturedEvent;
  if (!first->mark->done || !last->mark->done)
    return CUresult::NotReady;
  *milliseconds = std::chrono::duration<float, std::milli>(last->mark->when -
                                                           first->mark->when)
                      .count();
  return CUresult::Success;
}

} // namespace swallow::emulator
