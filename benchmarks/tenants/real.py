#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""One abusive client and 50 polite ones, before and after: uring_server without and with --tenants.

Sockets, threads and io_uring are real, and server and clients share the machine. The backend of the
server is a model, which says what its capacity is. Without matplotlib the picture is missing.
"""

import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "report"))
import machine  # noqa: E402
import pages  # noqa: E402
import servers  # noqa: E402
from servers import Server, Table  # noqa: E402

PAGE = pages.FOLDER / "tenants.md"
PLACES, WORK_MS = 40, 25  # of the backend; a call's mean time
CAPACITY = PLACES * 1000 // WORK_MS  # calls per second
POLITE = 50
POLITE_RATE = 10  # requests per second of each
DEADLINE_MS, QUEUE = 250, 64
SERVER = ["--limit", PLACES, "--backend", PLACES, "--backend-queues", "--work-us", WORK_MS * 1000,
          "--work-varies", "--buffer-kib", 16]
# The server's bound of the queue, the clients' time limit, and what the abuser does.
ABUSES = {
    "flood": {"title": "A flood: three times the capacity, whatever the answers",
              "server": ["--queue", QUEUE], "load": ["--deadline-ms", DEADLINE_MS],
              "abuser": f"abuser=1500:{3 * CAPACITY}"},
    "crowd": {"title": "A crowd: 400 connections that ask again at once",
              "server": ["--queue", 0], "load": [], "abuser": "abuser=400"},
}
CASES = {"alone": "without the abuser", "before": "no tenants", "after": "tenants"}


# ---- Measuring --------------------------------------------------------------


def ask(folder, server, words, seconds):
    """What uring_load tells of each tenant, and how late it was."""
    command = [folder / "uring_load", "--port", server.port, "--duration", seconds, *words]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"uring_load failed:\n{done.stdout}")
    heads, *rows = done.stdout[done.stdout.index("\ntenant  ") + 1:].splitlines()
    columns = re.split(r"  +", heads)[1:]
    seen = {row.split()[0]: dict(zip(columns, map(float, row.split()[1:]))) for row in rows}
    behind = re.search(r"or ([\d.]+) ms later", done.stdout)
    return {"tenants": seen, "behind_ms": float(behind.group(1))}


def measure(folder, options):
    runs = {}
    for abuse, what in ABUSES.items():
        for case in CASES:
            tenants = ["--tenant", f"polite=8:{POLITE_RATE}:{POLITE}"]
            if case != "alone":
                tenants += ["--tenant", what["abuser"]]
            words = [*what["load"], *tenants]
            with Server(folder, [*SERVER, *what["server"],
                                 *(["--tenants"] if case == "after" else [])]) as server:
                ask(folder, server, words, options.warm)
                one = ask(folder, server, words, options.seconds)
            runs[f"{abuse}/{case}"] = one
            polite = one["tenants"]["polite"]
            print(f"{abuse}, {CASES[case]}: polite {polite['good']:.1f} % served, "
                  f"p99 {polite['p99 ms']:.0f} ms", file=sys.stderr)
    return {"machine": machine.described(folder, 1), "seconds": options.seconds,
            "warm": options.warm, "runs": runs}


# ---- Tables and the picture -------------------------------------------------


def polite_ones(one):
    """Each by itself."""
    return [one["tenants"][f"polite-{number}"] for number in range(1, POLITE + 1)]


def row_of(title, seconds, all_of, each):
    row = [title, f"{all_of['sent'] / seconds:.0f}", f"{all_of['served'] / seconds:.0f}",
           f"{all_of['good']:.1f} %", f"{min(one['good'] for one in each):.1f} %"]
    for column in ("p50 ms", "p99 ms"):
        row.append(f"{all_of[column]:.0f}" if all_of["served"] else "none")
    return [*row, f"{max(one['p99 ms'] for one in each):.0f}" if all_of["served"] else "none"]


def tables(found):
    heads = ["", "asked, per second", "served", "share served", "the least of a client", "p50",
             "p99", "the most of a client"]
    made = []
    for abuse, what in ABUSES.items():
        rows = []
        for case, title in CASES.items():
            one = found["runs"][f"{abuse}/{case}"]
            rows.append(row_of(f"50 polite clients, {title}", found["seconds"],
                               one["tenants"]["polite"], polite_ones(one)))
        for case in ("before", "after"):
            abuser = found["runs"][f"{abuse}/{case}"]["tenants"]["abuser"]
            rows.append(row_of(f"the abuser, {CASES[case]}", found["seconds"], abuser, [abuser]))
        made.append(Table(what["title"], heads, rows))
    made[0].pictures = [("What each of 50 polite clients gets beside an abuser: the share served, "
                         "and p99, without and with tenants", "tenants-real.svg")]
    made[-1].note = (
        "p50, p99: of the requests that were served, milliseconds from when a request was due "
        "(of the crowd: was sent) to the whole answer. 99 % of the requests that were due were "
        "sent then or at most "
        f"{max(one['behind_ms'] for one in found['runs'].values()):.0f} ms later.")
    return made


def header(found):
    return (f"{found['machine']}. Each row: {found['warm']} s that do not count, then "
            f"{found['seconds']} s.")


COLOURS = {"alone": "#7f7f7f", "before": "#1f77b4", "after": "#d62728"}


def draw(found, folder):
    pyplot = servers.plotter(folder)
    if pyplot is None:
        return
    figure, axes = pyplot.subplots(2, len(ABUSES), sharey="row", figsize=(8, 5.2))
    for column, abuse in enumerate(ABUSES):
        for case, title in CASES.items():
            each = polite_ones(found["runs"][f"{abuse}/{case}"])
            for row, key in enumerate(("good", "p99 ms")):
                values = [one[key] if one["served"] else None for one in each]
                axes[row][column].plot(range(1, POLITE + 1), values, ".", label=title,
                                       color=COLOURS[case])
        axes[0][column].set_title(abuse)
        axes[1][column].set_xlabel("polite client")
    for row, label in enumerate(("served, %", "p99, ms")):
        axes[row][0].set_ylim(bottom=0)  # after all dots: it ends the scaling
        axes[row][0].set_ylabel(label)
    servers.save(pyplot, figure, folder / "tenants-real.svg")


if __name__ == "__main__":
    sys.exit(servers.report_servers(PAGE, "tenants-real", sys.modules[__name__], warm=3))
