//===- Modules.cpp - small modules around one fused op --------------------===//

#include "test/targets/x86/Modules.h"

#include <algorithm>
#include <cmath>

namespace swallow::test {

const char *nameOf(Weights weights) {
  switch (weights) {
  case Weights::F32:
    return "f32";
  case Weights::BF16:
    return "bf16";
  case Weights::F16:
    return "f16";
  case Weights::I4:
    return "int4";
  case Weights::I6:
    return "int6";
  case Weights::I8:
    return "int8";
  case Weights::I4Groups:
    return "int4_groups";
  case Weights::I6Groups:
    return "int6_groups";
  case Weights::I8Groups:
    return "int8_groups";
  case Weights::I4Bf16:
    return "int4_bf16_inputs";
  case Weights::I6Bf16:
    return "int6_bf16_inputs";
  case Weights::I8Bf16:
    break;
  }
  return "int8_bf16_inputs";
}

namespace {

/// Collects weights, the loads of a function's body, and the body.
class ModuleText {
public:
  ModuleText(Weights weights, std::string kv)
      : kind_(weights),
        element_(isQuantized(weights) ? "f32" : nameOf(weights)),
        header_("!kv = !swallow.kv<" + kv + ", element = " + element_) {}
  ModuleText(Weights weights)
      : ModuleText(weights, "layers = 1, heads = 1, head_dim = 2") {}

  void window(int64_t window) {
    if (window > 0)
      header_ += ", window = " + std::to_string(window);
  }

  std::string matrix(int64_t rows, int64_t cols) const {
    return "tensor<" + std::to_string(rows) + "x" + std::to_string(cols) + "x" +
           element_ + ">";
  }
  static std::string vector(int64_t size) {
    return "tensor<" + std::to_string(size) + "xf32>";
  }
  static std::string rows(int64_t columns) {
    return "tensor<?x" + std::to_string(columns) + "xf32>";
  }

  /// Declares a weight of the given sources' rows and loads it into %name.
  void weight(const std::string &name, const std::string &type,
              std::initializer_list<int64_t> sourceRows, int64_t layers = 0) {
    std::string sources, counts;
    int i = 0;
    for (int64_t rows : sourceRows) {
      std::string separator = i ? ", " : "";
      sources += separator + "\"" + name + "." + std::to_string(i) +
                 (layers ? ".{layer}\"" : "\"");
      counts += separator + std::to_string(rows);
      ++i;
    }
    weights_ += "swallow.weight @" + name + " from [" + sources + "] rows [" +
                counts + "]" +
                (layers ? " layers " + std::to_string(layers) : "") + " : " +
                type + quantOf(name, type) + "\n";
    body("%" + name + " = swallow.load_weight @" + name +
         (layers ? "[%layer]" : "") + " : " + type);
  }

  void body(const std::string &line) { body_ += "  " + line + "\n"; }

  void embedding(int64_t columns, const std::string &name = "embed") {
    weight(name, matrix(kTokens, columns), {kTokens});
    embed(columns, kTokens, name);
  }
  /// The same by a table in f32.
  void wideEmbedding(int64_t columns) {
    std::string type = "tensor<" + std::to_string(kTokens) + "x" +
                       std::to_string(columns) + "xf32>";
    weight("wide", type, {kTokens});
    body("%x = swallow.embedding %batch, %wide : " + type + " -> " +
         rows(columns));
  }
  void embed(int64_t columns, int64_t tokens,
             const std::string &name = "embed") {
    body("%x = swallow.embedding %batch, %" + name + " : " +
         matrix(tokens, columns) + " -> " + rows(columns));
  }
  /// " norm %norm : ... eps ..." for an op, with its weight.
  std::string norm(bool wanted, int64_t columns, int64_t layers = 0) {
    if (!wanted)
      return "";
    weight("norm", vector(columns), {columns}, layers);
    return " norm %norm : " + vector(columns) + " eps 1.0e-05";
  }
  void selectRows(const std::string &value, int64_t columns) {
    body("%selected = swallow.select_rows " + value +
         ", %batch : " + rows(columns));
    body("return %selected : " + rows(columns));
  }

