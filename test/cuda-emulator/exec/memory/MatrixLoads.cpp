//===- MatrixLoads.cpp - ldmatrix, stmatrix, movmatrix --------------------===//
//
// PTX ISA, "Warp Level Matrix Instructions". Matrices are 8x8 of 16 bits; row
// r of matrix m is the 16 bytes at the address of lane 8 m + r, and lane
// 4 r + c holds the elements 2 c and 2 c + 1 of row r.
//
//===----------------------------------------------------------------------===//

#include "test/cuda-emulator/exec/alu/Lanes.h"
#include "test/cuda-emulator/exec/memory/MemoryAccess.h"

namespace swallow::emulator {

using ptx::Operand;
using ptx::Space;

namespace {

/// An 8x8 matrix as it lies in memory, and as a register of 32 lanes.
struct Tile {
  uint16_t elements[8][8];

  void fromLanes(const uint32_t *lanes, bool transposed) {
    for (int lane = 0; lane < 32; ++lane)
      for (int half = 0; half < 2; ++half) {
        auto value = static_cast<uint16_t>(lanes[lane] >> 16 * half);
        int row = lane / 4, column = lane % 4 * 2 + half;
        (transposed ? elements[column][row] : elements[row][column]) = value;
      }
  }
  void toLanes(uint32_t *lanes, bool transposed) const {
    for (int lane = 0; lane < 32; ++lane) {
      int row = lane / 4, column = lane % 4 * 2;
      uint32_t low = transposed ? elements[column][row] : elements[row][column];
      uint32_t high =
          transposed ? elements[column + 1][row] : elements[row][column + 1];
      lanes[lane] = low | high << 16;
    }
  }
};

/// slots[0]: address, slots[1...]: registers. flags: count, transposed.
bool rows(Warp &warp, const Inst &inst, AccessKind kind,
          uint8_t *(&pointers)[32]) {
  if (!warp.converge(inst, ~0u))
    return false;
  if (warp.mask != ~0u) {
    warp.fault(Finding::Kind::DivergentBarrier, warp.firstLane(),
               "a matrix instruction without all 32 threads of the warp");
    return false;
  }
  uint64_t addresses[32];
  warp.addresses(inst, inst.slots[0], addresses);
  uint32_t count = inst.flags[0];
  uint32_t lanes = count == 4 ? ~0u : (1u << 8 * count) - 1;
  return access(warp, inst, inst.memory.space, lanes, addresses, 16, 16, kind,
                pointers);
}

void loadMatrix(Warp &warp, const Inst &inst) {
  uint8_t *pointers[32];
  if (!rows(warp, inst, AccessKind::Read, pointers))
    return;
  for (int m = 0; m < inst.flags[0]; ++m) {
    Tile tile;
    for (int row = 0; row < 8; ++row)
      std::memcpy(tile.elements[row], pointers[m * 8 + row], 16);
    uint32_t lanes[32];
    tile.toLanes(lanes, inst.flags[1]);
    warp.store(inst.slots[1 + m], lanes);
  }
}

void storeMatrix(Warp &warp, const Inst &inst) {
  uint8_t *pointers[32];
  if (!rows(warp, inst, AccessKind::Write, pointers))
    return;
  for (int m = 0; m < inst.flags[0]; ++m) {
    Tile tile;
    tile.fromLanes(warp.src<uint32_t>(inst.slots[1 + m]), inst.flags[1]);
    for (int row = 0; row < 8; ++row)
      std::memcpy(pointers[m * 8 + row], tile.elements[row], 16);
  }
}

void moveMatrix(Warp &warp, const Inst &inst) {
  if (!warp.converge(inst, ~0u))
    return;
  Tile tile;
  tile.fromLanes(warp.src<uint32_t>(inst.slots[1]), false);
  uint32_t lanes[32];
  tile.toLanes(lanes, true);
  warp.store(inst.slots[0], lanes);
}

void takeCommon(Decoder &d) {
  d.take("sync");
  d.take("aligned");
  if (!d.take("m8n8"))
    d.fail("only .m8n8 is supported");
}

void decodeLoadStore(Decoder &d, bool isLoad) {
  takeCommon(d);
  int count = d.takeOneOf({"x1", "x2", "x4"});
  Inst inst;
  inst.flags[1] = d.take("trans");
  if (!d.take("shared") && !d.take("shared::cta"))
    inst.memory.space = Space::Generic;
  else
    inst.memory.space = Space::Shared;
  if (!d.take("b16") || count < 0) {
    d.fail("x1, x2 or x4 of .b16 expected");
    return;
  }
  inst.flags[0] = static_cast<uint8_t>(1 << count);
  if (!d.expectOperands(2, 2))
    return;
  const Operand &registers = d.operand(isLoad ? 0 : 1);
  d.address(inst, d.operand(isLoad ? 1 : 0), 0);
  size_t given =
      registers.kind == Operand::Kind::Vector ? registers.elements.size() : 1;
  if (given != inst.flags[0]) {
    d.fail("a vector of another number of elements");
    return;
  }
  for (size_t i = 0; i < given; ++i) {
    const Operand &element = registers.kind == Operand::Kind::Vector
                                 ? registers.elements[i]
                                 : registers;
    inst.slots[1 + i] =
        isLoad ? d.destination(element, typeB32) : d.source(element, typeB32);
  }
  inst.handler = isLoad ? loadMatrix : storeMatrix;
  d.emit(inst);
}

void decodeLoad(Decoder &d) { decodeLoadStore(d, true); }
void decodeStore(Decoder &d) { decodeLoadStore(d, false); }

void decodeMove(Decoder &d) {
  takeCommon(d);
  if (!d.take("trans") || !d.take("b16"))
    d.fail("movmatrix.trans of .b16 expected");
  Inst inst;
  inst.handler = moveMatrix;
  inst.slots[1] = d.source(d.operand(1), typeB32);
  inst.slots[0] = d.destination(d.operand(0), typeB32);
  d.emit(inst);
}

} // namespace

void addMatrixLoads(Families &families) {
  families["ldmatrix"] = decodeLoad;
  families["stmatrix"] = decodeStore;
  families["movmatrix"] = decodeMove;
}

} // namespace swallow::emulator
