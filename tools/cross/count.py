#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Counts the tests, not the programs, in a Meson test log: count.py NAME LOG."""

import json
import re
import sys
from pathlib import Path

name, log = sys.argv[1], Path(sys.argv[2])
passed = failed = skipped = 0
for line in log.read_text().splitlines() if log.exists() else []:
    test = json.loads(line)
    counts = dict(re.findall(r"^\[  (PASSED|FAILED|SKIPPED) +\] (\d+) tests?",
                             test.get("stdout", ""), flags=re.M))
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    if counts:
        passed += int(counts.get("PASSED", 0))
        skipped += int(counts.get("SKIPPED", 0))
        failed += int(counts.get("FAILED", 0 if good else 1))
    elif test["result"] == "SKIP":
        skipped += 1
    else:  # not GoogleTest, or ended before its summary
        passed += good
        failed += not good
print(f"{name}: {passed} passed, {failed} failed, {skipped} skipped")
