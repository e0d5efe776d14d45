//===- Lanes.h - a function over 32 lanes -----------------------*- C++ -*-===//
//
// Map<f>::run is the handler of an instruction that is the function f of its
// source registers: slots[0] is the destination, slots[1...] are the sources.
// f must be total: lanes that do not execute compute too, with any values.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TEST_CUDA_EMULATOR_EXEC_ALU_LANES_H
#define SWALLOW_TEST_CUDA_EMULATOR_EXEC_ALU_LANES_H

#include "test/cuda-emulator/exec/Decoder.h"
#include "test/cuda-emulator/exec/Warp.h"

#include <utility>

namespace swallow::emulator {

template <auto F> struct Map;

template <typename D, typename... S, D (*F)(S...)> struct Map<F> {
  static void run(Warp &warp, const Inst &inst) {
    apply(warp, inst, std::index_sequence_for<S...>());
  }

private:
  template <size_t... I>
  static void apply(Warp &warp, const Inst &inst, std::index_sequence<I...>) {
    loop(warp, inst, warp.src<S>(inst.slots[1 + I])...);
  }
  static void loop(Warp &warp, const Inst &inst, const S *...sources) {
    D result[32];
    for (int lane = 0; lane < 32; ++lane)
      result[lane] = F(sources[lane]...);
    warp.store(inst.slots[0], result);
  }
};

/// The handler of Op<T>::f for an integer type; .b is unsigned. 8-bit types
/// have none.
template <template <typename> class Op> Handler byInteger(ptx::Type type) {
  bool isSigned = type.isSigned();
  switch (type.bits) {
  case 16:
    return isSigned ? Map<&Op<int16_t>::f>::run : Map<&Op<uint16_t>::f>::run;
  case 32:
    return isSigned ? Map<&Op<int32_t>::f>::run : Map<&Op<uint32_t>::f>::run;
  case 64:
    return isSigned ? Map<&Op<int64_t>::f>::run : Map<&Op<uint64_t>::f>::run;
  default:
    return nullptr;
  }
}

} // namespace swallow::emulator

#endif // SWALLOW_TEST_CUDA_EMULATOR_EXEC_ALU_LANES_H
