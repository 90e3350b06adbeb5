# Sourced by the scripts of this folder: reads their options, checks Swift, installs Debian packages, names the build.
# All use one build configuration, so that whoever runs one has built most of the others.
set -euo pipefail

caller=$PWD
script=$(realpath "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
BUILD_FLAGS=(-c release -Xswiftc -enable-testing)
BINARY=.build/release/meshnode

say() { printf '%s\n' "$*" >&2; }

# usage: the comment at the head of the script.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$script"; }

# from_caller PATH: what a path means where the script was called. An empty one is an unset variable of somebody's.
from_caller() {
    case "$1" in
    '') say "an empty path means nothing; name a directory" && exit 64 ;;
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$caller/$1" ;;
    esac
}

# fresh_folder PATH NAME...: makes PATH ready for a run. What an earlier run made there, the NAMEs (patterns) beside its
# marker, is removed; anything else belongs to somebody, and a folder without the marker that is not empty is refused.
fresh_folder() {
    local folder=$1 name
    shift
    if [ ! -e "$folder/.testnet" ] && [ -n "$(ls -A "$folder" 2>/dev/null)" ]; then
        say "$folder holds what no run made: nothing was touched; give another --out, or move it away"
        exit 64
    fi
    mkdir -p "$folder"
    for name in "$@"; do find "$folder" -mindepth 1 -maxdepth 1 -name "$name" -exec rm -rf {} +; done
    printf 'made by: %s\n' "${script##*/}" >"$folder/.testnet"
}

# read_options WORD...: sets install (yes or no), out where --out is given, and arguments, all other words.
read_options() {
    install=yes
    arguments=()
    while [ $# -gt 0 ]; do
        case "$1" in
        --no-install) install=no ;;
        -h | --help)
            usage
            exit 0
            ;;
        --out)
            [ $# -gt 1 ] || { say "--out needs a directory"; exit 64; }
            out=$(from_caller "$2")
            shift
            ;;
        *) arguments+=("$1") ;;
        esac
        shift
    done
}

# run_program WORD...: builds the program and becomes it.
run_program() {
    need_swift
    install_packages "$install"
    build --product meshnode
    export MESHNODE_DATA="$PWD/data" OPENBLAS_NUM_THREADS=1
    exec "$BINARY" "$@"
}

need_swift() {
    if ! command -v swift >/dev/null 2>&1; then
        say "Swift is not installed. meshnode needs Swift 6.2 or later: https://www.swift.org/install/linux/"
        say "Put its bin directory on PATH, then run this again."
        exit 69
    fi
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -1)
    local major=${version% *} minor=${version#* }
    if [ -z "$version" ] || [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 2 ]; }; then
        say "Swift ${version/ /.} is too old: 6.2 or later is needed."
        exit 69
    fi
}

# install_packages INSTALL: INSTALL is yes or no.
install_packages() {
    local wanted=(libsodium-dev libzstd-dev libopenblas-dev libsqlite3-dev zlib1g-dev pkg-config) missing=()
    # The tests run the examples in Python; any NumPy will do.
    if [ "${NEEDS_NUMPY:-no}" = yes ] && ! python3 -c 'import numpy' 2>/dev/null; then wanted+=(python3-numpy); fi
    for package in "${wanted[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local line="apt-get install -y ${missing[*]}"
    if [ "$1" = no ]; then
        say "missing packages; install them with:"
        say "    sudo $line"
        exit 69
    fi
    say "installing: ${missing[*]}"
    local sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    # What the package manager says is of interest only where it fails.
    local log
    log=$(mktemp)
    { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo $line -qq; } >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        say "could not install; run it by hand: sudo apt-get update && sudo $line"
        exit 69
    }
}

# build WHAT...: shows that something happens; the first build takes several minutes.
build() {
    if [ ! -x "$BINARY" ]; then say "first build: 10 to 15 minutes on two cores; later runs start in seconds"; fi
    local log=.build/last-build.log
    mkdir -p .build
    if [ -t 2 ]; then
        # Whether it failed is read from what it wrote: here and below a status would end the script without a word.
        { swift build "${BUILD_FLAGS[@]}" "$@" 2>&1 || true; } | tee "$log" | while IFS= read -r line; do
            case "$line" in \[*) printf '\r\033[K%.100s' "$line" >&2 ;; esac
        done
        printf '\r\033[K' >&2
    else
        swift build "${BUILD_FLAGS[@]}" "$@" >"$log" 2>&1 || true
    fi
    if ! grep -q '^Build.*complete' "$log"; then
        grep -E 'error:' "$log" | head -20 >&2
        say "the build failed; the whole output is in $log"
        exit 1
    fi
}
