#include "tools/swallow-rt/options/HelpFormatter.h"

#include <sstream>

namespace {

constexpr size_t kColumns = 80;
constexpr size_t kHelpColumn = 26;

/// "  NAME     help", the help broken into lines where it is too long.
std::string entry(const std::string &name, const std::string &help) {
  std::string out = "  " + name;
  if (out.size() + 2 > kHelpColumn && out.size() + 2 + help.size() <= kColumns)
    return out + "  " + help + "\n";
  if (out.size() + 2 > kHelpColumn)
    out += "\n" + std::string(kHelpColumn, ' ');
  else
    out += std::string(kHelpColumn - out.size(), ' ');
  size_t column = kHelpColumn;
  std::istringstream words(help);
  for (std::string word; words >> word;) {
    if (column > kHelpColumn && column + 1 + word.size() > kColumns) {
      out += "\n" + std::string(kHelpColumn, ' ');
      column = kHelpColumn;
    } else if (column > kHelpColumn) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out + "\n";
}

} // namespace

std::string HelpFormatter::make_usage(const CLI::App *app,
                                      std::string name) const {
  std::string usage = "Usage: " + name;
  for (const CLI::Option *option : app->get_options(
           [](const CLI::Option *option) { return option->get_positional(); }))
    usage += " " + option->get_name(true);
  if (!app->get_subcommands({}).empty())
    usage += " COMMAND";
  return usage + " [options]\n";
}

std::string
HelpFormatter::make_group(std::string group, bool isPositional,
                          std::vector<const CLI::Option *> options) const {
  std::string out = isPositional ? "\n" : "\n" + group + ":\n";
  for (const CLI::Option *option : options)
    out += make_option(option, isPositional);
  return out;
}

std::string HelpFormatter::make_positionals(const CLI::App *app) const {
  std::vector<const CLI::Option *> options = app->get_options(
      [](const CLI::Option *option) { return option->get_positional(); });
  return options.empty() ? "" : make_group("", true, options);
}

std::string HelpFormatter::make_option(const CLI::Option *option,
                                       bool isPositional) const {
  if (isPositional)
    return entry(option->get_name(true), option->get_description());
  std::string names;
  for (const std::string &name : option->get_snames())
    names += (names.empty() ? "-" : ", -") + name;
  for (const std::string &name : option->get_lnames())
    names += (names.empty() ? "--" : ", --") + name;
  if (option->get_expected_max() > 0)
    names += " " + option->get_type_name();
  return entry(names, option->get_description());
}

std::string HelpFormatter::make_subcommand(const CLI::App *sub) const {
  return entry(sub->get_name(), sub->get_description());
}

std::string HelpFormatter::make_help(const CLI::App *app, std::string name,
                                     CLI::AppFormatMode mode) const {
  std::string out = make_description(app) + "\n" + make_usage(app, name) +
                    make_positionals(app);
  if (!app->get_subcommands({}).empty()) {
    out += "\nCommands:\n";
    for (const CLI::App *sub : app->get_subcommands({}))
      out += make_subcommand(sub);
  }
  for (const std::string &group : app->get_groups()) {
    std::vector<const CLI::Option *> options =
        app->get_options([&group](const CLI::Option *option) {
          return option->nonpositional() && option->get_group() == group;
        });
    if (!options.empty())
      out += make_group(group, false, options);
  }
  return out + (make_footer(app).empty() ? "" : "\n" + make_footer(app));
}
