#include "runtime/engine/CudaBackend.h"

#include "runtime/abi/GpuAbi.h"
#include "runtime/cuda/Buffer.h"
#include "runtime/cuda/DeviceLimits.h"
#include "runtime/cuda/Graph.h"
#include "runtime/cuda/JitCache.h"
#include "runtime/cuda/WeightUpload.h"
#include "runtime/engine/LaunchTimer.h"
#include "runtime/engine/WeightMemory.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

namespace swallow {

namespace {

using namespace cuda;

/// Whether a step is recorded, to be replayed when there is another of as many
/// rows: what the host takes for its launches would show beside what the device
/// takes. These are steps of few rows, and those of a batch of sequences that
/// each generate a token. Prompts are launched kernel by kernel.
bool isRecorded(int64_t numTokens, int64_t numLogits) {
  constexpr int64_t fewRows = 16, largeBatch = 256;
  return numTokens <= fewRows ||
         (numTokens == numLogits && numTokens <= largeBatch);
}

class CudaBackend final : public StepBackend {
public:
  CudaBackend(const StepProgram &program, const MemoryPlan &plan,
              ContextPtr context, bool profile)
      : program_(program), plan_(plan), context_(std::move(context)) {
    if (profile)
      timer_.emplace();
  }

  /// `progress` may be null.
  Status open(const WeightsProgress &progress) {
    const DeviceInfo &device = context_->device();
    device_ = device.id() + " (" + device.name + ")";
    SWALLOW_ASSIGN(stream_, Stream::create(context_));
    SWALLOW_TRY(loadKernels());
    if (timer_)
      for (const Group &group : groups_)
        for (const Launch &launch : group.launches)
          timer_->addKernel(launch.function.name());
    SWALLOW_TRY(allocate());
    SWALLOW_TRY(uploadWeights(progress));
    fillArguments();
    return stream_.synchronize();
  }

  StepBatch batch() override {
    return {reinterpret_cast<int32_t *>(hostBatch_.data()),
            plan_.maxStepTokens};
  }

  Status execute(int64_t numTokens, int64_t numLogits,
                 StepOutput output) override {
    if (!isRecorded(numTokens, numLogits) && !timer_) {
      SWALLOW_TRY(enqueue(numTokens, numLogits, output, nullptr));
      return stream_.synchronize();
    }
    SWALLOW_ASSIGN(const RecordedStep *step,
                   recorded(numTokens, numLogits, output));
    SWALLOW_TRY(step->exec.launch(stream_));
    SWALLOW_TRY(stream_.synchronize());
    return timer_ ? timer_->add(step->launches) : Status();
  }

  const float *logits() const override {
    return reinterpret_cast<const float *>(hostLogits_.data());
  }

  Likeliest likeliest(int64_t row) const override {
    return likeliestOf(
        reinterpret_cast<const uint64_t *>(hostLikeliest_.data())[row]);
  }

  Status copyBlock(int32_t from, int32_t to) override {
    for (uint64_t layer = 0; layer < program_.kv->layers(); ++layer) {
      auto place = [&](int32_t block) {
        return layer * plan_.kvLayerStride +
               static_cast<uint64_t>(block) * plan_.blockBytes;
      };
      // The next step comes behind it in the stream.
      SWALLOW_TRY(
          kv_.copyWithin(stream_, place(from), place(to), plan_.blockBytes));
    }
    return {};
  }

  Result<MachineSpeeds> measureSpeeds() override {
    MachineSpeeds speeds;
    SWALLOW_ASSIGN(speeds.readSpeed, measureCopySpeed(stream_));
    speeds.onGpu = true;
    speeds.nominalReadSpeed = context_->device().peakBandwidth();
    speeds.peak = context_->device().peakProducts();
    if (speeds.peak > 0)
      speeds.instruction = "bf16 tensor cores";
    SWALLOW_ASSIGN(MemoryInfo memory, context_->memoryInfo());
    speeds.memoryBytes = memory.totalBytes;
    speeds.memoryFree = memory.freeBytes;
    return speeds;
  }

