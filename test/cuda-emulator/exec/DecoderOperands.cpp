//===- DecoderOperands.cpp - operands into slots --------------------------===//

#include "test/cuda-emulator/exec/Decoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace swallow::emulator {

using ptx::Operand;
using ptx::Space;
using ptx::Type;
using ptx::TypeClass;

Slot Decoder::allocate(uint32_t bytes, uint32_t alignment) {
  uint32_t &end = program_.registerBytes;
  end = (end + alignment - 1) / alignment * alignment;
  Slot slot = end;
  end += bytes;
  return slot;
}

Slot Decoder::temporary(Type type) {
  uint32_t bits = storageBits(type);
  return bits == 1 ? allocate(4, 4) : allocate(bits * 4, 64);
}

Slot Decoder::constant(Type type, uint64_t bits) {
  uint32_t width = storageBits(type);
  if (width < 64)
    bits &= (uint64_t{1} << width) - 1;
  auto [it, isNew] = constants_.try_emplace({width, bits}, 0);
  if (!isNew)
    return it->second;
  auto &pool = program_.constants;
  uint32_t at = pool.size();
  if (width == 1) {
    pool.resize(at + 64);
    uint32_t mask = bits ? ~0u : 0;
    std::memcpy(pool.data() + at, &mask, 4);
  } else {
    uint32_t bytes = width / 8;
    pool.resize(at + (bytes * 32 + 63) / 64 * 64);
    for (uint32_t lane = 0; lane < 32; ++lane)
      std::memcpy(pool.data() + at + lane * bytes, &bits, std::min(bytes, 8u));
  }
  return it->second = at | constantBit;
}

std::optional<uint64_t> Decoder::constantValue(const Operand &operand) {
  if (operand.kind == Operand::Kind::Integer)
    return operand.bits;
  return std::nullopt;
}

Slot Decoder::addressConstant(const Symbol &symbol, int64_t offset, Type type) {
  if (!symbol.isDynamic)
    return constant(type, symbol.address + offset);
  // Its place is known when all static variables are.
  auto &pool = program_.constants;
  uint32_t at = pool.size();
  pool.resize(at + (type.bits * 4 + 63) / 64 * 64);
  dynamicUses_.push_back({at | constantBit, type.bits, offset});
  return at | constantBit;
}

uint32_t Decoder::registerBits(const Operand &operand) {
  if (operand.kind != Operand::Kind::Name)
    return 0;
  const Symbol *symbol = find(operand.name);
  return symbol && symbol->isRegister ? storageBits(symbol->type) : 0;
}

Slot Decoder::source(const Operand &operand, Type type, bool mayBeWider) {
  uint32_t bits = storageBits(type);
  if (operand.kind == Operand::Kind::Integer) {
    if (type.kind == TypeClass::Float && type.bits == 64)
      return constant(type, std::bit_cast<uint64_t>(static_cast<double>(
                                static_cast<int64_t>(operand.bits))));
    return constant(type, operand.bits);
  }
  if (operand.kind == Operand::Kind::Float) {
    double value =
        operand.isSingle
            ? std::bit_cast<float>(static_cast<uint32_t>(operand.bits))
            : std::bit_cast<double>(operand.bits);
    if (type.bits == 32 && !type.packed)
      return constant(type, operand.isSingle ? operand.bits
                                             : std::bit_cast<uint32_t>(
                                                   static_cast<float>(value)));
    if (type.bits == 64)
      return constant(type, std::bit_cast<uint64_t>(value));
    fail("a float constant for a type of " + std::to_string(type.bits) +
         " bits");
    return 0;
  }
  if (operand.kind != Operand::Kind::Name) {
    fail("an operand of '" + instruction_->opcode +
         "' that must be a register or a constant");
    return 0;
  }
  if (type.kind == TypeClass::Pred)
    return predicate(operand);
  const Symbol *symbol = find(operand.name);
  if (!symbol)
    return specialRegister(operand.name, type);
  if (!symbol->isRegister)
    return addressConstant(*symbol, operand.offset, type);
  uint32_t has = storageBits(symbol->type);
  if (has == bits)
    return symbol->slot;
  if (has < bits || has == 1 || !mayBeWider) {
    fail("register '" + operand.name + "' has " + std::to_string(has) +
         " bits where '" + instruction_->opcode + "' needs " +
         std::to_string(bits));
    return 0;
  }
  Inst inst;
  inst.handler = resizeHandler(has, bits, false, bits);
  inst.slots[0] = temporary(type);
  inst.slots[1] = symbol->slot;
  Slot slot = inst.slots[0];
  emitHelper(std::move(inst));
  return slot;
}

