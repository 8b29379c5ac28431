#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Tests the Go binding against an installed library: PKG_CONFIG_PATH and, where the library is a shared
# one in a place of its own, LD_LIBRARY_PATH lead to it. FUZZ_SECONDS (default 5) is how long the
# fuzzers run beyond their corpus, each.
set -eu
cd "$(dirname "$0")"
export CGO_ENABLED=1
log=$(mktemp)
trap 'rm -f "$log"' EXIT

passed=0
skipped=0
fail() {
  cat "$log"
  echo "bindings/go: FAILED: $1"
  exit 1
}
# A step that is one test by itself: its name and its command.
step() {
  name=$1
  shift
  "$@" >"$log" 2>&1 || fail "$name"
  passed=$((passed + 1))
  echo "bindings/go: $name: ok"
}
# go test, of which each test counts.
tests() {
  name=$1
  shift
  "$@" -v >"$log" 2>&1 || fail "$name"
  ok=$(grep -c '^ *--- PASS' "$log") || ok=0
  left=$(grep -c '^ *--- SKIP' "$log") || left=0
  [ "$ok" -gt 0 ] || fail "$name: no test ran"
  passed=$((passed + ok))
  skipped=$((skipped + left))
  echo "bindings/go: $name: $ok passed, $left skipped"
}
formatted() {
  [ -z "$(gofmt -l .)" ] || { gofmt -l . && return 1; }
}

step "gofmt" formatted
step "go vet" go vet ./...
step "go vet, race" go vet -race .
tests "plain, cgocheck=1" env GODEBUG=cgocheck=1 go test -count=1 .
# One processor: each hand-over is a switch of goroutines on one thread.
tests "one processor" env GOMAXPROCS=1 go test -count=1 -run 'Weighted|Cancel|Foreign|Order|Event|Control|OnChange|Tenant' .
tests "race" go test -race -count=1 .
# Checks each store of a pointer, not only what a call is given.
tests "cgocheck2" env GOEXPERIMENT=cgocheck2 go test -count=1 .
step "fuzz" go test -run '^$' -fuzz FuzzSequence -fuzztime "${FUZZ_SECONDS:-5}s" .
step "fuzz, tenants" go test -run '^$' -fuzz FuzzTenants -fuzztime "${FUZZ_SECONDS:-5}s" .
step "example downloads" go run ./examples/downloads

echo "bindings/go: $passed passed, $skipped skipped"
