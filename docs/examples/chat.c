/* A conversation through the C API: chat MODEL.swallow, then a message a line.
 *
 * Shows the four steps of a turn: put the messages into JSON, render them to
 * token ids, start a generation with them, and print its text as it comes. */

#include "runtime/include/swallow_rt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program when a call fails. The message is one line. */
static void check(swallow_status status) {
  if (status == SWALLOW_OK)
    return;
  fprintf(stderr, "chat: %s\n", swallow_error_message());
  exit(1);
}

/* Text that grows. */
typedef struct {
  char *text;
  size_t size, capacity;
} buffer;

static void append(buffer *b, const char *text, size_t size) {
  if (b->size + size + 1 > b->capacity) {
    b->capacity = 2 * (b->size + size + 1);
    b->text = realloc(b->text, b->capacity);
    if (!b->text)
      exit(1);
  }
  memcpy(b->text + b->size, text, size);
  b->size += size;
  b->text[b->size] = '\0';
}

/* Appends {"role": ROLE, "content": CONTENT} to a list without its "]". */
static void append_message(buffer *list, const char *role, const char *content,
                           size_t size) {
  char escaped[8];
  const char *begin = list->size > 1 ? ",{\"role\":\"" : "{\"role\":\"";
  append(list, begin, strlen(begin));
  append(list, role, strlen(role));
  append(list, "\",\"content\":\"", 13);
  for (size_t i = 0; i < size; ++i) {
    unsigned char byte = (unsigned char)content[i];
    if (byte == '"' || byte == '\\' || byte < 0x20) {
      snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
      append(list, escaped, 6);
    } else {
      append(list, content + i, 1);
    }
  }
  append(list, "\"}", 2);
}

/* The answer to a conversation, printed while it is generated. */
static buffer answer(const swallow_artifact *model,
                     swallow_generation *generation, const char *messages) {
  swallow_chat_options chat;
  swallow_chat_options_init(&chat, sizeof(chat));
  chat.messages = messages;
  swallow_chat_prompt *prompt;
  check(swallow_chat_render(model, &chat, &prompt));
  const int32_t *ids;
  size_t count;
  check(swallow_chat_prompt_ids(prompt, &ids, &count));

  /* The model's own settings, 200 tokens at most. What the conversation was
   * before this message is still in the session and is not computed again. */
  swallow_generation_options options;
  check(swallow_generation_options_from_artifact(model, &options,
                                                 sizeof(options)));
  options.max_tokens = 200;
  check(swallow_generation_start(generation, &options, ids, count));
  swallow_chat_prompt_destroy(prompt);

  buffer text = {0};
  append(&text, "", 0);
  for (;;) {
    swallow_generation_event event = {.struct_size = sizeof(event)};
    check(swallow_generation_next(generation, &event));
    if (event.kind == SWALLOW_EVENT_DONE)
      break;
    if (event.kind == SWALLOW_EVENT_PROMPT)
      continue;
    fwrite(event.text, 1, event.text_size, stdout);
    fflush(stdout);
    append(&text, event.text, event.text_size);
  }
  putchar('\n');
  return text;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: chat MODEL.swallow\n");
    return 2;
  }
  swallow_artifact *model;
  check(swallow_artifact_open(argv[1], &model));
  swallow_session_options options;
  swallow_session_options_init(&options, sizeof(options));
  swallow_session *session;
  check(swallow_session_create(model, &options, &session));
  swallow_generation *generation;
  check(swallow_generation_create(model, session, &generation));

  buffer messages = {0};
  append(&messages, "[", 1);
  char line[4096];
  while (fgets(line, sizeof(line), stdin)) {
    append_message(&messages, "user", line, strcspn(line, "\n"));
    append(&messages, "]", 1);
    buffer text = answer(model, generation, messages.text);
    --messages.size; /* the list goes on: "]" goes */
    append_message(&messages, "assistant", text.text, text.size);
    free(text.text);
  }
  free(messages.text);
  swallow_generation_destroy(generation);
  swallow_session_destroy(session);
  swallow_artifact_close(model);
  return 0;
}
