//===- Bpe.cpp - byte-pair encoding of words ------------------------------===//

#include "runtime/text/Bpe.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <optional>
#include <span>

using namespace swallow;

namespace {

// Up to here looking through all pairs is faster than keeping a heap.
constexpr size_t fewSymbols = 24;
// From here on the heap no longer stays in the cache.
constexpr size_t manySymbols = 2048;
// What a long text has taken is given back when it is done.
constexpr size_t keptSymbols = 1 << 16;

} // namespace

void BpeEncoder::encode(std::string_view word, std::vector<int32_t> &ids) {
  if (word.empty())
    return;
  bool isShort = word.size() <= WordCache::maxLength;
  uint64_t hash = isShort || model_.ignoreMerges ? hashTokenBytes(word) : 0;
  if (isShort) {
    size_t count;
    if (const int32_t *known = cache_.find(word, hash, count)) {
      ids.insert(ids.end(), known, known + count);
      return;
    }
  }
  size_t before = ids.size();
  std::optional<uint32_t> token;
  if (model_.ignoreMerges)
    token = model_.tokens.find(word, hash);
  if (token)
    ids.push_back(static_cast<int32_t>(*token));
  else
    encodeUnknown(word, ids);
  if (isShort)
    cache_.add(word, hash, std::span(ids).subspan(before));
}

void BpeEncoder::encodeUnknown(std::string_view word,
                               std::vector<int32_t> &ids) {
  bool ordered = addUnits(word);
  size_t count = symbols_.size();
  // Where no merge can happen the word falls into stretches that are short, and
  // often known already, even if the model has no pre-tokenizer. Caching one
  // needs the text that its symbols stand for, and that it becomes what it
  // would as a word: with ignore_merges a word may be a token, a stretch not.
  bool cacheStretches =
      ordered && !model_.ignoreMerges && word.size() > WordCache::maxLength;
  for (size_t first = 0; first < count;) {
    size_t last = first + 1;
    while (last < count &&
           (!model_.tokens.hasJoints() ||
            model_.tokens.mayJoin(symbols_[last - 1].id, symbols_[last].id)))
      ++last;
    if (last - first == 1) {
      ids.push_back(static_cast<int32_t>(symbols_[first].id));
      first = last;
      continue;
    }
    size_t end = last < count ? symbols_[last].begin : word.size();
    std::string_view text =
        word.substr(symbols_[first].begin, end - symbols_[first].begin);
    if (cacheStretches && text.size() <= WordCache::maxLength) {
      uint64_t hash = hashTokenBytes(text);
      size_t known;
      if (const int32_t *found = cache_.find(text, hash, known)) {
        ids.insert(ids.end(), found, found + known);
      } else {
        size_t before = ids.size();
        merge(first, last, ids);
        cache_.add(text, hash, std::span(ids).subspan(before));
      }
    } else {
      merge(first, last, ids);
    }
    first = last;
  }
  if (symbols_.capacity() > keptSymbols) {
    std::vector<Symbol>().swap(symbols_);
    heapQueue_ = {};
    rankQueue_ = {};
  }
}

void BpeEncoder::addSymbol(uint32_t id, size_t begin) {
  symbols_.push_back({id, static_cast<uint32_t>(begin), noMerge, 0, 0, 0});
}

bool BpeEncoder::addUnits(std::string_view word) {
  symbols_.clear();
  symbols_.reserve(word.size());
  // Like tokenizers, an unknown unit waits for the next known one: byte
  // tokens of units in between come first.
  bool unkWaits = false;
  bool ordered = true;
  size_t unkBegin = 0;
  auto addUnk = [&](size_t begin) {
    if (model_.unkId < 0)
      return; // an unknown unit without an unknown token leaves nothing
    if (unkWaits && model_.fuseUnk)
      return;
    if (unkWaits)
      addSymbol(static_cast<uint32_t>(model_.unkId), unkBegin);
    unkWaits = true;
    unkBegin = begin;
  };
  auto addKnown = [&](uint32_t id, size_t begin) {
    if (unkWaits)
      addSymbol(static_cast<uint32_t>(model_.unkId), unkBegin);
    unkWaits = false;
    addSymbol(id, begin);
  };

  for (size_t begin = 0; begin < word.size();) {
    if (model_.rawBytes) {
      int32_t id = model_.byteUnits[static_cast<unsigned char>(word[begin])];
      if (id >= 0)
        addKnown(static_cast<uint32_t>(id), begin);
      else
        addUnk(begin);
      ++begin;
      continue;
    }
    size_t end = std::min(begin + utf8Length(word[begin]), word.size());
    std::string_view unit = word.substr(begin, end - begin);
    bool addPrefix = begin > 0 && !model_.prefix.empty();
    bool addSuffix = end == word.size() && !model_.suffix.empty();
    if (addPrefix || addSuffix) {
      unit_.clear();
      if (addPrefix)
        unit_ += model_.prefix;
      unit_ += unit;
      if (addSuffix)
        unit_ += model_.suffix;
      unit = unit_;
    }
    if (std::optional<uint32_t> id = model_.tokens.find(unit)) {
      addKnown(*id, begin);
    } else {
      auto hasByteToken = [&](char c) {
        return model_.byteUnits[static_cast<unsigned char>(c)] >= 0;
      };
      if (model_.byteFallback &&
          std::all_of(unit.begin(), unit.end(), hasByteToken)) {
        ordered &= !unkWaits;
        for (size_t i = 0; i < unit.size(); ++i)
          addSymbol(static_cast<uint32_t>(
                        model_.byteUnits[static_cast<unsigned char>(unit[i])]),
                    std::min(begin + i, end - 1));
      } else {
        addUnk(begin);
      }
    }
    begin = end;
  }
  if (unkWaits)
    addSymbol(static_cast<uint32_t>(model_.unkId), unkBegin);
  return ordered;
}

