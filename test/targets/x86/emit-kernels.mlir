// RUN: %swallow-opt --swallow-plan --swallow-x86-emit-kernels=variant=x86-64-avx512-bf16 %s | FileCheck %s --check-prefixes=CHECK,DOT
// RUN: %swallow-opt --swallow-plan --swallow-x86-emit-kernels=variant=x86-64-avx512-bf16 %s | FileCheck %s --check-prefix=STREAMS
// RUN: %swallow-opt --swallow-plan=input-type=f32 --swallow-x86-emit-kernels=variant=x86-64-avx2 %s | FileCheck %s --check-prefixes=CHECK,SPLIT

// A model of one product. Its weights lie where they are planned; the step
// calls a kernel per op and ends each stage in a barrier.

// Chunks of 512 inputs, the first overwrites, others and the tail add: 600 =
// 512 + 88. A row of input is padded to 64 bytes.
// DOT:   swallow.brgemms = [{a = "bf16", accumulate = false, b = "bf16", k = 512 : i64, lda = 608 : i64, ldb = 64 : i64, ldc = 64 : i64, m = 32 : i64, n = 64 : i64}, {a = "bf16", accumulate = true, b = "bf16", k = 512 : i64, {{[^}]*}}}, {a = "bf16", accumulate = true, b = "bf16", k = 88 : i64,
// SPLIT: swallow.brgemms = [{a = "f32", accumulate = false, b = "f32", k = 512 : i64, lda = 608 : i64,
// CHECK-SAME: swallow.stages = ["embedding", "proj", "select_rows"]
// DOT-SAME:   swallow.variant = "x86-64-avx512-bf16"
// SPLIT-SAME: swallow.variant = "x86-64-avx2"
swallow.weight @embed from ["embed"] rows [9] : tensor<9x600xbf16>
swallow.weight @proj from ["proj"] rows [128] : tensor<128x600xbf16>

// CHECK-LABEL: llvm.func @swallow_step
// CHECK:         llvm.call @embedding(%{{.*}})
// CHECK:         llvm.call @stage_end
// CHECK:         llvm.call @proj(%{{.*}})
// CHECK:         llvm.call @stage_end
// CHECK:         llvm.call @select_rows(%{{.*}})

// LLVM must not make calls of memset or libm of loops.
// CHECK-LABEL: llvm.func internal @embedding
// CHECK-SAME:    passthrough = ["noinline", "nounwind", "no-builtins"]
// Rows are shared out: from n * thread / threads to n * (thread + 1) / threads.
// CHECK:         %[[BEGIN:.*]] = arith.divui %{{.*}}, %arg3 : i64
// CHECK:         %[[END:.*]] = arith.divui %{{.*}}, %arg3 : i64
// CHECK:         scf.for %{{.*}} = %[[BEGIN]] to %[[END]] step

// Of a large step threads claim runs of pieces, by a service of the runtime.
// CHECK-LABEL: llvm.func internal @proj
// CHECK:         %[[CLAIM:.*]] = arith.constant 32 : i64
// CHECK:         llvm.getelementptr %{{.*}}[%[[CLAIM]]]
// CHECK:         %[[FIRST:.*]] = llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, i64) -> i64
// CHECK:         scf.while (%{{.*}} = %[[FIRST]]) : (i64) -> i64
// CHECK:           arith.cmpi slt
// CHECK:           %[[NEXT:.*]] = llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, i64) -> i64
// CHECK:           scf.yield %[[NEXT]] : i64

// Up to eight rows are multiplied by emitted code, 1, 2, 4 or 8 at a time.
// CHECK-DAG:   llvm.func internal @gemv_m1_k600_n64_bf16
// CHECK-DAG:   llvm.func internal @gemv_m8_k600_n64_bf16
// DOT-DAG:     llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// Of as many blocks as the caller says, a line of each in turn; the sums are
// kept in memory.
// STREAMS-LABEL: llvm.func internal @gemv_m1_k600_n64_bf16
// STREAMS-SAME:    %[[SUMS:[^:]*]]: !llvm.ptr, %[[COUNT:[^:]*]]: i64, %[[APART:[^:]*]]: i64, %{{[^:]*}}: i64)
// STREAMS:         scf.for %{{.*}} = %{{.*}} to %[[COUNT]] step
// STREAMS:           llvm.store
// STREAMS:         scf.for
// STREAMS-NOT:       iter_args
// STREAMS:           scf.for %[[STREAM:.*]] = %{{.*}} to %[[COUNT]] step
// STREAMS:             arith.muli %[[STREAM]], %[[APART]]
// STREAMS:             llvm.intr.prefetch
// STREAMS:             llvm.store
// Without bf16 instructions panels are unpacked to f32.
// SPLIT-DAG:   llvm.func internal @unpack_bf16_n64
// SPLIT-NOT:   dpbf16ps
func.func @step(%batch: !swallow.batch, %kv: !swallow.kv<layers = 1, heads = 1, head_dim = 2, element = bf16>) -> tensor<?x128xf32> {
  %e = swallow.load_weight @embed : tensor<9x600xbf16>
  %w = swallow.load_weight @proj : tensor<128x600xbf16>
  %x = swallow.embedding %batch, %e : tensor<9x600xbf16> -> tensor<?x600xf32>
  %y = swallow.fused_linear %x, %w : tensor<?x600xf32>, tensor<128x600xbf16> -> tensor<?x128xf32>
  %s = swallow.select_rows %y, %batch : tensor<?x128xf32>
  return %s : tensor<?x128xf32>
}
