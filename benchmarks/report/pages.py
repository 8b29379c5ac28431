# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tables as text for a terminal, and in the pages of docs/measured.

A page has a place for each group that is measured for it, between two comments, which is all that
an update changes.
"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "measured"
RATIO = ("Ratio: to the nearest row above without one, unless a row or the line below its table "
         "names another.")


def marks(name):
    return f"<!-- bench:begin {name} -->", f"<!-- bench:end {name} -->"


def plain(tables):
    lines = []
    for table in tables:
        grid = [table.heads, *table.rows]
        widths = [max(len(row[i]) for row in grid) for i in range(len(table.heads))]
        lines += ["", *("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                                  for i, (text, width) in enumerate(zip(row, widths))).rstrip()
                        for row in grid)]
        lines += [table.note] if table.note else []
    return "\n".join(lines)


def markdown(header, tables):
    lines = [header]
    for table in tables:
        lines += ["", f"### {table.heading}"] if table.heading else []
        for text, file in table.pictures:
            lines += ["", f"![{text}](images/{file})"]
        lines += ["", table.text] if table.text else []
        lines += ["", "| " + " | ".join(table.heads) + " |",
                  "|---|" + "---:|" * (len(table.heads) - 1)]
        lines += ["| " + " | ".join(row) + " |" for row in table.rows]
        lines += ["", table.note] if table.note else []
    return "\n".join(lines) + "\n"


def split(path, name):
    """What is before, in and after the group's place; None if the page has no such place."""
    begin, end = marks(name)
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    block, closed, after = rest.partition(end)
    return (before, block, after) if found and closed else None


def update(path, name, text):
    begin, end = marks(name)
    before, _, after = split(path, name)
    path.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf-8")
