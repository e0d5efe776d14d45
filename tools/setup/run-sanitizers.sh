#!/bin/bash
# Builds the runtime, the readers and their tests under sanitizers with clang
# 22 in a build tree of their own, and runs them. No MLIR is involved.
#
#   tools/setup/run-sanitizers.sh address BUILD_DIR   AddressSanitizer and UBSan:
#                                                     all unit tests and fuzzers
#   tools/setup/run-sanitizers.sh thread BUILD_DIR    ThreadSanitizer: the thread team
#
# Environment: SWALLOW_FUZZ_SECONDS (per fuzzer, at most; default 10), SWALLOW_JOBS.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[[ $# == 2 ]] || { echo "usage: $0 address|thread BUILD_DIR" >&2; exit 2; }
kind=$1
build=$(realpath -m "$2")
jobs=${SWALLOW_JOBS:-$(nproc)}

cd "$root" # presets are looked up in the working directory
case $kind in
  address)
    cmake --preset asan -B "$build" "-DSWALLOW_FUZZ_SECONDS=${SWALLOW_FUZZ_SECONDS:-10}"
    cmake --build "$build" -j "$jobs"
    ctest --test-dir "$build" --output-on-failure --no-tests=error --timeout 900 -j "$jobs"
    ;;
  thread)
    cmake --preset tsan -B "$build"
    cmake --build "$build" -j "$jobs" --target thread_team_test
    ctest --test-dir "$build" --output-on-failure --no-tests=error --timeout 900 -R '^thread_team_test$'
    ;;
  *)
    echo "$0: unknown kind '$kind' (known: address, thread)" >&2
    exit 2
    ;;
esac
