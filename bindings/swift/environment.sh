# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=sh
#
# Read by test.sh and bench.sh: `swift` becomes the Swift to use. That is the one on PATH if it is new
# enough, else the one in the toolchain folder (toolchain.sh), which AFFLUX_SWIFT_SETUP=1 makes first.
# Without either they end as a skipped test does (77).
#
# AFFLUX_SWIFT_BUILD (default .build) is where it builds. PKG_CONFIG_PATH and, where the library is a
# shared one in a place of its own, LD_LIBRARY_PATH lead to the library.

here=$PWD
# shellcheck source=bindings/toolchain.sh
. ../toolchain.sh
command -v pkg-config >/dev/null 2>&1 || skip "there is no pkg-config"
pkg-config --print-errors --exists afflux || exit

build=${AFFLUX_SWIFT_BUILD:-$PWD/.build}
mkdir -p "$build"
case $build in /*) ;; *) build=$PWD/$build ;; esac

if command -v swift >/dev/null 2>&1 &&
  [ "$(printf '6.0\n%s\n' "$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p')" |
    sort -V | head -n 1)" = 6.0 ]; then
  in_swift() { "$@"; }
else
  if [ "${AFFLUX_SWIFT_SETUP:-0}" = 1 ]; then sh toolchain.sh setup || exit; fi
  sh toolchain.sh ready || skip "there is no Swift 6, and no toolchain folder (toolchain.sh makes one)"
  # What Swift reads there: this package, the library and its headers.
  AFFLUX_SWIFT_SHARE=$PWD:$build:${PKG_CONFIG_PATH:-}:${LD_LIBRARY_PATH:-}$(
    for folder in $(pkg-config --cflags-only-I --libs-only-L afflux); do printf ':%s' "${folder#-?}"; done)
  export AFFLUX_SWIFT_SHARE
  in_swift() { sh "$here/toolchain.sh" run "$@"; }
fi
