# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is measured, beside which yardstick, and what is hoped for."""

from dataclasses import dataclass, field

GROUPS = ("uncontended", "queues", "contended", "pingpong", "few")
APART = ("ports",)  # groups with tables of their own: `./run bench ports`


@dataclass(frozen=True)
class Program:
    """One process of each launch."""

    group: str
    name: str
    arguments: tuple = ()
    repetitions: int = 1
    # The group whose own program measures all this too: one run of both leaves this out.
    part_of: str = ""
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
    Program("few", "bench_few_waiters",
            ("--benchmark_filter=-^two_", "--benchmark_min_time=0.003"), 7, best=True),
    Program("few", "bench_few_waiters", ("--benchmark_filter=^two_",), 5),
    Program("few", "bench_long_queues",
            ("--benchmark_filter=/(mutex_list_128|afflux_.*)/1000(00)?/",), 3,
            part_of="queues", best=True),
    Program("few", "bench_uncontended",
            ("--benchmark_filter=^one_thread/(raw_calls|afflux_(intrusive|hybrid|mutex|lockfree)"
             "(_async)?)$", "--benchmark_min_time=0.003"), 7, part_of="uncontended", best=True),
    Program("few", "bench_uncontended",
            ("--benchmark_filter=^two_threads/(raw_calls|std_mutex|fifo_reference_blocking|"
             "afflux_(intrusive|hybrid|mutex|lockfree)(_blocking)?)/",), 5,
            part_of="uncontended"),
    Program("few", "bench_contended", ("--benchmark_filter=^(fifo_reference|afflux_.*_fair)/6?4/",),
            part_of="contended"),
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


# The best strategy of version 0.1 in each row.
TWO_THREADS = {"_blocking": (ratio(">=", 0.33),), "": (ratio(">=", 1.40),)}
STRATEGIES = (("intrusive", "INTRUSIVE", 1.0), ("hybrid", "HYBRID", 1.2), ("mutex", "MUTEX", 1.2),
              ("lockfree", "LOCKFREE", 1.2))  # and how far from INTRUSIVE's goal it may be


def few():
    list_title = "std::mutex + list, nodes of 128 bytes"

    def beside_list(section, what, phase, most, size=""):
        name = f"mutex_list_128{size}" if size else "mutex_list"
        yield Figure("few", section, f"{what}: {list_title}", f"{phase}/{name}", f"{phase}/{name}")
        for key, title, slack in STRATEGIES:
            yield Figure("few", section, f"{what}: {title}", f"{phase}/afflux_{key}{size}",
                         f"{phase}/{name}", (ratio("<=", most * slack),))

    phases = (
        ("queue_cancel", "queue, cancel", 0.9),
        ("queue_release", "queue, release", 1.0),
        ("line_of_8", "line of 8: release, queue again", 1.0),
    )
    for phase, what, most in phases:
        yield from beside_list("A few waiters with callbacks, one thread, ns each", what, phase,
                               most)
    for tail, section, most in (
        ("counted", "The same with counters, beside statistics off, ns each", 1.25),
        ("timed", "The same with a time limit, beside none, ns each", 2.0),
    ):
        for phase, what, _ in phases:
            for key, title, _ in STRATEGIES:
                yield Figure("few", section, f"{what}: {title}", f"{phase}/afflux_{key}_{tail}",
                             f"{phase}/afflux_{key}", (ratio("<=", most),))

    for size, label in ((1_000, "1 k"), (100_000, "100 k")):
        for phase, what, most in (
            ("enqueue", "queue", 1.0),
            ("wake_each", "release(1) each", 1.1),
            ("wake_all", "one release for all", 1.4),
            ("cancel", "cancel, random order", 1.1),
        ):
            yield from beside_list(f"{label} waiters beside nodes of 128 bytes, ns each", what,
                                   phase, most, f"/{size}")

    for phase, section, least in (
        ("two_queue", "Two threads queue callbacks, a second", 1.3),
        ("two_let_in", "Two threads queue 64, release 64 times, wait for theirs, a second", None),
        ("two_take_back", "Two threads queue 64 and cancel them, a second", None),
    ):
        yield Figure("few", section, list_title, f"{phase}/mutex_list", f"{phase}/mutex_list",
                     metric="per_second")
        for key, title, slack in STRATEGIES:
            goals = (ratio(">=", least / slack),) if least and key != "lockfree" else ()
            yield Figure("few", section, f"afflux {title}", f"{phase}/afflux_{key}",
                         f"{phase}/mutex_list", goals, "per_second")

    for tail, section, others in (
        ("_blocking", "Two threads, one permit, acquire + release, a second",
         (("fifo_reference_blocking", "FIFO reference"),)),
        ("", "Two threads, try_acquire + release, a second", (("std_mutex", "std::mutex, twice"),)),
    ):
        names = (("raw_calls", "CAS + CAS behind calls, never waiting"), *others,
                 *((f"afflux_{key}{tail}", f"afflux {title}") for key, title, _ in STRATEGIES))
        for name, title in names:
            yield Figure("few", section, title, f"two_threads/{name}", "two_threads/raw_calls",
                         TWO_THREADS[tail] if name.startswith("afflux") else (), "per_second")

    for place, section, yardsticks in (
        ("one_thread", "Free permits, one thread, ns a pair",
         (("raw_calls", "CAS + CAS behind calls"),)),
        ("plain_loop", "Free permits, one thread, a plain loop, ns a pair",
         (("bare_calls", "CAS + CAS, a library of two calls"),
          ("raw_calls", "CAS + CAS behind calls"))),
    ):
        yardstick = f"{place}/{yardsticks[0][0]}"
        for key, title in yardsticks:
            yield Figure("few", section, title, f"{place}/{key}", yardstick)
        for tail, what in (("", "try_acquire + release"), ("_async", "acquire_async + release")):
            for key, title, _ in STRATEGIES:
                yield Figure("few", section, f"afflux {title}, {what}",
                             f"{place}/afflux_{key}{tail}", yardstick, (ratio("<=", 1.10),))

    for threads in (4, 64):
        section = f"One permit, {threads} threads that block, FAIR, a second"
        for key, title in (("fifo_reference", "FIFO reference"),
                           *((f"afflux_{key}_fair", f"afflux {title}")
                             for key, title, _ in STRATEGIES)):
            goals = (ratio(">=", 1.0),) if key.startswith("afflux") else ()
            yield Figure("few", section, title, f"{key}/{threads}", f"fifo_reference/{threads}",
                         goals, "per_second")


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


FIGURES = (*uncontended(), *queues(), *contended(), *pingpong(), *few(), *ports())
