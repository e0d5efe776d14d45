#!/bin/bash
# Builds oneDNN's micro-kernels (its "ukernel" API) as a static library for
# Swallow's runtime and puts headers and library into a cache folder outside
# the build tree, where cmake/FindSwallowOneDnn.cmake finds them.
#
#   tools/setup/build-onednn.sh              build unless the cache has it
#   tools/setup/build-onednn.sh --print-dir  say where it is or would be
#   tools/setup/build-onednn.sh --record     build the whole library and rewrite
#                                            onednn-objects.txt (for a new version)
#
# Environment:
#   SWALLOW_CACHE_DIR   the cache (default: ${XDG_CACHE_HOME:-~/.cache}/swallow)
#   SWALLOW_ONEDNN_SRC  a folder with the Debian source package (.dsc and
#                       tarballs), for machines without network
#   SWALLOW_JOBS        compile jobs (default: the number of cores)
#
# Why from source: Debian 12's oneDNN has no micro-kernel API and the wheels on
# PyPI have it switched off. Debian 13's source package has it; it is fetched
# through apt, with apt's own signature checks, from the mirror that this
# system already uses, in a private configuration that leaves the system's
# package lists alone.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

package=onednn
version=3.7.2+ds-2
suite=trixie

# A program that only uses micro-kernels never creates a primitive, but links
# the engine and through it the list of every primitive's implementations.
# Selecting SDPA alone, which has none on CPUs, empties these lists: a third of
# the compile time and most of the linked size.
options=(
  -DCMAKE_BUILD_TYPE=Release
  "-DCMAKE_C_FLAGS_RELEASE=-O2 -DNDEBUG -ffunction-sections -fdata-sections"
  "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG -ffunction-sections -fdata-sections"
  -DCMAKE_POSITION_INDEPENDENT_CODE=ON
  -DONEDNN_LIBRARY_TYPE=STATIC
  -DONEDNN_CPU_RUNTIME=SEQ
  -DONEDNN_GPU_RUNTIME=NONE
  -DONEDNN_EXPERIMENTAL_UKERNEL=ON
  -DONEDNN_ENABLE_PRIMITIVE=SDPA
  -DONEDNN_ENABLE_WORKLOAD=INFERENCE
  -DONEDNN_ENABLE_GEMM_KERNELS_ISA=NONE
  -DONEDNN_ENABLE_MAX_CPU_ISA=ON
  -DONEDNN_ENABLE_JIT_PROFILING=OFF
  -DONEDNN_ENABLE_ITT_TASKS=OFF
  -DONEDNN_VERBOSE=OFF
  -DONEDNN_BUILD_GRAPH=OFF
  -DONEDNN_BUILD_TESTS=OFF
  -DONEDNN_BUILD_EXAMPLES=OFF
  -DONEDNN_BUILD_DOC=OFF
  -DONEDNN_ARCH_OPT_FLAGS=
)
objects_file=$here/onednn-objects.txt
jobs=${SWALLOW_JOBS:-$(nproc)}
cache=${SWALLOW_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:?HOME is not set; set SWALLOW_CACHE_DIR}/.cache}/swallow}
key=$({ printf '%s\n' "$version" "${options[@]}"; cat "$objects_file" 2>/dev/null || true; } | sha256sum | cut -c1-12)
prefix=$cache/onednn-${version%%+*}-$key

say() { printf '[onednn] %s\n' "$*" >&2; }
die() { printf '[onednn] error: %s\n' "$*" >&2; exit 1; }

mode=${1:-}
case $mode in
  --print-dir) printf '%s\n' "$prefix"; exit 0 ;;
  --record | "") ;;
  *) die "unknown argument '$mode' (known: --print-dir, --record)" ;;
esac

