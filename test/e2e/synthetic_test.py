"""Weights from a seed: the model is the one whose checkpoint has those values,
on every variant; a model can be cut to its first layers."""

import argparse
import json
import os
import shutil
import sys
import tempfile

import synthetic_values
from swallow_testing import Checks, Programs, argmax, largest_error, rms, run

SEED = 2**63 + 5
# Between variants, of the logits' rms.
TOLERANCE = {"bf16": 0.1, "f16": 0.0125, "f32": 1e-4}
IDS = [1, 17, 4, 99, 250, 3, 3, 8, 120, 77]
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_size": 128, "intermediate_size": 160, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
    "vocab_size": 300, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
    "attention_bias": True, "mlp_bias": True, "bos_token_id": 1,
    "eos_token_id": 2, "torch_dtype": "bfloat16",
}


def tensors(layers):
    """(name, rows, columns) of every tensor; columns 1: a vector."""
    hidden, ffn = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    kv = CONFIG["num_key_value_heads"] * CONFIG["head_dim"]
    yield "model.embed_tokens.weight", CONFIG["vocab_size"], hidden
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        for name in "input_layernorm", "post_attention_layernorm":
            yield f"{prefix}{name}.weight", hidden, 1
        for name, rows, columns in (
                ("self_attn.q_proj", hidden, hidden),
                ("self_attn.k_proj", kv, hidden),
                ("self_attn.v_proj", kv, hidden),
                ("self_attn.o_proj", hidden, hidden),
                ("mlp.gate_proj", ffn, hidden), ("mlp.up_proj", ffn, hidden),
                ("mlp.down_proj", hidden, ffn)):
            yield f"{prefix}{name}.weight", rows, columns
            yield f"{prefix}{name}.bias", rows, 1
    yield "model.norm.weight", hidden, 1
    yield "lm_head.weight", CONFIG["vocab_size"], hidden


