//===- Conversation.cpp - messages as a template gets them ----------------===//

#include "runtime/chat/Conversation.h"

#include "runtime/chat/JsonInput.h"
#include "runtime/jinja/value/Objects.h"
#include "runtime/jinja/value/Unicode.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <iterator>
#include <utility>

using namespace swallow;
using jinja::DictObject;
using jinja::Ref;
using jinja::Value;

namespace {

// Without the space at its end, the mark shows that the template trimmed the
// message.
constexpr std::string_view endMark = "CONTINUE_FINAL_MESSAGE_TAG ";

/// Names of a message's reasoning; the first is the one that templates read.
constexpr std::string_view reasoningFields[] = {"reasoning_content", "thinking",
                                                "reasoning"};

bool isReasoning(std::string_view field) {
  return std::find(std::begin(reasoningFields), std::end(reasoningFields),
                   field) != std::end(reasoningFields);
}

Error bad(std::string what) {
  return {ErrorCode::InvalidArgument, std::move(what)};
}

Value text(std::string string) {
  return Value::string(std::move(string), nullptr);
}

/// `dict` with another value at `key`.
Value with(const Value &dict, std::string_view key, const Value &value) {
  Ref<DictObject> copy = jinja::makeRef<DictObject>(nullptr);
  for (const DictObject::Entry &entry : dict.asDict().entries())
    copy->set(entry.key.text(), entry.value);
  copy->set(key, value);
  return Value::dict(copy);
}

Value normalized(const Value &message) {
  Ref<DictObject> result = jinja::makeRef<DictObject>(nullptr);
  const DictObject &members = message.asDict();
  const Value *reasoning = nullptr;
  for (std::string_view field : reasoningFields) {
    const Value *value = members.find(field);
    if (value && !value->isNone()) {
      reasoning = value;
      break;
    }
  }
  if (reasoning)
    result->set("thinking", *reasoning);
  for (const DictObject::Entry &entry : members.entries())
    if (!entry.value.isNone())
      result->set(entry.key.text(), entry.value);
  if (reasoning)
    result->set("reasoning_content", *reasoning);
  return Value::dict(result);
}

/// A list of content blocks whose last text has the mark; `last` gets that
/// text.
Result<Value> markBlocks(const Value &blocks, const std::string &where,
                         std::string &last) {
  std::vector<Value> items = blocks.items();
  for (size_t i = items.size(); i-- > 0;) {
    if (!items[i].isDict())
      return bad(where + "[" + std::to_string(i) +
                 "]: expected an object, found " + describeKind(items[i]));
    const Value *block = items[i].asDict().find("text");
    if (!block)
      continue;
    if (!block->isString())
      return bad(where + "[" + std::to_string(i) +
                 "].text: expected a string, found " + describeKind(*block));
    last = block->text();
    items[i] = with(items[i], "text", text(last + std::string(endMark)));
    return Value::list(std::move(items), nullptr);
  }
  return bad(where + ": there is no text to continue");
}

} // namespace

std::string_view swallow::stripSpaceRight(std::string_view text) {
  while (!text.empty()) {
    size_t at = text.size() - 1;
    while (at > 0 && (text[at] & 0xc0) == 0x80)
      --at;
    if (!jinja::isSpace(decodeUtf8(text.substr(at))))
      break;
    text = text.substr(0, at);
  }
  return text;
}

std::string_view swallow::stripSpace(std::string_view text) {
  while (!text.empty() && jinja::isSpace(decodeUtf8(text)))
    text.remove_prefix(utf8Length(text[0]));
  return stripSpaceRight(text);
}

Result<Conversation> swallow::readConversation(std::string_view json) {
  SWALLOW_ASSIGN(Value list, parseJsonInput(json, "messages"));
  if (!list.isList())
    return bad(std::string("messages: expected a list of objects, found ") +
               describeKind(list));
  if (list.items().empty())
    return bad("messages: expected at least one message, found none");
  Conversation messages;
  for (const Value &item : list.items()) {
    if (!item.isDict())
      return bad("messages[" + std::to_string(messages.size()) +
                 "]: expected an object, found " + describeKind(item));
    messages.push_back(normalized(item));
  }
  return messages;
}

Result<Value> swallow::readObjects(std::string_view json,
                                   const std::string &what) {
  SWALLOW_ASSIGN(Value list, parseJsonInput(json, what));
  if (list.isNone())
    return list;
  if (!list.isList())
    return bad(what + ": expected a list of objects, found " +
               describeKind(list));
  for (size_t i = 0; i < list.items().size(); ++i)
    if (!list.items()[i].isDict())
      return bad(what + "[" + std::to_string(i) +
                 "]: expected an object, found " +
                 describeKind(list.items()[i]));
  return list;
}

Result<Continuation> Continuation::mark(Conversation &messages,
                                        std::string_view field,
                                        std::string_view source) {
  Value &last = messages.back();
  const std::string where =
      "messages[" + std::to_string(messages.size() - 1) + "]." + oneLine(field);
  const Value *found = last.asDict().find(field);
  if (!found)
    return bad(where + ": the last message has nothing to continue there");
  const Value content = *found;

  // Reasoning is there under several names; whichever the template reads is
  // marked.
  std::vector<std::string_view> fields = {field};
  if (isReasoning(field) && content.isString()) {
    fields.clear();
    for (std::string_view other : reasoningFields) {
      const Value *value = last.asDict().find(other);
      if (value && value->isString() && value->text() == content.text())
        fields.push_back(other);
    }
  }
  if (std::none_of(fields.begin(), fields.end(), [&](std::string_view name) {
        return source.find(name) != source.npos;
      }))
    return bad(where + ": the template does not use this field, so that it "
                       "cannot be continued");

  Continuation result;
  std::string message;
  if (content.isList()) {
    SWALLOW_ASSIGN(Value marked, markBlocks(content, where, message));
    last = with(last, field, marked);
  } else if (content.isString()) {
    message = content.text();
    for (std::string_view name : fields)
      last = with(last, name, text(message + std::string(endMark)));
  } else {
    return bad(where + ": expected a string to continue, found " +
               describeKind(content));
  }
  result.message_ = stripSpace(message);
  return result;
}

Result<std::string> Continuation::cut(std::string text) const {
  const std::string_view trimmedMark = stripSpace(endMark);
  size_t at = text.rfind(trimmedMark);
  if (text.find(message_) == text.npos || at == text.npos)
    return bad("the last message cannot be continued: the template does not "
               "print it as it is");
  bool asItIs = std::string_view(text).substr(at).starts_with(endMark);
  text.resize(at);
  if (!asItIs)
    text.resize(stripSpaceRight(text).size());
  return text;
}
