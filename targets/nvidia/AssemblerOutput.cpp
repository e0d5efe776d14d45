//===- AssemblerOutput.cpp - what ptxas says about kernels ----------------===//

#include "targets/nvidia/AssemblerOutput.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>

using namespace swallow::nvidia;
using llvm::StringRef;

namespace {

/// The text between the first `before` and the `after` behind it; empty where
/// one of them is missing.
StringRef between(StringRef line, StringRef before, StringRef after) {
  const size_t begin = line.find(before);
  if (begin == StringRef::npos)
    return {};
  StringRef rest = line.substr(begin + before.size());
  const size_t end = rest.find(after);
  return end == StringRef::npos ? StringRef() : rest.take_front(end);
}

/// "ptxas info    : text", "ptxas FILE, line 4; error   : text": the word and
/// the text.
std::pair<StringRef, StringRef> messageOf(StringRef line) {
  auto [head, text] = line.split(" : ");
  head = head.rtrim();
  const size_t blank = head.find_last_of(" ;");
  return {blank == StringRef::npos ? head : head.substr(blank + 1),
          text.trim()};
}

/// Reads "96 bytes smem", a part of a line of amounts, into `kernel`.
void readAmount(StringRef part, KernelResources &kernel) {
  part = part.trim();
  part.consume_front("Used ");
  part.consume_front("used ");
  int64_t amount = 0;
  if (part.consumeInteger(10, amount))
    return;
  part = part.trim();
  if (part == "registers")
    kernel.registers = amount;
  else if (part == "barriers")
    kernel.barriers = amount;
  else if (part == "bytes spill stores")
    kernel.spillStoreBytes = amount;
  else if (part == "bytes spill loads")
    kernel.spillLoadBytes = amount;
  else if (part == "bytes smem")
    kernel.sharedBytes = amount;
  else if (part.starts_with("bytes cmem["))
    kernel.constantBytes += amount;
  else if (part == "bytes stack frame" || part == "bytes lmem" ||
           part == "bytes cumulative stack size")
    kernel.stackBytes = std::max(kernel.stackBytes, amount);
}

void readAmounts(StringRef line, KernelResources &kernel) {
  while (!line.empty()) {
    auto [part, rest] = line.split(',');
    readAmount(part, kernel);
    line = rest;
  }
}

/// Whether a fatal message is about the PTX: one with a line of it, or that
/// calls what is not there. Others are about versions, memory or files.
bool isAboutPtx(StringRef line) {
  return (line.contains(", line ") && !line.contains("Unsupported .version")) ||
         line.contains("Unresolved extern");
}

} // namespace

AssemblerOutput swallow::nvidia::parseAssemblerOutput(std::string_view output) {
  AssemblerOutput out;
  // Amounts belong to the kernel being compiled, unless they are those of a
  // function that it calls.
  bool ofKernel = false;
  for (StringRef rest = output; !rest.empty();) {
    StringRef line;
    std::tie(line, rest) = rest.split('\n');
    line = line.rtrim();
    if (!line.starts_with("ptxas ")) {
      if (ofKernel && line.contains("bytes stack frame"))
        readAmounts(line, out.kernels.back());
      continue;
    }
    auto [kind, text] = messageOf(line);
    if (kind == "error") {
      out.rejections.push_back(line.str());
    } else if (kind == "fatal") {
      if (!text.starts_with("Ptx assembly aborted"))
        (isAboutPtx(line) ? out.rejections : out.failures)
            .push_back(line.str());
    } else if (kind == "warning" || text.contains("Performance Loss")) {
      out.warnings.push_back(line.str());
    } else if (kind != "info") {
      continue;
    } else if (text.starts_with("Compiling entry function")) {
      out.kernels.emplace_back().name = between(text, "'", "'").str();
      ofKernel = true;
    } else if (text.consume_front("Function properties for ")) {
      ofKernel = !out.kernels.empty() && text == out.kernels.back().name;
    } else if (ofKernel && text.starts_with("Used ")) {
      readAmounts(text, out.kernels.back());
    }
  }
  return out;
}

std::string swallow::nvidia::parseAssemblerVersion(std::string_view text) {
  StringRef all = text;
  if (!all.starts_with("ptxas"))
    return {};
  return between(all, ", V", "\n").rtrim().str();
}
