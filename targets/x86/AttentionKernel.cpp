//===- AttentionKernel.cpp - attention over paged keys and values ---------===//
//
// A piece of work is one row and one KV head. The keys of the row's sequence
// are visited block by block; the query heads that share the KV head follow
// each other while a block is in cache. Softmax is the online form (Milakov and
// Gimelshein, "Online normalizer calculation for softmax", 2018): a running
// maximum and sum, the accumulated output rescaled when the maximum grows. The
// order of every sum depends on the row's position alone.
//
//===----------------------------------------------------------------------===//

#include "targets/x86/KvAddress.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace swallow;
using namespace swallow::x86;

namespace {
/// Output vectors accumulated in registers at a time.
constexpr int64_t kOutputVectors = 8;
/// Stands for minus infinity; exp of any difference to it is 0.
constexpr float kMinusInfinity = -1e30f;

class AttentionEmitter {
public:
  AttentionEmitter(KernelFrame &frame, AttentionOp op)
      : f(frame), k(frame.k), op(op), kv(op.getKv().getType()),
        queries(frame.step.rowsOf(frame, op.getQuery())),
        result(frame.step.rowsOf(frame, op.getResult())),
        scratch(frame.slot(frame.step.workspaceSlot(op, "attention_scratch"))),
        group(queries.columns / (kv.heads * kv.headDim)),
        vectors((kv.headDim + k.lanes() - 1) / k.lanes()) {}

  void emit() {
    // Rows are dealt out in turn: under a causal mask later rows cost more.
    Value pieces = k.mul(f.integer(Arg::NumTokens), kv.heads);
    Value mine =
        k.div(k.add(k.sub(pieces, f.thread), k.add(f.threads, -1)), f.threads);
    Value any = k.lessThan(f.thread, pieces);
    k.ifThen(any, [&] {
      k.loop(k.i64(0), mine, 1, [&](Value turn) {
        emitPiece(k.add(f.thread, k.mul(turn, f.threads)));
      });
    });
  }

private:
  int64_t columnsPadded() const { return roundUp(kv.headDim, 16); }
  // Scratch of one query head: output, 32 scores, maximum, sum.
  int64_t scratchStride() const { return (kv.headDim + 64) * 4; }
  int64_t scoresOffset() const { return columnsPadded() * 4; }
  int64_t maximumOffset() const { return scoresOffset() + kv.blockTokens * 4; }
  int64_t sumOffset() const { return maximumOffset() + 4; }
  int64_t count(int64_t vector) const {
    return std::min(k.lanes(), kv.headDim - vector * k.lanes());
  }

  void emitPiece(Value piece) {
    Value row = k.div(piece, kv.heads);
    Value head = k.rem(piece, kv.heads);
    Value position = f.element(Arg::Positions, row);
    Value sequence = f.element(Arg::Sequences, row);
    Value first = k.i64(0);
    if (kv.window > 0)
      first = k.max(first, k.add(position, 1 - kv.window));

    forEachHead([&](Value own, Value) {
      for (int64_t v = 0; v < vectors; ++v)
        k.storeVector(k.zero(), k.offset(own, v * k.lanes() * 4), Element::F32);
      k.store(k.f32(kMinusInfinity), k.offset(own, maximumOffset()));
      k.store(k.f32(0.0f), k.offset(own, sumOffset()));
    });

    Value firstBlock = k.div(first, kv.blockTokens);
    Value endBlock = k.add(k.div(position, kv.blockTokens), 1);
    k.loop(firstBlock, endBlock, 1, [&](Value block) {
      Value keys = k.offset(kv.blockBase(f, sequence, block),
                            k.mul(head, kv.headBytes()));
      Value values = k.offset(keys, kv.planeBytes());
      Value start = k.mul(block, kv.blockTokens);
      Value begin = k.max(k.sub(first, start), k.i64(0));
      Value end =
          k.min(k.sub(k.add(position, 1), start), k.i64(kv.blockTokens));
      forEachHead([&](Value own, Value inGroup) {
        Value at =
            k.add(k.mul(row, queries.stride()),
                  k.mul(k.add(k.mul(head, group), inGroup), kv.headDim * 4));
        emitScores(own, k.offset(queries.base, at), keys, begin, end);
        emitSoftmax(own);
        emitValues(own, values, begin, end);
      });
    });

    forEachHead([&](Value own, Value inGroup) {
      Value sum = k.load(k.f32Type(), k.offset(own, sumOffset()));
      Value scale = k.splat(k.divf(k.f32(1.0f), sum));
      Value at = k.add(k.mul(row, result.stride()),
                       k.mul(k.add(k.mul(head, group), inGroup),
                             kv.headDim * sizeOf(result.element)));
      for (int64_t v = 0; v < vectors; ++v) {
        Value x = k.loadVector(k.offset(own, v * k.lanes() * 4), Element::F32);
        f.step.storeResult(k, op.getResult(), k.mulf(x, scale),
                           k.offset(k.offset(result.base, at),
                                    v * k.lanes() * sizeOf(result.element)),
                           count(v));
      }
    });
  }

