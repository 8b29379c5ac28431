#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# with_toolchain.sh PROGRAM VERSION SCRIPT: runs the script if the program is there and as new as
# that; else says what is missing and ends as a skipped test does (77).
set -eu

program=$1 oldest=$2 script=$3

skip() {
  echo "skipped: $*"
  exit 77
}

command -v "$program" >/dev/null 2>&1 || skip "there is no $program"
case $program in
  go) said=$(GOTOOLCHAIN=local go env GOVERSION) ;;
  *) said=$("$program" --version) ;;
esac
version=$(printf '%s\n' "$said" | sed -n '1s/^[^0-9]*\([0-9][0-9.]*\).*/\1/p')
first=$(printf '%s\n%s\n' "$oldest" "$version" | sort -V | head -n 1)
[ "$first" = "$oldest" ] || skip "$program $version is older than $oldest"
if [ "$program" = python3 ]; then
  # Debian has these in packages of their own.
  python3 -c 'import venv, ensurepip' 2>/dev/null || skip 'python3 has no venv (python3-venv)'
  python3 -c 'import os, sysconfig
assert os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))' 2>/dev/null ||
    skip 'python3 has no headers (python3-dev)'
fi
exec sh "$script"
