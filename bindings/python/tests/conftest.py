# SPDX-License-Identifier: MIT OR Apache-2.0
"""How the tests run loops: each asynchronous test in asyncio and in uvloop, some in trio, too."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import afflux

try:
    import uvloop
except ImportError:
    uvloop = None

TIME_LIMIT = 60  # seconds; of a test that hangs

Runner = Callable[[Coroutine[Any, Any, Any]], Any]


def run_on(name: str, coro: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a new loop of the given kind, on this thread."""
    if name == "uvloop" and uvloop is None:
        coro.close()
        pytest.skip("uvloop is not installed")
    factory = uvloop.new_event_loop if name == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory, debug=name == "asyncio-debug") as runner:
        return runner.run(asyncio.wait_for(coro, TIME_LIMIT))


@pytest.fixture(params=["asyncio", "asyncio-debug", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    return lambda coro: run_on(request.param, coro)


async def turns(count: int = 3) -> None:
    """Let every task that is ready run, and what that makes ready."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Give way until another thread has made the condition true."""
    while not condition():
        await asyncio.sleep(0.001)


def check_laws(sem: afflux.Semaphore) -> afflux.Stats:
    """What holds for every semaphore at rest (stats.h)."""
    s = sem.stats()
    assert s.acquired_fast + s.acquired_after_wait == s.released + s.held
    ends = s.granted + s.canceled + s.timed_out + s.dropped + s.closed_out + s.impossible
    assert s.queued == s.waiters + ends
    return s


class Thread(threading.Thread):
    """A thread whose exception is raised by join()."""

    def __init__(self, target: Callable[[], Any]) -> None:
        super().__init__(daemon=True)  # one that hangs fails its test, not the whole run
        self._call = target
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self._error = error

    def join(self, timeout: float | None = None) -> None:
        super().join(timeout or TIME_LIMIT)
        assert not self.is_alive(), "the thread hangs"
        if self._error is not None:
            raise self._error


def wait_for_waiters(sems: afflux.Semaphore | tuple[afflux.Semaphore, ...], count: int) -> None:
    """A thread that is about to queue tells nothing but by this number."""
    event = afflux.Event()
    of = sems if isinstance(sems, tuple) else (sems,)
    while sum(sem.waiters for sem in of) < count:
        try:
            event.wait_blocking(0.001)
        except TimeoutError:
            pass


def run_python(program: str) -> subprocess.Popen[str]:
    """Another interpreter, which runs the program."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def output_of(program: str) -> str:
    """What the program prints, in an interpreter of its own that ends well."""
    child = run_python(program)
    try:
        out, _ = child.communicate(timeout=TIME_LIMIT)
    finally:
        child.kill()  # one that hangs
    assert child.returncode == 0, out
    return out
