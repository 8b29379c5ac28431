# SPDX-License-Identifier: MIT OR Apache-2.0
"""What `./run bench stats` measures, and what is hoped for."""

from dataclasses import dataclass, field

SIZES = (100, 1_000, 10_000, 100_000)

# Benchmarks of bench_stats, and those of Go under "go/".
WAYS = {
    "afflux": "afflux",
    "mutex": "std::mutex",
    "shared_mutex": "std::shared_mutex",
    "go/atomics": "Go, atomics",
    "go/rwmutex": "Go, sync.RWMutex",
    "go/mutex": "Go, sync.Mutex",
}
WALKED = {"go/atomics_walked": "Go, atomics, walks all 201 slots"}


@dataclass(frozen=True)
class Goal:
    """`what` is "ratio" or a metric, which is to be at most `bound`."""

    what: str
    bound: float
    text: str


def at_most(bound):
    return Goal("time", bound, f"≤ {bound:,g} ns")


def ratio(bound):
    return Goal("ratio", bound, f"≤ {bound:.2f} ×")


@dataclass(frozen=True)
class Row:
    title: str
    name: str
    goals: tuple = ()


@dataclass(frozen=True)
class Section:
    title: str
    rows: tuple
    yardstick: str  # every row is divided by it
    metrics: dict = field(default_factory=dict)  # further columns: their titles


def named(operation, way):
    return f"go/{operation}/{way[3:]}" if way.startswith("go/") else f"{operation}/{way}"


def rows(operation, ways, goals=()):
    return tuple(Row(title, named(operation, way), goals if way == "afflux" else ())
                 for way, title in ways.items())


COUNTING = (
    Section("Count requests, one thread, ns", (
        Row("one locked addition, inline", "increment/raw_inline"),
        Row("one locked addition behind a call", "increment/raw_call"),
        *rows("increment", WAYS, (ratio(1.05),)),
    ), "increment/raw_call"),
    Section("Count a response, one thread, ns",
            rows("increment_response", WAYS | WALKED), "increment_response/afflux"),
    Section("Count lines, some of them dropped, one thread, ns",
            rows("increment_dropped", WAYS), "increment_dropped/afflux"),
    Section("Count requests, two threads on one client, ns each", (
        Row("one locked addition, inline", "increment_two/raw_inline"),
        *rows("increment_two", WAYS),
    ), "increment_two/afflux"),
    Section("The semaphore's own counters: a shard for each thread, ns", (
        Row("one locked addition, inline", "increment_shard/raw_inline"),
        Row("afflux, a thread's own shard", "increment_shard/afflux", (at_most(2),)),
    ), "increment_shard/raw_inline"),
)

READING = (
    Section("Summary of a client that has seen 5 status codes, ns", (
        *rows("summary", WAYS | WALKED, (at_most(100),)),
        Row("(the clock's last tick, in each of those in C++)", "summary/clock"),
    ), "summary/afflux"),
    Section("Summary of a client that has seen all 200 status codes, ns",
            rows("summary_all_codes", WAYS | WALKED), "summary_all_codes/afflux"),
)

# Rows of aggregate/WAY/SIZE, in a table with a column for each size.
AGGREGATE = WAYS | WALKED
AGGREGATE_GOAL = 5_000  # ns for 100 clients

REGISTRY = (
    Section("Add a client to a registry, ns", rows("add", WAYS, (at_most(100),)), "add/afflux"),
    Section("Remove a client from a registry, ns", rows("remove", WAYS), "remove/afflux"),
)

SEM = {"afflux_off": "afflux, statistics off", "afflux_counters": "afflux, counters",
       "afflux_full": "afflux, counters and histograms"}


def semaphore(operation, goals):
    ours = [Row(title, f"{operation}/{way}", goals if way != "afflux_off" else ())
            for way, title in SEM.items()]
    return (*ours, *rows(operation, {way: t for way, t in WAYS.items() if way != "afflux"}))


SEMAPHORE = (
    Section("Snapshot of a semaphore, ns", semaphore("snapshot", (at_most(100),)),
            "snapshot/afflux_counters"),
    Section("try_acquire and release of a free permit, ns a pair",
            semaphore("fast_path", (ratio(1.25),)), "fast_path/afflux_off"),
)

STATUS = WAYS | {
    "channel_mutex": "channel, std::condition_variable",
    "channel_afflux": "channel, afflux semaphores",
    "go/channel": "Go, channel",
}
# What is read, as the tail of the benchmarks' names.
PARTS = {"": "Read a status of 230 bytes", "_number": "Read one number of it"}
SCENARIOS = {"one_reader": "one reader", "ten_readers": "ten readers",
             "against_writer": "ten readers against a writer"}
COLUMNS = {"bytes": "B/op", "allocs": "allocs/op"}
STUDY = tuple(
    Section(f"{part}: {what}, ns",
            rows(scenario + tail, STATUS, (ratio(0.8), Goal("allocs", 0.001, "none allocated"))),
            f"{scenario}{tail}/mutex",
            COLUMNS | ({"write_ns": "ns a write"} if scenario == "against_writer" else {}))
    for tail, part in PARTS.items() for scenario, what in SCENARIOS.items())
