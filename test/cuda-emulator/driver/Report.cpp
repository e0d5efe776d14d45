#include "test/cuda-emulator/driver/Exports.h"

#include <cstdio>
#include <fstream>

//===----------------------------------------------------------------------===//
// The report, one JSON object:
//   "findings": [{"kind", "kernel", "line", "message", "count"}], of kernels
//   "driver":   [{"kind", "message"}], of the use of the driver
//   "bytesToHost": that copies from the device's memory have copied
//   "kernels":  {name: {"launches", counters as in Counters.h,
//                       "instructions": {opcode: count}}}
// At the end of the process, what is left in a context that was not released
// is a finding of the kind "Leak" as well.
//===----------------------------------------------------------------------===//

namespace swallow::emulator {

static std::string quoted(const std::string &text) {
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (c < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", c);
      out += escape;
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + "\"";
}

/// "key": value pairs and list elements with commas between them.
namespace {
class Separator {
public:
  explicit Separator(const char *indent) : indent_(indent) {}
  std::string next() {
    std::string text = first_ ? "\n" : ",\n";
    first_ = false;
    return text + indent_;
  }

private:
  const char *indent_;
  bool first_ = true;
};
} // namespace

static void writeReport(const State &all, std::ostream &out) {
  out << "{\"findings\": [";
  Separator findings("  ");
  for (const Finding &f : all.kernelFindings)
    out << findings.next() << "{\"kind\": " << quoted(kindName(f.kind))
        << ", \"kernel\": " << quoted(f.kernel) << ", \"line\": " << f.line
        << ", \"message\": " << quoted(f.message) << ", \"count\": " << f.count
        << "}";
  out << "],\n \"driver\": [";
  Separator driver("  ");
  for (const DriverFinding &f : all.driverFindings)
    out << driver.next() << "{\"kind\": " << quoted(f.kind)
        << ", \"message\": " << quoted(f.message) << "}";
  out << "],\n \"bytesToHost\": " << all.bytesToHost << ",\n \"kernels\": {";
  Separator kernels("  ");
  for (const auto &[name, record] : all.kernels) {
    const Counters &c = record.counters;
    out << kernels.next() << quoted(name)
        << ": {\"launches\": " << record.launches
        << ", \"warpInstructions\": " << c.warpInstructions;
    const std::pair<const char *, uint64_t> counts[] = {
        {"globalLoads", c.globalLoads},
        {"globalStores", c.globalStores},
        {"globalLoadSectors", c.globalLoadSectors},
        {"globalStoreSectors", c.globalStoreSectors},
        {"globalLoadBytes", c.globalLoadBytes},
        {"globalStoreBytes", c.globalStoreBytes},
        {"sharedAccesses", c.sharedAccesses},
        {"sharedBankConflicts", c.sharedBankConflicts},
        {"atomics", c.atomics},
        {"barriers", c.barriers},
    };
    for (auto [key, count] : counts)
      out << ", \"" << key << "\": " << count;
    out << ", \"instructions\": {";
    Separator opcodes("    ");
    for (const auto &[opcode, count] : c.instructions)
      out << opcodes.next() << quoted(opcode) << ": " << count;
    out << "}}";
  }
  out << "}}\n";
}

int swallowEmulatorReport(const char *path) {
  std::unique_lock lock(state().mutex);
  std::ofstream out(path);
  writeReport(state(), out);
  out.close();
  return out ? 0 : 1;
}

int swallowEmulatorFindings(void) {
  std::unique_lock lock(state().mutex);
  return static_cast<int>(state().driverFindings.size() +
                          state().kernelFindings.size());
}

void swallowEmulatorReset(void) {
  std::unique_lock lock(state().mutex);
  state().reset();
}

/// Runs when the process ends or the library is closed.
__attribute__((destructor)) static void reportAtExit() {
  State &all = state();
  std::unique_lock lock(all.mutex);
  if (!all.initialized || all.settings.report.empty())
    return;
  for (const auto &device : all.devices)
    all.findLeaks(*device, "at exit");
  (void)swallowEmulatorReport(all.settings.report.c_str());
}

} // namespace swallow::emulator
