# SPDX-License-Identifier: MIT OR Apache-2.0
"""The table of the live view."""

from collections import Counter
from dataclasses import dataclass
from typing import Callable

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from .plain import printable


def short(value):
    """Three digits that matter, and a unit: 999, 12.3k, 4.56M."""
    for unit in ("", "k", "M", "G"):
        if abs(value) < 999.5:
            break
        value /= 1000
    else:
        unit = "T"
    return (_three_digits(value) if unit or value % 1 else f"{value:.0f}") + unit


def short_time(seconds):
    """1.20ms, 3.45s, 2m05s, 3h04m."""
    if seconds >= 59.95:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 0.9995:
            return _three_digits(seconds * factor) + unit
    return f"{seconds * 1e9:.0f}ns"


def _three_digits(value):
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


@dataclass
class Column:
    """What is shown of a field, and how it is drawn where it deserves a look."""

    title: str
    field: str
    width: int
    show: Callable = short
    style: Callable = lambda row: ""


@dataclass
class Layout:
    """The columns, as they stand on the screen behind the name, and the fields that a narrow
    terminal goes without, the first first."""

    name: str
    columns: list
    dispensable: list


def _waiting(row):
    return "yellow" if row.waiting else ""


REFUSED = Column("REFUSED/s", "refused", 9, style=lambda row: "bold red" if row.refused else "")
TIMED_OUT = Column("TIMEOUT/s", "timed_out", 9,
                   style=lambda row: "bold red" if row.timed_out else "")

SEMAPHORES = Layout("NAME", [
    Column("LIMIT", "limit", 5),
    Column("HELD", "held", 5, style=lambda row:
           "bold magenta" if row.held > row.limit else "yellow" if row.held == row.limit else ""),
    Column("WAITING", "waiting", 7, style=_waiting),
    Column("ACQ/s", "acquired", 5),
    REFUSED,
    TIMED_OUT,
    Column("P99 WAIT", "p99", 8, short_time),
    Column("OLDEST", "oldest", 7, short_time),
], ["timed_out", "oldest", "p99", "refused", "acquired", "limit", "waiting", "held"])

TENANTS = Layout("TENANT", [
    Column("WEIGHT", "weight", 6),
    Column("HELD", "held", 5),
    Column("WAITING", "waiting", 7, style=_waiting),
    Column("USE", "use", 5),
    Column("ACQ/s", "acquired", 5),
    REFUSED,
    TIMED_OUT,
    Column("AVG WAIT", "wait", 8, short_time),
], ["timed_out", "wait", "refused", "weight", "acquired", "use", "waiting", "held"])

LEAST_NAME = 12


def table(layout, shown, everything, sort, width, old):
    """`shown` rows as a table for a terminal of that width. `everything`: to tell names apart;
    `old`: they are not of now."""
    chosen = _that_fit(layout, width)
    grid = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False,
                 header_style="bold")
    name_width = max(1, width - _taken_by(chosen))
    grid.add_column(_title(layout.name, sort == "name"), no_wrap=True, overflow="ellipsis",
                    width=name_width)
    for column in chosen:
        grid.add_column(_title(column.title, sort == column.field), justify="right",
                        no_wrap=True, width=column.width)
    names = Counter(row.name for row in everything)
    for row in shown:
        cells = [_name(row, names, name_width), *(_cell(column, row) for column in chosen)]
        for cell in cells if old else ():
            cell.style = "dim"
        grid.add_row(*cells)
    return grid


def _that_fit(layout, width):
    chosen = layout.columns
    for field in layout.dispensable:
        if _taken_by(chosen) + LEAST_NAME <= width:
            break
        chosen = [column for column in chosen if column.field != field]
    return chosen


def _taken_by(columns):
    return sum(column.width + 1 for column in columns)


def _title(text, sorted_by):
    return Text(text, style="reverse" if sorted_by else "")


def _name(row, names, width):
    """The number tells apart what has the same name or none."""
    text = printable(row.name)
    if text and (names[row.name] == 1 or not row.id):
        return Text(text)
    number = f"#{printable(row.id)}"
    while text and cell_len(text) + cell_len(number) > width:
        text = text[:-1]
    return Text(text + number)


def _cell(column, row):
    value = getattr(row, column.field)
    return Text("-" if value is None else column.show(value),
                style="dim" if value is None else column.style(row))
