#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the benchmarks in several launches and prints each figure beside its yardstick.

A figure is the median over the launches (and the best of them), a ratio the
median of the ratios within each launch. Nothing is asserted: "reached" is for
information. Exit status 1: a program could not be run.
"""

import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources
from figures import APART, FIGURES, GROUPS, MILLION, PROGRAMS  # noqa: E402

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
RATIO = "Ratio: to the nearest row above that has none, unless the row names another."
COUNTERS = ("per_second", "p50_us", "p99_us", "max_us", "spread", "rings",
            *(name + tail for name in ("call", "drained") for tail in ("", "_p99", "_p999")))


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("group", nargs="?", choices=(*GROUPS, *APART),
                        help="this instead of all others")
    parser.add_argument("--launches", type=int, help="launches of each program (default 7)")
    parser.add_argument("--quick", action="store_true", help="2 launches")
    parser.add_argument("--only", action="append", choices=GROUPS, help="this group; repeatable")
    parser.add_argument("--million", action="store_true", help="queues of 1 M waiters, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")
    parser.add_argument("--update-readme", "--update", type=Path, metavar="FILE",
                        help=f"put the tables between {BEGIN} and {END}")
    return parser.parse_intermixed_args()


# ---- Measuring --------------------------------------------------------------


def launch(program, options):
    """Runs one process; answers {benchmark: {metric: its repetitions in one number}}."""
    command = [str(options.folder.resolve() / program.name), *program.arguments,
               "--benchmark_format=json", f"--benchmark_repetitions={program.repetitions}",
               "--benchmark_enable_random_interleaving=true"]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=600,
                            check=True)
    samples = {}
    for run in json.loads(result.stdout)["benchmarks"]:
        if run.get("run_type") != "iteration" or run.get("error_occurred"):
            continue
        name = re.sub(r"/(iterations:\d+|manual_time|real_time)", "", run["run_name"])
        metrics = samples.setdefault(name, {})
        # A loop of one thread by its CPU time: others may use the machine, too.
        time = run["real_time" if "manual_time" in run["run_name"] else "cpu_time"]
        metrics.setdefault("time", []).append(time)
        for counter in COUNTERS:
            if counter in run:
                metrics.setdefault(counter, []).append(run[counter])
    one = min if program.best else statistics.median
    return {name: {metric: one(values) for metric, values in metrics.items()}
            for name, metrics in samples.items()}


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def groups_of(options):
    return [options.group] if options.group else options.only or GROUPS


def wanted_of(options):
    programs = PROGRAMS + ((MILLION,) if options.million else ())
    groups = groups_of(options)
    return [p for p in programs if p.group in groups and p.part_of not in groups]


def measure(programs, launches, launch_one, title):
    """Answers what launch_one(program) does, of all programs in one, for each launch; and the
    programs that failed, by their titles."""
    results, failed = [], []
    for number in range(launches):
        merged = {}
        for program in programs:
            progress(f"launch {number + 1} of {launches}: {title(program)}")
            try:
                merged.update(launch_one(program))
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                reason = getattr(error, "returncode", type(error).__name__)
                failed.append(f"{title(program)}: {reason}")
        results.append(merged)
    progress("")
    return results, failed


# ---- Figures ----------------------------------------------------------------


def evaluate(figure, results):
    """Answers the figure's row, or None when it was not measured."""
    mine = [r[figure.name] for r in results if figure.name in r]
    if not mine:
        return None
    main = "per_second" if figure.group == "contended" else figure.metric
    ratios = [r[figure.name][main] / r[figure.yardstick][main] for r in results
              if figure.name in r and figure.yardstick in r]
    values = {metric: statistics.median(m[metric] for m in mine) for metric in mine[0]}
    values["main"] = values[main]
    if "max_us" in values:  # the worst of all launches
        values["max_us"] = max(m["max_us"] for m in mine)
    if ratios:
        values["ratio"] = statistics.median(ratios)
    best = max if main == "per_second" else min
    return {
        "group": figure.group, "section": figure.section, "title": figure.title,
        "benchmark": figure.name, "yardstick": figure.yardstick, "metric": main,
        "best": best(m[main] for m in mine), **values,
        "goal": ", ".join(g.text for g in figure.goals),
        "reached": all(g.reached(values[g.metric]) for g in figure.goals if g.metric in values)
                   if figure.goals else None,
    }


