//===- StrftimeTest.cpp - datetime.strftime -------------------------------===//

#include "runtime/jinja/library/Strftime.h"
#include "test/runtime/jinja/Expressions.h"

namespace swallow::jinja {
namespace {

TEST(StrftimeTest, StrftimeNow) {
  constexpr ExpressionCase cases[] = {
      {"strftime_now('%Y-%m-%d %H:%M:%S.%f')", "2024-07-26 12:08:09.123456"},
      {"strftime_now('%d %b %Y')", "26 Jul 2024"},
      {"strftime_now('%A %B %-d %j %p %I %y %Z%z %% %q')",
       "Friday July 26 208 PM 12 24  % %q"},
      {"strftime_now(5)",
       "error: TypeError: strftime() argument 1 must be str, not int"},
      {"strftime_now()", "error: TypeError: "
                         "_cached_compile_jinja_template.<locals>.strftime_now("
                         ") missing 1 required positional argument: 'format'"},
      {"strftime_now('日本%Y年')", "日本2024年"},
  };
  check(cases, "{}");
}

// What Python 3.11 on glibc printed for datetime(2024, 7, 4, 5, 6, 7, 89).
TEST(StrftimeTest, Directives) {
  constexpr LocalTime time{1720069567, 89, 0};
  constexpr std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"%", "%"},
      {"%Q", "%Q"},
      {"%Y%", "2024%"},
      {"%z|%Z|%f", "||000089"},
      {"%-d %_d %e %^a %#Z", "4  4  4 THU "},
      {"%10Y|", "0000002024|"},
      {"%s", "1720069567"},
      {"%C %D %F %G %g %h", "20 07/04/24 2024-07-04 2024 24 Jul"},
      {"%k %l %n%P%r %R %t %T", " 5  5 \nam05:06:07 AM 05:06 \t 05:06:07"},
      {"%u %w %V %U %W %j", "4 4 27 26 27 186"},
      {"%c|%x|%X", "Thu Jul  4 05:06:07 2024|07/04/24|05:06:07"},
      {"%:z %3f", "%:z %3f"},
  };
  for (auto [format, expected] : cases)
    EXPECT_EQ(formatTime(time, format), expected) << format;
  EXPECT_EQ(formatTime(time, std::string_view("a\0%Y", 4)), "a");
}

TEST(StrftimeTest, Calendar) {
  constexpr std::pair<LocalTime, std::string_view> cases[] = {
      {{0, 0, 0}, "1970-01-01 00:00:00 Thu 001"},
      {{-1, 0, 0}, "1969-12-31 23:59:59 Wed 365"},
      {{951782400, 0, 0}, "2000-02-29 00:00:00 Tue 060"},
      {{951782400, 0, -3600}, "2000-02-28 23:00:00 Mon 059"},
      {{1704067199, 0, 1}, "2024-01-01 00:00:00 Mon 001"},
      {{4102444800, 0, 32400}, "2100-01-01 09:00:00 Fri 001"},
  };
  for (const auto &[time, expected] : cases)
    EXPECT_EQ(formatTime(time, "%Y-%m-%d %H:%M:%S %a %j"), expected);
}

// A width cannot make the text longer than 256 times the format, or 1024.
TEST(StrftimeTest, Widths) {
  EXPECT_EQ(formatTime({}, "%1000Y").size(), 1000u);
  EXPECT_EQ(formatTime({}, "%99999Y"), "");
  EXPECT_EQ(formatTime({}, "%999999999Y"), "");
}

} // namespace
} // namespace swallow::jinja
