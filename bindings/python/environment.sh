# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=sh
#
# Read by test.sh and bench.sh, with $here set: makes the environment, installs the package into it,
# and sets $python and $cache.
: "${here:?set by the caller}"
cache=${AFFLUX_PYTHON_CACHE:-${TMPDIR:-/tmp}/afflux-python-$(id -u)}
wanted=${PYTHON:-python3}
version=$("$wanted" -c 'import sys
assert sys.version_info >= (3, 11), "Python 3.11 or later is needed"
print(sys.implementation.cache_tag + sys.abiflags)  # t: without the GIL')
mkdir -p "$cache"
if [ ! -O "$cache" ]; then
  echo "$cache belongs to another user" >&2
  exit 1
fi
venv=$cache/$version
python=$venv/bin/python

# The interpreter must not find the installed tools of another: meson and ninja come from $venv.
PATH=$venv/bin:$PATH
export PATH
if [ ! -e "$venv/complete" ]; then
  rm -rf "$venv"
  "$wanted" -m venv "$venv"
  if ! "$python" -m pip install -q --disable-pip-version-check \
    'meson>=1.2.3' meson-python ninja pytest anyio trio; then
    echo "skipped: the packages that the tests need cannot be fetched"
    exit 77
  fi
  # Not every interpreter has wheels of these, and from source they take minutes.
  for package in uvloop mypy; do
    "$python" -m pip install -q --disable-pip-version-check --only-binary :all: "$package" ||
      echo "without $package: its tests are skipped"
  done
  : >"$venv/complete"
fi
"$python" -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps \
  --force-reinstall "$here"
