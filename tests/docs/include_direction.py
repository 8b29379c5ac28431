#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The shape of the source: includes point only right along
capi -> export -> control -> core -> queue -> stats -> policy.h -> port -> threads -> park -> time;
what everybody shares (status.h, mutants.h) stands at the end of that row. So no two folders include
each other. control, core, queue and time share nothing between threads but through the policy; only
platform files ask which operating system it is. The C++ headers include each other without
circles, and the C headers none of them."""

import re
import sys
from pathlib import Path

# Left to right: folders, and the files at the top of src.
ROW = ["capi", "export", "control", "core", "queue", "stats", "policy.h", "port", "threads", "park",
       "time", "status.h", "mutants.h"]
RANK = {layer: rank for rank, layer in enumerate(ROW)}

NO_ATOMICS = ("control", "core", "queue", "time")

# Files in which the platform may be asked for.
PLATFORM = re.compile(r"^src/(park|port)/|^src/time/(clock|host)\w*\.(cpp|h)$"
                      r"|^src/stats/probes\.h$")

SYSTEM_MACRO = re.compile(
    r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*\b"
    r"(_WIN32|_WIN64|__MINGW\w+|__CYGWIN__|__linux__|__linux|linux|__gnu_linux__|__APPLE__"
    r"|__MACH__|__unix__|__unix|__FreeBSD__|__NetBSD__|__OpenBSD__|__DragonFly__|__ANDROID__)\b")
# What every line of the standard library has anyway.
STANDARD_C = {"assert.h", "errno.h", "limits.h", "math.h", "stdarg.h", "stddef.h", "stdint.h",
              "stdio.h", "stdlib.h", "string.h"}


def without_comments(text):
    def blank(match):
        return "\n" * match.group().count("\n")
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"'
    return re.sub(pattern, lambda m: m.group() if m.group()[0] == '"' else blank(m), text,
                  flags=re.S)


def layer_of(path):
    """What it is called in ROW: its folder, or the file itself at the top of src."""
    if path.parts[0] == "capi":
        return "capi"
    return path.parts[1]


def check_include(where, path, name, quoted):
    own, first = layer_of(path), name.split("/")[0]
    if first in RANK and (quoted or "/" in name):
        if RANK[first] < RANK[own]:
            yield f"{where}: {own} includes {name}, which lies to its left"
    elif quoted and "/" not in name and not name.startswith("afflux"):
        pass  # a file of the same folder
    elif first == "afflux":
        # The constants of the public header are every layer's vocabulary; the
        # C++ header is a layer above all of it.
        if name.endswith(".hpp"):
            yield f"{where}: {name} is for users of the library"
    elif quoted:
        yield f"{where}: {name} belongs to no known layer"
    elif name.endswith(".h") and name not in STANDARD_C and not PLATFORM.match(path.as_posix()):
        yield f"{where}: {name} belongs to the operating system"


def check_file(root, path):
    text = without_comments((root / path).read_text(encoding="utf-8"))
    own = layer_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if include:
            yield from check_include(where, path, include.group(2), include.group(1) == '"')
        if own in NO_ATOMICS and re.search(r"\bstd\s*::\s*atomic|\bmemory_order_consume\b", line):
            yield f"{where}: {own} names std::atomic; shared data goes through the policy"
        if SYSTEM_MACRO.search(line) and not PLATFORM.match(path.as_posix()):
            yield f"{where}: asks for the operating system outside the platform files"


def check_public(root):
    """Circles among the C++ headers, and C headers that include those."""
    folder = root / "include" / "afflux"
    includes = {}
    for path in sorted(folder.rglob("*.h*")):
        text = without_comments(path.read_text(encoding="utf-8"))
        includes[path.relative_to(folder).as_posix()] = re.findall(
            r"^\s*#\s*include\s*<afflux/([^>]+)>", text, flags=re.M)
    for name, others in includes.items():
        if name.endswith(".h"):
            yield from (f"include/afflux/{name}: includes {other}" for other in others
                        if other.endswith(".hpp"))
        seen, todo = set(), list(others)
        while todo:
            other = todo.pop()
            if other not in seen:
                seen.add(other)
                todo += includes.get(other, [])
        if name.endswith(".hpp") and name in seen:  # afflux.h and stats.h are two parts of one
            yield f"include/afflux/{name}: is included by what it includes"


def main():
    root = Path(sys.argv[1])
    files = sorted(path.relative_to(root) for folder in ("src", "capi")
                   for path in (root / folder).rglob("*") if path.suffix in (".cpp", ".h", ".hpp"))
    if not files:
        sys.exit("no sources found")
    problems = []
    for path in files:
        if layer_of(path) not in RANK:
            problems.append(f"{path}: has no place in the row of layers")
        else:
            problems += check_file(root, path)
    problems += check_public(root)
    print("\n".join(problems) if problems else f"{len(files)} files in order")
    sys.exit(1 if problems else 0)


main()
