# What every lit suite of this project shares. A suite is a folder that its
# CMakeLists.txt names in swallow_add_lit_suite; the build tree's
# lit.site.cfg.py loads this file.
import os

import lit.formats

config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# Folders of input files that tests name as %S/Inputs/...
config.excludes = ["Inputs"]

# FileCheck, not, split-file and count come from LLVM.
config.environment["PATH"] = os.pathsep.join(
    [config.swallow_bin, config.llvm_bin, os.environ.get("PATH", "")]
)
for name in ("SWALLOW_CACHE_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

# lit replaces these before its own %s and %t.
for tool in ("swallow-opt", "swallow-rt", "swallowc"):
    config.substitutions.append(
        ("%" + tool + r"\b", os.path.join(config.swallow_bin, tool))
    )
config.substitutions.append(
    (r"%golden\b", os.path.join(config.swallow_source, "test", "golden"))
)
