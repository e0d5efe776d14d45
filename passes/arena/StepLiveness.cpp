//===- StepLiveness.cpp - when each activation of a step is live ----------===//

#include "passes/arena/StepLiveness.h"

#include "llvm/ADT/DenseMap.h"

#include <algorithm>

using namespace mlir;
using namespace swallow;

bool swallow::isArenaActivation(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() == 2 && type.isDynamicDim(0) &&
         !isa_and_nonnull<FusedLmHeadOp, LmHeadOp>(value.getDefiningOp());
}

int StepLiveness::endOfRead(int begin, int time) const {
  int end = time;
  for (auto [loopBegin, loopEnd] : loops)
    if (begin < loopBegin && loopBegin <= time && time <= loopEnd)
      end = std::max(end, loopEnd);
  return end;
}

bool StepLiveness::conflict(int a, int b) const {
  if (activations[a].begin > activations[b].begin)
    std::swap(a, b);
  const Activation &first = activations[a], &second = activations[b];
  if (a == b || first.end < second.begin)
    return false;
  return first.end > second.begin ||
         (second.residual != a && !llvm::is_contained(second.copies, a));
}

namespace {

using Environment = llvm::DenseMap<Value, int>;

class Tracer {
public:
  explicit Tracer(StepLiveness &result) : result(result) {}

  LogicalResult traceStep(func::FuncOp step) {
    Environment env;
    for (BlockArgument argument : step.getArguments())
      if (isArenaActivation(argument))
        define(argument, env);
    return traceFunction(step, env, nullptr);
  }

private:
  /// A new activation that `value` names from now on.
  int define(Value value, Environment &env) {
    int id = static_cast<int>(result.activations.size());
    StepLiveness::Activation activation;
    activation.value = value;
    activation.begin = activation.end = clock;
    result.activations.push_back(std::move(activation));
    bind(value, id, env);
    return id;
  }

  void bind(Value value, int id, Environment &env) {
    env[value] = id;
    std::vector<int> &ids = result.named[value];
    if (!ids.empty())
      result.joined.emplace_back(ids.front(), id);
    ids.push_back(id);
  }

  /// Reads of all activations among the operands, at the current time.
  void read(Operation *op, const Environment &env) {
    for (OpOperand &operand : op->getOpOperands()) {
      auto found = env.find(operand.get());
      if (found == env.end())
        continue;
      StepLiveness::Activation &activation = result.activations[found->second];
      activation.end = clock;
      activation.reads.push_back(&operand);
    }
  }

  /// The activations that `func` returns go to `returned`, unless null.
  LogicalResult traceFunction(func::FuncOp func, Environment &env,
                              std::vector<int> *returned);
  LogicalResult traceBlock(Block &block, Environment &env);
  LogicalResult traceLoop(scf::ForOp loop, Environment &env);
  LogicalResult traceCall(func::CallOp call, Environment &env);
  void traceOp(Operation *op, Environment &env);

  StepLiveness &result;
  std::vector<func::FuncOp> stack;
  int clock = 0;
};

int lookUp(const Environment &env, Value value) {
  auto found = env.find(value);
  return found == env.end() ? -1 : found->second;
}

LogicalResult Tracer::traceFunction(func::FuncOp func, Environment &env,
                                    std::vector<int> *returned) {
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("expects a body of one block in a step");
  if (llvm::is_contained(stack, func))
    return func.emitOpError("must not call itself in a step");
  stack.push_back(func);
  Block &body = func.getBody().front();
  if (failed(traceBlock(body, env)))
    return failure();
  Operation *terminator = body.getTerminator();
  if (returned)
    for (Value value : terminator->getOperands())
      returned->push_back(lookUp(env, value));
  else
    read(terminator, env);
  stack.pop_back();
  return success();
}

LogicalResult Tracer::traceBlock(Block &block, Environment &env) {
  for (Operation &op : block.without_terminator()) {
    ++clock;
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      if (failed(traceLoop(loop, env)))
        return failure();
    } else if (auto call = dyn_cast<func::CallOp>(op)) {
      if (failed(traceCall(call, env)))
        return failure();
    } else if (op.getNumRegions() != 0) {
      return op.emitOpError("has a region, which the plan of a step can "
                            "follow only for scf.for");
    } else {
      traceOp(&op, env);
    }
  }
  ++clock;
  return success();
}

LogicalResult Tracer::traceLoop(scf::ForOp loop, Environment &env) {
  int begin = clock;
  int firstInside = static_cast<int>(result.activations.size());
  read(loop, env);
  for (auto [init, argument] :
       llvm::zip_equal(loop.getInitArgs(), loop.getRegionIterArgs())) {
    if (!isArenaActivation(argument))
      continue;
    int outside = lookUp(env, init);
    if (outside < 0)
      return loop.emitOpError("must not carry the logits of an LM head");
    int inside = define(argument, env);
    result.activations[inside].copies.push_back(outside);
    result.joined.emplace_back(outside, inside);
  }

  if (failed(traceBlock(*loop.getBody(), env)))
    return failure();
  Operation *yield = loop.getBody()->getTerminator();
  read(yield, env);
  result.loops.emplace_back(begin, clock);
  // The next round reads again what came from outside.
  for (int id = 0; id < firstInside; ++id)
    if (result.activations[id].end > begin)
      result.activations[id].end = clock;

  for (auto [yielded, argument, value] : llvm::zip_equal(
           yield->getOperands(), loop.getRegionIterArgs(), loop.getResults())) {
    if (!isArenaActivation(argument))
      continue;
    int last = lookUp(env, yielded);
    if (last < 0)
      return loop.emitOpError("must not carry the logits of an LM head");
    int outside = define(value, env);
    result.activations[outside].copies.push_back(last);
    result.joined.emplace_back(last, outside);
    result.joined.emplace_back(lookUp(env, argument), outside);
  }
  return success();
}

LogicalResult Tracer::traceCall(func::CallOp call, Environment &env) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getCalleeAttr());
  if (callee.isExternal())
    return call.emitOpError("calls a function without a body");
  // Arguments and results are other names of the same activations.
  Environment inner;
  for (auto [operand, argument] :
       llvm::zip_equal(call.getOperands(), callee.getArguments())) {
    if (isArenaActivation(argument)) {
      int id = lookUp(env, operand);
      if (id < 0)
        return call.emitOpError("must not take the logits of an LM head");
      bind(argument, id, inner);
    }
  }
  std::vector<int> returned;
  if (failed(traceFunction(callee, inner, &returned)))
    return failure();
  for (auto [value, id] : llvm::zip_equal(call.getResults(), returned)) {
    if (id < 0)
      continue;
    result.activations[id].end = std::max(result.activations[id].end, clock);
    bind(value, id, env);
  }
  return success();
}

void Tracer::traceOp(Operation *op, Environment &env) {
  int input = op->getNumOperands() ? lookUp(env, op->getOperand(0)) : -1;
  result.events.push_back({op, clock, input});
  read(op, env);
  for (Value value : op->getResults()) {
    if (!isArenaActivation(value))
      continue;
    int id = define(value, env);
    auto linear = dyn_cast<FusedLinearOp>(op);
    if (linear && linear.getResidual()) {
      int residual = lookUp(env, linear.getResidual());
      if (residual != input)
        result.activations[id].residual = residual;
    }
  }
}

} // namespace

FailureOr<StepLiveness> StepLiveness::compute(func::FuncOp step) {
  StepLiveness result;
  if (failed(Tracer(result).traceStep(step)))
    return failure();
  return result;
}
