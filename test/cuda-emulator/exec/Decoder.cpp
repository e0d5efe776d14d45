//===- Decoder.cpp - PTX instructions into handlers -----------------------===//

#include "test/cuda-emulator/exec/Decoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace swallow::emulator {

using ptx::Operand;
using ptx::Space;
using ptx::Statement;
using ptx::Type;
using ptx::TypeClass;

static const Families &families() {
  static const Families all = [] {
    Families table;
    addIntegerOps(table);
    addBitOps(table);
    addFloatOps(table);
    addConversions(table);
    addComparisons(table);
    addMoves(table);
    addControlFlow(table);
    addMemoryOps(table);
    addAtomics(table);
    addAsyncCopies(table);
    addWarpOps(table);
    addMatrixLoads(table);
    addMatrixProducts(table);
    return table;
  }();
  return all;
}

bool Decoder::fail(const std::string &message) {
  if (error_.empty())
    error_ = message;
  return false;
}

Status Decoder::decode(const ptx::Function &entry,
                       const std::vector<uint32_t> &parameterOffsets) {
  program_.kernel = entry.name;
  program_.staticSharedEnd = sharedStart;
  enterScope(entry.body, true);
  for (size_t i = 0; i < entry.params.size(); ++i) {
    Symbol symbol;
    symbol.space = Space::Param;
    symbol.type = entry.params[i].type;
    symbol.address = parameterOffsets[i];
    scopes_.back().symbols[entry.params[i].name] = symbol;
  }
  SWALLOW_TRY(body(entry.body));
  // Falling off the end is a ret.
  Statement end;
  end.line = line_;
  end.instruction.opcode = "exit";
  end.instruction.modifiers = {"exit"};
  SWALLOW_TRY(instruction(end));
  for (const Fixup &fixup : fixups_) {
    Inst &inst = program_.code[fixup.instruction];
    (fixup.target < 0 ? inst.target : inst.targets[fixup.target]) =
        labels_[fixup.label];
  }
  uint64_t end64 = program_.staticSharedEnd;
  if (!dynamicUses_.empty())
    end64 =
        (end64 + dynamicAlignment_ - 1) / dynamicAlignment_ * dynamicAlignment_;
  program_.staticSharedEnd = static_cast<uint32_t>(end64);
  for (const DynamicUse &use : dynamicUses_) {
    uint64_t value = end64 + use.offset;
    uint8_t *into = program_.constants.data() + (use.slot & ~constantBit);
    for (int lane = 0; lane < 32; ++lane)
      std::memcpy(into + lane * use.bits / 8, &value, use.bits / 8);
  }
  return {};
}

void Decoder::enterScope(const std::vector<Statement> &statements,
                         bool isFunction) {
  Scope &scope = scopes_.emplace_back();
  scope.isFunction = isFunction;
  for (const Statement &statement : statements) {
    if (statement.kind == Statement::Kind::Label)
      scope.labels[statement.label] = newLabel();
    else if (statement.kind == Statement::Kind::BranchTargets)
      scope.tables[statement.label] = statement.targets;
  }
}

uint32_t Decoder::newLabel() {
  labels_.push_back(0);
  return labels_.size() - 1;
}

Status Decoder::body(const std::vector<Statement> &statements) {
  for (const Statement &statement : statements) {
    line_ = statement.line;
    switch (statement.kind) {
    case Statement::Kind::Instruction:
      SWALLOW_TRY(instruction(statement));
      break;
    case Statement::Kind::Label:
      labels_[scopes_.back().labels[statement.label]] = here();
      break;
    case Statement::Kind::Variable:
      declare(statement.variable);
      break;
    case Statement::Kind::Block:
      enterScope(statement.block, false);
      SWALLOW_TRY(body(statement.block));
      scopes_.pop_back();
      break;
    case Statement::Kind::BranchTargets:
      break;
    }
    if (failed())
      return Error{ErrorCode::InvalidArgument, error_};
  }
  return {};
}

void Decoder::declare(const ptx::Variable &variable) {
  auto &symbols = scopes_.back().symbols;
  Symbol symbol;
  symbol.type = variable.type;
  symbol.space = variable.space;
  switch (variable.space) {
  case Space::Reg:
    if (variable.vector != 1) {
      fail("vector registers are not supported");
      return;
    }
    symbol.isRegister = true;
    if (variable.numbered == 0) {
      symbol.slot = temporary(variable.type);
      symbols[variable.name] = symbol;
    }
    for (uint32_t i = 0; i < variable.numbered; ++i) {
      symbol.slot = temporary(variable.type);
      symbols[variable.name + std::to_string(i)] = symbol;
    }
    return;
  case Space::Param: // of a call: lives with the thread
  case Space::Local: {
    uint32_t align = std::max(1u, variable.alignment);
    uint32_t at = (program_.localBytes + align - 1) / align * align;
    program_.localBytes = (at + variable.bytes() + 15) / 16 * 16;
    symbol.space = Space::Local;
    symbol.address = localStart + at;
    symbols[variable.name] = symbol;
    return;
  }
  case Space::Shared:
    if (const Symbol *shared = sharedVariable(variable))
      symbols[variable.name] = *shared;
    return;
  default:
    fail("variables of this space belong outside of functions");
  }
}

