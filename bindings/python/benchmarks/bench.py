# SPDX-License-Identifier: MIT OR Apache-2.0
"""Beside asyncio.Semaphore, on asyncio's loop and on uvloop; threads beside threading.Semaphore.

Prints a JSON line for each row: {"name", "ns", "rival"}: nanoseconds for one acquire and release,
the medians of rounds in which the two take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import Any

import afflux

AsyncSemaphore = Callable[[int], AbstractAsyncContextManager[Any]]


async def free(sem: AbstractAsyncContextManager[Any], count: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(count):
        async with sem:
            pass
    return (time.perf_counter_ns() - start) / count


async def contended(sem: AbstractAsyncContextManager[Any], tasks: int, turns: int) -> float:
    """`tasks` tasks pass the permits on; each gives way once while it holds one."""

    async def work() -> None:
        for _ in range(turns):
            async with sem:
                await asyncio.sleep(0)

    group = [asyncio.ensure_future(work()) for _ in range(tasks)]
    start = time.perf_counter_ns()
    await asyncio.gather(*group)
    return (time.perf_counter_ns() - start) / (tasks * turns)


def threads_free(sem: AbstractContextManager[Any], count: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(count):
        with sem:
            pass
    return (time.perf_counter_ns() - start) / count


def compare(name: str, rounds: int, ours: Callable[[], float], rival: Callable[[], float]) -> None:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for runs, run in zip(times, (ours, rival), strict=True):
            gc.collect()
            runs.append(run())
    ns, rival_ns = (statistics.median(runs) for runs in times)
    line = {"name": name, "ns": round(ns, 1), "rival": round(rival_ns, 1)}
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=200_000, help="pairs in a free round")
    options = parser.parse_args()

    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    try:
        import uvloop

        loops["uvloop"] = uvloop.new_event_loop
    except ImportError:
        print("uvloop is not installed: its rows are left out", file=sys.stderr)

    def run(loop: str, make: Callable[[], Awaitable[float]]) -> Callable[[], float]:
        def once() -> float:
            with asyncio.Runner(loop_factory=loops[loop]) as runner:

                async def within() -> float:
                    return await make()

                return runner.run(within())

        return once

    for loop in loops:
        compare(
            f"python/{loop}/async_with_free",
            options.rounds,
            run(loop, lambda: free(afflux.Semaphore(10), options.count)),
            run(loop, lambda: free(asyncio.Semaphore(10), options.count)),
        )
    # With one permit nearly all of the time is the loop's own: two turns, each with a system call.
    for permits in (1, 50):

        def pass_on(make: AsyncSemaphore, permits: int = permits) -> Awaitable[float]:
            return contended(make(permits), 1_000, 20)

        for loop in loops:
            compare(
                f"python/{loop}/contended_1000_tasks_{permits}_permits",
                options.rounds,
                run(loop, partial(pass_on, afflux.Semaphore)),
                run(loop, partial(pass_on, asyncio.Semaphore)),
            )
    compare(
        "python/threads/with_free",
        options.rounds,
        lambda: threads_free(afflux.Semaphore(10), options.count),
        lambda: threads_free(threading.Semaphore(10), options.count),
    )


if __name__ == "__main__":
    main()
