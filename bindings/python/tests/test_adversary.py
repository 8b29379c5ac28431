# SPDX-License-Identifier: MIT OR Apache-2.0
"""Programs that do what they should not: nothing crashes, and no permit is lost."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import (
    TIME_LIMIT,
    Runner,
    Thread,
    check_laws,
    run_python,
    turns,
    wait_for_waiters,
)

import afflux


def output_of(program: str, stderr: bool = False) -> str:
    """What the program prints, in an interpreter of its own that ends well."""
    child = run_python(program, stderr=subprocess.PIPE if stderr else None)
    out, err = child.communicate(timeout=TIME_LIMIT)
    assert child.returncode == 0, (out, err)
    return err if stderr else out


# ---- Arguments ------------------------------------------------------------------------------------


class Hostile:
    """Whatever is asked of it raises."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __index__(self) -> int:
        raise RuntimeError("index")

    def __float__(self) -> float:
        raise RuntimeError("float")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("iter")


WRONG: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**32,
    2**42,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63),
    -(2**63) - 1,
    10**400,
    -(10**400),
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    1j,
    "",
    "x",
    "\0",
    "\ud800",
    "fair",
    "x" * 100_000,
    b"x",
    (),
    [],
    {},
    object(),
    Hostile(),
    int,
    afflux.Semaphore,
    afflux.Event(manual_reset=True),
    afflux.Client(),
    afflux.Semaphore(2),
    (afflux.Semaphore(2), 2**64 - 1),
]
WRONG[-4].set()  # a wait for it ends
EXPECTED = (
    TypeError,
    ValueError,
    OverflowError,
    RuntimeError,  # of Hostile, and "no running event loop"
    TimeoutError,
    afflux.Error,
    StopIteration,
)