def short(value):
    """Three digits: 1.23 M, 45.6 k, 789, 12.3."""
    for limit, suffix in ((1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{suffix}" if value < 1000 * limit else f"{value:.3g}"
    return f"{value:.3g}"


def nanoseconds(value):
    return f"{value:.{1 if value < 100 else 0}f}"


def cells(row):
    of_itself = row["benchmark"] == row["yardstick"] or "ratio" not in row
    share = "" if of_itself else f"{row['ratio']:.2f}"
    if row["group"] == "contended":
        waits = "/".join(short(row[m]) for m in ("p50_us", "p99_us", "max_us"))
        result = [row["title"], short(row["per_second"]), short(row["best"]), share, waits,
                  f"{100 * row['spread']:.1f} %"]
    else:
        number = short if row["metric"] == "per_second" else nanoseconds
        result = [row["title"], number(row["main"]), number(row["best"]), share]
    if row["group"] == "ports":
        tails = (row.get(f"{row['metric']}_{tail}") for tail in ("p99", "p999"))
        result += [" / ".join(short(tail) for tail in tails if tail is not None),
                   f"{row['rings']:.4g}" if "rings" in row else ""]
    return result + [row["goal"], {True: "yes", False: "no", None: ""}[row["reached"]]]


def heading(group):
    more = {"contended": ["wait p50/p99/max, µs", "spread"], "ports": ["p99 / p99.9", "rings"]}
    return ["", "median", "best", "ratio", *more.get(group, []), "goal", "reached"]


def sections(rows):
    result = {}
    for row in rows:
        result.setdefault((row["group"], row["section"]), []).append(row)
    return result


# ---- Output -----------------------------------------------------------------


def machine(options, launches):
    model = platform.machine()
    try:
        names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), flags=re.M)
        model = names[0] if names else model
    except OSError:
        pass
    compiler = "unknown compiler"
    try:
        targets = json.loads((options.folder.parent / "meson-info/intro-targets.json").read_text())
        command = next(source["compiler"] for target in targets
                       for source in target["target_sources"] if source.get("language") == "cpp")
        compiler = subprocess.run([*command, "--version"], capture_output=True, text=True,
                                  check=True).stdout.splitlines()[0]
    except (OSError, KeyError, ValueError, IndexError, StopIteration,
            subprocess.CalledProcessError):
        pass
    today = datetime.date.today().isoformat()
    count = f"{launches} launch{'es' if launches > 1 else ''}"
    return (f"{today}, {os.cpu_count()} × {model}, {platform.system()} {platform.release()}, "
            f"{compiler}, {count}, load before {os.getloadavg()[0]:.1f}")


def plain(header, rows):
    lines = [f"{header}.", RATIO]
    for (group, section), members in sections(rows).items():
        table = [heading(group), *(cells(row) for row in members)]
        widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
        lines += ["", section]
        for row in table:
            texts = [text.ljust(width) if i == 0 or i > 3 else text.rjust(width)
                     for i, (text, width) in enumerate(zip(row, widths))]
            lines.append("  " + "  ".join(texts).rstrip())
    return "\n".join(lines) + "\n"


def markdown(header, rows):
    lines = [f"{header}. {RATIO}"]
    for (group, section), members in sections(rows).items():
        titles = [section, *heading(group)[1:]]
        right = ["---", "---:", "---:", "---:"]
        lines += ["", "| " + " | ".join(titles) + " |",
                  "|" + "|".join(right + ["---"] * (len(titles) - 4)) + "|"]
        lines += ["| " + " | ".join(cells(row)) + " |" for row in members]
    return "\n".join(lines) + "\n"


def update(path, text):
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{path.name}: no {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


def main():
    options = parse_arguments()
    launches = options.launches or (2 if options.quick else 7)
    header = machine(options, launches)
    results, failed = measure(wanted_of(options), launches, lambda p: launch(p, options),
                              lambda p: " ".join((p.name, *p.arguments)))
    rows = [row for row in (evaluate(figure, results) for figure in FIGURES
                        if figure.group in groups_of(options)) if row]
    print(plain(header, rows), end="")
    if options.json:
        options.json.write_text(json.dumps({"machine": header, "figures": rows}, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(markdown(header, rows))
    if options.update_readme:
        update(options.update_readme, markdown(header, rows))
    for failure in sorted(set(failed)):
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
