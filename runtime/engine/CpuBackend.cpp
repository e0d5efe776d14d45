#include "runtime/engine/CpuBackend.h"

#include "runtime/device/CoreWatch.h"
#include "runtime/device/MachineLimits.h"
#include "runtime/device/Memory.h"
#include "runtime/device/MicroKernels.h"
#include "runtime/device/ThreadTeam.h"
#include "runtime/engine/WeightMemory.h"

#include <chrono>
#include <cstring>
#include <map>

namespace swallow {

namespace {

std::vector<BrgemmSpec> brgemmSpecs(const fbs::Variant &variant) {
  std::vector<BrgemmSpec> specs;
  auto type = [](fbs::ElementType element) {
    return element == fbs::ElementType::BF16 ? BrgemmType::BF16
           : element == fbs::ElementType::U8 ? BrgemmType::U8
           : element == fbs::ElementType::I8 ? BrgemmType::S8
                                             : BrgemmType::F32;
  };
  if (variant.brgemms())
    for (const fbs::Brgemm *b : *variant.brgemms())
      specs.push_back({b->m(), b->n(), b->k(), b->lda(), b->ldb(), b->ldc(),
                       type(b->a()), type(b->b()), b->accumulate()});
  return specs;
}

std::vector<std::string> featuresOf(const fbs::Variant &variant) {
  std::vector<std::string> features;
  if (variant.features())
    for (const flatbuffers::String *feature : *variant.features())
      features.push_back(feature->str());
  return features;
}

// What most of the weights are multiplied as.
ProductType productType(const StepProgram &program) {
  fbs::ElementType element = program.model->dtype();
  uint64_t most = 0;
  std::map<fbs::ElementType, uint64_t> bytes;
  if (program.tables && program.tables->weights())
    for (const fbs::Weight *weight : *program.tables->weights())
      if (uint64_t sum = bytes[weight->element()] += weight->size();
          sum > most) {
        most = sum;
        element = weight->element();
      }
  // f16 becomes f32 before it is multiplied.
  if (element == fbs::ElementType::F32 || element == fbs::ElementType::F16)
    return ProductType::F32;
  return element == fbs::ElementType::BF16 ? ProductType::BF16
                                           : ProductType::I8;
}

// UBSan's check of function types looks in front of the function for what clang
// puts there; compiled code has nothing there, perhaps not even memory.
#if defined(__clang__)
__attribute__((no_sanitize("function")))
#endif
void callStep(SwallowStepFn step, const SwallowStepArgs &args, int64_t thread,
              int64_t numThreads) {
  step(&args, thread, numThreads);
}

// Steps of more rows are claimed piece by piece, so that a thread that is late
// takes less. Up to so many, most of what kernels do is divided beforehand: all
// of it up to 8 rows, then attention and products of bf16 are claimed.
constexpr int64_t kFewRows = 24;

class CpuBackend final : public StepBackend {
public:
  CpuBackend(const StepProgram &program, const MemoryPlan &plan)
      : program_(program), plan_(plan),
        arenaOffsets_(plan.arenaOffsets.begin(), plan.arenaOffsets.end()) {}

  Status allocate(const SessionOptions &options) {
    const fbs::Variant &variant = *program_.variant;
    SWALLOW_ASSIGN(kv_, PageMapping::allocate(plan_.kvBytes, "KV pool"));
    SWALLOW_ASSIGN(arena_,
                   PageMapping::allocate(plan_.arenaBytes, "activations"));
    SWALLOW_ASSIGN(logits_, PageMapping::allocate(plan_.logitsBytes, "logits"));
    SWALLOW_ASSIGN(
        batch_, PageMapping::allocate(plan_.batchBytes, "step's description"));
    SWALLOW_ASSIGN(team_, ThreadTeam::create(plan_.threads));
    watch_ = std::make_unique<CoreWatch>(team_->size());
    waited_.resize(static_cast<size_t>(team_->size()));
    if (plan_.weightsAllocated > 0) {
      SWALLOW_ASSIGN(weights_, makeWeights(program_, *team_));
    }
    std::vector<BrgemmSpec> specs = brgemmSpecs(variant);
    MicroKernelIsa isa = MicroKernelIsa::Avx2;
    if (!specs.empty()) {
      SWALLOW_ASSIGN(isa, microKernelIsa(featuresOf(variant)));
    }
    SWALLOW_ASSIGN(microKernels_,
                   MicroKernels::create(specs, isa, plan_.threads));

    services_.context = this;
    services_.barrier = barrierService;
    services_.brgemm = brgemmService;
    services_.claim = claimService;
    if (options.profile) {
      std::vector<std::string> stages;
      if (variant.stages())
        for (const flatbuffers::String *stage : *variant.stages())
          stages.push_back(stage->str());
      timer_ = std::make_unique<StageTimer>(std::move(stages));
      services_.trace = traceService;
    }
    return {};
  }

  StepBatch batch() override {
    return {reinterpret_cast<int32_t *>(batch_.data()), plan_.maxStepTokens};
  }