# Prints "URI KEYRING" of the Debian archive that this system installs from.
# Understands deb822 (*.sources) and one-line (*.list) entries.
find_mirror() {
  local etc=${SWALLOW_APT_DIR:-/etc/apt} codename
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  # Each file ends a stanza, with or without an empty last line.
  awk -v code="$codename" '
    function flush_stanza(  i, n, s) {
      if (types ~ /(^| )deb( |$)/ && enabled != "no") {
        n = split(suites, s, " ")
        for (i = 1; i <= n; ++i) if (s[i] == code) {
          split(uris, u, " "); print u[1], key; exit
        }
      }
      types = suites = uris = key = ""; enabled = "yes"
    }
    BEGIN { enabled = "yes" }
    FNR == 1 { flush_stanza() }
    /^#/ { next }
    /^[ \t]*$/ { flush_stanza(); next }
    /^Types:/ { sub(/^[^:]*:[ \t]*/, ""); types = $0 }
    /^URIs:/ { sub(/^[^:]*:[ \t]*/, ""); uris = $0 }
    /^Suites:/ { sub(/^[^:]*:[ \t]*/, ""); suites = $0 }
    /^Signed-By:/ { sub(/^[^:]*:[ \t]*/, ""); if ($0 ~ /^\//) key = $0 }
    /^Enabled:/ { sub(/^[^:]*:[ \t]*/, ""); enabled = tolower($0) }
    END { flush_stanza() }' "$etc"/sources.list.d/*.sources 2>/dev/null | head -n 1
  cat "$etc"/sources.list "$etc"/sources.list.d/*.list 2>/dev/null | awk -v code="$codename" '
    $1 == "deb" {
      key = ""
      if ($2 ~ /^\[/) {
        if (match($0, /signed-by=[^] ]+/)) key = substr($0, RSTART + 10, RLENGTH - 10)
        sub(/\[[^]]*\] */, "")
      }
      if ($3 == code) { print $2, key; exit }
    }'
}

