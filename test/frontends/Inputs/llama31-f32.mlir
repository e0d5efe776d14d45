module {
  swallow.weight @embed_tokens from ["model.embed_tokens.weight"] rows [1109] : tensor<1109x128xf32>
  swallow.weight @layers.input_layernorm from ["model.layers.{layer}.input_layernorm.weight"] rows [128] layers 3 : tensor<128xf32>
  swallow.weight @layers.q_proj from ["model.layers.{layer}.self_attn.q_proj.weight"] rows [128] layers 3 : tensor<128x128xf32>
  swallow.weight @layers.k_proj from ["model.layers.{layer}.self_attn.k_proj.weight"] rows [32] layers 3 : tensor<32x128xf32>
  swallow.weight @layers.v_proj from ["model.layers.{layer}.self_attn.v_proj.weight"] rows [32] layers 3 : tensor<32x128xf32>
  swallow.weight @layers.o_proj from ["model.layers.{layer}.self_attn.o_proj.weight"] rows [128] layers 3 : tensor<128x128xf32>
  swallow.weight @layers.post_attention_layernorm from ["model.layers.{layer}.post_attention_layernorm.weight"] rows [128] layers 3 : tensor<128xf32>
  swallow.weight @layers.gate_proj from ["model.layers.{layer}.mlp.gate_proj.weight"] rows [448] layers 3 : tensor<448x128xf32>
  swallow.weight @layers.up_proj from ["model.layers.{layer}.mlp.up_proj.weight"] rows [448] layers 3 : tensor<448x128xf32>
  swallow.weight @layers.down_proj from ["model.layers.{layer}.mlp.down_proj.weight"] rows [128] layers 3 : tensor<128x448xf32>
  swallow.weight @norm from ["model.norm.weight"] rows [128] : tensor<128xf32>
  swallow.weight @lm_head from ["lm_head.weight"] rows [1109] : tensor<1109x128xf32>
  func.func private @decoder_layer(%arg0: tensor<?x128xf32>, %arg1: index, %arg2: !swallow.batch, %arg3: !swallow.kv<layers = 3, heads = 2, head_dim = 16, element = f32>) -> tensor<?x128xf32> {
    %0 = swallow.load_weight @layers.input_layernorm[%arg1] : tensor<128xf32>
    %1 = swallow.rms_norm %arg0, %0 eps 1.000000e-05 : tensor<?x128xf32>, tensor<128xf32> -> tensor<?x128xf32>
    %2 = swallow.load_weight @layers.q_proj[%arg1] : tensor<128x128xf32>
    %3 = swallow.linear %1, %2 : tensor<?x128xf32>, tensor<128x128xf32> -> tensor<?x128xf32>
    %4 = swallow.load_weight @layers.k_proj[%arg1] : tensor<32x128xf32>
    %5 = swallow.linear %1, %4 : tensor<?x128xf32>, tensor<32x128xf32> -> tensor<?x32xf32>
    %6 = swallow.load_weight @layers.v_proj[%arg1] : tensor<32x128xf32>
    %7 = swallow.linear %1, %6 : tensor<?x128xf32>, tensor<32x128xf32> -> tensor<?x32xf32>
    %8 = swallow.rope %3, %arg2 head_dim 16 <theta = 5.000000e+05 : f64, scaling = <factor = 8.000000e+00 : f64, low_freq_factor = 1.000000e+00 : f64, high_freq_factor = 4.000000e+00 : f64, original_max_position = 64>> : tensor<?x128xf32> -> tensor<?x128xf32>
    %9 = swallow.rope %5, %arg2 head_dim 16 <theta = 5.000000e+05 : f64, scaling = <factor = 8.000000e+00 : f64, low_freq_factor = 1.000000e+00 : f64, high_freq_factor = 4.000000e+00 : f64, original_max_position = 64>> : tensor<?x32xf32> -> tensor<?x32xf32>
    swallow.kv_append %9, %7, %arg2, %arg3[%arg1] : tensor<?x32xf32>, <layers = 3, heads = 2, head_dim = 16, element = f32>
    %10 = swallow.attention %8, %arg2, %arg3[%arg1] scale 2.500000e-01 : tensor<?x128xf32>, <layers = 3, heads = 2, head_dim = 16, element = f32> -> tensor<?x128xf32>
    %11 = swallow.load_weight @layers.o_proj[%arg1] : tensor<128x128xf32>
    %12 = swallow.linear %10, %11 : tensor<?x128xf32>, tensor<128x128xf32> -> tensor<?x128xf32>
    %13 = swallow.add %arg0, %12 : tensor<?x128xf32>
    %14 = swallow.load_weight @layers.post_attention_layernorm[%arg1] : tensor<128xf32>
    %15 = swallow.rms_norm %13, %14 eps 1.000000e-05 : tensor<?x128xf32>, tensor<128xf32> -> tensor<?x128xf32>
    %16 = swallow.load_weight @layers.gate_proj[%arg1] : tensor<448x128xf32>
    %17 = swallow.linear %15, %16 : tensor<?x128xf32>, tensor<448x128xf32> -> tensor<?x448xf32>
    %18 = swallow.load_weight @layers.up_proj[%arg1] : tensor<448x128xf32>
    %19 = swallow.linear %15, %18 : tensor<?x128xf32>, tensor<448x128xf32> -> tensor<?x448xf32>
    %20 = swallow.silu %17 : tensor<?x448xf32>
    %21 = swallow.mul %20, %19 : tensor<?x448xf32>
    %22 = swallow.load_weight @layers.down_proj[%arg1] : tensor<128x448xf32>
    %23 = swallow.linear %21, %22 : tensor<?x448xf32>, tensor<128x448xf32> -> tensor<?x128xf32>
    %24 = swallow.add %13, %23 : tensor<?x128xf32>
    return %24 : tensor<?x128xf32>
  }
  func.func @step(%arg0: !swallow.batch, %arg1: !swallow.kv<layers = 3, heads = 2, head_dim = 16, element = f32>) -> tensor<?x1109xf32> {
    %0 = swallow.load_weight @embed_tokens : tensor<1109x128xf32>
    %1 = swallow.embedding %arg0, %0 : tensor<1109x128xf32> -> tensor<?x128xf32>
    %c0 = arith.constant 0 : index
    %c3 = arith.constant 3 : index
    %c1 = arith.constant 1 : index
    %2 = scf.for %arg2 = %c0 to %c3 step %c1 iter_args(%arg3 = %1) -> (tensor<?x128xf32>) {
      %8 = func.call @decoder_layer(%arg3, %arg2, %arg0, %arg1) : (tensor<?x128xf32>, index, !swallow.batch, !swallow.kv<layers = 3, heads = 2, head_dim = 16, element = f32>) -> tensor<?x128xf32>
      scf.yield %8 : tensor<?x128xf32>
    }
    %3 = swallow.load_weight @norm : tensor<128xf32>
    %4 = swallow.rms_norm %2, %3 eps 1.000000e-05 : tensor<?x128xf32>, tensor<128xf32> -> tensor<?x128xf32>
    %5 = swallow.select_rows %4, %arg0 : tensor<?x128xf32>
    %6 = swallow.load_weight @lm_head : tensor<1109x128xf32>
    %7 = swallow.lm_head %5, %6 : tensor<?x128xf32>, tensor<1109x128xf32> -> tensor<?x1109xf32>
    return %7 : tensor<?x1109xf32>
  }
}
