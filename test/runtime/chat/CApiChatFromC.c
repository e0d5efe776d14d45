/* The header is C; this file is what says so. */
#include "runtime/include/swallow_chat.h"

/* The ids of `messages` by the model's template; their number, or -1. */
long renderFromC(const swallow_artifact *artifact, const char *messages,
                 int32_t *ids, size_t capacity) {
  swallow_chat_options options;
  swallow_chat_prompt *prompt = NULL;
  const int32_t *found = NULL;
  size_t count = 0, i;

  swallow_chat_options_init(&options, sizeof(options));
  options.messages = messages;
  if (swallow_chat_render(artifact, &options, &prompt) != SWALLOW_OK)
    return -1;
  if (swallow_chat_prompt_ids(prompt, &found, &count) == SWALLOW_OK)
    for (i = 0; i < count && i < capacity; ++i)
      ids[i] = found[i];
  swallow_chat_prompt_destroy(prompt);
  return (long)count;
}
