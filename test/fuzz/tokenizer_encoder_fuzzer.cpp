//===- tokenizer_encoder_fuzzer.cpp - any text, with good tokenizers ------===//
//
// The first byte of the input says which tokenizer of the differential test,
// the others are a text, and then ids. Whatever they are, what is streamed is
// what is decoded, and tokenizers that lose nothing give the text back.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/TokenizerCompiler.h"
#include "runtime/text/StreamDecoder.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using namespace swallow;

namespace {

enum class Loses {
  Something,
  Nothing,
  Marks, // the difference between U+2581 and a space
};

struct Subject {
  const char *name;
  Loses loses;
  std::vector<uint64_t> segment;
  std::vector<Tokenizer> tokenizer; // one
};

[[noreturn]] void fail(const Subject &subject, const std::string &what) {
  std::fprintf(stderr, "%s: %s\n", subject.name, what.c_str());
  std::abort();
}

std::vector<Subject> openAll() {
  std::vector<Subject> subjects;
  for (auto [name, loses] : {std::pair("llama3", Loses::Nothing),
                             {"tekken", Loses::Nothing},
                             {"deepseek", Loses::Nothing},
                             {"falcon", Loses::Nothing},
                             {"gemma", Loses::Marks},
                             {"gpt2", Loses::Something},
                             {"llama2", Loses::Something},
                             {"added", Loses::Something},
                             {"metaspace-first-split", Loses::Something},
                             {"split-merged", Loses::Something},
                             {"suffix", Loses::Something},
                             {"prefix", Loses::Something},
                             {"model-both", Loses::Something}}) {
    Subject subject{name, loses, {}, {}};
    Result<std::string> table = compileTokenizer(
        std::string(SWALLOW_TEST_DIR "/frontends/tokenizer/differential/") +
        name);
    if (!table)
      fail(subject, table.error().message);
    subject.segment.resize(table->size() / 8 + 1);
    std::memcpy(subject.segment.data(), table->data(), table->size());
    Result<Tokenizer> tokenizer = Tokenizer::open(
        {reinterpret_cast<const uint8_t *>(subject.segment.data()),
         table->size()});
    if (!tokenizer)
      fail(subject, tokenizer.error().message);
    subject.tokenizer.push_back(std::move(*tokenizer));
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

void checkDecoding(const Subject &subject, const std::vector<int32_t> &ids) {
  const Tokenizer &tokenizer = subject.tokenizer[0];
  for (bool skip : {true, false}) {
    std::string decoded = tokenizer.decode(ids, skip);
    if (!isValidUtf8(decoded))
      fail(subject, "decoded something that is not UTF-8");
    StreamDecoder stream(tokenizer, skip);
    std::string streamed;
    for (int32_t id : ids) {
      std::string piece = stream.append(id);
      if (!isValidUtf8(piece))
        fail(subject, "streamed half a character");
      streamed += piece;
    }
    streamed += stream.finish();
    if (streamed != decoded)
      fail(subject, "streamed something else than decoded");
  }
}

std::string withoutMarks(std::string text) {
  constexpr std::string_view mark = "\xE2\x96\x81"; // U+2581
  for (size_t at = 0; (at = text.find(mark, at)) != text.npos; ++at)
    text.replace(at, mark.size(), " ");
  return text;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::vector<Subject> subjects = openAll();
  if (size == 0)
    return 0;
  const Subject &subject = subjects[data[0] % subjects.size()];
  const Tokenizer &tokenizer = subject.tokenizer[0];
  std::string_view text(reinterpret_cast<const char *>(data) + 1, size - 1);

  std::vector<int32_t> ids = tokenizer.encode(text, false);
  for (int32_t id : ids)
    if (!tokenizer.isToken(id))
      fail(subject, "encoded to an id that is no token");
  std::vector<int32_t> withSpecial = tokenizer.encode(text);
  if (std::search(withSpecial.begin(), withSpecial.end(), ids.begin(),
                  ids.end()) == withSpecial.end() &&
      !ids.empty())
    fail(subject, "special tokens change the others");
  checkDecoding(subject, withSpecial);
  std::string expected = toValidUtf8(text);
  std::string decoded = tokenizer.decode(ids, false);
  if ((subject.loses == Loses::Nothing && decoded != expected) ||
      (subject.loses == Loses::Marks &&
       withoutMarks(decoded) != withoutMarks(expected)))
    fail(subject, "lost something");

  // The same bytes as ids, some of them none.
  ids.clear();
  for (size_t i = 1; i + 1 < size; i += 2)
    ids.push_back((data[i] << 8 | data[i + 1]) % (tokenizer.vocabSize() + 2) -
                  1);
  checkDecoding(subject, ids);
  return 0;
}
