//===- Strftime.cpp -------------------------------------------------------===//

#include "runtime/jinja/library/Strftime.h"

#include <algorithm>
#include <chrono>
#include <clocale>
#include <ctime>

namespace swallow::jinja {

namespace {

std::tm calendarOf(const LocalTime &time) {
  using namespace std::chrono;
  int64_t local = time.seconds + time.zoneOffset;
  auto day = floor<days>(sys_seconds(seconds(local)));
  year_month_day date(day);
  hh_mm_ss clock(sys_seconds(seconds(local)) - day);
  std::tm calendar{};
  calendar.tm_year = static_cast<int>(date.year()) - 1900;
  calendar.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  calendar.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  calendar.tm_hour = static_cast<int>(clock.hours().count());
  calendar.tm_min = static_cast<int>(clock.minutes().count());
  calendar.tm_sec = static_cast<int>(clock.seconds().count());
  calendar.tm_wday = static_cast<int>(weekday(day).c_encoding());
  calendar.tm_yday =
      static_cast<int>((day - sys_days(date.year() / January / 1)).count());
  calendar.tm_isdst = -1;
  return calendar;
}

/// The format with what the C library does not know of the time filled in: the
/// microseconds, the zone, which there is none of, and the epoch's seconds,
/// which it would take from its own zone.
std::string fillIn(const LocalTime &time, std::string_view format) {
  std::string filled;
  for (size_t i = 0; i < format.size(); ++i) {
    char next = i + 1 < format.size() ? format[i + 1] : '\0';
    if (format[i] != '%' || next == '\0') {
      filled += format[i];
      continue;
    }
    ++i;
    if (next == 'f') {
      std::string micros = std::to_string(time.microseconds);
      filled.append(6 - std::min<size_t>(micros.size(), 6), '0').append(micros);
    } else if (next == 's') {
      filled += std::to_string(time.seconds);
    } else if (next != 'z' && next != 'Z') {
      filled += '%';
      filled += next;
    }
  }
  return filled;
}

} // namespace

std::string formatTime(const LocalTime &time, std::string_view format) {
  // Python passes it on as a C string.
  format = format.substr(0, format.find('\0'));
  static const locale_t plain = newlocale(LC_ALL_MASK, "C", locale_t{});
  std::string filled = fillIn(time, format);
  if (filled.empty())
    return filled;
  std::tm calendar = calendarOf(time);
  // Python tries larger buffers until 256 times the format is not enough; then
  // the result is empty.
  std::string out;
  for (size_t size = 1024;; size *= 2) {
    out.resize(size);
    size_t length =
        strftime_l(out.data(), size, filled.c_str(), &calendar, plain);
    if (length > 0 || size >= 256 * filled.size()) {
      out.resize(length);
      return out;
    }
  }
}

} // namespace swallow::jinja
