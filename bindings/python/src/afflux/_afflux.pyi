# SPDX-License-Identifier: MIT OR Apache-2.0
# Types of the extension. What each call does, raises and costs is in its docstring.

from collections.abc import Callable, Coroutine, Generator, Iterable
from types import TracebackType
from typing import Any, Generic, Literal, NamedTuple, Self, TypeVar, final, overload

_T_co = TypeVar("_T_co", covariant=True)
_Queue = Literal["auto", "intrusive", "lockfree", "hybrid", "mutex"]
_Format = Literal["prometheus", "openmetrics"]
_Algorithm = Literal["default", "aimd", "vegas", "gradient2", "gradient"]
_Outcome = Literal["served", "dropped", "ignored"]
_Exceptions = type[BaseException] | tuple[type[BaseException], ...]

__version__: str

class Error(Exception): ...
class Closed(Error): ...
class Rejected(Error): ...
class TooLarge(Error, ValueError): ...

@final
class Permit:
    @property
    def permits(self) -> int: ...
    @property
    def id(self) -> int | None: ...
    @property
    def held_ns(self) -> int | None: ...
    @property
    def semaphore(self) -> Semaphore: ...
    @property
    def tenant(self) -> Tenant | None: ...
    def release(self) -> bool: ...
    def forget(self) -> bool: ...
    def split(self, n: int, /) -> Permit: ...
    def merge(self, other: Permit, /) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

@final
class Permits(tuple[Permit, ...]):
    def release(self) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

@final
class Taken(tuple[int, Permit | None]):
    @property
    def which(self) -> int: ...
    @property
    def permit(self) -> Permit | None: ...
    def release(self) -> bool: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

_Held_co = TypeVar("_Held_co", bound=Permit | Permits | Taken, covariant=True)

