#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs bench_waiter_queues in several launches and puts the four queue strategies side by side.

A figure is the median over the launches, a ratio that of the medians; runs of many threads
count only where other processes left the machine alone, if there were three such. Nothing is
asserted. Without valgrind there are no instructions, without matplotlib no pictures. Exit status 1:
a run failed.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources
from report import machine, progress, short, update  # noqa: E402

PROGRAM = "bench_waiter_queues"
STRATEGIES = ("mutex", "hybrid", "lockfree", "intrusive")
SIZES = (1, 10, 50, 100, 500, 1000)
SCENARIOS = {
    "wake_each": "queue, then release(1) each",
    "wake_all": "queue, then one release for all",
    "half_cancel": "queue, half cancel in random order, release(1) for the others",
    "no_wait": "no wait: acquire and release a free permit",
}
CALLS = {
    "acquire": "acquire_async that queues",
    "release": "release(1) with its completion",
    "cancel": "cancel, random order",
    "wake_all": "one release for all, until the completion",
}
CROWDS = {
    "callbacks": "Threads that leave callbacks, FAIR, always a queue",
    "blocking": "Threads that block for one permit, FAIR",
    "blocking_throughput": "Threads that block for one permit, THROUGHPUT",
}
LEVELS = {"high": "high, no work between", "medium": "medium, 200 ns of work",
          "low": "low, 1 µs of work"}
THREADS = (2, 4, 8, 16, 64)
QUANTILES = ("p50", "p95", "p99", "p999")

# filter, repetitions, what a launch keeps of them: one thread is only ever slowed down.
EACH_LAUNCH = (
    ("^turn/", 5, min, ("--benchmark_min_time=0.005",)),
    ("^latency/.*/(1|100|1000)/", 3, statistics.median, ()),
    ("^(callbacks|blocking)", 1, statistics.median, ()),
)
CALM = 0.15  # of the machine's CPU time, taken by others
# Waiters and the turns of two runs under valgrind, whose difference counts.
INSTRUCTION_RUNS = {1: (256, 2304), 100: (16, 48), 1000: (2, 6)}


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./run compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("docs", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--launches", type=int, default=9, help="default 9")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="source",
                        help="what --json wrote, instead of measuring")
    parser.add_argument("--update", action="store_true",
                        help="write the tables into docs/waiter-queues.md, and the pictures")
    return parser.parse_args()


# ---- Measuring --------------------------------------------------------------


def launch(folder, pattern, repetitions, keep, arguments=()):
    """One process; answers {benchmark: {metric: number}}."""
    command = [str(folder.resolve() / PROGRAM), f"--benchmark_filter={pattern}",
               "--benchmark_format=json", f"--benchmark_repetitions={repetitions}",
               "--benchmark_enable_random_interleaving=true", *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            timeout=600, check=True)
    samples = {}
    for run in json.loads(result.stdout)["benchmarks"]:
        if run.get("error_occurred"):  # that run does not count
            print(f"{run['run_name']}: {run['error_message']}", file=sys.stderr)
            continue
        if run.get("run_type") != "iteration":
            continue
        name = re.sub(r"/(iterations:\d+|manual_time)", "", run["run_name"])
        metrics = samples.setdefault(name, {})
        numbers = {k: v for k, v in run.items() if isinstance(v, float)}
        for metric, value in {**numbers, "time": run["cpu_time"]}.items():
            metrics.setdefault(metric, []).append(value)
    return {name: {metric: keep(values) for metric, values in metrics.items()}
            for name, metrics in samples.items()}


def instructions(folder):
    """Answers {scenario/strategy/waiters: instructions per waiter}."""

    def total(*arguments):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                   str(folder.resolve() / PROGRAM), "--instructions", *map(str, arguments)]
        result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True, timeout=600, check=True)
        return int(re.search(r"Collected\s*:\s*(\d+)", result.stderr).group(1))

    found = {}
    for scenario in SCENARIOS:
        for size, (few, many) in INSTRUCTION_RUNS.items():
            if scenario == "no_wait" and size != 1:
                continue
            for strategy in STRATEGIES:
                progress(f"instructions: {scenario}/{strategy}/{size}")
                more = (total(scenario, strategy, size, many)
                        - total(scenario, strategy, size, few))
                found[f"{scenario}/{strategy}/{size}"] = more / ((many - few) * size)
    return found


