#!/bin/sh
# Installs what developing the service needs beyond Rust itself. What is there
# already is left alone.

set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=SCRIPTDIR/llvm-tools.sh
. spanconsumer/scripts/llvm-tools.sh

CARGO_LLVM_COV=0.9.1

# rustup installs the toolchain of rust-toolchain.toml, with its components, at
# the first call.
cargo --version
for tool in clippy fmt; do
    cargo "$tool" --version
done

if ! find_llvm_tools; then
    echo "Installing the LLVM tools ..."
    if command -v rustup >/dev/null && rustup component add llvm-tools; then
        :
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends llvm-19
    else
        echo "make install-dev: rustup can't add llvm-tools. Install LLVM 19 or newer with your system's packages." >&2
        exit 1
    fi
    find_llvm_tools || {
        echo "make install-dev: the LLVM tools are still not to be found." >&2
        exit 1
    }
fi
echo "LLVM tools: ${LLVM_COV:-of the toolchain}"

if ! cargo llvm-cov --version 2>/dev/null; then
    echo "Installing cargo-llvm-cov ..."
    cargo install cargo-llvm-cov --version "$CARGO_LLVM_COV" --locked
fi
