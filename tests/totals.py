#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Adds up what the last test runs of some build folders did: the tests and seconds of each suite,
and the executions that the explorer explored.

usage: totals.py [--line] FOLDER...

--line prints "N passed, N failed" alone. A folder that no test has run in counts nothing.
"""

import json
import re
import sys
from pathlib import Path

SUMMARY = re.compile(r"^\[  (PASSED|FAILED|SKIPPED) +\] (\d+) tests?", re.M)
BINDING = re.compile(r"^bindings/\w+: (\d+) passed(?:, (\d+) skipped)?$", re.M)
EXPLORED = re.compile(r"^explored (\d+) executions$", re.M)


class Sums:
    def __init__(self):
        self.passed = self.failed = self.skipped = self.executions = 0
        self.seconds = 0.0

    def add(self, test):
        """One entry of Meson's log: a GoogleTest program or a binding tells of its tests, any other
        is one."""
        said = test.get("stdout", "")
        good = test["result"] in ("OK", "EXPECTEDFAIL")
        counts = {what: int(number) for what, number in SUMMARY.findall(said)}
        for passed, skipped in BINDING.findall(said):
            counts = {"PASSED": int(passed), "SKIPPED": int(skipped or 0)}
        if counts:
            self.passed += counts.get("PASSED", 0)
            self.skipped += counts.get("SKIPPED", 0)
            self.failed += counts.get("FAILED", 0) or not good  # or it ended after its summary
        elif test["result"] == "SKIP":
            self.skipped += 1
        else:
            self.passed += good
            self.failed += not good
        self.executions += sum(map(int, EXPLORED.findall(said)))
        self.seconds += test["duration"]

    def __str__(self):
        parts = [f"{self.passed:,} passed"]
        parts += [f"{number:,} {what}" for what, number in
                  (("failed", self.failed), ("skipped", self.skipped)) if number]
        parts += [f"{self.executions:,} executions explored"] if self.executions else []
        return ", ".join(parts)


def suite_of(test):
    """Meson's name of a test is "project:suite / name"."""
    return test["name"].split(" / ")[0].split(":")[-1]


def main():
    folders = sys.argv[1:]
    line_only = folders[:1] == ["--line"]
    total = Sums()
    for folder in map(Path, folders[line_only:]):
        log = folder / "meson-logs" / "testlog.json"
        suites = {}
        for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else []:
            test = json.loads(line)
            for sums in (total, suites.setdefault(suite_of(test), Sums())):
                sums.add(test)
        if not line_only:
            told = [f"{name} {sums.passed:,} in {sums.seconds:.0f} s"
                    for name, sums in suites.items()]
            print(f"{folder.name}: {', '.join(told) or 'no tests have run'}")
    print(f"{total.passed} passed, {total.failed} failed" if line_only else f"in all: {total}")


main()
