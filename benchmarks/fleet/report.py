#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a fleet promises and costs: Doorman's simulation, what can go wrong for real beside other
schemes, and many holders on one redis-server.

The simulation is exact: the same seeds give the same figures. The others are measured.
"""

import argparse
import json
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
from servers import Table  # noqa: E402

PAGE = pages.FOLDER / "fleet.md"
OTHER = HERE.parents[1] / "tests" / "fleet_proof" / "other_holder.py"
SEEDS = (1, 2, 3)
SCHEMES = {"afflux-fleet": "afflux-fleet", "permit-leases": "permit leases by clients' clocks",
           "counter": "INCR, DECR and a TTL"}


def chaos(build, *words):
    folder = build / "tests" / "fleet_proof"
    command = [folder / "fleet_chaos", "--clock-shift", folder / "fleet_clock_shift.so", *words]
    run = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                         check=False)
    if run.returncode not in (0, 1):
        raise RuntimeError("fleet_chaos did not run: is there a redis-server?")
    return run.stdout


def compared(build, name, seed):
    """A row: work done, excesses, most at once, ms above, leaked."""
    holder = ["--holder", build / "tests" / "fleet_proof" / "fleet_holder"]
    if name != "afflux-fleet":
        holder = ["--holder", OTHER, "--other", sys.executable, "--name", name]
    text = chaos(build, *holder, "--seed", seed, "--row")
    row = [cell.strip() for cell in text.strip().strip("|").split("|")]
    work, excesses, most, above, leaked = row[1], row[2], row[3].split()[0], row[4], row[5]
    return {"name": name, "work": int(work), "excesses": int(excesses), "most": int(most),
            "above_ms": float(above), "leaked": int(leaked)}


def long_run(build):
    text = chaos(build, "--holder", build / "tests" / "fleet_proof" / "fleet_holder", "--seed", 7,
                 "--holders", 50, "--limit", 100, "--rounds", 5, "--quiet", 5000)

    def found(pattern):
        return [float(number) for number in re.search(pattern, text).groups()]

    return {"seconds": found(r"([\d.]+) s, ")[0], "work": found(r"s, (\d+) pieces")[0],
            "looks": found(r"(\d+) looks")[0],
            "quiet": found(r"quiet: ([\d.]+) % of the limit leased, ([\d.]+) %"),
            "again": found(r"again after ([\d.]+) leases \(median\), ([\d.]+)"),
            "most": found(r"most at once: (\d+) by marks, (\d+) at"),
            "refused": found(r"refused: (\d+) by the resource, (\d+) by"),
            "above": found(r"above the limit: (\d+) times by marks, (\d+) times")}


def program(build, name, *words):
    run = subprocess.run([str(build / "benchmarks" / name), *words], stdout=subprocess.PIPE,
                         text=True, check=True)
    return json.loads(run.stdout)


def measure(options):
    build = options.build.resolve()
    found = {"machine": machine.described(build / "benchmarks", 1),
             "simulated": program(build, "fleet_simulation", "10")}
    found["crowd"] = program(build, "fleet_crowd")
    found["long"] = long_run(build)
    found["compared"] = [compared(build, name, seed) for name in SCHEMES for seed in SEEDS]
    return found


# ---- Tables


def simulated(found):
    rows = [["Doorman, as published", "300 / 5", "96.6 %", "", "", "14", "106.05 %", "up to 120 s",
             ""]]
    for one in found["simulated"]:
        rows.append([f"afflux-fleet {one['name']}", f"{one['lease_s']} / {one['refresh_s']}",
                     f"{one['given']:.1%}".replace("%", " %"),
                     f"{one['used']:.1%}".replace("%", " %"),
                     f"{one['used_present']:.1%}".replace("%", " %"), str(one["overshoots"]),
                     f"{one['most']:.2%}".replace("%", " %"),
                     f"{one['recovery_median_s']:.1f} s, {one['recovery_p95_s']:.1f} s, "
                     f"{one['recovery_most_s']:.1f} s",
                     f"{one['exchanges_per_client_second']:.2f}"])
    table = Table("Doorman's simulation", [
        "", "lease / refresh, s", "handed out", "used of what is wanted",
        "while the engine is there", "overshoots", "most", "to 97 % after a mishap",
        "messages per client and second"], rows)
    table.note = ("Handed out: of the capacity, mean over the hour. To 97 %: median, 95th "
                  "percentile, most. "
                  f"Means over {found['simulated'][0]['seeds']} seeds; overshoots of all.")
    return table


def went_wrong(found):
    rows = []
    for name, told in SCHEMES.items():
        runs = [run for run in found["compared"] if run["name"] == name]
        rows.append([told, str(sum(run["excesses"] for run in runs)),
                     f"{max(run['most'] for run in runs)} of 24",
                     f"{sum(run['above_ms'] for run in runs):.0f}",
                     str(sum(run["leaked"] for run in runs)),
                     str(sum(run["work"] for run in runs))])
    table = Table("What can go wrong", ["", "times above the limit", "most at once", "ms above",
                                        "permits leaked", "pieces of work"], rows)
    one = found["long"]
    table.note = (
        f"Each: {len(SEEDS)} seeds, 12 processes. A longer one of afflux-fleet, 50 processes, "
        f"limit 100, each fault five times in {one['seconds']:.0f} s: {one['work']:.0f} pieces of "
        "work, "
        f"{one['above'][0]:.0f} times above the limit by {one['looks']:.0f} looks at the marks, "
        f"{one['above'][1]:.0f} times at the resource; {one['most'][0]:.0f} at once at most; "
        f"{one['refused'][0]:.0f} steps refused by the resource and {one['refused'][1]:.0f} given "
        f"up by holders that read their fence; in quiet time {one['quiet'][0]:.1f} % of the limit "
        f"leased and {one['quiet'][1]:.1f} % at work; in use again after {one['again'][0]:.1f} "
        f"leases (median), {one['again'][1]:.1f} (most).")
    return table


def crowd(found):
    one = found["crowd"]
    holders = one["holders"]
    rows = []
    for key, told in (("rest", "at rest"), ("half", "half of them, at 80 % of the limit"),
                      ("full", "all want more than there is")):
        rows.append([told, f"{one[key]['exchanges']:.0f}",
                     f"{one[key]['exchanges'] / holders:.2f}",
                     f"{one[key]['server']:.1%}".replace("%", " %")])
    table = Table("Many holders on one server", ["", "messages per second", "of each holder",
                                                 "redis-server, of one CPU"], rows)
    table.note = (
        f"{holders} holders in {one['processes']} processes, limit {one['limit']}, default lease "
        f"and refresh interval. At 80 %: {one['half']['fast']:.2%} of acquires found their permit "
        f"leased already. With all wanting: {one['full']['leased']:.1%} of the limit leased. Half "
        f"of the holders stop and the others begin: 95 % of the limit is theirs after "
        f"{one['moves_median_s']:.2f} s (median), {one['moves_most_s']:.2f} s (most). Leases that "
        f"lapsed meanwhile: {one['lapses']:.0f}. One server does {one['ceiling']:.0f} exchanges "
        "per second at most, by two connections.").replace("%", " %").replace("  %", " %")
    return table


def tables(found):
    return [simulated(found), went_wrong(found), crowd(found)]


def header(found):
    return (f"{found['machine']}. The machine was shared with other work all the time; what is "
            "simulated does not depend on it.")


def draw(found, folder):
    del found, folder  # no pictures


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="the build folder")
    servers.add_sources(parser, PAGE, "measured")
    return servers.report(parser.parse_args(), PAGE, "fleet", sys.modules[__name__], measure)


if __name__ == "__main__":
    sys.exit(main())
