# SPDX-License-Identifier: MIT OR Apache-2.0
"""Wrong arguments, wherever one may be given, and calls after a close."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Runner, check_laws

import afflux


class Hostile:
    """Whatever is asked of it raises."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __index__(self) -> int:
        raise RuntimeError("index")

    def __float__(self) -> float:
        raise RuntimeError("float")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("iter")


SET = afflux.Event()
SET.set()  # a wait for it ends

WRONG: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**32,
    2**42,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63),
    -(2**63) - 1,
    10**400,
    -(10**400),
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    1j,
    "",
    "x",
    "\0",
    "\ud800",
    "fair",
    "x" * 100_000,
    b"x",
    (),
    [],
    {},
    object(),
    Hostile(),
    int,
    afflux.Semaphore,
    SET,
    afflux.Client(),
    afflux.Semaphore(2),
    afflux.Semaphore(2).try_acquire(),
    afflux.Tenant(afflux.Semaphore(2)),
    TimeoutError,
    (afflux.Semaphore(2), 2**64 - 1),
]
EXPECTED = (
    TypeError,
    ValueError,
    OverflowError,
    RuntimeError,  # of Hostile, and "no running event loop"
    TimeoutError,
    afflux.Error,
    StopIteration,
)


def attempt(call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    try:
        result = call(*args, **kwargs)
        if isinstance(result, afflux.Acquire):
            try:
                result.send(None)
            finally:
                result.close()
        if isinstance(result, afflux.Permit | afflux.Permits | afflux.Taken):
            result.release()
        if isinstance(result, afflux.Measure):
            with result:
                pass
    except EXPECTED:
        pass


def calls() -> list[tuple[str, Callable[[], Callable[..., Any]], list[str]]]:
    """Each callable, a maker of it (a new object each time), and its keywords."""
    sem = ["n", "priority", "timeout", "cost", "tag", "client", "wait_for_resize"]
    several = ["priority", "timeout", "cost", "tag", "wait_for_resize"]
    made: list[tuple[str, Callable[[], Callable[..., Any]], list[str]]] = [
        (
            "Semaphore",
            lambda: afflux.Semaphore,
            "permits queue fairness overflow max_waiters max_queue_bytes waiter_timeout name "
            "statistics ledger shed_target shed_interval adaptive_lifo".split(),
        ),
        ("Event", lambda: afflux.Event, ["manual_reset", "queue"]),
        (
            "Client",
            lambda: afflux.Client,
            "name classes pipelines stall_speed stall_after".split(),
        ),
        (
            "Control",
            lambda: afflux.Control,
            "algorithm min max initial seed window timeout probe_interval on_change".split(),
        ),
        ("Measure", lambda: afflux.Measure, []),
        ("Tenant", lambda: afflux.Tenant, "name weight guaranteed cap max_waiters".split()),
        ("Registry", lambda: afflux.Registry, []),
        ("Permits", lambda: afflux.Permits, []),
        ("Taken", lambda: afflux.Taken, []),
        ("any_of", lambda: afflux.any_of, several),
        ("all_of", lambda: afflux.all_of, several),
        # A wait that cannot end would hang: what a wrong value leaves to wait for is free.
        ("any_of_blocking", lambda: afflux.any_of_blocking, several),
        ("all_of_blocking", lambda: afflux.all_of_blocking, several),
    ]
    keywords = {
        "acquire": sem,
        "acquire_blocking": sem,
        "wait_idle": ["timeout"],
        "wait_idle_blocking": ["timeout"],
        "wait": ["timeout"],
        "wait_blocking": ["timeout"],
        "health": ["max_waiters", "max_queue_bytes", "max_wait", "max_still"],
        "render": ["format", "clients"],
        "content_type": ["format"],
        "sample": ["outcome"],
        "measure": ["dropped"],
        "set": ["weight", "guaranteed", "cap", "max_waiters"],
    }

    def full() -> afflux.Semaphore:
        return afflux.Semaphore(4, statistics="full", ledger=2)

    def event() -> afflux.Event:
        made = afflux.Event()
        made.set()
        return made

    def permit() -> afflux.Permit:
        made = full().try_acquire(3)
        assert made is not None
        return made

    makers: list[tuple[type, Callable[[], Any]]] = [
        (afflux.Semaphore, full),
        (afflux.Event, event),
        (afflux.Client, afflux.Client),
        (afflux.Registry, afflux.Registry),
        (afflux.Control, lambda: afflux.Control(full())),
        (afflux.Measure, lambda: afflux.Control(full()).measure()),
        (afflux.Tenant, lambda: afflux.Tenant(full())),
        (afflux.Permit, permit),
        (afflux.Permits, lambda: afflux.all_of_blocking(full())),
        (afflux.Acquire, lambda: afflux.Semaphore().acquire()),
    ]
    for kind, maker in makers:
        for name in vars(kind):
            if name in ("from_handle", "__new__", "__doc__") or not callable(getattr(kind, name)):
                continue
            made.append(
                (
                    f"{kind.__name__}.{name}",
                    lambda maker=maker, name=name: getattr(maker(), name),  # type: ignore[misc]
                    keywords.get(name, []),
                )
            )
    return made


CALLS = calls()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name, maker, keywords", CALLS, ids=[name for name, _, _ in CALLS])
def test_wrong_arguments(
    name: str, maker: Callable[[], Callable[..., Any]], keywords: list[str]
) -> None:
    for wrong in WRONG:
        attempt(maker(), wrong)
        attempt(maker(), wrong, wrong)
        attempt(maker(), wrong, wrong, wrong)
        attempt(maker(), *[wrong] * 70)
        for keyword in keywords:
            attempt(maker(), **{keyword: wrong})
            attempt(maker(), 1, **{keyword: wrong})
            attempt(maker(), afflux.Semaphore(3), **{keyword: wrong})
        attempt(maker(), **{"no such thing": wrong})
    for first, second in itertools.product(WRONG[:20], repeat=2):
        attempt(maker(), first, second)
    attempt(maker())


def test_errors_name_the_range() -> None:
    sem: Any = afflux.Semaphore(4)
    for delta in (2**63, -(2**63) - 1, 10**400, -(10**400), -5, 2**42):
        with pytest.raises(ValueError, match="out of range"):
            sem.resize_by(delta)
    with pytest.raises(TypeError):
        sem.resize_by(1.5)
    assert sem.resize_by(0) == 4


def test_a_tag_that_has_no_text_fails_before_the_wait() -> None:
    sem = afflux.Semaphore(1, ledger=1)
    sem.try_acquire()  # a wait would not end
    for tag in ("\ud800", "a\0b"):
        with pytest.raises(ValueError):
            sem.acquire_blocking(tag=tag)
        with pytest.raises(ValueError):
            sem.acquire(tag=tag)
        with pytest.raises(ValueError):
            afflux.all_of_blocking(sem, tag=tag)
    assert check_laws(sem).queued == 0


def test_after_a_close(run: Runner) -> None:
    async def main() -> None:
        sem = afflux.Semaphore(3, statistics="full", ledger=3)
        kept = await sem.acquire(2)
        sem.close()
        for call in (sem.acquire, lambda: afflux.any_of(sem), lambda: afflux.all_of(sem)):
            for _ in range(2):
                with pytest.raises(afflux.Closed):
                    await call()
        for call2 in (
            sem.acquire_blocking,
            sem.try_acquire,
            sem.__enter__,
            lambda: sem.try_acquire_up_to(1, 2),
            lambda: afflux.any_of_blocking(sem),
            lambda: afflux.all_of_blocking(sem),
        ):
            with pytest.raises(afflux.Closed):
                call2()
        sem.resize(7)
        assert sem.resize_by(-2) == 5
        sem.close()
        with kept.split(1) as part:
            assert part.permits == 1
        assert (sem.held, sem.limit) == (1, 5)
        assert kept.release() and not kept.release()
        with pytest.raises(ValueError):
            sem.release()
        await sem.wait_idle()
        assert sem.stats().held == 0 and not sem.health().healthy
        assert sem.holders() == []

    run(main())
