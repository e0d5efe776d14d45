//===- TokenizerCompiler.h - tokenizer files to a table ---------*- C++ -*-===//
//
// Reads a checkpoint's tokenizer files and writes the table that
// runtime/text/Tokenizer.h runs (layout: runtime/text/tokenizer.fbs). What the
// table cannot express is refused here, so that a compiled model never
// tokenizes differently from Hugging Face's tokenizers.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZERCOMPILER_H
#define SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZERCOMPILER_H

#include "runtime/support/Result.h"

#include <string>
#include <vector>

namespace swallow {

/// The table for the checkpoint in `modelDir`, the same bytes for the same
/// files on every machine. Reads tokenizer.json if it is there and
/// tokenizer.model otherwise (transformers' order), and beside it
/// tokenizer_config.json, special_tokens_map.json and added_tokens.json.
///
/// With tokenizer.json its own post-processor decides about BOS and EOS, as in
/// transformers. With tokenizer.model, `add_bos_token` (default true),
/// `add_eos_token` (default false), `legacy` (default true) and
/// `add_prefix_space` of tokenizer_config.json do.
///
/// `notes` gets a line for each thing that transformers 5 does otherwise with
/// these files; docs/tokenizers.md has the reasons.
///
/// Fails with FileNotFound (neither file), MalformedFile (naming file and key)
/// or UnsupportedTokenizer (naming the component).
Result<std::string> compileTokenizer(const std::string &modelDir,
                                     std::vector<std::string> *notes = nullptr);

} // namespace swallow

#endif // SWALLOW_FRONTENDS_HUGGINGFACE_TOKENIZERCOMPILER_H
