#!/bin/bash
# The one place that names the packages Swallow needs.
#
#   tools/setup/packages.sh missing GROUP...   prints what is not installed
#   tools/setup/packages.sh install GROUP...   asks apt for what is missing
#   tools/setup/packages.sh list GROUP...      prints the names
#   tools/setup/packages.sh pip                prints the PyPI names
#
# GROUP is build, test or both. Sourcing the file only defines the arrays.

# Needed to build swallowc and swallow-rt. MLIR, LLVM and lld 22 come from the
# security suite of Debian 12.
apt_build=(
  bash coreutils g++ cmake ninja-build ccache python3
  dpkg-dev xz-utils                                     # unpack oneDNN's source
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools
  lld-22 liblld-22-dev
  libflatbuffers-dev flatbuffers-compiler
  libsentencepiece-dev libpcre2-dev libutf8proc-dev nlohmann-json3-dev
  libeigen3-dev                                         # calibration
  libcli11-dev libxxhash-dev libzstd-dev zlib1g-dev
  libedit-dev libbsd-dev libncurses-dev # lines of `swallow-rt chat`
)
# Needed besides to run the tests: GoogleTest, and clang for sanitizers,
# fuzzers, clang-format and clang-tidy.
apt_test=(
  libgtest-dev
  clang-22 clang-format-22 clang-tidy-22 libclang-rt-22-dev
  git # the format check looks at tracked files
)
# Only for training the demonstration model and for making golden data again,
# never for building, running or testing: pip install $(packages.sh pip)
pip_training=(torch numpy sentencepiece safetensors transformers)

swallow_apt_names() {
  local group
  for group in "$@"; do
    case $group in
      build) printf '%s\n' "${apt_build[@]}" ;;
      test) printf '%s\n' "${apt_test[@]}" ;;
      *)
        printf 'packages.sh: unknown group "%s" (known: build, test)\n' "$group" >&2
        return 2
        ;;
    esac
  done
}

swallow_apt_missing() {
  local names name
  names=$(swallow_apt_names "$@") || return
  command -v dpkg-query >/dev/null || {
    printf 'packages.sh: this is not a Debian system; install the equivalents of:\n%s\n' "$names" >&2
    return 1
  }
  while read -r name; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
      printf '%s\n' "$name"
  done <<<"$names"
}

# Makes no apt call when nothing is missing.
swallow_apt_install() {
  local list as_root=()
  list=$(swallow_apt_missing "$@") || return
  [[ -n $list ]] || return 0
  local names
  mapfile -t names <<<"$list"
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      printf 'These packages are missing and installing them needs root:\n  %s\nRun as root: apt-get install %s\n' \
        "${names[*]}" "${names[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  printf 'Asking apt for: %s\n' "${names[*]}"
  "${as_root[@]}" apt-get update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends "${names[@]}"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  verb=${1:-}
  shift || true
  case $verb in
    list) swallow_apt_names "$@" ;;
    missing) swallow_apt_missing "$@" ;;
    install) swallow_apt_install "$@" ;;
    pip) printf '%s\n' "${pip_training[@]}" ;;
    *)
      sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,9p >&2
      exit 2
      ;;
  esac
fi
