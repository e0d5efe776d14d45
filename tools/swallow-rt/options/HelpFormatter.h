//===- HelpFormatter.h - the layout of --help -------------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_HELPFORMATTER_H
#define SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_HELPFORMATTER_H

#include <CLI/CLI.hpp>

/// One line for each option where 80 columns allow it, no blank lines but those
/// between groups: the help of a verb is to fit a screen.
class HelpFormatter : public CLI::Formatter {
public:
  std::string make_usage(const CLI::App *app, std::string name) const override;
  std::string
  make_group(std::string group, bool isPositional,
             std::vector<const CLI::Option *> options) const override;
  std::string make_positionals(const CLI::App *app) const override;
  std::string make_option(const CLI::Option *option,
                          bool isPositional) const override;
  std::string make_subcommand(const CLI::App *sub) const override;
  std::string make_help(const CLI::App *app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

#endif // SWALLOW_TOOLS_SWALLOW_RT_OPTIONS_HELPFORMATTER_H
