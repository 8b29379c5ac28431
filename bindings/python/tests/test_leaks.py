# SPDX-License-Identifier: MIT OR Apache-2.0
"""A hundred thousand waits."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import tracemalloc

import pytest
from conftest import check_laws

import afflux


def malloced() -> int:
    """Bytes that C code has of malloc(); 0 where the C library does not tell."""
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is None or "libasan" in os.environ.get("LD_PRELOAD", ""):
        return 0

    class Info(ctypes.Structure):
        _fields_ = tuple((f"f{i}", ctypes.c_size_t) for i in range(10))

    mallinfo.restype = Info
    return int(mallinfo().f7)  # uordblks


def test_a_hundred_thousand_waits_leave_nothing() -> None:
    sem, other = afflux.Semaphore(1), afflux.Semaphore(1)
    event = afflux.Event(manual_reset=False)
    client = afflux.Client()
    tenant = afflux.Tenant(sem)

    async def waits(count: int) -> None:
        for i in range(count // 10):
            async with sem.acquire(tag="t"):
                pending = [
                    sem.acquire(),
                    sem.acquire(client=client),
                    tenant.acquire(),
                    afflux.all_of(sem, other),
                    afflux.any_of(sem, event),
                    event.wait(),
                    sem.wait_idle(),
                ]
                for each in pending:
                    each.send(None)
                if i % 2:
                    pending.pop().close()
                if i % 3:
                    pending.reverse()
                del each
                pending.clear()
            with pytest.raises(afflux.TooLarge):
                await sem.acquire(2)
            async with afflux.all_of(sem, other):
                pass
            if i % 500 == 0:
                await asyncio.sleep(0)

    async def main() -> None:
        objects = [sem, other, event, client, tenant]
        await waits(2_000)
        gc.collect()
        before = len(gc.get_objects()), sys.getallocatedblocks(), malloced()
        references = [sys.getrefcount(x) for x in objects]
        tracemalloc.start()
        first = tracemalloc.get_traced_memory()[0]
        await waits(100_000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - first
        tracemalloc.stop()
        assert len(gc.get_objects()) - before[0] < 100
        assert sys.getallocatedblocks() - before[1] < 1_000
        assert malloced() - before[2] < 1_000_000
        assert grown < 100_000
        assert all(sys.getrefcount(x) - r < 10 for x, r in zip(objects, references, strict=True))
        assert (sem.held, other.held, sem.waiters, other.waiters) == (0, 0, 0, 0)

    asyncio.run(main())
    check_laws(sem)
