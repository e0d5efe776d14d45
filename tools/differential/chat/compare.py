#!/usr/bin/env python3
"""Compares `swallow-rt render` with transformers' apply_chat_template.

    pip install transformers==5.23.* sentencepiece
    compare.py --bin build/bin CHECKPOINT MESSAGES.json
    compare.py --bin build/bin --folders test/e2e/chat/folders.json [--update]

The first form takes any checkpoint folder and a file with either a list of
messages or a list of cases: objects with `messages` and, as it may be,
`tools`, `documents`, `variables`, `template` (a name), `template_text`,
`add_generation_prompt` and `continue_final_message`. The second makes the
folders that the file describes and compares all their cases; --update writes
transformers' answers into it, which test/e2e/render_test.py then holds
swallow-rt to. Text and token ids must be equal; where transformers raises,
swallow-rt must fail.
"""

import argparse
import json
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                    "..")
sys.path.insert(0, os.path.join(ROOT, "test", "e2e"))

from transformers import AutoTokenizer  # noqa: E402
from transformers import logging  # noqa: E402

from chat_folders import make_folder, render_arguments  # noqa: E402
from swallow_testing import Programs, run  # noqa: E402


def ask_transformers(tokenizer, case):
    """{"text", "ids"} or {"error"}."""
    keywords = dict(
        tools=case.get("tools"), documents=case.get("documents"),
        chat_template=case.get("template", case.get("template_text")),
        add_generation_prompt=case.get("add_generation_prompt", False),
        continue_final_message=case.get("continue_final_message", False),
        return_dict=False, **case.get("variables", {}))
    try:
        return {"text": tokenizer.apply_chat_template(
                    case["messages"], tokenize=False, **keywords),
                "ids": tokenizer.apply_chat_template(
                    case["messages"], tokenize=True, **keywords)}
    except Exception as error:  # of Python, jinja2 or transformers
        return {"error": f"{type(error).__name__}: {error}".split("\n")[0]}


def ask_swallow(programs, artifact, case, work):
    result = run([programs.runtime, "render", artifact, "--json",
                  *render_arguments(case, work)],
                 text=json.dumps(case["messages"], ensure_ascii=False))
    if result.returncode != 0:
        return {"error": result.stderr.strip()}
    return json.loads(result.stdout)


def compare(programs, folder, cases, work):
    """The number of differences; gives each case transformers' answer."""
    artifact = os.path.join(work, "model.swallow")
    programs.compile(folder, artifact, "-probe-tokens", "0")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    differences = 0
    for i, case in enumerate(cases):
        expected = ask_transformers(tokenizer, case)
        found = ask_swallow(programs, artifact, case, work)
        for key in ("text", "ids", "error"):
            case.pop(key, None)
        case.update(expected)
        if "error" in expected and "error" in found:
            print(f"  both refuse: {expected['error'][:70]} | "
                  f"{found['error'][:90]}")
        elif expected != found:
            differences += 1
            print(f"DIFFERENT {folder} case {i} {case.get('name', '')}\n"
                  f"  transformers: {expected}\n  swallow-rt:   {found}")
    return differences


def main():
    logging.set_verbosity_error()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--golden", help="folder of the golden models",
                        default=os.path.join(ROOT, "test", "golden"))
    parser.add_argument("--folders", help="a file that describes folders")
    parser.add_argument("--update", action="store_true",
                        help="write transformers' answers into that file")
    parser.add_argument("checkpoint", nargs="?")
    parser.add_argument("messages", nargs="?")
    arguments = parser.parse_args()
    if bool(arguments.folders) == bool(arguments.messages):
        parser.error("expected CHECKPOINT MESSAGES or --folders FILE")
    programs = Programs(arguments.bin)
    differences = count = 0
    with tempfile.TemporaryDirectory() as work:
        if arguments.folders:
            with open(arguments.folders, encoding="utf-8") as file:
                folders = json.load(file)
            for description in folders:
                folder = os.path.join(work, "model")
                make_folder(folder, arguments.golden, description)
                print(description["name"])
                differences += compare(programs, folder, description["cases"],
                                       work)
                count += len(description["cases"])
            if arguments.update:
                with open(arguments.folders, "w", encoding="utf-8") as file:
                    json.dump(folders, file, ensure_ascii=False, indent=1)
                    file.write("\n")
        else:
            with open(arguments.messages, encoding="utf-8") as file:
                cases = json.load(file)
            if not any("messages" in case for case in cases):
                cases = [{"messages": cases, "add_generation_prompt": prompt}
                         for prompt in (False, True)]
            differences = compare(programs, arguments.checkpoint, cases, work)
            count = len(cases)
    print(f"{count} cases, {differences} different")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
