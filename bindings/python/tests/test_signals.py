# SPDX-License-Identifier: MIT OR Apache-2.0
"""Exceptions of signal handlers, at every moment."""

from __future__ import annotations

import pytest
from conftest import output_of

STORM = """
    import signal, threading, afflux
    sem = afflux.Semaphore(2)
    other = afflux.Semaphore(2)
    tenant = afflux.Tenant(sem)
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
    ["with sem: pass", "with sem, other: pass", "with tenant: pass"],
    ids=["with", "two", "tenant"],
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
            lambda: afflux.Tenant(sem).acquire_blocking(2, cost=Cost()),
            lambda: afflux.all_of_blocking(sem, (other, 2), cost=Cost()),
            lambda: afflux.any_of_blocking(sem, other, cost=Cost()),
        ):
            try:
                call()
            except Signal:
                print("raised", sem.held, other.held)
        """
    )
    assert out == "raised 0 0\n" * 6


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
    [
        "async with sem: pass",
        "async with sem.acquire(2): pass",
        "async with afflux.all_of(sem): pass",
    ],
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
            # By no lock of Python's, which an interrupt could leave taken; and not before the
            # tasks are there, for trio does not bear one while it makes them.
            if {loop == "trio"}:
                async with trio.open_nursery() as nursery:
                    for _ in range(5): nursery.start_soon(work)
                    os.write(armed, b"x")
            else:
                os.write(armed, b"x")
                await asyncio.gather(*(work() for _ in range(5)))
        arms, armed = os.pipe()
        def fire():
            for i in range(30):
                os.read(arms, 1)
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


def test_signal_module_is_untouched() -> None:
    """The package installs no handlers of its own."""
    out = output_of(
        """
        import signal
        before = [signal.getsignal(s) for s in signal.valid_signals()]
        import afflux
        with afflux.Semaphore(): pass
        print(before == [signal.getsignal(s) for s in signal.valid_signals()])
        """
    )
    assert out == "True\n"
