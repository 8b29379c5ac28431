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


async def several(a: afflux.Semaphore, b: afflux.Semaphore, event: afflux.Event) -> None:
    async with afflux.all_of((a, 2), b, timeout=1) as permits:
        assert_type(permits, afflux.Permits)
        assert_type(permits[0], afflux.Permit)
    async with afflux.any_of(a, event, priority=2) as taken:
        assert_type(taken, afflux.Taken)
        assert_type(taken.which, int)
        assert_type(taken.permit, afflux.Permit | None)
    index, permit = await afflux.any_of(a, (b, 3))
    assert_type(index, int)
    assert_type(permit, afflux.Permit | None)
    assert_type((await afflux.all_of(a, b)).release(), bool)


def several_blocking(a: afflux.Semaphore, b: afflux.Semaphore) -> None:
    with afflux.all_of_blocking((a, 2), b, timeout=1) as permits:
        assert_type(permits, afflux.Permits)
    with afflux.any_of_blocking(a, b) as taken:
        assert_type(taken, afflux.Taken)


def clients(sem: afflux.Semaphore, registry: afflux.Registry) -> None:
    client = afflux.Client("tenant", classes=["get", "put"])
    sem.acquire_blocking(client=client).release()
    client.count_requests(0, 5)
    assert_type(client.summary().acquired, int)
    assert_type(client.summary().lines_read, tuple[int, int])
    assert_type(registry.add(client), bool)
    assert_type(registry.render(clients=True), str)


def controls(sem: afflux.Semaphore) -> None:
    def changed(before: int, after: int, reason: str) -> None: ...

    control = afflux.Control(sem, algorithm="aimd", min=1, max=9, timeout=None, on_change=changed)
    with sem, control.measure(dropped=(TimeoutError, OSError)) as measure:
        assert_type(measure, afflux.Measure)
        measure.outcome = "ignored"
    assert_type(control.release(sem.acquire_blocking(), "dropped"), bool)
    control.sample(0.5, outcome="served")
    assert_type(control.pause(), bool)
    assert_type(control.stats().center, float)
    assert_type(control.semaphore, afflux.Semaphore)


async def tenants(sem: afflux.Semaphore) -> None:
    tenant = afflux.Tenant(sem, "red", weight=3, guaranteed=1, cap=5, max_waiters=100)
    async with tenant as nothing:
        assert_type(nothing, None)
    async with tenant.acquire(2, timeout=1, tag="t") as permit:
        assert_type(permit.tenant, afflux.Tenant | None)
    with tenant, tenant.acquire_blocking(priority=3) as permit:
        assert_type(permit, afflux.Permit)
    assert_type(tenant.try_acquire(2), afflux.Permit | None)
    tenant.release(2)
    tenant.set(weight=2)
    assert_type(tenant.stats().weight, int)
    assert_type(tenant.stats().used_permit_seconds, float)
    assert_type(tenant.semaphore, afflux.Semaphore)
    sem.set_default_weight(2)
    tenant.close()


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
    afflux.Control(sem, algorithm="codel")  # type: ignore[arg-type]
    afflux.Control(sem).sample(1, "done")  # type: ignore[arg-type]
    afflux.Tenant(sem, weight="2")  # type: ignore[arg-type]
    afflux.Tenant(sem).set(name="t")  # type: ignore[call-arg]
    with sem.acquire():  # type: ignore[attr-defined]
        pass
    afflux.any_of((afflux.Event(), 1))  # type: ignore[arg-type]