  std::span<const StageTime> stageTimes() const override {
    return timer_ ? timer_->times() : std::span<const StageTime>();
  }

  const std::string &device() const override { return device_; }
  const std::string &code() const override { return code_; }
  std::string notice() const override { return notice_; }

private:
  struct Launch {
    const fbs::GpuLaunch *info;
    Function function;
  };
  struct Group {
    int32_t begin, end; // layers; -1 and 0: once, with layer -1
    std::vector<Launch> launches;
  };
  struct RecordedStep {
    GraphExec exec;
    RecordedLaunches launches; // where they are timed
  };

  /// The machine code of the artifact where the driver takes it, else what the
  /// driver makes of the PTX.
  Status loadModule() {
    const std::string target = program_.variant->name()->str();
    if (!program_.cubin.empty()) {
      Result<Module> module =
          Module::loadCubin(context_, program_.cubin, "cubin for " + target);
      if (module) {
        module_ = std::move(*module);
        code_ = "cubin of ptxas " +
                program_.variant->gpu()->cubin()->assembler()->str();
        return {};
      }
      // As a driver does that is older than the assembler.
      notice_ =
          "the driver does not take the file's machine code, and compiles "
          "its PTX: " +
          module.error().message;
    }
    const std::string name = "PTX for " + target;
    SWALLOW_ASSIGN(CachedCode code,
                   JitCache().get(*context_, program_.ptx, JitOptions(), name));
    if (notice_.empty())
      notice_ = code.notice;
    code_ = code.fromCache ? "PTX, compiled before" : "PTX, compiled now";
    SWALLOW_ASSIGN(module_, Module::loadCubin(context_, code.cubin, name));
    return {};
  }

  Status loadKernels() {
    SWALLOW_TRY(loadModule());
    for (const fbs::GpuLaunchGroup *group :
         *program_.variant->gpu()->groups()) {
      Group &loaded = groups_.emplace_back();
      loaded.begin = group->layer_begin();
      loaded.end = group->layer_begin() < 0 ? 0 : group->layer_end();
      if (!group->launches())
        continue;
      for (const fbs::GpuLaunch *launch : *group->launches()) {
        const auto element = static_cast<int32_t>(plan_.kvElement);
        if (launch->kv_element() >= 0 && launch->kv_element() != element)
          continue;
        SWALLOW_ASSIGN(Function function,
                       module_.function(launch->kernel()->str()));
        if (launch->shared_bytes() > 0)
          SWALLOW_TRY(function.setMaxDynamicShared(launch->shared_bytes()));
        loaded.launches.push_back({launch, std::move(function)});
      }
    }
    return {};
  }

  Status allocate() {
    SWALLOW_ASSIGN(weights_, DeviceBuffer::allocate(
                                 context_, plan_.weightsAllocated, "weights"));
    SWALLOW_ASSIGN(kv_,
                   DeviceBuffer::allocate(context_, plan_.kvBytes, "KV pool"));
    SWALLOW_ASSIGN(arena_, DeviceBuffer::allocate(context_, plan_.arenaBytes,
                                                  "activations"));
    const uint64_t logitsBytes = plan_.logitsBytes - plan_.likeliestBytes;
    SWALLOW_ASSIGN(logits_,
                   DeviceBuffer::allocate(context_, logitsBytes, "logits"));
    SWALLOW_ASSIGN(likeliest_,
                   DeviceBuffer::allocate(context_, plan_.likeliestBytes,
                                          "likeliest tokens"));
    SWALLOW_ASSIGN(batch_, DeviceBuffer::allocate(context_, plan_.batchBytes,
                                                  "step's description"));
    SWALLOW_ASSIGN(hostLogits_,
                   PinnedBuffer::allocate(context_, logitsBytes, "logits"));
    SWALLOW_ASSIGN(hostLikeliest_,
                   PinnedBuffer::allocate(context_, plan_.likeliestBytes,
                                          "likeliest tokens"));
    SWALLOW_ASSIGN(hostBatch_,
                   PinnedBuffer::allocate(context_, plan_.batchBytes,
                                          "step's description"));
    std::fill_n(hostBatch_.data(), hostBatch_.size(), uint8_t{0});
    // What a step leaves for the next starts as zeros.
    for (size_t i = 0; i < plan_.arenaOffsets.size(); ++i) {
      const fbs::Affine *size = program_.variant->arena()->Get(i)->size();
      if (size && !size->per_token() && !size->per_thread() &&
          !size->per_sequence())
        SWALLOW_TRY(arena_.fill(stream_, 0, plan_.arenaOffsets[i],
                                plan_.arenaSizes[i]));
    }
    // Two values that lie together are read together when one is there.
    return kv_.fill(stream_, 0);
  }

