//===- ChatArtifact.h - an artifact with templates --------------*- C++ -*-===//

#ifndef SWALLOW_TEST_RUNTIME_CHAT_CHATARTIFACT_H
#define SWALLOW_TEST_RUNTIME_CHAT_CHATARTIFACT_H

#include "runtime/jinja/Template.h"
#include "test/runtime/artifact/ArtifactFixture.h"

#include <map>
#include <string>

namespace swallow::test {

using Texts = std::map<std::string, std::string>;

/// `parts` with these templates (Jinja by name) and special tokens alone.
inline ArtifactParts withChat(ArtifactParts parts, const Texts &templates,
                              const Texts &tokens) {
  std::erase_if(parts.segments, [](const SegmentData &segment) {
    return segment.kind == fbs::SegmentKind::ChatTemplate;
  });
  for (const auto &[name, source] : templates)
    if (auto bytes = jinja::compileTemplate(source))
      parts.segments.push_back({fbs::SegmentKind::ChatTemplate, name, *bytes});
  parts.program.special_tokens.clear();
  for (const auto &[name, text] : tokens) {
    auto token = std::make_unique<fbs::SpecialTokenT>();
    token->name = name;
    token->text = text;
    parts.program.special_tokens.push_back(std::move(token));
  }
  return parts;
}

} // namespace swallow::test

#endif // SWALLOW_TEST_RUNTIME_CHAT_CHATARTIFACT_H
