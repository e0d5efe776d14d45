//===- SentencePieceModel.cpp - tokenizer.model ---------------------------===//

#include "frontends/huggingface/tokenizer/SentencePieceModel.h"
#include "runtime/text/TokenTable.h"
#include "runtime/text/Utf8.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

using namespace swallow;
using text::table::DecoderKind;
using text::table::PreTokenizerKind;
using text::table::SplitBehavior;

namespace {

constexpr std::string_view spaceMark = "\xE2\x96\x81"; // U+2581

/// A field of a protocol buffer message (protobuf.dev, "Encoding").
struct Field {
  uint32_t number = 0;
  uint64_t value = 0;     // of a varint
  std::string_view bytes; // of a length-delimited field
};

/// Takes the next field off `message`; false if there is no whole one.
bool takeField(std::string_view &message, Field &field) {
  auto takeVarint = [&](uint64_t &value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !message.empty(); shift += 7) {
      auto byte = static_cast<unsigned char>(message[0]);
      message.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80)
        return true;
    }
    return false;
  };
  uint64_t tag;
  if (!takeVarint(tag))
    return false;
  field = {static_cast<uint32_t>(tag >> 3), 0, {}};
  size_t length = 0;
  switch (tag & 7) {
  case 0:
    return takeVarint(field.value);
  case 1:
    length = 8;
    break;
  case 2: {
    uint64_t size;
    if (!takeVarint(size) || size > message.size())
      return false;
    length = static_cast<size_t>(size);
    field.bytes = message.substr(0, length);
    break;
  }
  case 5:
    length = 4;
    break;
  default:
    return false;
  }
  if (length > message.size())
    return false;
  message.remove_prefix(length);
  return true;
}

/// What the library loads but does not tell about a model. The field numbers
/// and defaults are those of sentencepiece_model.proto.
struct ModelSpecs {
  uint64_t modelType = 1; // unigram
  std::string unkPiece = "<unk>";
  bool whitespaceAsSuffix = false;
  std::string normalizer = "";
  bool hasCharsMap = false;
  bool removeExtraWhitespaces = true;
  bool escapeWhitespaces = true;
  bool addDummyPrefix = true;
  bool hasDenormalizer = false;
  std::string bosPiece = "<s>", eosPiece = "</s>";
  uint64_t bosId = 1, eosId = 2; // -1, as 64 bits, for none
  std::vector<uint64_t> pieceTypes;
};

constexpr uint64_t normalPiece = 1, controlPiece = 3, userDefinedPiece = 4;

bool readSpecs(std::string_view model, ModelSpecs &specs) {
  Field field, inner;
  while (!model.empty()) {
    if (!takeField(model, field))
      return false;
    std::string_view message = field.bytes;
    if (field.number == 1)
      specs.pieceTypes.push_back(normalPiece);
    while (field.number >= 1 && field.number <= 5 && !message.empty()) {
      if (!takeField(message, inner))
        return false;
      if (field.number == 1) { // pieces
        if (inner.number == 3)
          specs.pieceTypes.back() = inner.value;
      } else if (field.number == 2) { // trainer_spec
        if (inner.number == 3)
          specs.modelType = inner.value;
        else if (inner.number == 24)
          specs.whitespaceAsSuffix = inner.value != 0;
        else if (inner.number == 41)
          specs.bosId = inner.value;
        else if (inner.number == 42)
          specs.eosId = inner.value;
        else if (inner.number == 45)
          specs.unkPiece = inner.bytes;
        else if (inner.number == 46)
          specs.bosPiece = inner.bytes;
        else if (inner.number == 47)
          specs.eosPiece = inner.bytes;
      } else if (field.number == 3) { // normalizer_spec
        if (inner.number == 1)
          specs.normalizer = inner.bytes;
        else if (inner.number == 2)
          specs.hasCharsMap = !inner.bytes.empty();
        else if (inner.number == 3)
          specs.addDummyPrefix = inner.value != 0;
        else if (inner.number == 4)
          specs.removeExtraWhitespaces = inner.value != 0;
        else if (inner.number == 5)
          specs.escapeWhitespaces = inner.value != 0;
      } else if (field.number == 5) { // denormalizer_spec
        if (inner.number == 2)
          specs.hasDenormalizer = !inner.bytes.empty();
      }
    }
  }
  return true;
}

/// Lines of a token in base 64 and its rank, as the files of this name that
/// Meta publishes have.
bool isTiktoken(std::string_view bytes) {
  std::string_view line =
      bytes.substr(0, std::min<size_t>(bytes.find('\n'), 256));
  size_t space = line.find(' ');
  if (space == 0 || space == line.npos || space + 1 == line.size())
    return false;
  constexpr std::string_view base64 =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  return line.substr(0, space).find_first_not_of(base64) == line.npos &&
         line.substr(space + 1).find_first_not_of("0123456789") == line.npos;
}

