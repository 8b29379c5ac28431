# SPDX-License-Identifier: MIT OR Apache-2.0
"""Imports, sub-interpreters, forks, and the end of an interpreter."""

from __future__ import annotations

import os

import pytest
from conftest import output_of


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
            create = [lambda: interpreters.create(k) for k in ("legacy",)]
            create.append(interpreters.create)
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
