//===- Options.h - declaring the options of a verb --------------*- C++ -*-===//
//
// Every option of every verb is declared with these functions, so that each has
// one line of help that ends with its range and default in brackets, and so
// that a value outside the range is refused with the option's name, the value
// and the range.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_OPTIONS_H
#define SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_OPTIONS_H

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The numbers that an option takes.
template <typename T> struct Range {
  T low;
  T high = std::numeric_limits<T>::max(); // the maximum: no bound is named
  bool aboveLow = false;                  // `low` itself is refused

  bool contains(T value) const {
    return (aboveLow ? value > low : value >= low) && value <= high;
  }
  /// "0 to 1", "above 0", "at least 1".
  std::string text() const;
};

/// Reads a whole decimal number, nothing around it. Infinities and NaN are no
/// numbers here.
bool parseNumber(std::string_view text, int32_t &value);
bool parseNumber(std::string_view text, int64_t &value);
bool parseNumber(std::string_view text, uint64_t &value);
bool parseNumber(std::string_view text, double &value);

/// `text` as the value of option `name`; throws CLI::ValidationError.
template <typename T>
T numberInRange(const std::string &name, const std::string &text,
                const Range<T> &range);

/// Declares the options of one verb, in groups under headings.
class Options {
public:
  explicit Options(CLI::App &verb) : verb_(verb) {}

  /// The options declared after this stand under a heading.
  void group(std::string heading) { group_ = std::move(heading); }

  /// A required argument without a name.
  void positional(const char *name, std::string &value, const char *help);

  /// `names` as CLI11 takes them ("-n,--max-tokens"); `metavar` stands for the
  /// value in the help; `standard` is the default as the help writes it.
  /// Naming an option twice is refused, by number and text alike.
  template <typename T>
  CLI::Option *number(const char *names, T &value, const char *metavar,
                      const char *help, Range<T> range, std::string standard);
  template <typename T>
  CLI::Option *number(const char *names, std::optional<T> &value,
                      const char *metavar, const char *help, Range<T> range,
                      std::string standard);
  /// Numbers separated by commas, at least one.
  CLI::Option *numbers(const char *names, std::vector<int64_t> &values,
                       const char *help, Range<int64_t> range,
                       const std::string &standard);
  CLI::Option *text(const char *names, std::string &value, const char *metavar,
                    const char *help, const char *standard);
  CLI::Option *text(const char *names, std::optional<std::string> &value,
                    const char *metavar, const char *help,
                    const char *standard);
  /// Takes the text of a value; throws CLI::ValidationError when it is not one.
  using Reader = std::function<void(const std::string &)>;
  /// Any kind of value; `note` goes between the brackets of the help.
  CLI::Option *custom(const char *names, const char *metavar, const char *help,
                      const std::string &note, Reader read);
  /// The same for an option that may be given any number of times.
  CLI::Option *repeated(const char *names, const char *metavar,
                        const char *help, const char *note, Reader read);
  CLI::Option *flag(const char *names, bool &value, const char *help);

  // What several verbs have.
  void file(std::string &value);
  void context(std::string &value);
  void threads(int32_t &value);
  void variant(std::string &value);
  void kvCache(std::string &value);
  void device(std::string &value);
  void maxStepTokens(int64_t &value);
  void hugePages(bool &value);

private:
  CLI::App &verb_;
  std::string group_ = "Options";
};

/// The name that messages use for an option: the longest of `names`.
std::string displayName(const char *names);

#endif // SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_OPTIONS_H
