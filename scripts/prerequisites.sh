#!/usr/bin/env bash
# Say in one sentence what this machine lacks for building Aviary. $1: the Python interpreter that was found, or "".
set -u

lacks() {
    echo "aviary needs $1, then run make again" >&2
    exit 1
}

python=$1
# The edition the core is written in came with this release; older ones stop at a riddle about "edition2024".
oldest_minor=$(sed -nE 's/^rust-version = "1\.([0-9]+).*/\1/p' "$(dirname "$0")/../native/Cargo.toml")

[ -n "$python" ] || lacks "Python 3.11 or newer: install one from your distribution, or name it with PYTHON=…"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    lacks "Python 3.11 or newer, and $python is not: name another with PYTHON=…"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    lacks "Python's venv module: install it from your distribution (often called python3-venv)"
command -v cargo >/dev/null || lacks "Rust (cargo): install a toolchain from your distribution or rustup"
minor=$(cargo --version | sed -nE 's/^cargo 1\.([0-9]+).*/\1/p')
[ "${minor:-0}" -ge "${oldest_minor:-85}" ] ||
    lacks "Rust 1.${oldest_minor:-85} or newer, and this is $(cargo --version): update it with your distribution or rustup"
command -v cc >/dev/null || lacks "a C linker (cc), as Rust links with it: install gcc or clang from your distribution"
