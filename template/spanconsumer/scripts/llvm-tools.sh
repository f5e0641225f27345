# shellcheck shell=sh
# Finds the LLVM tools that coverage needs; sourced by coverage.sh and install-dev.sh.

# Sets and exports LLVM_COV and LLVM_PROFDATA unless cargo-llvm-cov finds the
# toolchain's own; returns 1 where there are none.
find_llvm_tools() {
    if [ -n "${LLVM_COV-}" ] && [ -n "${LLVM_PROFDATA-}" ]; then
        return 0
    fi
    # The toolchain's own, from `rustup component add llvm-tools`.
    for tool in "$(rustc --print sysroot)"/lib/rustlib/*/bin/llvm-profdata; do
        [ -x "$tool" ] && return 0
    done
    # A distribution's: Debian's llvm-19 reads the profiles of Rust 1.95.
    for version in 22 21 20 19; do
        if command -v "llvm-cov-$version" >/dev/null && command -v "llvm-profdata-$version" >/dev/null; then
            LLVM_COV=llvm-cov-$version
            LLVM_PROFDATA=llvm-profdata-$version
            export LLVM_COV LLVM_PROFDATA
            return 0
        fi
    done
    return 1
}
