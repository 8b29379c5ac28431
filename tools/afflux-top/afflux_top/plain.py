# SPDX-License-Identifier: MIT OR Apache-2.0
"""One look for scripts: plain columns, or JSON."""

import json
import time
from dataclasses import asdict

from . import rows, scrape, tenants

# The number, which tells apart those of one name, and the name come last: a name may have spaces.
GAUGES = [("LIMIT", "limit"), ("HELD", "held"), ("WAITING", "waiting")]
COUNTED = [("ACQUIRED", "acquired"), ("REFUSED", "refused"), ("TIMED_OUT", "timed_out")]
TIMES = [("P99_WAIT_S", "p99"), ("OLDEST_WAIT_S", "oldest")]
TENANT_GAUGES = [("WEIGHT", "weight"), ("HELD", "held"), ("WAITING", "waiting")]
TENANT_TIMES = [("AVG_WAIT_S", "wait")]


def look(url, interval, only_totals, kind=rows):
    """(what `kind` makes of it, seconds between the two scrapes; None for totals)."""
    first = scrape.scrape(url)
    if only_totals:
        return kind.totals(first), None
    time.sleep(interval)
    second = scrape.scrape(url)
    return kind.rates(first, second), second.at - first.at


def look_at_tenants(url, interval, only_totals, semaphore):
    """(key of the semaphore, its TenantTable, seconds between the two scrapes)."""
    tables, elapsed = look(url, interval, only_totals, tenants)
    key = tenants.find(tables, semaphore)
    if key is None:
        raise scrape.ScrapeError(f"no tenants of '{semaphore}'")
    return key, tables[key], elapsed


def columns(found, only_totals):
    """The table as text."""
    return _text(GAUGES + _counted(only_totals) + TIMES, found)


def tenant_columns(found, only_totals):
    """Likewise, of tenants."""
    use = [("PERMIT_S" if only_totals else "USE", "use")]
    return _text(TENANT_GAUGES + use + _counted(only_totals) + TENANT_TIMES, found)


def _counted(only_totals):
    return COUNTED if only_totals else [(title + "/S", field) for title, field in COUNTED]


def _text(shown, found):
    lines = [[title for title, _ in shown] + ["ID", "NAME"]]
    lines += [[number(getattr(row, field)) for _, field in shown] +
              [printable(row.id).replace(" ", "_") or "-", printable(row.name) or "-"]
              for row in found]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "".join("  ".join(cell.rjust(width) for cell, width in zip(line[:-1], widths)) +
                   "  " + line[-1] + "\n" for line in lines)


def as_json(found, url, elapsed):
    """The same as an object; times in seconds, null for what is not known."""
    return _json({"url": url, "interval": elapsed, "semaphores": [asdict(row) for row in found]})


def tenants_as_json(key, table, url, elapsed):
    """Likewise, of tenants."""
    name, number_of_sem = key
    return _json({"url": url, "interval": elapsed, "semaphore": name, "id": number_of_sem,
                  "count": table.count, "tenants": [asdict(row) for row in table.rows]})


def _json(answer):
    return json.dumps(answer, allow_nan=False) + "\n"


def number(value):
    """Never with an exponent, and without digits that say nothing."""
    if value is None:
        return "-"
    return f"{value:.9f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


def printable(text):
    """A name is anybody's text: control characters would drive the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
