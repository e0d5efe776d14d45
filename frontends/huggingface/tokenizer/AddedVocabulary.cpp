//===- AddedVocabulary.cpp - tokens beside the model's --------------------===//

#include "frontends/huggingface/tokenizer/AddedVocabulary.h"

#include <algorithm>

using namespace swallow;

void AddedVocabulary::add(const std::vector<AddedTokenSpec> &tokens,
                          const Vocab &vocab) {
  auto nextId = static_cast<uint32_t>(vocab.size());
  if (!tokens_.empty())
    nextId = std::max(nextId, tokens_.rbegin()->first + 1);
  for (const AddedTokenSpec &token : tokens) {
    if (token.content.empty())
      continue;
    uint32_t id;
    if (auto known = ids_.find(token.content); known != ids_.end())
      id = known->second;
    else if (auto model = vocab.find(token.content); model != vocab.end())
      id = model->second;
    else
      id = nextId++;
    ids_[token.content] = id;
    tokens_[id] = token;
    if (token.special)
      special_.insert(token.content);
  }
}

const AddedTokenSpec *AddedVocabulary::find(const std::string &content) const {
  auto id = ids_.find(content);
  return id == ids_.end() ? nullptr : &tokens_.at(id->second);
}