  Status uploadWeights(const WeightsProgress &progress) {
    const uint64_t total = program_.weightsSize();
    auto report = [&](uint64_t done) {
      if (progress)
        progress(done, total);
    };
    if (program_.synthetic()) {
      SWALLOW_ASSIGN(auto team, ThreadTeam::create(plan_.threads));
      uint64_t done = 0;
      return forEachSyntheticWeight(
          *program_.tables, *team,
          [&](uint64_t offset, std::span<const uint8_t> bytes) -> Status {
            SWALLOW_TRY(weights_.write(stream_, bytes, offset));
            SWALLOW_TRY(stream_.synchronize());
            report(done += bytes.size());
            return {};
          });
    }
    if (!program_.file) // in memory
      return weights_.write(stream_, program_.weights);
    SWALLOW_ASSIGN(WeightUpload upload, WeightUpload::create(context_, report));
    const auto offset = static_cast<uint64_t>(program_.weights.data() -
                                              program_.file->bytes().data());
    SWALLOW_TRY(upload.upload(*program_.file, offset, program_.weights.size(),
                              weights_.address()));
    return upload.finish();
  }

  void fillArguments() {
    const auto base = [&](const int32_t *array) {
      return batch_.address() +
             static_cast<uint64_t>(reinterpret_cast<const uint8_t *>(array) -
                                   hostBatch_.data());
    };
    const StepBatch batch = this->batch();
    args_.token_ids = base(batch.tokenIds);
    args_.positions = base(batch.positions);
    args_.sequences = base(batch.sequences);
    args_.logit_rows = base(batch.logitRows);
    args_.block_tables = base(batch.blockTables);
    args_.block_table_stride = plan_.blocksPerSequence;
    args_.logits = logits_.address();
    args_.kv = kv_.address();
    args_.kv_layer_stride = static_cast<int64_t>(plan_.kvLayerStride);
    args_.kv_element = static_cast<int64_t>(plan_.kvElement);
    args_.weights = weights_.address();
    args_.likeliest = likeliest_.address();
    for (size_t i = 0; i < plan_.arenaOffsets.size(); ++i)
      args_.slots[i] = arena_.address() + plan_.arenaOffsets[i];
  }

  /// The whole step, from the batch in host memory to its output there. Its
  /// launches are timed where there is room to note them.
  Status enqueue(int64_t numTokens, int64_t numLogits, StepOutput output,
                 RecordedLaunches *launches) {
    args_.num_tokens = numTokens;
    args_.num_logits = numLogits;
    SWALLOW_TRY(batch_.write(stream_, hostBatch_.bytes()));
    if (launches)
      SWALLOW_TRY(timer_->begin(stream_));
    for (const Group &group : groups_) {
      int32_t layer = group.begin;
      do {
        for (const Launch &launch : group.launches)
          SWALLOW_TRY(enqueue(launch, layer, launches));
      } while (++layer < group.end);
    }
    if (numLogits == 0)
      return {};
    const auto rows = static_cast<uint64_t>(numLogits);
    if (output == StepOutput::Logits)
      SWALLOW_TRY(logits_.read(
          stream_,
          hostLogits_.bytes().first(rows * program_.model->vocab_size() * 4)));
    return likeliest_.read(
        stream_, hostLikeliest_.bytes().first(rows * sizeof(uint64_t)));
  }

