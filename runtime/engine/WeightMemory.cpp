#include "runtime/engine/WeightMemory.h"

#include "runtime/packing/Synthetic.h"

#include <cstring>

namespace swallow {

namespace {

struct Share {
  int64_t begin, end;
};

/// Thread `thread`'s part of `count` pieces.
Share shareOf(int64_t count, int64_t thread, int64_t threads) {
  return {count * thread / threads, count * (thread + 1) / threads};
}

/// Copies the shares of each weight. Gaps stay zero.
void copyWeights(const StepProgram &program, ThreadTeam &team, uint8_t *to) {
  team.run([&](int64_t thread) {
    for (const fbs::Weight *weight : *program.tables->weights()) {
      Share share =
          shareOf(static_cast<int64_t>(weight->size()), thread, team.size());
      uint64_t begin = weight->offset() + static_cast<uint64_t>(share.begin);
      std::memcpy(to + begin, program.weights.data() + begin,
                  static_cast<size_t>(share.end - share.begin));
    }
  });
}

void generateWeights(const fbs::Program &program, ThreadTeam &team,
                     uint8_t *to) {
  const uint64_t seed = program.synthetic()->seed();
  std::vector<SyntheticWeight> weights;
  weights.reserve(program.weights()->size());
  for (const fbs::Weight *weight : *program.weights()) {
    std::vector<std::string> names;
    for (const flatbuffers::String *name : *weight->sources())
      names.push_back(name->str());
    weights.emplace_back(seed, weightLayout(*weight), names);
  }
  team.run([&](int64_t thread) {
    for (size_t i = 0; i < weights.size(); ++i) {
      const PackedLayout &layout = weights[i].layout();
      Share share = shareOf(layout.totalBlocks(), thread, team.size());
      const auto *weight =
          program.weights()->Get(static_cast<flatbuffers::uoffset_t>(i));
      weights[i].pack(share.begin, share.end,
                      to + weight->offset() +
                          share.begin * layout.blockBytes());
    }
  });
}

} // namespace

Result<PageMapping> makeWeights(const StepProgram &program, ThreadTeam &team) {
  SWALLOW_ASSIGN(PageMapping memory,
                 PageMapping::allocate(program.weightsSize(), "weights"));
  if (memory.size() == 0)
    return memory;
  if (program.synthetic())
    generateWeights(*program.tables, team, memory.data());
  else
    copyWeights(program, team, memory.data());
  return memory;
}

} // namespace swallow
