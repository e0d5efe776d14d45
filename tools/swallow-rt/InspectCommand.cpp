#include "tools/swallow-rt/Commands.h"
#include "tools/swallow-rt/Support.h"
#include "tools/swallow-rt/options/Options.h"

#include <nlohmann/json.hpp>

#include <cstdarg>
#include <cstdio>

namespace {

using Json = nlohmann::json;

struct InspectOptions : CommonOptions {
  bool json = false;
  int64_t batch = 1;
  int64_t maxStepTokens = 512;
};

/// Lines of text put together with printf formats.
class Text {
public:
  __attribute__((format(printf, 2, 3))) void add(const char *format, ...) {
    char buffer[1024];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(buffer, sizeof(buffer), format, arguments);
    va_end(arguments);
    text_ += buffer;
  }
  const std::string &str() const { return text_; }

private:
  std::string text_;
};

std::string bytes(const Json &number) {
  return formatBytes(number.get<double>());
}

/// Text, or the number as JSON writes it.
std::string plain(const Json &value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void addModel(Text &text, const Json &json) {
  const Json &model = json["model"];
  text.add("%s  %s, compiled by swallowc %s\n", plain(json["file"]).c_str(),
           bytes(json["file_bytes"]).c_str(),
           plain(json["compiler_version"]).c_str());
  text.add(
      "model     %s, %s%s layers, hidden %s, FFN %s, %s heads (%s KV) of "
      "%s, vocabulary %s, %s\n",
      plain(model["architecture"]).c_str(), plain(model["num_layers"]).c_str(),
      model["checkpoint_layers"] == model["num_layers"]
          ? ""
          : (" of " + plain(model["checkpoint_layers"])).c_str(),
      plain(model["hidden_size"]).c_str(),
      plain(model["intermediate_size"]).c_str(),
      plain(model["num_heads"]).c_str(), plain(model["num_kv_heads"]).c_str(),
      plain(model["head_dim"]).c_str(), plain(model["vocab_size"]).c_str(),
      plain(model["dtype"]).c_str());
  const Json &window = json["kv"]["window"];
  text.add("context   up to %s tokens%s\n",
           plain(model["max_position_embeddings"]).c_str(),
           window.is_null() ? ""
                            : (", sliding window of " + plain(window)).c_str());
  const Json &weights = json["weights"];
  text.add("weights   %s parameters in %s tensors, %s (",
           plain(weights["parameters"]).c_str(),
           plain(weights["tensors"]).c_str(), bytes(weights["bytes"]).c_str());
  const char *separator = "";
  for (const auto &[name, kind] : weights["elements"].items()) {
    text.add("%s%s %s", separator, name.c_str(), bytes(kind["bytes"]).c_str());
    separator = ", ";
  }
  text.add(
      ")%s\n",
      weights["synthetic_seed"].is_null()
          ? ""
          : (", synthetic, seed " + plain(weights["synthetic_seed"])).c_str());
}

/// "code 1.20 MiB, 80 micro-kernels", or of a GPU "PTX 80.00 KiB, cubin 60.00
/// KiB of ptxas 13.0.88".
std::string codeOf(const Json &variant) {
  const std::string size = bytes(variant["code_bytes"]);
  if (variant["gpu"].is_null())
    return "code " + size + ", " + plain(variant["micro_kernels"]) +
           " micro-kernels";
  const Json &cubin = variant["gpu"]["cubin"];
  return "PTX " + size +
         (cubin.is_null() ? ", no cubin"
                          : ", cubin " + bytes(cubin["bytes"]) + " of ptxas " +
                                plain(cubin["assembler"]));
}

void addVariants(Text &text, const Json &json) {
  for (const Json &variant : json["variants"]) {
    std::string state = variant["selected"].get<bool>()
                            ? "this machine takes it"
                        : variant["runs_here"].get<bool>()
                            ? "runs here"
                            : "lacks " + plain(variant["missing"]);
    std::string features;
    for (const Json &feature : variant["features"])
      features += (features.empty() ? "" : ", ") + plain(feature);
    text.add("variant   %-20s %s; %s%s%s\n", plain(variant["name"]).c_str(),
             state.c_str(), codeOf(variant).c_str(),
             features.empty() ? "" : "; needs ", features.c_str());
  }
}

void addPlan(Text &text, const Json &json) {
  const Json &plan = json["memory_plan"];
  if (plan.is_null())
    return;
  text.add(
      "memory    for %s sequence(s) of %s tokens, %s threads, steps of "
      "%s tokens, %s:\n",
      plain(plan["max_sequences"]).c_str(),
      plain(plan["context_length"]).c_str(), plain(plan["threads"]).c_str(),
      plain(plan["max_step_tokens"]).c_str(), plain(plan["variant"]).c_str());
  text.add("          KV           %12s  %s blocks of %s tokens, %s\n",
           bytes(plan["kv_bytes"]).c_str(), plain(plan["kv_blocks"]).c_str(),
           plain(json["kv"]["block_tokens"]).c_str(),
           plain(plan["kv_element"]).c_str());
  text.add("          activations  %12s\n", bytes(plan["arena_bytes"]).c_str());
  for (const Json &slot : plan["arena"])
    text.add("            %-20s %12s at %s\n", plain(slot["name"]).c_str(),
             bytes(slot["size"]).c_str(), plain(slot["offset"]).c_str());
  text.add("          logits       %12s\n",
           bytes(plan["logits_bytes"]).c_str());
  text.add("          batch        %12s\n", bytes(plan["batch_bytes"]).c_str());
  text.add("          total        %12s  of %s available%s\n",
           bytes(plan["total_bytes"]).c_str(),
           bytes(plan["available_bytes"]).c_str(),
           plan["fits"].get<bool>() ? "" : ": DOES NOT FIT");
  text.add("          weights      %12s  %s\n",
           bytes(plan["weights_bytes"]).c_str(),
           plan["weights_allocated_bytes"] == 0 ? "mapped from the file"
                                                : "in memory, in the total");
}

void addSegments(Text &text, const Json &json) {
  for (const Json &segment : json["segments"])
    text.add("segment   %-12s %-20s %12s at %s\n",
             plain(segment["kind"]).c_str(), plain(segment["name"]).c_str(),
             bytes(segment["size"]).c_str(), plain(segment["offset"]).c_str());
}

void addGeneration(Text &text, const Json &json) {
  const Json &generation = json["generation"];
  if (!generation.is_null())
    text.add("generate  %s, temperature %g, top_k %s, top_p %g, EOS %s\n",
             generation["do_sample"].get<bool>() ? "sampling" : "greedy",
             generation["temperature"].get<double>(),
             plain(generation["top_k"]).c_str(),
             generation["top_p"].get<double>(),
             generation["eos_token_ids"].dump().c_str());
  const Json &probe = json["probe"];
  if (!probe.is_null())
    text.add("probe     %zu tokens, logits within %.3g of rms %.3g\n",
             probe["token_ids"].size(), probe["tolerance"].get<double>(),
             probe["logit_rms"].get<double>());
}

int inspect(const InspectOptions &options) {
  ArtifactPtr artifact = openArtifact(options.file);
  swallow_session_options sessionOptions = options.session();
  sessionOptions.max_sequences = options.batch;
  sessionOptions.max_step_tokens = options.maxStepTokens;
  char *raw = nullptr;
  check(swallow_artifact_inspect(artifact.get(), &sessionOptions, &raw));
  std::unique_ptr<char, void (*)(char *)> owned(raw, swallow_string_free);
  if (options.json) {
    writeOutput(std::string(raw) + "\n");
    return 0;
  }
  Json json = Json::parse(raw, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    throw CommandError("the runtime's description is not JSON");
  Text text;
  addModel(text, json);
  addVariants(text, json);
  addSegments(text, json);
  addGeneration(text, json);
  addPlan(text, json);
  writeOutput(text.str());
  return 0;
}

} // namespace

void addInspectCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App *verb = app.add_subcommand(
      "inspect", "Describe a compiled model and the memory it will need");
  Options declare(*verb);
  declare.file(options->file);
  declare.flag("--json", options->json, "Print everything as JSON");
  declare.context(options->context);
  declare.number<int64_t>("--batch", options->batch, "N",
                          "Sequences side by side", {1, int64_t(1) << 20}, "1");
  declare.maxStepTokens(options->maxStepTokens);
  declare.threads(options->threads);
  declare.variant(options->variant);
  declare.hugePages(options->hugePages);
  declare.kvCache(options->kvCache);
  declare.device(options->device);
  verb->callback([&command, options] {
    command = [options] { return inspect(*options); };
  });
}
