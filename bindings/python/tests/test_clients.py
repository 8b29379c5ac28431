# SPDX-License-Identifier: MIT OR Apache-2.0
"""Clients: what is counted for each tenant."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from typing import Any

import pytest
from conftest import Runner, Thread, check_laws, turns, wait_for_waiters

import afflux


def test_what_a_client_counts_itself() -> None:
    client = afflux.Client("tenant")
    assert client.name == "tenant" and repr(client) == "<afflux.Client 'tenant'>"
    assert client.summary()[:3] == (False, (0, 0, 0, 0), 0)
    client.count_requests(0)
    client.count_requests(3, 5)
    client.count_bytes(100)
    client.set_run_bytes(7)
    for code in (404, 404, 503, 200, 0, 4_000_000_000):
        client.count_response(code)
    client.count_reconnection()
    client.count_timeout()
    client.count_lines(0, 10)
    client.count_lines(1, 10, 5)
    client.set_speed(1.5)
    client.set_position(0.25)
    s = client.summary()
    assert s.requests == (1, 0, 0, 5)
    assert s.bytes == 107
    assert (s.responses_4xx, s.responses_5xx, s.responses_other) == (2, 1, 3)
    assert (client.responses(404), client.responses(500), client.responses(7)) == (2, 0, 3)
    assert (s.reconnections, s.timeouts) == (1, 1)
    assert (s.lines_read, s.lines_dropped) == ((10, 10), (0, 5))
    assert s.drop_rate == 0.25 and s.peak_drop_rate >= 0.25
    assert s.speed == 1.5 and not s.stalled
    assert s.uptime_ns >= 0
    client.begin_run()
    assert client.summary().runs == 1 and client.summary().speed == 0


def test_stalls() -> None:
    client = afflux.Client(stall_speed=0.5, stall_after=0)
    client.set_speed(0.4)
    assert client.summary().stalled is True
    client.set_speed(0.5)
    assert client.summary().stalled is False
    never = afflux.Client(stall_after=None)
    never.set_speed(0)
    assert not never.summary().stalled


def test_requests_that_name_a_client(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(3)
        mine, others = afflux.Client("mine"), afflux.Client("others")
        async with sem.acquire(2, client=mine):
            pass
        permit = await sem.acquire(3, client=mine)
        tasks = [asyncio.ensure_future(sem.acquire(client=c)) for c in (mine, mine, others)]
        await turns()
        tasks[0].cancel()
        with pytest.raises(TimeoutError):
            await sem.acquire(client=others, timeout=0.005)
        with pytest.raises(TimeoutError):
            await sem.acquire(client=None, timeout=0)
        await turns()
        permit.release()
        for task in tasks[1:]:
            (await task).release()
        s = mine.summary()
        assert (s.acquired, s.waits, s.canceled, s.timed_out) == (6, 2, 1, 0)
        s = others.summary()
        assert (s.acquired, s.waits, s.canceled, s.timed_out) == (1, 2, 0, 1)
        assert s.wait_max_ns > 0
        assert check_laws(sem).acquired_fast == 5

    run(main())


def test_threads_name_a_client() -> None:
    sem = afflux.Semaphore(1, overflow="fail", max_waiters=1)
    client = afflux.Client()
    with sem.acquire_blocking(client=client):
        thread = Thread(lambda: sem.acquire_blocking(client=client).release())
        wait_for_waiters(sem, 1)
        with pytest.raises(afflux.Rejected):
            sem.acquire_blocking(client=client)
    thread.join()
    s = client.summary()
    assert (s.acquired, s.waits, s.rejected) == (2, 1, 1)


def test_a_wait_keeps_its_client(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore()
        permit = await sem.acquire()
        client = afflux.Client()
        gone = weakref.ref(client)
        wait = sem.acquire(client=client)
        wait.send(None)
        del client
        gc.collect()
        assert gone() is not None
        permit.release()
        wait.close()
        del wait
        gc.collect()
        assert gone() is None and sem.held == 0

    run(main())


def test_registry() -> None:
    registry = afflux.Registry()
    clients = [
        afflux.Client(f"c{i}", classes=["get"], pipelines=("audio", "video")) for i in (1, 2)
    ]
    for client in clients:
        assert registry.add(client) and not registry.add(client)
        client.count_requests(0, 5)
        client.count_lines(1, 2)
    text = registry.render()
    assert 'afflux_clients_requests_total{class="0"} 10' in text
    assert "afflux_client_requests_total" not in text
    text = registry.render("openmetrics", clients=True)
    assert 'client="c1"' in text and 'class="get"' in text and 'pipeline="video"' in text
    assert registry.remove(clients[0]) and not registry.remove(clients[0])
    assert 'client="c1"' not in registry.render(clients=True)


def test_handles() -> None:
    client = afflux.Client("shared")
    other = afflux.Client.from_handle(client.handle)
    assert other.name == "shared" and other.handle == client.handle
    del client
    other.count_bytes(1)
    assert other.summary().bytes == 1
    with pytest.raises(ValueError):
        afflux.Client.from_handle(0)

    class Mine(afflux.Client):
        pass

    mine = Mine("m")
    mine.extra = mine  # type: ignore[attr-defined]
    gone = weakref.ref(mine)
    del mine
    gc.collect()
    assert gone() is None


def test_wrong_arguments() -> None:
    make: Any = afflux.Client
    for options, error in (
        ({"name": 1}, TypeError),
        ({"name": "a\0b"}, ValueError),
        ({"classes": "abc"}, TypeError),
        ({"classes": 5}, TypeError),
        ({"classes": ["1", "2", "3", "4", "5"]}, ValueError),
        ({"classes": ["1", 2]}, TypeError),
        ({"classes": ["a\0b"]}, ValueError),
        ({"classes": ["\ud800"]}, ValueError),
        ({"pipelines": ["1", "2", "3"]}, ValueError),
        ({"stall_speed": -1}, ValueError),
        ({"stall_speed": float("nan")}, ValueError),
        ({"stall_speed": "1"}, TypeError),
        ({"stall_after": -1}, ValueError),
        ({"stall_after": float("nan")}, ValueError),
        ({"other": 1}, TypeError),
    ):
        with pytest.raises(error):
            make(**options)
    client: Any = afflux.Client()
    for call, args, error in (
        (client.count_requests, (4,), ValueError),
        (client.count_requests, (-1,), ValueError),
        (client.count_requests, (0, -1), ValueError),
        (client.count_requests, (0, 1 << 64), ValueError),
        (client.count_requests, ("0",), TypeError),
        (client.count_requests, (), TypeError),
        (client.count_bytes, (-1,), ValueError),
        (client.set_run_bytes, (1.5,), TypeError),
        (client.count_response, (-1,), ValueError),
        (client.count_response, (1 << 32,), ValueError),
        (client.count_lines, (2, 1), ValueError),
        (client.count_lines, (0, 1, 2), ValueError),
        (client.set_speed, (-1,), ValueError),
        (client.set_speed, (float("nan"),), ValueError),
        (client.set_speed, (None,), TypeError),
        (client.set_position, (-0.1,), ValueError),
        (client.set_position, (float("inf"),), ValueError),
        (client.set_position, (float("nan"),), ValueError),
        (client.responses, (-1,), ValueError),
    ):
        with pytest.raises(error):
            call(*args)
    sem: Any = afflux.Semaphore()
    for wrong in (1, "c", sem):
        with pytest.raises(TypeError):
            sem.acquire(client=wrong)
        with pytest.raises(TypeError):
            sem.acquire_blocking(client=wrong)
    s = client.summary()
    assert (s.requests, s.bytes, s.responses_other, s.lines_read) == ((0,) * 4, 0, 0, (0, 0))


def test_nothing_leaks() -> None:
    sem = afflux.Semaphore()
    client = afflux.Client("x", classes=["a", "b"])

    def burst() -> None:
        for _ in range(100):
            with sem.acquire_blocking(client=client):
                pass
            client.summary()
            afflux.Client("x", classes=["a", "b"])

    burst()
    references, blocks = sys.getrefcount(client), sys.getallocatedblocks()
    for _ in range(20):
        burst()
    assert sys.getrefcount(client) <= references
    assert sys.getallocatedblocks() - blocks < 100
