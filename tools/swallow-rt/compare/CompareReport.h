//===- CompareReport.h - the result of compare ------------------*- C++ -*-===//

#ifndef SWALLOW_TOOLS_SWALLOW_RT_COMPARE_COMPAREREPORT_H
#define SWALLOW_TOOLS_SWALLOW_RT_COMPARE_COMPAREREPORT_H

#include "tools/swallow-rt/compare/Compare.h"

/// A table.
std::string compareText(const CompareResult &result);

/// The same as one JSON object on one line. Infinite errors are null.
std::string compareJson(const CompareResult &result, const std::string &file);

#endif // SWALLOW_TOOLS_SWALLOW_RT_COMPARE_COMPAREREPORT_H
