#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# run.sh [--asan] [--seconds N] [--seed N] [--picture FILE.svg]: builds and runs the example against
# the library that PKG_CONFIG_PATH and LD_LIBRARY_PATH lead to. Ends with 77 where a toolchain is
# missing, or too old.
#
#   --asan               C++ with the address sanitizer
#   AFFLUX_BUILD_DIR     for what is built, and kept; default ${TMPDIR:-/tmp}/afflux-one-queue-<user>
#   AFFLUX_PYTHON_CACHE  the environment of bindings/python; default: in that folder
#   CXX, PYTHON          the compiler and the interpreter; default c++, python3
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
bindings=$folder/../../bindings

# shellcheck source=bindings/toolchain.sh
. "$bindings/toolchain.sh"
CXX=${CXX:-c++}
command -v "$CXX" >/dev/null 2>&1 || skip "there is no $CXX"
need cargo 1.85
need go 1.21
need "${PYTHON:-python3}" 3.11
pkg-config --exists afflux || skip "pkg-config does not find afflux"

sanitize=''
if [ "${1:-}" = --asan ]; then
  sanitize='-fsanitize=address -fno-omit-frame-pointer'
  shift
  # Leaks: the interpreter and the other runtimes keep memory for the process's life.
  ASAN_OPTIONS=detect_leaks=0:${ASAN_OPTIONS:-}
  export ASAN_OPTIONS
fi

build=${AFFLUX_BUILD_DIR:-${TMPDIR:-/tmp}/afflux-one-queue-$(id -u)}
mkdir -p "$build"
if [ ! -O "$build" ]; then
  echo "one_queue: $build belongs to another user" >&2
  exit 1
fi
build=$(cd "$build" && pwd)

# Python: an environment with the package; sets $python.
AFFLUX_PYTHON_CACHE=${AFFLUX_PYTHON_CACHE:-$build/python}
export AFFLUX_PYTHON_CACHE
here=$bindings/python
# shellcheck source=bindings/python/environment.sh
. "$here/environment.sh"

cargo fetch -q --locked --manifest-path "$folder/rust/Cargo.toml" ||
  skip "the crates that it needs cannot be fetched"
# Rust and Go: static libraries that leave libafflux to the program.
cargo build -q --release --locked --manifest-path "$folder/rust/Cargo.toml" \
  --target-dir "$build/rust"
(cd "$folder/go" && CGO_ENABLED=1 go build -buildmode=c-archive -o "$build/go/side.a" .)

# C++, and all together. The interpreter's extensions look for its functions in the program where
# it is no shared library: -rdynamic.
python_flags=$("$python" - <<'EOF'
from sysconfig import get_config_var, get_paths
for name in ("LIBDIR", "LIBPL"):
    print(f"-L{get_config_var(name)} -Wl,-rpath,{get_config_var(name)}")
print(f"-I{get_paths()['include']} -lpython{get_config_var('LDVERSION')}")
print(get_config_var("LIBS"), get_config_var("SYSLIBS"))
EOF
)
if pkg-config --exists 'liburing >= 2.3'; then
  uring="-DONE_QUEUE_HAS_LIBURING $(pkg-config --cflags --libs liburing)"
else
  uring=''
fi
# shellcheck disable=SC2046,SC2086 # several words each
"$CXX" -std=c++20 -O2 -g -Wall -Wextra $sanitize -rdynamic -o "$build/one_queue" \
  "$folder/main.cpp" "$folder/host.cpp" "$folder/picture.cpp" "$folder/cpp_side.cpp" \
  "$folder/python_side.cpp" \
  "$build/rust/release/libone_queue.a" "$build/go/side.a" \
  $(pkg-config --cflags --libs afflux) $uring $python_flags -pthread -ldl -lm

ONE_QUEUE_PYTHON=$python
ONE_QUEUE_FOLDER=$folder
export ONE_QUEUE_PYTHON ONE_QUEUE_FOLDER
exec "$build/one_queue" --picture "$build/one_queue.svg" "$@"
