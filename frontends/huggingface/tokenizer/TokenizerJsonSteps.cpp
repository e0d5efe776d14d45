//===- TokenizerJsonSteps.cpp - tokenizer.json: steps ---------------------===//
//
// Each component of tokenizers as the few kinds of steps that a table has.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/tokenizer/RegexTranslator.h"
#include "frontends/huggingface/tokenizer/TokenizerJson.h"
#include "runtime/text/Regex.h"
#include "runtime/text/TokenTable.h"
#include "runtime/text/Utf8.h"

#include <utility>

using namespace swallow;
using text::table::DecoderKind;
using text::table::NormalizerKind;
using text::table::PreTokenizerKind;
using text::table::SplitBehavior;

namespace {

// tokenizers, pre_tokenizers/byte_level.rs, which has it from GPT-2.
constexpr std::string_view byteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// These are PCRE2 patterns already. Punctuation is the category or ASCII
// punctuation; \w is that of Rust's regex, which has Join_Control.
constexpr std::string_view digitPattern = R"(\p{N})";
constexpr std::string_view punctuationPattern = R"([\p{P}$+<=>^`|~])";
constexpr std::string_view spacePattern = R"(\p{White_Space})";
constexpr std::string_view wordPattern =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|)"
    R"([^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+)";
constexpr std::string_view markPattern = R"(\p{M})";

// tokenizers, normalizers/unicode.rs and bert.rs.
constexpr std::string_view nmtRemoved =
    R"([\x{1}-\x{8}\x{B}\x{E}-\x{1F}\x{7F}\x{8F}\x{9F}])";
constexpr std::string_view nmtSpaces =
    R"([\x{9}\x{A}\x{C}\x{D}\x{1680}\x{200B}-\x{200F}\x{2028}\x{2029})"
    R"(\x{2581}\x{FEFF}\x{FFFD}])";
constexpr std::string_view bertRemoved =
    R"((?![\x{9}\x{A}\x{D}])[\x{FFFD}\p{Cc}\p{Cf}\p{Co}])";
constexpr std::string_view bertChinese =
    R"([\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{20000}-)"
    R"(\x{2A6DF}\x{2A700}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{2F800}-\x{2FA1F}])";

constexpr uint32_t maxRepeat = 65535; // PCRE2's

