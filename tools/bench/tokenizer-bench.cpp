//===- tokenizer-bench.cpp - how fast text becomes ids --------------------===//
//
//   tokenizer-bench FOLDER
//
// Compiles the tokenizer of a checkpoint folder, opens it twenty times and
// prints a line with the shortest time in milliseconds, the bytes of the table
// and the number of tokens. Then it answers each line of its input, a file of
// documents that end with a zero byte, with a line: the seconds that encoding
// all of them took, and how many ids they have. tokenizer_bench.py asks it.
//
//===----------------------------------------------------------------------===//

#include "frontends/huggingface/TokenizerCompiler.h"
#include "runtime/support/MappedFile.h"
#include "runtime/text/Tokenizer.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

using namespace swallow;

/// Seconds of this thread on a processor, so that what else the machine does
/// counts little.
static double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

static int fail(const Error &error) {
  std::fprintf(stderr, "tokenizer-bench: %s\n", error.message.c_str());
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fputs("usage: tokenizer-bench FOLDER\n", stderr);
    return 2;
  }
  Result<std::string> table = compileTokenizer(argv[1]);
  if (!table)
    return fail(table.error());
  std::vector<uint64_t> segment(table->size() / 8 + 1);
  std::memcpy(segment.data(), table->data(), table->size());
  std::span<const uint8_t> bytes(
      reinterpret_cast<const uint8_t *>(segment.data()), table->size());
  double shortest = 1e9;
  for (int round = 0; round < 20; ++round) {
    double start = now();
    Result<Tokenizer> opened = Tokenizer::open(bytes);
    shortest = std::min(shortest, now() - start);
    if (!opened)
      return fail(opened.error());
  }
  Result<Tokenizer> tokenizer = Tokenizer::open(bytes);
  std::printf("%.3f %zu %d\n", shortest * 1e3, bytes.size(),
              tokenizer->vocabSize());
  std::fflush(stdout);

  std::string path;
  while (std::getline(std::cin, path)) {
    Result<std::string> text = readFile(path);
    if (!text)
      return fail(text.error());
    double start = now();
    size_t ids = 0;
    std::string_view rest = *text;
    while (!rest.empty()) {
      std::string_view document = rest.substr(0, rest.find('\0'));
      ids += tokenizer->encode(document, false).size();
      rest.remove_prefix(std::min(rest.size(), document.size() + 1));
    }
    std::printf("%.6f %zu\n", now() - start, ids);
    std::fflush(stdout);
  }
  return 0;
}
