#!/usr/bin/env python3
"""Machine code for GPUs beside the PTX: compiled by ptxas, chosen at load.

No GPU runs here, and the emulator of test/cuda-emulator cannot run what the
real ptxas makes: it refuses that as a driver does which is older than the code,
and the runtime goes back to the PTX. For the other way a script stands in for
ptxas. What it writes is the emulator's own kind of cubin (Modules.cpp of its
driver): an ELF header for CUDA devices, "SWEMUBIN", the capability, and the PTX.
"""

import argparse
import json
import os
import shutil
import stat
import sys
import tempfile

from swallow_testing import Checks, Programs, run

STAND_IN = r'''#!%(python)s
import os, re, struct, sys
if sys.argv[1:] == ["--version"]:
    print("ptxas: NVIDIA (R) Ptx optimizing assembler")
    print("Cuda compilation tools, release 99.1, V99.1.2")
    sys.exit(0)
verbose, architecture, dash, output, source = sys.argv[1:]
assert (verbose, dash) == ("-v", "-o")
sm = architecture.removeprefix("-arch=")
with open(source, encoding="utf-8") as file:
    ptx = file.read()
def say(text):
    print(text.replace("FILE", source), file=sys.stderr)
%(before)s
for kernel in re.findall(r"\.entry (\w+)", ptx):
    say(f"ptxas info    : Compiling entry function '{kernel}' for '{sm}'")
    say(f"ptxas info    : Function properties for {kernel}")
    spill = SPILLS if kernel == "o_proj" else 0
    say(f"    {spill} bytes stack frame, {spill} bytes spill stores, "
        f"{2 * spill} bytes spill loads")
    say("ptxas info    : Used 40 registers, used 1 barriers, 64 bytes smem")
header = bytearray(64)
header[:6] = b"\x7fELF\x02\x01"
struct.pack_into("<H", header, 18, 190)
with open(output, "wb") as file:
    file.write(header + MAGIC + struct.pack("<II", int(sm[3:]), len(ptx)) +
               ptx.encode())
'''
GOOD = 'SPILLS, MAGIC = 0, b"SWEMUBIN"'
# Machine code that the emulator knows nothing about.
FOREIGN = 'SPILLS, MAGIC = 0, b"machine."'
VERSION = "99.1.2"


