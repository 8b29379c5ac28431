# SPDX-License-Identifier: MIT OR Apache-2.0
"""Not run: test_types.py has mypy --strict look at it."""

from __future__ import annotations

import asyncio
from typing import assert_type

import afflux


async def tasks(sem: afflux.Semaphore) -> None:
    async with sem as nothing:
        assert_type(nothing, None)
    async with sem.acquire(3, priority=afflux.Priority.HIGH, timeout=1.5, cost=10, tag="t") as p:
        assert_type(p, afflux.Permit)
    permit = await sem.acquire()
    assert_type(permit, afflux.Permit)
    assert_type(permit.release(), bool)
    task = asyncio.create_task(sem.acquire())
    assert_type(await task, afflux.Permit)
    assert_type(await asyncio.wait_for(sem.acquire(), 1), afflux.Permit)
    assert_type(await sem.wait_idle(timeout=1), None)


def threads(sem: afflux.Semaphore) -> None:
    with sem:
        pass
    with sem.acquire_blocking(2, timeout=1) as permit:
        assert_type(permit, afflux.Permit)
    if (tried := sem.try_acquire()) is not None:
        tried.release()
    stats = sem.stats()
    assert_type(stats.granted, int)
    assert_type(sem.health(max_wait=1.0).healthy, bool)
    assert_type(sem.closed, bool)


def wrong(sem: afflux.Semaphore) -> None:
    sem.acquire("3")  # type: ignore[arg-type]
    afflux.Semaphore(queue="lifo")  # type: ignore[arg-type]
    with sem.acquire():  # type: ignore[attr-defined]
        pass