  TestModule finish(const std::string &name, int64_t columns) const {
    return {name + "_" + nameOf(kind_),
            header_ + ">\n" + weights_ +
                "func.func @step(%batch: !swallow.batch, %kv: !kv) -> " +
                rows(columns) + " {\n" + body_ + "}\n",
            columns};
  }

private:
  /// Matrices are quantised, but for the table of exact inputs.
  std::string quantOf(const std::string &name, const std::string &type) const {
    bool matrix = std::count(type.begin(), type.end(), 'x') == 2;
    if (!isQuantized(kind_) || !matrix || name == "exact")
      return "";
    const int code = static_cast<int>(kind_) - static_cast<int>(Weights::I4);
    const char *inputs = inputsAreBytes(kind_)    ? "i8"
                         : inputsAreGroups(kind_) ? "vector<32xi8>"
                                                  : "bf16";
    return " {quant = #swallow.quant<bits = " +
           std::to_string(4 + code % 3 * 2) +
           ", group = 16, inputs = " + inputs + ">}";
  }

  Weights kind_;
  std::string element_, header_, weights_, body_;
};

std::string flags(std::initializer_list<std::pair<bool, const char *>> list) {
  std::string text;
  for (auto [set, name] : list)
    text += set ? name : "";
  return text;
}

std::string sizes(int64_t a, int64_t b) {
  return std::to_string(a) + "x" + std::to_string(b);
}

} // namespace

TestModule embeddingModule(Weights weights, int64_t columns) {
  ModuleText m(weights);
  m.embedding(columns);
  m.selectRows("%x", columns);
  return m.finish("embedding_" + std::to_string(columns), columns);
}

TestModule linearModule(Weights weights, const LinearShape &s) {
  ModuleText m(weights);
  if (s.wideInput)
    m.wideEmbedding(s.in);
  else
    m.embedding(s.in, s.exactInput ? "exact" : "embed");
  const std::string proj = s.tinyWeights ? "tiny" : "proj";
  m.weight(proj, m.matrix(s.out, s.in), {s.out});
  std::string parts = m.norm(s.norm, s.in);
  if (s.bias) {
    m.weight("bias", m.vector(s.out), {s.out});
    parts += " bias %bias : " + m.vector(s.out);
  }
  if (s.residual)
    parts += " residual %x : " + m.rows(s.out);
  m.body("%y = swallow.fused_linear %x, %" + proj + parts + " : " +
         m.rows(s.in) + ", " + m.matrix(s.out, s.in) + " -> " + m.rows(s.out));
  m.selectRows("%y", s.out);
  return m.finish("linear_" + sizes(s.in, s.out) +
                      flags({{s.norm, "_norm"},
                             {s.bias, "_bias"},
                             {s.residual, "_residual"},
                             {s.exactInput, "_exact"},
                             {s.wideInput, "_wide"},
                             {s.tinyWeights, "_tiny"}}),
                  s.out);
}

TestModule mlpModule(Weights weights, const MlpShape &s) {
  ModuleText m(weights);
  m.embedding(s.hidden, s.large ? "large" : "embed");
  std::string gateUp = m.matrix(2 * s.ffn, s.hidden);
  m.weight("gate_up", gateUp, {s.ffn, s.ffn});
  std::string parts = m.norm(s.norm, s.hidden);
  if (s.bias) {
    m.weight("bias", m.vector(2 * s.ffn), {s.ffn, s.ffn});
    parts += " bias %bias : " + m.vector(2 * s.ffn);
  }
  m.body("%m = swallow.gated_mlp %x, %gate_up" + parts + " : " +
         m.rows(s.hidden) + ", " + gateUp + " -> " + m.rows(s.ffn));
  std::string name = "mlp_" + sizes(s.hidden, s.ffn) +
                     flags({{s.norm, "_norm"},
                            {s.bias, "_bias"},
                            {s.down, "_down"},
                            {s.large, "_large"}});
  if (!s.down) {
    m.selectRows("%m", s.ffn);
    return m.finish(name, s.ffn);
  }
  m.weight("down", m.matrix(s.hidden, s.ffn), {s.hidden});
  m.body("%y = swallow.fused_linear %m, %down residual %x : " +
         m.rows(s.hidden) + " : " + m.rows(s.ffn) + ", " +
         m.matrix(s.hidden, s.ffn) + " -> " + m.rows(s.hidden));
  m.selectRows("%y", s.hidden);
  return m.finish(name, s.hidden);
}

TestModule headModule(Weights weights, const HeadShape &s) {
  ModuleText m(weights);
  std::string head = "%head", type = m.matrix(s.vocab, s.hidden);
  if (s.tied) {
    head = "%embed";
    m.weight("embed", type, {s.vocab});
    m.embed(s.hidden, s.vocab);
  } else {
    m.embedding(s.hidden);
    m.weight("head", type, {s.vocab});
  }
  std::string norm = m.norm(s.norm, s.hidden);
  m.body("%y = swallow.fused_lm_head %x, %batch, " + head + norm + " : " +
         m.rows(s.hidden) + ", " + type + " -> " + m.rows(s.vocab));
  m.body("return %y : " + m.rows(s.vocab));
  return m.finish("head_" + sizes(s.hidden, s.vocab) +
                      flags({{s.norm, "_norm"}, {s.tied, "_tied"}}),
                  s.vocab);
}

TestModule attentionModule(Weights weights, const AttentionShape &s) {
  constexpr int64_t layers = 2;
  ModuleText m(weights, "layers = " + std::to_string(layers) +
                            ", heads = " + std::to_string(s.kvHeads) +
                            ", head_dim = " + std::to_string(s.headDim));
  m.window(s.window);
  int64_t q = s.heads * s.headDim, kv = s.kvHeads * s.headDim;
  std::string hidden = m.rows(s.hidden);
  m.embedding(s.hidden);
  m.body("%c0 = arith.constant 0 : index");
  m.body("%c1 = arith.constant 1 : index");
  m.body("%layers = arith.constant " + std::to_string(layers) + " : index");
  m.body("%out = scf.for %layer = %c0 to %layers step %c1 iter_args(%h = %x) "
         "-> (" +
         hidden + ") {");
  std::string qkv = m.matrix(q + 2 * kv, s.hidden);
  m.weight("qkv", qkv, {q, kv, kv}, layers);
  std::string parts = m.norm(s.norm, s.hidden, layers);
  if (s.bias) {
    m.weight("bias", m.vector(q + 2 * kv), {q, kv, kv}, layers);
    parts += " bias %bias : " + m.vector(q + 2 * kv);
  }
  m.body("%q = swallow.fused_qkv %h, %qkv" + parts +
         ", %batch, %kv[%layer] <theta = 1.0e+04 : f64" + s.ropeParameters +
         "> : " + hidden + ", " + qkv + ", !kv -> " + m.rows(q));
  m.body("%a = swallow.attention %q, %batch, %kv[%layer] scale " +
         std::to_string(1 / std::sqrt(double(s.headDim))) + " : " + m.rows(q) +
         ", !kv -> " + m.rows(q));
  m.weight("o", m.matrix(s.hidden, q), {s.hidden}, layers);
  m.body("%y = swallow.fused_linear %a, %o residual %h : " + hidden + " : " +
         m.rows(q) + ", " + m.matrix(s.hidden, q) + " -> " + hidden);
  m.body("scf.yield %y : " + hidden);
  m.body("}");
  m.selectRows("%out", s.hidden);
  return m.finish("attention_" + sizes(s.heads, s.kvHeads) + "x" +
                      std::to_string(s.headDim) +
                      (s.window ? "_window" + std::to_string(s.window) : "") +
                      flags({{s.norm, "_norm"}, {s.bias, "_bias"}}),
                  s.hidden);
}

} // namespace swallow::test
