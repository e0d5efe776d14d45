"""docs/examples/chat.c answers as swallow-rt chat does."""

import argparse
import os
import tempfile

from swallow_testing import Checks, Programs, run

LINES = '三たす四は?\nWhat is the "opposite" of \\ big?\n\t二たす四は?\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--example", required=True, help="the program")
    parser.add_argument("--model", required=True, help="tools/demo-model")
    arguments = parser.parse_args()
    programs = Programs(arguments.bin)
    checks = Checks()
    with tempfile.TemporaryDirectory() as work:
        artifact = os.path.join(work, "demo.swallow")
        programs.compile(os.path.join(arguments.model, "checkpoint"), artifact)
        result = run([arguments.example, artifact], text=LINES)
        expected = programs.rt("chat", artifact, "-n", "200", text=LINES)
        checks.expect(result.returncode == 0 and result.stdout == expected
                      and expected.startswith("七\n") and result.stderr == "",
                      f"{result}, not {expected!r}")
        missing = run([arguments.example, work + "/none"], text="")
        checks.expect(missing.returncode == 1 and "none" in missing.stderr,
                      f"no such model: {missing}")
    checks.finish()


if __name__ == "__main__":
    main()
