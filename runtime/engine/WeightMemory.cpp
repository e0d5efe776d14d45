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

std::vector<SyntheticWeight> syntheticWeights(const fbs::Program &program) {
  const uint64_t seed = program.synthetic()->seed();
  std::vector<SyntheticWeight> weights;
  weights.reserve(program.weights()->size());
  for (const fbs::Weight *weight : *program.weights()) {
    std::vector<std::string> names;
    for (const flatbuffers::String *name : *weight->sources())
      names.push_back(name->str());
    weights.emplace_back(seed, weightLayout(*weight), names);
  }
  return weights;
}

/// Thread `thread`'s share of a weight, to where the weight begins.
void generateShare(const SyntheticWeight &weight, int64_t thread,
                   int64_t threads, uint8_t *to) {
  const PackedLayout &layout = weight.layout();
  Share share = shareOf(layout.totalBlocks(), thread, threads);
  weight.pack(share.begin, share.end, to + share.begin * layout.blockBytes());
}

void generateWeights(const fbs::Program &program, ThreadTeam &team,
                     uint8_t *to) {
  const std::vector<SyntheticWeight> weights = syntheticWeights(program);
  team.run([&](int64_t thread) {
    for (size_t i = 0; i < weights.size(); ++i)
      generateShare(weights[i], thread, team.size(),
                    to + program.weights()
                             ->Get(static_cast<flatbuffers::uoffset_t>(i))
                             ->offset());
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

Status forEachSyntheticWeight(
    const fbs::Program &program, ThreadTeam &team,
    const std::function<Status(uint64_t, std::span<const uint8_t>)> &take) {
  const std::vector<SyntheticWeight> weights = syntheticWeights(program);
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < weights.size(); ++i) {
    bytes.assign(static_cast<size_t>(weights[i].layout().totalBytes()), 0);
    team.run([&](int64_t thread) {
      generateShare(weights[i], thread, team.size(), bytes.data());
    });
    SWALLOW_TRY(take(program.weights()
                         ->Get(static_cast<flatbuffers::uoffset_t>(i))
                         ->offset(),
                     bytes));
  }
  return {};
}

} // namespace swallow
