"""Checkpoint folders for tests of conversations, and rendering with them."""

import json
import os
import shutil


def make_folder(folder, golden, description):
    """A copy of golden model `model` with `files` written (null: removed).

    `files` maps names to texts; what is no text is written as JSON, and keys of
    "tokenizer_config.json" go over the model's own (null: removed).
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(os.path.join(golden, description["model"]), folder)
    for name, content in description["files"].items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if content is None:
            os.remove(path)
            continue
        if name == "tokenizer_config.json":
            with open(path, encoding="utf-8") as file:
                merged = json.load(file)
            merged.update(content)
            content = {k: v for k, v in merged.items() if v != "REMOVED"}
        if not isinstance(content, str):
            content = json.dumps(content, ensure_ascii=False)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(content)


def render_arguments(case, work):
    """The options of `swallow-rt render` for a case; writes what are files."""
    arguments = []
    for key in ("tools", "documents"):
        if key in case:
            path = os.path.join(work, key + ".json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(case[key], file, ensure_ascii=False)
            arguments += ["--" + key, path]
    for key, option in (("template", "--chat-template"),
                        ("continue_final_message", "--continue-field")):
        if key in case:
            arguments += [option, case[key]]
    if "template_text" in case:
        path = os.path.join(work, "given.jinja")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(case["template_text"])
        arguments += ["--chat-template", path]
    if "variables" in case:
        arguments += ["--template-vars",
                      json.dumps(case["variables"], ensure_ascii=False)]
    if not case.get("add_generation_prompt", False):
        arguments.append("--no-generation-prompt")
    return arguments
