#include "runtime/generation/StopStrings.h"

#include <algorithm>

namespace swallow {

StopAutomaton::StopAutomaton(std::span<const std::string> strings) {
  nodes_.emplace_back();
  for (size_t i = 0; i < strings.size(); ++i) {
    lengths_.push_back(strings[i].size());
    State state = 0;
    for (char byte : strings[i]) {
      State after = child(state, byte);
      if (after == 0) {
        after = static_cast<State>(nodes_.size());
        Node node;
        node.depth = nodes_[state].depth + 1;
        nodes_.push_back(std::move(node));
        auto &children = nodes_[state].children;
        children.insert(std::upper_bound(children.begin(), children.end(),
                                         std::pair<char, State>(byte, 0)),
                        {byte, after});
      }
      state = after;
    }
    if (nodes_[state].match < 0) // of equal strings, the first
      nodes_[state].match = static_cast<int32_t>(i);
  }
  link();
}

// Breadth first: a node's fail link is shallower than the node.
void StopAutomaton::link() {
  std::vector<State> queue = {0};
  for (size_t done = 0; done < queue.size(); ++done) {
    State state = queue[done];
    for (auto [byte, after] : nodes_[state].children) {
      Node &node = nodes_[after];
      node.fail = state == 0 ? 0 : next(nodes_[state].fail, byte);
      if (node.match < 0)
        node.match = nodes_[node.fail].match;
      node.held = node.children.empty() ? nodes_[node.fail].held : node.depth;
      queue.push_back(after);
    }
  }
}

StopAutomaton::State StopAutomaton::child(State state, char byte) const {
  const auto &children = nodes_[state].children;
  auto found = std::lower_bound(children.begin(), children.end(),
                                std::pair<char, State>(byte, 0));
  return found != children.end() && found->first == byte ? found->second : 0;
}

StopAutomaton::State StopAutomaton::next(State state, char byte) const {
  for (;; state = nodes_[state].fail) {
    State after = child(state, byte);
    if (after != 0 || state == 0)
      return after;
  }
}

int32_t StopMatcher::append(std::string_view text, bool mayStop,
                            std::string &out) {
  if (!automaton_) {
    out += text;
    return -1;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    state_ = automaton_->next(state_, text[i]);
    int32_t match = automaton_->match(state_);
    if (match < 0 || !mayStop)
      continue;
    // All of the string waits, or is in `text`.
    waiting_ += text.substr(0, i + 1);
    waiting_.resize(waiting_.size() - automaton_->length(match));
    finish(out);
    return match;
  }
  waiting_ += text;
  size_t certain = waiting_.size() - automaton_->held(state_);
  out.append(waiting_, passed_, certain - passed_);
  passed_ = certain;
  // Moving what waits costs no more than what has passed.
  if (passed_ >= waiting_.size() - passed_) {
    waiting_.erase(0, passed_);
    passed_ = 0;
  }
  return -1;
}

void StopMatcher::finish(std::string &out) {
  out.append(waiting_, passed_, waiting_.size() - passed_);
  waiting_.clear();
  passed_ = 0;
  state_ = 0;
}

} // namespace swallow
