//===- Decoder.h - PTX instructions into handlers ---------------*- C++ -*-===//
//
// Decodes one kernel, with every function that it calls inlined. A family of
// instructions registers a function per mnemonic (families(), below); that
// function takes modifiers and operands from the Decoder and emits one Inst.
// The first failure sticks; operands after it are dummies.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EXEC_DECODER_H
#define SWALLOW_TEST_CUDA_EMULATOR_EXEC_DECODER_H

#include "runtime/support/Result.h"
#include "test/cuda-emulator/exec/Program.h"
#include "test/cuda-emulator/ptx/Ast.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace swallow::emulator {

/// A name of the module or of a function.
struct Symbol {
  bool isRegister = false;
  ptx::Type type;
  Slot slot = 0; ///< of a register
  ptx::Space space = ptx::Space::Generic;
  uint64_t address = 0;   ///< of a variable, in its space
  bool isDynamic = false; ///< the .extern .shared array
};

/// What a kernel may refer to: the module's variables and functions.
struct ModuleScope {
  std::map<std::string, Symbol> variables; ///< .global and .const
  std::map<std::string, const ptx::Variable *> shared;
  std::map<std::string, const ptx::Function *> functions; ///< with bodies
};

class Decoder {
public:
  Decoder(const ModuleScope &module, Program &program)
      : module_(module), program_(program) {}

  /// Decodes the entry; an error has the message "line N: ..." without the
  /// line's text, and `failedLine` says N.
  Status decode(const ptx::Function &entry,
                const std::vector<uint32_t> &parameterOffsets);
  int failedLine() const { return line_; }

  // Modifiers of the current instruction; what nobody takes is an error.
  bool take(std::string_view modifier);
  /// The first type among the modifiers that were not taken.
  std::optional<ptx::Type> takeType();
  /// The same; fails when there is none.
  ptx::Type needType();
  std::optional<ptx::Type> peekType() const;
  /// The first modifier that was not taken; empty when there is none.
  std::string takeNext();
  std::string_view mnemonic() const { return instruction_->modifiers[0]; }
  /// Index in `words` of the one that is there; -1 for none.
  int takeOneOf(std::initializer_list<std::string_view> words);
  /// Takes every modifier with this prefix ("L1::").
  void takePrefixed(std::string_view prefix);

  const std::vector<ptx::Operand> &operands() const {
    return instruction_->operands;
  }
  size_t operandCount() const { return instruction_->operands.size(); }
  const ptx::Operand &operand(size_t index);
  /// Fails unless the instruction has so many operands.
  bool expectOperands(size_t least, size_t most);

  Slot source(const ptx::Operand &operand, ptx::Type type,
              bool mayBeWider = false);
  /// A wider register gets the value extended as `type` says.
  Slot destination(const ptx::Operand &operand, ptx::Type type,
                   bool mayBeWider = false);
  Slot predicate(const ptx::Operand &operand); ///< with its negation applied
  Slot predicateDestination(const ptx::Operand &operand);
  /// Sets the address fields of `inst` from [base + offset]; slots[index] is
  /// the base. Param variables of inlined functions move to local space.
  void address(Inst &inst, const ptx::Operand &operand, size_t index);
  /// The bits of the register that the operand names; 0 for others.
  uint32_t registerBits(const ptx::Operand &operand);
  /// A fresh register of the type's storage.
  Slot temporary(ptx::Type type);
  /// A constant, the same in all lanes. 128-bit ones are zero-extended.
  Slot constant(ptx::Type type, uint64_t bits);
  std::optional<uint64_t> constantValue(const ptx::Operand &operand);

  /// Appends the instruction; its guard and line are set here.
  void emit(Inst inst);
  /// The same for a part of the instruction that is not counted.
  void emitHelper(Inst inst);
  /// To be emitted after the instruction itself.
  void emitAfter(Inst inst) { after_.push_back(std::move(inst)); }
  uint32_t here() const { return program_.code.size(); }

  // For control flow.
  void branchTo(Inst inst, const std::string &label);
  void branchTable(Inst inst, const std::string &table);
  void call();
  bool isInlined() const { return !returns_.empty(); }
  void branchToReturn(Inst inst);

