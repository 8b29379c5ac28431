# SPDX-License-Identifier: MIT OR Apache-2.0
"""Another language in the process: the C library's own calls, made without the GIL."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import (
    TIME_LIMIT,
    Runner,
    Thread,
    check_laws,
    output_of,
    turns,
    wait_for_waiters,
)

import afflux


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    name = "libafflux.0.dylib" if sys.platform == "darwin" else "libafflux.so.0"
    lib = ctypes.CDLL(name)  # the one that the extension has loaded
    for call in (lib.afflux_sem_release, lib.afflux_sem_try_acquire):
        call.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        call.restype = ctypes.c_int32
    lib.afflux_sem_close.argtypes = [ctypes.c_void_p]
    lib.afflux_sem_close.restype = ctypes.c_int32
    return lib


def test_its_release_resumes_a_task(run: Runner, library: ctypes.CDLL) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(2)
        assert library.afflux_sem_try_acquire(sem.handle, 2) == 0
        assert sem.held == 2
        order: list[int] = []

        async def work(i: int) -> None:
            async with sem:
                order.append(i)

        tasks = [asyncio.create_task(work(i)) for i in range(4)]
        await turns()
        assert library.afflux_sem_release(sem.handle, 2) == 0
        await asyncio.gather(*tasks)
        assert order == [0, 1, 2, 3]
        stats = check_laws(sem)
        assert (stats.granted, stats.held) == (4, 0)

    run(main())


def test_its_close_ends_waits(run: Runner, library: ctypes.CDLL) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        sem.try_acquire()
        tasks = [asyncio.ensure_future(sem.acquire()) for _ in range(3)]
        await turns()
        library.afflux_sem_close(sem.handle)
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, afflux.Closed)

    run(main())


def test_a_task_that_goes_before_it_is_told_gives_back(run: Runner, library: ctypes.CDLL) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(1)
        for way in ("cancel", "close", "collect"):
            sem.try_acquire()
            if way == "cancel":
                task = asyncio.ensure_future(sem.acquire())
                await turns()
                library.afflux_sem_release(sem.handle, 1)
                assert sem.held == 1  # the completion lies in the mailbox
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                acquire = sem.acquire()
                acquire.send(None)
                library.afflux_sem_release(sem.handle, 1)
                assert sem.held == 1
                if way == "close":
                    acquire.close()
                del acquire
            assert sem.held == 0, way
            await turns()
        assert check_laws(sem).granted == 3

    run(main())


def test_its_release_for_a_tenant(run: Runner, library: ctypes.CDLL) -> None:
    """A task that goes before it is told gives back to the tenant."""
    release = library.afflux_tenant_release
    release.argtypes = [ctypes.c_void_p, ctypes.c_uint64]

    async def main() -> None:
        sem = afflux.Semaphore(1)
        tenant, other = afflux.Tenant(sem), afflux.Tenant(sem)
        for way in ("await", "cancel", "close"):
            other.try_acquire()
            wait = tenant.acquire()
            task = asyncio.ensure_future(wait) if way != "close" else None
            if task is None:
                wait.send(None)
            await turns()
            assert release(other.handle, 1) == 0
            assert (tenant.stats().held, other.stats().held) == (1, 0)
            if way == "await":
                assert task is not None and (await task).release()
            elif way == "cancel":
                assert task is not None
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                wait.close()
            assert (tenant.stats().held, sem.held) == (0, 0), way
            await turns()
        assert check_laws(sem).granted == 3

    run(main())


def test_several_are_told_by_it(run: Runner, library: ctypes.CDLL) -> None:
    async def main() -> None:
        a, b = afflux.Semaphore(1), afflux.Semaphore(1)
        for way in ("await", "cancel", "close"):
            for call in (afflux.all_of, afflux.any_of):
                a.try_acquire(), b.try_acquire()
                wait = call(a, b)
                task = asyncio.ensure_future(wait) if way != "close" else None
                if task is None:
                    wait.send(None)
                await turns()
                assert library.afflux_sem_release(a.handle, 1) == 0
                assert library.afflux_sem_release(b.handle, 1) == 0
                assert a.held + b.held == (2 if call is afflux.all_of else 1)
                if way == "await":
                    assert task is not None and (await task).release()
                elif way == "cancel":
                    assert task is not None
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                else:
                    wait.close()
                await turns()
                assert (a.held, b.held, a.waiters, b.waiters) == (0, 0, 0, 0), (way, call)
        check_laws(a), check_laws(b)

    run(main())


def test_a_thread_waits_for_several_and_is_told_by_it(library: ctypes.CDLL) -> None:
    a, b = afflux.Semaphore(1), afflux.Semaphore(1)
    a.try_acquire(), b.try_acquire()
    thread = Thread(lambda: afflux.all_of_blocking(a, b).release())
    wait_for_waiters((a, b), 1)
    library.afflux_sem_release(a.handle, 1)
    library.afflux_sem_release(b.handle, 1)
    thread.join()
    assert check_laws(a).held == check_laws(b).held == 0


class Request(ctypes.Structure):
    """afflux_request, up to its `client`."""

    _fields_ = (
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("permits", ctypes.c_uint64),
        ("priority", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("cost_bytes", ctypes.c_uint64),
        ("timeout_ns", ctypes.c_int64),
        ("wake", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)),
        ("ctx", ctypes.c_void_p),
        ("port", ctypes.c_void_p),
        ("user_data", ctypes.c_uint64),
        ("client", ctypes.c_void_p),
    )


@pytest.mark.parametrize("kind", ["acquire", "any_of", "all_of"])
def test_a_task_that_goes_while_its_completion_is_on_the_way(
    run: Runner, library: ctypes.CDLL, kind: str
) -> None:
    """Both are granted by one release. While the wake function of the first runs, the second's has
    its turn still to come: a cancel is too late, and what comes must give back."""

    async def main() -> None:
        sem = afflux.Semaphore(2)
        permit = await sem.acquire(2)
        acquire = sem.acquire() if kind == "acquire" else getattr(afflux, kind)(sem)
        seen: list[int] = []

        def wake(_ctx: object, status: int) -> None:
            seen.append(sem.held)
            acquire.close()
            seen.append(sem.held)
            library.afflux_sem_release(sem.handle, 1)

        request = Request(ctypes.sizeof(Request), 0, 1, 1, 0, 0, -1, Request._fields_[7][1](wake))
        waiter = (ctypes.c_uint64 * 16)()
        pending = library.afflux_sem_acquire_async(
            ctypes.c_void_p(sem.handle), ctypes.byref(request), waiter
        )
        assert pending == 1
        acquire.send(None)
        assert permit.forget()
        library.afflux_sem_release(sem.handle, 2)
        assert seen == [2, 2]
        assert (sem.held, sem.waiters) == (0, 0)
        assert check_laws(sem).granted == 2

    run(main())


@pytest.mark.parametrize("kind", ["acquire", "all_of"])
def test_a_cancel_lets_a_wake_function_in(run: Runner, library: ctypes.CDLL, kind: str) -> None:
    """It runs Python while the task's exception is on its way."""

    async def main() -> None:
        sem = afflux.Semaphore(2)
        permit = sem.try_acquire(1)
        assert permit is not None
        wait: Any = sem.acquire(2) if kind == "acquire" else afflux.all_of((sem, 2))
        future = wait.send(None)
        seen: list[int] = []

        def wake(_ctx: object, status: int) -> None:
            seen.append(sum([len(str(status))]))
            try:
                raise KeyError
            except KeyError:
                sem.release()

        called = Request._fields_[7][1](wake)
        request = Request(ctypes.sizeof(Request), 0, 1, 1, 0, 0, -1, called)
        waiter = (ctypes.c_uint64 * 16)()
        pending = library.afflux_sem_acquire_async(
            ctypes.c_void_p(sem.handle), ctypes.byref(request), waiter
        )
        assert pending == 1
        future.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="why"):
            wait.send(None)
        assert seen == [1]
        permit.release()
        assert check_laws(sem).held == 0

    run(main())


