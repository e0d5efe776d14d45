//===- Commands.h - the verbs of swallow-rt ---------------------*- C++ -*-===//
//
// Each add function declares a verb's options and stores what runs it in
// `command`; nothing of the runtime is touched before the command line has been
// understood, so --help is immediate.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_COMMANDS_H
#define SWALLOW_TOOLS_SWALLOW_RT_COMMANDS_H

#include <CLI/CLI.hpp>

#include <functional>

/// Returns the exit code; throws CommandError (Support.h).
using Command = std::function<int()>;

void addBenchCommand(CLI::App &app, Command &command);
void addRunCommand(CLI::App &app, Command &command);
void addChatCommand(CLI::App &app, Command &command);
void addInspectCommand(CLI::App &app, Command &command);
void addVerifyCommand(CLI::App &app, Command &command);
void addDevicesCommand(CLI::App &app, Command &command);
void addCompareCommand(CLI::App &app, Command &command);
void addLogitsCommand(CLI::App &app, Command &command);
void addTokenizeCommand(CLI::App &app, Command &command);
void addDetokenizeCommand(CLI::App &app, Command &command);
void addPerplexityCommand(CLI::App &app, Command &command);
void addRenderCommand(CLI::App &app, Command &command);

#endif // SWALLOW_TOOLS_SWALLOW_RT_COMMANDS_H
