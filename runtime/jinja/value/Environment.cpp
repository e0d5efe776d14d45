//===- Environment.cpp ----------------------------------------------------===//

#include "runtime/jinja/value/Environment.h"

#include <chrono>
#include <ctime>
#include <utility>

namespace swallow::jinja {

LocalTime localTimeNow() {
  using namespace std::chrono;
  int64_t micros =
      duration_cast<microseconds>(system_clock::now().time_since_epoch())
          .count();
  LocalTime now;
  now.seconds = micros / 1'000'000;
  now.microseconds = static_cast<int32_t>(micros % 1'000'000);
  auto seconds = static_cast<std::time_t>(now.seconds);
  std::tm local{};
  if (localtime_r(&seconds, &local))
    now.zoneOffset = static_cast<int32_t>(local.tm_gmtoff);
  return now;
}

Environment::~Environment() {
  for (const Ref<CustomObject> &object : adopted_)
    object->clear();
}

void Environment::adopt(Ref<CustomObject> object) {
  budget.take(sizeof(object));
  adopted_.push_back(std::move(object));
}

} // namespace swallow::jinja
