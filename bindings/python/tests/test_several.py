# SPDX-License-Identifier: MIT OR Apache-2.0
"""any_of() and all_of(): waits of tasks and threads for several semaphores and events."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import threading
from typing import Any

import pytest
from conftest import Runner, Thread, check_laws, turns, wait_for_waiters

import afflux


def two(permits: int = 1, **options: Any) -> tuple[afflux.Semaphore, afflux.Semaphore]:
    return afflux.Semaphore(permits, **options), afflux.Semaphore(permits, **options)


def test_all_that_are_free(run: Runner) -> None:
    async def main() -> None:
        a, b = two(3)
        async with afflux.all_of((a, 2), b, (a, 1)) as permits:
            assert isinstance(permits, afflux.Permits) and isinstance(permits, tuple)
            assert [p.permits for p in permits] == [2, 1, 1]
            assert [p.semaphore for p in permits] == [a, b, a]
            assert (a.held, b.held) == (3, 1)
        assert (a.held, b.held) == (0, 0)
        permits = await afflux.all_of(a, b)
        assert permits.release() is True
        assert permits.release() is False
        with pytest.raises(ZeroDivisionError):
            async with afflux.all_of(a, b):
                1 / 0
        with permits, await afflux.all_of(a, b):
            assert a.held == 1
        assert check_laws(a).held == check_laws(b).held == 0

    run(main())


def test_all_waits_for_the_last(run: Runner) -> None:
    async def main() -> None:
        a, b = two()
        first, second = await a.acquire(), await b.acquire()
        task = asyncio.ensure_future(afflux.all_of(a, b))
        await turns()
        assert a.waiters + b.waiters == 1
        first.release()
        await turns()
        assert not task.done()
        second.release()
        with await task as permits:
            assert len(permits) == 2 and a.held == b.held == 1
        assert check_laws(a).held == check_laws(b).held == 0

    run(main())


def test_any_tells_which(run: Runner) -> None:
    async def main() -> None:
        a, b = two(2)
        event = afflux.Event()
        async with afflux.any_of((a, 2), b) as taken:
            assert isinstance(taken, afflux.Taken)
            assert taken.which == 0 and taken.permit is not None
            assert taken.permit.semaphore is a and taken.permit.permits == 2
            index, permit = await afflux.any_of(a, b)
            assert (index, b.held) == (1, 1) and permit is not None
            permit.release()
            event.set()
            assert await afflux.any_of(a, event, b) == (1, None)
            event.clear()
        assert (a.held, b.held) == (0, 0)
        assert not taken.release()
        holds = await a.acquire(2), await b.acquire(2)
        task = asyncio.ensure_future(afflux.any_of(a, b))
        await turns()
        assert (a.waiters, b.waiters) == (1, 1)
        holds[1].release()
        assert (await task).which == 1
        assert (a.waiters, b.waiters) == (0, 0)
        holds[0].release()
        assert (a.held, b.held) == (0, 1)

    run(main())


def test_events_among_the_items(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore()
        auto = afflux.Event(manual_reset=False)
        task = asyncio.ensure_future(afflux.all_of(auto, sem))
        await turns()
        auto.notify_one()
        (permit,) = await task
        assert permit.semaphore is sem and not auto.is_set()
        task2 = asyncio.ensure_future(afflux.any_of(sem, auto))
        await turns()
        auto.notify_one()
        assert await task2 == (1, None)
        assert (await task2).release() is False  # an event has nothing to give back
        permit.release()
        assert len(await afflux.all_of(sem)) == 1

    run(main())


def test_ends_without_permits(run: Runner) -> None:
    async def main() -> None:
        a, b = two()
        held = await b.acquire()
        for call in (afflux.any_of, afflux.all_of):
            items = (b,) if call is afflux.any_of else (a, b)
            with pytest.raises(TimeoutError):
                await call(*items, timeout=0)
            with pytest.raises(TimeoutError):
                await call(*items, timeout=0.005)
            with pytest.raises(afflux.TooLarge):
                await call((a, 2), b)
            task = asyncio.ensure_future(call(*items))
            await turns()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call(*items), 0.005)
            assert (a.held, b.held, a.waiters, b.waiters) == (0, 1, 0, 0)
        task = asyncio.ensure_future(afflux.all_of(a, b))
        await turns()
        a.close()
        with pytest.raises(afflux.Closed):
            await task
        with pytest.raises(afflux.Closed):
            await afflux.any_of(a, b)
        held.release()
        assert check_laws(a).held == check_laws(b).held == 0

        full = afflux.Semaphore(1, overflow="fail", max_waiters=1)
        with await full.acquire():
            waits = asyncio.ensure_future(afflux.any_of(full))
            await turns()
            with pytest.raises(afflux.Rejected):
                await afflux.any_of(full)
        (await waits).release()

    run(main())


def test_wrong_items(run: Runner) -> None:
    a, b = two()
    event = afflux.Event()
    calls: list[Any] = [
        afflux.any_of,
        afflux.all_of,
        afflux.any_of_blocking,
        afflux.all_of_blocking,
    ]
    for call in calls:
        for items, options, error in (
            ((), {}, ValueError),
            ([a] * 65, {}, ValueError),
            (([a],), {}, TypeError),
            ((1,), {}, TypeError),
            ((None,), {}, TypeError),
            ((a, "b"), {}, TypeError),
            (((a,),), {}, TypeError),
            (((a, 1, 1),), {}, TypeError),
            (((a, 0),), {}, ValueError),
            (((a, -1),), {}, ValueError),
            (((a, 1 << 64),), {}, ValueError),
            (((a, 1.0),), {}, TypeError),
            (((a, None),), {}, TypeError),
            (((event, 1),), {}, TypeError),
            ((afflux.Client(),), {}, TypeError),
            ((a,), {"timeout": -1}, ValueError),
            ((a,), {"timeout": "1"}, TypeError),
            ((a,), {"priority": 4}, ValueError),
            ((a,), {"cost": -1}, ValueError),
            ((a,), {"tag": 1}, TypeError),
            ((a,), {"n": 1}, TypeError),
            ((a,), {"client": afflux.Client()}, TypeError),
        ):
            with pytest.raises(error):
                call(*items, **options)
    for call in (afflux.all_of, afflux.all_of_blocking):
        with pytest.raises(ValueError, match="once"):
            call(event, a, event)
    event.set()
    assert afflux.any_of_blocking(event, event) == (0, None)
    with pytest.raises(afflux.TooLarge):
        afflux.all_of_blocking((a, 1 << 62), b)
    with pytest.raises(afflux.TooLarge):  # the sum
        afflux.all_of_blocking(b, b)
    assert a.held == b.held == 0


def test_most_items(run: Runner) -> None:
    async def main() -> None:
        sems = [afflux.Semaphore() for _ in range(64)]
        async with afflux.all_of(*sems) as permits:
            assert len(permits) == 64
            task = asyncio.ensure_future(afflux.any_of(*sems))
            await turns()
            assert all(sem.waiters == 1 for sem in sems)
            permits[40].release()
            assert (await task).which == 40
        assert [sem.held for sem in sems] == [0] * 40 + [1] + [0] * 23

    run(main())


def test_the_result_is_made_of_what_is_there() -> None:
    """Permits and Taken are tuples: a program may make its own."""
    a, b = two(2)
    permits = afflux.Permits(sem.try_acquire() for sem in (a, b))  # type: ignore[misc]
    with permits:
        assert a.held == b.held == 1
    assert a.held == b.held == 0
    taken = afflux.Taken(())  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        taken.which
    assert taken.release() is False
    assert afflux.Permits((1, None, "x")).release() is False  # type: ignore[arg-type]


def test_a_permit_that_cannot_be_released_hinders_no_other() -> None:
    a, b, c = afflux.Semaphore(), afflux.Semaphore(), afflux.Semaphore()
    permits = afflux.all_of_blocking(a, b, c)
    b.release()
    with pytest.raises(ValueError, match="more permits released"):
        permits.release()
    assert (a.held, b.held, c.held) == (0, 0, 0)


@pytest.mark.parametrize("full", [False, True])
def test_tags_and_hold_times(full: bool) -> None:
    a, b = two(4, statistics="full" if full else "counters", ledger=4)
    with afflux.all_of_blocking((a, 2), b, tag="both"):
        assert [(h.permits, h.tag) for s in (a, b) for h in s.holders()] == [
            (2, "both"),
            (1, "both"),
        ]
        with afflux.any_of_blocking(b, a, tag="one"):
            assert [h.tag for h in b.holders()] == ["both", "one"]
    assert a.holders() == b.holders() == []


def test_one_that_is_collected_leaves_every_line(run: Runner) -> None:
    async def main() -> None:
        a, b = two()
        holds = await a.acquire(), await b.acquire()
        for call in (afflux.any_of, afflux.all_of):
            wait = call(a, b)
            wait.send(None)
            assert a.waiters + b.waiters >= 1
            del wait
            gc.collect()
            assert a.waiters == b.waiters == 0
            wait = call(a, b)
            wait.send(None)
            for permit in holds:
                permit.release()  # granted to the wait, which is not told
            assert a.held + b.held == (1 if call is afflux.any_of else 2)
            wait.close()
            assert a.held == b.held == 0
            holds = await a.acquire(), await b.acquire()
        with pytest.warns(RuntimeWarning, match=r"any_of\(\) was never awaited"):
            afflux.any_of(a)

    run(main())


def test_no_circle(run: Runner) -> None:
    """Two orders of the same semaphores: the waits do not hold each other up."""

    async def main() -> None:
        a, b = two()

        async def work(items: tuple[afflux.Semaphore, ...]) -> None:
            for _ in range(50):
                async with afflux.all_of(*items):
                    await asyncio.sleep(0)

        await asyncio.gather(*(work(items) for items in ((a, b), (b, a)) * 4))
        assert check_laws(a).released == check_laws(b).released == 400

    run(main())


def test_cancel_storm(run: Runner) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)

    async def main() -> None:
        sems = [afflux.Semaphore(rng.randint(1, 3)) for _ in range(4)]
        event = afflux.Event(manual_reset=False)
        inside = [0] * 4
        most = [0] * 4

        async def work() -> None:
            chosen = rng.sample(range(4), rng.randint(1, 4))
            items = [(sems[i], rng.randint(1, sems[i].limit)) for i in chosen]
            timeout = rng.choice([None, None, 0.001])
            if rng.random() < 0.5:
                async with afflux.all_of(*items, timeout=timeout) as permits:
                    got = list(permits)
                    await use(got)
            else:
                async with afflux.any_of(*items, event, timeout=timeout) as taken:
                    if taken.permit is not None:
                        await use([taken.permit])

        async def use(permits: list[afflux.Permit]) -> None:
            for p in permits:
                i = sems.index(p.semaphore)
                inside[i] += p.permits
                most[i] = max(most[i], inside[i])
            try:
                await asyncio.sleep(0)
            finally:
                for p in permits:
                    inside[sems.index(p.semaphore)] -= p.permits

        tasks: list[asyncio.Task[None]] = []
        for _ in range(2_000):
            tasks.append(asyncio.create_task(work()))
            if rng.random() < 0.5:
                rng.choice(tasks[-20:]).cancel()
            if rng.random() < 0.05:
                event.notify_one()
            if rng.random() < 0.2:
                await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        ends = {type(None), asyncio.CancelledError, TimeoutError}
        assert {type(r) for r in results} <= ends
        assert sum(isinstance(r, asyncio.CancelledError) for r in results) > 0
        for sem, high in zip(sems, most, strict=True):
            assert high <= sem.limit
            assert sem.held == 0 and sem.waiters == 0
            check_laws(sem)

    run(main())


def test_threads() -> None:
    a, b = two()
    with a:
        with pytest.raises(TimeoutError):
            afflux.all_of_blocking(a, b, timeout=0)
        with pytest.raises(TimeoutError):
            afflux.any_of_blocking(a, timeout=0.005)
        assert afflux.any_of_blocking(a, b).which == 1
        order: list[str] = []

        def work() -> None:
            with afflux.all_of_blocking(a, b) as permits:
                order.append("both")
                assert len(permits) == 2

        thread = Thread(work)
        wait_for_waiters((a, b), 1)
        b.release()
        order.append("released")
    thread.join()
    assert order == ["released", "both"]
    assert check_laws(a).held == check_laws(b).held == 0


def test_the_limits_hold_among_threads_and_loops() -> None:
    sems = [afflux.Semaphore(2) for _ in range(3)]
    inside = [0] * 3
    most = [0] * 3
    lock = threading.Lock()

    def count(permits: tuple[afflux.Permit, ...], sign: int) -> None:
        with lock:
            for p in permits:
                i = sems.index(p.semaphore)
                inside[i] += sign * p.permits
                most[i] = max(most[i], inside[i])

    def items(rng: random.Random) -> list[tuple[afflux.Semaphore, int]]:
        return [(sem, rng.randint(1, 2)) for sem in rng.sample(sems, rng.randint(1, 3))]

    def blocking(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(150):
            with afflux.all_of_blocking(*items(rng)) as permits:
                count(permits, 1)
                count(permits, -1)
            with afflux.any_of_blocking(*items(rng)) as taken:
                assert taken.permit is not None
                count((taken.permit,), 1)
                count((taken.permit,), -1)

    async def work(rng: random.Random) -> None:
        for _ in range(20):
            try:
                async with afflux.all_of(*items(rng), timeout=rng.choice([None, 0.001])) as permits:
                    count(permits, 1)
                    await asyncio.sleep(0)
                    count(permits, -1)
            except TimeoutError:
                pass

    async def main(seed: int) -> None:
        tasks = [asyncio.create_task(work(random.Random(seed + i))) for i in range(10)]
        await asyncio.gather(*tasks)

    threads = [Thread(lambda i=i: blocking(i)) for i in range(3)]
    threads += [Thread(lambda i=i: asyncio.run(main(100 * i))) for i in range(2)]
    for thread in threads:
        thread.join()
    assert all(1 <= m <= 2 for m in most)
    for sem in sems:
        assert check_laws(sem).held == 0 and sem.waiters == 0


def test_nothing_leaks(run: Runner) -> None:
    async def main() -> None:
        a, b = two()

        async def burst() -> None:
            async def work(call: Any) -> None:
                async with call(a, b, tag="x"):
                    await asyncio.sleep(0)

            tasks = [
                asyncio.create_task(work(call)) for call in (afflux.any_of, afflux.all_of) * 25
            ]
            await asyncio.sleep(0)
            tasks[10].cancel()
            tasks[11].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        await burst()
        gc.collect()
        references, blocks = sys.getrefcount(a), sys.getallocatedblocks()
        for _ in range(20):
            await burst()
        gc.collect()
        assert sys.getrefcount(a) <= references
        assert sys.getallocatedblocks() - blocks < 200

    run(main())
