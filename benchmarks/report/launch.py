# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the programs, and reads what they print.

One launch is a process of each program. It answers {benchmark: {metric: number}}, with the
repetitions of a process in one number: the best where one thread is at work, for others can only
slow it down; the median where threads meet.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

SKIPPED = 77  # a script says so where its toolchain is missing
SECONDS = 600  # the longest that a process may take


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def title(program):
    words = (program["name"], program.get("kind", ""), program.get("filter", ""),
             *program.get("arguments", []))
    return " ".join(word for word in words if word)


# ---- Google Benchmark -------------------------------------------------------


def google_command(program, folder, hurry):
    command = [str(folder / program["name"]), *program.get("arguments", []),
               "--benchmark_format=json", "--benchmark_enable_random_interleaving=true",
               f"--benchmark_repetitions={program.get('repetitions', 1)}"]
    if "filter" in program:
        command.append(f"--benchmark_filter={program['filter']}")
    if "seconds" in program:
        command.append(f"--benchmark_min_time={program['seconds'] / (5 if hurry else 1)}")
    return command


def benchmark_name(run):
    return re.sub(r"/(iterations:\d+|manual_time|real_time)", "", run)


def read_google(text):
    for run in json.loads(text)["benchmarks"]:
        name = benchmark_name(run["run_name"])
        if run.get("error_occurred"):  # the run does not count
            print(f"{name}: {run['error_message']}", file=sys.stderr)
            continue
        if run.get("run_type") != "iteration":
            continue
        counters = {key: value for key, value in run.items()
                    if isinstance(value, float) and key not in ("real_time", "cpu_time")}
        # A loop of one thread by its CPU time: others may use the machine, too.
        time = run["real_time" if "manual_time" in run["run_name"] else "cpu_time"]
        yield name, {"time": time} | counters


# ---- Go ---------------------------------------------------------------------


def go_command(program, folder, hurry):
    seconds = program["seconds"] / (5 if hurry else 1)
    return [str(folder / program["name"]), "-test.run=^$", f"-test.bench={program['filter']}",
            "-test.benchmem", f"-test.count={program['repetitions']}",
            f"-test.benchtime={seconds}s"]


def read_go(text):
    """BenchmarkAdd/atomics-2 is add/go_atomics here."""
    units = {"ns/op": "time", "B/op": "bytes", "allocs/op": "allocs", "write_ns": "write_ns",
             "cpu_ns": "cpu"}
    for line in text.splitlines():
        match = re.match(r"Benchmark(\w+)/(\S+?)(?:-\d+)?\s+\d+\s+(.*)", line)
        if not match:
            continue
        operation, way, rest = match.groups()
        values = rest.split()
        metrics = {units[unit]: float(value) for value, unit in zip(values[::2], values[1::2])
                   if unit in units}
        metrics["time"] = metrics.pop("cpu", metrics.get("time"))
        yield f"{operation[0].lower()}{operation[1:]}/go_{way}", metrics


# ---- A binding's benchmark ----------------------------------------------------

ROOT = Path(__file__).resolve().parents[2]


def script_environment(folder):
    """Leads to the library of the build folder."""
    build = folder.parent
    return os.environ | {"PKG_CONFIG_PATH": str(build / "bindings"),
                         "LD_LIBRARY_PATH": str(build / "capi")}


def read_lines(text):
    """A line of JSON for each row: {"name", "ns", "rival"}, the last two in nanoseconds."""
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        row = json.loads(line)
        name = re.sub(r"\W+", "_", row["name"]).strip("_").lower()
        yield f"{name}/afflux", {"time": row["ns"]}
        yield f"{name}/rival", {"time": row["rival"]}


def run_script(program, folder):
    result = subprocess.run(["sh", str(ROOT / program["name"])], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, timeout=SECONDS, check=True,
                            env=script_environment(folder))
    return dict(read_lines(result.stdout))


# ---- callgrind --------------------------------------------------------------


def count_instructions(program, folder):
    """Yields instructions/SCENARIO/STRATEGY/WAITERS: instructions per waiter."""

    def total(*arguments):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                   str(folder / program["name"]), "--instructions", *map(str, arguments)]
        result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True, timeout=SECONDS, check=True)
        return int(re.search(r"Collected\s*:\s*(\d+)", result.stderr).group(1))

    for runs in program["runs"]:
        waiters, (few, many) = runs["waiters"], runs["turns"]
        for scenario in runs["scenarios"]:
            for strategy in program["strategies"]:
                progress(f"instructions: {scenario}/{strategy}/{waiters}")
                more = (total(scenario, strategy, waiters, many)
                        - total(scenario, strategy, waiters, few))
                yield (f"instructions/{scenario}/{strategy}/{waiters}",
                       {"instructions": more / ((many - few) * waiters)})


# ---- Launches ---------------------------------------------------------------


def is_there(program, folder):
    """Without Go, valgrind, or a binding's toolchain their rows are missing, and nothing has
    failed."""
    match program.get("kind"):
        case "go":
            return (folder / program["name"]).exists()
        case "callgrind":
            return shutil.which("valgrind") is not None
        case "script":
            return "needs" not in program or shutil.which(program["needs"]) is not None
    return True


def run_program(program, folder, hurry):
    if program.get("kind") == "callgrind":
        return dict(count_instructions(program, folder))
    if program.get("kind") == "script":
        return run_script(program, folder)
    command, read = ((go_command, read_go) if program.get("kind") == "go" else
                     (google_command, read_google))
    result = subprocess.run(command(program, folder, hurry), stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, timeout=SECONDS, check=True)
    samples = {}
    for name, metrics in read(result.stdout):
        for metric, value in metrics.items():
            samples.setdefault(name, {}).setdefault(metric, []).append(value)
    one = min if program.get("keep") == "best" else statistics.median
    return {name: {metric: one(values) for metric, values in metrics.items()}
            for name, metrics in samples.items()}


def chosen(groups, asked):
    """The programs of these groups, without those that another of the groups runs anyway."""
    names = [group.name for group in groups]
    return [program for group in groups for program in group.programs
            if program.get("part_of") not in names
            and program.get("asked_by", "") in ("", *asked)]


def measure(programs, launches, folder, hurry):
    """Answers the results of each launch, and the titles of the programs that failed."""
    results, failed = [], set()
    for number in range(launches):
        merged = {}
        for program in programs:
            if not is_there(program, folder) or (program.get("once") and number > 0):
                continue
            progress(f"launch {number + 1} of {launches}: {title(program)}")
            try:
                merged |= run_program(program, folder, hurry)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                reason = getattr(error, "returncode", type(error).__name__)
                if reason == SKIPPED:
                    continue
                failed.add(f"{title(program)}: {reason}")
        results.append(merged)
    progress("")
    return results, failed


def check(program, folder):
    """Runs a test that goes with the figures; answers its line, and whether it passed."""
    path = folder / program["name"]
    if not path.exists():
        return f"{program['text']}: not run", True
    good = subprocess.run([str(path), *program["arguments"]], stdout=subprocess.DEVNULL,
                          timeout=SECONDS, check=False).returncode == 0
    return f"{program['text']}: {'all ended' if good else 'FAILED'}", good
