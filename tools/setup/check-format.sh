#!/bin/bash
# Checks that every C and C++ file of the project is formatted as .clang-format
# says (--fix formats them instead). Tracked files, and new ones that git does
# not ignore; all of them in a folder without git.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

format=
for candidate in clang-format-22 /usr/lib/llvm-22/bin/clang-format; do
  if command -v "$candidate" >/dev/null; then format=$candidate && break; fi
done
[[ -n $format ]] || {
  echo "clang-format 22 is missing; run tools/setup/packages.sh install test" >&2
  exit 1
}

list_sources() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- '*.h' '*.c' '*.cpp'
  else
    find . -path './build*' -prune -o \( -name '*.h' -o -name '*.c' -o -name '*.cpp' \) -print
  fi
}

mapfile -t files < <(list_sources | while read -r file; do
  # A file that is deleted but still tracked has nothing to check.
  [[ ! -f $file ]] || printf '%s\n' "$file"
done)
((${#files[@]})) || { echo "no sources found" >&2; exit 1; }

if [[ ${1:-} == --fix ]]; then
  "$format" -i "${files[@]}"
  exit 0
fi
"$format" --dry-run --Werror "${files[@]}" || {
  echo "Not formatted as .clang-format says; tools/setup/check-format.sh --fix does it." >&2
  exit 1
}
echo "${#files[@]} files are formatted."
