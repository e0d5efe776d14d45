#include "tools/swallow-rt/chat/Messages.h"
#include "tools/swallow-rt/Support.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace {

using Json = nlohmann::ordered_json;

/// Deeper files are no conversations, and parsing them would need a deep stack
/// to free.
constexpr int kMaxDepth = 64;

std::string_view roleOf(const Json &message) {
  return message["role"].get_ref<const std::string &>();
}

std::string dump(const Json &json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace);
}

} // namespace

bool Messages::hasSystem() const {
  return !list_.empty() && roleOf(list_.front()) == "system";
}

void Messages::setSystem(const std::optional<std::string> &content) {
  if (hasSystem())
    list_.erase(list_.begin());
  if (content)
    list_.insert(list_.begin(),
                 Json{{"role", "system"}, {"content", *content}});
}

void Messages::add(std::string_view role, std::string_view content) {
  list_.push_back(Json{{"role", role}, {"content", content}});
}

bool Messages::undo() {
  size_t last = list_.size();
  while (last > 0 && roleOf(list_[last - 1]) != "user")
    --last;
  if (last == 0)
    return false;
  list_.erase(list_.begin() + static_cast<std::ptrdiff_t>(last - 1),
              list_.end());
  return true;
}

void Messages::reset() {
  list_.erase(list_.begin() + (hasSystem() ? 1 : 0), list_.end());
}

bool Messages::awaitsAnswer() const {
  return !list_.empty() && roleOf(list_.back()) == "user";
}

std::string Messages::json() const { return dump(list_, -1); }

void Messages::save(const std::string &path) const {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << dump(list_, 2) << "\n";
  file.close();
  if (!file)
    throw CommandError("cannot write " + path + ": " +
                       std::strerror(errno ? errno : EIO));
}

void Messages::load(const std::string &path) {
  bool tooDeep = false;
  auto shallow = [&tooDeep](int depth, Json::parse_event_t, const Json &) {
    tooDeep |= depth > kMaxDepth;
    return depth <= kMaxDepth;
  };
  Json list = Json::parse(readFile(path), shallow, /*allow_exceptions=*/false);
  if (list.is_discarded() || tooDeep || !list.is_array())
    throw CommandError(path + ": not a JSON list of messages");
  for (size_t i = 0; i < list.size(); ++i)
    if (!list[i].is_object() || !list[i].contains("role") ||
        !list[i]["role"].is_string())
      throw CommandError(path + ": message " + std::to_string(i + 1) +
                         " is not an object with a \"role\"");
  list_ = std::move(list);
}
