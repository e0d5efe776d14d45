//===- swallowc.cpp - the compiler's command line -------------------------===//

#include "compiler/Compiler.h"
#include "runtime/support/MappedFile.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <cstdio>

#include <sys/mman.h>
#include <unistd.h>

using namespace swallow;
namespace cl = llvm::cl;

static cl::SubCommand
    compileCommand("compile",
                   "Compile a Hugging Face checkpoint folder into one file");

static cl::OptionCategory category("Options");

static cl::opt<std::string> modelDir(cl::Positional, cl::desc("MODEL_DIR"),
                                     cl::sub(compileCommand),
                                     cl::cat(category));
static cl::opt<std::string>
    output("o",
           cl::desc("Output file (default: the folder's name + .swallow; "
                    "with -emit: standard output)"),
           cl::value_desc("file"), cl::sub(compileCommand), cl::cat(category));
static cl::list<std::string>
    targets("target",
            cl::desc("Targets, comma-separated: x86-64 (default) for all its "
                     "code variants, or names of variants (see -variant)"),
            cl::value_desc("list"), cl::CommaSeparated, cl::sub(compileCommand),
            cl::cat(category));
static cl::opt<DType>
    dtype("dtype", cl::desc("Type of weights and of matrix products' inputs"),
          cl::values(clEnumValN(DType::BF16, "bf16", "bfloat16 (default)"),
                     clEnumValN(DType::F16, "f16", "float16"),
                     clEnumValN(DType::F32, "f32", "float32")),
          cl::init(DType::BF16), cl::sub(compileCommand), cl::cat(category));
enum class QuantPreset { None, Int4, Int8 };
static cl::opt<QuantPreset> quant(
    "quant", cl::desc("Quantise the weights (default: none)"),
    cl::values(clEnumValN(QuantPreset::None, "none", "store them as -dtype"),
               clEnumValN(QuantPreset::Int4, "int4",
                          "projections int4, LM head and embedding int6"),
               clEnumValN(QuantPreset::Int8, "int8", "all matrices int8")),
    cl::init(QuantPreset::None), cl::sub(compileCommand), cl::cat(category));
enum class QuantClass { Preset = -1, None = 0, Int4 = 4, Int6 = 6, Int8 = 8 };
/// An option that replaces what -quant says for one class of matrices.
struct QuantClassOption : cl::opt<QuantClass> {
  QuantClassOption(const char *name, const char *what)
      : cl::opt<QuantClass>(
            llvm::StringRef(name), cl::desc(what),
            cl::values(clEnumValN(QuantClass::None, "none", "as -dtype"),
                       clEnumValN(QuantClass::Int4, "int4", "4.5 bits"),
                       clEnumValN(QuantClass::Int6, "int6", "6.5 bits"),
                       clEnumValN(QuantClass::Int8, "int8", "8.5 bits")),
            cl::init(QuantClass::Preset), cl::sub(compileCommand),
            cl::cat(category)) {}
};
static QuantClassOption
    quantAttention("quant-attention",
                   "Quantisation of q, k, v and o (default: as -quant)"),
    quantMlp("quant-mlp",
             "Quantisation of gate, up and down (default: as -quant)"),
    quantHead("quant-head",
              "Quantisation of the LM head, or of the table that is also the "
              "embedding (default: as -quant)"),
    quantEmbedding("quant-embedding",
                   "Quantisation of the embedding (default: as -quant)");