@final
class Acquire(Coroutine[Any, Any, _T_co], Generic[_T_co]):
    """Not to be created: acquire(), wait(), wait_idle(), any_of() and all_of() return it. It has a
    coroutine's methods, so that asyncio.create_task() takes it."""

    def __await__(self) -> Generator[Any, Any, _T_co]: ...
    def __iter__(self) -> Generator[Any, Any, _T_co]: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    @overload
    def throw(
        self,
        typ: type[BaseException],
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> Any: ...
    @overload
    def throw(
        self, typ: BaseException, val: None = None, tb: TracebackType | None = None, /
    ) -> Any: ...
    def close(self) -> None: ...
    async def __aenter__(self: Acquire[_Held_co]) -> _Held_co: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

class Semaphore:
    def __new__(
        cls,
        permits: int = 1,
        *,
        queue: _Queue = "auto",
        fairness: Literal["fair", "throughput"] = "fair",
        overflow: Literal["suspend", "drop_newest", "drop_oldest", "fail"] = "suspend",
        max_waiters: int = 0,
        max_queue_bytes: int = 0,
        waiter_timeout: float | None = None,
        name: str | None = None,
        statistics: Literal["off", "counters", "full"] = "counters",
        ledger: int = 0,
        shed_target: float | None = None,
        shed_interval: float | None = None,
        adaptive_lifo: bool = False,
    ) -> Self: ...
    @classmethod
    def from_handle(cls, address: int, /) -> Self: ...
    def acquire(
        self,
        n: int = 1,
        *,
        priority: int = 1,
        timeout: float | None = None,
        cost: int = 0,
        tag: str | None = None,
        client: Client | None = None,
        wait_for_resize: bool = False,
    ) -> Acquire[Permit]: ...
    def acquire_blocking(
        self,
        n: int = 1,
        *,
        priority: int = 1,
        timeout: float | None = None,
        cost: int = 0,
        tag: str | None = None,
        client: Client | None = None,
        wait_for_resize: bool = False,
    ) -> Permit: ...
    def try_acquire(self, n: int = 1, /) -> Permit | None: ...
    def try_acquire_up_to(self, min: int, max: int, /) -> Permit | None: ...
    def release(self, n: int = 1, /) -> None: ...
    def resize(self, permits: int, /) -> None: ...
    def resize_by(self, delta: int, /) -> int: ...
    def set_default_weight(self, weight: int, /) -> None: ...
    def close(self) -> None: ...
    def wait_idle(self, timeout: float | None = None) -> Acquire[None]: ...
    def wait_idle_blocking(self, timeout: float | None = None) -> None: ...
    def locked(self) -> bool: ...
    def stats(self) -> Stats: ...
    def health(
        self,
        *,
        max_waiters: int | None = None,
        max_queue_bytes: int | None = None,
        max_wait: float | None = None,
        max_still: float | None = 5.0,
    ) -> Health: ...
    def wait_times(self) -> Times: ...
    def hold_times(self) -> Times: ...
    def holders(self) -> list[Holder]: ...
    @property
    def limit(self) -> int: ...
    @property
    def available(self) -> int: ...
    @property
    def held(self) -> int: ...
    @property
    def waiters(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    @property
    def name(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def handle(self) -> int: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

class Event:
    def __new__(cls, *, manual_reset: bool = True, queue: _Queue = "auto") -> Self: ...
    def wait(self, timeout: float | None = None) -> Acquire[Literal[True]]: ...
    def wait_blocking(self, timeout: float | None = None) -> Literal[True]: ...
    def set(self) -> None: ...
    def notify_one(self) -> None: ...
    def notify_all(self) -> None: ...
    def pulse(self) -> None: ...
    def clear(self) -> None: ...
    def is_set(self) -> bool: ...
    @property
    def waiters(self) -> int: ...
    @property
    def handle(self) -> int: ...

_Item = Semaphore | tuple[Semaphore, int] | Event

def any_of(
    *items: _Item,
    priority: int = 1,
    timeout: float | None = None,
    cost: int = 0,
    tag: str | None = None,
    wait_for_resize: bool = False,
) -> Acquire[Taken]: ...
def all_of(
    *items: _Item,
    priority: int = 1,
    timeout: float | None = None,
    cost: int = 0,
    tag: str | None = None,
    wait_for_resize: bool = False,
) -> Acquire[Permits]: ...
def any_of_blocking(
    *items: _Item,
    priority: int = 1,
    timeout: float | None = None,
    cost: int = 0,
    tag: str | None = None,
    wait_for_resize: bool = False,
) -> Taken: ...
def all_of_blocking(
    *items: _Item,
    priority: int = 1,
    timeout: float | None = None,
    cost: int = 0,
    tag: str | None = None,
    wait_for_resize: bool = False,
) -> Permits: ...

class Client:
    def __new__(
        cls,
        name: str | None = None,
        *,
        classes: Iterable[str] = ("0", "1", "2", "3"),
        pipelines: Iterable[str] = ("0", "1"),
        stall_speed: float = 0.9,
        stall_after: float | None = 5.0,
    ) -> Self: ...
    @classmethod
    def from_handle(cls, address: int, /) -> Self: ...
    def count_requests(self, request_class: int, n: int = 1, /) -> None: ...
    def count_bytes(self, n: int, /) -> None: ...
    def set_run_bytes(self, n: int, /) -> None: ...
    def begin_run(self) -> None: ...
    def count_response(self, code: int, /) -> None: ...
    def count_reconnection(self) -> None: ...
    def count_timeout(self) -> None: ...
    def count_lines(self, pipeline: int, read: int, dropped: int = 0, /) -> None: ...
    def set_speed(self, speed: float, /) -> None: ...
    def set_position(self, seconds: float, /) -> None: ...
    def responses(self, code: int, /) -> int: ...
    def summary(self) -> ClientSummary: ...
    @property
    def name(self) -> str: ...
    @property
    def handle(self) -> int: ...

class Control:
    def __new__(
        cls,
        semaphore: Semaphore,
        /,
        *,
        algorithm: _Algorithm = "default",
        min: int | None = None,
        max: int | None = None,
        initial: int | None = None,
        seed: int = 1,
        window: float | None = None,
        timeout: float | None = 5.0,
        probe_interval: float | None = 60.0,
        on_change: Callable[[int, int, str], object] | None = None,
    ) -> Self: ...
    @classmethod
    def from_handle(cls, address: int, semaphore: Semaphore, /) -> Self: ...
    def sample(self, latency: float, /, outcome: _Outcome = "served") -> None: ...
    def release(self, permit: Permit, /, outcome: _Outcome = "served") -> bool: ...
    def measure(self, *, dropped: _Exceptions = ...) -> Measure: ...
    def pause(self) -> bool: ...
    def resume(self) -> bool: ...
    def stats(self) -> ControlStats: ...
    @property
    def semaphore(self) -> Semaphore: ...
    @property
    def handle(self) -> int: ...

class Tenant:
    def __new__(
        cls,
        semaphore: Semaphore,
        /,
        name: str | None = None,
        *,
        weight: int = 1,
        guaranteed: int = 0,
        cap: int = 0,
        max_waiters: int = 0,
    ) -> Self: ...
    @classmethod
    def from_handle(cls, address: int, semaphore: Semaphore, /) -> Self: ...
    def acquire(
        self,
        n: int = 1,
        *,
        priority: int = 1,
        timeout: float | None = None,
        cost: int = 0,
        tag: str | None = None,
        wait_for_resize: bool = False,
    ) -> Acquire[Permit]: ...
    def acquire_blocking(
        self,
        n: int = 1,
        *,
        priority: int = 1,
        timeout: float | None = None,
        cost: int = 0,
        tag: str | None = None,
        wait_for_resize: bool = False,
    ) -> Permit: ...
    def try_acquire(self, n: int = 1, /) -> Permit | None: ...
    def release(self, n: int = 1, /) -> None: ...
    def set(
        self,
        *,
        weight: int = ...,
        guaranteed: int = ...,
        cap: int = ...,
        max_waiters: int = ...,
    ) -> None: ...
    def close(self) -> None: ...
    def stats(self) -> TenantStats: ...
    @property
    def name(self) -> str: ...
    @property
    def semaphore(self) -> Semaphore: ...
    @property
    def handle(self) -> int: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

@final
class Measure:
    @property
    def outcome(self) -> _Outcome | None: ...
    @outcome.setter
    def outcome(self, value: _Outcome | None, /) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...

@final
class Registry:
    def __new__(cls) -> Self: ...
    def add(self, semaphore_or_client: Semaphore | Client, /) -> bool: ...
    def remove(self, semaphore_or_client: Semaphore | Client, /) -> bool: ...
    def render(self, format: _Format = "prometheus", *, clients: bool = False) -> str: ...
    @staticmethod
    def content_type(format: _Format = "prometheus") -> str: ...

class Stats(NamedTuple):
    statistics: Literal["off", "counters", "full"]
    limit: int
    available: int
    held: int
    waiters: int
    queue_bytes: int
    oldest_wait_ns: int
    acquired_fast: int
    acquired_after_wait: int
    try_failed: int
    released: int
    canceled: int
    timed_out: int
    rejected: int
    dropped: int
    closed_out: int
    resizes: int
    requests_fast: int
    granted: int
    impossible: int
    queued: int
    wait_count: int
    wait_sum_ns: int
    wait_max_ns: int
    hold_count: int
    hold_sum_ns: int
    hold_max_ns: int
    age_ns: int
    peak_held: int
    peak_waiters: int
    shed: int

class ClientSummary(NamedTuple):
    stalled: bool
    requests: tuple[int, int, int, int]
    bytes: int
    runs: int
    responses_4xx: int
    responses_5xx: int
    responses_other: int
    reconnections: int
    timeouts: int
    lines_read: tuple[int, int]
    lines_dropped: tuple[int, int]
    drop_rate: float
    peak_drop_rate: float
    speed: float
    drift_ns: int
    max_drift_ns: int
    acquired: int
    waits: int
    wait_sum_ns: int
    wait_max_ns: int
    rejected: int
    timed_out: int
    canceled: int
    uptime_ns: int

class ControlStats(NamedTuple):
    algorithm: _Algorithm
    paused: bool
    decision: Literal["kept", "raised", "lowered"]
    reason: str
    limit: int
    min: int
    max: int
    center: float
    served: int
    dropped: int
    ignored: int
    missed: int
    windows: int
    raised: int
    lowered: int
    window_ns: int
    window_served: int
    window_dropped: int
    window_latency_ns: float
    window_in_flight: float
    window_throughput: float

class TenantStats(NamedTuple):
    weight: int
    guaranteed: int
    cap: int
    max_waiters: int
    held: int
    waiting: int
    hold_ns: float
    acquired: int
    requests: int
    waits: int
    by_guarantee: int
    wait_sum_ns: int
    wait_max_ns: int
    try_failed: int
    rejected: int
    timed_out: int
    canceled: int
    ended: int
    used_permit_seconds: float

class Health(NamedTuple):
    healthy: bool
    reasons: tuple[Literal["waiters", "queue_bytes", "wait", "closed", "debt", "standstill"], ...]
    waiters: int
    queue_bytes: int
    oldest_wait_ns: int
    still_ns: int
    unserved: int

class Times(NamedTuple):
    recorded: int
    sum_ns: int
    max_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    p999_ns: int

class Holder(NamedTuple):
    id: int
    permits: int
    held_ns: int
    tag: str

class _Mailbox:
    def fileno(self) -> int: ...
    def drain(self) -> None: ...
    def close(self) -> None: ...
