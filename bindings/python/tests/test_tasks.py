# SPDX-License-Identifier: MIT OR Apache-2.0
"""Requests of tasks: terms, permits, cancels, ends."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import weakref
from typing import Any

import pytest
from conftest import Runner, check_laws, turns

import afflux
from afflux import Priority


def test_async_with_answers_a_permit(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(5)
        async with sem.acquire(3) as permit:
            assert permit.permits == 3
            assert permit.semaphore is sem
            assert sem.held == 3
        assert permit.permits == 0
        assert sem.held == 0
        with pytest.raises(ZeroDivisionError):
            async with sem.acquire(2):
                1 / 0
        with pytest.raises(ZeroDivisionError):
            async with sem:
                1 / 0
        assert check_laws(sem).held == 0

    run(main())


def test_a_permit_released_early_is_not_released_twice(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(2)
        async with sem:
            async with sem.acquire() as permit:
                assert permit.release() is True
                assert permit.release() is False
                assert sem.held == 1
            assert sem.held == 1
        assert sem.held == 0

    run(main())


@pytest.mark.parametrize("full", [False, True])
def test_permits_split_merge_forget(full: bool) -> None:
    sem = afflux.Semaphore(10, statistics="full" if full else "counters")
    permit = sem.try_acquire(6)
    assert permit is not None
    other = permit.split(2)
    assert (permit.permits, other.permits) == (4, 2)
    with pytest.raises(ValueError, match="some must stay"):
        permit.split(4)
    permit.merge(other)
    assert (permit.permits, other.permits) == (6, 0)
    assert not other.release()
    with pytest.raises(ValueError):
        permit.merge(permit)
    with pytest.raises(ValueError):
        permit.merge(other)
    assert permit.forget() and not permit.forget()
    assert sem.held == 6
    sem.release(6)
    assert check_laws(sem).held == 0


def test_a_dropped_permit_stays_held() -> None:
    for options in ({}, {"statistics": "full"}, {"ledger": 4}):
        sem = afflux.Semaphore(2, **options)
        sem.try_acquire(2)
        gc.collect()
        assert sem.held == 2
        sem.release(2)
        assert sem.held == 0


def test_priorities(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        order: list[Priority] = []

        async def work(priority: Priority) -> None:
            async with sem.acquire(priority=priority):
                order.append(priority)

        async with sem:
            async with asyncio.TaskGroup() as group:
                for priority in Priority:
                    group.create_task(work(priority))
                await turns()
                assert sem.waiters == 4
                asyncio.get_running_loop().call_soon(sem.release)
                asyncio.get_running_loop().call_soon(lambda: None)
            await sem.acquire()  # for the release at the end of the block
        assert order == sorted(Priority, reverse=True)

    run(main())


def test_timeouts(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        loop = asyncio.get_running_loop()
        async with sem:
            with pytest.raises(TimeoutError):
                await sem.acquire(timeout=0)
            start = loop.time()
            with pytest.raises(TimeoutError):
                async with sem.acquire(timeout=0.02):
                    pass
            assert loop.time() - start >= 0.0199  # never early; the loop's clock is the library's
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sem.acquire(), 0.01)
            task = asyncio.ensure_future(sem.acquire(timeout=1000))
            await turns()
        (await task).release()
        await sem.acquire(timeout=float("inf"))
        stats = check_laws(sem)
        assert (stats.timed_out, stats.canceled, stats.held) == (1, 1, 1)

    run(main())


def test_the_semaphore_can_limit_waits(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1, waiter_timeout=0.01)
        async with sem:
            with pytest.raises(TimeoutError):
                async with sem:
                    pass
        assert check_laws(sem).timed_out == 1

    run(main())


def test_close_ends_waits(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        permit = await sem.acquire()
        tasks = [asyncio.create_task(sem.acquire()) for _ in range(3)]
        await turns()
        idle = asyncio.ensure_future(sem.wait_idle())
        await turns()
        sem.close()
        sem.close()
        assert sem.closed and sem.locked()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, afflux.Closed)
        for attempt in (sem.acquire(), sem.__aenter__()):
            with pytest.raises(afflux.Closed):
                await attempt
        with pytest.raises(afflux.Closed):
            sem.try_acquire()
        assert not idle.done()
        assert permit.release()
        await idle
        assert check_laws(sem).closed_out == 3

    run(main())


def test_queue_limits(run: Runner) -> None:
    async def main() -> None:
        for overflow in ("drop_newest", "fail"):
            sem = afflux.Semaphore(1, overflow=overflow, max_waiters=1)  # type: ignore[arg-type]
            permit = await sem.acquire()
            waiting = asyncio.ensure_future(sem.acquire())
            await turns()
            with pytest.raises(afflux.Rejected):
                await sem.acquire()
            permit.release()
            (await waiting).release()
            assert check_laws(sem).rejected == 1

        sem = afflux.Semaphore(1, overflow="drop_oldest", max_waiters=1)
        permit = await sem.acquire()
        old = asyncio.ensure_future(sem.acquire())
        await turns()
        new = asyncio.ensure_future(sem.acquire())
        with pytest.raises(afflux.Rejected):
            await old
        permit.release()
        (await new).release()
        assert check_laws(sem).dropped == 1

        sem = afflux.Semaphore(1, overflow="fail", max_queue_bytes=100)
        permit = await sem.acquire()
        waiting = asyncio.ensure_future(sem.acquire(cost=90))
        await turns()
        assert sem.stats().queue_bytes == 90
        with pytest.raises(afflux.Rejected):
            await sem.acquire(cost=11)
        permit.release()
        (await waiting).release()

    run(main())


def test_resize(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        permits = [await sem.acquire()]
        tasks = [asyncio.create_task(sem.acquire()) for _ in range(3)]
        await turns()
        sem.resize(3)
        await turns()
        assert [task.done() for task in tasks] == [True, True, False]
        assert sem.resize_by(1) == 4
        permits += await asyncio.gather(*tasks)
        sem.resize(2)
        assert (sem.limit, sem.held, sem.available) == (2, 4, 0)
        assert "debt" in sem.health().reasons and sem.health().healthy
        large = asyncio.ensure_future(sem.acquire(2))
        await turns()
        sem.resize(1)
        with pytest.raises(afflux.TooLarge):
            await large
        for permit in permits:
            permit.release()
        assert (sem.available, sem.held) == (1, 0)
        assert check_laws(sem).impossible == 1

    run(main())


def test_waits_for_a_resize(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        large = asyncio.ensure_future(sem.acquire(3, wait_for_resize=True))
        await turns()
        behind = asyncio.ensure_future(sem.acquire())
        several = asyncio.ensure_future(afflux.all_of((sem, 2), wait_for_resize=True))
        await turns()
        assert sem.waiters == 3
        sem.resize(2)
        await turns()
        assert not large.done() and not behind.done()
        sem.resize(3)
        (await large).release()
        (await behind).release()
        (await several).release()
        with pytest.raises(afflux.TooLarge):
            await sem.acquire(4, wait_for_resize=False)
        with pytest.raises(TimeoutError):
            sem.acquire_blocking(4, wait_for_resize=True, timeout=0.001)
        assert check_laws(sem).held == 0

    run(main())


def test_wait_idle(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(2)
        await sem.wait_idle()
        permit = await sem.acquire(2)
        with pytest.raises(TimeoutError):
            await sem.wait_idle(timeout=0.005)
        waiting = asyncio.ensure_future(sem.wait_idle())
        await turns()
        assert not waiting.done()
        permit.release()
        await waiting

    run(main())


def test_wrong_arguments() -> None:
    sem: Any = afflux.Semaphore(2)
    for call in (sem.acquire, sem.acquire_blocking):
        for wrong, error in (
            ({"n": 0}, ValueError),
            ({"n": -1}, ValueError),
            ({"n": 1.5}, TypeError),
            ({"n": "1"}, TypeError),
            ({"timeout": -1}, ValueError),
            ({"timeout": float("nan")}, ValueError),
            ({"timeout": "1"}, TypeError),
            ({"priority": 4}, ValueError),
            ({"priority": 1 << 80}, ValueError),
            ({"priority": None}, TypeError),
            ({"cost": -1}, ValueError),
            ({"tag": b"x"}, TypeError),
            ({"time": 1}, TypeError),
        ):
            with pytest.raises(error):
                call(**wrong)
        with pytest.raises(TypeError):
            call(1, 2)
        with pytest.raises(TypeError):
            call(1, n=1)
    with pytest.raises(afflux.TooLarge):
        sem.try_acquire(3)
    with pytest.raises(ValueError):
        sem.release(0)
    with pytest.raises(ValueError):
        sem.try_acquire_up_to(2, 1)
    with pytest.raises(ValueError):
        sem.resize(1 << 42)
    with pytest.raises(ValueError):
        sem.resize_by(-3)
    for options, error in (
        ({"queue": "lifo"}, ValueError),
        ({"queue": 1}, TypeError),
        ({"fairness": "?"}, ValueError),
        ({"overflow": "?"}, ValueError),
        ({"statistics": True}, TypeError),
        ({"permits": 1 << 42}, ValueError),
        ({"permits": 1 << 70}, ValueError),
        ({"waiter_timeout": 0}, ValueError),
        ({"ledger": 65_537}, ValueError),
        ({"name": 5}, TypeError),
    ):
        with pytest.raises(error):
            afflux.Semaphore(**options)
    assert sem.available == 2


@pytest.mark.parametrize("queue", ["intrusive", "lockfree", "hybrid", "mutex"])
def test_every_queue(run: Runner, queue: Any) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(3, queue=queue, fairness="throughput")
        assert sem.queue == queue

        async def work() -> None:
            for _ in range(20):
                async with sem.acquire(2):
                    await asyncio.sleep(0)

        await asyncio.gather(*(work() for _ in range(10)))
        stats = check_laws(sem)
        assert stats.requests_fast + stats.granted == 200
        assert stats.released == 400

    run(main())


def test_an_acquire_is_awaited_once(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(2)
        acquire = sem.acquire()
        await acquire
        with pytest.raises(RuntimeError, match="reuse"):
            await acquire
        with pytest.raises(RuntimeError, match="reuse"):
            async with acquire:
                pass
        with pytest.raises(TypeError, match="acquire"):
            async with sem.wait_idle():  # type: ignore[misc]
                pass
        assert sem.held == 1

    with pytest.warns(RuntimeWarning, match="wait_idle.. was never awaited"):
        run(main())


def test_an_acquire_that_is_never_awaited_warns() -> None:
    sem = afflux.Semaphore()
    with pytest.warns(RuntimeWarning, match="Semaphore.acquire.. was never awaited"):
        sem.acquire()
    with pytest.warns(RuntimeWarning, match="Event.wait.. was never awaited"):
        afflux.Event().wait()
    assert sem.held == 0


def test_without_a_loop() -> None:
    sem = afflux.Semaphore()
    with pytest.raises(StopIteration):  # free permits need none
        sem.acquire().send(None)
    acquire = sem.acquire()
    with pytest.raises(RuntimeError, match="no running event loop"):
        acquire.send(None)
    assert check_laws(sem).queued == 0


def test_a_cancel_of_a_granted_task_passes_the_permit_on(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        permit = await sem.acquire()
        first, second = (asyncio.create_task(sem.acquire()) for _ in range(2))
        await turns()
        permit.release()  # granted to the first, whose task has not run yet
        first.cancel()
        (await second).release()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert sem.held == 0
        assert check_laws(sem).granted == 2

    run(main())


def test_cancel_races(run: Runner) -> None:
    """Tasks are cancelled at every stage; the limit holds, and all comes back."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)

    async def main() -> None:
        sem = afflux.Semaphore(3)
        inside = 0
        most = 0

        async def work(n: int, plain: bool) -> None:
            nonlocal inside, most
            async with sem if plain else sem.acquire(n):
                inside += n
                most = max(most, inside)
                try:
                    await asyncio.sleep(0)
                finally:
                    inside -= n

        tasks: list[asyncio.Task[None]] = []
        for _ in range(3_000):
            plain = rng.random() < 0.5
            tasks.append(asyncio.create_task(work(1 if plain else rng.randint(1, 3), plain)))
            if rng.random() < 0.5:
                rng.choice(tasks[-20:]).cancel()
            if rng.random() < 0.2:
                await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        canceled = sum(isinstance(r, asyncio.CancelledError) for r in results)
        assert {type(r) for r in results} <= {type(None), asyncio.CancelledError}
        assert 0 < canceled < len(tasks)
        assert 1 <= most <= 3
        assert sem.held == 0 and sem.waiters == 0
        check_laws(sem)

    run(main())


