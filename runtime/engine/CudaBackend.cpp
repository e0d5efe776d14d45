#include "runtime/engine/CudaBackend.h"

#include "runtime/abi/GpuAbi.h"
#include "runtime/cuda/Buffer.h"
#include "runtime/cuda/Graph.h"
#include "runtime/cuda/JitCache.h"
#include "runtime/cuda/WeightUpload.h"
#include "runtime/engine/WeightMemory.h"

#include <algorithm>
#include <map>

namespace swallow {

namespace {

using namespace cuda;

/// Steps of up to this many rows are recorded and replayed: what the host takes
/// for their launches would show beside what the device takes. Larger ones are
/// launched kernel by kernel.
constexpr int64_t kGraphTokens = 16;

class CudaBackend final : public StepBackend {
public:
  CudaBackend(const StepProgram &program, const MemoryPlan &plan,
              ContextPtr context)
      : program_(program), plan_(plan), context_(std::move(context)) {}

  Status open() {
    const DeviceInfo &device = context_->device();
    device_ = device.id() + " (" + device.name + ")";
    SWALLOW_ASSIGN(stream_, Stream::create(context_));
    SWALLOW_TRY(loadKernels());
    SWALLOW_TRY(allocate());
    SWALLOW_TRY(uploadWeights());
    fillArguments();
    return stream_.synchronize();
  }

  StepBatch batch() override {
    return {reinterpret_cast<int32_t *>(hostBatch_.data()),
            plan_.maxStepTokens};
  }

  Status execute(int64_t numTokens, int64_t numLogits) override {
    if (numTokens > kGraphTokens)
      SWALLOW_TRY(enqueue(numTokens, numLogits));
    else
      SWALLOW_TRY(replay(numTokens, numLogits));
    return stream_.synchronize();
  }

  const float *logits() const override {
    return reinterpret_cast<const float *>(hostLogits_.data());
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

  const std::string &device() const override { return device_; }
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

  Status loadKernels() {
    const std::string name = "PTX for " + program_.variant->name()->str();
    SWALLOW_ASSIGN(CachedCode code,
                   JitCache().get(*context_, program_.ptx, JitOptions(), name));
    notice_ = code.notice;
    SWALLOW_ASSIGN(module_, Module::loadCubin(context_, code.cubin, name));
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
    SWALLOW_ASSIGN(
        logits_, DeviceBuffer::allocate(context_, plan_.logitsBytes, "logits"));
    SWALLOW_ASSIGN(batch_, DeviceBuffer::allocate(context_, plan_.batchBytes,
                                                  "step's description"));
    SWALLOW_ASSIGN(hostLogits_, PinnedBuffer::allocate(
                                    context_, plan_.logitsBytes, "logits"));
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

  Status uploadWeights() {
    if (program_.synthetic()) {
      SWALLOW_ASSIGN(auto team, ThreadTeam::create(plan_.threads));
      return forEachSyntheticWeight(
          *program_.tables, *team,
          [&](uint64_t offset, std::span<const uint8_t> bytes) -> Status {
            SWALLOW_TRY(weights_.write(stream_, bytes, offset));
            return stream_.synchronize();
          });
    }
    if (!program_.file) // in memory
      return weights_.write(stream_, program_.weights);
    SWALLOW_ASSIGN(WeightUpload upload, WeightUpload::create(context_));
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
    for (size_t i = 0; i < plan_.arenaOffsets.size(); ++i)
      args_.slots[i] = arena_.address() + plan_.arenaOffsets[i];
  }

  /// The whole step, from the batch in host memory to the logits there.
  Status enqueue(int64_t numTokens, int64_t numLogits) {
    args_.num_tokens = numTokens;
    args_.num_logits = numLogits;
    SWALLOW_TRY(batch_.write(stream_, hostBatch_.bytes()));
    for (const Group &group : groups_) {
      int32_t layer = group.begin;
      do {
        for (const Launch &launch : group.launches)
          SWALLOW_TRY(enqueue(launch, layer));
      } while (++layer < group.end);
    }
    const uint64_t bytes =
        static_cast<uint64_t>(numLogits) * program_.model->vocab_size() * 4;
    if (bytes > 0)
      SWALLOW_TRY(logits_.read(stream_, hostLogits_.bytes().first(bytes)));
    return {};
  }

  Status enqueue(const Launch &launch, int32_t layer) {
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
    return launch.function.launch(stream_, shape, parameters);
  }

  /// Launches the recorded step of as many rows and logits, which is recorded
  /// when there is none yet: all else is read from device memory.
  Status replay(int64_t numTokens, int64_t numLogits) {
    const std::pair key(numTokens, numLogits);
    auto found = graphs_.find(key);
    if (found == graphs_.end()) {
      SWALLOW_ASSIGN(Graph graph, Graph::capture(stream_, [&] {
                       return enqueue(numTokens, numLogits);
                     }));
      SWALLOW_ASSIGN(GraphExec exec, GraphExec::instantiate(std::move(graph)));
      found = graphs_.emplace(key, std::move(exec)).first;
    }
    return found->second.launch(stream_);
  }

  const StepProgram &program_;
  const MemoryPlan &plan_;
  ContextPtr context_;
  std::string device_, notice_;
  Stream stream_;
  Module module_;
  std::vector<Group> groups_;
  DeviceBuffer weights_, kv_, arena_, logits_, batch_;
  PinnedBuffer hostLogits_, hostBatch_;
  SwallowGpuArgs args_{};
  std::map<std::pair<int64_t, int64_t>, GraphExec> graphs_;
};

} // namespace

Result<std::unique_ptr<StepBackend>> openCudaBackend(const StepProgram &program,
                                                     const MemoryPlan &plan,
                                                     ContextPtr context) {
  auto backend =
      std::make_unique<CudaBackend>(program, plan, std::move(context));
  SWALLOW_TRY(backend->open());
  return std::unique_ptr<StepBackend>(std::move(backend));
}

Result<ContextPtr> openContext(const GpuChoice &gpu, SessionOptions &options) {
  SWALLOW_ASSIGN(ContextPtr context, Context::create(gpu.driver, gpu.device));
  if (options.memoryLimit == 0) {
    SWALLOW_ASSIGN(MemoryInfo memory, context->memoryInfo());
    options.memoryLimit = static_cast<int64_t>(memory.freeBytes);
  }
  return context;
}

} // namespace swallow