enum class QuantInputs { Default, Int8, Groups, BF16 };
static cl::opt<QuantInputs> quantInputs(
    "quant-inputs",
    cl::desc(
        "What inputs of quantised matrices are rounded to in steps of many "
        "rows (default: groups for int8 matrices, int8 for others)"),
    cl::values(clEnumValN(QuantInputs::Int8, "int8",
                          "a scale for 256 of them: fastest"),
               clEnumValN(QuantInputs::Groups, "groups",
                          "int8 with a scale for 32, or bf16 where that is as "
                          "fast"),
               clEnumValN(QuantInputs::BF16, "bf16", "most exact")),
    cl::init(QuantInputs::Default), cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string> calibrate(
    "calibrate",
    cl::desc("Run the model over this text, and round quantised weights so "
             "that what they compute with it is off by least"),
    cl::value_desc("file"), cl::sub(compileCommand), cl::cat(category));
static cl::opt<int64_t> calibrateTokens(
    "calibrate-tokens",
    cl::desc("Tokens of the text that -calibrate uses (default: 2048)"),
    cl::init(2048), cl::sub(compileCommand), cl::cat(category));
static cl::opt<int64_t> calibrateContext(
    "calibrate-context",
    cl::desc("Tokens that -calibrate reads at a time (default: 512)"),
    cl::init(512), cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    report("report",
           cl::desc("Write what quantisation did to each tensor and what GPU "
                    "kernels take, as JSON"),
           cl::value_desc("file"), cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    ptxas("ptxas",
          cl::desc("NVIDIA's assembler, which adds machine code for GPU "
                   "targets, or none (default: $SWALLOW_PTXAS, or ptxas of "
                   "PATH or of the CUDA Toolkit)"),
          cl::value_desc("path|none"), cl::sub(compileCommand),
          cl::cat(category));
static cl::opt<Stage> emitOption(
    "emit", cl::desc("Print a stage of the compile instead of writing a file"),
    cl::values(
        clEnumValN(Stage::Import, "import", "the model in the swallow dialect"),
        clEnumValN(Stage::Fused, "fused", "after fusion"),
        clEnumValN(Stage::Planned, "planned", "after planning of memory"),
        clEnumValN(Stage::Kernels, "kernels", "the kernels of one variant"),
        clEnumValN(Stage::Llvm, "llvm", "the kernels in the LLVM dialect"),
        clEnumValN(Stage::Llvm, "nvvm", "the same, of a GPU's kernels"),
        clEnumValN(Stage::Asm, "asm", "assembly"),
        clEnumValN(Stage::Asm, "ptx", "the same, of a GPU's kernels")),
    cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    variant("variant",
            cl::desc("Code variant that -emit shows (default: "
                     "x86-64-amx; also x86-64-avx512-bf16, x86-64-avx512, "
                     "x86-64-avx2, sm_80, ...)"),
            cl::value_desc("name"), cl::sub(compileCommand), cl::cat(category));
namespace {
enum class Weights { Checkpoint, Synthetic };
} // namespace
static cl::opt<Weights> weights(
    "weights", cl::desc("Where the weights come from"),
    cl::values(clEnumValN(Weights::Checkpoint, "checkpoint",
                          "the folder's safetensors files (default)"),
               clEnumValN(Weights::Synthetic, "synthetic",
                          "numbers made from a seed when the file is run, for "
                          "measuring: needs config.json only")),
    cl::init(Weights::Checkpoint), cl::sub(compileCommand), cl::cat(category));
static cl::opt<uint64_t>
    seed("seed", cl::desc("Seed of synthetic weights (default: 0)"),
         cl::init(0), cl::sub(compileCommand), cl::cat(category));
static cl::opt<int64_t>
    layers("layers", cl::desc("Compile only the first layers (default: all)"),
           cl::init(0), cl::sub(compileCommand), cl::cat(category));
static cl::opt<int> probeTokens(
    "probe-tokens",
    cl::desc("Tokens of the prompt with which an artifact proves itself; 0 for "
             "none (default: 4)"),
    cl::init(4), cl::sub(compileCommand), cl::cat(category));
static cl::opt<int>
    threads("threads", cl::desc("Threads (default: as many as may be used)"),
            cl::init(0), cl::sub(compileCommand), cl::cat(category));
static cl::opt<bool> quiet("quiet",
                           cl::desc("Say nothing but warnings and errors"),
                           cl::sub(compileCommand), cl::cat(category));

static int usage(const llvm::Twine &message) {
  llvm::errs() << "swallowc: error: " << message
               << " (see swallowc compile --help)\n";
  return 2;
}

/// "; expected a, b" when `line` complains about `option`'s value.
template <typename T>
static std::string expectedValues(llvm::StringRef line, cl::opt<T> &option) {
  if (!line.contains(("--" + option.ArgStr + " option: Cannot find").str()))
    return "";
  std::string names;
  for (unsigned i = 0; i < option.getParser().getNumOptions(); ++i)
    names +=
        (i == 0 ? "; expected " : ", ") + option.getParser().getOption(i).str();
  return names;
}

/// What llvm::cl has to say about the arguments, in one line and without its
/// hints to --help, which usage() gives.
static std::string oneLine(llvm::StringRef errors) {
  std::string out;
  llvm::SmallVector<llvm::StringRef> lines;
  errors.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef line : lines) {
    line.consume_front("swallowc: ");
    llvm::StringRef said =
        line.split("  Try: ").first.split(": See: ").first.rtrim("!.");
    out += (out.empty() ? "" : "; ") + said.str() +
           expectedValues(line, dtype) + expectedValues(line, emitOption);
  }
  return out;
}

/// Parses the arguments; `errors` gets what llvm::cl says about them. What it
/// says about an option's value goes to standard error whatever stream it is
/// given, so standard error is a file in memory meanwhile.
static bool parseArguments(int argc, char **argv, std::string &errors) {
  int standardError = dup(STDERR_FILENO);
  int file = memfd_create("errors", MFD_CLOEXEC);
  bool captures = standardError >= 0 && file >= 0 &&
                  dup2(file, STDERR_FILENO) == STDERR_FILENO;
  bool parsed = cl::ParseCommandLineOptions(
      argc, argv,
      "Compiles Llama- and Mistral-family language models ahead of time\n",
      &llvm::errs());
  if (captures) {
    dup2(standardError, STDERR_FILENO);
    off_t size = lseek(file, 0, SEEK_END);
    errors.resize(size > 0 ? static_cast<size_t>(size) : 0);
    ssize_t got = pread(file, errors.data(), errors.size(), 0);
    errors.resize(got > 0 ? static_cast<size_t>(got) : 0);
  }
  if (file >= 0)
    close(file);
  if (standardError >= 0)
    close(standardError);
  return parsed;
}

static int fail(const Error &error) {
  llvm::errs() << "swallowc: error: " << error.message << "\n";
  return error.code == ErrorCode::InvalidArgument ? 2 : 1;
}

/// MODEL_DIR without trailing slashes, then its last part, in the current
/// folder.
static std::string defaultOutput(llvm::StringRef dir) {
  dir = dir.rtrim('/');
  llvm::StringRef name = dir.rsplit('/').second;
  if (name.empty())
    name = dir;
  if (name.empty() || name == "." || name == "..")
    name = "model";
  return (name + ".swallow").str();
}

static QuantOptions quantOptions() {
  int64_t projections = quant == QuantPreset::Int4   ? 4
                        : quant == QuantPreset::Int8 ? 8
                                                     : 0;
  int64_t tables = quant == QuantPreset::Int4 ? 6 : projections;
  auto choose = [](QuantClass asked, int64_t preset) {
    return asked == QuantClass::Preset ? preset : static_cast<int64_t>(asked);
  };
  return {choose(quantAttention, projections), choose(quantMlp, projections),
          choose(quantHead, tables), choose(quantEmbedding, tables),
          quantInputs == QuantInputs::Int8     ? "i8"
          : quantInputs == QuantInputs::Groups ? "groups"
          : quantInputs == QuantInputs::BF16   ? "bf16"
                                               : ""};
}

static int emit(const CompileOptions &options) {
  auto text = emitStage(options, emitOption, variant);
  if (!text)
    return fail(text.error());
  std::FILE *out = stdout;
  if (!options.output.empty())
    out = std::fopen(options.output.c_str(), "w");
  if (!out) {
    std::perror(("swallowc: error: " + options.output).c_str());
    return 1;
  }
  bool written =
      std::fwrite(text->data(), 1, text->size(), out) == text->size();
  written &= (out == stdout ? std::fflush(out) : std::fclose(out)) == 0;
  if (!written) {
    std::perror("swallowc: error: cannot write the output");
    return 1;
  }
  return 0;
}

static int compile() {
  if (modelDir.empty())
    return usage("compile needs a MODEL_DIR");
  if (probeTokens < 0 || probeTokens > 512)
    return usage("-probe-tokens is expected to be 0 to 512");
  if (threads < 0)
    return usage("-threads is expected to be 0 or more");
  const bool synthetic = weights == Weights::Synthetic;
  if (seed.getNumOccurrences() > 0 && !synthetic)
    return usage("-seed goes with -weights=synthetic");
  if (layers.getNumOccurrences() > 0 && layers < 1)
    return usage("-layers is expected to be 1 or more");
  if (calibrate.getNumOccurrences() > 0 && calibrate.empty())
    return usage("-calibrate needs the path of a text");
  if (calibrate.empty() && (calibrateTokens.getNumOccurrences() > 0 ||
                            calibrateContext.getNumOccurrences() > 0))
    return usage("-calibrate-tokens and -calibrate-context go with -calibrate");
  if (calibrateTokens < kLeastCalibrationTokens || calibrateTokens > (1 << 20))
    return usage("-calibrate-tokens is expected to be 32 to 1048576");
  if (ptxas.getNumOccurrences() > 0 && ptxas.empty())
    return usage("-ptxas needs a path, or none");
  if (calibrateContext < 2)
    return usage("-calibrate-context is expected to be 2 or more");
  CompileOptions options;
  options.modelDir = modelDir;
  if (synthetic)
    options.syntheticSeed = seed;
  options.layers = layers;
  options.output = output;
  options.dtype = dtype;
  options.quant = quantOptions();
  options.calibration = {calibrate, calibrateTokens, calibrateContext};
  options.report = report;
  options.ptxas = ptxas;
  options.probeTokens = probeTokens;
  options.threads = threads;
  if (!targets.empty())
    options.targets.assign(targets.begin(), targets.end());
  options.warn = [](const std::string &line) {
    llvm::errs() << "swallowc: warning: " << line << "\n";
  };
  if (emitOption.getNumOccurrences() > 0)
    return emit(options);

  if (options.output.empty())
    options.output = defaultOutput(options.modelDir);
  // Linking runs lld in process, which resets all llvm::cl options.
  const bool talks = !quiet;
  options.showProgress = talks;
  if (talks)
    options.note = [](const std::string &line) {
      llvm::errs() << line << "\n";
    };
  auto report = compileModel(options);
  if (!report)
    return fail(report.error());
  if (!talks)
    return 0;
  llvm::errs() << llvm::format(
      "%s: %.1f MB (probe %.1f s, code %.1f s, weights %.1f s",
      options.output.c_str(), report->fileBytes / 1e6, report->probeSeconds,
      report->codeSeconds, report->packSeconds);
  if (!options.calibration.textFile.empty())
    llvm::errs() << llvm::format(", calibration %.1f s",
                                 report->calibrationSeconds);
  llvm::errs() << ")\n";
  return 0;
}

int main(int argc, char **argv) {
  // A file size limit is then an error of the write, which is reported like a
  // full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  cl::HideUnrelatedOptions(category);
  cl::HideUnrelatedOptions(category, compileCommand);
  cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "swallowc " << compilerVersion() << "\n";
  });
  std::string errors;
  if (!parseArguments(argc, argv, errors))
    return usage(oneLine(errors));
  if (compileCommand)
    return compile();
  return usage("expected a command: compile");
}
