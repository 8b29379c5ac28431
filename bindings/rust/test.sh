#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Tests the Rust crates against the installed C library that PKG_CONFIG_PATH and LD_LIBRARY_PATH lead
# to, and then built from source (feature `vendored`). Skips what needs a tool that is not there.
set -eu
cd "$(dirname "$0")"
jobs=${AFFLUX_TEST_JOBS:-2}
passed=0
skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# One check that is more than a test of cargo's.
check() {
  what=$1
  shift
  if "$@" >"$log" 2>&1; then
    echo "ok    $what"
    passed=$((passed + 1))
  else
    cat "$log"
    echo "FAILED $what"
    exit 1
  fi
}

skip() {
  echo "skip  $1: $2"
  skipped=$((skipped + 1))
}

# Tests of cargo's: counted one by one.
run() {
  what=$1
  shift
  if "$@" >"$log" 2>&1; then
    n=$(sed -n 's/^test result: ok\. \([0-9]*\) passed.*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
    ignored=$(sed -n 's/^test result: .* \([0-9]*\) ignored.*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
    if [ "$n" -eq 0 ]; then
      cat "$log"
      echo "FAILED $what: no test ran"
      exit 1
    fi
    echo "ok    $what: $n"
    passed=$((passed + n))
    skipped=$((skipped + ignored))
  else
    cat "$log"
    echo "FAILED $what"
    exit 1
  fi
}

# Each crate has the C library's version.
version_is_the_librarys() {
  wanted=$(sed -n 's/^#define AFFLUX_VERSION_[A-Z]* //p' ../../include/afflux/version.h |
    paste -s -d . -)
  for crate in afflux afflux-sys; do
    grep -qx "version = \"$wanted\"" "$crate/Cargo.toml" || return 1
  done
  grep -q "^afflux-sys = .*version = \"=$wanted\"" afflux/Cargo.toml
}

# The packages hold what they need: the C++ sources among it.
packages_are_complete() {
  cargo package --offline -p afflux-sys --allow-dirty --list >"$log.list"
  for file in vendor/src/core/strategies.cpp vendor/capi/semaphore.cpp \
    vendor/include/afflux/afflux.h src/ffi.rs README.md LICENSE-MIT LICENSE-APACHE; do
    grep -qx "$file" "$log.list" || {
      echo "afflux-sys lacks $file"
      rm -f "$log.list"
      return 1
    }
  done
  rm -f "$log.list"
  cargo package --offline -p afflux-sys --allow-dirty --no-verify
}

if ! cargo fetch -q --locked >"$log" 2>&1; then
  tail -n 3 "$log"
  echo "skipped: the crates that the tests need cannot be fetched"
  exit 77
fi
check "the version is the C library's" version_is_the_librarys
check "cargo fmt" cargo fmt --all --check
if command -v python3 >/dev/null; then
  check "the declarations are the headers'" python3 afflux-sys/generate.py --check
else
  skip "the declarations are the headers'" "no python3"
fi
run "layout" cargo test -j "$jobs" -q -p afflux-sys
run "units, examples in the documentation, compile-fail tests" cargo test -j "$jobs" -q -p afflux
run "executors, wakers, memory" cargo test -j "$jobs" -q -p afflux-tests
check "example bounded_downloads" cargo run -j "$jobs" -q -p afflux --example bounded_downloads
check "cargo clippy" cargo clippy -j "$jobs" -q --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings"
export RUSTDOCFLAGS
check "cargo doc" cargo doc -j "$jobs" -q --no-deps -p afflux -p afflux-sys
check "cargo package" packages_are_complete
if rustup which --toolchain 1.63.0 rustc >/dev/null 2>&1; then
  check "Rust 1.63" sh msrv.sh 1.63.0
else
  skip "Rust 1.63" "no such toolchain"
fi
# Last, for it takes longest: an empty PKG_CONFIG_PATH shows that nothing of the system is used.
if command -v ccache >/dev/null; then
  CXX="ccache ${CXX:-c++}"
  export CXX
fi
PKG_CONFIG_PATH=''
LD_LIBRARY_PATH=''
export PKG_CONFIG_PATH LD_LIBRARY_PATH
run "built from source" cargo test -j "$jobs" -q -p afflux-tests --features vendored
# A folder of its own: otherwise each of the two would undo the other's build.
AFFLUX_VENDORED_SHARED=1
export AFFLUX_VENDORED_SHARED
run "built from source, shared" cargo test -j "$jobs" -q -p afflux-sys --features vendored \
  --test layout --target-dir target/shared

echo "bindings/rust: $passed passed, $skipped skipped"