download() { # into $1
  local to=$1 uri key tmp
  read -r uri key < <(find_mirror) || true
  [[ -n ${uri:-} ]] || die "no Debian mirror found in this system's apt sources;
  fetch the source package $package $version of Debian ($suite) elsewhere and
  set SWALLOW_ONEDNN_SRC to the folder that holds it"
  [[ -n ${key:-} || ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]] ||
    key=/usr/share/keyrings/debian-archive-keyring.gpg
  tmp=$work/apt
  mkdir -p "$tmp"/{parts,lists/partial,cache/archives/partial}
  {
    printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$suite"
    [[ -z ${key:-} ]] || printf 'Signed-By: %s\n' "$key"
  } >"$tmp/parts/source.sources"
  local apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null
    -o Dir::Etc::sourceparts="$tmp/parts" -o Dir::State::lists="$tmp/lists"
    -o Dir::Cache="$tmp/cache" -o APT::Sandbox::User=root
    -o Acquire::Languages=none -o Acquire::Retries=3)
  say "fetching $package $version through apt"
  mkdir -p "$tmp/got"
  (cd "$tmp/got" && "${apt[@]}" update &&
    "${apt[@]}" source --download-only "$package=$version") >"$work/apt.log" 2>&1 || {
    cat "$work/apt.log" >&2
    die "apt could not fetch $package $version (see above). Without network: put its
  .dsc and tarballs into a folder and set SWALLOW_ONEDNN_SRC to it"
  }
  rm -rf "$to.new" && mkdir -p "$to.new" && mv "$tmp"/got/* "$to.new/"
  rm -rf "$to" && mv -T "$to.new" "$to"
}

for tool in cmake ninja g++ dpkg-source flock; do
  command -v "$tool" >/dev/null || die "'$tool' is missing; tools/setup/packages.sh names its package"
done

mkdir -p "$cache"
exec 9>"$cache/onednn.lock"
flock 9 # a second caller waits here and then finds the result
if [[ $mode != --record && -e $prefix/lib/libdnnl.a ]]; then
  say "already there: $prefix"
  exit 0
fi

begin=$SECONDS
# Beside its destination, so that the last step is a rename.
work=$(mktemp -d "$cache/onednn-work.XXXXXX")
trap 'rm -rf "$work"' EXIT

source_dir=${SWALLOW_ONEDNN_SRC:-$cache/sources/$package-$version}
dsc=$source_dir/${package}_$version.dsc
if [[ ! -e $dsc ]]; then
  [[ -z ${SWALLOW_ONEDNN_SRC:-} ]] || die "$dsc is not there"
  mkdir -p "$cache/sources"
  download "$source_dir"
fi
# Applies Debian's patches and checks the tarballs against the .dsc.
dpkg-source -x "$dsc" "$work/src" >"$work/unpack.log" 2>&1 || {
  cat "$work/unpack.log" >&2
  die "cannot unpack $dsc; remove $source_dir and try again"
}
# Debian's patch asks for spdlog, which only the logging that is off here uses.
sed -i '/^find_package(spdlog REQUIRED)$/d' "$work/src/src/CMakeLists.txt"

launcher=()
if command -v ccache >/dev/null; then
  launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  # The work folder has another name each time; hash paths relative to it.
  export CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
fi
cmake -S "$work/src" -B "$work/build" -G Ninja "${options[@]}" "${launcher[@]}" >"$work/configure.log" 2>&1 || {
  tail -n 30 "$work/configure.log" >&2
  die "oneDNN's configuration failed (above)"
}

log=$cache/onednn-build.log
: >"$log"
run_ninja() {
  ninja -C "$work/build" -j "$jobs" "$@" >>"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    die "oneDNN did not build; the whole log is $log"
  }
}
probe() { # $1: library; extra linker flags follow
  local library=$1
  shift
  g++ -std=c++20 -O1 -I "$work/src/include" -I "$work/build/include" "$here/onednn-probe.cpp" \
    -o "$work/probe" "$library" "$@" >>"$log" 2>&1
}


if [[ $mode == --record ]]; then
  say "building the whole library to record which objects micro-kernels need"
  run_ninja dnnl
  # A thin archive keeps each member's path, and -t prints those that are linked.
  (cd "$work/build" && find src -name '*.cpp.o' | sort | xargs ar rcsT all.a &&
    probe all.a -Wl,-t && "$work/probe" >&2) || die "the probe does not work; see $log"
  grep -E '^src/.*\.cpp\.o$' "$log" | sort -u >"$objects_file"
  say "$(wc -l <"$objects_file") objects written to $objects_file"
  exit 0
fi

library=$work/libdnnl.a
objects=()
[[ ! -e $objects_file ]] || mapfile -t objects <"$objects_file"
say "building ${#objects[@]} objects with $jobs jobs (log: $log)"
partial=0
if ((${#objects[@]})) && ninja -C "$work/build" -j "$jobs" "${objects[@]}" >>"$log" 2>&1; then
  (cd "$work/build" && ar qcs "$library" "${objects[@]}")
  if probe "$library"; then partial=1; fi
fi
if ((!partial)); then
  say "the recorded objects do not suffice; building the whole library (this takes longer)"
  run_ninja dnnl
  library=$work/build/src/libdnnl.a
  probe "$library" || die "a program that uses oneDNN's micro-kernels does not link; see $log"
fi
found=$("$work/probe") || die "oneDNN's micro-kernels do not work on this machine"
say "$found"

stage=$work/prefix
mkdir -p "$stage/lib" "$stage/include/oneapi/dnnl" "$stage/share"
cp "$library" "$stage/lib/libdnnl.a"
cp "$work"/src/include/oneapi/dnnl/*.h* "$work"/build/include/oneapi/dnnl/*.h "$stage/include/oneapi/dnnl/"
cp "$work"/src/{LICENSE,THIRD-PARTY-PROGRAMS} "$stage/share/"
printf '%s\n' "$package $version" "${options[@]}" >"$stage/share/options.txt"
rm -rf "$prefix"
mv -T "$stage" "$prefix"
say "done in $((SECONDS - begin)) s: $prefix ($(du -h "$prefix/lib/libdnnl.a" | cut -f1) library)"