def attempt(call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    try:
        result = call(*args, **kwargs)
        if isinstance(result, afflux.Acquire):
            try:
                result.send(None)
            finally:
                result.close()
        if isinstance(result, afflux.Permit | afflux.Permits | afflux.Taken):
            result.release()
    except EXPECTED:
        pass


def calls() -> list[tuple[str, Callable[[], Callable[..., Any]], list[str]]]:
    """Each callable, a maker of it (a new object each time), and its keywords."""
    sem = ["n", "priority", "timeout", "cost", "tag", "client"]
    several = ["priority", "timeout", "cost", "tag"]
    made: list[tuple[str, Callable[[], Callable[..., Any]], list[str]]] = [
        (
            "Semaphore",
            lambda: afflux.Semaphore,
            "permits queue fairness overflow max_waiters max_queue_bytes waiter_timeout name "
            "statistics ledger".split(),
        ),
        ("Event", lambda: afflux.Event, ["manual_reset", "queue"]),
        (
            "Client",
            lambda: afflux.Client,
            "name classes pipelines stall_speed stall_after".split(),
        ),
        ("Registry", lambda: afflux.Registry, []),
        ("Permits", lambda: afflux.Permits, []),
        ("Taken", lambda: afflux.Taken, []),
        ("any_of", lambda: afflux.any_of, several),
        ("all_of", lambda: afflux.all_of, several),
        # A wait that cannot end would hang: what a wrong value leaves to wait for is free.
        ("any_of_blocking", lambda: afflux.any_of_blocking, several),
        ("all_of_blocking", lambda: afflux.all_of_blocking, several),
    ]
    keywords = {
        "acquire": sem,
        "acquire_blocking": sem,
        "wait_idle": ["timeout"],
        "wait_idle_blocking": ["timeout"],
        "wait": ["timeout"],
        "wait_blocking": ["timeout"],
        "health": ["max_waiters", "max_queue_bytes", "max_wait", "max_still"],
        "render": ["format", "clients"],
        "content_type": ["format"],
    }

    def full() -> afflux.Semaphore:
        return afflux.Semaphore(4, statistics="full", ledger=2)

    def event() -> afflux.Event:
        made = afflux.Event()
        made.set()
        return made

    def permit() -> afflux.Permit:
        made = full().try_acquire(3)
        assert made is not None
        return made

    makers: list[tuple[type, Callable[[], Any]]] = [
        (afflux.Semaphore, full),
        (afflux.Event, event),
        (afflux.Client, afflux.Client),
        (afflux.Registry, afflux.Registry),
        (afflux.Permit, permit),
        (afflux.Permits, lambda: afflux.all_of_blocking(full())),
        (afflux.Acquire, lambda: afflux.Semaphore().acquire()),
    ]
    for kind, maker in makers:
        for name in vars(kind):
            if name in ("from_handle", "__new__", "__doc__") or not callable(getattr(kind, name)):
                continue
            made.append(
                (
                    f"{kind.__name__}.{name}",
                    lambda maker=maker, name=name: getattr(maker(), name),  # type: ignore[misc]
                    keywords.get(name, []),
                )
            )
    return made


CALLS = calls()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name, maker, keywords", CALLS, ids=[name for name, _, _ in CALLS])
def test_wrong_arguments(
    name: str, maker: Callable[[], Callable[..., Any]], keywords: list[str]
) -> None:
    for wrong in WRONG:
        attempt(maker(), wrong)
        attempt(maker(), wrong, wrong)
        attempt(maker(), wrong, wrong, wrong)
        attempt(maker(), *[wrong] * 70)
        for keyword in keywords:
            attempt(maker(), **{keyword: wrong})
            attempt(maker(), 1, **{keyword: wrong})
            attempt(maker(), afflux.Semaphore(3), **{keyword: wrong})
        attempt(maker(), **{"no such thing": wrong})
    for first, second in itertools.product(WRONG[:20], repeat=2):
        attempt(maker(), first, second)
    attempt(maker())


def test_errors_name_the_range() -> None:
    sem: Any = afflux.Semaphore(4)
    for delta in (2**63, -(2**63) - 1, 10**400, -(10**400), -5, 2**42):
        with pytest.raises(ValueError, match="out of range"):
            sem.resize_by(delta)
    with pytest.raises(TypeError):
        sem.resize_by(1.5)
    assert sem.resize_by(0) == 4


def test_a_tag_that_has_no_text_fails_before_the_wait() -> None:
    sem = afflux.Semaphore(1, ledger=1)
    sem.try_acquire()  # a wait would not end
    for tag in ("\ud800", "a\0b"):
        with pytest.raises(ValueError):
            sem.acquire_blocking(tag=tag)
        with pytest.raises(ValueError):
            sem.acquire(tag=tag)
        with pytest.raises(ValueError):
            afflux.all_of_blocking(sem, tag=tag)
    assert check_laws(sem).queued == 0


def test_after_a_close(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(3, statistics="full", ledger=3)
        kept = await sem.acquire(2)
        sem.close()
        for call in (sem.acquire, lambda: afflux.any_of(sem), lambda: afflux.all_of(sem)):
            for _ in range(2):
                with pytest.raises(afflux.Closed):
                    await call()
        for call2 in (
            sem.acquire_blocking,
            sem.try_acquire,
            sem.__enter__,
            lambda: sem.try_acquire_up_to(1, 2),
            lambda: afflux.any_of_blocking(sem),
            lambda: afflux.all_of_blocking(sem),
        ):
            with pytest.raises(afflux.Closed):
                call2()
        sem.resize(7)
        assert sem.resize_by(-2) == 5
        sem.close()
        with kept.split(1) as part:
            assert part.permits == 1
        assert (sem.held, sem.limit) == (1, 5)
        assert kept.release() and not kept.release()
        with pytest.raises(ValueError):
            sem.release()
        await sem.wait_idle()
        assert sem.stats().held == 0 and not sem.health().healthy
        assert sem.holders() == []

    run(main())


# ---- The awaitable --------------------------------------------------------------------------------


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

            def close() -> None:
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


# ---- Loops ----------------------------------------------------------------------------------------


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


def test_a_cycle_through_a_pending_wait_is_collected(run: Runner) -> None:
    class Mine(afflux.Semaphore):
        kept: Any

    async def main() -> None:
        sem = Mine(1)
        other = Mine(1)
        await sem.acquire()
        await other.acquire()
        gone = weakref.ref(sem)
        for call in (sem.acquire, lambda: afflux.all_of(sem, other)):
            wait = call()
            wait.send(None)
            sem.kept = [sem, wait, getattr(sem, "kept", None)]
            del wait
        del sem, call
        gc.collect()
        assert gone() is None
        assert other.waiters == 0

    run(main())


# ---- Signals --------------------------------------------------------------------------------------

STORM = """
    import signal, threading, afflux
    sem = afflux.Semaphore(2)
    other = afflux.Semaphore(2)
    class Alarm(Exception): pass
    armed = False
    def handler(*_):
        if armed:
            raise Alarm
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
    stop = False
    def rival():
        while not stop:
            with sem: pass
            with other: pass
            with sem.acquire_blocking(2): pass
    thread = threading.Thread(target=rival)
    thread.start()
    alarms = 0
    for i in range(200_000):
        try:
            try:
                armed = True
                {use}
            finally:
                armed = False
        except Alarm:
            armed = False
            alarms += 1
            if alarms == 300:
                break
    signal.setitimer(signal.ITIMER_REAL, 0)
    stop = True
    thread.join()
    s = sem.stats()
    ends = s.granted + s.canceled + s.timed_out + s.dropped + s.closed_out + s.impossible
    print(alarms > 20, sem.held, other.held, sem.waiters, s.queued - ends,
          s.acquired_fast + s.acquired_after_wait - s.released)
"""


@pytest.mark.parametrize(
    "use",
    ["with sem: pass", "with sem, other: pass"],
    ids=["with", "two"],
)
def test_a_storm_of_signals_that_raise(use: str) -> None:
    assert output_of(STORM.replace("{use}", use)) == "True 0 0 0 0 0\n"


def test_a_signal_within_a_call_that_answers_a_permit() -> None:
    """The handler raises before the call has returned: the permits do not get lost with it."""
    out = output_of(
        """
        import ctypes, functools, signal, afflux
        class Signal(Exception): pass
        def handler(*_):
            raise Signal
        signal.signal(signal.SIGUSR1, handler)
        raise_signal = functools.partial(ctypes.CDLL(None)["raise"], int(signal.SIGUSR1))
        class Cost:
            __index__ = staticmethod(raise_signal)  # C code alone; answers 0
        sem, other = afflux.Semaphore(3), afflux.Semaphore(3, ledger=1)
        client = afflux.Client()
        for call in (
            lambda: sem.acquire_blocking(2, cost=Cost()),
            lambda: other.acquire_blocking(2, cost=Cost()),
            lambda: sem.acquire_blocking(2, cost=Cost(), client=client),
            lambda: afflux.all_of_blocking(sem, (other, 2), cost=Cost()),
            lambda: afflux.any_of_blocking(sem, other, cost=Cost()),
        ):
            try:
                call()
            except Signal:
                print("raised", sem.held, other.held)
        """
    )
    assert out == "raised 0 0\n" * 5


TASK_STORM = """
    import asyncio, signal, sys, afflux
    sys.stderr = None  # the alarm may be raised where nothing can catch it
    sem = afflux.Semaphore(2)
    class Alarm(Exception): pass
    armed = False
    def handler(*_):
        if armed:
            raise Alarm
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    async def main():
        global armed
        alarms = 0
        while alarms < 200:
            try:
                try:
                    armed = True
                    {use}
                finally:
                    armed = False
            except Alarm:
                armed = False
                alarms += 1
                if sem.held != 0:
                    return "lost"
        return "nothing lost"
    end = asyncio.run(main())
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(end)
"""


@pytest.mark.parametrize(
    "use",
    ["async with sem: pass", "async with sem.acquire(2): pass", "async with afflux.all_of(sem): pass"],
    ids=["sem", "acquire", "all_of"],
)
def test_a_storm_of_signals_that_raise_in_a_task(use: str) -> None:
    assert output_of(TASK_STORM.replace("{use}", use)) == "nothing lost\n"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_interrupts_among_tasks(loop: str) -> None:
    """Ctrl-C again and again, at any moment, in programs that catch it and run anew."""
    if loop != "asyncio":
        pytest.importorskip(loop)
    run = {
        "asyncio": "asyncio.run(main())",
        "uvloop": "uvloop.run(main())",
        "trio": "trio.run(main)",
    }[loop]
    sleep = "trio.sleep" if loop == "trio" else "asyncio.sleep"
    out = output_of(
        f"""
        import asyncio, os, signal, threading, afflux
        import {loop}
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sem = afflux.Semaphore(2)
        other = afflux.Semaphore(1)
        async def work():
            while True:
                async with sem:
                    await {sleep}(0)
                async with sem.acquire(2):
                    await {sleep}(0)
                async with afflux.all_of(sem, other):
                    await {sleep}(0)
                async with afflux.any_of(sem, other):
                    pass
        async def main():
            armed.set()
            if {loop == "trio"}:
                async with trio.open_nursery() as nursery:
                    for _ in range(5): nursery.start_soon(work)
            else:
                await asyncio.gather(*(work() for _ in range(5)))
        armed = threading.Event()
        done = False
        def fire():
            for i in range(30):
                armed.wait()
                armed.clear()
                threading.Event().wait(0.0007 * (i % 7))
                os.kill(os.getpid(), signal.SIGINT)
        thread = threading.Thread(target=fire)
        thread.start()
        caught = 0
        while caught < 30:
            try:
                {run}
            except KeyboardInterrupt:
                caught += 1
            except BaseExceptionGroup as group:
                if group.subgroup(KeyboardInterrupt) is None: raise
                caught += 1
        thread.join()
        print(sem.held, other.held, sem.waiters, other.waiters)
        """
    )
    assert out == "0 0 0 0\n"


# ---- Interpreters and processes -------------------------------------------------------------------


def test_a_second_import_finds_the_same() -> None:
    out = output_of(
        """
        import sys, afflux
        first = afflux
        sem = afflux.Semaphore(1)
        for name in [n for n in sys.modules if n.startswith("afflux")]:
            del sys.modules[name]
        import afflux
        assert afflux is not first
        assert afflux.Closed is first.Closed and afflux.Stats is first.Stats
        assert afflux.Semaphore is first.Semaphore
        sem.close()
        try:
            sem.acquire_blocking()
        except afflux.Closed:
            print("the same")
        """
    )
    assert out == "the same\n"


def test_a_sub_interpreter_cannot_import_it() -> None:
    out = output_of(
        """
        import afflux
        sem = afflux.Semaphore(1)
        program = '''if True:
            try:
                import afflux
            except ImportError as error:
                print("refused", flush=True)
            else:
                print("imported", flush=True)
        '''
        try:
            import _interpreters as interpreters
            create = [lambda: interpreters.create("legacy"), lambda: interpreters.create("isolated")]
        except ImportError:
            import _xxsubinterpreters as interpreters
            create = [lambda: interpreters.create(isolated=False), interpreters.create]
        for make in create:
            i = make()
            interpreters.run_string(i, program)
            interpreters.destroy(i)
        sem.close()
        try:
            sem.acquire_blocking()
        except afflux.Closed:
            print("closed")
        """
    )
    assert out == "refused\nrefused\nclosed\n"


@pytest.mark.parametrize("way", ["blocking", "several", "loop", "loop that is released to"])
def test_the_end_of_the_interpreter(way: str) -> None:
    """Daemon threads wait, or run a loop whose tasks wait, while the process ends."""
    call = "afflux.all_of_blocking(sem, sem2)" if way == "several" else "sem.acquire_blocking()"
    out = output_of(
        f"""
        import asyncio, atexit, threading, afflux
        sem, sem2 = afflux.Semaphore(2), afflux.Semaphore(2)
        held = [sem.try_acquire(2)]
        def loop():
            async def main():
                async def work():
                    while True:
                        async with sem.acquire(2): pass
                        await afflux.any_of((sem, 2))
                        sem.release(2)
                await asyncio.gather(*(work() for _ in range(5)))
            asyncio.run(main())
        for _ in range(3):
            threading.Thread(target=loop if {way.startswith("loop")} else lambda: {call},
                             daemon=True).start()
        while sem.waiters < (15 if {way.startswith("loop")} else 3): pass
        if {way == "loop that is released to"}:
            held[0].release()
        else:
            atexit.register(sem.resize, 9)  # they wake while the interpreter goes
        print("end", flush=True)
        """
    )
    assert out == "end\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_others_wait() -> None:
    out = output_of(
        """
        import asyncio, os, threading, warnings, afflux
        warnings.simplefilter("ignore")
        sem = afflux.Semaphore(1)
        idle = afflux.Semaphore(2)
        permit = sem.try_acquire()
        threads = [threading.Thread(target=lambda: sem.acquire_blocking().release())
                   for _ in range(3)]
        for t in threads: t.start()
        while sem.waiters < 3: pass
        async def use(s):
            async with s.acquire(2):
                waiting = asyncio.ensure_future(afflux.all_of(s, timeout=30))
                await asyncio.sleep(0)
            (await waiting).release()
        async def main():
            waiting = asyncio.ensure_future(sem.acquire())
            await asyncio.sleep(0)
            pid = os.fork()
            if pid == 0:
                # In the child: the loop and the waits are the parent's.
                try:
                    result = []
                    t = threading.Thread(target=lambda: result.append(asyncio.run(use(idle))))
                    t.start(); t.join()
                    os._exit(7 if result == [None] and idle.held == 0 else 1)
                finally:
                    os._exit(2)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
            permit.release()
            (await waiting).release()
        asyncio.run(main())
        for t in threads: t.join()
        asyncio.run(use(idle))
        print(sem.held, idle.held)
        """
    )
    assert out == "0 0\n"


# ---- Leaks ----------------------------------------------------------------------------------------


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

    async def waits(count: int) -> None:
        for i in range(count // 10):
            async with sem.acquire(tag="t"):
                pending = [
                    sem.acquire(),
                    sem.acquire(client=client),
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
        objects = [sem, other, event, client]
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


def test_signal_module_is_untouched() -> None:
    """The package installs no handlers of its own."""
    assert output_of(
        """
        import signal
        before = [signal.getsignal(s) for s in signal.valid_signals()]
        import afflux
        with afflux.Semaphore(): pass
        print(before == [signal.getsignal(s) for s in signal.valid_signals()])
        """
    ) == "True\n"
