#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Compares the Swift package with an actor that keeps continuations, in one run: a line of JSON for
# each row. Arguments are the program's: --rounds 7, --only NAME, --cpu. environment.sh says what may
# be set.
set -eu
cd "$(dirname "$0")"
# shellcheck source=bindings/swift/environment.sh
. ./environment.sh
in_swift swift build -c release --scratch-path "$build/release" --product bench >"$build/bench.log" 2>&1 || {
  cat "$build/bench.log" >&2
  exit 1
}
in_swift "$build/release/release/bench" "$@"