  bool fail(const std::string &message);
  bool failed() const { return !error_.empty(); }

  Slot carrySlot() const { return 0; } ///< predicate of .cc
  Program &program() { return program_; }

private:
  struct Scope {
    std::unordered_map<std::string, Symbol> symbols;
    std::unordered_map<std::string, uint32_t> labels; ///< index of labels_
    std::map<std::string, std::vector<std::string>> tables;
    bool isFunction = false; ///< names further out are the module's
  };
  struct Fixup {
    uint32_t instruction;
    int target; ///< -1: Inst::target, else index of Inst::targets
    uint32_t label;
  };

  Status body(const std::vector<ptx::Statement> &statements);
  Status instruction(const ptx::Statement &statement);
  void enterScope(const std::vector<ptx::Statement> &statements,
                  bool isFunction);
  void declare(const ptx::Variable &variable);
  const Symbol *find(const std::string &name);
  const Symbol *sharedVariable(const ptx::Variable &variable);
  std::optional<uint32_t> findLabel(const std::string &label);
  uint32_t newLabel();
  Slot allocate(uint32_t bytes, uint32_t alignment);
  Slot specialRegister(const std::string &name, ptx::Type type);
  Slot addressConstant(const Symbol &symbol, int64_t offset, ptx::Type type);

  const ModuleScope &module_;
  Program &program_;
  std::vector<Scope> scopes_;
  std::map<std::string, Symbol> shared_; ///< those this kernel uses
  std::vector<uint32_t> labels_;         ///< positions
  std::vector<Fixup> fixups_;
  std::vector<uint32_t> returns_; ///< labels of the functions being inlined
  std::vector<std::string> callStack_;
  std::map<std::pair<uint32_t, uint64_t>, Slot> constants_;
  struct DynamicUse {
    Slot slot;
    uint32_t bits;
    int64_t offset;
  };
  std::vector<DynamicUse> dynamicUses_;
  uint32_t dynamicAlignment_ = 16;
  std::unordered_map<std::string, uint32_t> opcodes_;

  const ptx::Instruction *instruction_ = nullptr;
  std::vector<bool> taken_;
  std::vector<Inst> after_;
  Slot guard_ = noSlot;
  int line_ = 0;
  std::string error_;
};

/// Decodes one instruction; false after fail().
using Decode = void (*)(Decoder &);
using Families = std::unordered_map<std::string_view, Decode>;

// One per file of exec/.
void addIntegerOps(Families &families);
void addBitOps(Families &families);
void addFloatOps(Families &families);
void addConversions(Families &families);
void addComparisons(Families &families);
void addMoves(Families &families);
void addControlFlow(Families &families);
void addMemoryOps(Families &families);
void addAtomics(Families &families);
void addAsyncCopies(Families &families);
void addWarpOps(Families &families);
void addMatrixLoads(Families &families);
void addMatrixProducts(Families &families);

/// Emits the read of a special register into `into`; false for an unknown one.
bool emitSpecialRegister(Decoder &decoder, const std::string &name,
                         ptx::Type type, Slot into);

// Handlers of helpers: slots[0] from slots[1].
void negatePredicate(Warp &warp, const Inst &inst);
/// Between register widths; a wider one gets the low `valueBits`, extended.
Handler resizeHandler(uint32_t fromBits, uint32_t toBits, bool isSigned,
                      uint32_t valueBits);
/// Lanes that fail the predicate slots[0] (flags[0]: negated) go to target.
void skipCallBody(Warp &warp, const Inst &inst);

// Types that families ask for.
inline constexpr ptx::Type typeB16{ptx::TypeClass::Bits, 16, false};
inline constexpr ptx::Type typeB32{ptx::TypeClass::Bits, 32, false};
inline constexpr ptx::Type typeB64{ptx::TypeClass::Bits, 64, false};
inline constexpr ptx::Type typeU32{ptx::TypeClass::Unsigned, 32, false};
inline constexpr ptx::Type typeS32{ptx::TypeClass::Signed, 32, false};

/// Bits per lane in the register file.
inline uint32_t storageBits(ptx::Type type) {
  return type.kind == ptx::TypeClass::Pred ? 1
         : type.bits == 8                  ? 16
                                           : type.bits;
}

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_EXEC_DECODER_H
