# SPDX-License-Identifier: MIT OR Apache-2.0
"""What asyncio.Semaphore promises its users, by the cases of asyncio's own tests.

Where these start with Semaphore(0) and release more than was acquired, here the permits are all
held at first: a limit is not raised by a release but by resize().
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from conftest import Runner, check_laws, turns

import afflux


async def held(permits: int) -> afflux.Semaphore:
    """A semaphore of which nothing is free."""
    sem = afflux.Semaphore(permits)
    await sem.acquire(permits)
    return sem


def test_initial_value() -> None:
    assert afflux.Semaphore(0).locked()
    assert afflux.Semaphore().limit == 1
    assert not afflux.Semaphore().locked()
    with pytest.raises(ValueError):
        afflux.Semaphore(-1)


def test_repr(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(name="r")
        assert repr(sem) == "<afflux.Semaphore 'r' limit=1 available=1 waiters=0>"
        await sem.acquire()
        assert repr(sem).endswith("available=0 waiters=0>")
        waiting = asyncio.ensure_future(sem.acquire())
        await turns()
        assert repr(sem).endswith("available=0 waiters=1>")
        sem.release()
        await waiting

    run(main())


def test_is_not_awaitable(run: Runner) -> None:
    async def main() -> None:
        sem: Any = afflux.Semaphore()
        with pytest.raises(TypeError, match="await"):
            await sem
        assert not sem.locked()
        assert sem.available == 1

    run(main())


def test_acquire(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(3)
        result: list[int] = []
        assert await sem.acquire()
        assert await sem.acquire()
        assert not sem.locked()

        async def c(tag: int) -> bool:
            await sem.acquire()
            result.append(tag)
            return True

        t1, t2, t3 = (asyncio.create_task(c(i)) for i in (1, 2, 3))
        await asyncio.sleep(0)
        assert result == [1]
        assert sem.locked()
        assert sem.waiters == 2
        assert sem.available == 0

        t4 = asyncio.create_task(c(4))
        sem.release()
        sem.release()
        assert sem.available == 0
        await turns()
        assert result == [1, 2, 3]
        assert sem.locked()
        assert sem.waiters == 1
        assert t1.done() and t1.result()
        assert t2.done() and t3.done() and not t4.done()
        sem.release()
        await asyncio.gather(t2, t3, t4)
        assert result == [1, 2, 3, 4]

    run(main())


def test_acquire_cancel(run: Runner) -> None:
    async def main() -> None:
        sem = await held(1)
        acquire = asyncio.create_task(sem.acquire())
        asyncio.get_running_loop().call_soon(acquire.cancel)
        with pytest.raises(asyncio.CancelledError):
            await acquire
        assert sem.waiters == 0
        assert check_laws(sem).canceled <= 1

    run(main())


def test_acquire_cancel_before_awoken(run: Runner) -> None:
    async def main() -> None:
        sem = await held(4)
        t1, t2, t3, t4 = (asyncio.create_task(sem.acquire()) for _ in range(4))
        await asyncio.sleep(0)
        t1.cancel()
        t2.cancel()
        sem.release()
        await turns()
        assert t3.done() and not t3.cancelled()
        assert not t4.done()
        t4.cancel()
        await turns()
        assert sem.held == 4
        assert sem.waiters == 0

    run(main())


def test_acquire_hang(run: Runner) -> None:
    async def main() -> None:
        sem = await held(1)
        t1 = asyncio.create_task(sem.acquire())
        t2 = asyncio.create_task(sem.acquire())
        await asyncio.sleep(0)
        t1.cancel()
        sem.release()  # to t1, whose task has not been told yet
        await turns()
        assert sem.locked()
        assert t1.cancelled()
        assert t2.done() and not t2.cancelled()

    run(main())


def test_acquire_no_hang(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)

        async def c1() -> None:
            async with sem:
                await asyncio.sleep(0)
            t2.cancel()

        async def c2() -> None:
            async with sem:
                raise AssertionError("cancelled before")

        t1 = asyncio.create_task(c1())
        t2 = asyncio.create_task(c2())
        r1, r2 = await asyncio.gather(t1, t2, return_exceptions=True)
        assert r1 is None
        assert isinstance(r2, asyncio.CancelledError)
        await asyncio.wait_for(sem.acquire(), timeout=30)

    run(main())


def test_release_not_acquired() -> None:
    sem = afflux.Semaphore()
    with pytest.raises(ValueError, match="more permits released than are held"):
        sem.release()
    assert sem.available == 1


def test_release_no_waiters(run: Runner) -> None:
    async def main() -> None:
        sem = await held(1)
        assert sem.locked()
        sem.release()
        assert not sem.locked()

    run(main())


def test_acquire_fifo_order(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        result: list[str] = []

        async def coro(tag: str) -> None:
            for i in (1, 2):
                await sem.acquire()
                result.append(f"{tag}_{i}")
                await turns()
                sem.release()

        async with asyncio.TaskGroup() as tg:
            for tag in ("c1", "c2", "c3"):
                tg.create_task(coro(tag))
        assert result == ["c1_1", "c2_1", "c3_1", "c1_2", "c2_2", "c3_2"]

    run(main())


def test_acquire_fifo_order_2(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        result: list[int] = []

        async def c(*tags: int) -> None:
            for i, tag in enumerate(tags):
                await sem.acquire()
                result.append(tag)
                if i + 1 < len(tags):
                    sem.release()

        tasks = [asyncio.create_task(c(*tags)) for tags in ((1,), (2, 4), (3,))]
        await asyncio.sleep(0)
        sem.release()
        await turns(6)
        assert result == [1, 2, 3]
        sem.release()
        await asyncio.gather(*tasks)
        assert result == [1, 2, 3, 4]

    run(main())


def test_acquire_fifo_order_3(run: Runner) -> None:
    async def main() -> None:
        sem = await held(2)
        result: list[int] = []

        async def c(tag: int) -> None:
            await sem.acquire()
            result.append(tag)

        tasks = [asyncio.create_task(c(tag)) for tag in (1, 2, 3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        sem.release()
        sem.release()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert result == [2, 3]

    run(main())


def test_acquire_fifo_order_4(run: Runner) -> None:
    async def main() -> None:
        sem = await held(3)
        result: list[int] = []
        fourth: list[asyncio.Task[None]] = []

        async def c4() -> None:
            result.append(4)

        async def c1() -> None:
            await sem.acquire()
            assert sem.available == 0
            fourth.append(asyncio.create_task(c4()))
            result.append(1)

        async def c2() -> None:
            sem.release(3)  # to c1; two stay free until c2 and c3 take them, in order
            assert sem.available == 2
            await sem.acquire()
            result.append(2)

        async def c3() -> None:
            await sem.acquire()
            assert sem.locked()
            result.append(3)

        tasks = [asyncio.create_task(c()) for c in (c1, c2, c3)]
        await asyncio.gather(*tasks)
        await fourth[0]
        assert sorted(result[:3]) == [1, 2, 3]
        assert result[3] == 4

    run(main())


def test_no_task_overtakes_one_that_waits(run: Runner) -> None:
    async def main() -> None:
        sem = await held(1)
        result: list[str] = []

        async def waits() -> None:
            async with sem:
                result.append("waited")

        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        sem.release()
        # The permit is the waiting task's already, although it has not run yet.
        assert sem.locked()
        assert sem.try_acquire() is None
        async with sem:
            result.append("came later")
        await task
        assert result == ["waited", "came later"]

    run(main())


def test_many_releases_wake_many(run: Runner) -> None:
    async def main() -> None:
        sem = await held(100)
        tasks = [asyncio.create_task(sem.acquire()) for _ in range(100)]
        await asyncio.sleep(0)
        sem.release(100)
        permits = await asyncio.gather(*tasks)
        assert sem.held == 100
        for permit in permits:
            assert permit.release()
        assert check_laws(sem).held == 0

    run(main())
