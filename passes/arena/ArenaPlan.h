//===- ArenaPlan.h - places of activations and workspaces -------*- C++ -*-===//
//
// What the pass swallow-plan-arena works with. Passes.td says what it does.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_PASSES_ARENA_ARENAPLAN_H
#define SWALLOW_PASSES_ARENA_ARENAPLAN_H

#include "passes/arena/StepLiveness.h"

#include "dialects/swallow/ProductRows.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/MathExtras.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace swallow::arena {

constexpr int64_t alignment = 64;

inline int64_t columns(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getDimSize(1);
}

inline int64_t rowBytes(int64_t elements, mlir::Type element) {
  return llvm::alignTo(elements * element.getIntOrFloatBitWidth() / 8,
                       alignment);
}

/// The operands of the ops that multiply by a matrix.
struct Product {
  mlir::Value input, weight;
  bool hasNorm = false;
};
/// None for other ops.
std::optional<Product> getProduct(mlir::Operation *op);

/// The declaration of a loaded weight; null for what is not loaded.
WeightOp weightOf(mlir::Value loaded);

using Interval = std::pair<int, int>;

/// What a slot's size is a multiple of.
enum class Per { Token, Thread, Session };

struct Slot {
  std::string base; ///< Name without suffix.
  std::string name;
  int64_t bytes = 0; ///< Of one token, thread or session.
  Per per = Per::Token;
  llvm::SmallVector<Interval> live;
  int64_t offset = 0; ///< In the region of its form.
};

/// The plan of one module.
class ArenaPlan {
public:
  ArenaPlan(mlir::ModuleOp module, llvm::StringRef inputType,
            llvm::StringRef integerSums, bool tiles, bool scratch)
      : module(module), inputType(inputType), integerSums(integerSums),
        tiles(tiles), scratch(scratch) {}

  mlir::LogicalResult plan();

private:
  mlir::LogicalResult joinGroups();
  mlir::LogicalResult checkJoined(llvm::ArrayRef<int> members);
  void updateResidualsInPlace();
  void addActivationSlots();
  // CpuWorkspaces.cpp: kernels that have their scratch in the arena.
  void addCpuWorkspaces();
  void addQuantizedRows(const StepLiveness::Event &event,
                        const Product &product);
  /// Whether many rows are quantised for a product by this quantised weight:
  /// in chunks, or in groups as few are.
  bool quantizesChunksFor(mlir::Value weight) const;
  bool quantizesGroupsFor(mlir::Value weight) const;
  /// Quantised rows of `width` inputs, of few.
  QuantizedRecords records(int64_t width) const;
  /// Of a weight that is not quantised.
  bool usesTiles(const Product &product) {
    return tiles && inputElement(product).isBF16();
  }

  // GpuWorkspaces.cpp: kernels that have it in registers and shared memory.
  void addGpuWorkspaces();
  void addPreparedRows();
  void addSplitAttention();
  void addSplitProducts();

  void addRopeTables();
  void assignOffsets();
  void annotate();

  /// The element type in which a product takes its input.
  mlir::Type inputElement(const Product &product);
  mlir::Type storedElement(llvm::ArrayRef<int> members);
  void merge(int a, int b);
  int addSlot(llvm::StringRef base, int64_t bytes,
              llvm::ArrayRef<Interval> live);
  void useWorkspace(mlir::Operation *op, llvm::StringRef name, int64_t bytes,
                    int time, Per per);

  mlir::ModuleOp module;
  llvm::StringRef inputType, integerSums;
  bool tiles, scratch;
  StepLiveness liveness;
  /// Activation -> its group; group -> activations that share a place.
  std::vector<int> groupOf;
  std::vector<llvm::SmallVector<int>> groups;
  std::vector<int> slotOfGroup;
  std::vector<mlir::Type> elementOfGroup;
  std::vector<Slot> slots;
  std::map<std::string, int> workspaces;
  llvm::MapVector<mlir::Operation *, llvm::SmallVector<int64_t>> workspacesOf;
  int64_t perToken = 0, perThread = 0, perSession = 0;
};

} // namespace swallow::arena

#endif // SWALLOW_PASSES_ARENA_ARENAPLAN_H