def test_a_pending_wait_that_is_collected_leaves_the_line(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        permit = await sem.acquire()

        async def waits() -> None:
            async with sem.acquire():
                pass

        coro = waits()
        future = coro.send(None)
        assert future is not None and sem.waiters == 1
        del coro, future
        gc.collect()
        assert sem.waiters == 0
        coro = waits()
        coro.send(None)
        coro.close()
        assert sem.waiters == 0
        permit.release()
        async with sem:
            pass
        assert check_laws(sem).canceled == 2

    run(main())


def test_a_granted_wait_that_is_collected_gives_back(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        permit = await sem.acquire()
        acquire = sem.acquire()
        acquire.send(None)
        permit.release()
        assert sem.held == 1
        del acquire
        gc.collect()
        assert sem.held == 0

    run(main())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ends_with_waits(run: Runner) -> None:
    """Tasks that wait when their loop is closed: collected, they have left the line."""
    sem = afflux.Semaphore(1)
    sem.try_acquire()

    loop = asyncio.new_event_loop()

    async def waits() -> None:
        async with sem:
            pass

    task = loop.create_task(waits())
    loop.run_until_complete(turns())
    assert sem.waiters == 1
    loop.set_exception_handler(lambda *_: None)  # "Task was destroyed but it is pending"
    loop.close()
    del task
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None  # the mailbox does not keep it
    assert sem.waiters == 0
    sem.release()
    assert check_laws(sem).canceled == 1


def test_nothing_leaks(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)

        async def work() -> None:
            async with sem.acquire(tag="x"):
                await asyncio.sleep(0)

        async def burst() -> None:
            tasks = [asyncio.create_task(work()) for _ in range(50)]
            await asyncio.sleep(0)
            tasks[10].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        await burst()
        gc.collect()
        references, blocks = sys.getrefcount(sem), sys.getallocatedblocks()
        for _ in range(20):
            await burst()
        gc.collect()
        assert sys.getrefcount(sem) <= references
        assert sys.getallocatedblocks() - blocks < 200  # 1,000 waits have left nothing each

    run(main())


def test_events(run: Runner) -> None:
    async def main() -> None:
        manual = afflux.Event()
        tasks = [asyncio.ensure_future(manual.wait()) for _ in range(3)]
        await turns()
        assert manual.waiters == 3 and not manual.is_set()
        manual.set()
        assert await asyncio.gather(*tasks) == [True] * 3
        assert await manual.wait(timeout=0) is True
        manual.clear()
        with pytest.raises(TimeoutError):
            await manual.wait(0)
        task = asyncio.ensure_future(manual.wait())
        await turns()
        manual.pulse()
        await task
        assert not manual.is_set()

        auto = afflux.Event(manual_reset=False)
        auto.notify_one()
        assert repr(auto) == "<afflux.Event set waiters=0>"
        await auto.wait()
        assert not auto.is_set()
        first, second = (asyncio.ensure_future(auto.wait()) for _ in range(2))
        await turns()
        auto.notify_one()
        first.cancel()  # its notification goes to the next
        assert await second is True
        first, second = (asyncio.ensure_future(auto.wait()) for _ in range(2))
        await turns()
        auto.notify_all()
        await asyncio.gather(first, second)

    run(main())


def test_statistics_are_exact_at_rest(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(8, name="s")
        for _ in range(1_000):
            async with sem:
                pass
            async with sem.acquire(3):
                pass
        permit = sem.try_acquire(8)
        assert permit is not None
        for _ in range(5):
            assert sem.try_acquire() is None
        task = asyncio.ensure_future(sem.acquire(2))
        await turns()
        permit.release()
        await task
        stats = check_laws(sem)
        assert stats.acquired_fast == 4_008
        assert stats.requests_fast == 2_001
        assert stats.acquired_after_wait == 2
        assert (stats.granted, stats.queued, stats.try_failed) == (1, 1, 5)
        assert (stats.held, stats.peak_held, stats.peak_waiters) == (2, 8, 1)
        assert stats.statistics == "counters"

        off = afflux.Semaphore(2, statistics="off")
        async with off:
            pass
        assert off.stats().statistics == "off"
        assert off.stats().acquired_fast == 0

    run(main())


def test_the_most_that_was_held_is_noted_inline() -> None:
    sem = afflux.Semaphore(8)
    for n in (2, 5, 3):
        permit = sem.try_acquire(n)
        assert permit is not None and permit.release()
    assert sem.stats().peak_held == 5


def test_a_grant_while_the_future_is_made() -> None:
    """What a loop runs to make a future may release: the wait is delivered before it has one."""

    class Loop(asyncio.SelectorEventLoop):
        release: afflux.Semaphore | None = None

        def create_future(self) -> Any:
            sem, self.release = self.release, None
            if sem is not None:
                sem.release()
            return super().create_future()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        sem = afflux.Semaphore(1)
        await sem.acquire()
        loop.release = sem
        async with sem:
            assert loop.release is None
        assert check_laws(sem).granted == 1
        event = afflux.Event(manual_reset=False)
        event.notify_one()
        await event.wait()

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(asyncio.wait_for(main(), 60))


def test_times_and_ledger(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(3, statistics="full", ledger=8)
        first = await sem.acquire(tag="first")
        second = await sem.acquire(2, tag="zwölf")
        assert first.id and second.id and first.id != second.id
        assert first.held_ns is not None and first.held_ns >= 0
        assert [(h.id, h.permits, h.tag) for h in sem.holders()] == [
            (first.id, 1, "first"),
            (second.id, 2, "zwölf"),
        ]
        waiting = asyncio.ensure_future(sem.acquire(tag="waited"))
        await turns()
        first.release()
        assert first.id is None and first.held_ns is None
        (await waiting).release()
        second.release()
        assert sem.holders() == []
        assert sem.hold_times().recorded == 3
        waits = sem.wait_times()
        assert waits.recorded == 1
        assert waits.p50_ns <= waits.p999_ns <= waits.max_ns

        plain = afflux.Semaphore()
        for call in (plain.wait_times, plain.hold_times, plain.holders):
            with pytest.raises(ValueError):
                call()
        permit = await plain.acquire()
        assert permit.id is None and permit.held_ns is None

    run(main())


def test_health(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1, max_waiters=1)
        permit = await sem.acquire()
        tasks = [asyncio.ensure_future(sem.acquire()) for _ in range(2)]
        await turns()
        assert sem.health().reasons == ("waiters",)
        assert sem.health(max_waiters=2).healthy
        assert not sem.health(max_waiters=1, max_still=None).healthy
        permit.release()
        (await tasks[0]).release()
        (await tasks[1]).release()
        sem.close()
        assert sem.health().reasons == ("closed",)

    run(main())


def test_registry() -> None:
    registry = afflux.Registry()
    sem = afflux.Semaphore(7, name="exported")
    assert registry.add(sem) and not registry.add(sem)
    text = registry.render()
    assert 'afflux_semaphore_permits_limit{semaphore="exported"' in text
    assert registry.render("openmetrics").endswith("# EOF\n")
    assert registry.content_type().startswith("text/plain")
    assert afflux.Registry.content_type(format="openmetrics").startswith("application/openmetrics")
    assert registry.remove(sem) and not registry.remove(sem)
    with pytest.raises(ValueError):
        registry.render("xml")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        registry.add(1)  # type: ignore[arg-type]


def test_handles() -> None:
    sem = afflux.Semaphore(4, name="shared", ledger=2)
    other = afflux.Semaphore.from_handle(sem.handle)
    assert other.handle == sem.handle and other.name == "shared"
    permit = other.try_acquire(3)
    assert permit is not None and permit.id
    assert sem.held == 3
    handle = sem.handle
    del sem
    assert other.handle == handle and other.held == 3
    permit.release()
    assert other.held == 0
    with pytest.raises(ValueError):
        afflux.Semaphore.from_handle(0)


def test_subclass_and_weak_reference() -> None:
    class Mine(afflux.Semaphore):
        pass

    sem = Mine(2)
    sem.extra = sem  # type: ignore[attr-defined]
    ref = weakref.ref(sem)
    with sem:
        assert sem.held == 1
    del sem
    gc.collect()
    assert ref() is None


def test_version() -> None:
    from importlib.metadata import version

    assert afflux.__version__ == version("afflux")
