#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# with_toolchain.sh PROGRAM VERSION SCRIPT: runs the script if the program is there and as new as
# that; else says what is missing and ends as a skipped test does (77).
set -eu

# shellcheck source=bindings/toolchain.sh
. "$(dirname "$0")/toolchain.sh"
need "$1" "$2"
exec sh "$3"
