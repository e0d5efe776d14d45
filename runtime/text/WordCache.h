//===- WordCache.h - words that were encoded before -------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_TEXT_WORDCACHE_H
#define SWALLOW_RUNTIME_TEXT_WORDCACHE_H

#include "runtime/text/TokenTable.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// The ids of short words. Once it is full it starts anew, so that it follows
/// the text; it takes some megabytes at most.
class WordCache {
public:
  // Longer words rarely come again and are not worth their memory.
  static constexpr size_t maxLength = 48;
  static constexpr size_t maxWords = 1 << 16;

  /// The ids of `word`, which hashes to `hash` (hashTokenBytes), or null. Valid
  /// until add().
  const int32_t *find(std::string_view word, uint64_t hash,
                      size_t &count) const {
    if (slots_.empty())
      return nullptr;
    size_t mask = slots_.size() - 1;
    for (size_t slot = hash & mask; slots_[slot] != 0;
         slot = (slot + 1) & mask) {
      const Entry &entry = entries_[slots_[slot] - 1];
      if (entry.hash == hash && text(entry) == word) {
        count = entry.idCount;
        return ids_.data() + entry.firstId;
      }
    }
    return nullptr;
  }

  /// Remembers a word that is not there and not longer than maxLength.
  void add(std::string_view word, uint64_t hash, std::span<const int32_t> ids) {
    if (entries_.size() == maxWords)
      *this = WordCache();
    if (2 * entries_.size() >= slots_.size())
      grow();
    entries_.push_back({hash, static_cast<uint32_t>(bytes_.size()),
                        static_cast<uint32_t>(ids_.size()),
                        static_cast<uint32_t>(word.size()),
                        static_cast<uint32_t>(ids.size())});
    bytes_ += word;
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    place(entries_.size());
  }

private:
  struct Entry {
    uint64_t hash;
    uint32_t firstByte, firstId; // in bytes_ and ids_
    uint32_t length, idCount;
  };

  std::string_view text(const Entry &entry) const {
    return std::string_view(bytes_).substr(entry.firstByte, entry.length);
  }

  void place(size_t number) {
    size_t mask = slots_.size() - 1;
    size_t slot = entries_[number - 1].hash & mask;
    while (slots_[slot] != 0)
      slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(number);
  }

  void grow() {
    slots_.assign(slots_.empty() ? 512 : 4 * slots_.size(), 0);
    for (size_t number = 1; number <= entries_.size(); ++number)
      place(number);
  }

  std::vector<uint32_t> slots_; // numbers of entries, from 1; 0 is empty
  std::vector<Entry> entries_;
  std::string bytes_;
  std::vector<int32_t> ids_;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_TEXT_WORDCACHE_H
