# SPDX-License-Identifier: MIT OR Apache-2.0
"""Controls: a limit that moves by what it is told. AIMD does so at once, and always alike."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import weakref
from typing import Any

import pytest
from conftest import TIME_LIMIT, Runner, Thread, check_laws, turns

import afflux

ROOM = "latency shows no queue"
DROPS = "requests were dropped, or took too long"


def aimd(sem: afflux.Semaphore, **options: Any) -> afflux.Control:
    return afflux.Control(sem, algorithm="aimd", **options)


def held(permits: int, **options: Any) -> afflux.Semaphore:
    """A semaphore that is in full use."""
    sem = afflux.Semaphore(permits, **options)
    assert sem.try_acquire(permits) is not None
    return sem


# ---- the limit moves


def test_good_requests_raise_the_limit_and_drops_lower_it() -> None:
    sem = held(10)
    told: list[tuple[int, int, str]] = []
    control = aimd(sem, min=8, max=12, on_change=lambda *change: told.append(change))
    for _ in range(3):
        control.sample(0.001)
    assert sem.limit == 12
    control.sample(0.001, "dropped")
    control.sample(0.001, outcome="ignored")
    for _ in range(4):
        control.sample(0.001, outcome="dropped")
    assert sem.limit == 8
    assert told == [(10, 11, ROOM), (11, 12, ROOM), (12, 10, DROPS), (10, 9, DROPS), (9, 8, DROPS)]
    assert all(type(before) is int and type(reason) is str for before, _, reason in told)
    stats = control.stats()
    assert (stats.algorithm, stats.paused) == ("aimd", False)
    assert (stats.decision, stats.reason) == ("kept", "min keeps it from shrinking")
    assert (stats.limit, stats.min, stats.max, stats.center) == (8, 8, 12, 8.0)
    assert (stats.served, stats.dropped, stats.ignored, stats.missed) == (3, 5, 1, 0)
    assert (stats.windows, stats.raised, stats.lowered) == (8, 2, 3)
    assert (stats.window_served, stats.window_dropped, stats.window_throughput) == (0, 1, 0.0)
    assert stats.window_in_flight == 10.0
    assert sem.held == 10  # nothing was revoked
    sem.release(10)
    assert check_laws(sem).resizes == 5


def test_what_is_hardly_used_is_not_judged() -> None:
    sem = afflux.Semaphore(10)
    control = aimd(sem, min=1, max=20)
    with sem:
        control.sample(0.001)
    assert sem.limit == 10
    stats = control.stats()
    assert (stats.decision, stats.reason) == ("kept", "too little of the limit was in use")


def test_growth_lets_in_those_that_wait(run: Runner) -> None:
    async def main() -> None:
        sem = held(2)
        control = aimd(sem, min=1, max=3)
        waiting = asyncio.ensure_future(sem.acquire())
        await turns()
        control.sample(0.001)
        permit = await waiting
        assert sem.held == 3
        assert permit.release()
        sem.release(2)
        check_laws(sem)

    run(main())


def test_a_shrink_fails_requests_for_more_than_the_limit(run: Runner) -> None:
    async def main() -> None:
        sem = held(8)
        control = aimd(sem, min=1, max=8)
        fails, stays = (
            asyncio.ensure_future(sem.acquire(8, wait_for_resize=wait)) for wait in (False, True)
        )
        await turns()
        control.sample(0, "dropped")
        assert sem.limit == 7
        with pytest.raises(afflux.TooLarge):
            await fails
        assert not stays.done() and sem.waiters == 1
        control.sample(0)
        sem.release(8)
        assert (await stays).release()

    run(main())


def test_a_slow_request_is_a_drop() -> None:
    sem = held(10)
    control = aimd(sem, min=1, timeout=0.5)
    control.sample(0.6)
    assert sem.limit == 9
    assert control.stats().served == 1
    for timeout in (None, float("inf"), 1e300):
        sem = held(10)
        aimd(sem, min=1, timeout=timeout).sample(9e9)
        assert sem.limit == 11
    sem = held(10)
    aimd(sem, min=1).sample(5.1)  # by default: 5 s
    assert sem.limit == 9


@pytest.mark.parametrize("algorithm", ["default", "aimd", "vegas", "gradient2", "gradient"])
def test_each_algorithm_keeps_within_its_bounds(algorithm: Any) -> None:
    sem = afflux.Semaphore(3000)
    told: list[int] = []
    control = afflux.Control(
        sem,
        algorithm=algorithm,
        min=4,
        max=60,
        initial=50,
        seed=2**64 - 1,
        probe_interval=None,
        on_change=lambda before, after, reason: told.append(after),
    )
    assert sem.limit == (4 if algorithm == "gradient" else 50)
    assert told[0] == sem.limit  # told of the first limit, too
    assert repr(control) == f"<afflux.Control '{algorithm}' limit={sem.limit}>"
    with sem.acquire_blocking(4):
        for i in range(500):
            control.sample(0, "served" if i % 7 else "dropped")
            assert 4 <= sem.limit <= 60
    stats = control.stats()
    assert stats.algorithm == algorithm and stats.windows > 0
    assert stats.served + stats.dropped == 500
    assert told[-1] == sem.limit and len(told) == stats.raised + stats.lowered


def test_a_window_of_time_is_not_over_with_each_sample() -> None:
    sem = held(10)
    control = afflux.Control(sem, algorithm="gradient2", min=1, window=3600)
    for _ in range(100):
        control.sample(0.001)
    assert control.stats().windows == 1  # the first ends with its first sample
    assert control.stats().served == 100


# ---- permits


@pytest.mark.parametrize(
    "options", [{}, {"statistics": "full"}, {"statistics": "off", "ledger": 2}]
)
def test_the_hold_time_of_a_permit_is_its_sample(options: Any) -> None:
    sem = afflux.Semaphore(2, **options)
    control = aimd(sem, min=1, max=9)
    permit = sem.acquire_blocking(2)
    first = permit.held_ns
    assert first is not None and permit.id is not None
    while permit.held_ns < first + 1_000_000:  # type: ignore[operator]
        pass
    assert control.release(permit) is True
    assert control.release(permit) is False
    assert control.release(permit, "dropped") is False and permit.release() is False
    assert permit.permits == 0 and sem.held == 0
    stats = control.stats()
    assert (stats.served, stats.dropped, stats.windows) == (1, 0, 1)
    assert stats.window_latency_ns >= 1e6 and stats.window_in_flight == 2.0
    assert sem.limit == 3
    other = sem.acquire_blocking(3)
    assert control.release(other, outcome="dropped")
    assert sem.limit == 2
    check_laws(sem)


def test_a_permit_is_split_and_released_once(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(4)
        control = aimd(sem, min=1, max=4)
        async with sem.acquire(4) as permit:
            part = permit.split(1)
            assert control.release(part)
            assert control.release(permit, "ignored")
            # The block's own release finds nothing to do.
        async with afflux.all_of((sem, 2), sem) as permits:
            assert control.release(permits[0]) and not control.release(permits[0])
        assert (sem.held, control.stats().served, control.stats().ignored) == (0, 2, 1)

    run(main())


def test_a_permit_that_the_control_cannot_take() -> None:
    sem, other = afflux.Semaphore(9), afflux.Semaphore(9)
    before = sem.acquire_blocking(2)
    control, others = aimd(sem, min=1), aimd(other, min=1)
    foreign = other.acquire_blocking(3)
    for permit in (before, foreign):
        with pytest.raises(ValueError, match=r"another semaphore, or was acquired before"):
            control.release(permit)
    assert (before.permits, foreign.permits, sem.held, other.held) == (2, 3, 2, 3)
    assert before.release() and not control.release(before)
    assert others.release(foreign)
    assert control.stats().served == 0 and others.stats().served == 1


# ---- blocks


def test_a_block_is_a_sample() -> None:
    sem = afflux.Semaphore(4)
    control = aimd(sem, min=1, max=9)
    with sem.acquire_blocking(4), control.measure() as measure:
        assert measure.outcome is None
        assert control.stats().served == 0
    assert control.stats().served == 1 and sem.limit == 5
    assert control.stats().window_latency_ns > 0
    for error in (ValueError(), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()):
        with pytest.raises(type(error)), sem, control.measure():
            raise error
    assert control.stats().ignored == 4 and sem.limit == 5
    with pytest.raises(TimeoutError, match="why"), sem, control.measure():
        raise TimeoutError("why")
    assert control.stats().dropped == 1 and sem.limit == 4


def test_the_exceptions_that_are_drops() -> None:
    control = aimd(afflux.Semaphore(4))

    def ends(error: BaseException, dropped: Any) -> tuple[int, int]:
        before = control.stats()
        try:
            with control.measure(dropped=dropped):
                raise error
        except BaseException as raised:
            assert raised is error
        after = control.stats()
        return after.dropped - before.dropped, after.ignored - before.ignored

    is_dropped, is_ignored = (1, 0), (0, 1)
    assert ends(ConnectionResetError(), OSError) == is_dropped  # TimeoutError is one, too
    assert ends(TimeoutError(), (KeyError, OSError)) == is_dropped
    assert ends(KeyError(), (KeyError, OSError)) == is_dropped
    assert ends(IndexError(), (KeyError, OSError)) == is_ignored
    assert ends(TimeoutError(), ()) == is_ignored
    groups = [
        ExceptionGroup("g", [KeyError(), ExceptionGroup("h", [TimeoutError()])]),
        BaseExceptionGroup("g", [TimeoutError(), KeyboardInterrupt()]),
    ]
    for group in groups:
        assert ends(group, TimeoutError) == is_dropped
        assert ends(group, (IndexError, TimeoutError)) == is_dropped
        assert ends(group, IndexError) == is_ignored
    assert ends(groups[0], ExceptionGroup) == is_dropped


def test_a_block_says_its_outcome_itself() -> None:
    sem = held(10)
    control = aimd(sem, min=1)
    with control.measure() as measure:
        measure.outcome = "dropped"  # the server answered 503
    assert measure.outcome == "dropped" and sem.limit == 9
    with pytest.raises(TimeoutError), control.measure() as measure:
        measure.outcome = "ignored"
        raise TimeoutError
    with control.measure() as measure:
        measure.outcome = "ignored"
        measure.outcome = None
    stats = control.stats()
    assert (stats.served, stats.dropped, stats.ignored) == (1, 1, 1)
    with measure:  # again, one after the other
        with pytest.raises(RuntimeError, match="in use"):
            measure.__enter__()
    assert control.stats().served == 2
    with pytest.raises(RuntimeError, match="not begun"):
        measure.__exit__(None, None, None)
    wrong: Any = measure
    for value, error in (("done", ValueError), (1, TypeError), (b"served", TypeError)):
        with pytest.raises(error):
            wrong.outcome = value
    with pytest.raises(AttributeError):
        del wrong.outcome
    assert control.stats().served == 2


def test_tasks_measure(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(3)
        control = aimd(sem, min=1, max=20)

        async def serve(i: int) -> None:
            async with sem:
                with control.measure():
                    await asyncio.sleep(0)
                    if i % 10 == 3:
                        raise TimeoutError

        tasks = [asyncio.create_task(serve(i)) for i in range(50)]
        await turns(1)
        tasks[0].cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(end, TimeoutError) for end in ends) == 5
        stats = control.stats()
        assert (stats.served, stats.dropped, stats.ignored) == (44, 5, 1)
        assert check_laws(sem).held == 0

    run(main())


# ---- errors


def test_one_control_at_a_time() -> None:
    sem = held(10)
    control = aimd(sem, min=1)
    with pytest.raises(afflux.Error, match="another control") as caught:
        aimd(afflux.Semaphore.from_handle(sem.handle))
    assert type(caught.value) is afflux.Error
    assert control.semaphore is sem
    control.sample(0)
    assert sem.limit == 11
    del control
    gc.collect()
    assert sem.limit == 11  # it stays
    aimd(sem, min=1).sample(0)
    assert sem.limit == 12


def test_a_closed_semaphore() -> None:
    sem = afflux.Semaphore(10)
    control = aimd(sem)
    permit = sem.acquire_blocking()
    sem.close()
    assert control.release(permit, "dropped")
    with control.measure():
        pass
    control.sample(1)
    assert (control.stats().served, control.stats().dropped) == (2, 1)
    del control
    gc.collect()
    with pytest.raises(afflux.Closed):
        aimd(sem)


def test_a_control_keeps_its_semaphore() -> None:
    sem: Any = afflux.Semaphore(10, name="kept")
    control = aimd(sem)
    del sem
    gc.collect()
    assert control.semaphore.name == "kept" and not control.semaphore.closed


def test_wrong_options_change_nothing() -> None:
    make: Any = afflux.Control
    sem = afflux.Semaphore(10)
    for options, error in (
        ({"algorithm": "codel"}, ValueError),
        ({"algorithm": "aimd\0"}, ValueError),
        ({"algorithm": "\ud800"}, ValueError),
        ({"algorithm": None}, TypeError),
        ({"algorithm": 1}, TypeError),
        ({"min": 0}, ValueError),
        ({"min": -1}, ValueError),
        ({"min": 1.5}, TypeError),
        ({"min": 5, "max": 4}, ValueError),
        ({"max": 0}, ValueError),
        ({"max": 2**42}, ValueError),
        ({"max": 2**64}, ValueError),
        ({"initial": 0}, ValueError),
        ({"initial": 5, "min": 6}, ValueError),
        ({"initial": 7, "max": 6}, ValueError),
        ({"seed": -1}, ValueError),
        ({"seed": 2**64}, ValueError),
        ({"seed": None}, TypeError),
        ({"window": 0}, ValueError),
        ({"window": -1}, ValueError),
        ({"window": float("nan")}, ValueError),
        ({"window": "1"}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": -0.1}, ValueError),
        ({"probe_interval": 0}, ValueError),
        ({"probe_interval": -1}, ValueError),
        ({"on_change": 1}, TypeError),
        ({"other": 1}, TypeError),
    ):
        with pytest.raises(error):
            make(sem, **options)
    for args in ((), (1,), (None,), (sem, "aimd"), (afflux.Event(),)):
        with pytest.raises(TypeError):
            make(*args)
    with pytest.raises(TypeError):
        make(semaphore=sem)
    assert sem.limit == 10 and sem.stats().resizes == 0
    permit = sem.acquire_blocking()
    assert permit.id is None  # as before
    make(sem, max=2**42 - 1, seed=0, min=None, initial=None, window=None, on_change=None)


def test_wrong_arguments_change_nothing() -> None:
    sem = held(10)
    control: Any = aimd(sem, min=1)
    sem.resize(20)
    permit: Any = sem.try_acquire()
    for call, args, kwargs, error in (
        (control.sample, (), {}, TypeError),
        (control.sample, ("1",), {}, TypeError),
        (control.sample, (None,), {}, TypeError),
        (control.sample, (-1e-9,), {}, ValueError),
        (control.sample, (float("nan"),), {}, ValueError),
        (control.sample, (float("inf"),), {}, ValueError),
        (control.sample, (1, "done"), {}, ValueError),
        (control.sample, (1, 0), {}, TypeError),
        (control.sample, (1, None), {}, TypeError),
        (control.sample, (1, "served", 1), {}, TypeError),
        (control.sample, (1, "served"), {"outcome": "served"}, TypeError),
        (control.sample, (1,), {"how": "served"}, TypeError),
        (control.sample, (), {"latency": 1}, TypeError),
        (control.release, (), {}, TypeError),
        (control.release, (sem,), {}, TypeError),
        (control.release, (permit, "done"), {}, ValueError),
        (control.release, (permit,), {"outcome": 1}, TypeError),
        (control.release, (permit,), {"latency": 1}, TypeError),
        (control.measure, (1,), {}, TypeError),
        (control.measure, (), {"dropped": 1}, TypeError),
        (control.measure, (), {"dropped": int}, TypeError),
        (control.measure, (), {"dropped": (KeyError, "x")}, TypeError),
        (control.measure, (), {"dropped": [KeyError]}, TypeError),
        (control.measure, (), {"ignored": KeyError}, TypeError),
        (control.measure, (), {"dropped": KeyError, "ignored": KeyError}, TypeError),
        (afflux.Control.from_handle, (control.handle,), {}, TypeError),
        (afflux.Control.from_handle, (0, sem), {}, ValueError),
        (afflux.Control.from_handle, ("1", sem), {}, TypeError),
        (afflux.Measure, (), {}, TypeError),
        (afflux.ControlStats, (), {}, TypeError),
    ):
        with pytest.raises(error):
            call(*args, **kwargs)
    stats = control.stats()
    assert (stats.served, stats.dropped, stats.ignored, stats.windows) == (0, 0, 0, 0)
    assert permit.permits == 1


# ---- pauses


def test_a_pause_leaves_the_limit_alone() -> None:
    sem = held(10)
    control = aimd(sem, min=1)
    assert control.resume() is False
    assert control.pause() is True and control.pause() is False
    assert repr(control) == "<afflux.Control 'aimd' limit=10 paused>"
    for _ in range(5):
        control.sample(0.001)
    stats = control.stats()
    assert (stats.paused, stats.limit, stats.served, stats.windows) == (True, 10, 5, 0)
    assert control.resume() is True and control.resume() is False
    control.sample(0.001)
    assert sem.limit == 11 and control.stats().paused is False


# ---- on_change


def test_on_change_may_call_anything() -> None:
    sem = held(10)
    seen: list[Any] = []
    controls: list[afflux.Control] = []

    def changed(before: int, after: int, reason: str) -> None:
        control = controls.pop()
        control.sample(0.001)  # is counted, and ends no window now
        seen.append((before, after, sem.limit, control.stats().limit))
        assert control.pause() and control.resume()
        with control.measure():
            sem.try_acquire()
        seen.append(sem.held)
        del control  # the last reference but that of the call that is running
        gc.collect()

    controls.append(aimd(sem, min=1, on_change=changed))
    controls[0].sample(0.001)
    assert seen == [(10, 11, 11, 11), 11]
    aimd(sem, min=1)  # the first has gone


class Trouble(Exception):
    pass


def test_an_exception_in_on_change_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    sem = held(10)
    caught: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", caught.append)

    def changed(*args: object) -> None:
        raise Trouble

    control = aimd(sem, min=1, on_change=changed)
    control.sample(0.001)
    with pytest.raises(KeyError), control.measure(dropped=KeyError):
        raise KeyError
    assert sem.limit == 9
    assert [(type(each.exc_value), each.object) for each in caught] == [(Trouble, changed)] * 2


def test_an_interrupt_in_on_change_is_not_lost() -> None:
    sem = held(10)
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)

    def changed(*args: object) -> None:
        signal.raise_signal(signal.SIGINT)

    try:
        control = aimd(sem, min=1, on_change=changed)
        with pytest.raises(KeyboardInterrupt):
            control.sample(0.001)
            for _ in range(100):
                pass
    finally:
        signal.signal(signal.SIGINT, kept)
    assert sem.limit == 11 and control.stats().served == 1


def test_on_change_waits_for_a_task_that_the_growth_lets_in() -> None:
    """The task's loop, in another thread, is told before."""
    sem = held(1)
    came = afflux.Event()

    async def task() -> None:
        async with sem:
            came.set()

    def changed(*args: object) -> None:
        came.wait_blocking(TIME_LIMIT)

    control = aimd(sem, min=1, on_change=changed)
    loop = Thread(lambda: asyncio.run(task()))
    while sem.waiters == 0:
        pass
    control.sample(0.001)
    assert came.is_set() and sem.limit == 2
    loop.join()


