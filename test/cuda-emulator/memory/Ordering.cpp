//===- Ordering.cpp - what each warp knows to have happened ---------------===//

#include "test/cuda-emulator/memory/Ordering.h"

#include <algorithm>

namespace swallow::emulator {

static void joinClocks(WarpClocks &into, const WarpClocks &from) {
  for (uint32_t i = 0; i < maxWarps; ++i)
    into[i] = std::max(into[i], from[i]);
}

static void joinBlocks(BlockClocks &into, const BlockClocks &from) {
  for (const auto &[block, clocks] : from)
    joinClocks(into[block], clocks);
}

void Knowledge::join(const Knowledge &other) {
  joinClocks(own, other.own);
  if (!other.foreign || other.foreign == foreign)
    return;
  if (!foreign) {
    foreign = other.foreign;
    return;
  }
  auto merged = std::make_shared<BlockClocks>(*foreign);
  joinBlocks(*merged, *other.foreign);
  foreign = std::move(merged);
}

void Knowledge::join(const BlockClocks &blocks, uint32_t ownBlockStart) {
  auto merged = std::make_shared<BlockClocks>();
  if (foreign)
    *merged = *foreign;
  for (const auto &[block, clocks] : blocks) {
    if (block == ownBlockStart)
      joinClocks(own, clocks);
    else
      joinClocks((*merged)[block], clocks);
  }
  if (!merged->empty())
    foreign = std::move(merged);
}

bool WarpOrder::isOrdered(uint32_t clock, uint32_t otherWarp) const {
  if (clock < launchStart)
    return true;
  if (clock >= blockStart)
    return known.own[otherWarp] >= clock;
  if (!known.foreign)
    return false;
  // The block that was running at that clock: the last one that started before.
  auto it = known.foreign->upper_bound(clock);
  if (it == known.foreign->begin())
    return false;
  --it;
  // A block that is absent from the map may lie in between; its clocks are
  // above all of those of the block found, so the comparison fails.
  return it->second[otherWarp] >= clock;
}

static void joinInto(std::shared_ptr<Knowledge> &into, const Knowledge &from) {
  auto joined =
      into ? std::make_shared<Knowledge>(*into) : std::make_shared<Knowledge>();
  joined->join(from);
  into = std::move(joined);
}

void WarpOrder::fence(Scope scope, uint32_t &clock) {
  if (pendingCta)
    known.join(*pendingCta);
  pendingCta.reset();
  if (scope == Scope::Gpu) {
    if (pendingGpu)
      known.join(*pendingGpu);
    pendingGpu.reset();
    joinInto(publishedGpu, known);
  }
  joinInto(publishedCta, known);
  known.own[warp] = ++clock;
}

void SyncLocations::release(uint64_t address, WarpOrder &warp, Scope scope,
                            bool isUpdate, bool release, uint32_t &clock) {
  if (!release && !warp.publishedCta) {
    // A plain strong write ends what an earlier release had attached.
    if (!isUpdate && !locations_.empty())
      locations_.erase(address);
    return;
  }
  Attached &attached = locations_[address];
  if (!isUpdate)
    attached = {};
  auto attach = [&](BlockClocks &blocks, const Knowledge &knowledge) {
    joinClocks(blocks[warp.blockStart], knowledge.own);
    if (knowledge.foreign)
      joinBlocks(blocks, *knowledge.foreign);
  };
  const Knowledge *cta = release ? &warp.known : warp.publishedCta.get();
  const Knowledge *gpu = release ? &warp.known : warp.publishedGpu.get();
  attach(attached.cta, *cta);
  if (scope == Scope::Gpu && gpu)
    attach(attached.gpu, *gpu);
  if (release)
    warp.known.own[warp.warp] = ++clock;
}

void SyncLocations::acquire(uint64_t address, WarpOrder &warp, Scope scope,
                            bool acquire) {
  if (locations_.empty())
    return;
  auto it = locations_.find(address);
  if (it == locations_.end())
    return;
  // At block scope only what this very block attached counts.
  BlockClocks ownBlock;
  auto own = it->second.cta.find(warp.blockStart);
  if (own != it->second.cta.end())
    ownBlock.insert(*own);
  auto pick = [&](std::shared_ptr<Knowledge> &pending,
                  const BlockClocks &blocks) {
    if (blocks.empty())
      return;
    if (acquire) {
      warp.known.join(blocks, warp.blockStart);
      return;
    }
    auto joined = pending ? std::make_shared<Knowledge>(*pending)
                          : std::make_shared<Knowledge>();
    joined->join(blocks, warp.blockStart);
    pending = std::move(joined);
  };
  pick(warp.pendingCta, ownBlock);
  if (scope == Scope::Gpu)
    pick(warp.pendingGpu, it->second.gpu);
}

void joinAtBarrier(const std::vector<WarpOrder *> &warps, uint32_t &clock) {
  Knowledge known;
  auto joinShared = [&](std::shared_ptr<Knowledge> WarpOrder::*member) {
    std::shared_ptr<Knowledge> joined;
    for (WarpOrder *warp : warps)
      if (warp->*member && warp->*member != joined) {
        if (!joined)
          joined = warp->*member;
        else
          joinInto(joined, *(warp->*member));
      }
    if (joined)
      for (WarpOrder *warp : warps)
        warp->*member = joined;
  };
  for (WarpOrder *warp : warps)
    known.join(warp->known);
  joinShared(&WarpOrder::publishedCta);
  joinShared(&WarpOrder::publishedGpu);
  joinShared(&WarpOrder::pendingCta);
  joinShared(&WarpOrder::pendingGpu);
  for (WarpOrder *warp : warps) {
    warp->known = known;
    warp->known.own[warp->warp] = ++clock;
  }
}

} // namespace swallow::emulator
