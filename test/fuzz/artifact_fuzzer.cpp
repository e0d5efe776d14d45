//===- artifact_fuzzer.cpp - .swallow files and their code images ---------===//
//
// Any bytes are refused with a one-line error or give an artifact whose every
// number can be used. Hashes would stop nearly every mutation at the door, so
// each input is opened a second time with its prefix and the hashes of its
// segments made right.
//
//===----------------------------------------------------------------------===//

#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/CodeImage.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/Validation.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace swallow;

static void check(bool holds) {
  if (!holds)
    std::abort();
}

static void checkError(const Error &error) {
  check(!error.message.empty());
  check(error.message.find('\n') == std::string::npos);
}

// Reads everything that an open artifact promises to be readable.
static void use(const Artifact &artifact) {
  const fbs::Program &program = artifact.program();
  volatile uint8_t sink = 0;
  for (uint32_t i = 0; i < program.variants()->size(); ++i) {
    const fbs::Variant &variant = *program.variants()->Get(i);
    Artifact::Code code = artifact.code(i);
    check(variant.step_offset() < code.bytes.size());
    sink = code.bytes[variant.step_offset()];
    check(code.fileOffset + code.bytes.size() <= artifact.fileSize());
    if (std::span<const uint8_t> cubin = artifact.cubin(i); !cubin.empty())
      sink = cubin.back();
    // A slot that the validation let pass fits the arena whatever a session
    // chooses.
    for (PlanParameters parameters :
         {PlanParameters{32, 1, 1}, PlanParameters{512, 64, 1000}}) {
      auto total = evaluate(variant.arena_size(), parameters);
      for (uint32_t s = 0; variant.arena() && s < variant.arena()->size();
           ++s) {
        auto offset = evaluate(variant.arena()->Get(s)->offset(), parameters);
        auto size = evaluate(variant.arena()->Get(s)->size(), parameters);
        if (total)
          check(offset && size && *offset + *size <= *total);
      }
    }
  }
  for (KvElement element : kKvElements)
    check(kvBlockBytes(*program.kv(), element) > 0);
  for (uint32_t i = 0; program.weights() && i < program.weights()->size();
       ++i) {
    PackedLayout layout = weightLayout(*program.weights()->Get(i));
    check(layout.valid());
    if (artifact.syntheticSeed())
      continue;
    std::span<const uint8_t> bytes = artifact.weight(i);
    check(bytes.size() == static_cast<uint64_t>(layout.totalBytes()));
    int64_t source = static_cast<int64_t>(layout.sourceRows.size()) - 1;
    int64_t last = layout.elementOffset(source, layout.sourceRows[source] - 1,
                                        layout.cols - 1);
    sink = bytes[static_cast<size_t>(last)];
  }
  static_cast<void>(sink);
  if (Status weights = artifact.verifyWeights(1); !weights)
    checkError(weights.error());
}

static void open(std::span<const uint8_t> file) {
  auto artifact = Artifact::openBytes(file, "fuzz.swallow");
  if (artifact)
    use(*artifact);
  else
    checkError(artifact.error());
}

// Makes prefix and segment hashes fit; false if there is no room for that.
static bool repair(std::vector<uint8_t> &file) {
  using namespace format;
  if (file.size() < kPrefixBytes)
    return false;
  Prefix old = decodePrefix(std::span(file).first<kPrefixBytes>()), prefix;
  prefix.programSize = std::min(old.programSize, file.size() - kPrefixBytes);
  prefix.segmentBase = alignUp(kPrefixBytes + prefix.programSize, kAlignment);
  prefix.fileSize = file.size();
  if (prefix.segmentBase > file.size())
    return false;
  // FlatBuffers wants alignment, which openBytes would give.
  alignas(16) static uint8_t program[1 << 20];
  if (prefix.programSize > sizeof(program))
    return false;
  std::copy_n(file.begin() + kPrefixBytes, prefix.programSize, program);
  if (auto verified =
          verifyProgram(std::span(program).first(prefix.programSize)))
    if (const auto *segments = (*verified)->segments())
      for (const fbs::Segment *segment : *segments) {
        uint64_t room = file.size() - prefix.segmentBase;
        if (!segment->hash() || segment->hash()->size() != 16 ||
            segment->offset() > room ||
            segment->size() > room - segment->offset())
          continue;
        Hash128 hash = hashBytes(std::span(file).subspan(
            prefix.segmentBase + segment->offset(), segment->size()));
        std::copy(hash.begin(), hash.end(),
                  file.begin() + kPrefixBytes +
                      (segment->hash()->data() - program));
      }
  prefix.hash = hashProgram(
      prefix, std::span(file).subspan(kPrefixBytes, prefix.programSize));
  auto bytes = encodePrefix(prefix);
  std::copy(bytes.begin(), bytes.end(), file.begin());
  return true;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::span<const uint8_t> input(data, size);
  open(input);
  std::vector<uint8_t> file(input.begin(), input.end());
  if (repair(file))
    open(file);
  auto code = checkCodeImage(input);
  if (code)
    check(code->fileOffset + code->size <= size);
  else
    checkError(code.error());
  return 0;
}
