# SPDX-License-Identifier: MIT OR Apache-2.0
"""The pictures of docs/statistics-figures.md."""

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot, ticker  # noqa: E402

import stats_figures as f  # noqa: E402

# By kind: ours, locks of C++, Go's.
COLOURS = {"afflux": "#0072b2", "afflux_off": "#8cc5e3", "afflux_counters": "#0072b2",
           "afflux_full": "#004c78", "mutex": "#7f7f7f", "shared_mutex": "#b5b5b5",
           "channel_mutex": "#4d4d4d", "channel_afflux": "#56b4e9",
           "go/atomics": "#e69f00", "go/atomics_walked": "#f0c75e", "go/rwmutex": "#d55e00",
           "go/mutex": "#a64900", "go/channel": "#662d00"}


def panels(rows, columns, title, size):
    pyplot.rcParams.update({"svg.hashsalt": "afflux", "svg.fonttype": "none", "font.size": 9,
                            "axes.grid": True, "grid.alpha": 0.3, "axes.axisbelow": True})
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    figure.suptitle(title)
    return figure, axes.flat


def save(figure, path):
    figure.tight_layout()
    # Without a date the same figures make the same file; white for dark pages.
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)


def bars(axis, figures, operation, ways, title):
    shown = [(way, t, figures.get(f.named(operation, way)) or 0) for way, t in ways.items()]
    shown.reverse()
    for y, (way, _, time) in enumerate(shown):
        axis.barh(y, time, color=COLOURS[way])
        axis.annotate(f" {time:,.0f}" if time >= 100 else f" {time:.1f}", (time, y), va="center",
                      fontsize=8)
    axis.set_yticks(range(len(shown)), [t for _, t, _ in shown])
    axis.set_title(title)
    axis.set_xlim(left=0, right=1.25 * max(1, *(t for _, _, t in shown)))
    axis.grid(False, axis="y")


def operations(figures, path):
    shown = (("increment", f.WAYS, "count requests"),
             ("summary", f.WAYS | f.WALKED, "summary of a client"),
             ("add", f.WAYS, "add to a registry"),
             ("snapshot", f.SEM | {w: t for w, t in f.WAYS.items() if w != "afflux"},
              "snapshot of a semaphore"))
    figure, axes = panels(2, 2, "One thread, ns", (9.5, 5.2))
    for axis, (operation, ways, title) in zip(axes, shown):
        bars(axis, figures, operation, ways, title)
    save(figure, path)


def aggregates(figures, path):
    figure, (axis,) = panels(1, 1, "All clients of a registry added up: ns a client", (6.5, 3.6))
    for way, title in f.AGGREGATE.items():
        points = [(size, figures.get(f"{f.named('aggregate', way)}/{size}")) for size in f.SIZES]
        points = [(size, time / size) for size, time in points if time]
        if points:
            axis.plot(*zip(*points), color=COLOURS[way], marker="o", label=title)
    axis.set_xscale("log")
    axis.set_xticks(f.SIZES, [f"{size:,}" for size in f.SIZES])
    axis.set_xlabel("clients")
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    axis.minorticks_off()
    axis.legend(fontsize=8)
    save(figure, path)


def reading(figures, tail, path):
    figure, axes = panels(1, len(f.SCENARIOS), f"{f.PARTS[tail]}: ns of the clock, "
                          "divided by the reads of all", (10.5, 3.2))
    times = [t for scenario in f.SCENARIOS for way in f.STATUS
             if (t := figures.get(f.named(scenario + tail, way)))]
    for axis, (scenario, title) in zip(axes, f.SCENARIOS.items()):
        bars(axis, figures, scenario + tail, f.STATUS, title)
        axis.set_xscale("log")
        axis.set_xlim(min(times, default=1) / 3, max(times, default=1) * 12)
        if scenario != next(iter(f.SCENARIOS)):
            axis.set_yticklabels([])
    save(figure, path)


def draw(figures, folder):
    folder.mkdir(exist_ok=True)
    operations(figures, folder / "statistics-operations.svg")
    if figures.get("aggregate/afflux/100") or figures.get("go/aggregate/atomics/100"):
        aggregates(figures, folder / "statistics-aggregate.svg")
    for tail in f.PARTS:
        reading(figures, tail, folder / f"statistics-reading{tail.replace('_', '-')}.svg")
