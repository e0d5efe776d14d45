//===- EditedLines.h - lines edited with libedit ----------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_EDITEDLINES_H
#define SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_EDITEDLINES_H

#include "tools/swallow-rt/terminal/LineEditor.h"

/// Reads from a terminal with the keys of Emacs (or what ~/.editrc says), and a
/// history that lasts. LC_CTYPE must be a UTF-8 locale.
std::unique_ptr<LineEditor> createEditedLines();

#endif // SWALLOW_TOOLS_SWALLOW_RT_TERMINAL_EDITEDLINES_H
