#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""afflux-top --once, its errors and its man page, over canned answers.

usage: afflux_top_test.py AFFLUX_TOP MAN_PAGE VERSION [unittest arguments]

Rates are compared with the interval that the program tells.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import unittest

from metrics_stand_in import OPENMETRICS, PAGE, PROMETHEUS, StandIn, semaphore, tenant

TOP = MAN_PAGE = VERSION = ""
SOON = 60  # seconds: generous for a loaded machine, far below what a hang would take
NAME = 9  # its column


def top(*arguments, **environment):
    return subprocess.run([TOP, *arguments], capture_output=True, text=True, timeout=SOON,
                          stdin=subprocess.DEVNULL, check=False,
                          env={**os.environ, **environment})


class OnceTest(unittest.TestCase):
    def totals(self, page, *arguments):
        with StandIn(lambda _: page) as server:
            done = top(server.url, "--once", "--totals", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def names(self, *arguments):
        return [line.split(None, NAME)[NAME] for line in self.totals(PAGE, *arguments).splitlines()[1:]]

    def test_totals_in_plain_columns(self):
        self.assertEqual(self.totals(PAGE), """\
LIMIT  HELD  WAITING  ACQUIRED  REFUSED  TIMED_OUT  P99_WAIT_S  OLDEST_WAIT_S  ID  NAME
   64    64        3      1200        7          7      0.0982         0.0125   1  database
    8     2        0        10        0          0           -              -   2  uploads to disk
""")

    def test_the_id_tells_apart_those_of_one_name(self):
        page = semaphore("pool", 7, limit=1) + semaphore("pool", 12, limit=2)
        rows = [line.split() for line in self.totals(page, "--sort", "limit").splitlines()]
        self.assertEqual([(row[0], *row[NAME - 1:]) for row in rows],
                         [("LIMIT", "ID", "NAME"), ("2", "12", "pool"), ("1", "7", "pool")])
        page = 'afflux_semaphore_permits_limit{semaphore="a"} 1\n' \
            'afflux_semaphore_permits_limit{semaphore="a",id="of two"} 2\n'
        rows = [line.split() for line in self.totals(page).splitlines()[1:]]
        self.assertEqual([row[NAME - 1:] for row in rows], [["-", "a"], ["of_two", "a"]])

    def test_counts_in_json_are_whole(self):
        answer = self.totals(PAGE, "--json")
        # As it is written: in Python 64 == 64.0.
        self.assertIn('"limit": 64, "held": 64, "waiting": 3, "acquired": 1200, "refused": 7, '
                      '"timed_out": 7, ', answer)
        large = semaphore("a", 1, limit=2**42 - 1, acquired=("1.5e9", 0.5))
        self.assertIn('"limit": 4398046511103, "held": 0, "waiting": 0, "acquired": 1500000000.5',
                      self.totals(large, "--json"))
        with StandIn(lambda _: PAGE) as server:
            done = top(server.url, "--once", "--json", "--interval", "0.1")
        self.assertIn('"limit": 64, "held": 64, "waiting": 3, "acquired": 0.0, ', done.stdout)

    def test_rates_are_the_differences_over_the_interval(self):
        later = semaphore("database", 1, limit=64, held=60, waiting=0, oldest=0,
                          acquired=(1500, 300), rejected=15, dropped=3, timed_out=8,
                          waits={"0.001": 10, "0.01": 120, "0.1": 270, "+Inf": 300})
        with StandIn(lambda number: later if number else PAGE) as server:
            done = top(server.url, "--once", "--json", "--interval", "0.2")
        answer = json.loads(done.stdout)
        interval = answer["interval"]
        self.assertGreaterEqual(interval, 0.2)
        self.assertEqual(answer["url"], server.url)
        [row] = answer["semaphores"]
        self.assertEqual((row["name"], row["id"], row["held"], row["oldest"]),
                         ("database", "1", 60, None))
        for what, difference in {"acquired": 600, "refused": 11, "timed_out": 1}.items():
            self.assertAlmostEqual(row[what] * interval, difference, msg=what)
        # Of the 100 waits in between 70 ended below 0.1 s: the 99th is above the last bound.
        self.assertEqual(row["p99"], 0.1)

    def test_p99_is_interpolated_between_two_scrapes(self):
        pages = [semaphore("a", 1, limit=1, waits={"0.5": before, "1.0": before, "2.0": after,
                                                   "+Inf": after})
                 for before, after in ((1000, 1000), (1000, 1100))]
        with StandIn(pages.__getitem__) as server:
            done = top(server.url, "--once", "--json", "--interval", "0.1")
        self.assertAlmostEqual(json.loads(done.stdout)["semaphores"][0]["p99"], 1.99)

    def test_bounds_that_appear_later_had_nobody_before(self):
        pages = [semaphore("a", 1, limit=1, waits={"0.5": 10, "+Inf": 10}),
                 semaphore("a", 1, limit=1, waits={"0.5": 10, "2.0": 110, "+Inf": 110})]
        with StandIn(pages.__getitem__) as server:
            done = top(server.url, "--once", "--json", "--interval", "0.1")
        self.assertAlmostEqual(json.loads(done.stdout)["semaphores"][0]["p99"], 0.5 + 1.5 * 0.99)

    def test_totals_that_shrink_have_no_rate(self):
        pages = [PAGE, semaphore("database", 1, limit=64, acquired=(3, 0))]
        with StandIn(pages.__getitem__) as server:
            done = top(server.url, "--once", "--interval", "0.1")
        self.assertEqual(done.stdout.splitlines()[1].split()[3:8], ["-"] * 5)

    def test_a_semaphore_that_counts_nothing(self):
        page = semaphore("off", 1, limit=2, held=2, waiting=1)
        expected = ["2", "2", "1", "-", "-", "-", "-", "-", "1", "off"]
        self.assertEqual(self.totals(page).splitlines()[1].split(), expected)
        with StandIn(lambda _: page) as server:
            done = top(server.url, "--once", "--interval", "0.1")
        self.assertEqual(done.stdout.splitlines()[1].split(), expected)

    def test_each_column_sorts(self):
        for column in ("name", "limit", "held", "waiting", "acquired", "refused", "timed_out",
                       "p99", "oldest"):
            self.assertEqual(self.names("--sort", column), ["database", "uploads to disk"], column)
        reverse = semaphore("b", 1, limit=1, held=1, waiting=1, oldest=1, acquired=(1, 0),
                            rejected=1, timed_out=1, waits={"1": 1, "+Inf": 1})
        reverse += semaphore("a", 2, limit=0)
        for column in ("limit", "held", "waiting", "acquired", "refused", "timed_out", "p99",
                       "oldest"):
            lines = self.totals(reverse, "--sort", column).splitlines()
            self.assertEqual([line[-1] for line in lines[1:]], ["b", "a"], column)
        self.assertEqual(self.totals(reverse).splitlines()[1][-1], "a")

    def test_open_metrics(self):
        page = ("# TYPE afflux_semaphore_permits_limit gauge\n"
                'afflux_semaphore_permits_limit{semaphore="a",id="1"} 4\n'
                "# TYPE afflux_semaphore_permits_acquired counter\n"
                'afflux_semaphore_permits_acquired_total{semaphore="a",id="1",path="fast"} 9\n'
                "# EOF\n")
        row = self.totals((200, OPENMETRICS, page.encode())).splitlines()[1].split()
        self.assertEqual((row[0], row[3]), ("4", "9"))

    def test_it_asks_for_what_it_reads(self):
        with StandIn(lambda _: PAGE) as server:
            top(server.url, "--once", "--totals")
            self.assertIn("text/plain;version=0.0.4", server.requests[0]["Accept"])

    def test_other_metrics_do_not_matter(self):
        other = ("# HELP process_cpu_seconds_total x\n# TYPE process_cpu_seconds_total counter\n"
                 "process_cpu_seconds_total 4\nafflux_clients 3\ngo_info{version=\"go1.20\"} NaN\n")
        self.assertEqual(self.totals(other + PAGE), self.totals(PAGE))

    def test_a_process_without_semaphores(self):
        self.assertEqual(len(self.totals("").splitlines()), 1)

    def test_names_of_all_kinds(self):
        names = {r"\\\"": "\\\"", "a\\nb": "a\\nb", "\x1b[2Jx": "\\x1b[2Jx", "漢字": "漢字",
                 "": "-", "a}b": "a}b", "[red]": "[red]"}
        for name, shown in names.items():
            line = self.totals(semaphore(name, 1, limit=1)).splitlines()[1]
            self.assertEqual(line.split(None, NAME)[NAME], shown, repr(name))

    def test_large_numbers_keep_all_digits(self):
        limit = 2**42 - 1
        self.assertEqual(self.totals(semaphore("a", 1, limit=limit)).splitlines()[1].split()[0],
                         str(limit))

    def test_the_reader_may_leave(self):
        with StandIn(lambda _: PAGE) as server:
            reader, writer = os.pipe()
            os.close(reader)
            with subprocess.Popen([TOP, server.url, "--once", "--totals"], stdout=writer,
                                  stderr=subprocess.PIPE) as child:
                os.close(writer)
                self.assertEqual((child.communicate(timeout=SOON)[1], child.returncode), (b"", 0))

    def test_a_proxy_is_not_asked_for_this_machine(self):
        with StandIn(lambda _: PAGE) as server:
            done = top(server.url, "--once", "--totals", http_proxy="http://127.0.0.1:1",
                       no_proxy="")
        self.assertEqual(done.returncode, 0, done.stderr)


def tenants_page(seconds=0):
    """After so many seconds."""
    page = PAGE + 'afflux_tenants{semaphore="database",id="1"} 51\n'
    page += tenant("database", 1, "acme", 3, weight=4, held=1, waiting=0, acquired=10 + 80 * seconds,
                   refused=0, timed_out=0, used=2 + 0.8 * seconds, waits=0, wait_sum=0)
    page += tenant("database", 1, "crawler", 9, weight=1, held=3, waiting=900, acquired=270 * seconds,
                   refused=7 + 1240 * seconds, timed_out=2, used=2.75 * seconds,
                   waits=100 + 270 * seconds, wait_sum=5 + 540 * seconds)
    page += tenant("database", 1, "", 17, weight=1, held=0, waiting=1, acquired=0, refused=0,
                   timed_out=0, used=0, waits=0, wait_sum=0)
    page += tenant("database", 1, "default", None, weight=1, held=2, waiting=3)
    return page + tenant("database", 1, "other", None, weight=48, held=5, waiting=1)


class TenantsTest(unittest.TestCase):
    def test_totals_in_plain_columns(self):
        with StandIn(lambda _: tenants_page(2)) as server:
            done = top(server.url, "--once", "--totals", "--tenants", "database")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, """\
WEIGHT  HELD  WAITING  PERMIT_S  ACQUIRED  REFUSED  TIMED_OUT  AVG_WAIT_S  ID  NAME
     1     3      900       5.5       540     2487          2   1.6953125   9  crawler
     4     1        0       3.6       170        0          0           -   3  acme
     1     0        1         0         0        0          0           -  17  -
    48     5        1         -         -        -          -           -   -  other
     1     2        3         -         -        -          -           -   -  default
""")

    def test_rates_are_the_differences_over_the_interval(self):
        with StandIn(tenants_page) as server:
            done = top(server.url, "--once", "--json", "--interval", "0.1", "--tenants", "#1")
        answer = json.loads(done.stdout)
        interval = answer["interval"]
        self.assertEqual((answer["semaphore"], answer["id"], answer["count"]), ("database", "1", 51))
        names = [row["name"] for row in answer["tenants"]]
        self.assertEqual(names, ["crawler", "acme", "", "other", "default"])
        crawler = answer["tenants"][0]
        for what, grown in {"use": 2.75, "acquired": 270, "refused": 1240, "timed_out": 0}.items():
            self.assertAlmostEqual(crawler[what] * interval, grown, msg=what)
        self.assertEqual((crawler["id"], crawler["weight"], crawler["held"], crawler["waiting"],
                          crawler["wait"]), ("9", 1, 3, 900, 2))
        self.assertIsNone(answer["tenants"][1]["wait"])
        self.assertEqual([answer["tenants"][3][what] for what in ("id", "use", "acquired")],
                         ["", None, None])

    def test_one_that_is_shown_newly_has_no_rate(self):
        first = "".join(line + "\n" for line in tenants_page().splitlines() if "crawler" not in line)
        pages = [first, tenants_page(1)]
        with StandIn(pages.__getitem__) as server:
            done = top(server.url, "--once", "--interval", "0.1", "--tenants", "database")
        lines = [line.split() for line in done.stdout.splitlines()[1:]]
        self.assertEqual([line[-1] for line in lines][:3], ["acme", "-", "crawler"])
        self.assertEqual(lines[2][3:8], ["-"] * 5)

    def test_a_semaphore_without_tenants(self):
        for name in ("uploads to disk", "nobody"):
            with StandIn(lambda _: tenants_page()) as server:
                done = top(server.url, "--once", "--totals", "--tenants", name)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(f"no tenants of '{name}'\n", done.stderr)

    def test_semaphores_are_as_without_tenants(self):
        with StandIn(lambda _: tenants_page()) as server, StandIn(lambda _: PAGE) as plain:
            self.assertEqual(top(server.url, "--once", "--totals").stdout,
                             top(plain.url, "--once", "--totals").stdout)


