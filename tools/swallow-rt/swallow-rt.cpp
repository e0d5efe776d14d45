//===- swallow-rt.cpp - runs compiled models ------------------------------===//
//
// Written with the C API (runtime/include/swallow_rt.h) alone. Exit codes: 0
// success, 1 an error (one line on standard error), 2 wrong usage, 130
// interrupted.
//
//===----------------------------------------------------------------------===//

#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/HelpFormatter.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>

static int report(const std::string &message, int exitCode) {
  // One line, whatever an option's value has in it.
  std::string line = message;
  std::replace_if(
      line.begin(), line.end(),
      [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  std::fprintf(stderr, "swallow-rt: error: %s\n", line.c_str());
  return exitCode;
}

int main(int argc, char **argv) {
  // A reader that has seen enough is no failure: writeOutput sees it.
  std::signal(SIGPIPE, SIG_IGN);

  CLI::App app("Runs language models compiled by swallowc", "swallow-rt");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version",
                       std::string("swallow-rt ") + swallow_version());
  app.require_subcommand(0, 1);
  Command command;
  addRunCommand(app, command);
  addChatCommand(app, command);
  addInspectCommand(app, command);
  addVerifyCommand(app, command);
  addLogitsCommand(app, command);
  addTokenizeCommand(app, command);
  addDetokenizeCommand(app, command);
  addPerplexityCommand(app, command);
  addRenderCommand(app, command);
  addBenchCommand(app, command);
  addCompareCommand(app, command);
  addDevicesCommand(app, command);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error); // --help, --version
    std::string verb;
    for (const CLI::App *sub : app.get_subcommands())
      verb = sub->get_name() + " ";
    return report(
        std::string(error.what()) + " (see swallow-rt " + verb + "--help)", 2);
  }
  if (!command) {
    std::string verbs;
    for (const CLI::App *sub : app.get_subcommands({}))
      verbs += sub->get_name() + ", ";
    return report("no command (" + verbs + "or see swallow-rt --help)", 2);
  }
  try {
    return command();
  } catch (const CommandError &error) {
    return report(error.what(), 1);
  } catch (const std::bad_alloc &) {
    return report("out of memory", 1);
  }
}