def measure(options):
    launches = []
    for number in range(options.launches):
        merged = {}
        for pattern, repetitions, keep, arguments in EACH_LAUNCH:
            progress(f"launch {number + 1} of {options.launches}: {pattern}")
            merged.update(launch(options.folder, pattern, repetitions, keep, arguments))
        launches.append(merged)
    memory = launch(options.folder, "^memory/", 1, min)
    counted = instructions(options.folder) if shutil.which("valgrind") else {}
    progress("")
    return {"launches": launches, "memory": memory, "instructions": counted}


# ---- Figures ----------------------------------------------------------------


class Figures:
    def __init__(self, measured):
        self.launches = measured["launches"]
        self.memory = measured["memory"]
        self.instructions = measured["instructions"]

    def calm(self):
        """How many of the runs of many threads had the machine to themselves, and of how many."""
        shares = [m["others"] for r in self.launches for m in r.values() if "others" in m]
        return sum(share <= CALM for share in shares), len(shares)

    def values(self, name, metric):
        runs = [r[name] for r in self.launches if metric in r.get(name, {})]
        calm = [r for r in runs if r.get("others", 0) <= CALM]
        return [r[metric] for r in (calm if len(calm) >= 3 else runs)]

    def get(self, name, metric):
        """The median over the launches, None where it was not measured."""
        values = self.values(name, metric)
        return statistics.median(values) if values else None

    def ratio(self, name, above, below, metric):
        """What the strategy `above` has, divided by what `below` has; `name` has a {}."""
        a, b = (self.get(name.format(strategy), metric) for strategy in (above, below))
        return a / b if a and b else None

    def gain(self, name, above, below):
        """Throughput of one over that of the other."""
        if name.startswith("turn/"):
            return self.ratio(name, below, above, "time")
        return self.ratio(name, above, below, "per_second")


def percent(gain):
    return "" if gain is None else f"{100 * (gain - 1):+.0f} %"


def number(value, digits=1):
    return "" if value is None else f"{value:.{digits}f}"


def spread(values):
    """The median, and from where to where the launches went."""
    if not values:
        return ""
    return f"{short(statistics.median(values))} ({short(min(values))} … {short(max(values))})"


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|---|" + "---:|" * (len(titles) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


COMPARED = ("HYBRID over MUTEX", "LOCKFREE over HYBRID", "LOCKFREE over MUTEX")
PAIRS = (("hybrid", "mutex"), ("lockfree", "hybrid"), ("lockfree", "mutex"))
NAMES = tuple(name.upper() for name in STRATEGIES)


def turn_tables(figures):
    lines = []
    for scenario, title in SCENARIOS.items():
        rows = []
        for size in SIZES if scenario != "no_wait" else (1,):
            name = f"turn/{scenario}/{{}}/{size}"
            times = [figures.get(name.format(s), "time") for s in STRATEGIES]
            rows.append([f"{size:,} waiter{'s' if size > 1 else ''}" if scenario != "no_wait"
                         else "nobody waits",
                         *(number(t and t / size) for t in times),
                         *(percent(figures.gain(name, *pair)) for pair in PAIRS)])
        lines += table([f"{title}: ns a waiter", *NAMES, *COMPARED], rows)
    return lines


def crowd_tables(figures):
    lines = []
    for crowd, title in CROWDS.items():
        rows = []
        for level, what in LEVELS.items():
            for threads in THREADS:
                name = f"{crowd}/{level}/{{}}/{threads}"
                rates = [figures.values(name.format(s), "per_second") for s in STRATEGIES]
                rows.append([f"{what}: {threads} threads", *(spread(r) for r in rates),
                             *(percent(figures.gain(name, *pair)) for pair in PAIRS)])
        lines += table([f"{title}: acquires a second, median (least … most)",
                        *NAMES, *COMPARED], rows)
    return lines


def quantiles(figures, name, unit):
    values = [figures.get(name, q) for q in QUANTILES]
    return "" if None in values else " / ".join(f"{v / unit:.3g}" if v < 1e3 * unit
                                                else f"{v / unit:.0f}" for v in values)


def latency_tables(figures):
    rows = []
    for what, title in CALLS.items():
        for size in (1, 100, 1000):
            rows.append([f"{title}: {size:,}", *(quantiles(figures, f"latency/{what}/{s}/{size}", 1)
                                                 for s in STRATEGIES)])
    lines = table(["One call, ns, p50 / p95 / p99 / p99.9", *NAMES], rows)
    for crowd, title in CROWDS.items():
        rows = [[f"{what}: {threads} threads",
                 *(quantiles(figures, f"{crowd}/{level}/{s}/{threads}", 1e3) for s in STRATEGIES)]
                for level, what in LEVELS.items() for threads in (2, 16, 64)]
        lines += table([f"{title}: wait, µs, p50 / p95 / p99 / p99.9", *NAMES], rows)
    return lines


