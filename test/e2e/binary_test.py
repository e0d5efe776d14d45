"""swallow-rt is small, stands alone and starts at once: stripped it is under
16 MB, it needs nothing but the C library, and --help takes under 20 ms."""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile

MAX_BYTES = 16 * 1000 * 1000
MAX_START_SECONDS = 0.020
ALLOWED = re.compile(
    r"(libc|libm|libpthread|libdl|librt)\.so\.\d+|ld-linux-x86-64\.so\.2")


def needed_libraries(path):
    text = subprocess.run(["readelf", "-d", path], check=True,
                          capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


def processor_seconds(command):
    """The least of several runs: what else the machine does is not counted."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    times = []
    for _ in range(20):
        before = used()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(used() - before)
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    program = os.path.join(parser.parse_args().bin, "swallow-rt")
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        stripped = os.path.join(folder, "swallow-rt")
        subprocess.run(["strip", "-o", stripped, program], check=True)
        size = os.path.getsize(stripped)
        print(f"stripped: {size / 1e6:.1f} MB")
        if size >= MAX_BYTES:
            failures.append(f"{size} bytes are too many")
        for library in needed_libraries(stripped):
            if not ALLOWED.fullmatch(library):
                failures.append(f"needs {library}")
        help_text = subprocess.run([stripped, "--help"], capture_output=True,
                                   text=True)
        if help_text.returncode != 0 or "run" not in help_text.stdout:
            failures.append("--help does not work")
        else:
            seconds = processor_seconds([stripped, "--help"])
            print(f"--help: {1000 * seconds:.1f} ms")
            if seconds >= MAX_START_SECONDS:
                failures.append(f"--help takes {seconds} s")
    for failure in failures:
        print("FAILED:", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
