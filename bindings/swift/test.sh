#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Tests the Swift package against an installed library; environment.sh says what may be set. As one test
# of a whole suite (--in-suite) it uses the toolchain folder only where AFFLUX_SWIFT_SETUP=1 asks for
# that: it takes minutes there.
set -eu
cd "$(dirname "$0")"
if [ "${1-}" = --in-suite ] && [ "${AFFLUX_SWIFT_SETUP:-0}" = 0 ] && ! command -v swift >/dev/null 2>&1; then
  echo "skipped: there is no swift; './run test swift' tests it in a toolchain folder"
  exit 77
fi
# shellcheck source=bindings/swift/environment.sh
. ./environment.sh
jobs=${AFFLUX_TEST_JOBS:-2}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

strict='-Xswiftc -DAFFLUX_CHECKED_CONTINUATIONS -Xswiftc -warnings-as-errors'

passed=0
fail() {
  cat "$log"
  echo "bindings/swift: FAILED: $1"
  exit 1
}
# A step that is one test by itself: its name and its command.
step() {
  name=$1
  shift
  "$@" >"$log" 2>&1 || fail "$name"
  passed=$((passed + 1))
  echo "bindings/swift: $name: ok"
}
# swift test in a build folder of its own, of which each test counts.
tests() {
  name=$1
  folder=$2
  shift 2
  in_swift swift test -j "$jobs" --scratch-path "$build/$folder" "$@" >"$log" 2>&1 || fail "$name"
  ! grep -q 'WARNING: ThreadSanitizer\|SWIFT TASK CONTINUATION MISUSE' "$log" || fail "$name"
  ok=$(sed -n 's/.*Test run with \([0-9]*\) tests* passed.*/\1/p' "$log" | tail -n 1)
  [ "${ok:-0}" -gt 0 ] || fail "$name: no test ran"
  passed=$((passed + ok))
  echo "bindings/swift: $name: $ok passed"
}
swift_build() { in_swift swift build -j "$jobs" --scratch-path "$build/$1" -c "$2" --product "$3"; }

# Compiles a program that imports this package, for what the compiler says.
compile() {
  # shellcheck disable=SC2046 # the words are flags
  in_swift swiftc -emit-sil -o /dev/null -swift-version 6 -I "$build/checked/debug/Modules" \
    -Xcc "-fmodule-map-file=$here/Sources/CAffluxShim/module.modulemap" \
    $(pkg-config --cflags-only-I afflux | sed 's/-I/-Xcc &/g') "$1"
}

# A program is refused, with the words that its first line has after "error:".
refused() {
  words=$(sed -n '1s|^// error: ||p' "$1")
  ! compile "$1" >"$log.said" 2>&1 || return 1
  cat "$log.said"
  grep -qF "$words" "$log.said"
}

# Every example in a comment or in README.md compiles, with the names that it takes for granted. Those
# of README.md with a word more at their fence are a package's (below).
examples() {
  {
    echo 'import Afflux'
    echo 'func fetch(_ url: Int) async throws -> String { "\(url)" }'
    echo 'actor Examples {'
    for file in Sources/Afflux/*.swift README.md; do
      sed 's|^ */// \{0,1\}||' "$file" | awk -v file="$file" -v name="$(basename "${file%.*}")" '
        /^```swift$/ {
          inside = 1
          print "func line" NR "(of" name ": Int, semaphore: AsyncSemaphore, uploads: AsyncSemaphore,"
          print "  url: Int, body: [UInt8]) async throws {"
          print "#sourceLocation(file: \"" file "\", line: " NR + 1 ")"
          next
        }
        inside && /^```$/ { inside = 0; print "}"; next }
        inside { print }'
    done
    echo '}'
  } >"$build/examples.swift"
  compile "$build/examples.swift"
}

# A package that depends on this one by its path, as README.md says.
consumer() {
  mkdir -p "$build/consumer/Sources/consumer"
  # shellcheck disable=SC2016 # a fence
  sed -n '/^```swift package/,/^```/p' README.md | sed '/^```/d' |
    sed "s|path: \"afflux/bindings/swift\"|path: \"$here\"|" >"$build/consumer/Package.swift"
  # shellcheck disable=SC2016 # a fence
  sed -n '/^```swift consumer/,/^```/p' README.md | sed '/^```/d' \
    >"$build/consumer/Sources/consumer/main.swift"
  in_swift swift run -j "$jobs" -c release --package-path "$build/consumer" \
    --scratch-path "$build/consumer/.build" consumer || return 1
}

# Every public item has a comment: those that Swift makes by itself do not count.
documented() {
  # shellcheck disable=SC2086 # the words are flags; the same ones, or all is built anew
  in_swift swift package -j "$jobs" --scratch-path "$build/checked" $strict dump-symbol-graph \
    --minimum-access-level public --skip-synthesized-members || return 1
  graph=$(find "$build/checked" -name Afflux.symbols.json | head -n 1)
  python3 - "$graph" <<'END'
import json, sys
bare = [".".join(s["pathComponents"]) for s in json.load(open(sys.argv[1]))["symbols"]
        if "docComment" not in s and not s["kind"]["identifier"].endswith(".case")
        and s["names"]["title"] not in ("rawValue", "init(rawValue:)", "description")]
print("without a comment:", bare)
sys.exit(len(bare) > 0)
END
}

# Checked continuations end the process when one is resumed twice, and complain of one that never is.
# shellcheck disable=SC2086 # the words are flags
tests "debug, checked continuations" checked $strict
tests "release" release -c release
export TSAN_OPTIONS="suppressions=$here/Tests/thread_sanitizer.txt ${TSAN_OPTIONS-}"
tests "thread sanitizer" sanitized --sanitize=thread
for program in Tests/Refused/*.swift; do
  step "refused: $(basename "$program" .swift)" refused "$program"
done
rm -f "$log.said"
step "examples compile" examples
step "a package that depends on it" consumer
if command -v python3 >/dev/null 2>&1; then step "every public item is documented" documented; fi
step "benchmark builds" swift_build release release bench
step "example downloads builds" swift_build release release downloads
step "example downloads" in_swift "$build/release/release/downloads"

echo "bindings/swift: $passed passed, 0 skipped"
