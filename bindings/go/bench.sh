#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Compares the Go binding with golang.org/x/sync in one run: a line of JSON for each row. The module
# of the rival is fetched if it is not there yet. Arguments are the program's: -rounds 7.
set -eu
cd "$(dirname "$0")/bench"
exec env CGO_ENABLED=1 go run . "$@"
