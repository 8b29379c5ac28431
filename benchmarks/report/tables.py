# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tables out of a group's data and its results."""

import statistics
from dataclasses import dataclass

from groups import fill

QUANTILES = ("p50", "p95", "p99", "p999")


@dataclass(frozen=True)
class Table:
    heads: list  # the first is the table's title
    rows: list
    heading: str = ""
    pictures: tuple = ()
    text: str = ""
    note: str = ""


# ---- Numbers ----------------------------------------------------------------


def short(value):
    """Three digits: 1.23 M, 45.6 k, 789, 12.3."""
    for limit, suffix in ((1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{suffix}" if value < 1000 * limit else f"{value:.3g}"
    return f"{value:.3g}"


def nanoseconds(value):
    return f"{value:.{1 if value < 100 else 0}f}"


def count(value):
    return f"{value:,.0f}" if value >= 100 or value < 0.05 else f"{value:.1f}"


FORMATS = {
    "short": short,
    "count": count,
    "percent": lambda value: f"{100 * value:.1f} %",
    "four_digits": lambda value: f"{value:.4g}",
}


def main_format(metric):
    return short if metric == "per_second" else nanoseconds


# ---- Tables with a yardstick: median, best, ratio ---------------------------


def further(results, table, row):
    """The columns that a table has beyond the ratio; "" for what was not measured."""
    for column in table["more"]:
        metrics = fill(column["metrics"], {"metric": table.get("metric", "time")})
        values = [results.get(row.name, metric) for metric in metrics]
        yield column.get("between", "").join(FORMATS[column["format"]](value) for value in values
                                             if value is not None)


def compared(group, table, results):
    metric = table.get("metric", "time")
    number = main_format(metric)
    lines, extra = [], []
    rows = list(group.rows(table))
    shown = [row for row in rows if results.get(row.name, metric) is not None]
    for row in shown:
        beside = row.rest[0] if row.rest else table.get("beside", "")
        share = results.ratio(row.name, beside, metric) if beside != row.name else None
        lines.append([row.title, number(results.get(row.name, metric)),
                      number(results.best(row.name, metric)),
                      "" if share is None else f"{share:.2f}"])
        extra.append(list(further(results, table, row)))
    # A column that would be empty is left out.
    kept = [i for i in range(len(table["more"])) if any(cells[i] for cells in extra)]
    heads = [table["title"], "median", "best", "ratio", *(table["more"][i]["title"] for i in kept)]
    body = [line + [cells[i] for i in kept] for line, cells in zip(lines, extra)]
    note = ""
    if shown and "beside" in table and shown[0].name != table["beside"]:
        yardstick = next((row.title for row in rows if row.name == table["beside"]), "")
        note = f"Ratio: to {yardstick}."
    return heads, body, note


# ---- Tables with a column for each of a list --------------------------------


def spread(values):
    """The median, and from where to where the launches went."""
    least, most = min(values), max(values)
    return f"{short(statistics.median(values))} ({short(least)} … {short(most)})"


def quantiles(results, name, unit):
    values = [results.get(name, quantile) for quantile in QUANTILES]
    if None in values:
        return ""
    return " / ".join(f"{v / unit:.3g}" if v < 1000 * unit else f"{v / unit:.0f}" for v in values)


def cell(results, form, name, metric, divisor):
    if form == "quantiles":
        return quantiles(results, name, divisor)
    if form == "most":
        values = [results.get(one, metric) for one in results.names(name)]
        return f"{max((value for value in values if value is not None), default=0):.4f}"
    if form == "spread":
        values = results.samples(name, metric)
        return spread(values) if values else ""
    parts = [results.get(name, part) for part in metric.split("+")]
    if None in parts:
        return ""
    value = sum(parts)
    match form:
        case "each":
            return f"{value / divisor:.1f}"
        case "microseconds_and_each":
            return f"{value / 1000:,.1f} ({value / divisor:.0f})"
        case "whole":
            return f"{value:.0f}"
        case "thousandths":
            return f"{value:.3f}"
    raise ValueError(f"no form of a cell: {form}")


def pair_titles(titles, pairs):
    return [f"{titles[above]} over {titles[below]}" for above, below in pairs]


def percent(gain):
    return "" if gain is None else f"{100 * (gain - 1):+.0f} %"


def beside_each_other(group, table, results):
    key = table["columns"]
    columns, pairs = group.lists[key], table.get("pairs", [])
    body = []
    for row in group.rows(table):
        metric = row.rest[0] if row.rest else table.get("metric", "time")
        form = row.rest[1] if row.rest else table["cell"]

        def of(column):
            return fill(row.name, {key: column})

        cells = [cell(results, form, of(column), metric,
                      float(fill(table.get("divisor", "1"), row.words | {key: column})))
                 for column in columns]
        if any(cells):
            body.append([row.title, *cells,
                         *(percent(results.gain(of(above), of(below), metric))
                           for above, below in pairs)])
    heads = [table["title"], *columns.values(), *pair_titles(columns, pairs)]
    return heads, body, ""


def gains(group, table, results):
    """Of each pair, over all benchmarks of a pattern: the least, median and greatest ratio."""
    key = table["columns"]
    titles, body = group.lists[key], []
    for above, below in table["pairs"]:
        for row in group.rows(table):
            names = [(name.replace(f"/{below}/", f"/{above}/"), name)
                     for name in results.names(fill(row.name, {key: below}))]
            found = [gain for mine, other in names
                     if (gain := results.gain(mine, other, row.rest[0])) is not None]
            if found:
                body.append([f"{titles[above]} beside {titles[below]}: {row.title}",
                             *(f"{one(found):.2f}" for one in (min, statistics.median, max))])
    heads = [table["title"], "least", "median", "most"]
    return heads, body, ""


# ---- All of a group ---------------------------------------------------------


def made(group, results):
    """The group's tables that have rows."""
    for table in group.tables:
        make = gains if table.get("kind") == "gains" else (
            beside_each_other if "columns" in table else compared)
        heads, body, note = make(group, table, results)
        if not body:
            continue
        text = table.get("text", "")
        if text:
            value = results.get(*table["text_value"])
            text = "" if value is None else text.format(value=value)
        yield Table(heads, body, table.get("heading", ""), tuple(table.get("pictures", ())), text,
                    note)
