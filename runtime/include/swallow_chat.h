/*===- swallow_chat.h - conversations to prompts ------------------*- C -*-===*
 *
 * Part of swallow_rt.h, which includes it. Renders a conversation with the chat
 * template of a compiled model, as apply_chat_template of Hugging Face's
 * transformers does for the checkpoint that the model was compiled from:
 *
 *   swallow_chat_options options;
 *   swallow_chat_options_init(&options, sizeof(options));
 *   options.messages = "[{\"role\": \"user\", \"content\": \"Hello\"}]";
 *   swallow_chat_prompt *prompt;
 *   if (swallow_chat_render(model, &options, &prompt) != SWALLOW_OK)
 *     puts(swallow_error_message());
 *   const int32_t *ids;
 *   size_t count;
 *   swallow_chat_prompt_ids(prompt, &ids, &count);
 *   swallow_prefill(session, sequence, ids, count);
 *   swallow_chat_prompt_destroy(prompt);
 *
 * Text. All strings are UTF-8. JSON is what Python's json.loads takes, nested
 * at most 400 levels and with integers of at most 64 bits; the order of keys is
 * kept, and of a key that is there twice the last one counts. What stands in a
 * message is text to the template and text to the tokenizer: the name of a
 * special token inside it ("<s>") becomes that token, as it does in
 * transformers.
 *
 * Bounds. A template is a program. Rendering is limited in steps and memory, so
 * that it ends whatever the template: OUT_OF_RANGE or OUT_OF_MEMORY then.
 *
 * Threads. Rendering only reads the artifact: any number of threads may render
 * with one at a time. A prompt does not change after it was made.
 *
 * Errors and ownership as in swallow_rt.h.
 *
 *===------------------------------------------------------------------------===*/

#ifndef SWALLOW_CHAT_H
#define SWALLOW_CHAT_H

#include "swallow_rt.h"

#ifdef __cplusplus
extern "C" {
#endif

/*--- What a model brings ----------------------------------------------------*/

/* The chat templates of the checkpoint, sorted by name: none for a base model,
 * mostly one, "default"; some have "tool_use" or "rag" beside it. */
size_t swallow_chat_num_templates(const swallow_artifact *artifact);

/* Template `index`: its name, and in `text` (may be NULL, then `size` may be
 * too) the `size` bytes of Jinja that the checkpoint has. All of it is
 * terminated and lives as long as the artifact. OUT_OF_RANGE past the last. */
swallow_status swallow_chat_template(const swallow_artifact *artifact,
                                     size_t index, const char **name,
                                     const char **text, size_t *size);

/* The special tokens that templates see as variables: "bos_token" is "<s>". Of
 * transformers' special_tokens_map, sorted by name; both strings live as long
 * as the artifact. OUT_OF_RANGE past the last. */
size_t swallow_chat_num_special_tokens(const swallow_artifact *artifact);
swallow_status swallow_chat_special_token(const swallow_artifact *artifact,
                                          size_t index, const char **name,
                                          const char **text);

/* The prompt styles, formats for models without a template: "alpaca-ja",
 * "llama2", "plain", each with one line that says what it is. `name` and
 * `description` (each may be NULL) live for ever. OUT_OF_RANGE past the last.
 *
 *   alpaca-ja  Swallow's Alpaca format, encoded without special tokens. A user
 *              message may have an "input" beside its "content". Later turns
 *              follow an answer without the introduction: "\n\n### 指示:\n...".
 *              There is no place for a system message.
 *   llama2     <s>[INST] <<SYS>>\n{system}\n<</SYS>>\n\n{user} [/INST]
 * {bot}</s> with the model's own bos_token and eos_token. White space around
 *              what users and the assistant say is taken off. An "input" goes
 *              below the content of its message. The first message may be the
 *              system's.
 *   plain      the contents of all messages one after the other and nothing
 *              else, encoded with the tokens that the tokenizer puts around a
 *              text, as for completing it.
 *
 * In the first two, messages of "user" and "assistant" must alternate and start
 * with the user's. No style has a system prompt of its own. */
size_t swallow_chat_num_prompt_styles(void);
swallow_status swallow_chat_prompt_style(size_t index, const char **name,
                                         const char **description);

/* The system prompt that the makers of the Swallow models recommend for
 * "llama2"; never used unless a message has it. Lives for ever. */
const char *swallow_chat_recommended_system_prompt(void);

/*--- Rendering --------------------------------------------------------------*/

typedef struct swallow_chat_options {
  size_t struct_size;

  /* The conversation, a JSON list of objects, oldest first; needed. Keys whose
   * value is null are as if they were not there. Templates of most models want
   * "role" and "content" in each message. */
  const char *messages;

  /* JSON lists of objects that the template gets as `tools` (schemas of
   * functions) and `documents`. Default NULL: none, which is not the same as an
   * empty list: a list of tools, even an empty one, chooses "tool_use". */
  const char *tools;
  const char *documents;

  /* A JSON object: further variables of the template (transformers'
   * chat_template_kwargs), before special tokens of the same name. Default
   * NULL. */
  const char *template_vars;

  /* Which format, at most one of these three. Default: the model's "tool_use"
   * where there are tools and it has one, else its "default". */
  const char *template_name; /* of the model's templates */
  const char *template_text; /* Jinja, compiled for this call */
  const char *prompt_style;  /* one of swallow_chat_prompt_style */

  /* What messages call `template_text`, the path of its file say. Default NULL:
   * "chat template". */
  const char *template_label;

  /* Ends the prompt with the beginning of an answer, where the template knows
   * it. Default true. Ignored by the prompt styles, whose user turn ends with
   * it. Without effect while the last message is continued. */
  bool add_generation_prompt;

  /* The name of a field, "content" mostly: the prompt ends within that field of
   * the last message, so that the model goes on with it. Default NULL: not. */
  const char *continue_final_message;

  /* What strftime_now takes for now, "YYYY-MM-DD" (midnight) or
   * "YYYY-MM-DDTHH:MM:SS". Default NULL: the time of the call in the local time
   * zone. */
  const char *date;
} swallow_chat_options;

void swallow_chat_options_init(swallow_chat_options *options,
                               size_t struct_size);

/* A rendered conversation. */
typedef struct swallow_chat_prompt swallow_chat_prompt;

/* Renders and encodes. Nothing of `options` is kept.
 *
 * INVALID_ARGUMENT: JSON or an option that is malformed, with its place
 * ("messages[2]: expected an object, found a list"); a format that is not
 * there; a template_text that does not compile, with line and column; what the
 * template itself refuses, raise_exception's message as it is.
 * OUT_OF_RANGE, OUT_OF_MEMORY: the bounds above. */
swallow_status swallow_chat_render(const swallow_artifact *artifact,
                                   const swallow_chat_options *options,
                                   swallow_chat_prompt **out);

/* The text, `size` bytes of UTF-8, terminated; lives as long as the prompt. */
swallow_status swallow_chat_prompt_text(const swallow_chat_prompt *prompt,
                                        const char **text, size_t *size);

/* The `count` token ids of the text, all of the prompt: nothing is to be added
 * in front of them. Live as long as the prompt. */
swallow_status swallow_chat_prompt_ids(const swallow_chat_prompt *prompt,
                                       const int32_t **ids, size_t *count);

void swallow_chat_prompt_destroy(swallow_chat_prompt *prompt);

#ifdef __cplusplus
}
#endif

#endif /* SWALLOW_CHAT_H */
