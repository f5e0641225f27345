#!/bin/sh
# Runs the tests and reports which lines they reach: a page per file below
# target/coverage/html, and a table on standard output.
#
#   coverage.sh [COMMAND…]     COMMAND runs what follows it with a broker at hand

set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=SCRIPTDIR/llvm-tools.sh
. spanconsumer/scripts/llvm-tools.sh

if ! cargo llvm-cov --version >/dev/null 2>&1; then
    echo "make coverage: cargo-llvm-cov is missing; run: make install-dev" >&2
    exit 1
fi
if ! find_llvm_tools; then
    echo "make coverage: the LLVM tools are missing; run: make install-dev" >&2
    exit 1
fi

"$@" cargo llvm-cov --locked --html --output-dir target/coverage
cargo llvm-cov report --summary-only
echo "The pages: target/coverage/html/index.html"
