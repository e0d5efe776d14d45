//===- MergeQueue.h - which merge is next -----------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_MERGEQUEUE_H
#define SWALLOW_RUNTIME_TEXT_MERGEQUEUE_H

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

namespace swallow {

/// Possible merges, the one with the lowest rank first and the leftmost one
/// among equals.
struct QueuedMerge {
  uint32_t rank;
  uint32_t index; // of its left symbol
};

/// A heap: fastest for words.
class HeapQueue {
public:
  void clear(size_t count = 0) {
    heap_.clear();
    heap_.reserve(count);
  }

  /// Any number of append(), then order(), is the same as push() for each.
  void append(QueuedMerge merge) {
    heap_.push_back(static_cast<uint64_t>(merge.rank) << 32 | merge.index);
  }
  void order() { std::make_heap(heap_.begin(), heap_.end(), std::greater<>()); }
  void push(QueuedMerge merge) {
    append(merge);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  bool empty() const { return heap_.empty(); }
  QueuedMerge top() const {
    return {static_cast<uint32_t>(heap_.front() >> 32),
            static_cast<uint32_t>(heap_.front())};
  }
  void pop() {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
  }

private:
  std::vector<uint64_t> heap_;
};

/// For texts without an end of a word. A heap of that size misses the cache at
/// every step, but merges of one rank nearly always come from left to right: a
/// list for each rank takes those, and heaps have but the ranks and the few
/// merges that come out of order.
class RankQueue {
public:
  /// Empties the queue, which then expects about `count` merges.
  void clear(size_t count) {
    entries_.clear();
    entries_.reserve(2 * count);
    lists_.clear();
    ranks_.clear();
    strays_.clear();
    slots_.assign(256, 0);
  }

  void append(QueuedMerge merge) { push(merge); }
  void order() {}
  void push(QueuedMerge merge) {
    uint32_t number = findList(merge.rank);
    List &list = lists_[number];
    bool isEmpty = list.first == noEntry;
    if (!isEmpty && entries_[list.last].index > merge.index) {
      strays_.push(merge);
      return;
    }
    auto entry = static_cast<uint32_t>(entries_.size());
    entries_.push_back({merge.index, noEntry});
    if (isEmpty) {
      list.first = entry;
      ranks_.push({merge.rank, number});
    } else {
      entries_[list.last].next = entry;
    }
    list.last = entry;
  }

  bool empty() const { return ranks_.empty() && strays_.empty(); }

  QueuedMerge top() const {
    if (ranks_.empty())
      return strays_.top();
    QueuedMerge first = ranks_.top(); // its index is that of a list
    first.index = entries_[lists_[first.index].first].index;
    if (strays_.empty() || isBefore(first, strays_.top()))
      return first;
    return strays_.top();
  }

  void pop() {
    if (!ranks_.empty()) {
      QueuedMerge first = ranks_.top();
      List &list = lists_[first.index];
      const Entry &entry = entries_[list.first];
      if (strays_.empty() ||
          isBefore({first.rank, entry.index}, strays_.top())) {
        list.first = entry.next;
        if (list.first == noEntry)
          ranks_.pop();
        return;
      }
    }
    strays_.pop();
  }

private:
  static constexpr uint32_t noEntry = 0xffffffffu;
  struct Entry {
    uint32_t index;
    uint32_t next; // of the same rank
  };
  struct List {
    uint32_t rank;
    uint32_t first, last;
  };

  static bool isBefore(QueuedMerge a, QueuedMerge b) {
    return a.rank != b.rank ? a.rank < b.rank : a.index < b.index;
  }

  /// The list of a rank, by an open-addressing hash table of numbers + 1.
  uint32_t findList(uint32_t rank) {
    size_t mask = slots_.size() - 1;
    size_t slot = hash(rank) & mask;
    for (; slots_[slot] != 0; slot = (slot + 1) & mask)
      if (lists_[slots_[slot] - 1].rank == rank)
        return slots_[slot] - 1;
    lists_.push_back({rank, noEntry, noEntry});
    slots_[slot] = static_cast<uint32_t>(lists_.size());
    if (lists_.size() * 2 > slots_.size()) {
      std::vector<uint32_t> larger(slots_.size() * 4, 0);
      mask = larger.size() - 1;
      for (uint32_t i = 0; i < lists_.size(); ++i) {
        slot = hash(lists_[i].rank) & mask;
        while (larger[slot] != 0)
          slot = (slot + 1) & mask;
        larger[slot] = i + 1;
      }
      slots_.swap(larger);
    }
    return static_cast<uint32_t>(lists_.size() - 1);
  }
  static size_t hash(uint32_t rank) {
    return rank * 0x9e3779b97f4a7c15ull >> 24;
  }

  std::vector<Entry> entries_;
  std::vector<List> lists_;
  HeapQueue ranks_; // of lists that are not empty
  HeapQueue strays_;
  std::vector<uint32_t> slots_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_MERGEQUEUE_H