class AssemblerTest:
    def __init__(self, programs, library, model, work):
        self.programs = programs
        self.model = model
        self.work = work
        self.environment = {
            "SWALLOW_CUDA_LIBRARY": library,
            "SWALLOW_CACHE_DIR": os.path.join(work, "cache"),
        }
        self.checks = Checks()

    def path(self, name):
        return os.path.join(self.work, name)

    def stand_in(self, name, before=GOOD):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(STAND_IN % {"python": sys.executable, "before": before})
        os.chmod(path, stat.S_IRWXU)
        return path

    def compile(self, name, ptxas, targets, *options, **environment):
        """The result of a compile that says all it has to say."""
        return run([self.programs.compiler, "compile", self.model, "-o",
                    self.path(name), "-target", targets, "-probe-tokens", "0",
                    *(["-ptxas", ptxas] if ptxas else []), *options],
                   environment=environment)

    def compiled(self, name, ptxas, targets, expected, *options, **environment):
        result = self.compile(name, ptxas, targets, *options, **environment)
        for part in expected if isinstance(expected, tuple) else (expected,):
            self.checks.expect(result.returncode == 0 and part in result.stderr,
                               f"{name}: no {part!r} in {result.stderr}")
        return result.stderr

    def cubins(self, name):
        return {v["name"]: v["gpu"]["cubin"] and v["gpu"]["cubin"]["assembler"]
                for v in self.programs.inspect(self.path(name))["variants"]
                if v["gpu"]}

    def runs(self, name, expected, notice=None, **environment):
        """Runs a file on the emulator; its logits."""
        answer = run([self.programs.runtime, "run", self.path(name), "-p", "a",
                      "--max-tokens", "1", "-v"],
                     environment={**self.environment, **environment})
        self.checks.expect(answer.returncode == 0 and expected in answer.stderr,
                           f"{name} {environment}: no {expected!r} in "
                           f"{answer.stderr}")
        said = "does not take the file's machine code" in answer.stderr
        self.checks.expect(said == bool(notice) and
                           (not notice or notice in answer.stderr),
                           f"{name} {environment}: notice {notice!r}, but "
                           f"{answer.stderr}")

    def logits(self, name):
        answer = run([self.programs.runtime, "logits", self.path(name), "--json",
                      "--ids", "1,5,9,2", "--device", "cuda"],
                     environment=self.environment)
        self.checks.expect(answer.returncode == 0, answer.stderr)
        return answer.stdout

    # A cubin runs on its major version from its minor one on; PTX on all that
    # is newer.
    def devices(self):
        ptxas = self.stand_in("ptxas")
        self.compiled("both", ptxas, "sm_80,sm_90",
                      ("sm_80: 32 kernels by ptxas 99.1.2, at most 40 registers, "
                       "no spills, at most 64 bytes of shared memory\n",
                       "sm_90: 32 kernels by ptxas 99.1.2"))
        self.checks.expect(self.cubins("both") == {"sm_80": VERSION,
                                                   "sm_90": VERSION},
                           f"cubins: {self.cubins('both')}")
        cubin = f"(cubin of ptxas {VERSION})"
        for device, code in (("8.0", f"sm_80 {cubin}"),
                             ("8.9", f"sm_80 {cubin}"),
                             ("9.0", f"sm_90 {cubin}"),
                             ("10.0", "sm_90 (PTX, compiled now)"),
                             ("10.0", "sm_90 (PTX, compiled before)")):
            self.runs("both", f"variant {code}",
                      SWALLOW_EMULATOR_CAPABILITY=device)
        # What runs is the same either way.
        self.compiled("ptx", "none", "sm_80,sm_90",
                      "sm_90: PTX alone (ptxas is not to be used), which the "
                      "driver compiles at load\n")
        self.checks.expect(self.cubins("ptx") == {"sm_80": None, "sm_90": None},
                           f"no cubins: {self.cubins('ptx')}")
        self.checks.expect(self.logits("both") == self.logits("ptx"),
                           "cubin and PTX: other logits")
        shown = self.programs.rt("inspect", self.path("both"))
        self.checks.expect(f"of ptxas {VERSION}" in shown, shown)
        shown = self.programs.rt("inspect", self.path("ptx"))
        self.checks.expect("no cubin" in shown, shown)
        # A driver that is too old for the PTX runs the cubin.
        self.compiled("new", ptxas, "sm_120", "sm_120: 32 kernels")
        old = {"SWALLOW_EMULATOR_CAPABILITY": "12.0",
               "SWALLOW_EMULATOR_DRIVER": "12020"}
        self.runs("new", f"variant sm_120 {cubin}", **old)
        # One of two architectures is too new for this ptxas: PTX there.
        text = ("ptxas FILE, line 1; fatal   : Unsupported .version 7.8; "
                "current version is '7.5'")
        partly = self.stand_in("partly", GOOD + f'''
if sm == "sm_90":
    say("{text}")
    sys.exit(255)''')
        self.compiled("mixed", partly, "x86-64-avx2,sm_80,sm_90",
                      ("sm_80: 32 kernels",
                       "warning: sm_90: PTX alone (ptxas 99.1.2 failed: ptxas "
                       "sm_90.ptx, line 1; fatal   : Unsupported .version"))
        self.checks.expect(self.cubins("mixed") == {"sm_80": VERSION,
                                                    "sm_90": None},
                           f"mixed: {self.cubins('mixed')}")
        self.runs("mixed", "variant sm_90 (PTX", SWALLOW_EMULATOR_CAPABILITY="9.0")
        self.runs("mixed", f"variant sm_80 {cubin}",
                  SWALLOW_EMULATOR_CAPABILITY="8.6")

    def refused_by_the_driver(self):
        self.compiled("foreign", self.stand_in("foreign-ptxas", FOREIGN),
                      "sm_90", "sm_90: 32 kernels")
        self.runs("foreign", "variant sm_90 (PTX", "NO_BINARY_FOR_GPU")
        self.checks.expect(self.logits("foreign") == self.logits("ptx"),
                           "after a refused cubin: other logits")

    def report(self):
        spills = self.stand_in("spills", 'SPILLS, MAGIC = 8, b"SWEMUBIN"\n'
                               'say("ptxas warning : FILE is slow")')
        said = self.compiled(
            "spilling", spills, "sm_80",
            ("swallowc: warning: sm_80: ptxas warning : sm_80.ptx is slow\n",
             "swallowc: warning: sm_80: kernel o_proj has 8 bytes of local "
             "memory in each thread; spills store 8 and load 16\n",
             "spills in 1 of them, at most 64 bytes of shared memory, "
             "1 warning\n"), "-report", self.path("report.json"))
        self.checks.expect(said.count("warning: ") == 2, said)
        with open(self.path("report.json"), encoding="utf-8") as file:
            gpu, = json.load(file)["gpu"]
        kernels = {kernel.pop("name"): kernel for kernel in gpu.pop("kernels")}
        self.checks.expect(gpu.pop("cubin_bytes") > 10000, "no cubin_bytes")
        self.checks.expect(
            gpu == {"architecture": "sm_80", "ptxas": VERSION, "reason": None,
                    "warnings": ["ptxas warning : sm_80.ptx is slow"]},
            f"report: {gpu}")
        self.checks.expect(
            kernels["o_proj"] == {
                "registers": 40, "barriers": 1, "stack_bytes": 8,
                "spill_store_bytes": 8, "spill_load_bytes": 16,
                "shared_bytes": 64, "constant_bytes": 0} and
            kernels["embedding"]["spill_store_bytes"] == 0 and
            len(kernels) == 32, f"report: {kernels}")
        self.compiled("ptx", "none", "sm_80", "", "-report",
                      self.path("report.json"))
        with open(self.path("report.json"), encoding="utf-8") as file:
            gpu, = json.load(file)["gpu"]
        self.checks.expect(gpu["ptxas"] is None and gpu["kernels"] == [] and
                           gpu["reason"] == "ptxas is not to be used",
                           f"report without ptxas: {gpu}")

    def failures(self):
        # The environment names it; what is wrong with it is told, and only
        # that.
        for name, expected in (("none", None), ("/nowhere/ptxas", "not usable")):
            said = self.compiled("env", None, "sm_80", "sm_80: PTX alone",
                                 SWALLOW_PTXAS=name)
            self.checks.expect(("warning: " in said) == bool(expected) and
                               (not expected or expected in said), said)
        self.compiled("env", None, "sm_80", "by ptxas 99.1.2",
                      SWALLOW_PTXAS=self.stand_in("named"))
        killed = self.stand_in("killed", "os.kill(os.getpid(), 9)")
        self.compiled("killed", killed, "sm_80",
                      "sm_80: PTX alone (ptxas 99.1.2 failed: Killed")
        fails = self.stand_in("fails", "sys.exit(3)")
        self.compiled("fails", fails, "sm_80",
                      "sm_80: PTX alone (ptxas 99.1.2 failed: exit code 3)")
        # PTX that ptxas refuses is a defect, and no file is written.
        rejects = self.stand_in("rejects", '''
say("ptxas FILE, line 7; error   : Unknown modifier '.globl'")
say("ptxas fatal   : Ptx assembly aborted due to errors")
sys.exit(255)''')
        result = self.compile("rejected", rejects, "sm_80", "-quiet")
        self.checks.expect(
            result.returncode == 1 and result.stderr.count("\n") == 1 and
            "ptxas 99.1.2 refuses the PTX of sm_80 (-ptxas none compiles "
            "without it): ptxas sm_80.ptx, line 7; error   : Unknown modifier"
            in result.stderr and not os.path.exists(self.path("rejected")),
            f"rejected: {result}")
        # Options name what has to be there; without GPU targets nobody looks.
        result = self.compile("absent", "/nowhere/ptxas", "sm_80")
        self.checks.expect(result.returncode == 2 and
                           "-ptxas: /nowhere/ptxas is not usable" in result.stderr,
                           f"-ptxas /nowhere/ptxas: {result}")
        self.compiled("cpu", "/nowhere/ptxas", "x86-64-avx2", "")

    def same_bytes(self, ptxas, what):
        files = []
        for threads in ("1", "2"):
            self.compiled("again", ptxas, "sm_80,sm_90", "by ptxas", "-threads",
                          threads)
            with open(self.path("again"), "rb") as file:
                files.append(file.read())
        self.checks.expect(files[0] == files[1], f"{what}: other bytes")

    def real(self):
        ptxas = shutil.which("ptxas") or "/usr/local/cuda/bin/ptxas"
        if not os.path.exists(ptxas):
            print("skipped: what the real ptxas does; there is none here")
            return
        self.same_bytes(ptxas, "the real ptxas")
        version = self.cubins("again")["sm_90"]
        self.checks.expect(version and version[0].isdigit(), f"{version}")
        self.runs("again", "variant sm_90 (PTX", "NO_BINARY_FOR_GPU")

    def run_all(self):
        self.devices()
        self.refused_by_the_driver()
        self.report()
        self.failures()
        self.same_bytes(self.stand_in("ptxas"), "a stand-in")
        self.real()
        self.checks.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--library", required=True, help="the emulated driver")
    parser.add_argument("--model", required=True, help="folder of the model")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        AssemblerTest(Programs(arguments.bin), arguments.library,
                      arguments.model, work).run_all()


if __name__ == "__main__":
    main()
