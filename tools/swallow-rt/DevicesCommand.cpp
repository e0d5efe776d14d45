#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/Options.h"

#include <nlohmann/json.hpp>

using Json = nlohmann::json;

namespace {

std::string gpuLine(const Json &gpu) {
  std::string line = gpu["id"].get<std::string>() + "    " +
                     gpu["name"].get<std::string>() + ", capability " +
                     gpu["compute_capability"].get<std::string>() + ", " +
                     gpu["multiprocessors"].dump() + " multiprocessors, ";
  if (gpu.contains("error"))
    return line + "unusable: " + gpu["error"].get<std::string>() + "\n";
  return line + formatBytes(gpu["free_bytes"].get<double>()) + " of " +
         formatBytes(gpu["memory_bytes"].get<double>()) + " free\n";
}

int listDevices(bool asJson) {
  char *raw = nullptr;
  check(swallow_devices(&raw));
  std::unique_ptr<char, void (*)(char *)> owned(raw, swallow_string_free);
  const Json json = Json::parse(raw);
  if (asJson) {
    writeOutput(dumpJson(json) + "\n");
    return 0;
  }
  const Json &cpu = json["cpu"];
  std::string text = "cpu       " + cpu["name"].get<std::string>() + ", " +
                     cpu["threads"].dump() + " threads, " +
                     formatBytes(cpu["available_bytes"].get<double>()) +
                     " available\n";
  if (json["driver"].is_null())
    text += "no GPU:   " + json["driver_error"].get<std::string>() + "\n";
  else
    text += "driver    CUDA " +
            json["driver"]["cuda_version"].get<std::string>() + ", " +
            json["driver"]["library"].get<std::string>() + "\n";
  for (const Json &gpu : json["gpus"])
    text += gpuLine(gpu);
  writeOutput(text);
  return 0;
}

} // namespace

void addDevicesCommand(CLI::App &app, Command &command) {
  auto json = std::make_shared<bool>(false);
  CLI::App *verb =
      app.add_subcommand("devices", "List the devices that models can run on");
  Options declare(*verb);
  declare.flag("--json", *json, "Print one JSON object, with all details");
  verb->callback(
      [&command, json] { command = [json] { return listDevices(*json); }; });
}
