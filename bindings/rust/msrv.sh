#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Checks that the two crates and the build script compile with the oldest Rust that they promise, by
# its rustc alone: its cargo reads no newer registries. Skipped where that toolchain is not there.
#
#   msrv.sh [TOOLCHAIN]      default: `rust-version` of afflux/Cargo.toml, with .0
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/afflux/Cargo.toml")
toolchain=${1:-$version.0}
if ! rustc=$(rustup which --toolchain "$toolchain" rustc 2>/dev/null); then
  echo "msrv: no Rust $toolchain here, skipped"
  exit 0
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
check() {
  "$rustc" --edition 2021 --emit metadata --out-dir "$out" -L "$out" -D warnings "$@"
}
check --crate-type rlib --crate-name afflux_sys "$here/afflux-sys/src/lib.rs"
check --crate-type rlib --crate-name afflux --extern afflux_sys="$out/libafflux_sys.rmeta" \
  "$here/afflux/src/lib.rs"
source_of() {
  cargo metadata --manifest-path "$here/Cargo.toml" --format-version 1 --all-features |
    tr ',' '\n' | sed -n "s#^\"manifest_path\":\"\\(.*/$1-[0-9.]*\\)/Cargo.toml\"#\\1#p" | head -n 1
}
"$rustc" --edition 2018 --emit metadata --cap-lints allow --out-dir "$out" --crate-type rlib \
  --crate-name pkg_config "$(source_of pkg-config)/src/lib.rs"
check --crate-type bin --crate-name build --extern pkg_config="$out/libpkg_config.rmeta" \
  "$here/afflux-sys/build.rs"
echo "msrv: Rust $toolchain compiles afflux, afflux-sys and its build script"