Status checkSpecs(const ModelSpecs &specs, const std::string &path) {
  auto unsupported = [&](const std::string &what) {
    return Status(ErrorCode::UnsupportedTokenizer,
                  path + ": " + what + " is not supported");
  };
  constexpr const char *types[] = {"unigram", "BPE", "word", "char"};
  if (specs.modelType != 2)
    return unsupported("SentencePiece model type " +
                       (specs.modelType >= 1 && specs.modelType <= 4
                            ? std::string(types[specs.modelType - 1])
                            : std::to_string(specs.modelType)) +
                       " (only BPE)");
  if (specs.hasCharsMap)
    return unsupported("SentencePiece normalization rule \"" +
                       specs.normalizer + "\" (only \"identity\")");
  if (specs.removeExtraWhitespaces)
    return unsupported("SentencePiece remove_extra_whitespaces");
  if (!specs.escapeWhitespaces)
    return unsupported("SentencePiece without escape_whitespaces");
  if (specs.whitespaceAsSuffix)
    return unsupported("SentencePiece treat_whitespace_as_suffix");
  if (specs.hasDenormalizer)
    return unsupported("SentencePiece denormalization");
  return {};
}

struct Piece {
  std::string text;
  float score;
  uint64_t type;
};

/// Every way to cut a piece in two pieces: the piece with the highest score
/// first, of equal ones that with the lowest id, and of one piece the cut with
/// the shortest left part. LlamaTokenizer takes pieces of all types, the
/// general class only normal ones.
void generateMerges(const std::vector<Piece> &pieces, bool onlyNormal,
                    TokenizerSpec &spec) {
  struct Candidate {
    float score;
    uint32_t piece, cut;
  };
  std::vector<Candidate> candidates;
  auto mergeable = [&](const std::string &text) {
    auto it = spec.vocab.find(text);
    return it != spec.vocab.end() &&
           (!onlyNormal || pieces[it->second].type == normalPiece);
  };
  for (uint32_t id = 0; id < pieces.size(); ++id) {
    const auto &[text, score, type] = pieces[id];
    if (onlyNormal && type != normalPiece)
      continue;
    for (size_t i = utf8Length(text[0]); i < text.size();
         i += utf8Length(text[i]))
      if (mergeable(text.substr(0, i)) && mergeable(text.substr(i)))
        candidates.push_back({score, id, static_cast<uint32_t>(i)});
  }
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const Candidate &a, const Candidate &b) { return a.score > b.score; });
  spec.merges.reserve(candidates.size());
  for (const Candidate &candidate : candidates) {
    const std::string &piece = pieces[candidate.piece].text;
    spec.merges.emplace_back(piece.substr(0, candidate.cut),
                             piece.substr(candidate.cut));
  }
}

/// A pattern for any of `texts`, which finds the longest.
std::string anyOf(std::vector<std::string> texts) {
  std::stable_sort(texts.begin(), texts.end(),
                   [](const std::string &a, const std::string &b) {
                     return a.size() > b.size();
                   });
  std::string pattern;
  for (const std::string &text : texts) {
    if (!pattern.empty())
      pattern += '|';
    for (char c : text) {
      if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos)
        pattern += '\\';
      pattern += c;
    }
  }
  return pattern;
}

/// Gives pieces the names that other files have for their ids, but not one that
/// another piece keeps.
void namePieces(const std::map<uint32_t, std::string> &names,
                std::vector<Piece> &pieces) {
  std::set<std::string> kept;
  for (uint32_t id = 0; id < pieces.size(); ++id)
    if (!names.count(id))
      kept.insert(pieces[id].text);
  for (const auto &[id, name] : names)
    if (id < pieces.size() && !kept.count(name))
      pieces[id].text = name;
}

