#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The labels of invariants ("TS3"): each means one thing in the whole tree, and
docs/invariants.md lists each with the file that defines it. A definition is a line of a comment
that begins with the label and two spaces; S and L are defined by that page itself."""

import re
import sys
from pathlib import Path

FOLDERS = ("beyond", "capi", "examples", "include", "src", "tests")
SOURCES = (".c", ".cpp", ".h", ".hpp")

LABEL = r"([A-Z]{1,2})(\d{1,2})"
DEFINITION = re.compile(rf"^\s*(?://|\*)\s*{LABEL}  \S", re.M)
ROW = re.compile(rf"^\| \*\*{LABEL}\*\* \|.*\| (?:`(\S+)`)?[^|]*\|$", re.M)


def sources(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCES:
                yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def read_index(page):
    """label: the file that the row begins its last column with; and what is listed twice."""
    index, problems = {}, []
    for letters, number, file in ROW.findall(page):
        label = letters + number
        if label in index:
            problems.append(f"docs/invariants.md: {label} is listed twice")
        index[label] = file if "/" in file else None
    return index, problems


def check_definitions(index, texts):
    defined = {}
    for path, text in texts:
        for match in DEFINITION.finditer(text):
            label = match.group(1) + match.group(2)
            line = text.count("\n", 0, match.end()) + 1
            if label in defined:
                yield f"{path}:{line}: {label} is defined in {defined[label]}, too"
            elif label not in index:
                yield f"{path}:{line}: {label} is not in docs/invariants.md"
            elif index[label] != path:
                yield f"{path}:{line}: docs/invariants.md has {label} in {index[label]}"
            defined.setdefault(label, path)
    for label, file in index.items():
        if label not in defined and not re.fullmatch(r"[SL]\d+", label):
            yield f"docs/invariants.md: {file} does not define {label}"


def check_quotes(index, texts):
    """Labels that are quoted and that nobody defines, of the kinds that there are."""
    kinds = "|".join(sorted({re.sub(r"\d", "", label) for label in index}))
    quote = re.compile(rf"(?<![\w.\-])(?:{kinds})[1-9]\d?\b(?![\w.\-])")
    for path, text in texts:
        for number, line in enumerate(text.splitlines(), 1):
            for label in quote.findall(line):
                if label not in index:
                    yield f"{path}:{number}: {label} is not in docs/invariants.md"


def main():
    root = Path(sys.argv[1])
    texts = list(sources(root))
    index, problems = read_index((root / "docs/invariants.md").read_text(encoding="utf-8"))
    if len(index) < 20 or not texts:
        sys.exit("no index found")
    problems += check_definitions(index, texts)
    problems += check_quotes(index, texts)
    print("\n".join(problems) if problems else f"{len(index)} labels, each once")
    sys.exit(1 if problems else 0)


main()
