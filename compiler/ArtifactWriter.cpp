//===- ArtifactWriter.cpp - writes a .swallow file ------------------------===//
//
// The program comes first in the file but holds the hashes of the weights,
// which are known last. Its size does not depend on their values, so it is
// serialised twice: with zeros, to learn its size and to validate it, and at
// the end with the hashes.
//
//===----------------------------------------------------------------------===//

#include "compiler/ArtifactWriter.h"

#include "compiler/AtomicFile.h"
#include "compiler/WeightStream.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/Validation.h"
#include "runtime/support/Hash.h"

#include <algorithm>
#include <chrono>

using namespace swallow;

static Error invalid(const std::string &path, const std::string &what) {
  return {ErrorCode::Internal, path + ": not a valid artifact: " + what};
}

static std::vector<uint8_t> bytesOf(const Hash128 &hash) {
  return {hash.begin(), hash.end()};
}

uint64_t swallow::alignWeightOffset(uint64_t end) {
  return format::alignUp(end, format::kWeightAlignment);
}

static std::string nonFiniteWarning(const SourceReport &source) {
  const int64_t count = source.stats.nonFinite;
  const std::string values = count == 1 ? " value" : " values";
  const std::string begin =
      "tensor " + source.name + " has " + std::to_string(count);
  if (source.layout.element == PackedElement::F16)
    return begin + values + (count == 1 ? " that is" : " that are") +
           " NaN, infinite or too large for f16";
  return begin + " NaN or infinite" + values +
         (isQuantized(source.layout.element) ? ", which quantise to 0" : "");
}

// Fills in what the layout and the sources say about a weight.
static void describeWeight(const WeightJob &job, bool synthetic,
                           fbs::WeightT &weight) {
  const PackedLayout &layout = job.layout;
  uint64_t rows = 0;
  weight.sources.clear();
  weight.source_rows.clear();
  for (size_t i = 0; i < job.sources.size(); ++i) {
    weight.sources.push_back(job.sources[i].name);
    weight.source_rows.push_back(static_cast<uint64_t>(layout.sourceRows[i]));
    rows += static_cast<uint64_t>(layout.sourceRows[i]);
  }
  weight.shape = {rows};
  if (layout.cols != 1)
    weight.shape.push_back(static_cast<uint64_t>(layout.cols));
  weight.element = elementTypeOf(layout.element);
  weight.n_block = static_cast<uint32_t>(layout.nBlock);
  weight.k_group = static_cast<uint32_t>(layout.kGroup);
  weight.row_unit = static_cast<uint32_t>(layout.rowUnit);
  weight.interleave = layout.interleave;
  weight.size = static_cast<uint64_t>(layout.totalBytes());
  weight.hash.clear();
  weight.source_errors.clear();
  if (synthetic)
    return;
  weight.hash = bytesOf(Hash128{});
  weight.source_errors.assign(
      isQuantized(layout.element) ? job.sources.size() : 0, 0.0f);
}

static Status describeWeights(const std::vector<WeightJob> &jobs,
                              fbs::ProgramT &program) {
  auto bad = [](const std::string &what) {
    return Status(ErrorCode::Internal, what);
  };
  const int64_t limit = int64_t(1) << 32; // the schema's fields
  std::vector<bool> seen(program.weights.size());
  for (const WeightJob &job : jobs) {
    if (job.weightIndex >= seen.size() || seen[job.weightIndex])
      return bad("a weight is packed twice or is not in the table");
    seen[job.weightIndex] = true;
    fbs::WeightT &weight = *program.weights[job.weightIndex];
    const PackedLayout &layout = job.layout;
    if (!layout.valid() || layout.nBlock >= limit || layout.rowUnit >= limit ||
        layout.sourceRows.size() != job.sources.size())
      return bad("weight " + weight.name + " has an impossible layout");
    for (size_t i = 0; i < job.sources.size() && !program.synthetic; ++i) {
      int64_t expected = layout.sourceRows[i] * layout.cols *
                         sourceElementSize(job.sources[i].element);
      if (job.sources[i].bytes.size() != static_cast<size_t>(expected))
        return bad("weight " + weight.name + ": " + job.sources[i].name +
                   " has " + std::to_string(job.sources[i].bytes.size()) +
                   " bytes instead of " + std::to_string(expected));
    }
    describeWeight(job, program.synthetic != nullptr, weight);
  }
  if (jobs.size() != program.weights.size())
    return bad("a weight has no source");
  return {};
}

static uint64_t endOfWeights(const fbs::ProgramT &program) {
  uint64_t end = 0;
  for (const auto &weight : program.weights)
    end = std::max(end, weight->offset + weight->size);
  return end;
}

// Makes the table of segments; returns where the last one ends, from the
// segment base.
static uint64_t describeSegments(const std::vector<SegmentData> &segments,
                                 fbs::ProgramT &program) {
  uint64_t end = 0;
  program.segments.clear();
  auto add = [&](fbs::SegmentKind kind, const std::string &name,
                 uint64_t size) {
    auto info = std::make_unique<fbs::SegmentT>();
    info->kind = kind;
    info->name = name;
    info->offset = format::alignUp(end, format::kAlignment);
    info->size = size;
    end = info->offset + size;
    program.segments.push_back(std::move(info));
  };
  for (const SegmentData &segment : segments) {
    add(segment.kind, segment.name, segment.bytes.size());
    program.segments.back()->hash = bytesOf(hashBytes(segment.bytes));
  }
  if (!program.weights.empty() && !program.synthetic)
    add(fbs::SegmentKind::Weights, "weights", endOfWeights(program));
  return end;
}