// What the decoder WordPiece tidies up in each token, in this order.
constexpr std::pair<std::string_view, std::string_view> wordPieceCleanup[] = {
    {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
    {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
    {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

struct Pattern {
  bool isRegex = false;
  std::string text;
};

/// {"String": ...} or {"Regex": ...}.
Result<Pattern> readPattern(const JsonNode &node) {
  if (node["Regex"].isString()) {
    SWALLOW_ASSIGN(std::string regex, node["Regex"].string());
    Result<std::string> translated = translateRegex(regex);
    if (!translated)
      return node["Regex"].wrap(translated.error());
    return Pattern{true, *translated};
  }
  if (!node["String"].isString())
    return node.malformed("a String or Regex");
  SWALLOW_ASSIGN(std::string text, node["String"].string());
  if (text.empty())
    return node["String"].unsupported("an empty pattern");
  return Pattern{false, text};
}

Result<std::string> readCharacter(const JsonNode &node) {
  Result<std::string> text = node.string();
  if (text && (text->empty() || text->size() != utf8Length(text->front())))
    return node.malformed("one character");
  return text;
}

void addNormalizer(TokenizerSpec &spec, NormalizerKind kind,
                   std::string_view pattern = "",
                   std::string_view content = "") {
  spec.normalizers.emplace_back();
  spec.normalizers.back().kind = kind;
  spec.normalizers.back().pattern = pattern;
  spec.normalizers.back().content = content;
}

void addPreTokenizer(TokenizerSpec &spec, PreTokenizerKind kind,
                     std::string_view pattern = "",
                     std::string_view content = "",
                     SplitBehavior behavior = SplitBehavior::Removed,
                     bool invert = false) {
  TokenizerSpec::PreTokenizer step;
  step.kind = kind;
  step.pattern = pattern;
  step.content = content;
  step.behavior = behavior;
  step.invert = invert;
  spec.preTokenizers.push_back(std::move(step));
}

void addDecoder(TokenizerSpec &spec, DecoderKind kind,
                std::string_view pattern = "", std::string_view content = "",
                uint32_t start = 0, uint32_t stop = 0) {
  TokenizerSpec::Decoder step;
  step.kind = kind;
  step.pattern = pattern;
  step.content = content;
  step.start = start;
  step.stop = stop;
  spec.decoders.push_back(std::move(step));
}

Result<SplitBehavior> readBehavior(const JsonNode &node) {
  SWALLOW_ASSIGN(std::string name, node.string());
  for (SplitBehavior behavior : text::table::EnumValuesSplitBehavior())
    if (name == text::table::EnumNameSplitBehavior(behavior))
      return behavior;
  return node.malformed("the name of a split behavior");
}

struct Metaspace {
  std::string replacement;
  enum { First, Never, Always } scheme;
  bool split;
};

Result<Metaspace> readMetaspace(const JsonNode &node) {
  Metaspace result;
  SWALLOW_ASSIGN(result.replacement, readCharacter(node["replacement"]));
  SWALLOW_ASSIGN(std::string scheme, node["prepend_scheme"].string("always"));
  SWALLOW_ASSIGN(bool addPrefixSpace, node["add_prefix_space"].boolean(true));
  if (scheme == "first")
    result.scheme = Metaspace::First;
  else if (scheme == "never")
    result.scheme = Metaspace::Never;
  else if (scheme == "always")
    result.scheme = Metaspace::Always;
  else
    return node["prepend_scheme"].malformed("first, never or always");
  // What tokenizers itself does not load.
  if (!addPrefixSpace && result.scheme != Metaspace::Never &&
      !node["prepend_scheme"].isMissingOrNull())
    return node["add_prefix_space"].malformed(
        "true, as prepend_scheme is not never");
  if (!addPrefixSpace)
    result.scheme = Metaspace::Never;
  SWALLOW_ASSIGN(result.split, node["split"].boolean(true));
  return result;
}

/// Steps like those of BERT's BasicTokenizer.
Status readBertNormalizer(const JsonNode &node, TokenizerSpec &spec) {
  SWALLOW_ASSIGN(bool clean, node["clean_text"].boolean());
  SWALLOW_ASSIGN(bool chinese, node["handle_chinese_chars"].boolean());
  SWALLOW_ASSIGN(bool lowercase, node["lowercase"].boolean());
  SWALLOW_ASSIGN(bool strip, node["strip_accents"].boolean(lowercase));
  if (clean) {
    addNormalizer(spec, NormalizerKind::ReplaceRegex, bertRemoved);
    addNormalizer(spec, NormalizerKind::ReplaceRegex, spacePattern, " ");
  }
  if (chinese) { // a space on either side of each
    const std::string characters(bertChinese);
    addNormalizer(spec, NormalizerKind::ReplaceRegex, "(?=" + characters + ")",
                  " ");
    addNormalizer(spec, NormalizerKind::ReplaceRegex, "(?<=" + characters + ")",
                  " ");
  }
  if (strip) {
    addNormalizer(spec, NormalizerKind::NFD);
    addNormalizer(spec, NormalizerKind::ReplaceRegex, R"(\p{Mn})");
  }
  if (lowercase)
    addNormalizer(spec, NormalizerKind::Lowercase);
  return {};
}

/// The id or ids of a special token that a post-processor adds.
Status checkIds(const JsonNode &node, const std::vector<uint32_t> &ids,
                const TokenizerSpec &spec) {
  for (uint32_t id : ids) {
    bool known = spec.added.tokens().count(id) != 0;
    for (auto it = spec.vocab.begin(); !known && it != spec.vocab.end(); ++it)
      known = it->second == id;
    if (!known)
      return node.malformed("ids of tokens (" + std::to_string(id) +
                            " is none)");
  }
  return {};
}

Status readTemplate(const JsonNode &node, TokenizerSpec &spec) {
  SWALLOW_ASSIGN(std::vector<JsonNode> pieces, node["single"].array());
  std::vector<uint32_t> before, after;
  bool seenText = false;
  for (const JsonNode &piece : pieces) {
    if (piece["Sequence"].isObject()) {
      SWALLOW_ASSIGN(std::string id, piece["Sequence"]["id"].string());
      if (id != "A" || seenText)
        return piece["Sequence"]["id"].unsupported(
            "a template with other than one sequence A");
      seenText = true;
      continue;
    }
    SWALLOW_ASSIGN(std::string name, piece["SpecialToken"]["id"].string());
    JsonNode idsNode = node["special_tokens"][name]["ids"];
    SWALLOW_ASSIGN(std::vector<JsonNode> idNodes, idsNode.array());
    std::vector<uint32_t> ids;
    for (const JsonNode &idNode : idNodes) {
      SWALLOW_ASSIGN(uint32_t id, idNode.number(maxVocabSize - 1));
      ids.push_back(id);
    }
    SWALLOW_TRY(checkIds(idsNode, ids, spec));
    std::vector<uint32_t> &side = seenText ? after : before;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (!seenText)
    return node["single"].unsupported("a template without the text");
  spec.prefixIds = std::move(before);
  spec.suffixIds = std::move(after);
  return {};
}

/// ["</s>", 2]
Result<uint32_t> readTokenAndId(const JsonNode &node,
                                const TokenizerSpec &spec) {
  SWALLOW_TRY(node[0].string());
  SWALLOW_ASSIGN(uint32_t id, node[1].number(maxVocabSize - 1));
  SWALLOW_TRY(checkIds(node[1], {id}, spec));
  return id;
}

} // namespace

Status swallow::readNormalizer(const JsonNode &node, TokenizerSpec &spec) {
  if (node.isMissingOrNull())
    return {};
  SWALLOW_ASSIGN(std::string type, node["type"].string());
  if (type == "Sequence") {
    SWALLOW_ASSIGN(std::vector<JsonNode> items, node["normalizers"].array());
    for (const JsonNode &item : items) {
      if (item.isMissingOrNull())
        return item.malformed("a normalizer");
      SWALLOW_TRY(readNormalizer(item, spec));
    }
  } else if (type == "Prepend") {
    SWALLOW_ASSIGN(std::string text, node["prepend"].string());
    if (text.empty()) // tokenizers writes the first character twice then
      return node["prepend"].unsupported("an empty text");
    addNormalizer(spec, NormalizerKind::Prepend, "", text);
  } else if (type == "Replace") {
    SWALLOW_ASSIGN(Pattern pattern, readPattern(node["pattern"]));
    SWALLOW_ASSIGN(std::string content, node["content"].string());
    // tokenizers inserts text, and then fails when it goes on with it.
    if (pattern.isRegex) {
      SWALLOW_ASSIGN(Regex regex, Regex::compile(pattern.text));
      if (regex.matchesEmpty())
        return node["pattern"].unsupported(
            "a normalizer with a Regex that may match nothing");
    }
    addNormalizer(spec,
                  pattern.isRegex ? NormalizerKind::ReplaceRegex
                                  : NormalizerKind::ReplaceLiteral,
                  pattern.text, content);
  } else if (type == "Strip") {
    SWALLOW_ASSIGN(bool left, node["strip_left"].boolean());
    SWALLOW_ASSIGN(bool right, node["strip_right"].boolean());
    if (left)
      addNormalizer(spec, NormalizerKind::StripLeft);
    if (right)
      addNormalizer(spec, NormalizerKind::StripRight);
  } else if (type == "StripAccents") {
    addNormalizer(spec, NormalizerKind::ReplaceRegex, markPattern);
  } else if (type == "NFC") {
    addNormalizer(spec, NormalizerKind::NFC);
  } else if (type == "NFD") {
    addNormalizer(spec, NormalizerKind::NFD);
  } else if (type == "NFKC") {
    addNormalizer(spec, NormalizerKind::NFKC);
  } else if (type == "NFKD") {
    addNormalizer(spec, NormalizerKind::NFKD);
  } else if (type == "Lowercase") {
    addNormalizer(spec, NormalizerKind::Lowercase);
  } else if (type == "ByteLevel") {
    addNormalizer(spec, NormalizerKind::ByteAlphabet);
  } else if (type == "Nmt") {
    addNormalizer(spec, NormalizerKind::ReplaceRegex, nmtRemoved);
    addNormalizer(spec, NormalizerKind::ReplaceRegex, nmtSpaces, " ");
  } else if (type == "BertNormalizer") {
    return readBertNormalizer(node, spec);
  } else {
    return node["type"].unsupported("normalizer " + quoteForMessage(type));
  }
  return {};
}

Status swallow::readPreTokenizer(const JsonNode &node, TokenizerSpec &spec) {
  if (node.isMissingOrNull())
    return {};
  SWALLOW_ASSIGN(std::string type, node["type"].string());
  auto split = [&](std::string_view pattern, SplitBehavior behavior,
                   bool invert = false) {
    addPreTokenizer(spec, PreTokenizerKind::SplitRegex, pattern, "", behavior,
                    invert);
  };
  if (type == "Sequence") {
    SWALLOW_ASSIGN(std::vector<JsonNode> items, node["pretokenizers"].array());
    for (const JsonNode &item : items) {
      if (item.isMissingOrNull())
        return item.malformed("a pre-tokenizer");
      SWALLOW_TRY(readPreTokenizer(item, spec));
    }
  } else if (type == "Split") {
    SWALLOW_ASSIGN(Pattern pattern, readPattern(node["pattern"]));
    SWALLOW_ASSIGN(SplitBehavior behavior, readBehavior(node["behavior"]));
    SWALLOW_ASSIGN(bool invert, node["invert"].boolean());
    addPreTokenizer(spec,
                    pattern.isRegex ? PreTokenizerKind::SplitRegex
                                    : PreTokenizerKind::SplitLiteral,
                    pattern.text, "", behavior, invert);
  } else if (type == "ByteLevel") {
    SWALLOW_ASSIGN(bool prefix, node["add_prefix_space"].boolean());
    SWALLOW_ASSIGN(bool useRegex, node["use_regex"].boolean(true));
    if (prefix)
      addPreTokenizer(spec, PreTokenizerKind::Prepend, "", " ");
    if (useRegex) {
      SWALLOW_ASSIGN(std::string pattern, translateRegex(byteLevelPattern));
      split(pattern, SplitBehavior::Isolated);
    }
    addPreTokenizer(spec, PreTokenizerKind::ByteAlphabet);
  } else if (type == "Metaspace") {
    SWALLOW_ASSIGN(Metaspace metaspace, readMetaspace(node));
    const std::string &mark = metaspace.replacement;
    addPreTokenizer(spec, PreTokenizerKind::ReplaceLiteral, " ", mark);
    if (metaspace.scheme == Metaspace::Always)
      addPreTokenizer(spec, PreTokenizerKind::Prepend, "", mark);
    else if (metaspace.scheme == Metaspace::First)
      addPreTokenizer(spec, PreTokenizerKind::PrependFirst, "", mark);
    if (metaspace.split)
      addPreTokenizer(spec, PreTokenizerKind::SplitLiteral, mark, "",
                      SplitBehavior::MergedWithNext);
  } else if (type == "Digits") {
    SWALLOW_ASSIGN(bool individual, node["individual_digits"].boolean());
    split(digitPattern,
          individual ? SplitBehavior::Isolated : SplitBehavior::Contiguous);
  } else if (type == "Punctuation") {
    SplitBehavior behavior = SplitBehavior::Isolated;
    if (!node["behavior"].isMissingOrNull()) {
      SWALLOW_ASSIGN(behavior, readBehavior(node["behavior"]));
    }
    split(punctuationPattern, behavior);
  } else if (type == "Whitespace") {
    split(wordPattern, SplitBehavior::Removed, /*invert=*/true);
  } else if (type == "WhitespaceSplit") {
    split(spacePattern, SplitBehavior::Removed);
  } else if (type == "BertPreTokenizer") {
    split(spacePattern, SplitBehavior::Removed);
    split(punctuationPattern, SplitBehavior::Isolated);
  } else if (type == "FixedLength") {
    SWALLOW_ASSIGN(uint32_t length, node["length"].number(maxRepeat));
    if (length == 0)
      return node["length"].malformed("a length");
    split("(?s:.{1," + std::to_string(length) + "})", SplitBehavior::Isolated);
  } else if (type == "CharDelimiterSplit") {
    SWALLOW_ASSIGN(std::string delimiter, readCharacter(node["delimiter"]));
    addPreTokenizer(spec, PreTokenizerKind::SplitLiteral, delimiter);
  } else {
    return node["type"].unsupported("pre-tokenizer " + quoteForMessage(type));
  }
  return {};
}

Status swallow::readPostProcessor(const JsonNode &node, TokenizerSpec &spec) {
  if (node.isMissingOrNull())
    return {};
  SWALLOW_ASSIGN(std::string type, node["type"].string());
  if (type == "Sequence") {
    SWALLOW_ASSIGN(std::vector<JsonNode> items, node["processors"].array());
    for (const JsonNode &item : items) {
      if (item.isMissingOrNull())
        return item.malformed("a post-processor");
      SWALLOW_TRY(readPostProcessor(item, spec));
    }
  } else if (type != "ByteLevel" && // which changes offsets only
             (!spec.prefixIds.empty() || !spec.suffixIds.empty())) {
    // Hugging Face's library loses tokens or panics here, so that there is no
    // answer to agree with.
    return node["type"].unsupported("a second post-processor that adds tokens");
  } else if (type == "TemplateProcessing") {
    return readTemplate(node, spec);
  } else if (type == "RobertaProcessing" || type == "BertProcessing") {
    SWALLOW_ASSIGN(uint32_t cls, readTokenAndId(node["cls"], spec));
    SWALLOW_ASSIGN(uint32_t sep, readTokenAndId(node["sep"], spec));
    spec.prefixIds = {cls};
    spec.suffixIds = {sep};
  } else if (type != "ByteLevel") {
    return node["type"].unsupported("post-processor " + quoteForMessage(type));
  }
  return {};
}

Status swallow::readDecoder(const JsonNode &node, TokenizerSpec &spec) {
  if (node.isMissingOrNull()) {
    addDecoder(spec, DecoderKind::Separate, "", " ");
    return {};
  }
  // After these there is a single token, whose end is not known while it
  // streams.
  bool fused = false;
  for (const TokenizerSpec::Decoder &step : spec.decoders)
    fused |=
        step.kind == DecoderKind::Fuse || step.kind == DecoderKind::ByteLevel;
  SWALLOW_ASSIGN(std::string type, node["type"].string());
  if (type == "Sequence") {
    SWALLOW_ASSIGN(std::vector<JsonNode> items, node["decoders"].array());
    for (const JsonNode &item : items) {
      if (item.isMissingOrNull())
        return item.malformed("a decoder");
      SWALLOW_TRY(readDecoder(item, spec));
    }
  } else if (type == "Replace") {
    SWALLOW_ASSIGN(Pattern pattern, readPattern(node["pattern"]));
    SWALLOW_ASSIGN(std::string content, node["content"].string());
    if (pattern.isRegex && fused)
      return node["pattern"].unsupported(
          "a decoder with a Regex after tokens are fused");
    addDecoder(spec,
               pattern.isRegex ? DecoderKind::ReplaceRegex
                               : DecoderKind::ReplaceLiteral,
               pattern.text, content);
  } else if (type == "ByteFallback" || type == "ByteLevel") {
    if (fused)
      return node["type"].unsupported("decoder " + quoteForMessage(type) +
                                      " after tokens are fused");
    addDecoder(spec, type == "ByteLevel" ? DecoderKind::ByteLevel
                                         : DecoderKind::ByteFallback);
  } else if (type == "Fuse") {
    addDecoder(spec, DecoderKind::Fuse);
  } else if (type == "Strip") {
    SWALLOW_ASSIGN(std::string content, readCharacter(node["content"]));
    SWALLOW_ASSIGN(uint32_t start, node["start"].number(maxVocabSize));
    SWALLOW_ASSIGN(uint32_t stop, node["stop"].number(maxVocabSize));
    addDecoder(spec, DecoderKind::Strip, "", content, start, stop);
  } else if (type == "Metaspace") {
    SWALLOW_ASSIGN(Metaspace metaspace, readMetaspace(node));
    addDecoder(spec, DecoderKind::Metaspace, metaspace.replacement, "",
               metaspace.scheme != Metaspace::Never);
  } else if (type == "BPEDecoder") {
    SWALLOW_ASSIGN(std::string suffix, node["suffix"].string("</w>"));
    if (suffix.empty())
      return node["suffix"].unsupported("an empty suffix");
    // A single token is the last one.
    addDecoder(spec,
               fused ? DecoderKind::ReplaceLiteral : DecoderKind::WordSuffix,
               suffix);
  } else if (type == "WordPiece") {
    SWALLOW_ASSIGN(std::string prefix, node["prefix"].string("##"));
    SWALLOW_ASSIGN(bool cleanup, node["cleanup"].boolean(true));
    if (!fused) // a single token is the first one, which stays
      addDecoder(spec, DecoderKind::WordPiece, prefix);
    if (cleanup)
      for (auto [pattern, content] : wordPieceCleanup)
        addDecoder(spec, DecoderKind::ReplaceLiteral, pattern, content);
  } else {
    return node["type"].unsupported("decoder " + quoteForMessage(type));
  }
  return {};
}
