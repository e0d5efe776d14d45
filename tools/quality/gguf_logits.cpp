// Writes the logits that llama.cpp computes after every token of some
// sequences, as raw float32 [sequence][position][vocabulary].
//
//   gguf-logits MODEL.gguf IDS.txt OUT.f32 [BATCH] [THREADS]
//
// IDS.txt has one sequence a line, ids separated by commas. BATCH tokens are
// computed at once (default 512; 1 is what generating does). Everything else is
// as llama.cpp has it by default (keys and values in f16, flash attention
// auto).
//
// Build it beside a build of llama.cpp in LLAMA/build:
//
//   c++ -std=c++17 -O2 -I LLAMA/include -I LLAMA/ggml/include gguf_logits.cpp
//       -o gguf-logits -L LLAMA/build/bin -lllama -lggml -lggml-base
//       -Wl,-rpath,LLAMA/build/bin

#include "llama.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

static void quiet(ggml_log_level level, const char *text, void *) {
  if (level == GGML_LOG_LEVEL_ERROR)
    std::fputs(text, stderr);
}

[[noreturn]] static void fail(const char *what) {
  std::fprintf(stderr, "gguf-logits: %s\n", what);
  std::exit(1);
}

int main(int argc, char **argv) {
  if (argc < 4)
    fail("MODEL.gguf IDS.txt OUT.f32 [BATCH] [THREADS]");
  const int batchSize = argc > 4 ? std::atoi(argv[4]) : 512;
  const int threads = argc > 5 ? std::atoi(argv[5]) : 1;

  std::vector<std::vector<llama_token>> sequences;
  size_t longest = 0;
  std::ifstream ids(argv[2]);
  for (std::string line; std::getline(ids, line);) {
    std::vector<llama_token> sequence;
    std::stringstream stream(line);
    for (std::string id; std::getline(stream, id, ',');)
      sequence.push_back(std::stoi(id));
    if (!sequence.empty())
      sequences.push_back(std::move(sequence)),
          longest = std::max(longest, sequences.back().size());
  }
  if (sequences.empty())
    fail("no ids");

  llama_log_set(quiet, nullptr);
  llama_backend_init();
  llama_model_params modelParams = llama_model_default_params();
  llama_model *model = llama_model_load_from_file(argv[1], modelParams);
  if (!model)
    fail("cannot load the model");
  llama_context_params params = llama_context_default_params();
  params.n_ctx = static_cast<uint32_t>(longest);
  params.n_batch = params.n_ubatch = static_cast<uint32_t>(batchSize);
  params.n_threads = params.n_threads_batch = threads;
  llama_context *context = llama_init_from_model(model, params);
  if (!context)
    fail("cannot create a context");
  const size_t vocab =
      static_cast<size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model)));

  std::FILE *out = std::fopen(argv[3], "wb");
  if (!out)
    fail("cannot write");
  llama_batch batch = llama_batch_init(batchSize, 0, 1);
  for (const auto &sequence : sequences) {
    llama_memory_clear(llama_get_memory(context), true);
    for (size_t begin = 0; begin < sequence.size();) {
      const size_t count =
          std::min(sequence.size() - begin, static_cast<size_t>(batchSize));
      batch.n_tokens = static_cast<int32_t>(count);
      for (size_t i = 0; i < count; ++i) {
        batch.token[i] = sequence[begin + i];
        batch.pos[i] = static_cast<llama_pos>(begin + i);
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
      }
      if (llama_decode(context, batch) != 0)
        fail("llama_decode");
      for (size_t i = 0; i < count; ++i)
        if (std::fwrite(llama_get_logits_ith(context, static_cast<int32_t>(i)),
                        sizeof(float), vocab, out) != vocab)
          fail("cannot write");
      begin += count;
    }
  }
  if (std::fclose(out) != 0)
    fail("cannot write");
  llama_batch_free(batch);
  llama_free(context);
  llama_model_free(model);
}
