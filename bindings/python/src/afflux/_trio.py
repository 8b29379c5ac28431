# SPDX-License-Identifier: MIT OR Apache-2.0
"""The part of the extension that speaks trio. It is imported only where trio has been.

All of it is protected from KeyboardInterrupt, as trio's own functions are: one that is raised
between the end of a wait and the resumption of its task would leave the task asleep.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import trio

from ._afflux import _Mailbox

_mailbox: trio.lowlevel.RunVar[_Mailbox | None] = trio.lowlevel.RunVar("afflux_mailbox", None)


async def _drain(box: _Mailbox) -> None:
    """System task: what other threads complete arrives here, as by asyncio's add_reader()."""
    try:
        while True:
            await trio.lowlevel.wait_readable(box.fileno())
            box.drain()
    finally:
        box.close()


@trio.lowlevel.enable_ki_protection
def peek() -> _Mailbox | None:
    """The mailbox of the run whose task is running on this thread, if it has one."""
    if not trio.lowlevel.in_trio_task():
        return None
    return _mailbox.get()


@trio.lowlevel.enable_ki_protection
def running() -> _Mailbox | None:
    """The mailbox of the run whose task is running on this thread; None: no task of trio's."""
    if not trio.lowlevel.in_trio_task():
        return None
    box = _mailbox.get()
    if box is None:
        box = _Mailbox()
        _mailbox.set(box)
        trio.lowlevel.spawn_system_task(_drain, box, name="afflux mailbox")
    return box


class Future:
    """What the extension awaits and resumes: the part of asyncio.Future that it needs."""

    __slots__ = ("_done", "_task")

    @trio.lowlevel.enable_ki_protection
    def __init__(self) -> None:
        self._done = False
        self._task: trio.lowlevel.Task | None = None

    @trio.lowlevel.enable_ki_protection
    def set_result(self, result: None) -> None:
        self._done = True
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    @trio.lowlevel.enable_ki_protection
    def __await__(self) -> Generator[Any, Any, None]:
        if self._done:
            return
        self._task = trio.lowlevel.current_task()

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            # The task is told by trio; it must not be rescheduled a second time.
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        yield from trio.lowlevel.wait_task_rescheduled(abort).__await__()
