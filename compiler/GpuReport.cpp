//===- GpuReport.cpp - what the assembler said about GPU code -------------===//

#include "compiler/GpuReport.h"

#include <algorithm>

using namespace swallow;
using nvidia::KernelResources;

static std::string counted(size_t count, const std::string &what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string swallow::summaryLine(const GpuReport &report) {
  if (report.assembler.empty())
    return report.architecture + ": PTX alone (" + report.reason +
           "), which the driver compiles at load";
  int64_t registers = 0, shared = 0;
  size_t spilling = 0;
  for (const KernelResources &kernel : report.kernels) {
    registers = std::max(registers, kernel.registers);
    shared = std::max(shared, kernel.sharedBytes);
    spilling += kernel.spillStoreBytes > 0 || kernel.spillLoadBytes > 0;
  }
  std::string line =
      report.architecture + ": " + counted(report.kernels.size(), "kernel") +
      " by ptxas " + report.assembler + ", at most " +
      counted(static_cast<size_t>(registers), "register") + ", " +
      (spilling ? "spills in " + std::to_string(spilling) + " of them"
                : "no spills") +
      ", at most " + std::to_string(shared) + " bytes of shared memory";
  if (!report.warnings.empty())
    line += ", " + counted(report.warnings.size(), "warning");
  return line;
}

std::vector<std::string> swallow::warningLines(const GpuReport &report) {
  std::vector<std::string> lines;
  lines.reserve(report.warnings.size());
  const std::string start = report.architecture + ": ";
  for (const std::string &warning : report.warnings)
    lines.push_back(start + warning);
  for (const KernelResources &kernel : report.kernels)
    if (kernel.stackBytes > 0 || kernel.spillStoreBytes > 0 ||
        kernel.spillLoadBytes > 0)
      lines.push_back(start + "kernel " + kernel.name + " has " +
                      std::to_string(kernel.stackBytes) +
                      " bytes of local memory in each thread; spills store " +
                      std::to_string(kernel.spillStoreBytes) + " and load " +
                      std::to_string(kernel.spillLoadBytes));
  return lines;
}
