# SPDX-License-Identifier: MIT OR Apache-2.0
"""The pictures of a group: panels side by side, drawn as its data says."""

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot, ticker  # noqa: E402

from groups import fill  # noqa: E402
from tables import QUANTILES  # noqa: E402


def style(group, key):
    colour, *marker = group.styles[key]
    return {"color": colour, "marker": marker[0] if marker else "o"}


def series(group, panel):
    """Key and title of each."""
    return [entry for name in panel["series"] for entry in group.lists[name].items()]


def log_scale(axis):
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    axis.yaxis.set_minor_locator(ticker.NullLocator())


def scaled(axis, picture):
    if picture.get("scale") == "log":
        log_scale(axis)
    else:
        axis.set_ylim(0, 1.1 * axis.dataLim.y1)


def lines(axis, group, picture, panel, results):
    xs = [int(key) for key in group.lists[picture["x"]]]
    for key, title in series(group, panel):
        points = []
        for x in xs:
            words = {"series": key, "x": x}
            value = results.get(fill(panel["name"], words), picture.get("metric", "time"))
            if value:
                points.append((x, value / float(fill(picture.get("divisor", "1"), words))))
        axis.plot(*zip(*points) if points else ((), ()), label=title, **style(group, key))
    axis.set_xscale("log")
    axis.set_xticks(xs, [f"{x // 1000}k" if x >= 1000 else str(x) for x in xs])
    axis.set_xlabel(picture["x"])
    axis.minorticks_off()
    scaled(axis, picture)


def quantiles(axis, group, picture, panel, results):
    for key, title in series(group, panel):
        values = [results.get(fill(panel["name"], {"series": key}), q) for q in QUANTILES]
        if None not in values:
            axis.plot(range(len(values)), values, label=title, **style(group, key))
    axis.set_xticks(range(len(QUANTILES)), ["p50", "p95", "p99", "p99.9"])
    scaled(axis, picture)


def columns(axis, group, picture, panel, results):
    xs = group.lists[picture["x"]]
    for i, (key, title) in enumerate(series(group, panel)):
        heights = [results.get(fill(panel["name"], {"series": key, "x": x}),
                               picture["metric"]) or 0 for x in xs]
        axis.bar([x + 0.2 * i for x in range(len(xs))], heights, 0.2, label=title,
                 color=style(group, key)["color"])
    axis.set_xticks([x + 0.3 for x in range(len(xs))], xs.values())
    axis.set_xlabel(picture["x_title"])


def bar_lengths(group, panel, results):
    return [(key, title, results.get(fill(panel["name"], {"series": key})) or 0)
            for key, title in reversed(series(group, panel))]


def bars(axis, group, picture, panel, results):
    shown = bar_lengths(group, panel, results)
    for y, (key, _, time) in enumerate(shown):
        axis.barh(y, time, color=style(group, key)["color"])
        axis.annotate(f" {time:,.0f}" if time >= 100 else f" {time:.1f}", (time, y), va="center",
                      fontsize=8)
    axis.set_yticks(range(len(shown)), [title for _, title, _ in shown])
    axis.grid(False, axis="y")
    if picture.get("scale") == "log":  # one scale for all panels
        times = [time for each in picture["panels"]
                 for _, _, time in bar_lengths(group, each, results) if time]
        axis.set_xscale("log")
        axis.set_xlim(min(times, default=1) / 3, max(times, default=1) * 12)
    else:
        axis.set_xlim(left=0, right=1.25 * max(1, *(time for _, _, time in shown)))


KINDS = {"lines": lines, "quantiles": quantiles, "columns": columns, "bars": bars}


def draw_one(group, picture, results, path):
    pyplot.rcParams.update({"svg.hashsalt": "afflux", "svg.fonttype": "none", "font.size": 9,
                            "axes.grid": True, "grid.alpha": 0.3, "axes.axisbelow": True})
    panels = picture["panels"]
    across = picture.get("across", len(panels))
    figure, axes = pyplot.subplots(len(panels) // across, across, squeeze=False,
                                   figsize=picture.get("size", (3.4 * across, 3.3)))
    figure.suptitle(picture["title"])
    for number, (axis, panel) in enumerate(zip(axes.flat, panels)):
        KINDS[picture["kind"]](axis, group, picture, panel, results)
        axis.set_title(panel["title"])
        if number > 0 and panel["series"] == panels[0]["series"] and picture["kind"] == "bars" \
                and across == len(panels):
            axis.set_yticklabels([])  # they stand at the first panel
    below = 0
    if picture["kind"] != "bars":
        figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="lower center",
                      ncol=4 if across > 1 else 3, fontsize=9 if across > 1 else 8)
        below = 0.08 if across > 1 else 0.18
    figure.tight_layout(rect=(0, below, 1, 1))
    # Without a date the same figures make the same file; white for dark pages.
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)


def draw(group, results, folder):
    for picture in group.pictures:
        draw_one(group, picture, results, folder / picture["file"])
