# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is shown of each semaphore: totals of one snapshot, or rates between two."""

import bisect
import math
from dataclasses import dataclass
from typing import Optional


@dataclass
class Row:
    """None: not known (no snapshot before, not counted, nobody has waited)."""

    name: str
    id: str
    limit: int
    held: int
    waiting: int
    acquired: Optional[float]  # whole as a total, as are the next two
    refused: Optional[float]
    timed_out: Optional[float]
    p99: Optional[float]  # seconds
    oldest: Optional[float]  # seconds; None: nobody waits


COUNTERS = ("acquired", "refused", "timed_out")

# By what rows can be sorted: every field but the id.
SORTABLE = ("name", "limit", "held", "waiting", "acquired", "refused", "timed_out", "p99", "oldest")


def totals(snapshot):
    """Rows with what has been counted since the semaphores' creation."""
    return [_row(reading, {what: getattr(reading, what) for what in COUNTERS},
                 quantile(reading.waits, {}))
            for reading in snapshot.readings.values()]


def rates(before, now):
    """Rows with events per second between two snapshots; before may be None."""
    rows = []
    for key, reading in now.readings.items():
        old = before.readings.get(key) if before else None
        elapsed = now.at - before.at if before else 0
        if old is None or elapsed <= 0 or _restarted(old, reading):
            rows.append(_row(reading, dict.fromkeys(COUNTERS), None))
            continue
        per_second = {what: None if grown is None else grown / elapsed
                      for what, grown in _growth(old, reading).items()}
        rows.append(_row(reading, per_second, quantile(reading.waits, old.waits)))
    return rows


def quantile(waits, earlier, share=0.99):
    """The time that `share` of the waits between two scrapes did not exceed, as Prometheus's
    histogram_quantile() has it: interpolated within its bucket; the last finite bound where it
    lies above that. None without waits."""
    bounds = sorted(waits)
    counts = [waits[bound] - _up_to(earlier, bound) for bound in bounds]
    if not counts or counts[-1] <= 0:
        return None
    rank = share * counts[-1]
    index = bisect.bisect_left(counts, rank)
    upper = bounds[index]
    if math.isinf(upper):
        return bounds[index - 1] if index else None
    lower, below = (bounds[index - 1], counts[index - 1]) if index else (0.0, 0)
    return lower + (upper - lower) * (rank - below) / (counts[index] - below)


def ordered(rows, column):
    """Names upwards, numbers downwards; what is not known comes last."""
    def place(row):
        value = getattr(row, column)
        return (value is None, 0 if value is None else -value, row.name, row.id)

    if column == "name":
        return sorted(rows, key=lambda row: (row.name, row.id))
    return sorted(rows, key=place)


def _row(reading, counted, p99):
    return Row(reading.name, reading.id, reading.limit, reading.held, reading.waiting,
               **counted, p99=p99, oldest=reading.oldest if reading.waiting else None)


def _growth(old, new):
    """By how much each total has grown; None where it is not counted."""
    pairs = {what: (getattr(old, what), getattr(new, what)) for what in COUNTERS}
    return {what: None if None in pair else pair[1] - pair[0] for what, pair in pairs.items()}


def _restarted(old, new):
    """A total that has shrunk belongs to another process."""
    return any(grown is not None and grown < 0 for grown in _growth(old, new).values()) or (
        bool(old.waits) and max(old.waits.values()) > max(new.waits.values(), default=0))


def _up_to(earlier, bound):
    """How many had waited at most so long. Where a bound is missing no wait had ended between it and
    the one below."""
    if bound in earlier:
        return earlier[bound]
    return max((count for other, count in earlier.items() if other < bound), default=0)
