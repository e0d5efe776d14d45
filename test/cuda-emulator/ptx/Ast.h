//===- Ast.h - a parsed PTX module ------------------------------*- C++ -*-===//
//
// Names are as written; scopes are resolved by the decoder (exec/Decoder.h).
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_PTX_AST_H
#define SWALLOW_TEST_CUDA_EMULATOR_PTX_AST_H

#include "test/cuda-emulator/ptx/Types.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace swallow::emulator::ptx {

struct Operand {
  enum class Kind {
    Name,    ///< register, variable, label, function or special register
    Integer, ///< value
    Float,   ///< bits, isSingle as in a Token
    Vector,  ///< {a, b, ...}: elements
    Address, ///< [base + offset]: elements[0] is a Name or Integer
    Pair,    ///< a|b: elements
    List,    ///< (a, b, ...): elements
    Sink,    ///< _
  };
  Kind kind = Kind::Sink;
  std::string name;       ///< with a component: "%tid.x"
  bool isNegated = false; ///< !p, or -r
  uint64_t bits = 0;      ///< Integer, Float
  bool isSingle = false;
  int64_t offset = 0; ///< Address, and Name in "var + 4"
  std::vector<Operand> elements;
};

enum class Space : uint8_t {
  Generic,
  Reg,
  Global,
  Shared,
  Local,
  Param,
  Const
};

struct Initializer {
  bool isName = false;
  std::string name; ///< of a variable or function
  int64_t offset = 0;
  uint64_t bits = 0; ///< otherwise: integer, or float bits
  bool isFloat = false, isSingle = false;
};

struct Variable {
  Space space = Space::Reg;
  Type type;
  uint32_t vector = 1;    ///< 2 for .v2
  uint32_t alignment = 0; ///< as written, or natural
  std::string name;
  uint32_t numbered = 0;  ///< %r<10>: 10
  uint64_t elements = 1;  ///< product of the array's dimensions
  bool isUnsized = false; ///< name[]
  bool isExtern = false;
  std::vector<Initializer> initializers;
  int line = 0;

  uint64_t bytes() const { return elements * vector * type.bytes(); }
};

struct Instruction {
  std::string guard; ///< name of a predicate, empty for none
  bool guardNegated = false;
  std::string opcode;                 ///< as written, "ld.global.f32"
  std::vector<std::string> modifiers; ///< {"ld", "global", "f32"}
  std::vector<Operand> operands;
};

struct Statement {
  enum class Kind { Instruction, Label, Variable, Block, BranchTargets };
  Kind kind = Kind::Instruction;
  int line = 0;
  Instruction instruction;
  std::string label;                ///< Label, BranchTargets
  std::vector<std::string> targets; ///< BranchTargets
  Variable variable;
  std::vector<Statement> block;
};

struct Function {
  std::string name;
  int line = 0;
  bool isEntry = false;
  bool isExtern = false;
  bool hasBody = false;
  std::vector<Variable> results, params;
  std::optional<std::array<uint32_t, 3>> maxThreads, requiredThreads;
  std::vector<Statement> body;
};

struct Module {
  int version = 0;    ///< 78 for 7.8
  std::string target; ///< "sm_80"
  std::vector<Variable> variables;
  std::vector<Function> functions; ///< a declaration may come before a body
  std::map<std::string, std::string> aliases;
};

} // namespace swallow::emulator::ptx

#endif // SWALLOW_TEST_CUDA_EMULATOR_PTX_AST_H
