//===- Messages.h - the messages of a conversation --------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_CHAT_MESSAGES_H
#define SWALLOW_TOOLS_SWALLOW_RT_CHAT_MESSAGES_H

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

/// A conversation as chat templates take it: a list of objects with "role" and
/// "content", the system's first if there is one.
class Messages {
public:
  /// Replaces, adds or (nullopt) takes away the system's message.
  void setSystem(const std::optional<std::string> &content);
  void add(std::string_view role, std::string_view content);

  /// Takes back everything from the last user's message on. False when there
  /// is none.
  bool undo();
  /// Leaves only the system's message.
  void reset();

  /// Whether an answer is due: the last message is the user's.
  bool awaitsAnswer() const;
  size_t size() const { return list_.size(); }
  std::string json() const;

  /// A file with the list as JSON. Both throw CommandError; a file that is not
  /// a list of messages changes nothing.
  void save(const std::string &path) const;
  void load(const std::string &path);

private:
  bool hasSystem() const;

  nlohmann::ordered_json list_ = nlohmann::ordered_json::array();
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_CHAT_MESSAGES_H
