//===- Kernels.h - PTX for the tests ----------------------------*- C++ -*-===//

#ifndef SWALLOW_TEST_RUNTIME_CUDA_KERNELS_H
#define SWALLOW_TEST_RUNTIME_CUDA_KERNELS_H

namespace swallow::cuda {

/// scale(data, factor, count): multiplies the first `count` floats.
inline constexpr const char *kScalePtx = R"(.version 7.0
.target sm_80
.address_size 64

.visible .entry scale(
  .param .u64 scale_param_0,
  .param .f32 scale_param_1,
  .param .u32 scale_param_2
)
.maxntid 128, 1, 1
{
  .reg .pred %p<2>;
  .reg .b32 %r<6>;
  .reg .f32 %f<4>;
  .reg .b64 %rd<5>;

  ld.param.u64 %rd1, [scale_param_0];
  ld.param.f32 %f1, [scale_param_1];
  ld.param.u32 %r1, [scale_param_2];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  setp.ge.s32 %p1, %r5, %r1;
  @%p1 bra $done;
  cvta.to.global.u64 %rd2, %rd1;
  mul.wide.s32 %rd3, %r5, 4;
  add.s64 %rd4, %rd2, %rd3;
  ld.global.f32 %f2, [%rd4];
  mul.f32 %f3, %f2, %f1;
  st.global.f32 [%rd4], %f3;
$done:
  ret;
}
)";

/// Line 7 is no instruction.
inline constexpr const char *kBrokenPtx = R"(.version 7.0
.target sm_80
.address_size 64

.visible .entry broken()
{
  swallow.this;
  ret;
}
)";

} // namespace swallow::cuda

#endif // SWALLOW_TEST_RUNTIME_CUDA_KERNELS_H
