//===- KvFragments.cpp - KV blocks as operands of mma ---------------------===//

#include "targets/nvidia/attention/KvFragments.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::nvidia;

//===----------------------------------------------------------------------===//
// Staging
//===----------------------------------------------------------------------===//

// A row of 128 bytes covers all banks. bf16: the 16 bytes numbered c of row p
// are kept in place c ^ 2 (p % 4) for keys, and for values c ^ 2 (p / 4) of
// each row of pairs: the lanes of a quarter of a warp, which read together,
// have two neighbouring c and all four q. f16: the 16 bytes numbered c of
// dimension d are kept in place c ^ (d / 2 % 4), those of position p's values
// in place c ^ (p % 8): a matrix is those of one c of eight d or p. int8: keys
// of even dimensions come before those of odd ones, and the 32 bytes numbered c
// of position p's values are kept in place c ^ (p / 8): the lanes of a warp
// have eight words of a row and all four q.
void StagedKv::emitCopies(GpuBuilder &k, Value from, Value to, Value thread,
                          int64_t threads) const {
  constexpr int64_t kChunk = 16;
  auto copy = [&](int64_t chunks, int64_t source,
                  function_ref<Value(Value)> place) {
    for (int64_t first = 0; first < chunks; first += threads) {
      Value i = k.add(thread, first);
      auto one = [&] {
        k.asyncCopy(k.offset(to, place(i)),
                    k.offset(from, k.add(k.mul(i, kChunk), source)));
      };
      if (first + threads <= chunks)
        one();
      else
        k.ifThen(k.lessThan(i, k.i32(static_cast<int32_t>(chunks))), one);
    }
  };
  const bool isBytes = kv.element == KvElement::I8;
  const bool isF16 = kv.element == KvElement::F16;
  const int64_t keyChunks = kv.valuesOffset() / kChunk;
  const int64_t keyRow = (isBytes ? 32 : 128) / kChunk;
  copy(keyChunks, 0, [&](Value i) {
    Value row = k.div(i, keyRow), c = k.rem(i, keyRow);
    if (isBytes) {
      Value plane = k.mul(k.rem(row, 2), kv.headDim / 2);
      row = k.add(plane, k.div(row, 2));
    } else {
      c = k.xori(c, k.mul(k.rem(row, 4), isF16 ? 1 : 2));
    }
    return k.mul(k.add(k.mul(row, keyRow), c), kChunk);
  });
  const int64_t valueRow = valueBytes() / kChunk;
  copy(valueRows() * valueRow, kv.valuesOffset(), [&](Value i) {
    Value row = k.div(i, valueRow), c = k.rem(i, valueRow);
    c = k.xori(c,
               isF16 ? k.rem(row, 8) : k.mul(k.div(row, isBytes ? 8 : 4), 2));
    return k.add(k.add(k.mul(row, valueStride()), valuesOffset()),
                 k.mul(c, kChunk));
  });
  if (kv.hasScales())
    copy(256 / kChunk, kv.keyScalesOffset(),
         [&](Value i) { return k.add(k.mul(i, kChunk), scalesOffset()); });
}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

KvFragments::KvFragments(GpuBuilder &k, const KvGeometry &kv, Place place,
                         Value lane)
    : k(k), kv(kv), staged(place == Place::Staged),
      isBytes(kv.element == KvElement::I8), q(k.rem(lane, 4)),
      n(k.div(lane, 4)) {
  const StagedKv stage{kv};
  scalesOffset = staged ? stage.scalesOffset() : kv.keyScalesOffset();
  valueStride = staged ? stage.valueStride() : stage.valueBytes();
  if (isBytes)
    locateBytes();
  else if (kv.pairing() == 2)
    locatePairs();
  else if (staged)
    locateMatrices(lane);
  else
    locateRows();
}

void KvFragments::locatePairs() {
  Value c = staged ? k.xori(n, k.mul(q, 2)) : n;
  keyStride = 128;
  laneKeys = k.add(k.mul(q, 128), k.mul(c, 16));
  for (Value &values : laneValues)
    values = k.add(k.add(k.mul(q, 4 * valueStride), kv.valuesOffset()),
                   k.mul(c, 16));
}

void KvFragments::locateRows() {
  const int64_t row = valueStride;
  keyStride = 128;
  oddKey = 64;
  valueStride = 2 * row;
  oddValue = row;
  laneKeys = k.add(k.mul(q, 128), k.mul(n, 8));
  for (Value &values : laneValues)
    values = k.add(k.add(k.mul(q, 8 * row), kv.valuesOffset()), k.mul(n, 8));
}

void KvFragments::locateMatrices(Value lane) {
  // Row r of matrix m is the lane's.
  Value r = k.rem(lane, 8), m = k.div(lane, 8);
  const int64_t row = valueStride;
  keyStride = 128;
  laneKeys = k.add(k.mul(r, 64), k.mul(k.xori(m, k.div(r, 2)), 16));
  // Rows and matrices that there are not are others again.
  Value isKey = k.lessThan(r, k.i32(static_cast<int32_t>(kv.headDim % 8)));
  laneLastKeys = k.select(isKey, laneKeys, k.mul(m, 16));
  valueStride = 8 * row;
  Value rows = k.add(k.mul(r, row), kv.valuesOffset());
  auto valuesOf = [&](Value matrix, int64_t j) {
    Value c = k.xori(k.add(matrix, 4 * (j % 2)), r);
    return k.add(rows, k.mul(c, 16));
  };
  for (int64_t j = 0; j < 4; ++j)
    laneValues[j] = valuesOf(m, j);
  laneLastValues = valuesOf(k.rem(m, 2), valueGroups() - 1);
}

