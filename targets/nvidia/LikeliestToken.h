//===- LikeliestToken.h - the largest of a row's logits ---------*- C++ -*-===//
//
// Kernels that store logits find the likeliest token of each row as well, so
// that a host that wants no more than that copies 8 bytes. SwallowGpuArgs says
// how a row's token is kept: as a key, which is 0 until somebody has seen a
// number and then only grows. A maximum is the same in any order.
//
//===----------------------------------------------------------------------===//

#ifndef SWALLOW_TARGETS_NVIDIA_LIKELIESTTOKEN_H
#define SWALLOW_TARGETS_NVIDIA_LIKELIESTTOKEN_H

#include "targets/nvidia/StepEmitter.h"

namespace swallow::nvidia {

/// The likeliest of some tokens.
struct LikeliestToken {
  mlir::Value logit; ///< f32
  mlir::Value token; ///< i32
};

/// Of no tokens: minus infinity, which no logit replaces that is as low or no
/// number.
LikeliestToken noToken(GpuBuilder &k);
/// `next` where it is likelier than `best`, which has the lower token.
LikeliestToken likelier(GpuBuilder &k, const LikeliestToken &best,
                        const LikeliestToken &next);

/// Makes the key of a row of logits that of no token. One thread does it, if
/// there is such a row.
void clearLikeliest(KernelFrame &f, mlir::Value row);
/// Brings what the lanes of a warp have of a row into its key.
void raiseLikeliest(KernelFrame &f, mlir::Value row,
                    const LikeliestToken &ofLane);

} // namespace swallow::nvidia

#endif // SWALLOW_TARGETS_NVIDIA_LIKELIESTTOKEN_H
