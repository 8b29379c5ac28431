# SPDX-License-Identifier: MIT OR Apache-2.0
"""A fair, fast, cancellable, observable semaphore for asyncio, uvloop, trio and threads.

One semaphore serves tasks of any number of event loops, threads, and other languages in the
process, all in one queue::

    import afflux

    downloads = afflux.Semaphore(8, name="downloads")

    async def fetch(url):
        async with downloads:
            ...

    def fetch_in_a_thread(url):
        with downloads:
            ...
"""

from enum import IntEnum

from ._afflux import (
    Acquire,
    Client,
    ClientSummary,
    Closed,
    Control,
    ControlStats,
    Error,
    Event,
    Health,
    Holder,
    Measure,
    Permit,
    Permits,
    Registry,
    Rejected,
    Semaphore,
    Stats,
    Taken,
    Tenant,
    TenantStats,
    Times,
    TooLarge,
    __version__,
    all_of,
    all_of_blocking,
    any_of,
    any_of_blocking,
)

__all__ = [
    "Acquire",
    "Client",
    "ClientSummary",
    "Closed",
    "Control",
    "ControlStats",
    "Error",
    "Event",
    "Health",
    "Holder",
    "Measure",
    "Permit",
    "Permits",
    "Priority",
    "Registry",
    "Rejected",
    "Semaphore",
    "Stats",
    "Taken",
    "Tenant",
    "TenantStats",
    "Times",
    "TooLarge",
    "__version__",
    "all_of",
    "all_of_blocking",
    "any_of",
    "any_of_blocking",
]


class Priority(IntEnum):
    """Who goes first. Ageing keeps lower ones alive: after 64 grants of higher priorities the
    first request of a lower one is next."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    CRITICAL = 3