void KvFragments::locateBytes() {
  const int64_t row = valueStride;
  keyStride = staged ? 32 : 64;
  oddKey = staged ? kv.headDim / 2 * 32 : 32;
  valueStride = 2 * row;
  oddValue = row;
  laneKeys = k.add(k.mul(q, keyStride), k.mul(n, 4));
  for (int64_t j = 0; j < 4; ++j) {
    Value column = k.i32(static_cast<int32_t>(j * 32));
    if (staged)
      column = k.mul(k.xori(q, k.i32(static_cast<int32_t>(j))), 32);
    Value lanes = k.add(k.mul(q, 8 * row), k.mul(n, 4));
    laneValues[j] = k.add(k.add(lanes, column), kv.valuesOffset());
  }
}

KvFragments::Values KvFragments::load(Value ptr, int64_t bytes) const {
  if (loadsMatrices())
    return k.loadMatrices(k.offset(ptr, bytes), 4, /*transposed=*/true);
  if (isBytes)
    return {staged ? k.load(k.i32Type(), k.offset(ptr, bytes))
                   : k.loadConstant(k.i32Type(), k.offset(ptr, bytes), 4)};
  if (!staged)
    return k.loadStream(ptr, bytes, kv.pairing() == 2 ? 4 : 2);
  Value four = k.load(k.vectorOf(k.i32Type(), 4), k.offset(ptr, bytes), 16);
  Values words;
  for (int64_t t = 0; t < 4; ++t)
    words.push_back(k.extract(four, t));
  return words;
}

/// The registers of four tiles at `ptr` + `bytes`: as they lie there, or of two
/// rows, of which the second is `odd` bytes behind.
KvFragments::Values KvFragments::loadWords(Value ptr, int64_t bytes,
                                           int64_t odd) const {
  if (odd == 0)
    return load(ptr, bytes);
  if (!isBytes) {
    Values first = load(ptr, bytes), second = load(ptr, bytes + odd), words;
    for (size_t t = 0; t < 4; ++t)
      words.push_back(k.permute(first[t / 2], second[t / 2],
                                k.i32(t % 2 == 0 ? 0x5410 : 0x7632)));
    return words;
  }
  // 2^23 + 128 + x as f32 has the byte x + 128 lowest; less 2^23 + 128 it is x,
  // whose upper half is x in bf16.
  Value exponent = k.i32(0x4b000000), bias = k.f32(8388736.0f);
  auto toFloat = [&](Value word, int32_t t) {
    Value bits = k.permute(word, exponent, k.i32(0x7540 | t));
    return k.bitcast(k.i32Type(), k.subf(k.bitcast(k.f32Type(), bits), bias));
  };
  Value biases = k.i32(static_cast<int32_t>(0x80808080u));
  Value first = k.xori(load(ptr, bytes)[0], biases);
  Value second = k.xori(load(ptr, bytes + odd)[0], biases);
  Values words;
  for (int32_t t = 0; t < 4; ++t)
    words.push_back(
        k.permute(toFloat(first, t), toFloat(second, t), k.i32(0x7632)));
  return words;
}

KvFragments::Values KvFragments::loadIf(Value condition, Value ptr,
                                        int64_t bytes, int64_t odd) const {
  Values zeros(4, k.i32(0));
  return k.ifThenElse(
      condition, TypeRange(ValueRange(zeros)),
      [&] { return loadWords(ptr, bytes, odd); }, [&] { return zeros; });
}

KvFragments::Values KvFragments::keys(Value base, int64_t pair) const {
  const int64_t pairs = kv.headDim / 2;
  if (pair >= pairs)
    return Values(4, k.i32(0));
  Value ptr = k.offset(base, laneKeys);
  if (pair + 4 <= pairs)
    return loadWords(ptr, pair * keyStride, oddKey);
  // Behind the keys come values.
  Value isKey = k.lessThan(q, k.i32(static_cast<int32_t>(pairs - pair)));
  if (!loadsMatrices())
    return loadIf(isKey, ptr, pair * keyStride, oddKey);
  Values words = load(k.offset(base, laneLastKeys), pair * keyStride);
  for (Value &word : words)
    word = k.select(isKey, word, k.i32(0));
  return words;
}

KvFragments::Values KvFragments::values(Value base, int64_t i,
                                        int64_t j) const {
  Value ptr = k.offset(base, laneValues[j % 4]);
  int64_t column = j * 32 * kv.pairing() * kv.elementBytes();
  // The offset within 128 bytes may be in the lane's.
  if (isBytes || loadsMatrices())
    column = column / 128 * 128;
  const int64_t bytes = i * valueStride + column;
  const int64_t features = kv.paddedDim() - j * 32;
  if (features >= 32)
    return loadWords(ptr, bytes, oddValue);
  if (loadsMatrices())
    return load(k.offset(base, laneLastValues), bytes);
  Value isFeature = k.lessThan(n, k.i32(static_cast<int32_t>(features / 4)));
  return loadIf(isFeature, ptr, bytes, oddValue);
}

KvFragments::Values KvFragments::scales(Value base, bool ofValues) const {
  Value at = k.add(k.mul(q, 32), scalesOffset + (ofValues ? 128 : 0));
  Values eight;
  for (int64_t half = 0; half < 2; ++half) {
    Value four = k.load(k.vectorOf(k.f32Type(), 4),
                        k.offset(k.offset(base, at), half * 16), 16);
    for (int64_t c = 0; c < 4; ++c)
      eight.push_back(k.extract(four, c));
  }
  return eight;
}
