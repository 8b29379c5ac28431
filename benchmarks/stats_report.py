#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the benchmarks of statistics in C++ and in Go, and puts them side by side.

A figure is the median over the launches (and the best of them), a ratio the median of the ratios
within each launch. Nothing is asserted: "reached" is for information. Without Go its rows are
missing, without matplotlib the pictures. Exit status 1: a program could not be run, or the test of
100,000 operations failed.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources
import stats_figures as f  # noqa: E402
from report import machine, measure, nanoseconds, update  # noqa: E402

COUNTERS = ("write_ns", "allocs", "bytes")
GO = "stats_peers_go"
TOGETHER = "two|reader|writer"  # benchmarks in which threads meet


@dataclass(frozen=True)
class Program:
    """One process of each launch. One thread at work is only ever slowed down, so its best
    repetition counts; where threads meet, the median."""

    name: str
    pattern: str
    repetitions: int
    seconds: float
    one: object

    def command(self, folder, hurry):
        seconds = self.seconds / (5 if hurry else 1)
        if self.name == GO:
            return [str(folder / GO), "-test.run=^$", f"-test.bench={self.pattern}",
                    "-test.benchmem", f"-test.count={self.repetitions}",
                    f"-test.benchtime={seconds}s"]
        return [str(folder / self.name), "--benchmark_format=json",
                f"--benchmark_filter={self.pattern}", f"--benchmark_min_time={seconds}",
                f"--benchmark_repetitions={self.repetitions}",
                "--benchmark_enable_random_interleaving=true"]


PROGRAMS = (
    Program("bench_stats", f"-({TOGETHER}|/10000)", 9, 0.005, min),
    Program("bench_stats", "/10000", 3, 0.02, min),
    Program("bench_stats", TOGETHER, 3, 0.005, statistics.median),
    Program("bench_stats_shards", ".", 9, 0.005, min),
    Program(GO, "^Benchmark(Increment(_response|_dropped)?|Summary(_all_codes)?|Add|Remove|Fast_path"
            "|Snapshot)$", 9, 0.005, min),
    Program(GO, "Aggregate", 3, 0.02, min),
    Program(GO, TOGETHER, 3, 0.1, statistics.median),
)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./run bench stats", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--launches", type=int, help="launches of each program (default 7)")
    parser.add_argument("--quick", action="store_true", help="2 launches, each a fifth as long")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="source",
                        help="what --json wrote, instead of measuring")
    parser.add_argument("--update", type=Path, metavar="FILE",
                        help="put the tables into FILE, and the pictures into images/ beside it")
    return parser.parse_args()


# ---- Measuring --------------------------------------------------------------


def read_cpp(text):
    for run in json.loads(text)["benchmarks"]:
        if run.get("run_type") != "iteration" or run.get("error_occurred"):
            continue
        name = re.sub(r"/(iterations:\d+|manual_time|real_time)", "", run["run_name"])
        # A loop of one thread by its CPU time: others may use the machine, too.
        metrics = {"time": run["real_time" if "manual_time" in run["run_name"] else "cpu_time"]}
        yield name, metrics | {c: run[c] for c in COUNTERS if c in run}


def read_go(text):
    units = {"ns/op": "time", "B/op": "bytes", "allocs/op": "allocs", "write_ns": "write_ns",
             "cpu_ns": "cpu"}
    for line in text.splitlines():
        match = re.match(r"Benchmark(\w+/\S+?)(?:-\d+)?\s+\d+\s+(.*)", line)
        if not match:
            continue
        values = match.group(2).split()
        metrics = {units[unit]: float(value) for value, unit in zip(values[::2], values[1::2])
                   if unit in units}
        metrics["time"] = metrics.pop("cpu", metrics.get("time"))
        yield f"go/{match.group(1)[0].lower()}{match.group(1)[1:]}", metrics


def launch(program, options):
    """Runs one process; answers {benchmark: {metric: its repetitions in one number}}."""
    result = subprocess.run(program.command(options.folder.resolve(), options.quick), check=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                            timeout=600)
    samples = {}
    for name, metrics in (read_go if program.name == GO else read_cpp)(result.stdout):
        for metric, value in metrics.items():
            samples.setdefault(name, {}).setdefault(metric, []).append(value)
    return {name: {metric: program.one(values) for metric, values in metrics.items()}
            for name, metrics in samples.items()}


def wanted_of(options):
    return [p for p in PROGRAMS if p.name != GO or (options.folder / GO).exists()]


def go_test(folder):
    """The 100,000 operations in Go; what came of it, and whether that is good."""
    if not (folder / GO).exists():
        return "Go: not measured", True
    try:
        done = subprocess.run([str(folder.resolve() / GO), "-test.run=.", "-test.timeout=120s"],
                              stdout=subprocess.DEVNULL, check=False)
        good = done.returncode == 0
    except OSError:
        good = False
    return f"100,000 operations in Go, each way: {'all ended' if good else 'FAILED'}", good


