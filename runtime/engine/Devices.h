//===- Devices.h - the devices of this machine described --------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_ENGINE_DEVICES_H
#define SWALLOW_RUNTIME_ENGINE_DEVICES_H

#include <string>

namespace swallow {

/// A JSON object about what models can run on here: "cpu", and the "gpus" that
/// this process may use with the "driver" in between. Without one, "driver" is
/// null, "gpus" is empty and "driver_error" says why.
std::string devicesJson();

} // namespace swallow

#endif // SWALLOW_RUNTIME_ENGINE_DEVICES_H
