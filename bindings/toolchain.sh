# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=sh
#
# Read by scripts that need a language's toolchain, and end as a skipped test does (77) without it.

skip() {
  echo "skipped: $*"
  exit 77
}

# need PROGRAM VERSION: it is there, and as new as that. Python is python3, or another by its path; it
# needs its headers and venv, which Debian has in packages of their own.
need() {
  command -v "$1" >/dev/null 2>&1 || skip "there is no $1"
  case $1 in
    go) said=$(GOTOOLCHAIN=local go env GOVERSION) ;;
    *) said=$("$1" --version) ;;
  esac
  version=$(printf '%s\n' "$said" | sed -n '1s/^[^0-9]*\([0-9][0-9.]*\).*/\1/p')
  first=$(printf '%s\n%s\n' "$2" "$version" | sort -V | head -n 1)
  [ "$first" = "$2" ] || skip "$1 $version is older than $2"
  case $said in
    Python*)
      "$1" -c 'import venv, ensurepip' 2>/dev/null || skip "$1 has no venv (python3-venv)"
      "$1" -c 'import os, sysconfig
assert os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h"))' 2>/dev/null ||
        skip "$1 has no headers (python3-dev)"
      ;;
  esac
}
