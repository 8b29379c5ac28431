#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The pages hang together: every relative link and every anchor of a Markdown file resolves, the
index names every page of docs/, links to chapters of the header have their titles, and the names of
the code that a page mentions exist.

usage: pages_test.py SOURCE [unittest arguments]"""

import re
import sys
import unittest
from pathlib import Path
from urllib.parse import unquote

SOURCE = Path()

FENCE = re.compile(r"\s*(```+|~~~+)")
INLINE_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.S)
DEFINITION = re.compile(r"^\s{0,3}\[([^\]]+)\]:\s*(\S+)(?:\s+\"[^\"]*\")?\s*$", re.M)
LINK = re.compile(r"\]\(\s*<?([^\s)>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])+)\]\[([^\]]*)\]")
HTML_LINK = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=\"([^\"]+)\"")
HTML_ANCHOR = re.compile(r"<\w+\b[^>]*?\b(?:id|name)=\"([^\"]+)\"")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)


def pages():
    """Every Markdown file that is the project's own."""
    return [path for path in sorted(SOURCE.rglob("*.md"))
            if not any(part.startswith((".", "build", "subprojects"))
                       for part in path.relative_to(SOURCE).parts)]


def without_code(text):
    """The text without fenced blocks; the lines stay where they are."""
    lines, fence = [], None
    for line in text.splitlines():
        mark = FENCE.match(line)
        if fence is None and mark:
            fence = mark.group(1)
        elif fence is not None:
            if mark and line.strip() == mark.group(1) and mark.group(1).startswith(fence):
                fence = None
        else:
            lines.append(line)
            continue
        lines.append("")
    return "\n".join(lines)


def anchors(text):
    """What GitHub makes of the headings, and the anchors that are written as HTML."""
    text = without_code(text)
    found, seen = set(HTML_ANCHOR.findall(text)), {}
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", text, re.M):
        heading = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        count = seen[slug] = seen.get(slug, -1) + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def links(text):
    """The targets of a page's links, and the labels that are referred to and not defined."""
    text = INLINE_CODE.sub(lambda code: re.sub(r"[^\n]", "x", code.group()), without_code(text))
    defined = {label.lower(): target for label, target in DEFINITION.findall(text)}
    text = DEFINITION.sub("", text)
    targets = [*defined.values(), *HTML_LINK.findall(text), *LINK.findall(text)]
    labels = {(label or words).lower() for words, label in REFERENCE.findall(text)}
    return targets, sorted(labels - defined.keys())


def problem_of(page, target):
    """Why a target does not resolve; None: it does, or is not of this repository."""
    if SCHEME.match(target):
        return None
    path, _, anchor = unquote(target).partition("#")
    file = (page.parent / path).resolve() if path else page
    if SOURCE not in (file, *file.parents):
        return "leaves the repository"
    if not file.exists():
        return "no such file"
    if not anchor:
        return None
    if file.suffix != ".md":
        return "an anchor, but not into Markdown"
    return None if anchor in anchors(file.read_text("utf-8")) else "no such heading"


class PagesTest(unittest.TestCase):
    def assert_none(self, problems):
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def test_every_relative_link_resolves(self):
        problems, count = [], 0
        for page in pages():
            targets, undefined = links(page.read_text("utf-8"))
            count += len(targets)
            found = [(label, "not defined") for label in undefined]
            found += [(target, problem_of(page, target)) for target in targets]
            problems += [f"{page.relative_to(SOURCE)}: {target}: {problem}"
                         for target, problem in found if problem]
        print(f"{count} links on {len(pages())} pages", file=sys.stderr)
        self.assertGreater(count, 0)
        self.assert_none(problems)

    def test_the_index_names_every_page(self):
        docs = SOURCE / "docs"
        index = docs / "README.md"
        named = {index}
        for page in (index, *docs.glob("*/README.md")):
            named |= {(page.parent / target.partition("#")[0]).resolve()
                      for target in links(page.read_text("utf-8"))[0]}
        self.assert_none([f"docs/README.md does not name {page.relative_to(docs)}"
                          for page in sorted(docs.rglob("*.md")) if page not in named])

    def test_links_into_the_header_are_called_by_its_chapters(self):
        header = (SOURCE / "include" / "afflux" / "afflux.h").read_text("utf-8")
        chapters = set(re.findall(r"^ \* \d+\. (\S.*)\n \* -+$", header, re.M))
        self.assertGreater(len(chapters), 0)
        problems = []
        for page in pages():
            text = page.read_text("utf-8")
            into = {label.lower() for label, target in DEFINITION.findall(text)
                    if target.endswith("/afflux.h")}
            problems += [f"{page.relative_to(SOURCE)}: the header has no chapter '{words}'"
                         for words, label in REFERENCE.findall(text)
                         if label.lower() in into and words not in chapters]
        self.assert_none(problems)

    def test_names_of_the_code_exist(self):
        known = set()
        for folder in ("include", "capi", "src", "bindings", "tests", "tools", "examples",
                       "benchmarks"):
            for path in (SOURCE / folder).rglob("*"):
                if path.is_file() and path.suffix != ".md":
                    known.update(re.findall(r"\w+", path.read_text("utf-8", "ignore")))
        known.update(re.findall(r"\w+", (SOURCE / "run").read_text("utf-8")))
        problems = []
        drawings = [path for path in (SOURCE / "docs" / "images").glob("*.svg")
                    if "SPDX" in path.read_text("utf-8")]  # by hand
        for page in (*pages(), *drawings):
            if page.name == "CHANGELOG.md":
                continue  # it speaks of names that are gone
            text = page.read_text("utf-8")
            names = set(re.findall(r"\bafflux_\w+(?=\()|\bAFFLUX_[A-Z0-9_]+\b"
                                   r"|(?<=\bsem\.)\w+(?=\()", text))
            if (SOURCE / "docs") in page.parents:
                names |= set(re.findall(r"\bk[A-Z]\w+\b", without_code(text)))
            for name in sorted(names):
                prefix = name.endswith("_") and any(word.startswith(name) for word in known)
                if name not in known and not prefix:
                    problems.append(f"{page.relative_to(SOURCE)}: there is no {name}")
        self.assert_none(problems)


if __name__ == "__main__":
    SOURCE = Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
