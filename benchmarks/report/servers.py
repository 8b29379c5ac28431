# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the reports of simulated and real servers share: tables, pictures, uring_server, the command
line."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pages


class Table:
    def __init__(self, heading, heads, rows, note="", pictures=()):
        self.heading, self.heads, self.rows, self.note = heading, heads, rows, note
        self.pictures, self.text = pictures, ""


class Server:
    """uring_server in a folder, with those words, at a port of its choice."""

    def __init__(self, folder, words):
        command = [folder / "uring_server", "--port", 0, *words]
        self.child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                      text=True)
        self.port = int(self.child.stdout.readline().rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.communicate()


def plotter(folder):
    """matplotlib's pyplot, and the folder is there; None: it is missing."""
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is missing", file=sys.stderr)
        return None
    matplotlib.use("svg")
    from matplotlib import pyplot
    pyplot.rcParams.update({"svg.hashsalt": "afflux", "svg.fonttype": "none", "font.size": 9,
                            "axes.grid": True, "grid.alpha": 0.3, "axes.axisbelow": True})
    folder.mkdir(exist_ok=True)
    return pyplot


def save(pyplot, figure, path):
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="lower center", ncol=7)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    # Without a date the same figures make the same file; white for dark pages.
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)


def add_sources(parser, page, did):
    parser.add_argument("--json", type=Path, metavar="FILE", help=f"write what was {did}")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="source",
                        help="what --json wrote, instead of running anything")
    parser.add_argument("--update", action="store_true",
                        help=f"put the tables into docs/measured/{page.name} and draw the pictures")


def report(options, page, block, script, measure):
    """Prints, and writes where that is asked for, what `measure` finds; `script` has tables(),
    header() and draw(). The exit status."""
    try:
        if options.source:
            found = json.loads(options.source.read_text(encoding="utf-8"))
        else:
            found = measure(options)
            if options.json:
                options.json.write_text(json.dumps(found), encoding="utf-8")
    except (OSError, ValueError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    made = script.tables(found)
    print(f"{script.header(found)}\n{pages.plain(made)}")
    if options.update:
        pages.update(page, block, pages.markdown(script.header(found), made))
        script.draw(found, page.parent / "images")
    return 0


def report_servers(page, block, script, warm):
    """The command of a script whose measure(folder, options) runs servers."""
    parser = argparse.ArgumentParser(description=script.__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", type=Path, help="the folder of uring_server and uring_load")
    parser.add_argument("--seconds", type=int, default=10, help="of each run (10)")
    parser.add_argument("--warm", type=int, default=warm,
                        help=f"before, that do not count ({warm})")
    add_sources(parser, page, "measured")
    return report(parser.parse_args(), page, block, script,
                  lambda options: script.measure(options.examples.resolve(), options))
