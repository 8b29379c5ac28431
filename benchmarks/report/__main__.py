#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the benchmarks in several launches and prints each figure beside its yardstick.

A figure is the median over the launches (and the best of them), a ratio the median of the
ratios within each launch; where a table says "over" or "beside" it is that of the medians.
Nothing is asserted. Without Go or valgrind their rows are missing, without matplotlib the
pictures. Exit status 1: a program could not be run, or a test that goes with the figures failed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources
import groups as data  # noqa: E402
import launch  # noqa: E402
import machine  # noqa: E402
import pages  # noqa: E402
import tables  # noqa: E402
from results import CALM, Results  # noqa: E402


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("groups", nargs="*", metavar="GROUP", default=[],
                        help=f"{', '.join(data.NAMES)}; without one all that go into semaphore.md")
    parser.add_argument("--only", action="append", choices=data.NAMES, default=[], metavar="GROUP",
                        help="the same as GROUP")
    parser.add_argument("--launches", type=int, metavar="N",
                        help="launches of each program (default 7; 9 for waiter-queues)")
    parser.add_argument("--quick", action="store_true",
                        help="2 launches, and short loops a fifth as long")
    parser.add_argument("--million", action="store_true", help="queues of 1 M waiters, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="source",
                        help="what --json wrote, instead of measuring")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")
    parser.add_argument("--update", nargs="?", const=True, metavar="FILE",
                        help="put the tables into their page in docs/measured and draw its "
                             "pictures; with --update=FILE into that page")
    options = parser.parse_intermixed_args()
    options.groups += options.only
    for name in options.groups:
        if name not in data.NAMES:
            parser.error(f"no group {name}: {', '.join(data.NAMES)}")
    if options.update in data.NAMES:
        parser.error("--update takes a FILE; a GROUP goes before it")
    return options


def measured(options, groups):
    """All that is measured, as --json writes it and --from reads it; and whether it all ran."""
    launches = options.launches or (2 if options.quick else max(g.launches for g in groups))
    folder = options.folder.resolve()
    header = machine.described(folder, launches)  # the load is that before
    asked = ["million"] if options.million else []
    checks = {group.name: [launch.check(program, folder) for program in group.checks]
              for group in groups}
    results, failed = launch.measure(launch.chosen(groups, asked), launches, folder, options.quick)
    for failure in sorted(failed):
        print(f"failed: {failure}", file=sys.stderr)
    return ({"machine": header, "groups": [group.name for group in groups],
             "checks": {name: [text for text, _ in all_of] for name, all_of in checks.items()},
             "launches": results},
            not failed and all(good for all_of in checks.values() for _, good in all_of))


def header_of(found, group, results, made):
    lines = [f"{found['machine']}."]
    lines += [f"{text}." for text in found["checks"].get(group.name, [])]
    calm, runs = results.calm()
    if group.tells_calm and runs:
        lines.append(f"Of the {runs} runs of many threads {calm} had the machine to themselves: "
                     f"other processes took at most {100 * CALM:.0f} % of its CPU time.")
    if any("ratio" in table.heads for table in made):
        lines.append(pages.RATIO)
    return " ".join(lines)


def draw(group, results, folder):
    if not group.pictures:
        return
    try:
        import pictures
    except ImportError:
        print("no pictures: matplotlib is missing", file=sys.stderr)
        return
    folder.mkdir(exist_ok=True)
    pictures.draw(group, results, folder)


def page_of(options, group):
    return pages.FOLDER / group.page if options.update is True else Path(options.update)


def require_places(options, groups):
    """Nothing is measured for a page that could not take it."""
    for group in groups:
        page = page_of(options, group)
        if not pages.split(page, group.name):
            raise ValueError(f"{page}: no place for {group.name}, which is between "
                             + " and ".join(pages.marks(group.name)))


def main():
    options = parse_arguments()
    try:
        if options.source:
            found, good = json.loads(options.source.read_text(encoding="utf-8")), True
            groups = data.load(options.groups or found["groups"])
        else:
            groups = data.load(options.groups) if options.groups else [
                group for group in data.load() if not group.apart]
        if options.update:
            require_places(options, groups)
        if not options.source:
            found, good = measured(options, groups)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    results, texts = Results(found["launches"]), []
    for group in groups:
        made = list(tables.made(group, results))
        header = header_of(found, group, results, made)
        print(f"{'' if group is groups[0] else chr(10)}{header}\n{pages.plain(made)}")
        texts.append(pages.markdown(header, made))
        if options.update and made:
            page = page_of(options, group)
            pages.update(page, group.name, texts[-1])
            draw(group, results, page.parent / "images")
    if options.markdown:
        options.markdown.write_text("\n".join(texts), encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