def test_a_wake_function_blocks(library: ctypes.CDLL) -> None:
    """One release lets two wake functions in, and the first waits for what the second gives."""
    sem, gate = afflux.Semaphore(2), afflux.Semaphore(1)
    permit = sem.try_acquire(2)
    assert permit is not None and gate.try_acquire() is not None
    seen: list[str] = []

    def first(_ctx: object, status: int) -> None:
        with gate.acquire_blocking(timeout=TIME_LIMIT):
            seen.append("first")

    def second(_ctx: object, status: int) -> None:
        library.afflux_sem_release(gate.handle, 1)
        seen.append("second")

    kept = []
    for wake in (first, second):
        called = Request._fields_[7][1](wake)
        request = Request(ctypes.sizeof(Request), 0, 1, 1, 0, 0, -1, called)
        waiter = (ctypes.c_uint64 * 16)()
        kept.append((called, waiter))
        pending = library.afflux_sem_acquire_async(
            ctypes.c_void_p(sem.handle), ctypes.byref(request), waiter
        )
        assert pending == 1
    assert permit.forget()
    Thread(lambda: library.afflux_sem_release(sem.handle, 2)).join()
    assert seen == ["second", "first"]
    assert (sem.held, gate.held) == (2, 0)


def test_a_wake_function_blocks_for_a_task(library: ctypes.CDLL) -> None:
    """One release resumes a task of another thread's loop and lets a wake function in, which waits
    for that task."""
    sem, gate = afflux.Semaphore(2), afflux.Semaphore(1)
    permit = sem.try_acquire(2)
    assert permit is not None and gate.try_acquire() is not None
    seen: list[str] = []

    async def task() -> None:
        async with sem:
            seen.append("task")
            gate.release()

    def wake(_ctx: object, status: int) -> None:
        with gate.acquire_blocking(timeout=TIME_LIMIT):
            seen.append("wake")

    loop = Thread(lambda: asyncio.run(task()))
    wait_for_waiters(sem, 1)
    called = Request._fields_[7][1](wake)
    request = Request(ctypes.sizeof(Request), 0, 1, 1, 0, 0, -1, called)
    waiter = (ctypes.c_uint64 * 16)()
    pending = library.afflux_sem_acquire_async(
        ctypes.c_void_p(sem.handle), ctypes.byref(request), waiter
    )
    assert pending == 1
    Thread(permit.release).join()
    loop.join()
    assert seen == ["task", "wake"]
    assert (sem.held, gate.held) == (1, 0)


