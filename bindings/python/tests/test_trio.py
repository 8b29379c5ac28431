# SPDX-License-Identifier: MIT OR Apache-2.0
"""trio, and anyio on both of its backends."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from conftest import check_laws, run_python

import afflux

trio = pytest.importorskip("trio")
anyio = pytest.importorskip("anyio")


def backends() -> list[Any]:
    return [("trio", {}), ("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})]


@pytest.fixture(params=backends(), ids=["trio", "asyncio", "uvloop"])
def any_run(request: pytest.FixtureRequest) -> Any:
    backend, options = request.param
    if options.get("use_uvloop"):
        pytest.importorskip("uvloop")

    async def limited(main: Any) -> Any:
        with anyio.fail_after(60):
            return await main()

    return lambda main: anyio.run(limited, main, backend=backend, backend_options=options)


def test_the_order(any_run: Any) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        order: list[int] = []

        async def work(i: int) -> None:
            async with sem.acquire():
                order.append(i)

        async with anyio.create_task_group() as group:
            async with sem:
                for i in range(5):
                    group.start_soon(work, i)
                    while sem.waiters <= i:
                        await anyio.sleep(0)
        assert order == list(range(5))
        assert check_laws(sem).granted == 5

    any_run(main)


def test_cancel_scopes(any_run: Any) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        async with sem:
            with anyio.move_on_after(0.005) as scope:
                async with sem:
                    raise AssertionError("it is held")
            assert scope.cancelled_caught
            assert sem.waiters == 0
            with pytest.raises(TimeoutError):
                await sem.acquire(timeout=0.005)
        async with sem:
            pass
        stats = check_laws(sem)
        assert (stats.canceled, stats.timed_out, stats.held) == (1, 1, 0)

    any_run(main)


def test_a_granted_task_that_is_cancelled_passes_the_permit_on(any_run: Any) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        got: list[str] = []

        async def work(name: str, scope: Any) -> None:
            with scope:
                async with sem:
                    got.append(name)

        permit = await sem.acquire()
        scopes = [anyio.CancelScope() for _ in range(2)]
        async with anyio.create_task_group() as group:
            for i, scope in enumerate(scopes):
                group.start_soon(work, "ab"[i], scope)
                while sem.waiters <= i:
                    await anyio.sleep(0)
            permit.release()  # to "a", whose task has not run yet
            scopes[0].cancel()
        # trio cannot cancel what is on its way; asyncio can. Nothing is lost with either.
        assert got in (["b"], ["a", "b"])
        assert sem.held == 0
        check_laws(sem)

    any_run(main)


def test_threads(any_run: Any) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        permit = await sem.acquire()
        thread = None

        async def work() -> None:
            async with sem:
                assert sem.held == 1

        async with anyio.create_task_group() as group:
            group.start_soon(work)
            while sem.waiters == 0:
                await anyio.sleep(0)
            thread = threading.Thread(target=permit.release)
            thread.start()
        thread.join()

        def blocking() -> None:
            with sem:
                pass

        await anyio.to_thread.run_sync(blocking)
        assert check_laws(sem).held == 0

    any_run(main)


def test_the_limit_holds(any_run: Any) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(3)
        inside = most = 0

        async def work(i: int) -> None:
            nonlocal inside, most
            n = i % 3 + 1
            with anyio.move_on_after(0 if i % 7 == 0 else 50):
                async with sem.acquire(n):
                    inside += n
                    most = max(most, inside)
                    try:
                        await anyio.sleep(0)
                    finally:
                        inside -= n

        async with anyio.create_task_group() as group:
            for i in range(300):
                group.start_soon(work, i)
        assert most <= 3
        assert sem.held == 0 and sem.waiters == 0
        check_laws(sem)

    any_run(main)


def test_events(any_run: Any) -> None:
    async def main() -> None:
        event = afflux.Event(manual_reset=False)

        async with anyio.create_task_group() as group:
            group.start_soon(event.wait)
            while event.waiters == 0:
                await anyio.sleep(0)
            thread = threading.Thread(target=event.notify_one)
            thread.start()
        thread.join()

    any_run(main)


def test_several(any_run: Any) -> None:
    async def main() -> None:
        a, b = afflux.Semaphore(1), afflux.Semaphore(2)
        got: list[object] = []

        async def both() -> None:
            async with afflux.all_of(a, (b, 2)) as permits:
                got.append([p.permits for p in permits])

        async def one() -> None:
            async with afflux.any_of((b, 2), a) as taken:
                got.append(taken.which)

        async with anyio.create_task_group() as group:
            async with a, b:
                group.start_soon(both)
                while a.waiters + b.waiters == 0:
                    await anyio.sleep(0)
                group.start_soon(one)
                while a.waiters + b.waiters < 3:
                    await anyio.sleep(0)
                with anyio.move_on_after(0.005) as scope:
                    await afflux.all_of(b, a)
                assert scope.cancelled_caught
                with pytest.raises(TimeoutError):
                    await afflux.any_of(a, (b, 2), timeout=0.005)
                assert a.waiters + b.waiters == 3
        assert sorted(map(str, got)) in (["0", "[1, 2]"], ["1", "[1, 2]"])
        for sem in (a, b):
            assert check_laws(sem).held == 0

    any_run(main)


def test_several_that_are_cancelled_lose_nothing(any_run: Any) -> None:
    async def main() -> None:
        sems = [afflux.Semaphore(2) for _ in range(3)]
        inside = [0, 0, 0]

        async def work(i: int) -> None:
            items = [(sems[(i + k) % 3], 1 + (i + k) % 2) for k in range(1 + i % 3)]
            call = afflux.any_of if i % 2 else afflux.all_of
            with anyio.move_on_after(0 if i % 5 == 0 else 50) as scope:
                if i % 7 == 0:
                    scopes.append(scope)
                async with call(*items) as held:
                    permits = [p for p in held if isinstance(p, afflux.Permit)]
                    for p in permits:
                        at = sems.index(p.semaphore)
                        inside[at] += p.permits
                        assert inside[at] <= 2
                    try:
                        await anyio.sleep(0)
                    finally:
                        for p in permits:
                            inside[sems.index(p.semaphore)] -= p.permits

        scopes: list[Any] = []
        async with anyio.create_task_group() as group:
            for i in range(300):
                group.start_soon(work, i)
                if i % 10 == 0:
                    await anyio.sleep(0)
                    while scopes:
                        scopes.pop().cancel()
        for sem in sems:
            assert sem.held == 0 and sem.waiters == 0
            check_laws(sem)

    any_run(main)


def test_trio_as_a_guest_of_asyncio() -> None:
    """Both wait for one semaphore on one thread."""
    sem = afflux.Semaphore(1)
    order: list[str] = []

    async def in_trio() -> None:
        async with sem:
            order.append("trio")
            await trio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        permit = await sem.acquire()
        trio.lowlevel.start_guest_run(
            in_trio,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=done.set_result,
        )
        while sem.waiters == 0:
            await asyncio.sleep(0)
        mine = asyncio.ensure_future(sem.acquire())
        await asyncio.sleep(0)
        permit.release()
        (await mine).release()
        order.append("asyncio")
        (await done).unwrap()

    asyncio.run(asyncio.wait_for(main(), 60))
    assert order == ["trio", "asyncio"]
    assert check_laws(sem).held == 0


def test_an_interrupt_while_a_task_is_resumed() -> None:
    """Ctrl-C in the very function that resumes a task: trio keeps it back until that is done."""
    child = run_python(
        """
        import signal, sys, trio, afflux
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sent = 0
        def profile(frame, event, arg):
            global sent
            code = frame.f_code
            if event == "call" and code.co_name == "set_result" and "afflux" in code.co_filename:
                sent += 1
                signal.raise_signal(signal.SIGINT)
        async def main():
            sem = afflux.Semaphore(1)
            permit = await sem.acquire()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(sem.acquire)
                while sem.waiters == 0:
                    await trio.sleep(0)
                sys.setprofile(profile)
                try:
                    permit.release()
                    sys.setprofile(None)
                    await trio.lowlevel.checkpoint()
                except KeyboardInterrupt:
                    sys.setprofile(None)
                    print("interrupted", sent)
                with trio.move_on_after(5) as scope:
                    while nursery.child_tasks:
                        await trio.sleep(0)
                print("asleep" if scope.cancelled_caught else "resumed")
                nursery.cancel_scope.cancel()
            print(sem.held)
        trio.run(main)
        """
    )
    out, _ = child.communicate(timeout=60)
    assert out == "interrupted 1\nresumed\n1\n"