# ---- Figures ----------------------------------------------------------------


class Figures:
    def __init__(self, results):
        self.results = results

    def samples(self, name, metric="time"):
        return [r[name][metric] for r in self.results if metric in r.get(name, {})]

    def get(self, name, metric="time"):
        values = self.samples(name, metric)
        return statistics.median(values) if values else None

    def ratio(self, name, yardstick):
        ratios = [r[name]["time"] / r[yardstick]["time"] for r in self.results
                  if name in r and yardstick in r]
        return statistics.median(ratios) if ratios else None

    def reached(self, goal, row, yardstick):
        value = (self.ratio(row.name, yardstick) if goal.what == "ratio"
                 else self.get(row.name, goal.what))
        return value is not None and value <= goal.bound


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 or value < 0.05 else f"{value:.1f}"


def cells(figures, section, row):
    time = figures.get(row.name)
    share = figures.ratio(row.name, section.yardstick)
    more = [number(figures.get(row.name, metric)) for metric in section.metrics]
    reached = all(figures.reached(g, row, section.yardstick) for g in row.goals)
    return [row.title, nanoseconds(time), nanoseconds(min(figures.samples(row.name))),
            "" if share is None or row.name == section.yardstick else f"{share:.2f}", *more,
            ", ".join(g.text for g in row.goals), ("yes" if reached else "no") if row.goals else ""]


def table(figures, section):
    rows = [row for row in section.rows if figures.get(row.name) is not None]
    if not rows:
        return []
    head = [section.title, "median", "best", "ratio", *section.metrics.values(), "goal", "reached"]
    yardstick = next((r.title for r in section.rows if r.name == section.yardstick), "")
    return [[head, *(cells(figures, section, row) for row in rows)], f"Ratio: to {yardstick}."]


def aggregate(figures):
    """A column for each size: µs, and ns a client."""
    body = []
    for way, title in f.AGGREGATE.items():
        names = [f"{f.named('aggregate', way)}/{size}" for size in f.SIZES]
        times = [figures.get(name) for name in names]
        if times[0] is None:
            continue
        line = [title, *(f"{t / 1000:,.1f} ({t / size:.0f})" if t else ""
                         for t, size in zip(times, f.SIZES))]
        if way == "afflux":
            line += [f"≤ {f.AGGREGATE_GOAL / 1000:g} µs for 100",
                     "yes" if times[0] <= f.AGGREGATE_GOAL else "no"]
        else:
            line += ["", ""]
        body.append(line)
    head = ["Add all clients of a registry up, µs (ns a client)",
            *(f"{size:,}" for size in f.SIZES), "goal", "reached"]
    return [[head, *body], ""] if body else []


def tables(figures):
    for part in (f.COUNTING, f.READING, None, f.REGISTRY, f.SEMAPHORE, f.STUDY):
        for section in [None] if part is None else part:
            made = aggregate(figures) if section is None else table(figures, section)
            if made:
                yield made


# ---- Output -----------------------------------------------------------------


def plain(figures):
    lines = []
    for rows, note in tables(figures):
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines += ["", *("  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                                  for i, (text, width) in enumerate(zip(row, widths))).rstrip()
                        for row in rows)]
        lines += [note] if note else []
    return "\n".join(lines) + "\n"


def markdown(header, figures, ended):
    lines = [f"{header}. {ended}."]
    for (head, *body), note in tables(figures):
        lines += ["", "| " + " | ".join(head) + " |",
                  "|---|" + "---:|" * (len(head) - 3) + "---|---|"]
        lines += ["| " + " | ".join(row) + " |" for row in body]
        lines += ["", note] if note else []
    return "\n".join(lines) + "\n"


def draw(figures, folder):
    try:
        import stats_pictures
    except ImportError:
        print("no matplotlib: no pictures", file=sys.stderr)
        return
    stats_pictures.draw(figures, folder)


def main():
    options = parse_arguments()
    failed = []
    if options.source:
        stored = json.loads(options.source.read_text())
        header, results, ended, good = (stored[k] for k in ("machine", "launches", "ended", "good"))
    else:
        launches = options.launches or (2 if options.quick else 7)
        header = machine(options, launches)
        ended, good = go_test(options.folder)
        results, failed = measure(wanted_of(options), launches, lambda p: launch(p, options),
                                  lambda p: f"{p.name} {p.pattern}")
    figures = Figures(results)
    print(f"{header}.\n{ended}.\n{plain(figures)}", end="")
    if options.json:
        stored = {"machine": header, "ended": ended, "good": good, "launches": results}
        options.json.write_text(json.dumps(stored, indent=1) + "\n")
    if options.update:
        update(options.update, markdown(header, figures, ended))
        draw(figures, options.update.parent / "images")
    for failure in sorted(set(failed)):
        print(f"failed: {failure}", file=sys.stderr)
    return 0 if good and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
