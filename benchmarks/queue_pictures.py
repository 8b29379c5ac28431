# SPDX-License-Identifier: MIT OR Apache-2.0
"""The pictures of docs/waiter-queues.md."""

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot, ticker  # noqa: E402

import compare_queues as q  # noqa: E402

STYLE = {"mutex": ("#7f7f7f", "s"), "hybrid": ("#e69f00", "^"), "lockfree": ("#d55e00", "x"),
         "intrusive": ("#0072b2", "o")}


def panels(count, title):
    pyplot.rcParams.update({"svg.hashsalt": "afflux", "svg.fonttype": "none", "font.size": 9,
                            "axes.grid": True, "grid.alpha": 0.3})
    figure, axes = pyplot.subplots(1, count, figsize=(3.4 * count, 3.3))
    figure.suptitle(title)
    return figure, axes if count > 1 else [axes]


def save(figure, path):
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="lower center", ncol=4)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    # Without a date the same figures make the same file; white for dark pages.
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)


def log_scale(axis):
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    axis.yaxis.set_minor_locator(ticker.NullLocator())


def lines(axis, xs, get):
    for strategy, (colour, marker) in STYLE.items():
        points = [(x, get(strategy, x)) for x in xs]
        points = [(x, y) for x, y in points if y]
        axis.plot(*zip(*points) if points else ((), ()), color=colour, marker=marker,
                  label=strategy.upper())
    axis.set_xscale("log")
    axis.set_xticks(xs, ["1k" if x == 1000 else str(x) for x in xs])
    axis.minorticks_off()


def turns(figures, path):
    shown = ("wake_each", "wake_all", "half_cancel")
    figure, axes = panels(len(shown), "One thread: ns a waiter, queued and woken or cancelled")
    for axis, scenario in zip(axes, shown):
        lines(axis, q.SIZES, lambda s, n, what=scenario:
              (figures.get(f"turn/{what}/{s}/{n}", "time") or 0) / n)
        axis.set_title(scenario.replace("_", " "))
        axis.set_xlabel("waiters")
        axis.set_ylim(bottom=0)
    save(figure, path)


def crowds(figures, crowd, path):
    figure, axes = panels(len(q.LEVELS), f"{q.CROWDS[crowd]}: acquires a second")
    for axis, level in zip(axes, q.LEVELS):
        lines(axis, q.THREADS, lambda s, n, what=level:
              figures.get(f"{crowd}/{what}/{s}/{n}", "per_second"))
        axis.set_title(f"contention {level}")
        axis.set_xlabel("threads")
        log_scale(axis)
    save(figure, path)


def latencies(figures, path):
    shown = ("acquire", "release", "cancel")
    figure, axes = panels(len(shown), "One call with 1,000 waiters, ns")
    for axis, call in zip(axes, shown):
        for strategy, (colour, marker) in STYLE.items():
            ys = [figures.get(f"latency/{call}/{strategy}/1000", p) for p in q.QUANTILES]
            if None not in ys:
                axis.plot(range(4), ys, color=colour, marker=marker, label=strategy.upper())
        axis.set_title(call)
        axis.set_xticks(range(4), ["p50", "p95", "p99", "p99.9"])
        log_scale(axis)
    save(figure, path)


def bars(figures, path):
    shown = ("wake_each", "wake_all", "half_cancel")
    sizes = tuple(q.INSTRUCTION_RUNS)
    figure, axes = panels(len(shown), "Instructions a waiter")
    for axis, scenario in zip(axes, shown):
        for i, (strategy, (colour, _)) in enumerate(STYLE.items()):
            ys = [figures.instructions.get(f"{scenario}/{strategy}/{n}", 0) for n in sizes]
            axis.bar([x + 0.2 * i for x in range(len(sizes))], ys, 0.2, color=colour,
                     label=strategy.upper())
        axis.set_title(scenario.replace("_", " "))
        axis.set_xticks([x + 0.3 for x in range(len(sizes))], [f"{n:,}" for n in sizes])
        axis.set_xlabel("waiters")
    save(figure, path)


def draw(figures, folder):
    folder.mkdir(exist_ok=True)
    turns(figures, folder / "queues-turns.svg")
    crowds(figures, "callbacks", folder / "queues-callbacks.svg")
    crowds(figures, "blocking", folder / "queues-blocking.svg")
    latencies(figures, folder / "queues-latencies.svg")
    if figures.instructions:
        bars(figures, folder / "queues-instructions.svg")