# ---- memory


class Owner:
    """As a server has it: on_change is its own method."""

    def __init__(self) -> None:
        self.sem = held(10)
        self.control = aimd(self.sem, min=1, on_change=self.changed)
        self.measure = self.control.measure()
        self.told = 0

    def changed(self, before: int, after: int, reason: str) -> None:
        self.told += 1
        gc.collect()


class Kept(afflux.Semaphore):
    control: afflux.Control


class KeptControl(afflux.Control):
    kept: Any


def test_cycles_are_collected() -> None:
    owner = Owner()
    owner.control.sample(0.001)
    assert owner.told == 1
    sem, kept = owner.sem, Kept(10)
    mine = KeptControl(afflux.Semaphore(10))
    kept.control, mine.kept = aimd(kept), mine
    gone = [weakref.ref(x) for x in (owner, owner.control, kept, kept.control, mine)]
    del owner, kept, mine
    gc.collect()
    assert [ref() for ref in gone] == [None] * 5
    aimd(sem)


def test_nothing_leaks() -> None:
    sem = held(10)

    def changed(*args: object) -> None:
        pass

    def burst() -> None:
        for _ in range(50):
            control = aimd(sem, min=1, initial=10, on_change=changed)
            for outcome in ("served", "dropped", "ignored"):
                with control.measure(dropped=(KeyError, OSError)) as measure:
                    measure.outcome = outcome
            sem.resize(20)
            with sem.acquire_blocking() as permit:
                control.release(permit)
            control.stats(), repr(control)
            with pytest.raises(afflux.Error):
                aimd(sem, on_change=changed)
            del control, measure

    burst()
    references, blocks = sys.getrefcount(changed), sys.getallocatedblocks()
    for _ in range(10):
        burst()
    gc.collect()
    assert sys.getrefcount(changed) <= references
    assert sys.getallocatedblocks() - blocks < 100
    assert sem.held == 10
