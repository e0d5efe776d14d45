#include "test/cuda-emulator/driver/State.h"

namespace swallow::emulator {

State &state() {
  // Never destroyed: threads may still be in the library when a process ends.
  static State *instance = new State();
  return *instance;
}

CUcontext &currentContext() {
  thread_local CUcontext current = nullptr;
  return current;
}

DeviceState *State::deviceOf(CUcontext context) {
  for (auto &device : devices)
    if (context && device->context == context)
      return device.get();
  return nullptr;
}

DeviceState *State::deviceAt(CUdevice ordinal) {
  bool exists = ordinal >= 0 && static_cast<size_t>(ordinal) < devices.size();
  return exists ? devices[static_cast<size_t>(ordinal)].get() : nullptr;
}

void State::found(std::string kind, std::string message) {
  driverFindings.push_back({std::move(kind), std::move(message)});
}

void State::findLeaks(const DeviceState &device, const std::string &when) {
  auto leak = [&](size_t count, const char *what) {
    if (count > 0)
      found("Leak", "device " + std::to_string(device.ordinal) + ": " +
                        std::to_string(count) + " " + what + " left " + when);
  };
  leak(device.allocated.size(), "device allocations");
  leak(device.hostBlocks.size(), "pinned host allocations");
  leak(device.streams.size(), "streams");
  leak(device.events.size(), "events");
  leak(device.modules.size(), "modules");
  leak(device.links.size(), "link states");
  leak(device.graphs.size(), "graphs");
  leak(device.execs.size(), "executable graphs");
}

void State::reset() {
  initialized = false;
  // Modules give their variables back to the memory, so they go first.
  for (auto &device : devices)
    device->modules.clear();
  devices.clear();
  allocations = launches = copiesIn = bytesToHost = 0;
  driverFindings.clear();
  kernelFindings.clear();
  kernels.clear();
  settings = Settings();
}

Call::Call() : lock(emulator::state().mutex), state(emulator::state()) {
  CUcontext current = currentContext();
  device = state.deviceOf(current);
  if (!state.initialized)
    result = CUresult::NotInitialized;
  else if (!current)
    result = CUresult::InvalidContext;
  else if (!device)
    result = CUresult::ContextIsDestroyed;
  else
    result = device->sticky;
}

} // namespace swallow::emulator