@pytest.mark.parametrize("raises", [False, True])
def test_a_signal_handler_releases_to_the_wait_of_a_wake_function(raises: bool) -> None:
    out = output_of(
        f"""
        import ctypes, signal, sys, afflux
        library = ctypes.CDLL("libafflux.0.dylib" if sys.platform == "darwin" else "libafflux.so.0")
        Wake = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32)
        sem, gate = afflux.Semaphore(1), afflux.Semaphore(1)
        sem.try_acquire(), gate.try_acquire()
        class Signal(Exception): pass
        def handler(*_):
            if gate.waiters == 0:  # it came too early: once more
                signal.setitimer(signal.ITIMER_REAL, 0.01)
                return
            gate.release()
            if {raises}: raise Signal
        signal.signal(signal.SIGALRM, handler)
        def wake(_ctx, status):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            try:
                with gate.acquire_blocking():
                    print("acquired", flush=True)
            except Signal:
                print("raised", flush=True)
        class Request(ctypes.Structure):
            _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                        ("permits", ctypes.c_uint64), ("priority", ctypes.c_uint32),
                        ("reserved", ctypes.c_uint32), ("cost", ctypes.c_uint64),
                        ("timeout", ctypes.c_int64), ("wake", Wake), ("ctx", ctypes.c_void_p)]
        request = Request(ctypes.sizeof(Request), 0, 1, 1, 0, 0, -1, Wake(wake), None)
        waiter = (ctypes.c_uint64 * 16)()
        assert library.afflux_sem_acquire_async(
            ctypes.c_void_p(sem.handle), ctypes.byref(request), waiter) == 1
        sem.release()
        print(gate.held, gate.waiters)
        """
    )
    assert out == ("raised" if raises else "acquired") + "\n0 0\n"


@pytest.fixture(scope="module")
def control_library(library: ctypes.CDLL) -> ctypes.CDLL:
    library.afflux_control_sample.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32]
    library.afflux_control_ref.argtypes = [ctypes.c_void_p]
    library.afflux_control_ref.restype = ctypes.c_void_p
    library.afflux_control_unref.argtypes = [ctypes.c_void_p]
    library.afflux_control_unref.restype = None
    library.afflux_control_create.argtypes = [ctypes.c_void_p] * 3
    return library


