#include "runtime/cuda/Stream.h"

namespace swallow::cuda {

Result<Event> Event::create(ContextPtr context, Timing timing) {
  SWALLOW_TRY(context->makeCurrent());
  unsigned flags = EventBlockingSync;
  if (timing == Timing::Off)
    flags |= EventDisableTiming;
  CUevent event = nullptr;
  SWALLOW_TRY(context->check(context->api().cuEventCreate(&event, flags),
                             "creating an event"));
  return Event(Handle(std::move(context), event));
}

Status Event::synchronize() const {
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  return context.check(context.api().cuEventSynchronize(get()),
                       "waiting for an event");
}

Result<bool> Event::isDone() const {
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  CUresult result = context.api().cuEventQuery(get());
  if (result == CUresult::NotReady)
    return false;
  SWALLOW_TRY(context.check(result, "looking at an event"));
  return true;
}

Result<float> Event::millisecondsSince(const Event &start) const {
  const Context &context = handle_.context();
  SWALLOW_TRY(context.makeCurrent());
  float milliseconds = 0;
  SWALLOW_TRY(context.check(
      context.api().cuEventElapsedTime(&milliseconds, start.get(), get()),
      "measuring the time between two events"));
  return milliseconds;
}

Result<Stream> Stream::create(ContextPtr context) {
  SWALLOW_TRY(context->makeCurrent());
  CUstream stream = nullptr;
  SWALLOW_TRY(
      context->check(context->api().cuStreamCreate(&stream, StreamNonBlocking),
                     "creating a stream"));
  return Stream(Handle(std::move(context), stream));
}

Status Stream::synchronize() const {
  SWALLOW_TRY(context().makeCurrent());
  return context().check(context().api().cuStreamSynchronize(get()),
                         "waiting for the device");
}

Result<bool> Stream::isDone() const {
  SWALLOW_TRY(context().makeCurrent());
  CUresult result = context().api().cuStreamQuery(get());
  if (result == CUresult::NotReady)
    return false;
  SWALLOW_TRY(context().check(result, "looking at a stream"));
  return true;
}

Status Stream::record(const Event &event) const {
  SWALLOW_TRY(context().makeCurrent());
  return context().check(context().api().cuEventRecord(event.get(), get()),
                         "recording an event");
}

Status Stream::recordInGraph(const Event &event) const {
  SWALLOW_TRY(context().makeCurrent());
  return context().check(context().api().cuEventRecordWithFlags(
                             event.get(), get(), EventRecordExternal),
                         "recording an event in a graph");
}

Status Stream::wait(const Event &event) const {
  SWALLOW_TRY(context().makeCurrent());
  return context().check(
      context().api().cuStreamWaitEvent(get(), event.get(), 0),
      "letting a stream wait for an event");
}

} // namespace swallow::cuda
