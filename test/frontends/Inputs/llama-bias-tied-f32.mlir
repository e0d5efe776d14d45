module {
  swallow.weight @embed_tokens from ["model.embed_tokens.weight"] rows [1109] : tensor<1109x96xf32>
  swallow.weight @layers.input_layernorm from ["model.layers.{layer}.input_layernorm.weight"] rows [96] layers 2 : tensor<96xf32>
  swallow.weight @layers.q_proj from ["model.layers.{layer}.self_attn.q_proj.weight"] rows [128] layers 2 : tensor<128x96xf32>
  swallow.weight @layers.q_proj.bias from ["model.layers.{layer}.self_attn.q_proj.bias"] rows [128] layers 2 : tensor<128xf32>
  swallow.weight @layers.k_proj from ["model.layers.{layer}.self_attn.k_proj.weight"] rows [64] layers 2 : tensor<64x96xf32>
  swallow.weight @layers.k_proj.bias from ["model.layers.{layer}.self_attn.k_proj.bias"] rows [64] layers 2 : tensor<64xf32>
  swallow.weight @layers.v_proj from ["model.layers.{layer}.self_attn.v_proj.weight"] rows [64] layers 2 : tensor<64x96xf32>
  swallow.weight @layers.v_proj.bias from ["model.layers.{layer}.self_attn.v_proj.bias"] rows [64] layers 2 : tensor<64xf32>
  swallow.weight @layers.o_proj from ["model.layers.{layer}.self_attn.o_proj.weight"] rows [96] layers 2 : tensor<96x128xf32>
  swallow.weight @layers.o_proj.bias from ["model.layers.{layer}.self_attn.o_proj.bias"] rows [96] layers 2 : tensor<96xf32>
  swallow.weight @layers.post_attention_layernorm from ["model.layers.{layer}.post_attention_layernorm.weight"] rows [96] layers 2 : tensor<96xf32>
  swallow.weight @layers.gate_proj from ["model.layers.{layer}.mlp.gate_proj.weight"] rows [256] layers 2 : tensor<256x96xf32>
  swallow.weight @layers.gate_proj.bias from ["model.layers.{layer}.mlp.gate_proj.bias"] rows [256] layers 2 : tensor<256xf32>
  swallow.weight @layers.up_proj from ["model.layers.{layer}.mlp.up_proj.weight"] rows [256] layers 2 : tensor<256x96xf32>
  swallow.weight @layers.up_proj.bias from ["model.layers.{layer}.mlp.up_proj.bias"] rows [256] layers 2 : tensor<256xf32>
  swallow.weight @layers.down_proj from ["model.layers.{layer}.mlp.down_proj.weight"] rows [96] layers 2 : tensor<96x256xf32>
  swallow.weight @layers.down_proj.bias from ["model.layers.{layer}.mlp.down_proj.bias"] rows [96] layers 2 : tensor<96xf32>
  swallow.weight @norm from ["model.norm.weight"] rows [96] : tensor<96xf32>
  func.func private @decoder_layer(%arg0: tensor<?x96xf32>, %arg1: index, %arg2: !swallow.batch, %arg3: !swallow.kv<layers = 2, heads = 2, head_dim = 32, element = f32>) -> tensor<?x96xf32> {
    %0 = swallow.load_weight @layers.input_layernorm[%arg1] : tensor<96xf32>
    %1 = swallow.rms_norm %arg0, %0 eps 1.000000e-05 : tensor<?x96xf32>, tensor<96xf32> -> tensor<?x96xf32>
    %2 = swallow.load_weight @layers.q_proj[%arg1] : tensor<128x96xf32>
    %3 = swallow.load_weight @layers.q_proj.bias[%arg1] : tensor<128xf32>
    %4 = swallow.linear %1, %2 bias %3 : tensor<128xf32> : tensor<?x96xf32>, tensor<128x96xf32> -> tensor<?x128xf32>
    %5 = swallow.load_weight @layers.k_proj[%arg1] : tensor<64x96xf32>
    %6 = swallow.load_weight @layers.k_proj.bias[%arg1] : tensor<64xf32>
    %7 = swallow.linear %1, %5 bias %6 : tensor<64xf32> : tensor<?x96xf32>, tensor<64x96xf32> -> tensor<?x64xf32>
    %8 = swallow.load_weight @layers.v_proj[%arg1] : tensor<64x96xf32>
    %9 = swallow.load_weight @layers.v_proj.bias[%arg1] : tensor<64xf32>
    %10 = swallow.linear %1, %8 bias %9 : tensor<64xf32> : tensor<?x96xf32>, tensor<64x96xf32> -> tensor<?x64xf32>
    %11 = swallow.rope %4, %arg2 head_dim 32 <theta = 5.000000e+05 : f64, linear_factor = 4.000000e+00 : f64> : tensor<?x128xf32> -> tensor<?x128xf32>
    %12 = swallow.rope %7, %arg2 head_dim 32 <theta = 5.000000e+05 : f64, linear_factor = 4.000000e+00 : f64> : tensor<?x64xf32> -> tensor<?x64xf32>
    swallow.kv_append %12, %10, %arg2, %arg3[%arg1] : tensor<?x64xf32>, <layers = 2, heads = 2, head_dim = 32, element = f32>
    %13 = swallow.attention %11, %arg2, %arg3[%arg1] scale 0.17677669529663687 : tensor<?x128xf32>, <layers = 2, heads = 2, head_dim = 32, element = f32> -> tensor<?x128xf32>
    %14 = swallow.load_weight @layers.o_proj[%arg1] : tensor<96x128xf32>
    %15 = swallow.load_weight @layers.o_proj.bias[%arg1] : tensor<96xf32>
    %16 = swallow.linear %13, %14 bias %15 : tensor<96xf32> : tensor<?x128xf32>, tensor<96x128xf32> -> tensor<?x96xf32>
    %17 = swallow.add %arg0, %16 : tensor<?x96xf32>
    %18 = swallow.load_weight @layers.post_attention_layernorm[%arg1] : tensor<96xf32>
    %19 = swallow.rms_norm %17, %18 eps 1.000000e-05 : tensor<?x96xf32>, tensor<96xf32> -> tensor<?x96xf32>
    %20 = swallow.load_weight @layers.gate_proj[%arg1] : tensor<256x96xf32>
    %21 = swallow.load_weight @layers.gate_proj.bias[%arg1] : tensor<256xf32>
    %22 = swallow.linear %19, %20 bias %21 : tensor<256xf32> : tensor<?x96xf32>, tensor<256x96xf32> -> tensor<?x256xf32>
    %23 = swallow.load_weight @layers.up_proj[%arg1] : tensor<256x96xf32>
    %24 = swallow.load_weight @layers.up_proj.bias[%arg1] : tensor<256xf32>
    %25 = swallow.linear %19, %23 bias %24 : tensor<256xf32> : tensor<?x96xf32>, tensor<256x96xf32> -> tensor<?x256xf32>
    %26 = swallow.silu %22 : tensor<?x256xf32>
    %27 = swallow.mul %26, %25 : tensor<?x256xf32>
    %28 = swallow.load_weight @layers.down_proj[%arg1] : tensor<96x256xf32>
    %29 = swallow.load_weight @layers.down_proj.bias[%arg1] : tensor<96xf32>
    %30 = swallow.linear %27, %28 bias %29 : tensor<96xf32> : tensor<?x256xf32>, tensor<96x256xf32> -> tensor<?x96xf32>
    %31 = swallow.add %17, %30 : tensor<?x96xf32>
    return %31 : tensor<?x96xf32>
  }
  func.func @step(%arg0: !swallow.batch, %arg1: !swallow.kv<layers = 2, heads = 2, head_dim = 32, element = f32>) -> tensor<?x1109xf32> {
    %0 = swallow.load_weight @embed_tokens : tensor<1109x96xf32>
    %1 = swallow.embedding %arg0, %0 : tensor<1109x96xf32> -> tensor<?x96xf32>
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %c1 = arith.constant 1 : index
    %2 = scf.for %arg2 = %c0 to %c2 step %c1 iter_args(%arg3 = %1) -> (tensor<?x96xf32>) {
      %7 = func.call @decoder_layer(%arg3, %arg2, %arg0, %arg1) : (tensor<?x96xf32>, index, !swallow.batch, !swallow.kv<layers = 2, heads = 2, head_dim = 32, element = f32>) -> tensor<?x96xf32>
      scf.yield %7 : tensor<?x96xf32>
    }
    %3 = swallow.load_weight @norm : tensor<96xf32>
    %4 = swallow.rms_norm %2, %3 eps 1.000000e-05 : tensor<?x96xf32>, tensor<96xf32> -> tensor<?x96xf32>
    %5 = swallow.select_rows %4, %arg0 : tensor<?x96xf32>
    %6 = swallow.lm_head %5, %0 : tensor<?x96xf32>, tensor<1109x96xf32> -> tensor<?x1109xf32>
    return %6 : tensor<?x1109xf32>
  }
}
