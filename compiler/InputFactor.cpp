//===- InputFactor.cpp - the inputs of a product, factored ----------------===//
//
// The Cholesky factorisation by blocks of a fixed size, so that its bits do not
// depend on how many threads share them. Matrices are column-major: what is the
// upper triangle here is InputFactor's row-major lower one.
//
//===----------------------------------------------------------------------===//

#include "compiler/InputFactor.h"

#include "runtime/packing/QuantFormat.h"
#include "runtime/support/RunOnThreads.h"

#include <Eigen/Cholesky>

#include <atomic>
#include <cmath>
#include <functional>
#include <mutex>

using namespace swallow;

namespace {

using Matrix = Eigen::Ref<Eigen::MatrixXf>;
using Inputs = Eigen::Map<const Eigen::MatrixXf>; // (inputs, rows)

constexpr int64_t kBlock = 128;

/// Calls work(begin, end) for the blocks of [first, size).
void forBlocks(int64_t first, int64_t size, int threads,
               const std::function<void(int64_t, int64_t)> &work) {
  std::atomic<int64_t> next = first;
  runOnThreads(threads, [&] {
    for (int64_t at; (at = next.fetch_add(kBlock)) < size;)
      work(at, std::min(at + kBlock, size));
  });
}

/// The upper triangle, by blocks, of x x^T.
void setProducts(const Inputs &x, Matrix h, int threads) {
  forBlocks(0, h.rows(), threads, [&](int64_t begin, int64_t end) {
    h.block(0, begin, end, end - begin).noalias() =
        x.topRows(end) * x.middleRows(begin, end - begin).transpose();
  });
}

/// Replaces the upper triangle of `h` by U, h = U^T U; false if it is not
/// positive definite.
bool factorUpper(Matrix h, int threads) {
  const int64_t size = h.rows();
  for (int64_t begin = 0; begin < size; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, size), count = end - begin;
    Matrix corner = h.block(begin, begin, count, count);
    Eigen::LLT<Matrix, Eigen::Upper> factor(corner);
    if (factor.info() != Eigen::Success)
      return false;
    forBlocks(end, size, threads, [&](int64_t from, int64_t to) {
      auto part = h.block(begin, from, count, to - from);
      corner.triangularView<Eigen::Upper>().transpose().solveInPlace(part);
    });
    forBlocks(end, size, threads, [&](int64_t from, int64_t to) {
      h.block(end, from, to - end, to - from).noalias() -=
          h.block(begin, end, count, to - end).transpose() *
          h.block(begin, from, count, to - from);
    });
  }
  return true;
}

} // namespace

Result<InputFactor> swallow::factorInputs(const EvalTensor &input,
                                          float damping, int threads) {
  // Eigen would fit the order of its sums to the caches it finds.
  static std::once_flag fixed;
  std::call_once(fixed,
                 [] { Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 4 << 20); });
  const int64_t count = input.cols;
  InputFactor result;
  result.size = (count + kQuantGroup - 1) / kQuantGroup * kQuantGroup;
  result.lower.assign(static_cast<size_t>(result.size * result.size), 0.0f);
  result.variance.assign(static_cast<size_t>(result.size), 0.0f);
  Eigen::Map<Eigen::MatrixXf> whole(result.lower.data(), result.size,
                                    result.size);
  Matrix h = whole.topLeftCorner(count, count);
  const Inputs x(input.data.data(), count, input.rows);
  float mean = 0;
  // Rounding can make a matrix of few rows indefinite; more damping helps.
  for (bool factored = false; !factored; damping *= 10) {
    setProducts(x, h, threads);
    mean = h.trace() / static_cast<float>(count);
    if (!std::isfinite(mean))
      return {ErrorCode::InvalidArgument, "too large to be squared"};
    if (mean == 0)
      mean = 1;
    h.diagonal().array() += damping * mean;
    factored = factorUpper(h, threads);
  }
  const Eigen::ArrayXf diagonal = h.diagonal();
  for (int64_t i = 0; i < count; ++i)
    h.col(i).head(i).array() /= diagonal.head(i);
  for (int64_t i = 0; i < count; ++i)
    result.variance[i] = diagonal[i] * diagonal[i] / mean;
  return result;
}
