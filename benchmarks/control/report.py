#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the simulation of adaptive limits, and prints what the algorithms make of it.

The figures are exact: the same seeds give the same ones on any machine of the same arithmetic.
Without matplotlib the pictures are missing.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "report"))
import pages  # noqa: E402
import servers  # noqa: E402
from servers import Table, save  # noqa: E402

PAGE = pages.FOLDER / "control.md"
LEAST_GOODPUT = 0.95
MOST_P99 = 1.15
WORST = 12  # rows of the table of missed cells


def shares(cell, name):
    """Goodput and p99, each beside the best fixed limit's."""
    one, best = cell["of"][name], cell["best"]
    return one["good"] / best["good"], one["p99_ms"] / best["p99_ms"]


def holds(cell, name):
    goodput, p99 = shares(cell, name)
    return goodput >= LEAST_GOODPUT and p99 <= MOST_P99


def names_in(found):
    return list(found["cells"][0]["of"]) if found["cells"] else list(
        dict.fromkeys(course["contestant"] for course in found["courses"]))


def unique(found, key):
    return list(dict.fromkeys(cell[key] for cell in found["cells"]))


# ---- Tables -----------------------------------------------------------------


def cells_that_hold(found):
    rows = []
    for name in names_in(found):
        row = [name]
        for law in unique(found, "law"):
            cells = [cell for cell in found["cells"] if cell["law"] == law]
            row.append(f"{sum(holds(cell, name) for cell in cells)} of {len(cells)}")
        every = found["cells"]
        row.append(f"{sum(holds(cell, name) for cell in every)} of {len(every)}")
        row.append(f"{sum(min(1, shares(cell, name)[0]) for cell in every) / len(every):.3f}")
        rows.append(row)
    return Table("Cells that hold", ["algorithm", *unique(found, "law"), "all", "mean goodput"],
                 rows, "Goodput is beside the best fixed limit's, and counts as 1 at most.",
                 [("Goodput and p99 of each algorithm beside the best fixed limit's, by load",
                   "control-matrix.svg")])


def missed_cells(found):
    def miss(cell):
        goodput, p99 = shares(cell, "slope")
        return max(LEAST_GOODPUT - goodput, 0) + max(p99 - MOST_P99, 0)

    missed = sorted((cell for cell in found["cells"] if not holds(cell, "slope")), key=miss,
                    reverse=True)
    rows = []
    for cell in missed[:WORST]:
        goodput, p99 = shares(cell, "slope")
        least, mean, most = cell["of"]["slope"]["limit"]
        rows.append([f"{cell['law']}, slow {cell['slow']:g}, load {cell['load']:g}",
                     f"{goodput:.3f}", f"{p99:.2f}", f"{cell['best_limit']:g}",
                     f"{least:.0f} … {mean:.0f} … {most:.0f}"])
    return Table("Cells that slope misses, the worst first",
                 ["cell", "goodput", "p99", "best limit", "its limits"], rows,
                 f"{len(missed)} of {len(found['cells'])}. p99: × the best fixed limit's.")


def measures(found):
    rows, names = [], names_in(found)
    for scenario in dict.fromkeys(course["scenario"] for course in found["courses"]):
        courses = {course["contestant"]: course for course in found["courses"]
                   if course["scenario"] == scenario}
        first = courses[names[0]]
        for number, measure in enumerate(first["measures"]):
            goal = f"{'≤' if measure['at_most'] else '≥'} {measure['goal']:g}"
            values = [courses[name]["measures"][number]["value"] for name in names]
            rows.append([f"{scenario}: {measure['what']}", goal,
                         *(f"{value:.2f}" for value in values)])
    told = dict.fromkeys(f"*{course['scenario']}*: {course['about']}"
                         for course in found["courses"])
    return Table("When something changes", ["what", "goal", *names], rows,
                 "; ".join(told) + ".",
                 [("The limit, goodput and p99, second by second", "control-changes.svg")])


def tables(found):
    made = []
    if found["cells"]:
        made.append(cells_that_hold(found))
        if "slope" in names_in(found):
            made.append(missed_cells(found))
    if found["courses"]:
        made.append(measures(found))
    return made


def header(found):
    return (f"{found['workers']} workers, {found['mean_ms']:g} ms mean service time, "
            f"{found['seeds']} seed{'s' if found['seeds'] > 1 else ''}. A cell is {found['seconds']:g} s of simulated time, of which "
            f"the first {found['warm']:g} do not count. Scenarios: {found['law']} service times.")


