#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""metrics_server: what it answers, and that it is what the C API tells.

usage: metrics_server_test.py SERVER AFFLUX_TOP|- [unittest arguments]
"""

import bisect
import json
import math
import os
import signal
import subprocess
import sys
import time
import unittest

from metrics_demo import HISTOGRAM_SERIES, SEMAPHORE_SERIES, SOON, Demo

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
    from prometheus_client.parser import text_string_to_metric_families as plain_text
except ImportError as error:
    print(f"skipped: {error} (Debian: python3-prometheus-client)", file=sys.stderr)
    sys.exit(77)

try:
    from terminal import Terminal
except ImportError:
    Terminal = None

SERVER = TOP = ""
PLAIN = "text/plain; version=0.0.4"
OPEN = "application/openmetrics-text; version=1.0.0"
# What Prometheus 2.42 sends.
SCRAPER = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
           "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")


def samples(families):
    """{(name, labels): value}; AssertionError where one comes twice."""
    found = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            if key in found:
                raise AssertionError(f"{key} comes twice")
            found[key] = sample.value
    return found


def until(check):
    """Repeats what asks another process, until it raises no AssertionError."""
    end = time.monotonic() + SOON
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)  # nothing there tells when to ask again


class IdleTest(unittest.TestCase):
    """After a little of everything the numbers stand still."""

    @classmethod
    def setUpClass(cls):
        cls.demo = Demo(SERVER, "--idle")
        cls.stats = cls.demo.stats()
        cls.plain = samples(plain_text(cls.demo.ask("/metrics")[2]))

    @classmethod
    def tearDownClass(cls):
        code, said = cls.demo.end()
        assert (code, said) == (0, ""), said

    def value(self, semaphore, name, **labels):
        """Of the one sample with these labels, whatever the id."""
        [value] = [value for (sample, all_labels), value in self.plain.items()
                   if sample == "afflux_semaphore_" + name and
                   all_labels - {("id", dict(all_labels).get("id"))} ==
                   frozenset({**labels, "semaphore": semaphore}.items())]
        return value

    def buckets(self, kind):
        """{bound, as it is written: how many up to it}, of the only semaphore that has any."""
        return {dict(labels)["le"]: value for (name, labels), value in self.plain.items()
                if name == f"afflux_semaphore_{kind}_seconds_bucket"}

    def test_what_the_demo_has_done_is_of_every_kind(self):
        of_all = [sum(semaphore[field] for semaphore in self.stats["semaphores"].values())
                  for _, _, field, _ in SEMAPHORE_SERIES if field != "closed_out"]
        self.assertNotIn(0, of_all)

    def test_every_number_of_a_semaphore(self):
        self.assertEqual(set(self.stats["semaphores"]), {"database", "disk", "uploads"})
        for name, told in self.stats["semaphores"].items():
            for series, labels, field, unit in SEMAPHORE_SERIES:
                self.assertEqual(self.value(name, series, **labels), told[field] * unit,
                                 (name, series, labels))

    def test_histograms_of_the_one_with_full_statistics(self):
        told = self.stats["semaphores"]["database"]
        for series, field, unit in HISTOGRAM_SERIES:
            self.assertTrue(math.isclose(self.value("database", series), told[field] * unit),
                            series)
        self.assertGreater(told["wait_count"], 0)
        for kind, histogram in (("wait", told["waits"]), ("hold", told["holds"])):
            buckets = self.buckets(kind)
            self.assertEqual(buckets.pop("+Inf"), histogram["count"])
            self.assertGreater(len(buckets), 10)
            for bound, count in buckets.items():
                # Only what lies wholly below a bound is certain to be counted there; what
                # begins at it or above is certain not to be.
                limit = round(float(bound) * 1e9)
                certain = sum(n for end, n in histogram["buckets"] if end <= limit)
                possible = sum(n for end, n in histogram["buckets"] if end * 15 / 16 - 1 <= limit)
                self.assertLessEqual(certain, count, (kind, bound))
                self.assertLessEqual(count, possible, (kind, bound))
        others = {dict(labels)["semaphore"] for name, labels in self.plain
                  if name.endswith("_seconds_bucket")}
        self.assertEqual(others, {"database"})

    def test_clients_are_summed_up(self):
        clients = self.stats["clients"].values()
        self.assertEqual(self.plain["afflux_clients", frozenset()], 3)
        for what, field in (("bytes", "bytes"), ("reconnections", "reconnections"),
                            ("timeouts", "timeouts"), ("permits_acquired", "acquired"),
                            ("waits", "waits"), ("rejected", "rejected"),
                            ("timed_out", "timed_out"), ("canceled", "canceled")):
            self.assertEqual(self.plain[f"afflux_clients_{what}_total", frozenset()],
                             sum(client[field] for client in clients), what)
        for number in range(4):
            self.assertEqual(
                self.plain["afflux_clients_requests_total",
                           frozenset({("class", str(number))})],
                sum(client["requests"][number] for client in clients))
        self.assertFalse([name for name, _ in self.plain if name.startswith("afflux_client_")])

    def test_open_metrics_has_the_same_numbers(self):
        status, kind, text = self.demo.ask("/metrics", accept=SCRAPER)
        self.assertEqual((status, kind.split("; charset")[0]), (200, OPEN))
        self.assertTrue(text.endswith("\n# EOF\n"))
        moving = ("afflux_semaphore_oldest_wait_seconds", "uptime", "age", "_created", "drift")
        first, second = ({key: value for key, value in found.items()
                          if not any(word in key[0] for word in moving)}
                         for found in (self.plain, samples(open_metrics(text))))
        self.assertEqual(first, second)

    def test_every_family_has_a_type_and_a_help(self):
        for read, accept in ((plain_text, PLAIN), (open_metrics, OPEN)):
            for family in read(self.demo.ask("/metrics", accept=accept)[2]):
                self.assertIn(family.type, ("gauge", "counter", "histogram", "info"), family.name)
                self.assertNotEqual(family.documentation, "", family.name)
                self.assertRegex(family.name, "^afflux_")

    def test_the_accept_header_decides(self):
        wanted = {
            None: PLAIN, "": PLAIN, "*/*": PLAIN, "text/html": PLAIN, PLAIN: PLAIN, OPEN: OPEN,
            SCRAPER: OPEN, "application/openmetrics-text": OPEN,
            "application/openmetrics-text;version=0.0.1": PLAIN,
            "application/openmetrics-text;q=0.5, text/plain;q=0.4": OPEN,
            "text/plain ; q=0.5 , application/openmetrics-text ; version=1.0.0 ; q=0.4": PLAIN,
            "application/openmetrics-text;q=0": PLAIN,
            "application/openmetrics-text;q=x,,;=;": PLAIN,
        }
        for accept, expected in wanted.items():
            kind = self.demo.ask("/metrics", accept=accept)[1]
            self.assertEqual(kind.split("; charset")[0], expected, accept)

    def test_it_is_healthy(self):
        self.assertEqual(self.demo.ask("/healthz")[::2], (200, "healthy\n"))

    def test_there_is_nothing_to_stall(self):
        self.assertEqual(self.demo.ask("/debug/stall", method="POST")[0], 409)

    def test_anything_else_is_not_found(self):
        self.assertEqual(self.demo.ask("/")[0], 404)

    def test_series_of_each_client_where_wanted(self):
        with Demo(SERVER, "--idle", "--clients") as demo:
            clients = demo.stats()["clients"]
            found = samples(plain_text(demo.ask("/metrics")[2]))
            samples(open_metrics(demo.ask("/metrics", accept=OPEN)[2]))
        for name, told in clients.items():
            [value] = [value for (sample, labels), value in found.items()
                       if sample == "afflux_client_bytes_total" and
                       dict(labels).get("client") == name]
            self.assertEqual(value, told["bytes"])
            by_class = {dict(labels)["class"]: value for (sample, labels), value in found.items()
                        if sample == "afflux_client_requests_total" and
                        dict(labels).get("client") == name}
            self.assertEqual(by_class, {"read": told["requests"][0], "write": told["requests"][1],
                                        "2": 0, "3": 0})

    def test_afflux_top_shows_the_same(self):
        if TOP == "-":
            self.skipTest("afflux-top was not built")
        done = subprocess.run([TOP, self.demo.address, "--once", "--totals", "--json"],
                              capture_output=True, text=True, timeout=SOON, check=True)
        rows = {row["name"]: row for row in json.loads(done.stdout)["semaphores"]}
        self.assertEqual(set(rows), set(self.stats["semaphores"]))
        for name, told in self.stats["semaphores"].items():
            row = rows[name]
            self.assertEqual(
                [row[what] for what in ("limit", "held", "waiting", "acquired", "refused",
                                        "timed_out")],
                [told["limit"], told["held"], told["waiters"],
                 told["acquired_fast"] + told["acquired_after_wait"],
                 told["rejected"] + told["dropped"], told["timed_out"]], name)
        self.assertIsNone(rows["uploads"]["oldest"])
        self.assertGreater(rows["disk"]["oldest"], 0)
        # In that bucket of the exposition in which the library's own lies.
        exact = self.stats["semaphores"]["database"]["waits"]["p99_ns"] * 1e-9
        bounds = sorted(float(bound) for bound in self.buckets("wait"))
        upper = bisect.bisect_left(bounds, exact)
        lower = bounds[upper - 1] if upper else 0
        self.assertTrue(lower <= rows["database"]["p99"] <= bounds[upper], (rows, exact))


class WorkloadTest(unittest.TestCase):
    def test_totals_only_grow(self):
        with Demo(SERVER) as demo:
            def counters():
                return {key: value for key, value in
                        samples(plain_text(demo.ask("/metrics")[2])).items()
                        if key[0].endswith(("_total", "_count", "_bucket"))}

            looks = [counters()]

            def everything_has_happened():
                looks.append(counters())
                for outcome in ("fast", "granted", "rejected", "dropped"):
                    self.assertGreater(
                        sum(value for (name, labels), value in looks[-1].items()
                            if name == "afflux_semaphore_requests_total" and
                            ("outcome", outcome) in labels), 0, outcome)

            until(everything_has_happened)
            for before, after in zip(looks, looks[1:]):
                for key, value in before.items():
                    self.assertLessEqual(value, after[key], key)
            self.assertEqual(demo.end(), (0, ""))

    def test_work_that_hangs_is_unhealthy(self):
        with Demo(SERVER) as demo:
            until(lambda: self.assertEqual(demo.ask("/healthz")[0], 200))
            self.assertEqual(demo.ask("/debug/stall", method="POST")[0], 204)

            def complaint_of(name, reason):
                status, _, text = demo.ask("/healthz")
                self.assertEqual(status, 503)
                self.assertRegex(text, rf"(?m)^{name}: (.*: )?{reason}")

            until(lambda: complaint_of("uploads", r"\d+ waiters\b"))
            # Where queue limits refuse and drop, the queue says nothing.
            for name in ("uploads", "database", "disk"):
                until(lambda: complaint_of(
                    name, r"no permit released for \d+ s, [1-9]\d* requests unserved$"))
            self.assertEqual(demo.ask("/debug/resume", method="POST")[0], 204)
            until(lambda: self.assertEqual(demo.ask("/healthz")[0], 200))

    def test_signals_end_it_whatever_it_does(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Demo(SERVER) as demo:
                demo.ask("/debug/stall", method="POST")
                self.assertEqual(demo.end(number), (0, ""))

    def test_the_duration_ends_it(self):
        with Demo(SERVER, "--duration", "1") as demo:
            self.assertEqual(demo.child.wait(SOON), 0)

    def test_where_it_cannot_run(self):
        def run(*arguments):
            done = subprocess.run([SERVER, *arguments], capture_output=True, text=True,
                                  timeout=SOON, check=False)
            return done.returncode, done.stdout + done.stderr

        with Demo(SERVER, "--idle") as demo:
            self.assertEqual(run("--port", str(demo.port)), (
                2, f"metrics_server: cannot listen on {demo.address}\n"))
        self.assertEqual(run("--port", "x")[0], 2)
        self.assertEqual(run("--help")[0], 0)


class TopTest(unittest.TestCase):
    """afflux-top looking at it, as a person would."""

    def setUp(self):
        if TOP == "-" or Terminal is None:
            self.skipTest("no afflux-top, or no pyte (Debian: python3-pyte)")

    def test_work_that_hangs_and_a_restart(self):
        with Demo(SERVER) as demo, \
                Terminal([TOP, demo.address, "--interval", "0.2"], soon=SOON) as terminal:
            def uploads():
                rows = [line.split() for line in terminal.lines() if line.startswith("uploads ")]
                self.assertEqual([len(row) for row in rows], [9])
                return dict(zip(("limit", "held", "waiting", "acquired", "refused", "timed_out",
                                 "p99", "oldest"), rows[0][1:]))

            def flows():
                self.assertNotIn(uploads()["acquired"], ("-", "0"))

            def hangs():
                row = uploads()
                self.assertEqual((row["limit"], row["held"], row["acquired"]), ("4", "4", "0"))
                self.assertGreater(int(row["waiting"]), 8)
                self.assertNotIn(row["timed_out"], ("-", "0"))
                self.assertRegex(row["oldest"], "ms$")

            terminal.eventually(flows)
            demo.ask("/debug/stall", method="POST")
            terminal.eventually(hangs)
            demo.ask("/debug/resume", method="POST")
            terminal.eventually(flows)
            demo.end()
            terminal.wait_for("no answer: Connection refused")
            with Demo(SERVER, port=demo.port):
                terminal.wait_for("3 semaphores")
                terminal.eventually(flows)
            terminal.press(b"q")
            self.assertEqual(terminal.wait_for_end(), 0)


if __name__ == "__main__":
    SERVER, TOP = os.path.abspath(sys.argv.pop(1)), sys.argv.pop(1)
    TOP = TOP if TOP == "-" else os.path.abspath(TOP)
    unittest.main(verbosity=2)
