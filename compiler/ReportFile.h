//===- ReportFile.h - what a compile did, as a file -------------*- C++ -*-===//

#ifndef SWALLOW_COMPILER_REPORTFILE_H
#define SWALLOW_COMPILER_REPORTFILE_H

#include "compiler/ArtifactWriter.h"
#include "compiler/GpuReport.h"

namespace swallow {

struct ReportContents {
  std::vector<SourceReport> sources; // in the order of the artifact
  std::vector<GpuReport> gpu;        // the same
};

/// Writes JSON: {"tensors": [{"name", "bits", "bits_per_weight", "values",
/// "relative_error"}], "bits_per_weight", "relative_error"}, one entry for each
/// quantised tensor in the order of the artifact. `relative_error` is the root
/// mean square of the errors over that of the values; the last two are over all
/// of them. A tensor that was quantised by importance also has a
/// "weighted_error": the same with every square times the importance of its
/// input.
///
/// Where there is GPU code, also "gpu": [{"architecture", "ptxas" (its version,
/// or null), "reason" (why there is no machine code, or null), "cubin_bytes",
/// "kernels": [{"name", "registers", "barriers", "stack_bytes",
/// "spill_store_bytes", "spill_load_bytes", "shared_bytes",
/// "constant_bytes"}], "warnings": [text]}]. Fails with WriteFailed, naming the
/// path.
Status writeReport(const std::string &path, const ReportContents &contents);

} // namespace swallow

#endif // SWALLOW_COMPILER_REPORTFILE_H
