#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs uring_server with a limit that finds itself, a fixed one and none, each under uring_load.

What the simulation shows, once for real: sockets, threads, io_uring, and a machine that server and
clients share. The backend of the server is a model, which says what its capacity is.
Without matplotlib the picture is missing.
"""

import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "report"))
import machine  # noqa: E402
import pages  # noqa: E402
import servers  # noqa: E402
from servers import Table  # noqa: E402

PAGE = pages.FOLDER / "control.md"

LOADS = (0.5, 0.8, 1, 1.2, 1.5, 2, 5)
PLACES, WORK_MS = 40, 25  # of the backend; a call's mean time
CAPACITY = PLACES * 1000 // WORK_MS  # calls per second
TIMEOUT_MS, DEADLINE_MS, QUEUE = 200, 250, 64
BACKENDS = {"queues": ["--backend-queues"], "shares": []}
LIMITS = {"auto": "auto", "fixed": str(PLACES), "none": "none"}
LIMIT = re.compile(r"^afflux_semaphore_permits_limit\{[^}]*\} (\S+)$", re.M)


def number(text, pattern):
    found = re.search(pattern, text, re.M)
    return float(found.group(1)) if found else 0.0


class Server(servers.Server):
    def __init__(self, folder, backend, limit):
        super().__init__(folder, ["--limit", LIMITS[limit], "--queue", QUEUE, "--backend", PLACES,
                                  *BACKENDS[backend], "--work-us", WORK_MS * 1000, "--work-varies",
                                  "--timeout-ms", TIMEOUT_MS, "--buffer-kib", 16])

    def limit(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            return float(LIMIT.search(answer.read().decode()).group(1))


def ask(folder, server, rate, seconds):
    """What the clients saw, and the limit meanwhile."""
    clients = int(rate * DEADLINE_MS / 1000 * 1.2) + 100
    command = [folder / "uring_load", "--port", server.port, "--connections", clients, "--rate",
               rate, "--deadline-ms", DEADLINE_MS, "--duration", seconds]
    limits = []
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                          text=True) as child:
        while child.poll() is None:
            limits.append(server.limit())
            time.sleep(0.25)
        text = child.stdout.read()
    if child.returncode != 0:
        raise RuntimeError(f"uring_load failed:\n{text}")
    row = r"^{} +\d+ +([\d.]+)".format
    return {"good": number(text, row("served")), "shed": number(text, row("shed")),
            "p99_ms": number(text, r"^served +\d+ +[\d.]+ +[\d.]+ +([\d.]+)"),
            "timeout": number(text, row("timeout")),
            "late": number(text, r"^late +(\d+)") / seconds,
            "behind_ms": number(text, r"or ([\d.]+) ms later"), "limits": limits}


def measure(folder, options):
    runs = []
    for backend in BACKENDS:
        for load in LOADS:
            for limit in LIMITS:
                with Server(folder, backend, limit) as server:
                    rate = round(load * CAPACITY)
                    before = ask(folder, server, rate, options.warm)
                    seen = ask(folder, server, rate, options.seconds)
                runs.append({"backend": backend, "load": load, "limit": limit, **seen,
                             "first_limits": before["limits"]})
                print(f"{backend}, load {load:g}, {limit}: {seen['good']:.0f}/s, "
                      f"p99 {seen['p99_ms']:.0f} ms", file=sys.stderr)
    return {"machine": machine.described(folder, 1), "seconds": options.seconds,
            "warm": options.warm, "runs": runs}


# ---- Tables and the picture -------------------------------------------------

TITLES = {"queues": "A backend with a queue", "shares": "A backend that all calls share"}


def row_of(runs):
    row = []
    for limit in LIMITS:
        one = runs[limit]
        row += [f"{one['good']:.0f}", f"{one['p99_ms']:.0f}" if one["good"] else "none"]
    limits = runs["auto"]["limits"]
    return [*row, f"{min(limits):.0f} … {sum(limits) / len(limits):.0f} … {max(limits):.0f}"]


def by_limit(found, backend, load):
    return {run["limit"]: run for run in found["runs"]
            if run["backend"] == backend and run["load"] == load}


def tables(found):
    heads = ["load"]
    for limit in LIMITS:
        name = f"fixed {PLACES}" if limit == "fixed" else limit
        heads += [f"{name}: goodput", "p99"]
    heads.append("limits of auto")
    made = []
    for backend in BACKENDS:
        rows = [[f"{load:g}", *row_of(by_limit(found, backend, load))] for load in LOADS]
        made.append(Table(TITLES[backend], heads, rows))
    made[0].pictures = [("Goodput and p99 under a limit that finds itself, a fixed one and none",
                         "control-real.svg")]
    made[-1].note = (
        "Goodput: requests per second that were answered 200 within the deadline. p99: of these, "
        "milliseconds from when a request was due, with its wait for a permit. 99 % of all "
        "requests were sent when due or at most "
        f"{max(run['behind_ms'] for run in found['runs']):.0f} ms later.")
    return made


def header(found):
    return (f"{found['machine']}. Each row and limit: {found['warm']} s that do not count, then "
            f"{found['seconds']} s.")


COLOURS = {"auto": "#d62728", "fixed": "#7f7f7f", "none": "#1f77b4"}


def draw(found, folder):
    pyplot = servers.plotter(folder)
    if pyplot is None:
        return
    figure, axes = pyplot.subplots(2, len(BACKENDS), sharey="row", figsize=(7.5, 5))
    for column, backend in enumerate(BACKENDS):
        for limit in LIMITS:
            runs = [by_limit(found, backend, load)[limit] for load in LOADS]
            for row, key in enumerate(("good", "p99_ms")):
                axes[row][column].plot(LOADS, [run[key] if run["good"] or row == 0 else None
                                               for run in runs], marker=".",
                                       label=f"fixed {PLACES}" if limit == "fixed" else limit,
                                       color=COLOURS[limit], linewidth=2 if limit == "auto" else 1)
                axes[row][column].set_xscale("log")
                axes[row][column].set_xticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
                axes[row][column].minorticks_off()
        axes[0][column].set_title(TITLES[backend])
        axes[1][column].set_xlabel("load")
    for row in axes:
        row[0].set_ylim(bottom=0)  # after all lines: it ends the scaling
    axes[0][0].set_ylabel("goodput, per second")
    axes[1][0].set_ylabel("p99, ms")
    servers.save(pyplot, figure, folder / "control-real.svg")


if __name__ == "__main__":
    sys.exit(servers.report_servers(PAGE, "control-real", sys.modules[__name__], warm=5))
