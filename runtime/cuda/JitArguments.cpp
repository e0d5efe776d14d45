#include "runtime/cuda/JitArguments.h"

#include <cctype>

namespace swallow::cuda {

std::string JitOptions::text() const {
  std::string text = "O";
  text += std::to_string(optimizationLevel) + "-r";
  text += std::to_string(maxRegisters);
  if (lineInfo)
    text += "-g";
  return text;
}

JitArguments::JitArguments(const JitOptions &options) : log_(8192) {
  add(CUjitOption::ErrorLogBuffer, reinterpret_cast<uintptr_t>(log_.data()));
  add(CUjitOption::ErrorLogBufferSizeBytes, log_.size() - 1);
  add(CUjitOption::OptimizationLevel, options.optimizationLevel);
  if (options.maxRegisters > 0)
    add(CUjitOption::MaxRegisters, options.maxRegisters);
  if (options.lineInfo)
    add(CUjitOption::GenerateLineInfo, 1);
}

void JitArguments::add(CUjitOption option, uintptr_t value) {
  options_.push_back(option);
  values_.push_back(reinterpret_cast<void *>(value));
}

/// The first line of a log that speaks of an error, else the first that is not
/// empty; without control characters and surrounding blanks.
static std::string importantLine(std::string_view log) {
  std::string first;
  while (!log.empty()) {
    size_t end = log.find('\n');
    std::string line;
    for (char c : log.substr(0, end))
      line += std::isprint(static_cast<unsigned char>(c)) ? c : ' ';
    size_t begin = line.find_first_not_of(' ');
    line = begin == std::string::npos
               ? ""
               : line.substr(begin, line.find_last_not_of(' ') + 1 - begin);
    if (line.find("error") != std::string::npos ||
        line.find("fatal") != std::string::npos)
      return line;
    if (first.empty())
      first = line;
    if (end == std::string_view::npos)
      break;
    log.remove_prefix(end + 1);
  }
  return first;
}

Error JitArguments::error(const Context &context, CUresult result,
                          std::string_view name) const {
  Error error = context.error(result, "loading " + std::string(name));
  std::string line = importantLine(log_.data());
  if (!line.empty())
    error.message += ": " + line;
  return error;
}

} // namespace swallow::cuda
