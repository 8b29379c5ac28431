#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the package against the library that PKG_CONFIG_PATH and LD_LIBRARY_PATH lead to, in an
# environment of its own, and runs its tests. The environment is kept for the next time:
#
#   AFFLUX_PYTHON_CACHE  where; default ${TMPDIR:-/tmp}/afflux-python-<user>
#   PYTHON               the interpreter, 3.11 or later; default python3
#   PYTEST_ARGS          more arguments for pytest
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=bindings/python/environment.sh
. "$here/environment.sh"

log=$cache/test.log
status=0
# shellcheck disable=SC2086  # several arguments
"$python" -m pytest -c "$here/pyproject.toml" -p no:cacheprovider -rs --tb=short \
  ${PYTEST_ARGS:-} "$here/tests" >"$log" 2>&1 || status=$?
cat "$log"

# The last line of pytest: "169 passed, 2 skipped in 10.5s".
count() { sed -n "s/.*[^0-9]*\b\([0-9][0-9]*\) $1.*/\1/p" "$log" | tail -n 1; }
passed=$(count passed)
skipped=$(count skipped)
passed=${passed:-0}
if [ "$status" -eq 0 ]; then
  if "$python" "$here/examples/downloads.py" >"$log" 2>&1; then
    passed=$((passed + 1))
  else
    status=1
    cat "$log"
  fi
fi
echo "bindings/python: $passed passed, ${skipped:-0} skipped"
exit "$status"
