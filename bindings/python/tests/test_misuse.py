# SPDX-License-Identifier: MIT OR Apache-2.0
"""Programs that do what they should not: nothing crashes, and no permit is lost."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from conftest import TIME_LIMIT, Runner, Thread, check_laws, output_of, turns

import afflux


def test_an_awaitable_is_used_in_wrong_ways(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        permit = await sem.acquire()
        wait: Any = sem.acquire()
        future = wait.send(None)
        with pytest.raises(RuntimeError):
            wait.send(None)  # the future was not awaited: asyncio says so
        assert sem.waiters == 0
        wait = sem.acquire()
        future = wait.send(None)
        future.set_result(None)  # not by the semaphore
        with pytest.raises(RuntimeError, match="completed by another"):
            wait.send(None)
        wait = sem.acquire()
        wait.send(None).cancel()
        with pytest.raises(asyncio.CancelledError):
            wait.send(None)
        assert sem.waiters == 0
        wait = sem.acquire()
        wait.send(None)
        for wrong in ((), (1,), (ValueError, 1, 2), (ValueError(), 1), (1, 2, 3, 4)):
            with pytest.raises(TypeError):
                wait.throw(*wrong)
        assert sem.waiters == 1
        with pytest.raises(KeyError, match="k"):
            wait.throw(KeyError, "k", None)
        assert sem.waiters == 0
        for after in (wait.send, wait.throw):
            with pytest.raises((RuntimeError, KeyError)):
                after(KeyError() if after == wait.throw else None)
        wait.close()
        wait = sem.acquire()
        entered = wait.__aenter__()
        with pytest.raises(RuntimeError, match="reuse"):
            wait.__aenter__()
        wait.close()
        del entered
        await wait.__aexit__(None, None, None)
        permit.release()
        assert check_laws(sem).held == 0

    run(main())


def test_two_threads_share_one_awaitable() -> None:
    """That is wrong, but nothing is lost by it."""
    sem = afflux.Semaphore(1)

    async def begin() -> None:
        barrier = threading.Barrier(3)
        for i in range(300):
            permit = sem.try_acquire()
            assert permit is not None
            wait = sem.acquire()
            wait.send(None)

            def close(wait: Any = wait) -> None:
                barrier.wait(TIME_LIMIT)
                wait.close()

            threads = [Thread(close) for _ in range(2)]
            barrier.wait(TIME_LIMIT)
            permit.release()
            for thread in threads:
                thread.join()
            if i % 50 == 0:
                await asyncio.sleep(0)
            assert sem.held == 0 and sem.waiters == 0

    asyncio.run(begin())
    check_laws(sem)


@pytest.mark.parametrize("way", ["close", "drop"])
def test_an_awaitable_goes_in_another_thread(run: Runner, way: str) -> None:
    """While its loop's thread delivers to it."""

    async def main() -> None:
        sem = afflux.Semaphore(1)
        boxes: list[list[Any]] = [[] for _ in range(1_000)]
        ready = threading.Semaphore(0)

        def end() -> None:
            for box in boxes:
                assert ready.acquire(timeout=TIME_LIMIT)
                if way == "close":
                    box[0].close()
                box.clear()

        async def tick() -> None:
            # Without the GIL an object is freed by the thread that has made it, when that runs.
            while True:
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        thread = Thread(end)
        for box in boxes:
            permit = await sem.acquire()
            wait = sem.acquire()
            wait.send(None)
            box.append(wait)
            del wait
            ready.release()
            permit.release()
            await asyncio.sleep(0)
        thread.join()
        ticking.cancel()
        await turns()
        gc.collect()
        assert sem.held == 0 and sem.waiters == 0
        check_laws(sem)

    run(main())


class Trouble(Exception):
    pass


@pytest.mark.parametrize("what", ["create_future", "add_reader", "no await"])
def test_a_loop_that_fails(what: str) -> None:
    class Loop(asyncio.SelectorEventLoop):
        fails = False

        def create_future(self) -> Any:
            if self.fails and what == "create_future":
                raise Trouble
            return object() if self.fails and what == "no await" else super().create_future()

        def add_reader(self, *args: Any) -> Any:
            if self.fails and what == "add_reader":
                raise Trouble
            return super().add_reader(*args)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        sem = afflux.Semaphore(1)
        async with sem:
            for call in (sem.acquire, lambda: afflux.all_of(sem), sem.wait_idle):
                loop.fails = True
                wait: Any = call()
                with pytest.raises((Trouble, TypeError)):
                    wait.send(None)
                loop.fails = False
                assert sem.waiters == 0
        async with sem:  # it recovers
            waiting = asyncio.ensure_future(sem.acquire())
            await turns()
            assert sem.waiters == 1
        (await waiting).release()
        check_laws(sem)

    loop = Loop()
    try:
        loop.run_until_complete(asyncio.wait_for(main(), TIME_LIMIT))
    finally:
        loop.close()


def test_an_interrupt_while_a_task_is_resumed_is_not_lost() -> None:
    """The signal handler raises within the release, in what the loop runs to resume a task."""
    out = output_of(
        """
        import asyncio, signal, afflux
        signal.signal(signal.SIGINT, signal.default_int_handler)

        class Loop(asyncio.SelectorEventLoop):
            interrupt = False
            def call_soon(self, *args, **kwargs):
                handle = super().call_soon(*args, **kwargs)
                if self.interrupt:
                    self.interrupt = False
                    signal.raise_signal(signal.SIGINT)
                    for _ in range(100): pass
                return handle

        async def main():
            sem = afflux.Semaphore(1)
            permit = await sem.acquire()
            task = asyncio.ensure_future(sem.acquire())
            await asyncio.sleep(0)
            loop.interrupt = True
            try:
                permit.release()
                for _ in range(100): pass
            except KeyboardInterrupt:
                print("interrupted")
            (await task).release()
            print(sem.held)

        loop = Loop()
        loop.run_until_complete(main())
        loop.close()
        """
    )
    assert out == "interrupted\n0\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux'")