  void forEachHead(function_ref<void(Value own, Value inGroup)> body) {
    k.loop(k.i64(0), k.i64(group), 1, [&](Value inGroup) {
      body(k.offset(scratch, k.mul(inGroup, scratchStride())), inGroup);
    });
  }

  void emitScores(Value own, Value query, Value keys, Value begin, Value end) {
    Value scores = k.offset(own, scoresOffset());
    for (int64_t j = 0; j < kv.blockTokens; j += k.lanes())
      k.storeVector(k.splat(kMinusInfinity, k.lanes()), k.offset(scores, j * 4),
                    Element::F32);
    Value scale = k.f32(static_cast<float>(op.getScale().convertToDouble()));
    SmallVector<Value> q;
    for (int64_t v = 0; v < vectors; ++v)
      q.push_back(k.loadVector(k.offset(query, v * k.lanes() * 4), Element::F32,
                               k.lanes(), count(v)));
    k.loop(begin, end, 1, [&](Value j) {
      Value key = k.offset(keys, k.mul(j, kv.rowBytes()));
      Value sums[2] = {k.zero(), k.zero()};
      for (int64_t v = 0; v < vectors; ++v) {
        Value x =
            k.loadVector(k.offset(key, v * k.lanes() * sizeOf(kv.element)),
                         kv.element, k.lanes(), count(v));
        sums[v % 2] = k.fma(q[v], x, sums[v % 2]);
      }
      Value dot = k.reduceAdd(vectors > 1 ? k.addf(sums[0], sums[1]) : sums[0]);
      k.store(k.mulf(dot, scale), k.offset(scores, k.mul(j, 4)));
    });
  }

  void emitSoftmax(Value own) {
    Value scores = k.offset(own, scoresOffset());
    int64_t lanes = k.lanes();
    SmallVector<Value> s;
    for (int64_t j = 0; j < kv.blockTokens; j += lanes)
      s.push_back(k.loadVector(k.offset(scores, j * 4), Element::F32));
    Value highest = s[0];
    for (Value x : ArrayRef(s).drop_front())
      highest = k.maxf(highest, x);
    Value old = k.load(k.f32Type(), k.offset(own, maximumOffset()));
    Value maximum = k.maxf(old, k.reduceMax(highest));
    Value wide = k.splat(maximum);
    Value total;
    for (auto [i, x] : llvm::enumerate(s)) {
      Value p = k.exp(k.subf(x, wide));
      k.storeVector(p, k.offset(scores, i * lanes * 4), Element::F32);
      total = total ? k.addf(total, p) : p;
    }
    Value correction = k.exp(k.splat(k.subf(old, maximum)));
    Value sum = k.load(k.f32Type(), k.offset(own, sumOffset()));
    Value scalar = vector::ExtractOp::create(k.ops(), correction, int64_t(0));
    k.store(k.addf(k.mulf(sum, scalar), k.reduceAdd(total)),
            k.offset(own, sumOffset()));
    k.store(maximum, k.offset(own, maximumOffset()));
    for (int64_t v = 0; v < vectors; ++v) {
      Value out = k.offset(own, v * lanes * 4);
      k.storeVector(k.mulf(k.loadVector(out, Element::F32), correction), out,
                    Element::F32);
    }
  }

  void emitValues(Value own, Value values, Value begin, Value end) {
    Value scores = k.offset(own, scoresOffset());
    for (int64_t first = 0; first < vectors; first += kOutputVectors) {
      int64_t width = std::min(kOutputVectors, vectors - first);
      auto output = [&](int64_t i) {
        return k.offset(own, (first + i) * k.lanes() * 4);
      };
      KernelBuilder::Values acc;
      for (int64_t i = 0; i < width; ++i)
        acc.push_back(k.loadVector(output(i), Element::F32));
      acc = k.loop(begin, end, 1, acc, [&](Value j, ValueRange in) {
        Value p = k.splat(k.load(k.f32Type(), k.offset(scores, k.mul(j, 4))));
        Value value = k.offset(values, k.mul(j, kv.rowBytes()));
        KernelBuilder::Values next;
        for (int64_t i = 0; i < width; ++i) {
          int64_t v = first + i;
          Value x =
              k.loadVector(k.offset(value, v * k.lanes() * sizeOf(kv.element)),
                           kv.element, k.lanes(), count(v));
          next.push_back(k.fma(p, x, in[i]));
        }
        return next;
      });
      for (int64_t i = 0; i < width; ++i)
        k.storeVector(acc[i], output(i), Element::F32);
    }
  }

  KernelFrame &f;
  KernelBuilder &k;
  AttentionOp op;
  KvGeometry kv;
  Rows queries, result;
  Value scratch;
  int64_t group, vectors;
};
} // namespace

void swallow::x86::emitAttention(KernelFrame &frame, AttentionOp op) {
  AttentionEmitter(frame, op).emit();
}