def test_its_samples_call_on_change(control_library: ctypes.CDLL) -> None:
    sem = afflux.Semaphore(10)
    sem.try_acquire(10)
    told: list[int] = []
    control = afflux.Control(
        sem, algorithm="aimd", min=1, on_change=lambda before, after, reason: told.append(after)
    )
    handle = control.handle
    assert control_library.afflux_control_sample(handle, 1000, 0) == 0
    Thread(lambda: control_library.afflux_control_sample(handle, 1000, 1)).join()
    assert told == [11, 9]
    other = afflux.Control.from_handle(handle, sem)
    other.sample(0.001)
    assert told == [11, 9, 10] and other.stats() == control.stats()
    # It keeps a reference when Python's have gone: there is nothing to be called then.
    assert control_library.afflux_control_ref(handle) == handle
    del control
    other.sample(0.001)
    del other
    assert control_library.afflux_control_sample(handle, 1000, 0) == 0
    assert (sem.limit, told) == (12, [11, 9, 10])
    control_library.afflux_control_unref(handle)
    afflux.Control(sem)


def test_a_control_of_it_takes_permits(control_library: ctypes.CDLL) -> None:
    sem = afflux.Semaphore(10)
    handle = ctypes.c_void_p()
    assert control_library.afflux_control_create(sem.handle, None, ctypes.byref(handle)) == 0
    assert handle.value is not None
    control = afflux.Control.from_handle(handle.value, sem)
    control_library.afflux_control_unref(handle)
    assert control.release(sem.acquire_blocking(2)) and control.semaphore is sem
    stats = control.stats()
    assert (stats.algorithm, stats.served) == ("default", 1)
    wrong = afflux.Semaphore(10)
    mistaken = afflux.Control.from_handle(handle.value, wrong)
    permit = wrong.acquire_blocking()
    with pytest.raises(ValueError):
        mistaken.release(permit)
    assert permit.release()


FOREIGN_THREAD = r"""
#include <afflux/afflux.h>
#include <pthread.h>
static void *sample(void *control) {
  for (int i = 0; i < 100; ++i) afflux_control_sample(control, 1000, AFFLUX_CONTROL_SERVED);
  return 0;
}
int samples(afflux_control *control) {
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], 0, sample, control);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], 0);
  return 0;
}
"""


def test_threads_that_python_has_never_seen_call_on_change(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    (tmp_path / "foreign.c").write_text(FOREIGN_THREAD)
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "afflux"], capture_output=True, text=True
    )
    if flags.returncode != 0:
        pytest.skip("pkg-config does not find the library")
    foreign = tmp_path / "foreign.so"
    command = [compiler, "-shared", "-fPIC", "-pthread", "-o", str(foreign)]
    subprocess.run([*command, str(tmp_path / "foreign.c"), *flags.stdout.split()], check=True)
    sem = afflux.Semaphore(100)
    sem.try_acquire(100)
    told: list[int] = []
    threads: set[int] = set()

    def changed(before: int, after: int, reason: str) -> None:
        assert after == before + 1
        threads.add(threading.get_ident())
        told.append(after)

    control = afflux.Control(sem, algorithm="aimd", min=1, on_change=changed)
    library = ctypes.CDLL(str(foreign))
    library.samples(ctypes.c_void_p(control.handle))
    # Samples that come while one of the two is inside are one window with the next.
    assert control.stats().served == 200
    assert told and told == list(range(101, sem.limit + 1))
    assert threading.get_ident() not in threads


def test_a_release_to_a_loop_that_is_closed(library: ctypes.CDLL) -> None:
    sem = afflux.Semaphore(1)
    sem.try_acquire()
    acquire = sem.acquire()
    loop = asyncio.new_event_loop()

    async def begin() -> None:
        acquire.send(None)

    loop.run_until_complete(begin())
    loop.close()
    del loop
    assert library.afflux_sem_release(sem.handle, 1) == 0
    assert sem.held == 1
    acquire.close()
    assert sem.held == 0


def test_cancels_race_its_releases(run: Runner, library: ctypes.CDLL) -> None:
    """A thread takes and gives back without the GIL, all the time, while tasks come and go."""

    async def main() -> None:
        sem = afflux.Semaphore(1)
        stop = threading.Event()

        def foreign() -> None:
            while not stop.is_set():
                if library.afflux_sem_try_acquire(sem.handle, 1) == 0:
                    library.afflux_sem_release(sem.handle, 1)

        async def work() -> None:
            async with sem.acquire():
                await asyncio.sleep(0)

        threads = [threading.Thread(target=foreign, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for i in range(300):
            tasks = [asyncio.ensure_future(work()) for _ in range(4)]
            for _ in range(i % 3):
                await asyncio.sleep(0)
            tasks[i % 4].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        stop.set()
        for thread in threads:
            thread.join(TIME_LIMIT)
            assert not thread.is_alive()
        assert (sem.held, sem.waiters) == (0, 0)
        check_laws(sem)

    run(main())
