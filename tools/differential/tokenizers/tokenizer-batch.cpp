//===- tokenizer-batch.cpp - Swallow's tokenizers over a pipe -------------===//
//
// For developers: compiles tokenizers and runs them for a program on the other
// side of two pipes, fuzz.py. Reads one JSON object a line and answers each
// with one line:
//
//   {"folder": "checkpoint"}           {"vocab": 32000, "notes": ["..."]}
//   {"tokenizer": "tokenizer.json's text"}       the same without notes
//   {"encode": ["text", ...], "special": true}   {"ids": [[1, 2], ...]}
//   {"encode": [...], "latin1": true}  the same; each character is one byte
//   {"decode": [[1, 2], ...], "skip": true}      {"texts": ["text", ...]}
//
// or with {"error": "..."}. Texts are checked on the way: what StreamDecoder
// makes of the ids must be what decode() makes of them.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/Json.h"
#include "frontends/huggingface/TokenizerCompiler.h"
#include "frontends/huggingface/tokenizer/TableWriter.h"
#include "frontends/huggingface/tokenizer/TokenizerJson.h"
#include "runtime/text/StreamDecoder.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"

#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

using namespace swallow;

namespace {

Json errorAnswer(const std::string &message) { return {{"error", message}}; }

class Batch {
public:
  Json answer(const Json &request) {
    if (request.contains("folder")) {
      std::vector<std::string> notes;
      Json result =
          open(compileTokenizer(request["folder"].get<std::string>(), &notes));
      result["notes"] = notes;
      return result;
    }
    if (request.contains("tokenizer"))
      return open(compile(request["tokenizer"].get<std::string>()));
    if (!tokenizer_)
      return errorAnswer("no tokenizer is open");
    if (request.contains("encode"))
      return encode(request);
    if (request.contains("decode"))
      return decode(request);
    return errorAnswer("expected folder, tokenizer, encode or decode");
  }

private:
  static Result<std::string> compile(const std::string &text) {
    SWALLOW_ASSIGN(TokenizerSpec spec,
                   readTokenizerJson(text, "tokenizer.json"));
    return writeTokenizerTable(spec);
  }

  Json open(const Result<std::string> &table) {
    tokenizer_.reset();
    if (!table)
      return errorAnswer(table.error().message);
    segment_.assign(table->size() / 8 + 1, 0);
    std::memcpy(segment_.data(), table->data(), table->size());
    Result<Tokenizer> opened = Tokenizer::open(
        {reinterpret_cast<const uint8_t *>(segment_.data()), table->size()});
    if (!opened)
      return errorAnswer(opened.error().message);
    tokenizer_.emplace(std::move(*opened));
    return {{"vocab", tokenizer_->vocabSize()}};
  }

  Json encode(const Json &request) {
    bool special = request.value("special", true);
    bool latin1 = request.value("latin1", false);
    Json ids = Json::array();
    for (const Json &item : request["encode"]) {
      std::string text = item.get<std::string>();
      if (latin1) {
        std::string bytes;
        for (size_t i = 0; i < text.size(); i += utf8Length(text[i]))
          bytes +=
              static_cast<char>(decodeUtf8(std::string_view(text).substr(i)));
        text = bytes;
      }
      ids.push_back(tokenizer_->encode(text, special));
    }
    return {{"ids", std::move(ids)}};
  }

  Json decode(const Json &request) {
    bool skip = request.value("skip", true);
    Json texts = Json::array();
    for (const Json &item : request["decode"]) {
      auto ids = item.get<std::vector<int32_t>>();
      std::string text = tokenizer_->decode(ids, skip);
      StreamDecoder stream(*tokenizer_, skip);
      std::string streamed;
      for (int32_t id : ids) {
        std::string piece = stream.append(id);
        if (!isValidUtf8(piece))
          return errorAnswer("half a character while streaming " + item.dump());
        streamed += piece;
      }
      streamed += stream.finish();
      if (streamed != text)
        return errorAnswer("streaming " + item.dump() + " gives " +
                           Json(streamed).dump() + " and decoding " +
                           Json(text).dump());
      texts.push_back(std::move(text));
    }
    return {{"texts", std::move(texts)}};
  }

  std::vector<uint64_t> segment_;
  std::optional<Tokenizer> tokenizer_;
};

} // namespace

int main() {
  Batch batch;
  std::string line;
  while (std::getline(std::cin, line)) {
    Result<Json> request = parseJson(line, "standard input");
    Json answer = errorAnswer("expected an object");
    if (request && request->is_object()) {
      try {
        answer = batch.answer(*request);
      } catch (const Json::exception &wrongType) {
        answer = errorAnswer(wrongType.what());
      }
    }
    std::cout << answer.dump() << "\n" << std::flush;
  }
  return 0;
}