def memory_table(figures):
    def row(title, size, metric, digits=0, plus=None):
        cells = []
        for strategy in STRATEGIES:
            metrics = figures.memory.get(f"memory/bytes/{strategy}/{size}", {})
            value = metrics.get(metric)
            if value is not None and plus:
                value += metrics[plus]
            cells.append(number(value, digits))
        return [title, *cells]

    crowds = [f"{c}/{level}/{{}}/{t}" for c in CROWDS for level in LEVELS for t in THREADS]
    most = [max((figures.get(n.format(s), "allocations") or 0 for n in crowds), default=0)
            for s in STRATEGIES]
    rows = [row("bytes: the semaphore, nobody waits", 1, "semaphore"),
            row("bytes: a waiter, the caller's memory", 1, "waiter")]
    rows += [row(f"bytes for each of {size:,} waiter{'s' if size > 1 else ''}, with what the queue "
                 "allocates", size, "queued", plus="waiter") for size in (1, 10, 100, 1000)]
    rows += [row("bytes kept after 1,000 waiters", 1000, "kept"),
             row("bytes for each further thread that has waited", 1000, "thread")]
    rows += [row(f"allocations a waiter, first time: {size:,}", size, "first_turn", 3)
             for size in (1, 10, 100, 1000)]
    rows += [row(f"allocations a waiter, later: {size:,}", size, "later_turns", 3)
             for size in (1, 1000)]
    rows.append(["allocations an acquire, crowds, at most", *(f"{m:.4f}" for m in most)])
    return table(["Memory", *NAMES], rows)


def instruction_table(figures):
    rows = []
    for scenario, title in SCENARIOS.items():
        for size in INSTRUCTION_RUNS:
            cells = [figures.instructions.get(f"{scenario}/{s}/{size}") for s in STRATEGIES]
            if any(cells):
                rows.append([f"{title}: {size:,}", *(number(c, 0) for c in cells)])
    return table(["Instructions a waiter", *NAMES], rows) if rows else []


# ---- Ratios -----------------------------------------------------------------


def ratios(figures):
    queues = [f"turn/{scenario}/{{}}/{size}" for scenario in SCENARIOS if scenario != "no_wait"
              for size in SIZES]
    groups = {"1 to 1,000 waiters, one thread": queues,
              **{title: [f"{crowd}/{level}/{{}}/{threads}" for level in LEVELS
                         for threads in THREADS] for crowd, title in CROWDS.items()}}
    rows = []
    for above, below in (("intrusive", "mutex"), ("hybrid", "mutex"), ("lockfree", "mutex")):
        for where, names in groups.items():
            gains = [g for g in (figures.gain(name, above, below) for name in names) if g]
            if gains:
                rows.append([f"{above.upper()} beside {below.upper()}", where,
                             *(f"{what(gains):.2f}" for what in (min, statistics.median, max))])
    return table(["throughput", "where", "least", "median", "most"], rows)


def page(header, figures):
    calm, runs = figures.calm()
    clock = figures.get("latency/acquire/mutex/100", "clock") or 0
    return "\n".join([
        f"{header}. Of the {runs} runs of many threads {calm} had the machine to themselves: other "
        f"processes took at most {100 * CALM:.0f} % of its CPU time.", "",
        "### Ratios", "", *ratios(figures),
        "### One thread", "", "![One thread](images/queues-turns.svg)", "", *turn_tables(figures),
        "### Many threads", "", "![Callbacks](images/queues-callbacks.svg)", "",
        "![Blocking threads](images/queues-blocking.svg)", "", *crowd_tables(figures),
        "### Latencies", "", "![Latencies](images/queues-latencies.svg)", "",
        f"Reading the clock is in each call's time: {clock:.0f} ns here.", "",
        *latency_tables(figures),
        "### Memory", "", *memory_table(figures),
        "### Instructions", "", "![Instructions](images/queues-instructions.svg)", "",
        *instruction_table(figures)])


def main():
    options = parse_arguments()
    try:
        if options.source:
            measured = json.loads(options.source.read_text())
        else:
            header = machine(options, options.launches)  # its load is that before
            measured = {"machine": header, **measure(options)}
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(measured) + "\n")
    figures = Figures(measured)
    text = page(measured["machine"], figures)
    print(text)
    if options.update:
        update(options.docs / "waiter-queues.md", text)
        try:
            from queue_pictures import draw
        except ImportError:
            print("no pictures: matplotlib is missing", file=sys.stderr)
        else:
            draw(figures, options.docs / "images")
    return 0


if __name__ == "__main__":
    sys.exit(main())
