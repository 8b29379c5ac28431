#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The static tracepoints: each is in the library with the arguments that docs/tracing.md lists,
and a debugger that stands at them sees a program pass each as often as it should, with the right
numbers. Skipped (77) without gdb, or where processes may not be traced."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

# What tracing_target.c does: how often, and the arguments after the semaphore.
EXPECTED = {
    "enqueue": Counter({(2, 1): 3, (3, 1): 2, (1, 1): 3}),
    "grant": Counter({(2,): 2}),  # and the wait, which is looked at apart
    "cancel": Counter({(2,): 1, (1,): 2}),
    "timeout": Counter({(3,): 1}),
    "reject": Counter({(1, 0): 1, (1, 1): 1}),
    "closed_out": Counter({(3,): 1}),
    "close": Counter({(): 1}),
}
ARGUMENTS = {"enqueue": 3, "grant": 3, "cancel": 2, "timeout": 2, "reject": 3, "closed_out": 2,
             "close": 1}


def documented(page):
    """Name and number of arguments of each row of the table in docs/tracing.md."""
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", Path(page).read_text(encoding="utf-8"),
                      flags=re.M)
    return {name: len(arguments.split(",")) for name, arguments in rows}


def in_library(library):
    notes = subprocess.run(["readelf", "-n", library], check=True, stdout=subprocess.PIPE,
                           text=True).stdout
    found = re.findall(r"Provider: afflux\s+Name: (\w+)\s.*?Arguments: ([^\n]*)", notes,
                       flags=re.S)
    return {name: len(arguments.split()) for name, arguments in found}


def pass_by(program):
    """The lines that gdb prints: name and arguments of each tracepoint passed."""
    script = ["set confirm off", "set pagination off", "set breakpoint pending off",
              "set debuginfod enabled off", "break main", "run"]
    for name, count in ARGUMENTS.items():
        values = ", ".join(f"(long) $_probe_arg{i}" for i in range(count))
        form = " ".join(["%ld"] * count)
        script += [f"break -probe-stap afflux:{name}", "commands", "silent",
                   f'printf "passed {name} {form}\\n", {values}', "continue", "end"]
    script += ["continue"]
    with tempfile.NamedTemporaryFile("w", suffix=".gdb") as file:
        file.write("\n".join(script) + "\n")
        file.flush()
        run = subprocess.run(["gdb", "-q", "-batch", "-nx", "-x", file.name, program],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             timeout=120)
    return run.stdout


def main():
    library, program, page = sys.argv[1:4]
    problems = []
    if documented(page) != ARGUMENTS:
        problems.append(f"{page} documents {documented(page)}")
    if in_library(library) != ARGUMENTS:
        problems.append(f"the library has {in_library(library)}")
    if problems:
        sys.exit("\n".join(problems))
    if not shutil.which("gdb"):
        print("no gdb: what a program passes was not looked at")
        sys.exit(77)

    output = pass_by(program)
    if "ptrace: Operation not permitted" in output:
        print(output)
        sys.exit(77)
    seen = {name: Counter() for name in ARGUMENTS}
    for name, numbers in re.findall(r"^passed (\w+) ?([-\d ]*)$", output, flags=re.M):
        values = tuple(int(n) for n in numbers.split())
        if values[0] == 0:
            problems.append(f"{name}: no semaphore")
        if name == "grant" and not 0 <= values[2] < 60_000_000_000:
            problems.append(f"grant: a wait of {values[2]} ns")
        seen[name][values[1:2] if name == "grant" else values[1:]] += 1
    for name, expected in EXPECTED.items():
        if seen[name] != expected:
            problems.append(f"{name}: passed {dict(seen[name])}, not {dict(expected)}")
    if not re.search(r"exited normally", output):
        problems.append("the program did not end well")
    if problems:
        sys.exit("\n".join(problems) + "\n" + output)
    print("all tracepoints passed as often as they should")


main()
