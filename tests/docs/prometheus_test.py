#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is exported, before a real Prometheus: its checks, its scrapes, its answers; and what
docs/ has for it, the alert rules and the dashboard.

usage: prometheus_test.py SERVER SOURCE [unittest arguments]

Skipped (77) where Prometheus is not installed.
"""

import bisect
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from metrics_demo import HISTOGRAM_SERIES, SEMAPHORE_SERIES, SOON, Demo
from metrics_stand_in import StandIn
from prometheus_server import Prometheus

SERVER = ""
SOURCE = Path()
METRIC = re.compile(r"\bafflux_[a-z_]+\b")


def promtool(*arguments, text=None):
    """Its exit status and what it said."""
    done = subprocess.run(["promtool", *arguments], input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=SOON, check=False)
    return done.returncode, done.stdout


class Relay(StandIn):
    """Scrapes of a demo pass through it, so that a test sees them: Prometheus asks for one when
    it has stored the one before, or given it up. `accept` instead of what the scraper accepts."""

    def __init__(self, demo, accept=None):
        super().__init__(self._relay)
        self.kinds = []
        self._demo, self._accept = demo, accept

    @property
    def address(self):
        return self.url.split("/")[2]

    def _relay(self, number):
        status, kind, text = self._demo.ask(
            "/metrics", accept=self._accept or self.requests[number]["Accept"])
        self.kinds.append(kind)
        return status, kind, text.encode()

    def eventually(self, check):
        """After one of the scrapes `check()` raises no AssertionError. A scrape that the machine
        was too busy for leaves nothing in Prometheus but that the target is down."""
        end = time.monotonic() + SOON
        while True:
            seen = len(self.requests)
            try:
                return check()
            except AssertionError:
                if time.monotonic() >= end:
                    raise
            self.wait_for_request(seen, SOON)


class CheckTest(unittest.TestCase):
    def test_promtool_has_nothing_to_object(self):
        for options in ((), ("--clients",)):
            with Demo(SERVER, "--idle", *options) as demo:
                text = demo.ask("/metrics")[2]
            self.assertIn("afflux_semaphore_permits_limit", text)
            self.assertEqual(promtool("check", "metrics", text=text), (0, ""), options)

    def test_promtool_would_object(self):
        text = "# TYPE afflux_x counter\nafflux_x 1\n"
        self.assertNotEqual(promtool("check", "metrics", text=text)[0], 0)

    def test_the_alert_rules_are_valid_and_do_what_they_say(self):
        code, said = promtool("check", "rules", str(SOURCE / "docs/afflux-alerts.yml"))
        self.assertEqual(code, 0, said)
        tests = sorted(map(str, SOURCE.glob("tests/docs/alerts_*test.yml")))
        self.assertGreater(len(tests), 1)
        code, said = promtool("test", "rules", *tests)
        self.assertEqual(code, 0, said)


class ScrapeTest(unittest.TestCase):
    """The numbers stand still; each has to come out as the C API has it."""

    def assert_same(self, prometheus, job, stats):
        names = set(stats["semaphores"])
        for series, labels, field, unit in SEMAPHORE_SERIES:
            told = {name: stats["semaphores"][name][field] * unit for name in names}
            self.assertEqual(self.ask(prometheus, job, series, labels), told, (series, labels))
        for series, field, unit in HISTOGRAM_SERIES:
            told = self.ask(prometheus, job, series, {})
            self.assertEqual(list(told), ["database"])
            exact = stats["semaphores"]["database"][field] * unit
            self.assertTrue(math.isclose(told["database"], exact), series)

    @staticmethod
    def ask(prometheus, job, series, labels):
        """{semaphore: value}"""
        selector = ",".join(f'{label}="{value}"' for label, value in
                            {"job": job, **labels}.items())
        found = prometheus.query(f"afflux_semaphore_{series}{{{selector}}}")
        return {metric["semaphore"]: value for metric, value in found}

    def assert_quantiles(self, prometheus, job, stats):
        """They lie in that bucket of the exposition in which the library's own lie."""
        for kind, told in (("wait", "waits"), ("hold", "holds")):
            series = f'afflux_semaphore_{kind}_seconds_bucket{{job="{job}"}}'
            bounds = sorted(float(metric["le"]) for metric, _ in prometheus.query(series))
            self.assertEqual(bounds[-1:], [math.inf])
            for share in (50, 99):
                exact = stats["semaphores"]["database"][told][f"p{share}_ns"] * 1e-9
                upper = bisect.bisect_left(bounds, exact)
                lower = bounds[upper - 1] if upper else 0
                found = prometheus.query(f"histogram_quantile({share / 100}, {series})")
                self.assertEqual(len(found), 1)
                value = found[0][1]
                self.assertTrue(lower <= value <= bounds[upper], (kind, share, exact, value))

    def assert_types(self, prometheus):
        metadata = {name: entries[0] for name, entries in prometheus.ask("metadata").items()
                    if name.startswith("afflux_")}
        self.assertGreater(len(metadata), 10)
        for name, entry in metadata.items():
            self.assertIn(entry["type"], ("gauge", "counter", "histogram", "info"), name)
            self.assertTrue(entry["help"], name)

    def test_both_formats(self):
        with Demo(SERVER, "--idle") as demo, Relay(demo) as negotiated, \
                Relay(demo, accept="text/plain;version=0.0.4") as plain, \
                Prometheus({"negotiated": negotiated.address, "plain": plain.address,
                            "direct": demo.address}, soon=SOON) as prometheus:
            stats = demo.stats()

            def check(job):
                self.assertEqual([up for _, up in prometheus.query(f'up{{job="{job}"}}')], [1])
                self.assert_same(prometheus, job, stats)
                self.assert_quantiles(prometheus, job, stats)
                self.assert_types(prometheus)

            negotiated.eventually(lambda: check("negotiated"))
            plain.eventually(lambda: check("plain"))
            self.assertIn("application/openmetrics-text; version=1.0.0", negotiated.kinds[0])
            self.assertIn("text/plain; version=0.0.4", plain.kinds[0])
            problems = [line for line in prometheus.log if "level=warn" in line or
                        "level=error" in line]
            self.assertEqual(problems, [])


class DashboardTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dashboard = json.loads((SOURCE / "docs/grafana-afflux.json").read_text("utf-8"))
        cls.panels = [panel for panel in cls.dashboard["panels"] if panel["type"] != "row"]

    def test_it_hangs_together(self):
        names = {variable["name"] for variable in self.dashboard["templating"]["list"]}
        self.assertLessEqual({"datasource", "instance", "semaphore"}, names)
        used = set(re.findall(r"\$\{?([a-z]+)", json.dumps(self.dashboard)))
        self.assertEqual(used, names)
        ids = [panel["id"] for panel in self.dashboard["panels"]]
        self.assertEqual(len(set(ids)), len(ids))
        for panel in self.panels:
            references = [target["refId"] for target in panel["targets"]]
            self.assertEqual(len(set(references)), len(references), panel["title"])
        taken = set()
        for panel in self.dashboard["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                     for y in range(at["y"], at["y"] + at["h"])}
            self.assertLessEqual(at["x"] + at["w"], 24)
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells

    def test_the_tables_of_metrics_are_complete(self):
        text = (SOURCE / "docs/monitoring.md").read_text("utf-8")
        told = set()
        for prefix, title in (("afflux_semaphore_", "afflux_semaphore_…"),
                              ("afflux_clients", "afflux_clients…")):
            table = text[text.index(f"| `{title}` |"):].split("\n\n")[0]
            told |= {prefix + name.replace("afflux_clients", "")
                     for row in table.splitlines()[2:]
                     for name in re.findall(r"`([a-z_]+)", row.split("|")[1])}
        self.assertEqual(told, self.exported_families())

    @staticmethod
    def exported_families():
        with Demo(SERVER, "--idle") as demo:
            return set(re.findall(r"^# TYPE (afflux_\w+)", demo.ask("/metrics")[2], re.M))

    def test_every_metric_that_docs_name_is_exported(self):
        exported = self.exported_families()
        asked = set()
        for name in ("grafana-afflux.json", "afflux-alerts.yml", "monitoring.md"):
            text = (SOURCE / "docs" / name).read_text("utf-8")
            asked |= {metric for metric in METRIC.findall(text)
                      if metric.startswith(("afflux_semaphore_", "afflux_clients"))}
        families = {re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", name) for name in asked}
        prefixes = {"afflux_semaphore_", "afflux_clients_"}
        self.assertEqual(families - exported - prefixes, set())
        self.assertGreater(len(families), 12)

    def test_every_panel_shows_something(self):
        with Demo(SERVER) as demo, Relay(demo) as relay, \
                Prometheus({"demo": relay.address}, soon=SOON) as prometheus:
            relay.eventually(lambda: self.check_panels(prometheus))

    def check_panels(self, prometheus):
        for variable in self.dashboard["templating"]["list"]:
            if variable["type"] == "query":
                selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)",
                                               variable["definition"]).groups()
                found = prometheus.query(self.substituted(selector))
                self.assertTrue(all(label in metric for metric, _ in found) and found, label)
        for panel in self.panels:
            for target in panel["targets"]:
                expression = self.substituted(target["expr"])
                self.assertTrue(prometheus.query(expression), expression)

    def test_shares_are_of_the_worst_semaphore(self):
        """An average over unlike semaphores says that all is well while one is full."""
        def selector(name, outcome=""):
            return (f'afflux_semaphore_{name}{{job="j",instance="i",semaphore="{semaphore}",id="1"'
                    f'{outcome}}}')

        values = {}
        for semaphore, limit, held, rates in (("slots", 64, 64, (1, 0, 3)),
                                              ("memory", 32 << 20, 1 << 20, (1, 1, 1022))):
            values[selector("permits_limit")] = f"{limit}x10"
            values[selector("permits_held")] = f"{held}x10"
            for outcome, rate in zip(("rejected", "timed_out", "fast"), rates):
                values[selector("requests_total", f',outcome="{outcome}"')] = f"0+{15 * rate}x10"
        expected = {"Permits in use": 1, "Refused": 0.25, "Timed out": 1 / 1024}
        panels = {panel["title"]: panel for panel in self.panels if panel["type"] == "stat"}
        tests = {"interval": "15s", "input_series": [
            {"series": series, "values": numbers} for series, numbers in values.items()],
            "promql_expr_test": [
                {"expr": self.substituted(panels[title]["targets"][0]["expr"]), "eval_time": "2m",
                 "exp_samples": [{"labels": "{}", "value": value}]}
                for title, value in expected.items()]}
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"evaluation_interval": "15s", "tests": [tests]}, file)
            file.flush()
            code, said = promtool("test", "rules", file.name)
        self.assertEqual(code, 0, said)

    @staticmethod
    def substituted(expression):
        """As Grafana does, with All chosen."""
        text = expression.replace("$__rate_interval", "1m")
        return re.sub(r"\$(job|instance|semaphore)\b", ".*", text)