# ---- Pictures ---------------------------------------------------------------

COLOURS = {"slope": "#d62728", "fixed": "#7f7f7f", "aimd": "#bcbd22", "vegas": "#1f77b4",
           "gradient2": "#2ca02c", "gradient": "#9467bd", "failsafe": "#ff7f0e",
           "shedding": "#17becf", "lifo": "#8c564b"}
SHOWN = ("idle", "half", "dependency", "drift")
WINDOW = {"idle": (590, 660), "drift": (0, 3600)}  # seconds; others from start to end


def draw(found, folder):
    pyplot = servers.plotter(folder)
    if pyplot is None:
        return
    if found["cells"]:
        save(pyplot, draw_matrix(pyplot, found), folder / "control-matrix.svg")
    if found["courses"]:
        save(pyplot, draw_changes(pyplot, found), folder / "control-changes.svg")


def draw_matrix(pyplot, found):
    laws, names = unique(found, "law"), names_in(found)
    figure, axes = pyplot.subplots(2, len(laws), squeeze=False, sharey="row",
                                   figsize=(2.4 * len(laws), 5.2))
    figure.suptitle("Servers that do not slow down, beside the best fixed limit")
    for column, law in enumerate(laws):
        cells = [cell for cell in found["cells"]
                 if cell["law"] == law and cell["slow"] == min(unique(found, "slow"))]
        for row, scale in enumerate(("linear", "log")):
            axis = axes[row][column]
            for name in names:
                axis.plot([cell["load"] for cell in cells],
                          [shares(cell, name)[row] for cell in cells], label=name,
                          color=COLOURS[name], marker=".", linewidth=2 if name == "slope" else 1)
            axis.set_xscale("log")
            axis.set_yscale(scale)
            axis.set_xticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
            axis.minorticks_off()
            axis.axhline(MOST_P99 if row else LEAST_GOODPUT, color="black", linestyle=":")
        axes[0][column].set_title(law)
        axes[1][column].set_xlabel("load")
    axes[0][0].set_ylabel("goodput")
    axes[1][0].set_ylabel("p99")
    return figure


def draw_changes(pyplot, found):
    shown = [name for name in SHOWN
             if any(course["scenario"] == name for course in found["courses"])]
    figure, axes = pyplot.subplots(3, len(shown), squeeze=False,
                                   figsize=(3.2 * len(shown), 7))
    for column, scenario in enumerate(shown):
        axes[0][column].set_title(scenario)
        for course in found["courses"]:
            if course["scenario"] == scenario:
                draw_course(axes, column, course)
        axes[2][column].set_xlabel("second")
        axes[0][column].set_yscale("log")
        axes[2][column].set_yscale("log")
    for row, title in enumerate(("limit", "goodput a second", "p99, ms")):
        axes[row][0].set_ylabel(title)
    return figure


def draw_course(axes, column, course):
    start, end = WINDOW.get(course["scenario"], (0, len(course["limit"]) - 1))
    every = max(1, (end - start) // 200)  # of many seconds, the mean of some
    for row, key in enumerate(("limit", "good", "p99_ms")):
        series = course[key][start:end]
        parts = [series[i:i + every] for i in range(0, len(series), every)]
        means = [sum(part) / len(part) or None for part in parts]
        axes[row][column].plot(range(start, start + len(series), every), means,
                               label=course["contestant"], color=COLOURS[course["contestant"]],
                               linewidth=2 if course["contestant"] == "slope" else 1)


# ---- The command ------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     usage="%(prog)s [-h] [--json FILE] [--from FILE] [--update] "
                                           "simulation [-- ARGUMENT ...]",
                                     epilog="What follows -- is for the program; see its --help.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("simulation", type=Path, help="the program control_simulation")
    servers.add_sources(parser, PAGE, "simulated")
    # By hand: argparse takes no positional arguments behind an option.
    words = sys.argv[1:]
    at = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:at])
    options.rest = words[at + 1:]
    return options


def simulate(options):
    text = subprocess.run([str(options.simulation.resolve()), "--json", *options.rest],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(text)


if __name__ == "__main__":
    sys.exit(servers.report(parse_arguments(), PAGE, "control", sys.modules[__name__], simulate))
