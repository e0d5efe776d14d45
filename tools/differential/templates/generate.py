"""Renders every template of chat/ with every conversation, and every regression, with transformers' own Jinja
environment, and writes what comes out where the tests read it: test/runtime/jinja/data.

usage: generate.py [--check]"""

import argparse
import json
import sys
from pathlib import Path

from oracle import NOW_SECONDS, NOW, evaluate

HERE = Path(__file__).resolve().parent
CLOCK = {"seconds": NOW_SECONDS, "microseconds": NOW.microsecond}
DATA = HERE.parents[2] / "test" / "runtime" / "jinja" / "data"


def to_json(value):
    return json.dumps(value, ensure_ascii=False)


def read_template(path):
    # Line ends are part of what is tested: nothing may translate them.
    return path.read_bytes().decode()


def render_template(source, conversations):
    return {
        conversation["name"]: evaluate(source, {"tools": None, "documents": None, **conversation["variables"]})
        for conversation in conversations
    }


def expected_files(conversations):
    """One file for each folder of templates; one line for each case, so that a difference can be read."""
    for folder in sorted(path for path in (HERE / "chat").iterdir() if path.is_dir()):
        lines = ["{", f' "now": {to_json(CLOCK)},', ' "templates": {']
        templates = sorted(folder.glob("*.jinja"))
        for template in templates:
            cases = render_template(read_template(template), conversations)
            lines.append(f"  {to_json(template.stem)}: {{")
            lines.append(",\n".join(f"   {to_json(name)}: {to_json(case)}" for name, case in cases.items()))
            lines.append("  }" + ("" if template is templates[-1] else ","))
        lines += [" }", "}"]
        yield DATA / "expected" / f"{folder.name}.json", "\n".join(lines) + "\n"


def regressions_file():
    """Written by hand but for what is expected: {"template": ..., "variables": {...}}."""
    path = DATA / "regressions.json"
    cases = json.loads(path.read_text())["cases"]
    for case in cases:
        case["expected"] = evaluate(case["template"], case["variables"])
    lines = [f'{{"now": {to_json(CLOCK)}, "cases": [', ",\n".join(to_json(case) for case in cases), "]}"]
    return path, "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    arguments = parser.parse_args()
    conversations = json.loads((HERE / "conversations.json").read_text())["conversations"]
    stale = []
    for path, text in [*expected_files(conversations), regressions_file()]:
        if path.exists() and path.read_bytes() == text.encode():
            continue
        if arguments.check:
            stale.append(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        print(f"{path.relative_to(DATA)}: {len(text.encode())} bytes")
    if stale:
        sys.exit("not up to date: " + ", ".join(path.name for path in stale))


if __name__ == "__main__":
    main()
