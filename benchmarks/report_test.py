#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The report's data, the programs and the pages belong together.

Every benchmark that a table or picture names is run by a program of its group. Every table on a
page in docs/measured is one that the data makes, and has a place there that an update finds.
"""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):
    print("no tomllib before Python 3.11")
    sys.exit(77)
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "report"))
import groups as data  # noqa: E402
import launch  # noqa: E402
import pages  # noqa: E402

# By valgrind, by Go, and by the bindings' own benchmarks.
ELSEWHERE = ("instructions/*", "*/go_*", "rust_*", "go_*", "python_*", "swift_*")


def listed(group, folder):
    """The benchmarks that the group's programs run; None if a program was not built."""
    names = set()
    for program in group.programs:
        if program.get("kind"):
            continue
        if not (folder / program["name"]).exists():
            return None
        command = launch.google_command(program, folder, False)
        command = [word for word in command if not word.startswith("--benchmark_format")]
        text = subprocess.run([*command, "--benchmark_list_tests=true"], check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60).stdout
        names |= {launch.benchmark_name(line) for line in text.splitlines()}
    return names


def named(group):
    """The benchmarks, or patterns of them, that the group's tables and pictures name."""
    for table in group.tables:
        columns = group.lists.get(table.get("columns"), [""])
        for row in group.rows(table):
            for column in columns:
                yield data.fill(row.name, {table.get("columns"): column})
            if "columns" not in table:
                yield row.rest[0] if row.rest else table.get("beside", "")
    for picture in group.pictures:
        for panel in picture["panels"]:
            for series in (key for name in panel["series"] for key in group.lists[name]):
                for x in group.lists.get(picture.get("x"), [""]):
                    yield data.fill(panel["name"], {"series": series, "x": x})


def unknown_benchmarks(group, folder):
    names = listed(group, folder)
    if names is None:
        print(f"skip {group.name}: not built")
        return
    for name in sorted(set(named(group)) - {""}):
        if any(fnmatch.fnmatch(name, pattern) for pattern in ELSEWHERE):
            continue
        if not any(fnmatch.fnmatchcase(one, name) for one in names):
            yield f"{group.name}: no program runs {name}"


def unknown_tables(group):
    page = pages.FOLDER / group.page
    place = pages.split(page, group.name)
    if place is None:
        yield f"{group.page}: no place for {group.name}"
        return
    titles = [table["title"] for table in group.tables]
    on_page = re.findall(r"^\| (.*?) \|.*\n\|---", place[1], flags=re.M)
    if not on_page:
        yield f"{group.page}: no table of {group.name}"
    for title in on_page:
        if title not in titles:
            yield f"{group.page}: {group.name} makes no table \"{title}\""
    for picture in group.pictures:
        if f"](images/{picture['file']})" not in page.read_text(encoding="utf-8"):
            yield f"{group.page}: does not show {picture['file']}"


def main():
    folder = Path(sys.argv[1])
    problems = []
    for group in data.load():
        problems += [*unknown_benchmarks(group, folder), *unknown_tables(group)]
    print("\n".join(problems) or "all belong together")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