class ErrorTest(unittest.TestCase):
    def assert_error(self, done, code, text):
        self.assertEqual((done.returncode, done.stdout), (code, ""))
        self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_nobody_there(self):
        with StandIn(lambda _: PAGE) as server:
            url = server.url
        self.assert_error(top(url, "--once"), 1, f"afflux-top: {url}: Connection refused\n")

    def test_what_cannot_be_asked(self):
        for url in ("http://127.0.0.1:1/ü", "http://.:1/"):
            self.assert_error(top(url, "--once"), 1, "this URL cannot be asked")

    def test_answers_that_are_no_metrics(self):
        answers = {
            "the server answers 404 Not Found": (404, "text/plain", b"no"),
            "the server answers 503 Service Unavailable": (503, "text/plain", PAGE.encode()),
            "the answer is no Prometheus text": (200, "text/html", b"<html><body>hi</body></html>"),
            "the answer is no UTF-8": (200, PROMETHEUS, b"\xff\xfe"),
            "no Prometheus text (": (200, OPENMETRICS, PAGE.encode()),  # no # EOF
            "afflux_semaphore_waiters is nan":
                (200, PROMETHEUS, semaphore("a", 1, waiting="NaN").encode()),
            "no Prometheus text (could not": (200, PROMETHEUS, b"afflux_semaphore_waiters x\n"),
            "no Prometheus text ('le')":
                (200, PROMETHEUS, b'afflux_semaphore_wait_seconds_bucket{id="1"} 3\n'),
        }
        for text, answer in answers.items():
            with self.subTest(text), StandIn(lambda _, answer=answer: answer) as server:
                self.assert_error(top(server.url, "--once", "--totals"), 1, text)

    def test_what_is_not_http(self):
        cut_off = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x 1\n"
        for sent, text in ((b"SSH-2.0-OpenSSH\r\n", "the answer is no HTTP"),
                           (b"", "the answer is no HTTP"), (cut_off, "the answer was cut off")):
            with self.subTest(text), socket.create_server(("127.0.0.1", 0)) as listener:
                def answer(listener=listener, sent=sent):
                    client, _ = listener.accept()
                    with client:
                        client.recv(65536)
                        client.sendall(sent)

                thread = threading.Thread(target=answer)
                thread.start()
                self.assert_error(top(f"127.0.0.1:{listener.getsockname()[1]}", "--once"), 1, text)
                thread.join()

    def test_a_server_that_does_not_answer(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            done = top(f"127.0.0.1:{listener.getsockname()[1]}", "--once")
        self.assert_error(done, 1, "no answer within 5 s")

    def test_wrong_use(self):
        wrong = {
            ("--interval", "0"): "'0' is no number of seconds from 0.1 to 3600",
            ("--interval", "nan"): "'nan' is no number",
            ("--interval", "soon"): "'soon' is no number",
            ("--sort", "colour"): "invalid choice: 'colour'",
            ("ftp://host/metrics",): "'ftp://host/metrics' is no http or https URL",
            ("file:///etc/passwd",): "is no http or https URL",
            ("http://",): "'http://' is no URL",
            ("http://host:port",): "ort",
            ("http://[::1",): "IPv6",
            ("http://me:secret@host/",): "URLs with a user name are not supported",
            ("",): "is no URL",
            ("--totals",): "--totals and --json go with --once",
            ("--json",): "--totals and --json go with --once",
            ("--once", "--tenants", "a", "--sort", "held"): "--sort is for semaphores",
            ("--onc",): "unrecognized arguments: --onc",
            ("one", "two"): "unrecognized arguments: two",
        }
        for arguments, text in wrong.items():
            with self.subTest(arguments):
                self.assert_error(top(*arguments), 2, text)

    def test_the_live_view_wants_a_terminal(self):
        self.assert_error(top(), 2, "no terminal; --once prints a table")

    def test_an_interrupt_between_the_two_looks(self):
        with StandIn(lambda _: PAGE) as server, \
                subprocess.Popen([TOP, server.url, "--once", "--interval", "3600"],
                                 stderr=subprocess.PIPE) as child:
            server.wait_for_request(0, SOON)
            child.send_signal(signal.SIGINT)
            self.assertEqual((child.communicate(timeout=SOON)[1], child.returncode), (b"", 130))


class HelpTest(unittest.TestCase):
    def test_the_version_is_the_librarys(self):
        done = top("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"afflux-top {VERSION}\n")

    def test_the_man_page_has_every_option_and_column(self):
        done = top("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(MAN_PAGE, encoding="utf-8") as file:
            page = file.read()
        options = set(re.findall(r"(?<=--)[a-z]+", done.stdout))
        self.assertGreater(len(options), 5)
        self.assertEqual(set(re.findall(r"^\.It Fl (?:h , Fl )?-([a-z]+)", page, re.M)), options)
        columns = re.search(r"what comes first: (.*?)\s\(", done.stdout, re.S).group(1)
        self.assertEqual(re.findall(r"^\.It Cm (.*)", page, re.M), re.split(r",\s+", columns))


if __name__ == "__main__":
    TOP, MAN_PAGE = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
    VERSION = sys.argv.pop(1)
    unittest.main(verbosity=2)
