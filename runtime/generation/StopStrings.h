//===- StopStrings.h - texts that end a text --------------------*- C++ -*-===//

#ifndef SWALLOW_RUNTIME_GENERATION_STOPSTRINGS_H
#define SWALLOW_RUNTIME_GENERATION_STOPSTRINGS_H

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swallow {

/// Finds any of several strings in a text that comes in pieces: the automaton
/// of Aho and Corasick, "Efficient string matching", CACM 18(6), 1975. Time is
/// linear in the text, whatever the strings. Immutable.
class StopAutomaton {
public:
  /// None of `strings` is empty.
  explicit StopAutomaton(std::span<const std::string> strings);

  using State = uint32_t; // 0: nothing of any string

  State next(State state, char byte) const;

  /// The longest string that ends in `state`, -1 if none does.
  int32_t match(State state) const { return nodes_[state].match; }
  size_t length(int32_t string) const {
    return lengths_[static_cast<size_t>(string)];
  }
  /// Bytes at the end of the text with which a string can still become
  /// complete.
  size_t held(State state) const { return nodes_[state].held; }

private:
  struct Node {
    std::vector<std::pair<char, State>> children; // sorted by byte
    State fail = 0;
    uint32_t depth = 0;
    uint32_t held = 0;
    int32_t match = -1;
  };
  /// The child of `state` for `byte`, 0 if there is none.
  State child(State state, char byte) const;
  void link();

  std::vector<Node> nodes_;
  std::vector<size_t> lengths_;
};

/// Passes a text on up to the first stop string to be complete (of those that
/// end at the same byte, the longest). What may be the beginning of one waits.
class StopMatcher {
public:
  /// Without an automaton the text passes through.
  explicit StopMatcher(std::shared_ptr<const StopAutomaton> automaton = {})
      : automaton_(std::move(automaton)) {}

  /// Appends to `out` what of the text so far and `text` is certain. Returns
  /// the stop string that was found, -1 for none; nothing may follow one.
  /// Strings that end within `text` are ignored unless `mayStop`.
  int32_t append(std::string_view text, bool mayStop, std::string &out);

  /// Appends what was waiting.
  void finish(std::string &out);

private:
  std::shared_ptr<const StopAutomaton> automaton_;
  StopAutomaton::State state_ = 0;
  std::string waiting_; // from passed_ on
  size_t passed_ = 0;
};

} // namespace swallow

#endif // SWALLOW_RUNTIME_GENERATION_STOPSTRINGS_H