const Symbol *Decoder::sharedVariable(const ptx::Variable &variable) {
  // Static variables of a function have one place however often it is inlined.
  std::string key = variable.name + ":" + std::to_string(variable.line);
  auto it = shared_.find(key);
  if (it != shared_.end())
    return &it->second;
  Symbol symbol;
  symbol.type = variable.type;
  symbol.space = Space::Shared;
  uint32_t align = std::max(1u, variable.alignment);
  if (variable.isExtern || variable.isUnsized) {
    symbol.isDynamic = true;
    dynamicAlignment_ = std::max(dynamicAlignment_, align);
  } else {
    uint64_t at = (program_.staticSharedEnd + align - 1) / align * align;
    if (at + variable.bytes() > (1u << 24)) {
      fail("a .shared variable that large cannot be");
      return nullptr;
    }
    symbol.address = at;
    program_.staticSharedEnd = static_cast<uint32_t>(at + variable.bytes());
  }
  return &shared_.emplace(key, symbol).first->second;
}

const Symbol *Decoder::find(const std::string &name) {
  for (size_t i = scopes_.size(); i-- > 0;) {
    auto it = scopes_[i].symbols.find(name);
    if (it != scopes_[i].symbols.end())
      return &it->second;
    if (scopes_[i].isFunction)
      break;
  }
  auto variable = module_.variables.find(name);
  if (variable != module_.variables.end())
    return &variable->second;
  auto shared = module_.shared.find(name);
  if (shared != module_.shared.end())
    return sharedVariable(*shared->second);
  return nullptr;
}

std::optional<uint32_t> Decoder::findLabel(const std::string &label) {
  for (size_t i = scopes_.size(); i-- > 0;) {
    auto it = scopes_[i].labels.find(label);
    if (it != scopes_[i].labels.end())
      return it->second;
    if (scopes_[i].isFunction)
      break;
  }
  return std::nullopt;
}

Status Decoder::instruction(const Statement &statement) {
  instruction_ = &statement.instruction;
  line_ = statement.line;
  taken_.assign(instruction_->modifiers.size(), false);
  taken_[0] = true;
  after_.clear();
  guard_ = noSlot;
  if (!instruction_->guard.empty()) {
    const Symbol *guard = find(instruction_->guard);
    if (!guard || !guard->isRegister || guard->type.kind != TypeClass::Pred)
      fail("'" + instruction_->guard + "' is no predicate");
    else
      guard_ = guard->slot;
  }
  auto it = families().find(instruction_->modifiers[0]);
  if (it == families().end())
    return Error{ErrorCode::InvalidArgument,
                 "unknown instruction '" + instruction_->opcode + "'"};
  it->second(*this);
  for (Inst &inst : after_)
    emitHelper(std::move(inst));
  for (size_t i = 0; i < taken_.size() && !failed(); ++i)
    if (!taken_[i])
      fail("unknown modifier '." + instruction_->modifiers[i] + "' of '" +
           instruction_->opcode + "'");
  if (failed())
    return Error{ErrorCode::InvalidArgument, error_};
  return {};
}

bool Decoder::take(std::string_view modifier) {
  for (size_t i = 1; i < taken_.size(); ++i)
    if (!taken_[i] && instruction_->modifiers[i] == modifier) {
      taken_[i] = true;
      return true;
    }
  return false;
}

void Decoder::takePrefixed(std::string_view prefix) {
  for (size_t i = 1; i < taken_.size(); ++i)
    if (instruction_->modifiers[i].starts_with(prefix))
      taken_[i] = true;
}

int Decoder::takeOneOf(std::initializer_list<std::string_view> words) {
  int index = 0;
  for (std::string_view word : words) {
    if (take(word))
      return index;
    ++index;
  }
  return -1;
}

std::optional<Type> Decoder::takeType() {
  for (size_t i = 1; i < taken_.size(); ++i)
    if (!taken_[i])
      if (auto type = ptx::parseType(instruction_->modifiers[i])) {
        taken_[i] = true;
        return type;
      }
  return std::nullopt;
}

std::optional<Type> Decoder::peekType() const {
  for (size_t i = 1; i < taken_.size(); ++i)
    if (!taken_[i])
      if (auto type = ptx::parseType(instruction_->modifiers[i]))
        return type;
  return std::nullopt;
}

std::string Decoder::takeNext() {
  for (size_t i = 1; i < taken_.size(); ++i)
    if (!taken_[i]) {
      taken_[i] = true;
      return instruction_->modifiers[i];
    }
  return "";
}

Type Decoder::needType() {
  auto type = takeType();
  if (!type)
    fail("'" + instruction_->opcode + "' lacks a type");
  return type.value_or(typeB32);
}

