# SPDX-License-Identifier: MIT OR Apache-2.0
"""Threads that use the same objects at the same moment. Without the GIL they really do."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import sys
import sysconfig
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import TIME_LIMIT, Thread, check_laws, run_python

import afflux

THREADS = 4


def together(*calls: Callable[[], Any]) -> None:
    """Run all at once, each in a thread."""
    barrier = threading.Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> None:
        barrier.wait(TIME_LIMIT)
        call()

    for thread in [Thread(lambda call=call: begin(call)) for call in calls]:
        thread.join()


def test_the_import_leaves_the_gil_off() -> None:
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("a build with the GIL")
    child = run_python("import sys, afflux; print(sys._is_gil_enabled())")
    assert child.communicate(timeout=TIME_LIMIT)[0] == "False\n"


@pytest.mark.parametrize("full", [False, True])
def test_one_permit(full: bool) -> None:
    """Of many threads one releases it; what is split and merged meanwhile stays the same in sum."""
    sem = afflux.Semaphore(64, statistics="full" if full else "counters")
    for i in range(40):
        permit = sem.acquire_blocking(64)
        won: list[bool] = []

        def release(permit: afflux.Permit = permit, won: list[bool] = won) -> None:
            won.append(permit.release())

        def split(permit: afflux.Permit = permit, seed: int = i) -> None:
            rng = random.Random(seed)
            for _ in range(20):
                try:
                    part = permit.split(rng.randint(1, 3))
                except ValueError:
                    return
                if rng.random() < 0.5:
                    part.release()
                else:
                    try:
                        permit.merge(part)
                    except ValueError:
                        part.release()

        together(release, release, split, split)
        assert sum(won) == 1 and not permit.release()
        assert sem.held == 0
        check_laws(sem)


def test_free_permits() -> None:
    sem = afflux.Semaphore(THREADS)

    def work() -> None:
        for _ in range(5_000):
            with sem:
                pass
            tried = sem.try_acquire(2)
            if tried is not None:
                tried.release()
            with sem.acquire_blocking():
                pass

    together(*[work] * THREADS)
    stats = check_laws(sem)
    assert stats.held == 0
    assert stats.acquired_fast + stats.acquired_after_wait >= 10_000 * THREADS
    assert 1 <= stats.peak_held <= THREADS


def test_observers_while_it_is_used() -> None:
    sem = afflux.Semaphore(2, statistics="full", ledger=8, name="observed")
    client = afflux.Client("c")
    registry = afflux.Registry()
    stop = False

    def use() -> None:
        nonlocal stop
        for _ in range(1_500):
            with sem.acquire_blocking(tag="t", client=client):
                client.count_bytes(1)
        stop = True

    def observe() -> None:
        while not stop:
            registry.add(sem)
            registry.add(client)
            assert sem.stats().held <= 2
            assert len(sem.holders()) <= 8
            sem.health(max_wait=1)
            sem.wait_times(), sem.hold_times(), client.summary()
            repr(sem), sem.waiters, sem.available
            registry.render("openmetrics", clients=True)
            registry.remove(sem)
            registry.remove(client)

    together(use, use, use, observe, observe)
    assert client.summary().acquired == client.summary().bytes == 4_500
    assert check_laws(sem).held == 0


def test_one_control() -> None:
    """Each sample counts once, and changes are told one at a time, in order."""
    sem = afflux.Semaphore(8, statistics="off")
    changes: list[tuple[int, int]] = []
    inside = [0]

    def changed(before: int, after: int, reason: str) -> None:
        inside[0] += 1
        assert inside[0] == 1
        changes.append((before, after))
        inside[0] -= 1

    control = afflux.Control(sem, algorithm="aimd", min=2, max=30, on_change=changed)
    permits: list[afflux.Permit] = []
    taken = threading.Barrier(THREADS)

    def use(seed: int) -> None:
        rng = random.Random(seed)
        for i in range(300):
            if i % 30 == 0:  # all of them have one, and each tries to release each
                permits.append(sem.acquire_blocking())
                taken.wait(TIME_LIMIT)
                for permit in list(permits):
                    control.release(permit, "ignored")
                taken.wait(TIME_LIMIT)
            with sem.acquire_blocking(), control.measure() as measure:
                measure.outcome = "dropped" if rng.random() < 0.1 else "served"
            control.sample(1e-6)
            if i % 50 == 0:
                control.pause()
                control.stats(), repr(control)
                control.resume()

    together(*[lambda seed=seed: use(seed) for seed in range(THREADS)])  # type: ignore[misc]
    stats = control.stats()
    assert stats.served + stats.dropped == THREADS * 600
    assert stats.ignored == len(permits) == THREADS * 10
    assert len(changes) == stats.raised + stats.lowered > 0
    assert all(first[1] == second[0] for first, second in itertools.pairwise(changes))
    assert changes[-1][1] == sem.limit and sem.held == 0


def test_controls_come_and_go() -> None:
    sem = afflux.Semaphore(8)
    made = [0] * THREADS

    def use(i: int) -> None:
        for _ in range(300):
            try:
                control = afflux.Control(sem, algorithm="aimd", min=1, on_change=lambda *_: None)
            except afflux.Error:
                continue
            made[i] += 1
            with sem.acquire_blocking(2) as permit:
                control.sample(0)
                assert control.release(permit)

    together(*[lambda i=i: use(i) for i in range(THREADS)])  # type: ignore[misc]
    assert sum(made) > 0
    gc.collect()
    assert check_laws(sem).held == 0
    afflux.Control(sem)


def test_tenants_come_and_go() -> None:
    """While others use them, change their shares, and release each permit twice."""
    sem = afflux.Semaphore(2 * THREADS)  # each thread holds two at once
    shared = afflux.Tenant(sem, "shared", cap=3)
    permits: list[afflux.Permit] = []

    def use(seed: int) -> None:
        rng = random.Random(seed)
        for i in range(200):
            with afflux.Tenant(sem) as _, shared.acquire_blocking() as permit:
                assert permit.tenant is shared
            mine = afflux.Tenant(sem, weight=1 + seed).acquire_blocking()
            permits.append(mine)
            for other in (mine, *permits[-3:]):
                other.release()
            if i % 10 == 0:
                shared.set(weight=rng.randint(1, 9))
                shared.set(guaranteed=rng.randint(0, 3))
                shared.stats(), repr(shared)
                sem.set_default_weight(rng.randint(1, 9))

    together(*[lambda seed=seed: use(seed) for seed in range(THREADS)])  # type: ignore[misc]
    stats = shared.stats()
    assert stats.requests == THREADS * 200 and stats.cap == 3
    assert not any(permit.release() for permit in permits)
    assert (stats.held, check_laws(sem).held) == (0, 0)


def test_loops_that_begin_at_once() -> None:
    """Each finds a mailbox of its own, while others come and go."""
    sem = afflux.Semaphore(1)

    async def main() -> None:
        async def work() -> None:
            for _ in range(5):
                async with sem:
                    await asyncio.sleep(0)
                async with afflux.any_of(sem) as taken:
                    assert taken.permit is not None

        await asyncio.gather(*(work() for _ in range(5)))

    def loops() -> None:
        for _ in range(10):
            asyncio.run(asyncio.wait_for(main(), TIME_LIMIT))

    together(*[loops] * THREADS)
    stats = check_laws(sem)
    assert (stats.held, stats.waiters) == (0, 0)
    assert stats.released == THREADS * 10 * 5 * 10


def test_the_first_use_comes_from_many_threads() -> None:
    """What the extension loads at its first wait, several threads load at once."""
    pytest.importorskip("trio")
    program = """
        import asyncio, threading, trio, afflux
        sem = afflux.Semaphore(1)
        barrier = threading.Barrier(6)
        async def work():
            for _ in range(20):
                async with sem:
                    pass
        async def main_asyncio():
            barrier.wait()
            await asyncio.gather(*(work() for _ in range(3)))
        async def main_trio():
            barrier.wait()
            async with trio.open_nursery() as nursery:
                for _ in range(3): nursery.start_soon(work)
        sem.try_acquire()
        threads = [threading.Thread(target=lambda i=i: trio.run(main_trio) if i % 2
                                    else asyncio.run(main_asyncio())) for i in range(6)]
        for t in threads: t.start()
        while sem.waiters < 18: pass
        sem.release()
        for t in threads: t.join()
        print(sem.held, sem.waiters)
    """
    for _ in range(3):
        assert run_python(program).communicate(timeout=TIME_LIMIT)[0] == "0 0\n"


def test_the_collector_runs_in_another_thread() -> None:
    sem = afflux.Semaphore(2)
    stop = False

    def collect() -> None:
        while not stop:
            gc.collect()

    async def main() -> None:
        rng = random.Random(1)

        async def work() -> None:
            async with sem.acquire(rng.randint(1, 2)), afflux.any_of(other, event):
                await asyncio.sleep(0)

        other, event = afflux.Semaphore(1), afflux.Event(manual_reset=False)
        for _ in range(30):
            tasks = [asyncio.create_task(work()) for _ in range(20)]
            await asyncio.sleep(0)
            event.notify_one()
            for task in tasks[::7]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # Cycles that only the collector can end.
            loop: list[Any] = [sem.acquire(2), None]
            loop[1] = loop
            await sem.acquire(2)
            loop[0].send(None)
            del loop
            gc.collect()
            sem.release(2)

    def run() -> None:
        nonlocal stop
        try:
            asyncio.run(asyncio.wait_for(main(), TIME_LIMIT))
        finally:
            stop = True

    together(collect, run)
    gc.collect()
    assert (sem.held, sem.waiters) == (0, 0)
    check_laws(sem)


def test_threads_step_one_awaitable() -> None:
    """Wrong, too, but exactly one of them gets it."""
    sem = afflux.Semaphore(THREADS)
    for _ in range(100):
        wait: Any = sem.acquire()
        ends: list[str] = []

        def step(wait: Any = wait, ends: list[str] = ends) -> None:
            try:
                wait.send(None)
            except StopIteration as end:
                end.value.release()
                ends.append("permit")
            except RuntimeError:
                ends.append("reused")

        together(*[step] * THREADS)
        assert sorted(ends) == ["permit"] + ["reused"] * (THREADS - 1)
        assert sem.held == 0
    check_laws(sem)


def test_a_release_meets_the_end_of_a_loop() -> None:
    """A thread grants while the loop, its tasks and its mailbox go."""
    sem = afflux.Semaphore(1)
    stop = False

    def rival() -> None:
        while not stop:
            with sem:
                pass

    async def main() -> None:
        tasks = [asyncio.create_task(sem.acquire()) for _ in range(5)]
        await asyncio.sleep(0)
        for task in tasks:
            task.add_done_callback(lambda t: t.cancelled() or t.exception() or t.result().release())

    def loops() -> None:
        nonlocal stop
        try:
            for i in range(150):
                if i % 2:
                    asyncio.run(main())  # cancels what waits
                    continue
                loop = asyncio.new_event_loop()
                loop.set_exception_handler(lambda *_: None)
                loop.run_until_complete(main())
                loop.close()  # leaves what waits behind
                del loop
                gc.collect()
        finally:
            stop = True

    together(rival, loops)
    gc.collect()
    assert (sem.held, sem.waiters) == (0, 0), sys.version
    check_laws(sem)