def test_no_descriptor_for_the_doorbell() -> None:
    out = output_of(
        """
        import asyncio, resource, afflux
        async def main():
            sem = afflux.Semaphore(1)
            async with sem:
                limits = resource.getrlimit(resource.RLIMIT_NOFILE)
                resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
                for call in (sem.acquire, lambda: afflux.all_of(sem)):
                    try:
                        await call()
                    except OSError as error:
                        print(error.errno)
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                assert sem.waiters == 0
                task = asyncio.ensure_future(sem.acquire())
                await asyncio.sleep(0)
            (await task).release()
            print(sem.held)
        asyncio.run(main())
        """
    )
    assert out == "24\n24\n0\n"


def test_a_thread_releases_to_a_loop_that_is_being_closed() -> None:
    sem = afflux.Semaphore(1)
    for _ in range(100):
        permit = sem.try_acquire()
        assert permit is not None
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)
        wait = sem.acquire()

        async def begin(wait: Any = wait) -> None:
            wait.send(None)

        loop.run_until_complete(begin())
        thread = Thread(permit.release)
        loop.close()
        gone = weakref.ref(loop)
        del loop
        thread.join()
        wait.close()
        del wait, begin
        gc.collect()
        assert gone() is None
        assert sem.held == 0 and sem.waiters == 0
    check_laws(sem)


def test_two_loops_of_one_thread(run: Runner) -> None:
    """One after the other, each with a wait that the other's task lets in."""
    sem = afflux.Semaphore(1)

    async def waits(loop_other: asyncio.AbstractEventLoop) -> None:
        async with sem:
            assert asyncio.get_running_loop() is not loop_other

    loops = [asyncio.new_event_loop() for _ in range(2)]
    tasks = [loops[i].create_task(waits(loops[1 - i])) for i in range(2)]

    async def hold() -> None:
        async with sem:
            await turns()

    loops[0].run_until_complete(hold())
    loops[1].run_until_complete(turns())
    for _ in range(3):
        for loop in loops:
            loop.run_until_complete(turns())
    assert [task.done() for task in tasks] == [True, True]
    for loop in loops:
        loop.close()
    assert check_laws(sem).held == 0


def test_many_loops_leave_nothing() -> None:
    sem = afflux.Semaphore(1)

    async def main() -> None:
        async with sem:
            waiting = asyncio.ensure_future(sem.acquire())
            await asyncio.sleep(0)
        (await waiting).release()

    def files() -> int:
        return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0

    asyncio.run(main())
    gc.collect()
    before = files()
    for _ in range(50):
        asyncio.run(main())
    gc.collect()
    assert files() <= before
    assert check_laws(sem).held == 0


def test_eager_tasks() -> None:
    if not hasattr(asyncio, "eager_task_factory"):
        pytest.skip("Python 3.12")

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        sem = afflux.Semaphore(1)
        async with sem:
            tasks = [asyncio.create_task(sem.acquire()) for _ in range(3)]
            assert sem.waiters == 3
            tasks[0].cancel()
        for task in tasks[1:]:
            (await task).release()
        assert check_laws(sem).held == 0
        assert (await asyncio.create_task(sem.acquire())).release()

    asyncio.run(main())


class Kept(afflux.Semaphore):
    kept: Any


class KeptClient(afflux.Client):
    kept: Any


class KeptTag(str):
    kept: Any


@pytest.mark.filterwarnings("ignore:.*never awaited:RuntimeWarning")
@pytest.mark.parametrize("full", [False, True])
def test_cycles_are_collected(full: bool) -> None:
    """Whatever refers to a semaphore, and is referred to by it."""
    made: list[Callable[[Kept], Any]] = [
        lambda sem: sem.try_acquire(),
        lambda sem: sem.acquire_blocking(),
        lambda sem: sem.acquire(),
        lambda sem: sem.wait_idle(),
        lambda sem: afflux.all_of_blocking(sem, sem),
        lambda sem: afflux.any_of_blocking(sem),
        lambda sem: afflux.all_of(sem, sem),
        lambda sem: afflux.any_of(sem),
        lambda sem: afflux.Control(sem, on_change=sem.kept),
        lambda sem: afflux.Control(sem).measure(),
        lambda sem: afflux.Tenant(sem),
    ]
    for make in made:
        sem = Kept(5, statistics="full" if full else "off")
        sem.kept = sem.resize
        sem.kept = [sem, make(sem)]
        gone = weakref.ref(sem)
        del sem
        gc.collect()
        assert gone() is None, make
    plain = afflux.Semaphore(2)
    client = KeptClient()
    client.kept = plain.acquire(client=client)
    tag = KeptTag("t")
    tag.kept = plain.acquire(tag=tag)
    gone_client, gone_tag = weakref.ref(client), weakref.ref(tag)
    del client, tag
    gc.collect()
    assert gone_client() is None and gone_tag() is None


def test_a_cycle_through_a_pending_wait_is_collected(run: Runner) -> None:
    async def main() -> None:
        sem = Kept(1)
        other = Kept(1)
        await sem.acquire()
        await other.acquire()
        gone = weakref.ref(sem)
        one: Any = sem.acquire()
        both: Any = afflux.all_of(sem, other)
        for wait in (one, both):
            wait.send(None)
        sem.kept = [sem, one, both]
        del sem, one, both, wait
        gc.collect()
        assert gone() is None
        assert other.waiters == 0

    run(main())
