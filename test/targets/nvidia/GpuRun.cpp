//===- GpuRun.cpp - runs a step's kernels on the emulator -----------------===//

#include "test/targets/nvidia/GpuRun.h"

#include "runtime/abi/GpuAbi.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/engine/MemoryPlan.h"

#include <cstring>
#include <numeric>

namespace swallow::test {

Result<uint64_t> GpuRun::allocate(uint64_t bytes) {
  return memory_.allocate(std::max<uint64_t>(bytes, 4));
}

Result<uint64_t> GpuRun::upload(const void *data, uint64_t bytes) {
  SWALLOW_ASSIGN(uint64_t address, allocate(bytes));
  if (bytes > 0)
    SWALLOW_TRY(memory_.write(address, data, bytes));
  return address;
}

Result<std::unique_ptr<GpuRun>> GpuRun::open(const GpuModule &source,
                                             const StepProgram &program,
                                             const Sizes &sizes) {
  std::unique_ptr<GpuRun> run(new GpuRun(source));
  run->model_ = program.model;
  run->kvElement_ = sizes.kvElement;
  SWALLOW_ASSIGN(run->module_,
                 emulator::Module::load(source.ptx, 90, run->memory_));
  SWALLOW_ASSIGN(run->weights_,
                 run->upload(program.weights.data(), program.weights.size()));
  for (const GpuModule::Slot &slot : source.slots) {
    const auto bytes = static_cast<uint64_t>(
        slot.constant + slot.perToken * sizes.maxStepTokens);
    SWALLOW_ASSIGN(uint64_t address, run->allocate(bytes));
    // What a step leaves for the next starts as zeros.
    if (slot.perToken == 0)
      SWALLOW_TRY(run->memory_.fill(address, 0, 1, bytes));
    run->slots_.push_back(address);
  }
  SWALLOW_ASSIGN(run->keys_, run->allocate(uint64_t(sizes.maxStepTokens) * 8));

  // How much memory keys and values take is no matter of the target.
  SessionOptions options;
  options.maxStepTokens = sizes.maxStepTokens;
  options.maxSequences = sizes.sequences;
  options.contextLength = sizes.context;
  options.kvElement = sizes.kvElement;
  options.threads = 1;
  SWALLOW_ASSIGN(MemoryPlan plan,
                 planMemory(*program.model, *program.kv, *program.variant,
                            program.weights.size(), options));
  run->blocksPerSequence_ = plan.blocksPerSequence;
  run->kvLayerStride_ = static_cast<int64_t>(plan.kvLayerStride);
  SWALLOW_ASSIGN(run->kv_, run->allocate(plan.kvBytes));
  // NaN as f32, f16 and bf16: what is read before it is written shows.
  SWALLOW_TRY(run->memory_.fill(run->kv_, 0xff, 1, plan.kvBytes));
  // Blocks in no order, so that a wrong table lookup shows.
  std::vector<int32_t> table(static_cast<size_t>(plan.blocks));
  std::iota(table.rbegin(), table.rend(), 0);
  for (size_t i = 0; i + 2 < table.size(); i += 3)
    std::swap(table[i], table[i + 2]);
  SWALLOW_ASSIGN(run->tables_, run->upload(table.data(), table.size() * 4));
  return run;
}

Result<std::vector<float>> GpuRun::step(const EvalBatch &batch) {
  std::vector<uint64_t> temporary;
  auto uploadInts = [&](const std::vector<int32_t> &values) {
    Result<uint64_t> address = upload(values.data(), values.size() * 4);
    if (address)
      temporary.push_back(*address);
    return address;
  };
  const uint64_t logitCount =
      batch.logitRows.size() * uint64_t(model_->vocab_size());
  SwallowGpuArgs args{};
  args.num_tokens = static_cast<int64_t>(batch.ids.size());
  args.num_logits = static_cast<int64_t>(batch.logitRows.size());
  SWALLOW_ASSIGN(args.token_ids, uploadInts(batch.ids));
  SWALLOW_ASSIGN(args.positions, uploadInts(batch.positions));
  SWALLOW_ASSIGN(args.sequences, uploadInts(batch.sequences));
  SWALLOW_ASSIGN(args.logit_rows, uploadInts(batch.logitRows));
  SWALLOW_ASSIGN(args.logits, allocate(logitCount * 4));
  temporary.push_back(args.logits);
  args.likeliest = keys_;
  args.block_tables = tables_;
  args.block_table_stride = blocksPerSequence_;
  args.kv = kv_;
  args.kv_layer_stride = kvLayerStride_;
  args.kv_element = static_cast<int64_t>(kvElement_);
  args.weights = weights_;
  std::copy(slots_.begin(), slots_.end(), args.slots);

  for (const GpuLaunchGroup &group : source_.groups) {
    const bool once = group.layerBegin < 0;
    for (int64_t layer = group.layerBegin; layer < (once ? 0 : group.layerEnd);
         ++layer)
      for (const GpuLaunch &launch : group.launches) {
        if (launch.kvElement >= 0 && launch.kvElement != args.kv_element)
          continue;
        const int64_t rows = launch.rows == "tokens"   ? args.num_tokens
                             : launch.rows == "logits" ? args.num_logits
                                                       : 1;
        if (rows < launch.minRows || rows > launch.maxRows)
          continue;
        emulator::LaunchShape shape;
        shape.grid[0] = static_cast<uint32_t>(launch.gridX);
        shape.grid[1] = static_cast<uint32_t>((rows + launch.rowsPerBlock - 1) /
                                              launch.rowsPerBlock);
        shape.block[0] = static_cast<uint32_t>(launch.threads);
        shape.dynamicSharedBytes = static_cast<uint32_t>(launch.sharedBytes);
        const emulator::Kernel *kernel = module_->kernel(launch.kernel);
        if (!kernel)
          return {ErrorCode::Internal, "no kernel " + launch.kernel};
        // As cuFuncSetAttribute does.
        kernel->maxDynamicShared =
            std::max(kernel->maxDynamicShared, shape.dynamicSharedBytes);
        std::vector<uint8_t> parameters(sizeof(args) + 4);
        const auto index = static_cast<int32_t>(layer);
        std::memcpy(parameters.data(), &args, sizeof(args));
        std::memcpy(parameters.data() + sizeof(args), &index, sizeof(index));
        SWALLOW_ASSIGN(emulator::Counters counters,
                       executor_.run(*kernel, shape, parameters, memory_));
        counters_[launch.kernel] += counters;
      }
  }
  std::vector<float> logits(logitCount);
  if (logitCount > 0)
    SWALLOW_TRY(memory_.read(logits.data(), args.logits, logitCount * 4));
  std::vector<uint64_t> keys(batch.logitRows.size());
  if (!keys.empty())
    SWALLOW_TRY(memory_.read(keys.data(), keys_, keys.size() * 8));
  likeliest_.clear();
  for (uint64_t key : keys)
    likeliest_.push_back(likeliestOf(key));
  for (uint64_t address : temporary)
    SWALLOW_TRY(memory_.free(address));
  return logits;
}

std::vector<std::string> GpuRun::findings() const {
  std::vector<std::string> lines;
  for (const emulator::Finding &finding : executor_.findings())
    lines.push_back(emulator::describe(finding));
  return lines;
}

} // namespace swallow::test
