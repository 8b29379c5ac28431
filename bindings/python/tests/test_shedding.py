# SPDX-License-Identifier: MIT OR Apache-2.0
"""Shedding of the queue: who has waited too long is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conftest import Runner, Thread, check_laws, until, wait_for_waiters

import afflux
from afflux import Rejected, Semaphore

SHORT = 0.001
LONG = 3600.0


async def grow_old(sem: Semaphore, seconds: float = SHORT) -> None:
    """Comes back when all who wait have waited for longer."""
    since = sem.stats().oldest_wait_ns
    await until(lambda: sem.stats().oldest_wait_ns > since + 1e9 * (seconds + SHORT))


async def outcome(sem: Semaphore) -> str:
    try:
        async with sem:
            return "served"
    except Rejected:
        return "shed"


def test_options_that_say_nothing_are_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"shed_target": 0},
        {"shed_target": -1},
        {"shed_target": float("nan")},
        {"shed_target": SHORT, "shed_interval": 0},
        {"shed_target": SHORT, "shed_interval": -1},
        {"shed_target": 2 * SHORT, "shed_interval": SHORT},
        {"shed_target": 0.2},  # above the default of the interval
        {"shed_interval": SHORT},
        {"adaptive_lifo": True},
        {"shed_target": SHORT, "adaptive_lifo": True, "fairness": "throughput"},
    ]
    for options in wrong:
        with pytest.raises(ValueError):
            Semaphore(**options)
    unfit: list[dict[str, Any]] = [{"shed_target": "1"}, {"shed_target": 1, "shed_interval": b""}]
    for options in unfit:
        with pytest.raises(TypeError):
            Semaphore(**options)
    Semaphore(shed_target=None, shed_interval=None, adaptive_lifo=False)
    Semaphore(shed_target=float("inf"), shed_interval=float("inf"), adaptive_lifo=True)
    Semaphore(shed_target=0.1)


def test_who_has_waited_too_long_is_shed(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(1, shed_target=SHORT, shed_interval=SHORT)
        await sem.acquire()
        tasks = [asyncio.create_task(outcome(sem)) for _ in range(3)]
        await until(lambda: sem.stats().queued == 3)
        await grow_old(sem)
        sem.release()  # sheds before it grants
        assert await asyncio.gather(*tasks) == ["shed"] * 3
        stats = check_laws(sem)
        assert (stats.shed, stats.dropped, stats.granted, stats.rejected) == (3, 3, 0, 0)
        assert await outcome(sem) == "served"  # what is free is free

    run(main())


def test_a_thread_is_shed() -> None:
    sem = Semaphore(1, shed_target=SHORT, shed_interval=SHORT)
    sem.acquire_blocking()

    def wait() -> None:
        with pytest.raises(Rejected, match="shed"):
            sem.acquire_blocking()

    thread = Thread(wait)
    wait_for_waiters(sem, 1)
    asyncio.run(grow_old(sem))
    sem.release()
    thread.join()
    assert check_laws(sem).shed == 1
    assert sem.available == 1


def test_a_burst_is_served(run: Runner) -> None:
    async def main() -> None:
        # A queue that does not stand yet has the interval, not the target.
        sem = Semaphore(1, shed_target=1e-9, shed_interval=LONG)
        await sem.acquire()
        tasks = [asyncio.create_task(outcome(sem)) for _ in range(3)]
        await until(lambda: sem.waiters == 3)
        await grow_old(sem)
        sem.release()
        assert await asyncio.gather(*tasks) == ["served"] * 3
        assert check_laws(sem).shed == 0

    run(main())


def test_the_newest_goes_first_while_the_queue_stands() -> None:
    patience = 0.05

    async def newest_was_first() -> bool:
        sem = Semaphore(1, shed_target=patience, shed_interval=patience, adaptive_lifo=True)
        order: list[str] = []

        async def wait(name: str) -> None:
            async with sem:
                order.append(name)

        await sem.acquire()
        old = asyncio.create_task(outcome(sem))
        await until(lambda: sem.waiters == 1)
        await grow_old(sem, patience)
        tasks = [asyncio.create_task(wait(name)) for name in ("middle", "newest")]
        assert await old == "shed"
        await until(lambda: sem.stats().queued == 3)
        sem.release()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        check_laws(sem)
        if isinstance(ends[1], Rejected):  # the machine was so busy that even this one grew old
            return False
        assert order[0] == "newest"
        return True

    while not asyncio.run(newest_was_first()):
        pass


def test_a_semaphore_without_shedding_sheds_none() -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        await sem.acquire()
        task = asyncio.create_task(outcome(sem))
        await until(lambda: sem.waiters == 1)
        await grow_old(sem)
        sem.release()
        assert await task == "served"
        assert sem.stats().shed == 0

    asyncio.run(main())
