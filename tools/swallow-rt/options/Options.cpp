#include "tools/swallow-rt/options/Options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace {

template <typename T> std::string numberText(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    char text[32];
    std::snprintf(text, sizeof(text), "%g", double(value));
    return text;
  } else {
    return std::to_string(value);
  }
}

template <typename T> bool parseWhole(std::string_view text, T &value) {
  T parsed{};
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error != std::errc() || end != text.data() + text.size())
    return false;
  value = parsed;
  return true;
}

std::string bracketed(const char *help, const std::string &note) {
  return std::string(help) + " [" + note + "]";
}

std::string rangeAndDefault(const std::string &range,
                            const std::string &standard) {
  return range + ", default " + standard;
}

} // namespace

template <typename T> std::string Range<T>::text() const {
  std::string from = numberText(low);
  if (high == std::numeric_limits<T>::max())
    return (aboveLow ? "above " : "at least ") + from;
  return (aboveLow ? "above " : "") + from + " to " + numberText(high);
}

bool parseNumber(std::string_view text, int32_t &value) {
  return parseWhole(text, value);
}
bool parseNumber(std::string_view text, int64_t &value) {
  return parseWhole(text, value);
}
bool parseNumber(std::string_view text, uint64_t &value) {
  return parseWhole(text, value);
}
bool parseNumber(std::string_view text, double &value) {
  double parsed = 0;
  if (!parseWhole(text, parsed) || !std::isfinite(parsed))
    return false;
  value = parsed;
  return true;
}

template <typename T>
T numberInRange(const std::string &name, const std::string &text,
                const Range<T> &range) {
  T value{};
  // A number too large for its type is out of range as well; tell them apart
  // only by what was written.
  if (parseNumber(text, value) && range.contains(value))
    return value;
  bool number = !text.empty() &&
                text.find_first_not_of("+-.0123456789eE") == std::string::npos;
  throw CLI::ValidationError(
      name + " '" + text + "' is " +
      (number ? "out of range: " : "not a number: ") + "it must be " +
      (std::is_floating_point_v<T> ? "a number " : "a whole number ") +
      (range.text().starts_with("a") ? "" : "from ") + range.text());
}

std::string displayName(const char *names) {
  std::string text = names, longest;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    if (end - begin > longest.size())
      longest = text.substr(begin, end - begin);
    begin = end + 1;
  }
  return longest;
}

void Options::positional(const char *name, std::string &value,
                         const char *help) {
  verb_.add_option(name, value, help)->required();
}

template <typename T>
CLI::Option *Options::number(const char *names, T &value, const char *metavar,
                             const char *help, Range<T> range,
                             std::string standard) {
  return custom(
      names, metavar, help, rangeAndDefault(range.text(), standard),
      [name = displayName(names), &value, range](const std::string &text) {
        value = numberInRange(name, text, range);
      });
}

template <typename T>
CLI::Option *Options::number(const char *names, std::optional<T> &value,
                             const char *metavar, const char *help,
                             Range<T> range, std::string standard) {
  return custom(
      names, metavar, help, rangeAndDefault(range.text(), standard),
      [name = displayName(names), &value, range](const std::string &text) {
        value = numberInRange(name, text, range);
      });
}

CLI::Option *Options::numbers(const char *names, std::vector<int64_t> &values,
                              const char *help, Range<int64_t> range,
                              const std::string &standard) {
  return custom(
      names, "N,...", help, rangeAndDefault(range.text(), standard),
      [name = displayName(names), &values, range](const std::string &text) {
        values.clear();
        for (size_t begin = 0; begin <= text.size();) {
          size_t end = std::min(text.find(',', begin), text.size());
          values.push_back(
              numberInRange(name, text.substr(begin, end - begin), range));
          begin = end + 1;
        }
      });
}

CLI::Option *Options::text(const char *names, std::string &value,
                           const char *metavar, const char *help,
                           const char *standard) {
  return custom(names, metavar, help, std::string("default ") + standard,
                [&value](const std::string &text) { value = text; });
}

CLI::Option *Options::text(const char *names, std::optional<std::string> &value,
                           const char *metavar, const char *help,
                           const char *standard) {
  return custom(names, metavar, help, std::string("default ") + standard,
                [&value](const std::string &text) { value = text; });
}

CLI::Option *Options::repeated(const char *names, const char *metavar,
                               const char *help, const char *note,
                               Reader read) {
  // One value each time: the next argument may be FILE.
  return custom(names, metavar, help, note, std::move(read))
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1, std::numeric_limits<int>::max())
      ->allow_extra_args(false);
}

CLI::Option *Options::custom(const char *names, const char *metavar,
                             const char *help, const std::string &note,
                             Reader read) {
  // The raw results: CLI11's conversions give "[", "{}" and "%%" meanings.
  CLI::callback_t readAll =
      [read = std::move(read)](const CLI::results_t &values) {
        for (const std::string &value : values)
          read(value);
        return true;
      };
  return verb_.add_option(names, std::move(readAll), bracketed(help, note))
      ->type_name(metavar)
      ->group(group_);
}

CLI::Option *Options::flag(const char *names, bool &value, const char *help) {
  return verb_.add_flag(names, value, help)->group(group_);
}

void Options::file(std::string &value) {
  positional("FILE", value, "The compiled model (.swallow)");
}

void Options::context(std::string &value) {
  custom("-c,--context", "N", "Context in tokens, or auto",
         "at least 1, default 4096", [&value](const std::string &text) {
           if (text != "auto")
             numberInRange<int64_t>("--context", text, {1});
           value = text;
         });
}

void Options::threads(int32_t &value) {
  number<int32_t>("-t,--threads", value, "N", "Threads", {1, 1024},
                  "physical cores");
}

void Options::variant(std::string &value) {
  text("--variant", value, "NAME", "Code variant", "the best that runs here");
}

void Options::kvCache(std::string &value) {
  custom("--kv-cache", "TYPE", "Keys and values", "f32, bf16, f16 or int8",
         [&value](const std::string &text) {
           for (const char *known : {"f32", "bf16", "f16", "int8"})
             if (text == known) {
               value = text;
               return;
             }
           throw CLI::ValidationError("--kv-cache",
                                      "must be f32, bf16, f16 or int8, not '" +
                                          text + "'");
         });
}

void Options::device(std::string &value) {
  text("--device", value, "NAME", "Device: cpu, cuda or cuda:N", "auto");
}

void Options::maxStepTokens(int64_t &value) {
  number<int64_t>("--max-step-tokens", value, "N", "Tokens in one step",
                  {1, int64_t(1) << 20}, std::to_string(value));
}

void Options::hugePages(bool &value) {
  flag("--huge-pages", value, "Copy the weights into memory, in huge pages");
}

template struct Range<int32_t>;
template struct Range<int64_t>;
template struct Range<uint64_t>;
template struct Range<double>;

#define INSTANTIATE(T)                                                         \
  template T numberInRange(const std::string &, const std::string &,           \
                           const Range<T> &);                                  \
  template CLI::Option *Options::number(const char *, T &, const char *,       \
                                        const char *, Range<T>, std::string);  \
  template CLI::Option *Options::number(const char *, std::optional<T> &,      \
                                        const char *, const char *, Range<T>,  \
                                        std::string);
INSTANTIATE(int32_t)
INSTANTIATE(int64_t)
INSTANTIATE(uint64_t)
INSTANTIATE(double)
#undef INSTANTIATE
