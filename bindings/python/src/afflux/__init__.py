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
    Closed,
    Error,
    Event,
    Health,
    Holder,
    Permit,
    Registry,
    Rejected,
    Semaphore,
    Stats,
    Times,
    TooLarge,
    __version__,
)

__all__ = [
    "Acquire",
    "Closed",
    "Error",
    "Event",
    "Health",
    "Holder",
    "Permit",
    "Priority",
    "Registry",
    "Rejected",
    "Semaphore",
    "Stats",
    "Times",
    "TooLarge",
    "__version__",
]


class Priority(IntEnum):
    """Who goes first. Ageing keeps lower ones alive: after 64 grants of higher priorities the
    first request of a lower one is next."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    CRITICAL = 3
