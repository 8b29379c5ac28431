# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tenants: whose requests go first, whose permits they are, and how they end."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import weakref
from typing import Any

import pytest
from conftest import (
    Runner,
    Thread,
    check_laws,
    output_of,
    run_on,
    turns,
    wait_for_waiters,
)

import afflux
from afflux import Priority, Semaphore, Tenant

KINDS: list[dict[str, Any]] = [
    {},
    {"statistics": "off"},
    {"statistics": "full"},
    {"ledger": 4},
]


def check_rest(sem: Semaphore, *tenants: Tenant) -> None:
    for tenant in tenants:
        stats = tenant.stats()
        assert (stats.held, stats.waiting) == (0, 0), tenant
    stats = check_laws(sem)
    assert (stats.held, stats.waiters) == (0, 0)


def pending(tenant: Tenant | Semaphore, count: int, n: int = 1) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(tenant.acquire(n)) for _ in range(count)]


async def release_all(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        (await task).release()


def test_a_tenant_of_defaults() -> None:
    sem = Semaphore(4, name="shared")
    tenant = Tenant(sem)
    assert (tenant.name, tenant.semaphore) == ("", sem)
    assert tenant.handle == Tenant.from_handle(tenant.handle, sem).handle != 0
    stats = tenant.stats()
    assert (stats.weight, stats.guaranteed, stats.cap, stats.max_waiters) == (1, 0, 0, 0)
    assert set(stats[1:]) == {0}
    assert repr(tenant) == "<afflux.Tenant '' weight=1 held=0 waiting=0>"


def test_a_tenant_of_options() -> None:
    sem = Semaphore(9)
    tenant = Tenant(sem, "rouge é", weight=65535, guaranteed=3, cap=7, max_waiters=5)
    assert tenant.name == "rouge é"
    assert tenant.stats()[:4] == (65535, 3, 7, 5)
    assert tenant.stats().weight == 65535
    with tenant.acquire_blocking(2):
        assert repr(tenant) == "<afflux.Tenant 'rouge é' weight=65535 held=2 waiting=0>"


def test_permits_of_a_tenant(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(5)
        tenant, other = Tenant(sem), Tenant(sem)
        async with tenant.acquire(3) as permit:
            assert (permit.permits, permit.tenant, permit.semaphore) == (3, tenant, sem)
            assert (tenant.stats().held, other.stats().held, sem.held) == (3, 0, 3)
        async with tenant, other as nothing:
            assert nothing is None
            assert (tenant.stats().held, other.stats().held, sem.held) == (1, 1, 2)
        with pytest.raises(ZeroDivisionError):
            async with tenant:
                1 / 0
        async with sem.acquire() as permit:
            assert permit.tenant is None
        permit = await tenant.acquire()
        assert permit.release() is True and permit.release() is False
        await tenant.acquire(2)
        assert tenant.stats().held == 2
        tenant.release()
        tenant.release(1)
        with pytest.raises(ValueError, match="than the tenant holds"):
            tenant.release()
        stats = tenant.stats()
        assert (stats.acquired, stats.requests, stats.waits) == (8, 5, 0)
        assert stats.used_permit_seconds > 0
        check_rest(sem, tenant, other)

    run(main())


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_permits_know_their_tenant(kind: dict[str, Any]) -> None:
    sem = Semaphore(10, **kind)
    tenant, other = Tenant(sem), Tenant(sem)
    permit = tenant.acquire_blocking(6, tag="t")
    part = permit.split(2)
    assert part.tenant is tenant and (permit.permits, part.permits) == (4, 2)
    assert part.release() and tenant.stats().held == 4
    part = permit.split(1)
    for wrong in (other.try_acquire(), sem.try_acquire()):
        assert wrong is not None
        with pytest.raises(ValueError, match="same semaphore and tenant"):
            permit.merge(wrong)
        wrong.release()
    permit.merge(part)
    assert permit.permits == 4
    mine = Tenant.from_handle(tenant.handle, sem).try_acquire()  # another object of the same
    assert mine is not None
    permit.merge(mine)
    if "ledger" in kind:
        assert [(h.permits, h.tag) for h in sem.holders()] == [(5, "t")]
    assert (permit.id is None) == (not kind.get("ledger") and kind.get("statistics") != "full")
    assert permit.forget() and not permit.release()
    assert (tenant.stats().held, sem.held) == (5, 5)
    tenant.release(5)
    check_rest(sem, tenant, other)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_dropped_permit_stays_the_tenants(kind: dict[str, Any]) -> None:
    sem = Semaphore(2, **kind)
    tenant = Tenant(sem)
    tenant.try_acquire(2)
    gc.collect()
    assert (tenant.stats().held, sem.held) == (2, 2)
    tenant.release(2)
    check_rest(sem, tenant)


def test_tries() -> None:
    sem = Semaphore(4)
    tenant = Tenant(sem, cap=2)
    permit = tenant.try_acquire(2)
    assert permit is not None and permit.tenant is tenant
    assert tenant.try_acquire() is None  # by its cap
    with sem.acquire_blocking(2):
        permit.release()
        assert tenant.try_acquire(2) is not None
        assert Tenant(sem).try_acquire() is None  # none is free
    for call in (tenant.try_acquire, tenant.acquire_blocking):
        with pytest.raises(afflux.TooLarge, match="cap"):
            call(3)
    with pytest.raises(afflux.TooLarge):
        Tenant(sem).try_acquire(5)
    assert tenant.stats().try_failed == 1
    tenant.release(2)
    check_rest(sem, tenant)


# ---- whose turn it is


def test_a_capped_tenant_leaves_free_permits_to_others(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(10)
        capped, other = Tenant(sem, cap=3), Tenant(sem)
        tasks = pending(capped, 20)
        await turns()
        assert (capped.stats().held, capped.stats().waiting) == (3, 17)
        async with other.acquire(2, timeout=0), sem.acquire(timeout=0):
            with sem.acquire_blocking(timeout=0):
                assert sem.held == 7
        for task in tasks:
            permit = await task
            assert capped.stats().held <= 3
            permit.release()
        assert capped.stats().acquired == 20
        check_rest(sem, capped, other)

    run(main())


def test_guaranteed_permits_come_first(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(4)
        greedy, owed = Tenant(sem, weight=1000), Tenant(sem, guaranteed=2)
        lent = [greedy.acquire_blocking() for _ in range(4)]
        behind = pending(greedy, 10)
        await turns()
        mine = pending(owed, 3)
        await turns()
        for count in (1, 2):
            lent.pop().release()
            assert owed.stats().held == count
        assert (owed.stats().by_guarantee, greedy.stats().waiting) == (2, 10)
        while lent:
            lent.pop().release()
        await asyncio.gather(release_all(behind), release_all(mine))
        check_rest(sem, greedy, owed)

    run(main())


def test_a_quiet_tenant_does_not_wait_behind_a_loud_one(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(1)
        loud, quiet = Tenant(sem), Tenant(sem)
        held = await loud.acquire()
        tasks = pending(loud, 1000)
        await turns()
        task = pending(quiet, 1)[0]
        await turns()
        held.release()
        grants = 0
        while quiet.stats().held == 0:
            (await tasks.pop(0)).release()
            grants += 1
        assert grants <= 2
        (await task).release()
        for task in tasks[5:]:
            task.cancel()
        await release_all(tasks[:5])
        await asyncio.wait(tasks)
        assert loud.stats().canceled == len(tasks) - 5
        check_rest(sem, loud, quiet)

    run(main())


def test_those_who_name_no_tenant_have_a_weight_together(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(1)
        sem.set_default_weight(65535)
        tenant = Tenant(sem)
        order: list[str] = []

        async def work(name: str, of: Tenant | Semaphore) -> None:
            async with of:
                order.append(name)

        async with sem:
            mine = [asyncio.create_task(work("tenant", tenant)) for _ in range(20)]
            await turns()
            others = [asyncio.create_task(work("none", sem)) for _ in range(20)]
            await turns()
        await asyncio.gather(*mine, *others)
        # At equal weights they would go by turns: 13 of 26.
        assert order[:26].count("none") >= 18
        sem.set_default_weight(1)
        check_rest(sem, tenant)

    run(main())


def test_priorities_are_among_a_tenants_own(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(1)
        tenant = Tenant(sem)
        order: list[Priority] = []

        async def work(priority: Priority) -> None:
            async with tenant.acquire(priority=priority):
                order.append(priority)

        async with asyncio.TaskGroup() as group:
            async with tenant:
                for priority in Priority:
                    group.create_task(work(priority))
                await turns()
                assert tenant.stats().waiting == 4
        assert order == sorted(Priority, reverse=True)
        check_rest(sem, tenant)

    run(main())


# ---- how requests end


def test_limits_of_a_wait(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(1, overflow="fail")
        tenant, other = Tenant(sem, max_waiters=1), Tenant(sem)
        async with other:
            with pytest.raises(TimeoutError):
                await tenant.acquire(timeout=0)
            with pytest.raises(TimeoutError):
                async with tenant.acquire(timeout=0.001):
                    pass
            waiting = pending(tenant, 1)
            await turns()
            with pytest.raises(afflux.Rejected):
                await tenant.acquire()
            with pytest.raises(afflux.Rejected):
                with tenant:
                    pass
            queued = pending(other, 2)  # has no such limit
            await turns()
        await asyncio.gather(release_all(waiting), release_all(queued))
        stats = tenant.stats()
        assert (stats.try_failed, stats.timed_out, stats.rejected) == (1, 1, 2)
        assert stats.waits == 1 and stats.wait_max_ns >= 0
        check_rest(sem, tenant, other)

    run(main())


def test_a_cancel_loses_nothing(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(2)
        tenant, other = Tenant(sem), Tenant(sem)
        held = await other.acquire(2)
        queued, granted = pending(tenant, 2, 2)
        await turns()
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        assert (tenant.stats().canceled, tenant.stats().waiting) == (1, 1)
        held.release()
        assert tenant.stats().held == 2  # its task does not know yet
        granted.cancel()
        with pytest.raises(asyncio.CancelledError):
            await granted
        assert tenant.stats().requests == 1
        wait: Any = tenant.acquire()
        async with other.acquire(2):
            wait.send(None)
        assert tenant.stats().held == 1
        del wait
        gc.collect()
        check_rest(sem, tenant, other)

    run(main())


def test_close_ends_waits(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(2)
        tenant, other = Tenant(sem), Tenant(sem)
        permit = await tenant.acquire()
        held = await other.acquire()
        tasks = pending(tenant, 3)
        thread = Thread(lambda: pytest.raises(afflux.Closed, tenant.acquire_blocking))
        while tenant.stats().waiting < 4:
            await asyncio.sleep(0.001)
        others = pending(other, 1)
        await turns()
        tenant.close()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, afflux.Closed)
            assert "tenant" in str(result)
        thread.join()
        tenant.close()
        for call in (tenant.acquire_blocking, tenant.try_acquire, tenant.__enter__, tenant.set):
            with pytest.raises(afflux.Closed, match="tenant"):
                call()
        with pytest.raises(afflux.Closed):
            async with tenant:
                pass
        assert tenant.stats().ended == 4
        assert permit.release()
        await release_all(others)
        held.release()
        async with sem.acquire(2):
            pass
        check_rest(sem, tenant, other)

    run(main())


def test_a_closed_semaphore(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(1)
        tenant = Tenant(sem)
        permit = await tenant.acquire()
        task = pending(tenant, 1)[0]
        await turns()
        sem.close()
        with pytest.raises(afflux.Closed):
            await task
        for call in (lambda: Tenant(sem), lambda: sem.set_default_weight(2), tenant.set):
            with pytest.raises(afflux.Closed):
                call()
        with pytest.raises(afflux.Closed):
            await tenant.acquire()
        permit.release()
        check_rest(sem, tenant)

    run(main())


# ---- the share


def test_a_share_changes_in_parts(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(6)
        tenant = Tenant(sem, "t", weight=2, guaranteed=1, cap=3, max_waiters=9)
        tenant.set()
        assert tenant.stats()[:4] == (2, 1, 3, 9)
        tenant.set(weight=5)
        tenant.set(cap=4, max_waiters=0)
        assert tenant.stats()[:4] == (5, 1, 4, 0)
        for wrong in ({"weight": 0}, {"weight": 65536}, {"guaranteed": 5}, {"cap": -1}):
            with pytest.raises(ValueError):
                tenant.set(**wrong)
        for unfit in ({"weight": "2"}, {"name": "u"}, {"cap": 1.5}, {"cap": None}):
            with pytest.raises(TypeError):
                tenant.set(**unfit)
        assert tenant.stats()[:4] == (5, 1, 4, 0)

        permit = await tenant.acquire(4)
        large, small = *pending(tenant, 1, 3), *pending(tenant, 1)
        await turns()
        tenant.set(cap=2)  # what it holds it keeps
        with pytest.raises(afflux.TooLarge, match="cap"):
            await large
        assert (tenant.stats().held, tenant.stats().ended) == (4, 1)
        tenant.set(cap=0)
        (await small).release()
        permit.release()
        check_rest(sem, tenant)

    run(main())


def test_wrong_shares() -> None:
    sem: Any = Semaphore(4)
    new: Any = Tenant
    for wrong in (
        {"weight": 0},
        {"weight": 65536},
        {"weight": -1},
        {"guaranteed": 2, "cap": 1},
        {"guaranteed": 2**42},
        {"max_waiters": -1},
        {"cap": 2**64},
        {"name": "a\0b"},
    ):
        with pytest.raises(ValueError):
            new(sem, **wrong)
    for unfit in ({"weight": 1.0}, {"cap": "1"}, {"name": 1}, {"limit": 1}):
        with pytest.raises(TypeError):
            new(sem, **unfit)
    for arguments in ((), (None,), (afflux.Client(),), (sem, "n", 2)):
        with pytest.raises(TypeError):
            new(*arguments)
    for unfit_sem in (Semaphore(fairness="throughput"), Semaphore(shed_target=0.005)):
        for call in (lambda: Tenant(unfit_sem), lambda: unfit_sem.set_default_weight(1)):
            with pytest.raises(ValueError, match="fairness='fair', and sheds no request"):
                call()
    for number in (0, 65536, -1):
        with pytest.raises(ValueError):
            sem.set_default_weight(number)
    with pytest.raises(TypeError):
        sem.set_default_weight("1")
    sem.set_default_weight(65535)
    with sem:
        pass


def test_wrong_requests() -> None:
    sem = Semaphore(2)
    tenant: Any = Tenant(sem)
    for call in (tenant.acquire, tenant.acquire_blocking):
        with pytest.raises(TypeError, match="client"):
            call(client=afflux.Client())
    for several in (afflux.any_of_blocking, afflux.all_of_blocking):
        with pytest.raises(TypeError, match="Tenant"):
            several(tenant)
    for call in (tenant.acquire, tenant.acquire_blocking, tenant.try_acquire, tenant.release):
        for wrong, error in ((0, ValueError), (-1, ValueError), ("1", TypeError)):
            with pytest.raises(error):
                call(wrong)
    with pytest.warns(RuntimeWarning, match=r"Tenant\.acquire\(\) was never awaited"):
        tenant.acquire()
        gc.collect()
    check_rest(sem, tenant)


# ---- threads


def test_threads() -> None:
    sem = Semaphore(2)
    tenant, other = Tenant(sem), Tenant(sem)
    with tenant, tenant:
        assert tenant.stats().held == 2
        with pytest.raises(TimeoutError):
            tenant.acquire_blocking(timeout=0.001)
        got: list[afflux.Permit] = []
        thread = Thread(lambda: got.append(other.acquire_blocking(2)))
        wait_for_waiters(sem, 1)
        assert other.stats().waiting == 1
    thread.join()
    assert got[0].tenant is other and other.stats().held == 2
    with pytest.raises(ZeroDivisionError):
        with got.pop():
            1 / 0
    check_rest(sem, tenant, other)


def test_a_signal_that_raises_gives_back_to_the_tenant() -> None:
    out = output_of(
        """
        import signal, threading, afflux
        sem = afflux.Semaphore(1)
        tenant = afflux.Tenant(sem)
        class Alarm(Exception): pass
        def handler(*_):
            permit.release()  # the wait is over, and its thread does not know
            raise Alarm
        signal.signal(signal.SIGUSR1, handler)
        for wait in (tenant.acquire_blocking, tenant.__enter__):
            permit = tenant.acquire_blocking()
            def later():
                while sem.waiters == 0: pass
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            thread = threading.Thread(target=later)
            thread.start()
            try:
                wait()
            except Alarm:
                print("raised", tenant.stats().held, sem.held)
            thread.join()
        """
    )
    assert out == "raised 0 0\n" * 2


# ---- with controls


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_control_samples_permits_of_a_tenant(kind: dict[str, Any]) -> None:
    sem = Semaphore(10, **kind)
    tenant = Tenant(sem)
    before = tenant.acquire_blocking()
    control = afflux.Control(sem, algorithm="aimd", min=1)
    permit = tenant.acquire_blocking(8)
    assert permit.held_ns is not None and permit.tenant is tenant
    with tenant, control.measure():
        assert tenant.stats().held == 10
    assert sem.limit == 11
    assert control.release(permit, "dropped") and not control.release(permit)
    assert (control.stats().served, control.stats().dropped, sem.limit) == (1, 1, 9)
    before.release()
    check_rest(sem, tenant)


# ---- memory


def test_the_last_reference_closes_a_tenant(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(4)
        tenant = Tenant(sem)
        permit = await tenant.acquire(2)
        permit.forget()
        gone = weakref.ref(tenant)
        del tenant, permit
        gc.collect()
        assert gone() is None and sem.held == 2
        sem.release(2)  # they count as those of requests that name none

        permit = await Tenant(sem, cap=1).acquire()  # keeps it
        assert permit.tenant is not None and permit.tenant.stats().held == 1
        with pytest.raises(ValueError):
            permit.tenant.release(2)
        assert permit.release()

        async with sem.acquire(4):
            task = pending(Tenant(sem), 1)[0]
            await turns()
            gc.collect()
            assert sem.waiters == 1
        permit = await task
        assert permit.tenant is not None and permit.tenant.stats().held == 1
        async with permit.tenant:
            assert permit.release()
        check_rest(sem, permit.tenant)

    run(main())


def test_a_tenant_keeps_its_semaphore() -> None:
    tenant = Tenant(Semaphore(1, name="kept"))
    gc.collect()
    with tenant:
        assert tenant.semaphore.name == "kept" and tenant.semaphore.held == 1
    permit = tenant.try_acquire()
    del tenant
    assert permit is not None and permit.release()


def test_handles() -> None:
    sem, wrong = Semaphore(2), Semaphore(2)
    tenant = Tenant(sem, "one")
    other = Tenant.from_handle(tenant.handle, sem)
    permit = other.try_acquire(2)
    assert permit is not None and permit.tenant is other
    assert tenant.stats() == other.stats() and other.name == "one"
    del tenant
    gc.collect()
    assert permit.release()
    with other:
        pass
    with pytest.raises(ValueError):
        Tenant.from_handle(other.handle, wrong).acquire_blocking()
    for bad in (0, -(2**70)):
        with pytest.raises((ValueError, OverflowError)):
            Tenant.from_handle(bad, sem)
    with pytest.raises(TypeError):
        Tenant.from_handle(other.handle)  # type: ignore[call-arg]
    check_rest(sem, other)


class Kept(Semaphore):
    kept: Any


class KeptTenant(Tenant):
    kept: Any


@pytest.mark.filterwarnings("ignore:.*never awaited:RuntimeWarning")
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_cycles_are_collected(kind: dict[str, Any]) -> None:
    for make in (
        lambda tenant: tenant,
        lambda tenant: tenant.try_acquire(),
        lambda tenant: tenant.acquire(),
        lambda tenant: tenant.acquire_blocking().split,
    ):
        sem, mine = Kept(9, **kind), KeptTenant(Semaphore(9, **kind))
        sem.kept, mine.kept = make(Tenant(sem)), make(mine)
        gone = weakref.ref(sem), weakref.ref(mine)
        del sem, mine
        gc.collect()
        assert [ref() for ref in gone] == [None] * 2, make


def test_nothing_leaks(run: Runner) -> None:
    async def main() -> None:
        sem = Semaphore(2)
        kept = Tenant(sem, "kept")

        async def burst() -> None:
            for i in range(50):
                tenant = Tenant(sem, "t", weight=3, cap=1)
                async with tenant, kept.acquire(tag="t") as permit:
                    waits: list[Any] = [tenant.acquire(), kept.acquire()]
                    for wait in waits:
                        wait.send(None)
                    if i % 2:
                        waits.pop().close()
                    permit.split
                    del wait
                    waits.clear()
                with tenant, pytest.raises(afflux.TooLarge):
                    await tenant.acquire(2)
                tenant.set(weight=2)
                tenant.stats(), repr(tenant), tenant.name
                tenant.close()
                await turns()

        await burst()
        gc.collect()
        references, blocks = sys.getrefcount(kept), sys.getallocatedblocks()
        for _ in range(10):
            await burst()
        gc.collect()
        assert sys.getrefcount(kept) <= references
        assert sys.getallocatedblocks() - blocks < 300
        check_rest(sem, kept)

    run(main())


# ---- all at once


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_tasks_and_threads_of_many_tenants(kind: dict[str, Any]) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    sem = Semaphore(4, **kind)
    tenants = [Tenant(sem, f"t{i}", weight=i + 1) for i in range(3)]
    capped = Tenant(sem, cap=2, guaranteed=1)

    async def task(rng: random.Random) -> None:
        for _ in range(10):
            of = rng.choice([*tenants, capped, sem])
            try:
                async with asyncio.timeout(rng.choice((None, None, 0, 0.001))):
                    async with of.acquire(rng.randint(1, 2)):
                        assert capped.stats().held <= 2 and sem.held <= 4
                        await asyncio.sleep(0)
                    async with of:
                        pass
            except TimeoutError:
                pass

    async def tasks(seed: int) -> None:
        await asyncio.gather(*(task(random.Random(seed + i)) for i in range(20)))

    def thread(seed: int) -> None:
        rng = random.Random(seed)
        for i in range(100):
            of = rng.choice([*tenants, capped])
            try:
                with of.acquire_blocking(rng.randint(1, 2), timeout=rng.choice((None, 0.0005))):
                    assert capped.stats().held <= 2
            except TimeoutError:
                pass
            if i % 20 == 0:
                capped.set(weight=rng.randint(1, 9))
                tenants[0].set(max_waiters=0)
                sem.set_default_weight(rng.randint(1, 9))

    running = [
        Thread(lambda: run_on("asyncio", tasks(seed))),
        Thread(lambda: run_on("asyncio", tasks(seed + 100))),
        Thread(lambda: thread(seed + 200)),
        Thread(lambda: thread(seed + 300)),
    ]
    for each in running:
        each.join()
    check_rest(sem, *tenants, capped)
    stats = check_laws(sem)
    if kind.get("statistics") != "off":
        named = sum(t.stats().acquired for t in (*tenants, capped))
        assert 0 < named <= stats.acquired_fast + stats.acquired_after_wait


def test_trio() -> None:
    trio = pytest.importorskip("trio")
    sem = Semaphore(1)
    tenant, other = Tenant(sem), Tenant(sem)
    order: list[int] = []

    async def work(i: int) -> None:
        async with tenant.acquire() as permit:
            assert permit.tenant is tenant
            order.append(i)

    async def main() -> None:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                async with other:
                    for i in range(3):
                        nursery.start_soon(work, i)
                        while tenant.stats().waiting <= i:
                            await trio.sleep(0)
                    with trio.move_on_after(0) as scope:
                        async with tenant:
                            pass
                    assert scope.cancelled_caught

    trio.run(main)
    assert order == [0, 1, 2] and tenant.stats().canceled == 1
    check_rest(sem, tenant, other)
