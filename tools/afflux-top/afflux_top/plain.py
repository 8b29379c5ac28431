# SPDX-License-Identifier: MIT OR Apache-2.0
"""One look for scripts: plain columns, or JSON."""

import json
import time
from dataclasses import asdict

from . import rows, scrape

# The number, which tells apart those of one name, and the name come last: a name may have spaces.
GAUGES = [("LIMIT", "limit"), ("HELD", "held"), ("WAITING", "waiting")]
COUNTED = [("ACQUIRED", "acquired"), ("REFUSED", "refused"), ("TIMED_OUT", "timed_out")]
TIMES = [("P99_WAIT_S", "p99"), ("OLDEST_WAIT_S", "oldest")]


def look(url, interval, only_totals):
    """(rows, seconds between the two scrapes; None for totals)."""
    first = scrape.scrape(url)
    if only_totals:
        return rows.totals(first), None
    time.sleep(interval)
    second = scrape.scrape(url)
    return rows.rates(first, second), second.at - first.at


def columns(found, only_totals):
    """The table as text."""
    counted = COUNTED if only_totals else [(title + "/S", field) for title, field in COUNTED]
    shown = GAUGES + counted + TIMES
    lines = [[title for title, _ in shown] + ["ID", "NAME"]]
    lines += [[number(getattr(row, field)) for _, field in shown] +
              [printable(row.id).replace(" ", "_") or "-", printable(row.name) or "-"]
              for row in found]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "".join("  ".join(cell.rjust(width) for cell, width in zip(line[:-1], widths)) +
                   "  " + line[-1] + "\n" for line in lines)


def as_json(found, url, elapsed):
    """The same as an object; times in seconds, null for what is not known."""
    semaphores = [asdict(row) for row in found]
    return json.dumps({"url": url, "interval": elapsed, "semaphores": semaphores},
                      allow_nan=False) + "\n"


def number(value):
    """Never with an exponent, and without digits that say nothing."""
    if value is None:
        return "-"
    return f"{value:.9f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


def printable(text):
    """A name is anybody's text: control characters would drive the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