static std::vector<uint8_t> serialise(const fbs::ProgramT &program) {
  flatbuffers::FlatBufferBuilder builder(1 << 16);
  fbs::FinishProgramBuffer(builder, fbs::Program::Pack(builder, &program));
  return {builder.GetBufferPointer(),
          builder.GetBufferPointer() + builder.GetSize()};
}

// The loader's checks of the program and of the code.
static Status validate(std::span<const uint8_t> bytes, uint64_t segmentBytes,
                       const std::vector<SegmentData> &segments) {
  SWALLOW_ASSIGN(const fbs::Program *program, verifyProgram(bytes));
  SWALLOW_TRY(validateSegments(*program, segmentBytes));
  SWALLOW_TRY(validateProgram(*program));
  for (uint32_t i = 0; i < program->variants()->size(); ++i) {
    const fbs::Variant &variant = *program->variants()->Get(i);
    SWALLOW_TRY(
        validateCode(*program, i, segments[variant.code_segment()].bytes));
    if (variant.gpu() && variant.gpu()->cubin())
      SWALLOW_TRY(validateCubin(
          *program, i, segments[variant.gpu()->cubin()->segment()].bytes));
  }
  return {};
}

Result<WriteReport>
swallow::writeArtifact(const std::string &path, fbs::ProgramT program,
                       const std::vector<SegmentData> &segments,
                       const std::vector<WeightJob> &jobs,
                       const WriteOptions &options) {
  const auto start = std::chrono::steady_clock::now();
  if (Status status = describeWeights(jobs, program); !status)
    return invalid(path, status.error().message);
  const uint64_t segmentBytes = describeSegments(segments, program);
  // FlatBuffers aborts near 2 GiB; only the probe can come near.
  if (program.probe &&
      program.probe->logits.size() > format::kMaxProgramBytes / 8)
    return invalid(path, "the probe is too long");
  const std::vector<uint8_t> draft = serialise(program);
  if (Status status = validate(draft, segmentBytes, segments); !status)
    return invalid(path, status.error().message);

  format::Prefix prefix;
  prefix.programSize = draft.size();
  prefix.segmentBase =
      format::alignUp(format::kPrefixBytes + draft.size(), format::kAlignment);
  prefix.fileSize = prefix.segmentBase + segmentBytes;
  auto segmentBegin = [&](size_t index) {
    return prefix.segmentBase + program.segments[index]->offset;
  };

  SWALLOW_ASSIGN(AtomicFile file, AtomicFile::create(path));
  SWALLOW_TRY(file.resize(prefix.fileSize, options.preallocate));
  for (size_t i = 0; i < segments.size(); ++i)
    SWALLOW_TRY(file.writeAt(segmentBegin(i), segments[i].bytes));

  WriteReport report;
  report.fileBytes = prefix.fileSize;
  report.weightBytes = endOfWeights(program);
  if (!jobs.empty() && !program.synthetic) {
    uint64_t packedBytes = 0;
    std::vector<uint64_t> fileOffsets;
    for (const WeightJob &job : jobs) {
      fileOffsets.push_back(segmentBegin(segments.size()) +
                            program.weights[job.weightIndex]->offset);
      packedBytes += program.weights[job.weightIndex]->size;
    }
    WeightStream stream(jobs, fileOffsets, file, options.threads);
    if (options.packFirst)
      SWALLOW_TRY(options.packFirst(
          [&](size_t index, const InputFactor &factor) -> Status {
            packedBytes -= program.weights[jobs[index].weightIndex]->size;
            return stream.packWithFactor(index, factor);
          }));
    if (options.progress)
      options.progress->begin("Packing weights", packedBytes);
    Status others = stream.packOthers(options.progress);
    if (options.progress)
      options.progress->end();
    SWALLOW_TRY(std::move(others));
    for (size_t i = 0; i < jobs.size(); ++i) {
      const PackedWeight &packed = stream.packed()[i];
      program.weights[jobs[i].weightIndex]->hash = bytesOf(packed.hash);
      for (size_t s = 0; s < jobs[i].sources.size(); ++s) {
        const PackStats &stats = packed.stats[s];
        report.sources.push_back({jobs[i].sources[s].name, jobs[i].layout,
                                  stats,
                                  !jobs[i].sources[s].importance.empty()});
        if (!packed.outputs.empty())
          report.sources.back().outputError = packed.outputs[s].relativeError();
        if (isQuantized(jobs[i].layout.element))
          program.weights[jobs[i].weightIndex]->source_errors[s] =
              static_cast<float>(stats.relativeError());
      }
    }
  }
  for (const SourceReport &source : report.sources)
    if (source.stats.nonFinite > 0 && options.warn)
      options.warn(nonFiniteWarning(source));
  if (options.finish) {
    SWALLOW_ASSIGN(MappedBytes weights,
                   file.map(segmentBegin(segments.size()), report.weightBytes));
    SWALLOW_TRY(options.finish(program, weights.bytes()));
  }

  const std::vector<uint8_t> bytes = serialise(program);
  if (bytes.size() != draft.size())
    return invalid(path, "its program changed its size");
  prefix.hash = format::hashProgram(prefix, bytes);
  SWALLOW_TRY(file.writeAt(0, format::encodePrefix(prefix)));
  SWALLOW_TRY(file.writeAt(format::kPrefixBytes, bytes));
  SWALLOW_TRY(file.commit(options.sync));
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  return report;
}
