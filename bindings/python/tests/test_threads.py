# SPDX-License-Identifier: MIT OR Apache-2.0
"""Threads, and threads and loops together, at one semaphore."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading

import pytest
from conftest import (
    TIME_LIMIT,
    Runner,
    Thread,
    check_laws,
    run_on,
    run_python,
    turns,
    until,
    wait_for_waiters,
)

import afflux


def test_with() -> None:
    sem = afflux.Semaphore(1)
    with sem:
        assert sem.held == 1
        with pytest.raises(TimeoutError):
            sem.acquire_blocking(timeout=0)
        with pytest.raises(TimeoutError):
            sem.acquire_blocking(timeout=0.005)
    with sem.acquire_blocking() as permit:
        assert permit.permits == 1
    assert check_laws(sem).held == 0


def test_threads_wait_in_order() -> None:
    sem = afflux.Semaphore(1)
    order: list[int] = []

    def work(i: int) -> None:
        with sem:
            order.append(i)

    threads = []
    with sem:
        for i in range(5):
            threads.append(Thread(lambda i=i: work(i)))
            wait_for_waiters(sem, i + 1)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_the_limit_holds_among_threads() -> None:
    sem = afflux.Semaphore(3)
    inside = 0
    most = 0
    lock = threading.Lock()

    def work(rng: random.Random) -> None:
        nonlocal inside, most
        for _ in range(500):
            n = rng.randint(1, 3)
            with sem.acquire_blocking(n):
                with lock:
                    inside += n
                    most = max(most, inside)
                with lock:
                    inside -= n

    threads = [Thread(lambda i=i: work(random.Random(i))) for i in range(6)]
    for thread in threads:
        thread.join()
    assert 1 <= most <= 3
    stats = check_laws(sem)
    assert stats.held == 0
    assert stats.requests_fast + stats.granted == 3_000


def test_close_ends_a_threads_wait() -> None:
    sem = afflux.Semaphore(1)
    sem.try_acquire()

    def work() -> None:
        with pytest.raises(afflux.Closed):
            sem.acquire_blocking()

    thread = Thread(work)
    wait_for_waiters(sem, 1)
    sem.close()
    thread.join()


def test_events_among_threads() -> None:
    event = afflux.Event(manual_reset=False)
    with pytest.raises(TimeoutError):
        event.wait_blocking(timeout=0)
    thread = Thread(lambda: event.wait_blocking())
    event.notify_one()
    thread.join()
    assert not event.is_set()
    sem = afflux.Semaphore()
    with sem:
        with pytest.raises(TimeoutError):
            sem.wait_idle_blocking(0.001)
        idle = Thread(lambda: sem.wait_idle_blocking())
    idle.join()


def test_a_thread_releases_to_a_task(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        permit = await sem.acquire()
        tasks = [asyncio.ensure_future(sem.acquire()) for _ in range(2)]
        await turns()
        thread = Thread(permit.release)
        second = await tasks[0]
        thread.join()
        Thread(second.release).join()
        (await tasks[1]).release()
        assert check_laws(sem).granted == 2

    run(main())


def test_a_task_releases_to_a_thread(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        done = afflux.Event()

        def work() -> None:
            with sem:
                done.set()

        async with sem:
            thread = Thread(work)
            await until(lambda: sem.waiters == 1)
        await done.wait()
        thread.join()

    run(main())


def test_a_cancel_meets_a_release_of_another_thread(run: Runner) -> None:
    """The release comes by the loop's reader, after the task has been cancelled, or before."""

    async def main() -> None:
        sem = afflux.Semaphore(1)
        stop = False
        given = afflux.Event(manual_reset=False)

        def releaser() -> None:
            while True:
                given.wait_blocking()
                if stop:
                    return
                sem.release()

        thread = Thread(releaser)
        canceled = 0
        for i in range(500):
            await sem.acquire()
            task = asyncio.ensure_future(sem.acquire())
            await asyncio.sleep(0)
            given.notify_one()
            for _ in range(i % 4):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                canceled += 1
            else:
                sem.release()
            await sem.acquire()  # the thread's release has come, to whomever
            sem.release()
        stop = True
        given.notify_one()
        thread.join()
        assert canceled > 0
        assert sem.held == 0 and sem.waiters == 0
        check_laws(sem)

    run(main())