class TextTest(unittest.TestCase):
    @staticmethod
    def queries(text, begin, end):
        section = text[text.index(begin):text.index(end)]
        return [query for block in re.findall(r"```\n(.*?)```", section, re.S)
                for query in re.sub(r"^#.*$", "", block, flags=re.M).split("\n\n")
                if query.strip()]

    def test_the_queries_of_the_text_are_understood(self):
        text = (SOURCE / "docs/monitoring.md").read_text("utf-8")
        queries = self.queries(text, "## Questions to Prometheus", "## Scraping")
        self.assertEqual(len(queries), 4)
        with Demo(SERVER) as demo, Relay(demo) as relay, \
                Prometheus({"demo": relay.address}, soon=SOON) as prometheus:
            for query in queries:
                relay.eventually(lambda: self.assertTrue(prometheus.query(query), query))

    def test_the_queries_about_tenants_have_tests(self):
        text = (SOURCE / "docs/monitoring.md").read_text("utf-8")
        tests = " ".join((SOURCE / "tests/docs/alerts_tenants_test.yml").read_text("utf-8").split())
        queries = self.queries(text, "\n## Tenants", "\n## Questions")
        self.assertEqual(len(queries), 4)
        for query in queries:
            self.assertIn(" ".join(query.split()), tests)


if __name__ == "__main__":
    SERVER, SOURCE = os.path.abspath(sys.argv.pop(1)), Path(sys.argv.pop(1)).resolve()
    MISSING = [tool for tool in ("prometheus", "promtool") if shutil.which(tool) is None]
    if MISSING:
        print(f"skipped: {MISSING} (Debian: prometheus)", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