  Status execute(int64_t numTokens, int64_t numLogits, StepOutput) override {
    const StepBatch batch = this->batch();
    SwallowStepArgs args;
    args.num_tokens = numTokens;
    args.num_logits = numLogits;
    args.token_ids = batch.tokenIds;
    args.positions = batch.positions;
    args.sequences = batch.sequences;
    args.logit_rows = batch.logitRows;
    args.logits = reinterpret_cast<float *>(logits_.data());
    args.block_tables = batch.blockTables;
    args.block_table_stride = plan_.blocksPerSequence;
    args.kv = kv_.data();
    args.kv_layer_stride = static_cast<int64_t>(plan_.kvLayerStride);
    args.kv_element = static_cast<int64_t>(plan_.kvElement);
    args.weights = weights().data();
    args.arena = arena_.data();
    args.arena_offsets = arenaOffsets_.data();
    args.services = &services_;
    args.read_streams = CpuFeatures::host().readStreams();
    if (timer_)
      timer_->beginStep();
    if (numTokens > kFewRows) {
      runStep(args, ThreadTeam::kNobody);
      return {};
    }
    using Clock = std::chrono::steady_clock;
    const Clock::time_point begin = Clock::now();
    const size_t participants = runStep(args, watch_->leftOut());
    const std::chrono::nanoseconds time = Clock::now() - begin;
    for (size_t thread = 0; thread < participants; ++thread)
      waited_[thread] = team_->waited(static_cast<int64_t>(thread));
    watch_->record(numTokens, time.count(),
                   std::span(waited_).first(participants));
    return {};
  }

  const float *logits() const override {
    return reinterpret_cast<const float *>(logits_.data());
  }

  Likeliest likeliest(int64_t row) const override {
    const auto vocab = static_cast<int64_t>(program_.model->vocab_size());
    return likeliestOf(std::span(logits() + row * vocab, size_t(vocab)));
  }

  Status copyBlock(int32_t from, int32_t to) override {
    for (int64_t layer = 0; layer < program_.kv->layers(); ++layer) {
      uint8_t *base =
          kv_.data() + static_cast<uint64_t>(layer) * plan_.kvLayerStride;
      std::memcpy(base + static_cast<uint64_t>(to) * plan_.blockBytes,
                  base + static_cast<uint64_t>(from) * plan_.blockBytes,
                  plan_.blockBytes);
    }
    return {};
  }

  std::span<const uint8_t> weights() const override {
    if (weights_.size() > 0)
      return {weights_.data(), weights_.size()};
    return program_.weights;
  }

  Result<MachineSpeeds> measureSpeeds() override {
    MachineSpeeds speeds;
    speeds.readSpeed = measureReadSpeed(*team_, weights());
    if (const ProductInstruction *instruction =
            productInstruction(productType(program_),
                               CpuFeatures(featuresOf(*program_.variant)))) {
      speeds.peak = measurePeak(*team_, *instruction);
      speeds.instruction = instruction->name;
    }
    return speeds;
  }

  std::span<const StageTime> stageTimes() const override {
    return timer_ ? timer_->times() : std::span<const StageTime>();
  }

  const std::string &device() const override {
    static const std::string name = "cpu";
    return name;
  }
  const std::string &code() const override {
    static const std::string name = "native code";
    return name;
  }

private:
  /// Returns how many threads took part.
  size_t runStep(const SwallowStepArgs &args, int leftOut) {
    const int participants =
        team_->size() - (leftOut == ThreadTeam::kNobody ? 0 : 1);
    team_->run(
        [&](int64_t thread) {
          callStep(program_.step, args, thread, participants);
        },
        leftOut);
    return static_cast<size_t>(participants);
  }

  static void barrierService(void *context, int64_t thread) {
    static_cast<CpuBackend *>(context)->team_->barrier(thread);
  }
  static int64_t claimService(void *context, int64_t) {
    return static_cast<CpuBackend *>(context)->team_->claim();
  }
  static void brgemmService(void *context, int64_t thread, int64_t index,
                            const void *a, const void *b, float *c) {
    static_cast<CpuBackend *>(context)->microKernels_->execute(thread, index, a,
                                                               b, c);
  }
  static void traceService(void *context, int64_t thread, int64_t stage,
                           int64_t) {
    static_cast<CpuBackend *>(context)->timer_->endStage(thread, stage);
  }

  const StepProgram &program_;
  const MemoryPlan &plan_;
  std::unique_ptr<ThreadTeam> team_;
  std::unique_ptr<CoreWatch> watch_;
  std::vector<int64_t> waited_; // of the watch, by thread
  std::unique_ptr<MicroKernels> microKernels_;
  std::unique_ptr<StageTimer> timer_;
  std::vector<int64_t> arenaOffsets_; // of SwallowStepArgs
  PageMapping kv_, arena_, logits_, batch_;
  PageMapping weights_; // empty if they stay in the file
  SwallowServices services_{};
};

} // namespace

Result<std::unique_ptr<StepBackend>>
openCpuBackend(const StepProgram &program, const MemoryPlan &plan,
               const SessionOptions &options) {
  auto backend = std::make_unique<CpuBackend>(program, plan);
  SWALLOW_TRY(backend->allocate(options));
  return std::unique_ptr<StepBackend>(std::move(backend));
}

} // namespace swallow
