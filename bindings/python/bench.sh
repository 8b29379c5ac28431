#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Builds the package as test.sh does, and prints a JSON line for each row of the benchmark:
# {"name": …, "ns": …, "rival": …}. Arguments go to benchmarks/bench.py.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=bindings/python/environment.sh
. "$here/environment.sh"
exec "$python" "$here/benchmarks/bench.py" "$@"