def test_many_loops_and_threads_share_one_semaphore() -> None:
    sem = afflux.Semaphore(4, statistics="full")
    inside = 0
    most = 0
    lock = threading.Lock()

    def enter(n: int) -> None:
        nonlocal inside, most
        with lock:
            inside += n
            most = max(most, inside)

    async def task(rng: random.Random) -> None:
        for _ in range(25):
            n = rng.randint(1, 4)
            try:
                async with sem.acquire(n, timeout=rng.choice([None, 0.0005, 10])):
                    enter(n)
                    try:
                        await asyncio.sleep(0)
                    finally:
                        enter(-n)
            except TimeoutError:
                pass

    async def main(seed: int) -> None:
        rng = random.Random(seed)
        tasks = [asyncio.create_task(task(rng)) for _ in range(20)]
        await turns()
        for victim in tasks[::5]:
            victim.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def loop(seed: int, name: str) -> None:
        run_on(name, main(seed))

    def blocking(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(200):
            n = rng.randint(1, 4)
            with sem.acquire_blocking(n, priority=rng.randint(0, 3)):
                enter(n)
                enter(-n)

    threads = [Thread(lambda i=i: loop(i, ("asyncio", "uvloop")[i % 2])) for i in range(4)]
    threads += [Thread(lambda i=i: blocking(i)) for i in range(3)]
    for thread in threads:
        thread.join()
    assert 1 <= most <= 4
    stats = check_laws(sem)
    assert stats.held == 0 and stats.waiters == 0
    assert stats.granted > 0


def test_arrival_order_across_loops_and_threads() -> None:
    sem = afflux.Semaphore(1)
    sem.try_acquire()
    order: list[int] = []

    def thread(i: int) -> None:
        with sem:
            order.append(i)

    async def task(i: int) -> None:
        async with sem:
            order.append(i)

    threads = []
    for i in range(6):
        target = (lambda i=i: thread(i)) if i % 2 else (lambda i=i: run_on("asyncio", task(i)))
        threads.append(Thread(target))
        wait_for_waiters(sem, i + 1)
    sem.release()
    for t in threads:
        t.join()
    assert order == list(range(6))


def test_keyboard_interrupt_ends_a_wait() -> None:
    child = run_python(
        """
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)
        import afflux
        sem = afflux.Semaphore(1)
        sem.try_acquire()
        import threading
        def tell():
            event = afflux.Event()
            while sem.waiters == 0:
                try: event.wait_blocking(0.001)
                except TimeoutError: pass
            print("waiting", flush=True)
        threading.Thread(target=tell).start()
        try:
            sem.acquire_blocking()
        except KeyboardInterrupt:
            sem.release()
            stats = sem.stats()
            print("interrupted", sem.waiters, sem.held, stats.canceled)
        """
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "waiting\n"
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=TIME_LIMIT)
    assert out == "interrupted 0 0 1\n"
    assert child.returncode == 0


def test_a_wait_that_is_granted_and_interrupted_gives_back() -> None:
    child = run_python(
        """
        import signal, afflux
        sem = afflux.Semaphore(1)
        sem.try_acquire()
        def handler(*_):
            if sem.waiters == 0:  # it came too early: once more
                signal.setitimer(signal.ITIMER_REAL, 0.01)
                return
            sem.release()  # to the wait that this very handler interrupts
            raise ZeroDivisionError
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        try:
            sem.acquire_blocking()
        except ZeroDivisionError:
            print(sem.held, sem.waiters, sem.stats().granted)
        """
    )
    out, _ = child.communicate(timeout=TIME_LIMIT)
    assert out == "0 0 1\n"


def test_a_signal_handler_that_returns_does_not_end_a_wait() -> None:
    child = run_python(
        """
        import signal, afflux
        sem = afflux.Semaphore(1)
        sem.try_acquire()
        def handler(*_):
            print("handled", sem.waiters, flush=True)
            sem.release()
        signal.signal(signal.SIGUSR1, handler)
        print("ready", flush=True)
        with sem:
            print("acquired", sem.held)
        """
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGUSR1)
    out, _ = child.communicate(timeout=TIME_LIMIT)
    assert out.splitlines()[-1] == "acquired 1"
    assert child.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_after_a_fork() -> None:
    child = run_python(
        """
        import asyncio, os, afflux
        sem = afflux.Semaphore(2)
        async def use():
            async with sem.acquire(2) as permit:
                waiting = asyncio.ensure_future(sem.acquire(timeout=30))
                await asyncio.sleep(0)
            (await waiting).release()
        asyncio.run(use())
        pid = os.fork()
        asyncio.run(use())
        assert sem.held == 0
        if pid == 0:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        print("both")
        """
    )
    out, _ = child.communicate(timeout=TIME_LIMIT)
    assert out == "both\n"


def test_waits_at_the_end_of_the_interpreter() -> None:
    """Tasks and threads that wait when the process ends do not hinder it."""
    child = run_python(
        """
        import asyncio, threading, afflux
        sem = afflux.Semaphore(1)
        sem.try_acquire()
        threading.Thread(target=sem.acquire_blocking, daemon=True).start()
        async def main():
            global task
            task = asyncio.ensure_future(sem.acquire(timeout=1000))
            await asyncio.sleep(0)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        print("end", flush=True)
        """
    )
    out, _ = child.communicate(timeout=TIME_LIMIT)
    assert out == "end\n"
    assert child.returncode == 0
