# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is measured, beside which yardstick, and what is hoped for."""

from dataclasses import dataclass, field

GROUPS = ("uncontended", "queues", "contended", "pingpong")
APART = ("ports",)  # groups with tables of their own: `./run bench ports`


@dataclass(frozen=True)
class Program:
    """One process of each launch."""

    group: str
    name: str
    arguments: tuple = ()
    repetitions: int = 1
    # One thread at work is only ever slowed down, so its best repetition counts;
    # where threads meet, the median.
    best: bool = False


PROGRAMS = (
    Program("uncontended", "bench_uncontended",
            ("--benchmark_filter=^one_thread/", "--benchmark_min_time=0.005"), 9, best=True),
    Program("uncontended", "bench_uncontended", ("--benchmark_filter=^two_threads/",), 7),
    Program("queues", "bench_long_queues", ("--benchmark_filter=-/1000000",), 5, best=True),
    Program("contended", "bench_contended"),
    Program("pingpong", "bench_ping_pong", ("--across",), 3),
    Program("pingpong", "bench_ping_pong", ("--no-spin",), 3),
    Program("pingpong", "bench_ping_pong", ("--one-core",), 3),
    Program("ports", "bench_ports", ("--benchmark_filter=-^own/",), 5),
    Program("ports", "bench_ports", ("--benchmark_filter=^own/",), 9, best=True),
)


# With --million, too.
MILLION = Program("queues", "bench_long_queues", ("--benchmark_filter=/1000000",), 3, best=True)


@dataclass(frozen=True)
class Goal:
    """`metric` is "ratio", "main" (the figure's own) or a counter of the benchmark."""

    metric: str
    bound: str
    value: float
    text: str

    def reached(self, value):
        return value <= self.value if self.bound == "<=" else value >= self.value


def ratio(bound, value):
    return Goal("ratio", bound, value, f"{'≤' if bound == '<=' else '≥'} {value:.2f} ×")


def at_most(value, text=""):
    return Goal("main", "<=", value, text or f"≤ {value:g} ns")


@dataclass(frozen=True)
class Figure:
    group: str
    section: str
    title: str
    name: str
    yardstick: str = ""  # the benchmark of the same launch that it is divided by
    goals: tuple = field(default=())
    metric: str = "time"  # or a counter of the benchmark


def uncontended():
    one = "One thread, free permits, ns a pair"
    two = "Two threads, never waiting, ns a pair and thread"
    for key, title in (
        ("raw_calls", "CAS + CAS behind calls"),
        ("raw_calls_add", "CAS + add behind calls"),
        ("std_mutex", "std::mutex, twice"),
        ("sem_t", "sem_t"),
    ):
        yield Figure("uncontended", one, title, f"one_thread/{key}", "one_thread/raw_calls")
    for key, title in (
        ("afflux_intrusive", "afflux C ABI, INTRUSIVE, try_acquire + release"),
        ("afflux_intrusive_async", "afflux C ABI, INTRUSIVE, acquire_async + release"),
        ("afflux_mutex", "afflux C ABI, MUTEX, try_acquire + release"),
        ("afflux_mutex_async", "afflux C ABI, MUTEX, acquire_async + release"),
    ):
        yield Figure("uncontended", one, title, f"one_thread/{key}", "one_thread/raw_calls",
                     (ratio("<=", 1.10),))
    yield Figure("uncontended", one, "afflux event, nobody waiting, notify_one + clear",
                 "one_thread/afflux_event", "one_thread/raw_calls", (ratio("<=", 1.20),))
    for key, title, goals in (
        ("raw_inline", "CAS + CAS inline", ()),
        ("raw_inline_add", "CAS + add inline", ()),
        ("afflux_inline", "afflux.hpp inline, try_acquire_raw + release", (ratio("<=", 1.10),)),
        ("afflux_inline_permit", "afflux.hpp inline, permit", (ratio("<=", 1.10),)),
    ):
        yield Figure("uncontended", one, title, f"one_thread/{key}", "one_thread/raw_inline", goals)

    for key, title, yardstick, goals in (
        ("raw_calls", "CAS + CAS behind calls, limit beside the word", "raw_calls", ()),
        ("raw_calls_limit_apart", "the same, limit on another line pair", "raw_calls", ()),
        ("raw_calls_add", "CAS + add behind calls", "raw_calls", ()),
        ("std_mutex", "std::mutex, twice", "raw_calls", ()),
        ("sem_t", "sem_t", "raw_calls", ()),
        ("afflux_intrusive", "afflux C ABI, INTRUSIVE", "raw_calls", (ratio("<=", 1.15),)),
        ("afflux_mutex", "afflux C ABI, MUTEX", "raw_calls", (ratio("<=", 1.15),)),
        ("afflux_intrusive", "afflux C ABI, INTRUSIVE, beside limit apart",
         "raw_calls_limit_apart", ()),
        ("afflux_inline", "afflux.hpp inline, beside CAS + CAS inline", "raw_inline", ()),
    ):
        yield Figure("uncontended", two, title, f"two_threads/{key}", f"two_threads/{yardstick}",
                     goals)


