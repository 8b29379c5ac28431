# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the live view knows, and how it looks; nothing of terminals."""

import time

from rich.console import Group
from rich.text import Text

from . import rows, scrape, tenants
from .plain import number, printable
from .table import SEMAPHORES, TENANTS, short_time, table

LINES_AROUND = 5  # title, state, the table's two, keys
LATE_S = 0.5  # an answer that is so late leaves the numbers old


class View:
    """The newest rows, or why there are none."""

    def __init__(self, url, interval, sort, tenants_of=None):
        self._url, self._interval, self._sort = url, interval, sort
        self._tenants_of = tenants_of  # a semaphore's name as shown; None: semaphores are shown
        self._before = None  # the newest Snapshot; None while the server is away
        self._rows = None
        self._tenants = {}  # (name, id) of a semaphore: TenantTable
        self._answered_at = None
        self._error = None
        self._top = 0

    def take(self, outcome):
        if isinstance(outcome, scrape.ScrapeError):
            # Across a gap there are no rates: neither its length nor what answers next is known.
            self._error, self._before = outcome, None
            return
        self._rows = rows.rates(self._before, outcome)
        self._tenants = tenants.rates(self._before, outcome)
        self._error, self._before, self._answered_at = None, outcome, outcome.at

    def sort_by_next(self):
        at = rows.SORTABLE.index(self._sort)
        self._sort = rows.SORTABLE[(at + 1) % len(rows.SORTABLE)]

    def show_next_tenants(self):
        """Of the next semaphore that has some; after the last one the semaphores."""
        keys = sorted(self._tenants)
        shown = None if self._tenants_of is None else tenants.find(keys, self._tenants_of)
        at = 0 if self._tenants_of is None else keys.index(shown) + 1 if shown else len(keys)
        self._tenants_of = None if at == len(keys) else "{}#{}".format(*keys[at])
        self._top = 0

    def scroll(self, lines):
        self._top += lines

    def changes_in(self):
        """Seconds until the screen changes by time alone; None: it does not."""
        if self._answered_at is None:
            return None
        age = self._age()
        fresh_for = self._interval + LATE_S - age
        return fresh_for if not self._old() and fresh_for > 0 else 1 - age % 1

    def _age(self):
        """Of the numbers."""
        return time.monotonic() - self._answered_at

    def _old(self):
        """They are no longer those of a process that answers."""
        return self._answered_at is not None and (
            self._error is not None or self._age() >= self._interval + LATE_S)

    def draw(self, width, height):
        """The whole screen, as something that rich prints."""
        room = max(1, height - LINES_AROUND)
        of_sem = None if self._tenants_of is None else tenants.find(self._tenants, self._tenants_of)
        layout, every, sort = self._chosen(of_sem)
        self._top = max(0, min(self._top, len(every) - room))
        shown = every[self._top:self._top + room]
        lines = [self._line(f"afflux-top  {printable(self._url)}"), self._state(len(every), of_sem)]
        lines.append(table(layout, shown, every, sort, width, self._old()) if every else Text(""))
        hidden = len(every) - len(shown)
        more = f"; {self._top} more above, {hidden - self._top} below" if hidden else ""
        # The table fills its place, so that the keys stand still.
        lines += [Text("")] * (room - len(shown) if every else room + 1)
        keys = "q quit" if self._tenants_of is not None else f"q quit, s sort (by {self._sort})"
        keys += ", t tenants" if self._tenants or self._tenants_of is not None else ""
        lines.append(self._line(keys + more, "dim"))
        return Group(*lines)

    def _chosen(self, of_sem):
        """The layout, all rows in order, and by which column they are."""
        if self._tenants_of is None:
            return SEMAPHORES, rows.ordered(self._rows or [], self._sort), self._sort
        return TENANTS, self._tenants[of_sem].rows if of_sem else [], "use"

    def _state(self, count, of_sem):
        age = "" if self._answered_at is None else (
            f"; last answer {short_time(self._age())} ago")
        if self._error is not None:
            return self._line(f"no answer: {printable(str(self._error))}{age}", "bold red")
        if self._old():
            return self._line(f"no answer yet{age}", "bold red")
        if self._rows is None:
            return self._line("waiting for the first answer")
        if self._tenants_of is not None:
            return self._state_of_tenants(of_sem)
        if count == 0:
            return self._line("it answers, but exports no semaphores", "yellow")
        plural = "" if count == 1 else "s"
        return self._line(f"{count} semaphore{plural}, every {number(self._interval)} s")

    def _state_of_tenants(self, of_sem):
        if of_sem is None:
            name = printable(self._tenants_of)
            return self._line(f"it answers, but exports no tenants of {name}", "yellow")
        found = self._tenants[of_sem]
        alone = sum(1 for row in found.rows if row.id)
        name, number_of_sem = of_sem
        twins = [key for key in self._tenants if key[0] == name]
        shown_as = printable(name if name and len(twins) == 1 else f"{name}#{number_of_sem}")
        return self._line(f"{alone} of {found.count} tenants of {shown_as}, "
                          f"every {number(self._interval)} s")

    @staticmethod
    def _line(text, style=""):
        return Text(text, style=style, no_wrap=True, overflow="ellipsis")