Slot Decoder::destination(const Operand &operand, Type type, bool mayBeWider) {
  if (operand.kind == Operand::Kind::Sink)
    return temporary(type);
  uint32_t bits = storageBits(type);
  const Symbol *symbol =
      operand.kind == Operand::Kind::Name ? find(operand.name) : nullptr;
  if (!symbol || !symbol->isRegister) {
    fail("the destination of '" + instruction_->opcode +
         "' must be a register");
    return 0;
  }
  uint32_t has = storageBits(symbol->type);
  if (has == bits && (type.bits != 8 || !mayBeWider))
    return symbol->slot;
  if (has < bits || has == 1 || (has != bits && !mayBeWider)) {
    fail("register '" + operand.name + "' has " + std::to_string(has) +
         " bits where '" + instruction_->opcode + "' needs " +
         std::to_string(bits));
    return 0;
  }
  Inst inst;
  inst.handler = resizeHandler(bits, has, type.isSigned(), type.bits);
  inst.slots[0] = symbol->slot;
  inst.slots[1] = temporary(type);
  Slot slot = inst.slots[1];
  emitAfter(std::move(inst));
  return slot;
}

Slot Decoder::predicate(const Operand &operand) {
  if (operand.kind == Operand::Kind::Integer)
    return constant(Type{TypeClass::Pred, 1, false}, operand.bits & 1);
  const Symbol *symbol =
      operand.kind == Operand::Kind::Name ? find(operand.name) : nullptr;
  if (!symbol || !symbol->isRegister || symbol->type.kind != TypeClass::Pred) {
    fail("an operand of '" + instruction_->opcode + "' that is no predicate");
    return 0;
  }
  if (!operand.isNegated)
    return symbol->slot;
  Inst inst;
  inst.handler = negatePredicate;
  inst.slots[0] = temporary(symbol->type);
  inst.slots[1] = symbol->slot;
  Slot slot = inst.slots[0];
  emitHelper(std::move(inst));
  return slot;
}

Slot Decoder::predicateDestination(const Operand &operand) {
  return destination(operand, Type{TypeClass::Pred, 1, false});
}

Slot Decoder::specialRegister(const std::string &name, Type type) {
  Slot into = temporary(type);
  if (!emitSpecialRegister(*this, name, type, into))
    fail("unknown name '" + name + "'");
  return into;
}

void Decoder::address(Inst &inst, const Operand &operand, size_t index) {
  if (operand.kind != Operand::Kind::Address || operand.elements.size() != 1) {
    fail("'" + instruction_->opcode + "' needs an [address]");
    return;
  }
  const Operand &base = operand.elements[0];
  inst.immediate = operand.offset;
  inst.wideAddress = true;
  if (base.kind == Operand::Kind::Integer) {
    inst.slots[index] = constant(typeB64, base.bits);
    return;
  }
  const Symbol *symbol =
      base.kind == Operand::Kind::Name ? find(base.name) : nullptr;
  if (!symbol) {
    fail("unknown name in the address of '" + instruction_->opcode + "'");
    return;
  }
  if (symbol->isRegister) {
    uint32_t bits = storageBits(symbol->type);
    if (bits != 32 && bits != 64)
      fail("an address register has 32 or 64 bits");
    inst.wideAddress = bits == 64;
    inst.slots[index] = symbol->slot;
    return;
  }
  Space &space = inst.memory.space;
  if (space == Space::Param && symbol->space == Space::Local)
    space = Space::Local;
  if (space == Space::Generic)
    space = symbol->space;
  if (space != symbol->space) {
    fail("'" + base.name + "' lies in another state space");
    return;
  }
  inst.slots[index] = addressConstant(*symbol, 0, typeB64);
}

} // namespace swallow::emulator