def queues():
    phases = (
        ("enqueue", "queue", (at_most(20),)),
        ("wake_all", "wake by one release", (at_most(14, "≤ 12 ns + callback"),)),
        ("wake_each", "release(1) each", (at_most(30),)),
        ("cancel", "cancel, random order", (at_most(90),)),
    )
    for size, label in ((1_000, "1 k"), (100_000, "100 k"), (1_000_000, "1 M")):
        section = f"{label} waiters, ns each"
        for phase, what, goals in phases:
            for key, title in (
                ("mutex_list", "std::mutex + list, 40-byte nodes"),
                ("mutex_list_128", "std::mutex + list, nodes 128 bytes apart"),
                ("afflux_intrusive", "afflux INTRUSIVE"),
                ("afflux_mutex", "afflux MUTEX"),
            ):
                wanted = goals if key == "afflux_intrusive" and size == 100_000 else ()
                yield Figure("queues", section, f"{what}: {title}", f"{phase}/{key}/{size}",
                             f"{phase}/mutex_list/{size}", wanted)


def contended():
    for threads in (2, 4, 16, 64):
        section = f"One permit, {threads} threads, acquisitions a second"
        fair = (ratio(">=", 2.0 if threads == 2 else 1.0),
                Goal("max_us", "<=", 5_000, "max ≤ 5 ms"),
                Goal("spread", "<=", 0.02, "spread ≤ 2 %"))
        barging = (ratio(">=", 0.8), Goal("max_us", "<=", 10_000, "max ≤ 10 ms"))
        for key, title, yardstick, goals in (
            ("fifo_reference", "FIFO reference", "fifo_reference", ()),
            ("afflux_intrusive_fair", "afflux FAIR, INTRUSIVE", "fifo_reference", fair),
            ("afflux_mutex_fair", "afflux FAIR, MUTEX", "fifo_reference", fair),
            ("std_mutex", "std::mutex", "std_mutex", ()),
            ("sem_t", "sem_t", "std_mutex", ()),
            ("afflux_intrusive_throughput", "afflux THROUGHPUT, INTRUSIVE", "std_mutex", barging),
            ("afflux_mutex_throughput", "afflux THROUGHPUT, MUTEX", "std_mutex", barging),
        ):
            yield Figure("contended", section, title, f"{key}/{threads}", f"{yardstick}/{threads}",
                         goals)


def pingpong():
    for place, section, goals in (
        ("across", "Hand-off across cores, spinning allowed, ns one way", (at_most(500),)),
        ("no_spin", "Hand-off across cores, no spinning, ns one way", (ratio("<=", 1.1),)),
        ("one_core", "Hand-off on one core, ns one way", (ratio("<=", 1.1),)),
    ):
        for key, title in (
            ("raw_futex", "raw futex"),
            ("sem_t", "sem_t"),
            ("fifo_reference", "FIFO reference"),
            ("afflux_intrusive", "afflux FAIR, INTRUSIVE"),
            ("afflux_mutex", "afflux FAIR, MUTEX"),
        ):
            wanted = goals if key.startswith("afflux") else ()
            yield Figure("pingpong", section, title, f"{place}/{key}", f"{place}/raw_futex", wanted)


