# SPDX-License-Identifier: MIT OR Apache-2.0
"""Python: threads that block, and, on one thread more, tasks of asyncio. A thread gives a request up
by a time limit, a task by being cancelled."""

import asyncio
import ctypes
import random
import threading
import time

import afflux
from afflux import _afflux

SIDE = 3  # ONE_QUEUE_PYTHON

_u32, _i32 = ctypes.c_uint32, ctypes.c_int32


class Host(ctypes.Structure):
    """As one_queue.h has it, and so below."""

    _fields_ = [
        ("sem", ctypes.c_void_p),
        ("granted", ctypes.CFUNCTYPE(None, _u32)),
        ("enter", ctypes.CFUNCTYPE(None, _u32, _u32)),
        ("leave", ctypes.CFUNCTYPE(None, _u32, _u32)),
        ("gave_up", ctypes.CFUNCTYPE(None, _u32)),
        ("is_over", ctypes.CFUNCTYPE(_i32)),
        ("fail", ctypes.CFUNCTYPE(None, ctypes.c_char_p)),
    ]


class SideTable(ctypes.Structure):
    functions = [
        ("arrive", ctypes.CFUNCTYPE(None, _u32, _i32)),
        ("cancel", ctypes.CFUNCTYPE(None, _u32)),
        ("finish", ctypes.CFUNCTYPE(None, _u32)),
        ("load", ctypes.CFUNCTYPE(None, _u32)),
        ("join", ctypes.CFUNCTYPE(None)),
        ("stop", ctypes.CFUNCTYPE(None)),
    ]
    _fields_ = [("version", ctypes.c_void_p), *functions]


class Side:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.sem = afflux.Semaphore.from_handle(host.sem)
        self.permits: dict[int, afflux.Permit] = {}
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.workers: list[threading.Thread] = []
        self.loop = asyncio.new_event_loop()
        self.loop_thread = threading.Thread(target=self.loop.run_forever)
        self.loop_thread.start()

    # The baton.

    def arrive(self, ticket: int, may_be_cancelled: int) -> None:
        if may_be_cancelled:
            self.loop.call_soon_threadsafe(self.arrive_as_task, ticket)
        else:
            threading.Thread(target=self.wait, args=(ticket,)).start()

    def wait(self, ticket: int) -> None:
        self.permits[ticket] = self.sem.acquire_blocking(tag="python")
        self.host.granted(ticket)

    def arrive_as_task(self, ticket: int) -> None:
        async def wait() -> None:
            self.permits[ticket] = await self.sem.acquire(tag="python")
            self.host.granted(ticket)

        self.tasks[ticket] = self.loop.create_task(wait())

    def cancel(self, ticket: int) -> None:
        self.loop.call_soon_threadsafe(lambda: self.tasks.pop(ticket).cancel())

    def finish(self, ticket: int) -> None:
        self.permits.pop(ticket).release()

    # The load: half of the workers are threads, the others tasks.

    def load(self, workers: int) -> None:
        tasks = workers // 2
        self.workers = [
            threading.Thread(target=self.work, args=(random.Random(i),))
            for i in range(workers - tasks)
        ]
        self.workers.append(threading.Thread(target=lambda: asyncio.run(self.work_in_tasks(tasks))))
        for worker in self.workers:
            worker.start()

    def work(self, dice: random.Random) -> None:
        while not self.host.is_over():
            n = dice.randint(1, 3)
            patience = dice.uniform(0.0, 0.002) if dice.random() < 1 / 8 else None
            try:
                permit = self.sem.acquire_blocking(n, timeout=patience, tag="python")
            except TimeoutError:
                self.host.gave_up(SIDE)
                continue
            with permit:
                self.host.enter(SIDE, n)
                time.sleep(0.001 if dice.random() < 1 / 4 else 0)
                self.host.leave(SIDE, n)

    async def work_in_tasks(self, count: int) -> None:
        async with asyncio.TaskGroup() as group:
            for i in range(count):
                group.create_task(self.work_in_task(random.Random(-1 - i)))

    async def work_in_task(self, dice: random.Random) -> None:
        while not self.host.is_over():
            n = dice.randint(1, 3)
            patience = dice.uniform(0.0, 0.002) if dice.random() < 1 / 8 else None
            try:
                async with asyncio.timeout(patience):  # which cancels the task
                    permit = await self.sem.acquire(n, tag="python")
            except TimeoutError:
                self.host.gave_up(SIDE)
                continue
            with permit:
                self.host.enter(SIDE, n)
                await asyncio.sleep(0.001 if dice.random() < 1 / 4 else 0)
                self.host.leave(SIDE, n)

    def join(self) -> None:
        for worker in self.workers:
            worker.join()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.loop_thread.join()
        self.loop.close()


kept: list[SideTable] = []  # and with it the functions that C has


def begin(host_address: int, side_address: int) -> None:
    host = Host.from_address(host_address)
    side = Side(host)
    table = SideTable.from_address(side_address)
    # Looked up in the extension and what it is linked to: the library that it really uses.
    version_string = ctypes.CDLL(_afflux.__file__).afflux_version_string
    version_string.restype = ctypes.c_void_p
    table.version = version_string()
    for name, kind in SideTable.functions:
        setattr(table, name, kind(getattr(side, name)))
    kept.append(table)
    threading.excepthook = lambda what: host.fail(f"python: {what.exc_value!r}".encode())