void BpeEncoder::lookUp(Symbol &left, uint32_t right) {
  Merge merge;
  bool found = model_.tokens.findMerge(left.id, right, merge);
  left.rank = found ? merge.rank : noMerge;
  left.result = found ? merge.result : 0;
}

void BpeEncoder::merge(size_t first, size_t last, std::vector<int32_t> &ids) {
  for (size_t i = first; i + 1 < last; ++i)
    lookUp(symbols_[i], symbols_[i + 1].id);
  symbols_[last - 1].rank = noMerge;
  if (last - first <= fewSymbols)
    mergeFew(first, last, ids);
  else if (last - first <= manySymbols)
    mergeMany(heapQueue_, first, last, ids);
  else
    mergeMany(rankQueue_, first, last, ids);
}

void BpeEncoder::mergeFew(size_t first, size_t last,
                          std::vector<int32_t> &ids) {
  // symbols_[last, ...) are not touched: only [first, end) is closed up.
  size_t end = last;
  while (end - first > 1) {
    size_t best = first;
    for (size_t i = first + 1; i < end; ++i)
      if (symbols_[i].rank < symbols_[best].rank)
        best = i;
    if (symbols_[best].rank == noMerge)
      break;
    symbols_[best].id = symbols_[best].result;
    std::copy(symbols_.begin() + best + 2, symbols_.begin() + end,
              symbols_.begin() + best + 1);
    --end;
    if (best + 1 < end)
      lookUp(symbols_[best], symbols_[best + 1].id);
    else
      symbols_[best].rank = noMerge;
    if (best > first)
      lookUp(symbols_[best - 1], symbols_[best].id);
  }
  for (size_t i = first; i < end; ++i)
    ids.push_back(static_cast<int32_t>(symbols_[i].id));
}

template <typename Queue>
void BpeEncoder::mergeMany(Queue &queue, size_t first, size_t last,
                           std::vector<int32_t> &ids) {
  queue.clear(last - first);
  for (size_t i = first; i < last; ++i) {
    auto index = static_cast<uint32_t>(i);
    symbols_[i].previous = i == first ? noSymbol : index - 1;
    symbols_[i].next = i + 1 == last ? noSymbol : index + 1;
    if (symbols_[i].rank != noMerge)
      queue.append({symbols_[i].rank, index});
  }
  queue.order();

  // A symbol's rank changes when it or its right neighbour changes; entries of
  // the queue whose rank is no longer the symbol's are stale.
  auto update = [&](uint32_t index) {
    Symbol &symbol = symbols_[index];
    if (symbol.next == noSymbol) {
      symbol.rank = noMerge;
      return;
    }
    lookUp(symbol, symbols_[symbol.next].id);
    if (symbol.rank != noMerge)
      queue.push({symbol.rank, index});
  };
  while (!queue.empty()) {
    auto [rank, index] = queue.top();
    queue.pop();
    Symbol &left = symbols_[index];
    if (left.rank != rank)
      continue;
    left.id = left.result;
    Symbol &right = symbols_[left.next];
    right.rank = noMerge;
    left.next = right.next;
    if (left.next != noSymbol)
      symbols_[left.next].previous = index;
    update(index);
    if (left.previous != noSymbol)
      update(left.previous);
  }
  for (auto i = static_cast<uint32_t>(first); i != noSymbol;
       i = symbols_[i].next)
    ids.push_back(static_cast<int32_t>(symbols_[i].id));
}