def write_checkpoint(folder):
    """A checkpoint with the values that the seed stands for."""
    header, data = {}, []
    end = 0
    for name, rows, columns in tensors(CONFIG["num_hidden_layers"]):
        values = synthetic_values.tensor(SEED, name, rows, columns)
        if sys.byteorder != "little":
            values.byteswap()
        data.append(values.tobytes())
        begin, end = end, end + len(data[-1])
        shape = [rows] if columns == 1 else [rows, columns]
        header[name] = {"dtype": "BF16", "shape": shape,
                        "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + b"".join(data))


class SyntheticTest:
    def __init__(self, arguments, folder):
        self.programs = Programs(arguments.bin)
        self.golden = arguments.golden
        self.folder = folder
        self.checks = Checks()

    def path(self, name):
        return os.path.join(self.folder, name)

    def expect(self, condition, message):
        self.checks.expect(condition, message)

    def make_folders(self):
        for name in "config", "checkpoint":
            os.mkdir(self.path(name))
            with open(self.path(f"{name}/config.json"), "w",
                      encoding="utf-8") as file:
                json.dump(CONFIG, file)
        write_checkpoint(self.path("checkpoint"))
        # A checkpoint needs a tokenizer; any will do.
        for name in "tokenizer.json", "tokenizer_config.json":
            shutil.copy(os.path.join(self.golden, "llama31", name),
                        self.path("checkpoint"))

    def same_as_checkpoint(self, dtype):
        made, stored = self.path(f"made-{dtype}"), self.path(f"stored-{dtype}")
        said = self.programs.compile(self.path("config"), made, "-dtype", dtype,
                                     "-weights=synthetic", "-seed", str(SEED))
        self.expect(said == "", f"compiling said {said!r}")
        self.programs.compile(self.path("checkpoint"), stored, "-dtype", dtype)
        weights = self.programs.inspect(made)["weights"]
        self.expect(weights["synthetic_seed"] == SEED, f"seed: {weights}")
        self.expect(self.programs.inspect(stored)["weights"]["synthetic_seed"]
                    is None, "a checkpoint has no seed")
        reference = None
        for variant in self.programs.variants(made):
            options = ["--variant", variant, "--threads", "2"]
            found = self.programs.logits_text(made, IDS, *options)
            expected = self.programs.logits_text(stored, IDS, *options)
            self.expect(found == expected, f"{dtype} {variant}: other logits")
            huge = self.programs.logits_text(stored, IDS, *options,
                                             "--huge-pages")
            self.expect(huge == expected,
                        f"{dtype} {variant}: other logits in huge pages")
            rows = json.loads(found)["logits"]
            reference = reference or rows
            scale = rms([x for row in reference for x in row])
            self.expect(0.3 < scale < 10, f"logits of rms {scale}")
            tolerance = TOLERANCE[dtype] * scale
            for a, b in zip(rows, reference):
                error = largest_error(a, b)
                self.expect(error < tolerance,
                            f"{dtype} {variant}: differs by {error}")
        self.expect(len({argmax(row) for row in reference}) > 3,
                    "the tokens do not matter")

    def first_layers(self):
        for folder, options in (("config", ["-weights=synthetic", "-seed",
                                            str(SEED)]), ("checkpoint", [])):
            artifact = self.path(f"two-{folder}")
            said = self.programs.compile(self.path(folder), artifact,
                                         "-layers", "2", *options)
            self.expect(said == "", f"{folder}: {said!r}")
            model = self.programs.inspect(artifact)["model"]
            self.expect((model["num_layers"], model["checkpoint_layers"])
                        == (2, 3), f"{folder}: {model}")
        texts = [self.programs.logits_text(self.path(name), IDS)
                 for name in ("two-config", "two-checkpoint", "stored-bf16")]
        self.expect(texts[0] == texts[1], "two layers: other logits")
        self.expect(texts[0] != texts[2], "the third layer does nothing")
        verified = self.programs.rt("verify", self.path("two-checkpoint"))
        self.expect("ok, mean" in verified, f"two layers: {verified!r}")

    def chosen_variants(self):
        synthetic = ["-weights=synthetic", "-seed", str(SEED)]
        for target, expected in (
                ("x86-64-avx2", ["x86-64-avx2"]),
                ("x86-64-avx2,x86-64-avx512,x86-64-avx2",
                 ["x86-64-avx512", "x86-64-avx2"])):
            artifact = self.path("chosen")
            self.programs.compile(self.path("config"), artifact, "-target",
                                  target, *synthetic)
            names = [variant["name"] for variant
                     in self.programs.inspect(artifact)["variants"]]
            self.expect(names == expected, f"-target {target}: {names}")
            options = ["--variant", "x86-64-avx2"]
            self.expect(
                self.programs.logits_text(artifact, IDS, *options)
                == self.programs.logits_text(self.path("made-bf16"), IDS,
                                             *options),
                f"-target {target}: other logits")

    def says_so(self):
        made = self.path("made-bf16")
        result = run([self.programs.runtime, "logits", made, "--ids", "1"])
        self.expect(result.returncode == 0 and "synthetic" in result.stderr,
                    f"no warning: {result}")
        result = run([self.programs.runtime, "run", made, "-p", "Hello"])
        self.expect(result.returncode == 1
                    and "no tokenizer" in result.stderr
                    and len(result.stderr.splitlines()) == 1,
                    f"without a tokenizer: {result}")
        # With tokenizer files beside the config, text works.
        artifact = self.path("text")
        self.programs.compile(os.path.join(self.golden, "llama31"), artifact,
                              "-weights=synthetic")
        result = run([self.programs.runtime, "run", artifact, "-p", "Hello",
                      "--max-tokens", "3"])
        self.expect(result.returncode == 0 and "synthetic" in result.stderr,
                    f"run: {result}")
        self.expect("synthetic, nothing to check"
                    in self.programs.rt("verify", artifact), "verify")

    def run(self):
        self.make_folders()
        for dtype in TOLERANCE:
            self.same_as_checkpoint(dtype)
        self.first_layers()
        self.chosen_variants()
        self.says_so()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--golden", required=True, help="golden models")
    with tempfile.TemporaryDirectory() as folder:
        SyntheticTest(parser.parse_args(), folder).run()


if __name__ == "__main__":
    sys.exit(main())
