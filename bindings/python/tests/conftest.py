# SPDX-License-Identifier: MIT OR Apache-2.0
"""How the tests run loops: each asynchronous test in asyncio and in uvloop, some in trio, too."""

from __future__ import annotations

import asyncio
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
