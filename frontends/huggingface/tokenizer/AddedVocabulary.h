//===- AddedVocabulary.h - tokens beside the model's ------------*- C++ -*-===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_ADDEDVOCABULARY_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_ADDEDVOCABULARY_H

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace swallow {

struct AddedTokenSpec {
  std::string content;
  bool singleWord = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool special = false;

  bool operator==(const AddedTokenSpec &) const = default;
};

/// The added tokens and their ids. Ids are given out as tokenizers'
/// AddedVocabulary does it: that of the model's vocabulary if the token is in
/// it, else the next free one, whatever a file says.
class AddedVocabulary {
public:
  using Vocab = std::unordered_map<std::string, uint32_t>;

  /// Adds `tokens` in order. A token that is there already gets the new
  /// properties.
  void add(const std::vector<AddedTokenSpec> &tokens, const Vocab &vocab);

  bool contains(const std::string &content) const {
    return ids_.count(content) != 0;
  }
  /// Null if there is none.
  const AddedTokenSpec *find(const std::string &content) const;

  /// By id.
  const std::map<uint32_t, AddedTokenSpec> &tokens() const { return tokens_; }

  /// Whether decoding may leave out a token that reads `content`: whether such
  /// a token was ever special.
  bool isSpecial(const std::string &content) const {
    return special_.count(content) != 0;
  }

private:
  std::unordered_map<std::string, uint32_t> ids_;
  std::map<uint32_t, AddedTokenSpec> tokens_;
  std::unordered_set<std::string> special_;
};

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZER_ADDEDVOCABULARY_H