const Operand &Decoder::operand(size_t index) {
  static const Operand none;
  if (index < operands().size())
    return operands()[index];
  fail("'" + instruction_->opcode + "' lacks operands");
  return none;
}

bool Decoder::expectOperands(size_t least, size_t most) {
  if (operands().size() >= least && operands().size() <= most)
    return true;
  return fail("'" + instruction_->opcode + "' with " +
              std::to_string(operands().size()) + " operands");
}

void Decoder::emit(Inst inst) {
  inst.guard = guard_;
  inst.guardNegated = instruction_->guardNegated;
  inst.line = static_cast<uint32_t>(line_);
  auto [it, isNew] =
      opcodes_.try_emplace(instruction_->opcode, program_.opcodes.size());
  if (isNew)
    program_.opcodes.push_back(instruction_->opcode);
  inst.opcode = it->second;
  program_.code.push_back(std::move(inst));
}

void Decoder::emitHelper(Inst inst) {
  inst.isHelper = true;
  emit(std::move(inst));
}

void Decoder::branchTo(Inst inst, const std::string &label) {
  auto target = findLabel(label);
  if (!target) {
    fail("no label '" + label + "' in reach");
    return;
  }
  fixups_.push_back({here(), -1, *target});
  emit(std::move(inst));
}

void Decoder::branchTable(Inst inst, const std::string &table) {
  for (size_t i = scopes_.size(); i-- > 0;) {
    auto it = scopes_[i].tables.find(table);
    if (it == scopes_[i].tables.end()) {
      if (scopes_[i].isFunction)
        break;
      continue;
    }
    inst.targets.resize(it->second.size());
    for (size_t t = 0; t < it->second.size(); ++t) {
      auto label = findLabel(it->second[t]);
      if (!label) {
        fail("no label '" + it->second[t] + "' in reach");
        return;
      }
      fixups_.push_back({here(), static_cast<int>(t), *label});
    }
    emit(std::move(inst));
    return;
  }
  fail("no .branchtargets '" + table + "'");
}

void Decoder::branchToReturn(Inst inst) {
  fixups_.push_back({here(), -1, returns_.back()});
  emit(std::move(inst));
}

void Decoder::call() {
  std::vector<Operand> results, arguments;
  std::string name;
  for (const Operand &operand : operands()) {
    if (operand.kind == Operand::Kind::List)
      (name.empty() ? results : arguments) = operand.elements;
    else if (name.empty())
      name = operand.name;
    else
      fail("indirect calls are not supported");
  }
  auto it = module_.functions.find(name);
  if (it == module_.functions.end()) {
    fail("call of '" + name + "', which has no body in this module");
    return;
  }
  const ptx::Function &function = *it->second;
  if (std::count(callStack_.begin(), callStack_.end(), name)) {
    fail("recursion through '" + name + "' is not supported");
    return;
  }
  if (results.size() != function.results.size() ||
      arguments.size() != function.params.size()) {
    fail("call of '" + name + "' with another number of operands");
    return;
  }
  // Formal parameters are other names for the actual ones.
  std::vector<std::pair<std::string, Symbol>> bound;
  auto bind = [&](const ptx::Variable &formal, const Operand &actual) {
    const Symbol *symbol =
        actual.kind == Operand::Kind::Name ? find(actual.name) : nullptr;
    if (!symbol || (formal.space == Space::Reg) != symbol->isRegister) {
      fail("an operand of the call of '" + name + "' that is no variable");
      return;
    }
    bound.emplace_back(formal.name, *symbol);
  };
  for (size_t i = 0; i < results.size(); ++i)
    bind(function.results[i], results[i]);
  for (size_t i = 0; i < arguments.size(); ++i)
    bind(function.params[i], arguments[i]);
  if (failed())
    return;
  // A guarded call jumps over the body; a count of the call itself remains.
  const ptx::Instruction *outer = instruction_;
  std::vector<bool> outerTaken = taken_;
  std::vector<Inst> outerAfter = after_;
  int outerLine = line_;
  uint32_t end = newLabel();
  Inst skip;
  skip.handler = skipCallBody;
  skip.slots[0] = guard_;
  skip.flags[0] = outer->guardNegated;
  guard_ = noSlot;
  fixups_.push_back({here(), -1, end});
  emit(std::move(skip));
  program_.code.back().guardNegated = false;
  returns_.push_back(end);
  callStack_.push_back(name);
  enterScope(function.body, true);
  for (auto &[formal, symbol] : bound)
    scopes_.back().symbols[formal] = symbol;
  Status status = body(function.body);
  scopes_.pop_back();
  callStack_.pop_back();
  returns_.pop_back();
  labels_[end] = here();
  if (!status.ok()) {
    // line_ stays at the place of the failure.
    instruction_ = outer;
    taken_ = outerTaken;
    fail(status.error().message);
    return;
  }
  instruction_ = outer;
  taken_ = outerTaken;
  after_ = outerAfter;
  line_ = outerLine;
}

} // namespace swallow::emulator