def ports():
    wanted = (at_most(20), Goal("rings", "<=", 1.05, "1 ring"))
    for metric, section, burst_goals in (
        ("call", "1,024 completions for a sleeping loop, ns each for who completes them", wanted),
        ("drained", "1,024 completions for a sleeping loop, ns each until the loop has them all",
         ()),
    ):
        for key, title, goals in (
            ("raw_message", "MSG_RING each, a call each", ()),
            ("raw_messages_together", "MSG_RING each, submitted by one call", ()),
            ("raw_eventfd", "eventfd write each, epoll", ()),
            ("kernel_waits", "afflux, a futex wait of the kernel's each", ()),
            ("uring_poll", "afflux port, URING, poll", burst_goals),
            ("uring_message", "afflux port, URING, MSG_RING", burst_goals),
            ("eventfd", "afflux port, EVENTFD, epoll", burst_goals),
        ):
            yield Figure("ports", section, title, f"burst/{key}", "burst/raw_message", goals,
                         metric)

    ways = (
        ("raw_eventfd", "eventfd write, epoll_wait, read"),
        ("raw_eventfd_edge", "eventfd write, epoll_wait by edges"),
        ("raw_uring_poll", "eventfd write, multishot poll in the ring"),
        ("raw_message", "MSG_RING"),
        ("kernel_waits", "afflux, a futex wait of the kernel's"),
        ("eventfd", "afflux port, EVENTFD, epoll"),
        ("uring_poll", "afflux port, URING, poll"),
        ("uring_message", "afflux port, URING, MSG_RING"),
    )
    for metric, section in (
        ("drained", "One completion for a sleeping loop, ns until the loop has it"),
        ("call", "One completion for a sleeping loop, ns for who completes it"),
    ):
        for key, title in ways:
            port = key in ("eventfd", "uring_poll", "uring_message")
            goals = (ratio("<=", 1.1),) if port and metric == "drained" else ()
            yield Figure("ports", section, title, f"asleep/{key}", "asleep/raw_eventfd", goals,
                         metric)

    wanted = (at_most(200), Goal("rings", "<=", 0.01, "no ring"))
    for metric, section in (
        ("call", "One completion for a loop that is awake, ns for who completes it"),
        ("drained", "One completion for a loop that is awake, ns until the loop has it"),
    ):
        for mood, key, title in (
            ("busy", "callback", "afflux callback that counts"),
            ("busy", "raw_eventfd", "eventfd write, read"),
            ("busy", "eventfd", "afflux port, EVENTFD"),
            ("busy", "uring_poll", "afflux port, URING, poll"),
            ("busy", "uring_message", "afflux port, URING, MSG_RING"),
            ("spinning", "uring_poll", "afflux port, URING, poll, drained again and again"),
        ):
            goals = wanted if metric == "call" and mood == "busy" and "port" in title else ()
            yield Figure("ports", section, title, f"{mood}/{key}", "busy/callback", goals, metric)

    own = "A loop that completes its own requests, in one thread, ns each"
    for phase, what in (
        ("queue", "acquire_async that queues, 1,024"),
        ("release_each", "release(1) each, 1,024"),
        ("release_all", "one release for 1,024"),
    ):
        yield Figure("ports", own, f"{what}: callback", f"own/{phase}/callback",
                     f"own/{phase}/callback")
        yield Figure("ports", own, f"{what}: port", f"own/{phase}/port", f"own/{phase}/callback")
    yield Figure("ports", own, "drain, 64 at a time, 1,024: port", "own/take/port")
    for key, title in (
        ("callback", "callback"),
        ("port", "port, URING with DRAINS_ALL"),
        ("eventfd", "port, EVENTFD"),
        ("may_sleep", "port, URING without DRAINS_ALL: rings"),
    ):
        yield Figure("ports", own, f"acquire_async, release(1), drain, one by one: {title}",
                     f"own/turn/{key}", "own/turn/callback")


FIGURES = (*uncontended(), *queues(), *contended(), *pingpong(), *ports())
