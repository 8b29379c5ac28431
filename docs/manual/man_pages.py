#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Man pages out of the C headers: afflux(7), the chapters that afflux.h begins with, and a page of
section 3 for each function. A function without a comment of its own shares the page of the one
before it.

    man_pages.py VERSION FOLDER HEADER...

Writes into FOLDER/man3 and FOLDER/man7; as an install script of Meson's below the place that is
installed to. Prints what it writes.
"""

import os
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources
from filter import convert  # noqa: E402

COMMENT = re.compile(r"/\*\*\n(.*?)\n\*/", re.S)
PROTOTYPE = re.compile(r"AFFLUX_API\s+([^;{}]*?\b(\w+)\s*\([^;]*?\));", re.S)
TITLES = {"Threads": "THREADS", "Memory order": "MEMORY ORDER", "Ownership": "OWNERSHIP"}


def roff(text):
    text = re.sub(r'@ref \w+ "(.*?)"', r"\1", text.strip())
    text = text.replace("\\", "\\e").replace("−", "-").replace("…", "...").replace("-", "\\-")
    text = re.sub(r"\b(afflux_\w+)\(\)", r"\\fB\1\\fP(3)", text)
    text = re.sub(r"\b(AFFLUX_[A-Z0-9_]+)\b", r"\\fB\1\\fP", text)
    text = re.sub(r"`(.+?)`", r"\\fI\1\\fP", text)
    return re.sub(r"^([.'])", r"\\&\1", text)


class Page:
    """Sections of roff lines; what is said of one command goes to its section."""

    def __init__(self):
        self.sections = {}
        self.at = "DESCRIPTION"

    def add(self, *lines):
        self.sections.setdefault(self.at, []).extend(lines)

    def read(self, body):
        verbatim = False
        for line in body.split("\n"):
            command, _, rest = line.partition(" ")
            if verbatim:
                verbatim = line != "@endverbatim"
                self.add(roff_verbatim(line) if verbatim else ".fi")
            elif line == "@verbatim":
                verbatim = True
                self.add(".PP", ".nf")
            elif command == "@section":
                self.at = rest.partition(" ")[2]
            elif command in ("@param", "@retval"):
                self.at = "PARAMETERS" if command == "@param" else "RETURN VALUE"
                name, _, text = rest.partition(" ")
                font = "\\fI" if command == "@param" else "\\fB"
                self.add(".TP", font + name.replace(",", "\\fP, " + font) + "\\fP", roff(text))
            elif command == "@return":
                self.at = "RETURN VALUE"
                self.add(".PP", roff(rest))
            elif command == "@par":
                self.at = TITLES[rest]
            elif command == "@since":
                self.at = "HISTORY"
                self.add(f"Since version {roff(rest).rstrip('.')}.")
                self.at = "DESCRIPTION"
            elif line:
                self.add(roff(line))
            elif self.at == "DESCRIPTION" or self.at not in ("PARAMETERS", "RETURN VALUE"):
                self.add(".PP")

    def text(self, titles):
        lines = []
        for title in titles:
            content = [line for line in self.sections.get(title, []) if line]
            while content and content[-1] == ".PP":
                content.pop()
            while content and content[0] == ".PP":
                content.pop(0)
            if content:
                content = capital(content)
                lines += [f".SH {title.upper()}"]
                lines += [line for line, after in zip(content, content[1:] + [""])
                          if not (line == after == ".PP")]
        return "\n".join(lines)


def roff_verbatim(line):
    line = line.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return "\\&" + line


def capital(lines):
    """A section begins with a capital letter, whatever the field in the header does."""
    first = next((i for i, line in enumerate(lines) if line and not line.startswith(".")), None)
    if first is not None:
        lines[first] = lines[first][0].upper() + lines[first][1:]
    return lines


def sentence(body):
    """The first one, as what NAME says."""
    text = " ".join(re.split(r"\n\n|\n@", body, maxsplit=1)[0].split())
    first = re.split(r"(?<=[.:;])\s", re.sub(r"^@\w+\s+", "", text), maxsplit=1)[0]
    return roff(first.rstrip(".:;")).replace("\\fB", "").replace("\\fI", "").replace("\\fP", "")


def function_page(name, prototype, header, body, version):
    page = Page()
    page.read(body)
    prototype = roff_verbatim(re.sub(r"\n\s+", "\n    ", prototype) + ";").replace("\n", "\n\\&")
    return "\n".join([
        f'.TH {name} 3 "" "Afflux {version}" "Library Functions Manual"',
        ".SH NAME", f"{name} \\- {sentence(body)}",
        ".SH SYNOPSIS", ".nf", f"\\fB#include <afflux/{header}>\\fP", ".PP", prototype, ".fi",
        page.text(("DESCRIPTION", "PARAMETERS", "RETURN VALUE", "THREADS", "MEMORY ORDER",
                   "OWNERSHIP", "HISTORY")),
        ".SH SEE ALSO", "\\fBafflux\\fP(7)", ""])


def overview(body, version):
    page = Page()
    page.read(re.sub(r"^@file.*\n", "", body))
    return "\n".join([
        f'.TH afflux 7 "" "Afflux {version}" "Miscellaneous Information Manual"',
        ".SH NAME", "afflux \\- a backpressure semaphore for every language in the process",
        page.text(page.sections), ""])


def main():
    version = sys.argv[1]
    folder = Path(os.environ.get("MESON_INSTALL_DESTDIR_PREFIX", "."), sys.argv[2])

    def write(name, text):
        section = folder / f"man{name[-1]}"
        section.mkdir(parents=True, exist_ok=True)
        (section / name).write_text(text, encoding="utf-8")
        print(section / name)

    for header in map(Path, sys.argv[3:]):
        text = convert(header.read_text(encoding="utf-8"))
        at, last = 0, None
        for found in PROTOTYPE.finditer(text):
            comments = [c for c in COMMENT.finditer(text, at, found.start())]
            own = comments and not text[comments[-1].end():found.start()].strip()
            prototype, name = found.group(1), found.group(2)
            if own or last is None:
                write(f"{name}.3", function_page(name, prototype, header.name,
                                                 comments[-1].group(1) if own else "", version))
                last = name
            else:
                write(f"{name}.3", f".so man3/{last}.3\n")
            at = found.end()
        if header.name == "afflux.h":
            write("afflux.7", overview(COMMENT.search(text).group(1), version))


main()
