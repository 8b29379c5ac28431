#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a user's compiler says of the C++ headers: nothing, with many warnings on; one reason, where
it lacks what they need; and a warning where a statement throws away an answer that matters."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

# Not as system headers, and every warning an error.
STRICT = ["-pedantic-errors", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow",
          "-Wold-style-cast", "-Werror"]

CPP20 = "-std=c++20"

# How the compiler is called, and the reason that it has to give.
REFUSED = {
    "C++17": (["-std=c++17"], "need C++20"),
    "no exceptions": ([CPP20, "-fno-exceptions"], "need exceptions"),
    "neither": (["-std=c++17", "-fno-exceptions"], "need C++20"),
}

# A statement that throws an answer away, and whether that is worth a warning.
DISCARDED = {
    "ev.notify_one();": True,
    "ev.notify_all();": True,
    "ev.pulse();": True,
    "(void)ev.notify_one();": False,
    "q.wake_one();": False,
    "changed.notify_one();": False,
    "sem.try_acquire();": True,
    "sem.acquire_token();": True,
    "sem.health();": True,
    "all.add(sem);": True,
    "all.remove(sem);": False,
    "tenant.count_bytes(1);": False,
    "any(sem.acquire(), ev.wait()).resume_on(loop);": True,
}
# One statement a line, from line 1 on.
PROGRAM = """\
#include <afflux/afflux.hpp>
void use(const afflux::semaphore& sem, const afflux::event& ev, const afflux::wait_queue& q,
         afflux::condition_variable_any& changed, const afflux::registry& all,
         const afflux::client& tenant, const afflux::port& loop) {
#line 1
%s
}
"""


class Compiler:
    def __init__(self, command, include):
        self.command = [*command, "-fsyntax-only", "-I", str(include)]

    def compile(self, flags, source=""):
        """Whether it went well, and what was said."""
        done = subprocess.run([*self.command, *flags, "-x", "c++", "-"], input=source, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode == 0, done.stdout


def check_strict(compiler, consumer):
    ok, said = compiler.compile([CPP20, *STRICT], consumer.read_text(encoding="utf-8"))
    if not ok:
        yield f"{consumer.name} is not clean", said


def check_refused(compiler, headers):
    for name in headers:
        for what, (flags, reason) in REFUSED.items():
            # What follows the header does not count: the compiler must not get there.
            source = f"#include <afflux/{name}.hpp>\nint follows = no_such_name;\n"
            ok, said = compiler.compile(flags, source)
            errors = re.findall(r"^\S.*\berror: .*", said, flags=re.M)
            reasons = [line for line in errors if "Afflux's C++ headers" in line]
            others = [line for line in errors
                      if line not in reasons and "the reason stands above" not in line]
            if ok or len(reasons) != 1 or reason not in reasons[0] or others:
                yield f"{name}.hpp with {what}: one error was to say '... {reason} ...'", said


def check_discarded(compiler):
    ok, said = compiler.compile([CPP20, "-Wall"], PROGRAM % "\n".join(DISCARDED))
    if not ok:
        yield "the statements do not compile", said
    warned = {int(line) for line in
              re.findall(r"^<stdin>:(\d+):\d+: warning: .*(?:nodiscard|ignoring return)", said, re.M)}
    for number, (statement, wanted) in enumerate(DISCARDED.items(), 1):
        if (number in warned) != wanted:
            yield f"{statement} is {'not ' if wanted else ''}warned of", said


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--include", type=Path, required=True)
    parser.add_argument("--consumer", type=Path, required=True)
    parser.add_argument("--header", action="append", required=True, help="without .hpp")
    parser.add_argument("compiler", nargs="+")
    args = parser.parse_args()
    compiler = Compiler(args.compiler, args.include)
    problems = [*check_strict(compiler, args.consumer),
                *check_refused(compiler, args.header), *check_discarded(compiler)]
    for problem, said in problems:
        print(f"FAILED: {problem}\n{said}")
    print(f"{len(args.header)} headers, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
