# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is shown of each tenant of a semaphore: totals of one snapshot, or rates between two."""

from dataclasses import dataclass
from typing import Optional

COUNTERS = ("acquired", "refused", "timed_out")


@dataclass
class TenantRow:
    """None: not known (no snapshot before, or of a tenant that is not shown by itself)."""

    name: str
    id: str  # "": the requests that name no tenant, and all tenants that are not shown
    weight: int
    held: int
    waiting: int
    use: Optional[float]  # permits on average; as a total, permit-seconds
    acquired: Optional[float]
    refused: Optional[float]
    timed_out: Optional[float]
    wait: Optional[float]  # seconds, on average, of those that got their permits after a wait


@dataclass
class TenantTable:
    """The tenants of one semaphore, those with most use first."""

    count: int  # also those that are not shown by themselves
    rows: list


def totals(snapshot):
    """(name, id) of a semaphore: TenantTable, since the tenants' creation."""
    return {key: _table(of_sem, lambda reading: _row(
                reading, {what: getattr(reading, what) for what in COUNTERS}, reading.used,
                _average(reading.wait_sum, reading.waits)))
            for key, of_sem in snapshot.tenants.items()}


def rates(before, now):
    """The same, per second between two snapshots; before may be None."""
    elapsed = now.at - before.at if before else 0
    tables = {}
    for key, of_sem in now.tenants.items():
        earlier = before.tenants.get(key) if before and elapsed > 0 else None
        old_readings = earlier.readings if earlier else {}
        tables[key] = _table(of_sem, lambda reading: _rate(
            old_readings.get((reading.name, reading.id)), reading, elapsed))
    return tables


def find(tables, text):
    """The key of the semaphore that `text` means: its name, or, as shown, name and #id, or #id."""
    def fits(key):
        name, number = key
        return text in (name, f"{name}#{number}", f"#{number}")

    return min(filter(fits, tables), default=None)


def _table(of_sem, row):
    return TenantTable(of_sem.count, sorted(map(row, of_sem.readings.values()), key=_place))


def _place(row):
    """Most use first; what is not known comes last, and then what is no tenant by itself."""
    return (not row.id, row.use is None, -(row.use or 0), -row.held - row.waiting, row.name, row.id)


def _rate(old, new, elapsed):
    grown = {what: _growth(old, new, what) for what in (*COUNTERS, "used", "waits", "wait_sum")}
    if any(number is not None and number < 0 for number in grown.values()):
        grown = dict.fromkeys(grown)  # another process
    rate = {what: None if number is None else number / elapsed for what, number in grown.items()}
    return _row(new, {what: rate[what] for what in COUNTERS}, rate["used"],
                _average(grown["wait_sum"], grown["waits"]))


def _growth(old, new, what):
    before, now = getattr(old, what, None), getattr(new, what)
    return None if before is None or now is None else now - before


def _average(total, count):
    return total / count if count else None


def _row(reading, counted, use, wait):
    return TenantRow(reading.name, reading.id, reading.weight, reading.held, reading.waiting, use,
                     **counted, wait=wait)