/// How text is prepared and how it comes back. The general class puts the
/// dummy prefix as sentencepiece does: with `legacy` before each piece, even
/// one that begins with a space. LlamaTokenizer of transformers 4 did so too,
/// and that is what the checkpoints of the Llama 2 family were made with.
void addSteps(bool prefixSpace, bool legacy,
              const std::vector<std::string> &isolated, TokenizerSpec &spec) {
  auto preTokenizer = [&](PreTokenizerKind kind, std::string_view pattern,
                          std::string_view content) {
    spec.preTokenizers.emplace_back();
    spec.preTokenizers.back().kind = kind;
    spec.preTokenizers.back().pattern = pattern;
    spec.preTokenizers.back().content = content;
  };
  auto decoder = [&](DecoderKind kind, std::string_view pattern,
                     std::string_view content, uint32_t start) {
    spec.decoders.emplace_back();
    spec.decoders.back().kind = kind;
    spec.decoders.back().pattern = pattern;
    spec.decoders.back().content = content;
    spec.decoders.back().start = start;
  };
  preTokenizer(PreTokenizerKind::ReplaceLiteral, " ", spaceMark);
  if (prefixSpace)
    preTokenizer(legacy ? PreTokenizerKind::PrependAlways
                        : PreTokenizerKind::PrependFirst,
                 "", spaceMark);
  if (!isolated.empty()) {
    preTokenizer(PreTokenizerKind::SplitRegex, anyOf(isolated), "");
    spec.preTokenizers.back().behavior = SplitBehavior::Isolated;
  }
  decoder(DecoderKind::ReplaceLiteral, spaceMark, " ", 0);
  decoder(DecoderKind::ByteFallback, "", "", 0);
  decoder(DecoderKind::Fuse, "", "", 0);
  if (prefixSpace)
    decoder(DecoderKind::Strip, "", " ", 1);
}

} // namespace

Result<SentencePieceTokenizer>
swallow::readSentencePieceModel(std::string_view bytes, const std::string &path,
                                const SentencePieceOptions &options) {
  auto malformed = [&](const std::string &what) {
    return Error{ErrorCode::MalformedFile, path + ": " + what};
  };
  // The walk over the fields also keeps garbage from the library.
  ModelSpecs specs;
  if (isTiktoken(bytes))
    return Error{ErrorCode::UnsupportedTokenizer,
                 path + ": a vocabulary in tiktoken's format is not supported "
                        "(tokenizer.json is)"};
  if (bytes.empty() || !readSpecs(bytes, specs))
    return malformed("expected a SentencePiece model, found something else");
  SWALLOW_TRY(checkSpecs(specs, path));
  sentencepiece::SentencePieceProcessor model;
  if (auto status = model.LoadFromSerializedProto(
          absl::string_view(bytes.data(), bytes.size()));
      !status.ok())
    return malformed("expected a SentencePiece model: " + status.ToString());
  int count = model.GetPieceSize();
  if (count < 1 || static_cast<uint32_t>(count) >= maxVocabSize ||
      specs.pieceTypes.size() != static_cast<size_t>(count))
    return malformed("expected at least one piece");

  bool general = !options.isLlamaTokenizer;
  std::vector<Piece> pieces;
  for (int id = 0; id < count; ++id)
    pieces.push_back({model.IdToPiece(id), model.GetScore(id),
                      specs.pieceTypes[static_cast<size_t>(id)]});
  if (general)
    namePieces(options.names, pieces);

  SentencePieceTokenizer result;
  TokenizerSpec &spec = result.spec;
  spec.path = path;
  std::vector<AddedTokenSpec> added;
  std::vector<std::string> isolated;
  float lowest = std::numeric_limits<float>::infinity();
  for (uint32_t id = 0; id < pieces.size(); ++id) {
    const auto &[text, score, type] = pieces[id];
    if (text.empty() || !isValidUtf8(text))
      return malformed("piece " + std::to_string(id) + ": expected UTF-8 text");
    if (!spec.vocab.emplace(text, id).second)
      return malformed("piece " + std::to_string(id) + ": \"" + text +
                       "\" is there twice");
    if (std::isnan(score))
      return malformed("piece " + std::to_string(id) +
                       ": expected a score, found NaN");
    if (type == normalPiece) {
      result.scoresFollowIds = result.scoresFollowIds && score <= lowest;
      lowest = score;
    }
    if (type == userDefinedPiece && general)
      isolated.push_back(text);
    else if (type == controlPiece || type == userDefinedPiece)
      added.push_back({text, false, false, false, false, type == controlPiece});
  }
  spec.byteFallback = true;
  spec.fuseUnk = true;
  spec.unkToken = specs.unkPiece;
  spec.ignoreMerges = !isolated.empty();
  generateMerges(pieces, general, spec);
  spec.added.add(added, spec.vocab);
  spec.bosToken = static_cast<int32_t>(specs.bosId) < 0 ? "" : specs.bosPiece;
  spec.eosToken = static_cast<int32_t>(specs.eosId) < 0 ? "" : specs.eosPiece;
  spec.namedUnkToken = specs.unkPiece;
  result.addsDummyPrefix = specs.addDummyPrefix;
  addSteps(options.addPrefixSpace.value_or(!general || specs.addDummyPrefix),
           options.legacy, isolated, spec);
  return result;
}
