"""Every option of every verb of swallow-rt says its default or range in one
line of help, and refuses what is outside its range by name, value and range."""

import argparse
import os
import re
import sys

from swallow_testing import Checks, run

COLUMNS = 80
ROWS = 64
# "  -n, --max-tokens N     Most new tokens [at least 0, default 512]"
OPTION = re.compile(r"  (-\S.*?)(?:  +)(\S.*)")
NUMBER = r"(-?\d+(?:\.\d+)?)"


class HelpTest:
    def __init__(self, program):
        self.program = program
        self.checks = Checks()

    def help(self, *verb):
        result = run([self.program, *verb, "--help"])
        self.checks.expect(result.returncode == 0 and result.stderr == "",
                           f"--help of {verb}: {result}")
        return result.stdout

    def verbs(self):
        text = self.help()
        found = re.findall(r"^  ([a-z]+)  ", text, re.MULTILINE)
        self.checks.expect(len(found) >= 7, f"verbs: {found}")
        self.fits("", text)
        return found

    def fits(self, verb, text):
        lines = text.splitlines()
        for line in lines:
            self.checks.expect(len(line) <= COLUMNS,
                               f"{verb}: too long: {line!r}")
        self.checks.expect(len(lines) <= ROWS,
                           f"{verb}: {len(lines)} lines of help")

    def verb(self, verb):
        text = self.help(verb)
        self.fits(verb, text)
        lines = text.splitlines()
        options = 0
        for i, line in enumerate(lines):
            if not line.startswith("  -"):
                self.checks.expect(not line.startswith("     "),
                                   f"{verb}: help of two lines: {line!r}")
                continue
            match = OPTION.fullmatch(line)
            self.checks.expect(match, f"{verb}: no help: {line!r}")
            if match:
                options += 1
                self.option(verb, *match.groups())
        self.checks.expect(options >= 2, f"{verb}: {options} options")

    def option(self, verb, names, text):
        *names, last = names.split(", ")
        name, _, value = last.partition(" ")
        if not value:
            return  # a flag, off by default
        note = re.search(r"\[([^]]*)\]$", text)
        self.checks.expect(
            note and re.search(r"default |required|repeat|\bor\b", note[1]),
            f"{verb} {name}: neither default nor range: {text!r}")
        if note:
            for wrong in self.outside(note[1], value):
                self.refused(verb, name, wrong)

    # Values that the bracketed note excludes.
    @staticmethod
    def outside(note, value):
        if "=" in value:
            return ["1", "x=1", "-1=1", "1=x", "1=nan", "1=", "="]
        bounds = re.match(rf"above {NUMBER} to {NUMBER}", note)
        if bounds:
            return [bounds[1], "-1", f"{float(bounds[2]) + 0.5:g}", "nan", "x"]
        bounds = re.match(rf"{NUMBER} to {NUMBER}", note)
        if bounds:
            low, high = float(bounds[1]), float(bounds[2])
            return [f"{low - 1:.0f}", f"{high + 1:.0f}", "x", "", "nan", "1 2"]
        bounds = re.match(rf"above {NUMBER}", note)
        if bounds:
            return [bounds[1], "-1", "inf", "x"]
        bounds = re.match(rf"at least {NUMBER}", note)
        if bounds:
            return [f"{float(bounds[1]) - 1:.0f}", "1e999", "9" * 400, "nan",
                    "x", "", "0x10"]
        return []

    def refused(self, verb, name, value):
        result = run([self.program, verb, "/no/such/file", f"{name}={value}"])
        lines = result.stderr.splitlines()
        shown = "" if "=" in value else value  # it names the wrong part
        self.checks.expect(
            result.returncode == 2 and len(lines) == 1
            and lines[0].startswith("swallow-rt: error: ")
            and name in lines[0] and shown[:50] in lines[0]
            and result.stdout == "",
            f"{verb} {name}={value[:40]}: {result.returncode} "
            f"{result.stderr[:300]!r}")

    def run(self):
        for verb in self.verbs():
            self.verb(verb)
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    HelpTest(os.path.join(parser.parse_args().bin, "swallow-rt")).run()


if __name__ == "__main__":
    sys.exit(main())
