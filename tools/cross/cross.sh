# shellcheck shell=sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# `./run cross`: other platforms on this machine. Part of ./run, which includes it.
# What ran where, and what that shows, stands in docs/platforms.md.

# GoogleTest is built from its sources, for there is no such library of the target's.
packages_targets='
  f:/usr/src/googletest/CMakeLists.txt:libgtest-dev'
packages_aarch64='
  aarch64-linux-gnu-g++:g++-aarch64-linux-gnu qemu-aarch64:qemu-user'
packages_riscv64='
  riscv64-linux-gnu-g++:g++-riscv64-linux-gnu qemu-riscv64:qemu-user'
packages_windows='
  x86_64-w64-mingw32-g++-posix:g++-mingw-w64-x86-64-posix f:/usr/lib/wine/wine64:wine64'
packages_macos='
  py:ensurepip:python3-venv'

# zig, with its headers and stubs of macOS, by pip into a folder of this one; and what
# tools/cross/macos-*.ini has to know of this folder.
zig_for_macos() {
  tools=$root/build-cross-tools
  if ! "$tools/bin/python" -m ziglang version >/dev/null 2>&1; then
    python=$(python_with ensurepip) || die 'a Python with venv is missing'
    "$python" -m venv "$tools"
    "$tools/bin/python" -m pip install -q ziglang==0.13.0 || die 'pip could not install ziglang'
  fi
  printf "[constants]\nroot = '%s'\n" "$root" >"$tools/root.ini"
}

# cross_configure TARGET [OPTION...]: build-TARGET without what needs libraries of the target.
cross_configure() {
  target=$1
  shift
  configure "build-$target" -Ddebug=false -Dexamples=disabled -Dbenchmarks=disabled \
    -Dliburing=disabled -Dshared_command=disabled "$@"
  meson compile -C "$root/build-$target"
}

# cross_test TARGET SLOWER [ARGUMENT...]: all suites but docs, which is about this machine's
# compiler. An emulator takes SLOWER times as long.
cross_test() {
  target=$1
  slower=$2
  shift 2
  has_tests "build-$target"
  [ $# -gt 0 ] || set -- --suite unit --suite contract --suite model --suite stress
  # See tests/contract/support/forked_threads.h.
  case $target in aarch64 | riscv64) export AFFLUX_TEST_NO_THREADS_AFTER_FORK=1 ;; esac
  status=0
  AFFLUX_STRESS_MS=$short_stress_ms \
  AFFLUX_MODEL_PLANS=${AFFLUX_MODEL_PLANS-$((1000 / slower))} \
  AFFLUX_TEST_WATCHDOG_S=${AFFLUX_TEST_WATCHDOG_S-$((240 * slower))} \
    meson test -C "$root/build-$target" --print-errorlogs --timeout-multiplier "$slower" "$@" ||
    status=$?
  python3 "$root/tools/cross/count.py" "$target" "$root/build-$target/meson-logs/testlog.json"
  return "$status"
}

cross() {
  target=${1-}
  [ $# -eq 0 ] || shift
  case $target in
    generic)
      setup "$packages_test"
      # With liburing, so that the tests of io_uring are seen to find none in the library.
      cross_configure generic -Dplatform=generic -Dliburing=auto
      cross_test generic 1 "$@"
      ;;
    aarch64)
      setup "$packages_test $packages_targets $packages_aarch64"
      cross_configure aarch64 --cross-file "$root/tools/cross/aarch64.ini"
      cross_test aarch64 10 "$@"
      ;;
    riscv64)
      setup "$packages_test $packages_targets $packages_riscv64"
      cross_configure riscv64 --cross-file "$root/tools/cross/riscv64.ini"
      cross_test riscv64 10 "$@"
      ;;
    windows)
      setup "$packages_test $packages_targets $packages_windows"
      cross_configure windows --cross-file "$root/tools/cross/windows.ini"
      WINEPREFIX=$root/build-windows/wine WINEDEBUG=-all
      export WINEPREFIX WINEDEBUG
      # Made once, or the first tests would all wait for it.
      [ -d "$WINEPREFIX/drive_c" ] || /usr/lib/wine/wine64 wineboot --init
      cross_test windows 4 "$@"
      ;;
    macos)
      setup "$packages_test $packages_targets $packages_macos"
      zig_for_macos
      cd "$root/build-cross-tools"  # zig leaves files where it is asked what it is
      for cpu in aarch64 x86_64; do
        cross_configure "macos-$cpu" --cross-file "$root/build-cross-tools/root.ini" \
          --cross-file "$root/tools/cross/macos-$cpu.ini"
      done
      echo 'run: macOS: the library and the tests are compiled and linked; nothing of it has run'
      ;;
    *) die 'for which platform? aarch64, riscv64, generic, windows or macos' ;;
  esac
}
