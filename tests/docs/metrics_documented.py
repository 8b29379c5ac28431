#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""docs/monitoring.md and the chapter "Export" of stats.h name the metrics that are exported, with
their types and the values of their labels, and no others: metrics_documented.py EXPORT_TEXT ROOT"""

import re
import subprocess
import sys
import unittest
from pathlib import Path

EXPORT_TEXT, ROOT = sys.argv[1], Path(sys.argv[2])
PROMETHEUS, EACH_CLIENT = "0", "1"


def exported():
    """name: type, and label: values, of a registry that has seen something of everything."""
    text = subprocess.run([EXPORT_TEXT, PROMETHEUS, EACH_CLIENT], check=True,
                          stdout=subprocess.PIPE).stdout.decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.M))
    values = {label: set(re.findall(rf'\b{label}="(\w+)"', text)) for label in ("path", "outcome")}
    return types, values


def without(types, prefix):
    return {name: kind for name, kind in types.items() if not name.startswith(prefix)}


def table_rows(text, heading):
    """Rows of the table whose first heading is that, each a list of cells."""
    lines = text[text.index(f"| {heading} |"):].splitlines()[2:]
    for line in lines:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def in_monitoring():
    text = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    types = {}
    for heading, prefix in (("`afflux_semaphore_…`", "afflux_semaphore_"),
                            ("`afflux_tenant…`", "afflux_tenant"),
                            ("`afflux_clients…`", "afflux_clients")):
        for cells in table_rows(text, heading):
            for name in re.findall(r"`([a-z_]+)", cells[0]):
                types[name if name.startswith("afflux_") else prefix + name] = cells[1]
    outcomes = {re.findall(r"`(\w+)`", cells[0])[0] for cells in table_rows(text, "`outcome`")}
    return types, outcomes


def in_header():
    """Names, those that begin with `_` completed by the one before; and label: values."""
    text = (ROOT / "include/afflux/stats.h").read_text(encoding="utf-8")
    chapter = text[text.index("/* Export "):]
    chapter = re.sub(r"\n \*", "\n", chapter[:chapter.index("In OpenMetrics")])
    values = {label: set(re.findall(r'"(\w+)"', told))
              for label, told in re.findall(r"\{(\w+)=([^}]*)\}", chapter)}
    names, prefix = set(), ""
    plain = re.sub(r"\{[^}]*\}", "", chapter)
    for name in re.findall(r"(?<![\w`])(?:afflux)?_[a-z_]*[a-z](?![\w…(])", plain):
        match = re.match(r"afflux_(?:semaphore|tenants?|clients?)(?=_|$)", name)
        prefix = match.group() if match else prefix
        names.add(name if match else prefix + name)
    return names, values


class Documented(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.types, self.values = exported()

    def test_the_page_has_each_metric_and_its_type(self):
        self.assertEqual(in_monitoring()[0], without(self.types, "afflux_client_"))

    def test_the_page_has_each_outcome(self):
        self.assertEqual(in_monitoring()[1], self.values["outcome"])

    def test_the_header_has_each_metric(self):
        names, _ = in_header()
        self.assertEqual({name for name in names if not name.startswith("afflux_client_")},
                         set(without(self.types, "afflux_client_")))

    def test_the_header_has_what_only_each_client_has(self):
        names, _ = in_header()
        alike = {name.replace("afflux_clients_", "afflux_client_") for name in names}
        self.assertEqual({name for name in alike if name.startswith("afflux_client_")},
                         {name for name in self.types if name.startswith("afflux_client_")})

    def test_the_header_has_each_value_of_a_label(self):
        _, values = in_header()
        for label, known in self.values.items():
            self.assertEqual(values[label], known, label)


unittest.main(argv=sys.argv[:1])
