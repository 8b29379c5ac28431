# SPDX-License-Identifier: MIT OR Apache-2.0
"""Figures out of the results of all launches."""

import fnmatch
import statistics

CALM = 0.15  # of the machine's CPU time, taken by others


def more_is_better(metric):
    return metric == "per_second"


class Results:
    def __init__(self, launches):
        self.launches = launches

    def names(self, pattern):
        return sorted({name for launch in self.launches for name in launch
                       if fnmatch.fnmatchcase(name, pattern)})

    def samples(self, name, metric):
        """A number for each launch. Of the runs that say how much of the machine others took,
        only calm ones count, if there are three."""
        runs = [launch[name] for launch in self.launches if metric in launch.get(name, {})]
        calm = [run for run in runs if run.get("others", 0) <= CALM]
        return [run[metric] for run in (calm if len(calm) >= 3 else runs)]

    def get(self, name, metric="time"):
        """The median over the launches, of a maximum the greatest; None if not measured."""
        values = self.samples(name, metric)
        if not values:
            return None
        return max(values) if metric.startswith("max_") else statistics.median(values)

    def best(self, name, metric):
        return (max if more_is_better(metric) else min)(self.samples(name, metric))

    def ratio(self, name, beside, metric):
        """The median of the ratios within each launch."""
        ratios = [launch[name][metric] / launch[beside][metric] for launch in self.launches
                  if metric in launch.get(name, {}) and metric in launch.get(beside, {})]
        return statistics.median(ratios) if ratios else None

    def gain(self, name, below, metric):
        """Throughput of one over that of the other, by their medians."""
        mine, other = self.get(name, metric), self.get(below, metric)
        if not mine or not other:
            return None
        return mine / other if more_is_better(metric) else other / mine

    def calm(self):
        """How many of the runs that say so had the machine to themselves, and of how many."""
        shares = [metrics["others"] for launch in self.launches for metrics in launch.values()
                  if "others" in metrics]
        return sum(share <= CALM for share in shares), len(shares)