  Status enqueue(const Launch &launch, int32_t layer,
                 RecordedLaunches *launches) {
    const fbs::GpuLaunch &info = *launch.info;
    const int64_t rows = info.rows() == fbs::GridRows::Tokens ? args_.num_tokens
                         : info.rows() == fbs::GridRows::Logits
                             ? args_.num_logits
                             : 1;
    if (rows < info.min_rows() || rows > info.max_rows())
      return {};
    const int64_t perBlock = info.rows_per_block();
    LaunchShape shape;
    shape.grid = {info.grid_x(),
                  static_cast<unsigned>((rows + perBlock - 1) / perBlock), 1};
    shape.block = {info.threads(), 1, 1};
    shape.dynamicSharedBytes = info.shared_bytes();
    void *parameters[] = {&args_, &layer};
    SWALLOW_TRY(launch.function.launch(stream_, shape, parameters));
    return launches
               ? timer_->endLaunch(stream_, launch.function.name(), *launches)
               : Status();
  }

  /// The recorded step of as many rows and logits with that output, which is
  /// recorded when there is none yet: all else is read from device memory.
  Result<const RecordedStep *> recorded(int64_t numTokens, int64_t numLogits,
                                        StepOutput output) {
    const std::tuple key(numTokens, numLogits, output);
    auto found = graphs_.find(key);
    if (found == graphs_.end()) {
      RecordedStep step;
      RecordedLaunches *launches = timer_ ? &step.launches : nullptr;
      SWALLOW_ASSIGN(Graph graph, Graph::capture(stream_, [&] {
                       return enqueue(numTokens, numLogits, output, launches);
                     }));
      SWALLOW_ASSIGN(step.exec, GraphExec::instantiate(std::move(graph)));
      found = graphs_.emplace(key, std::move(step)).first;
    }
    return &found->second;
  }

  const StepProgram &program_;
  const MemoryPlan &plan_;
  ContextPtr context_;
  std::string device_, code_, notice_;
  Stream stream_;
  Module module_;
  std::vector<Group> groups_;
  DeviceBuffer weights_, kv_, arena_, logits_, likeliest_, batch_;
  PinnedBuffer hostLogits_, hostLikeliest_, hostBatch_;
  SwallowGpuArgs args_{};
  std::optional<LaunchTimer> timer_; // where the session is profiled
  std::map<std::tuple<int64_t, int64_t, StepOutput>, RecordedStep> graphs_;
};

} // namespace

Result<std::unique_ptr<StepBackend>>
openCudaBackend(const StepProgram &program, const MemoryPlan &plan,
                ContextPtr context, bool profile,
                const WeightsProgress &progress) {
  auto backend =
      std::make_unique<CudaBackend>(program, plan, std::move(context), profile);
  SWALLOW_TRY(backend->open(progress));
  return std::unique_ptr<StepBackend>(std::move(backend));
}

Result<ContextPtr> openContext(const GpuChoice &gpu, SessionOptions &options) {
  SWALLOW_ASSIGN(ContextPtr context, Context::create(gpu.driver, gpu.device));
  if (options.memoryLimit == 0) {
    SWALLOW_ASSIGN(MemoryInfo memory, context->memoryInfo());
    constexpr uint64_t mostReserved = uint64_t(512) << 20;
    const uint64_t reserved = std::min(memory.freeBytes / 16, mostReserved);
    options.memoryLimit = static_cast<int64_t>(memory.freeBytes - reserved);
  }
  return context;
}

} // namespace swallow
