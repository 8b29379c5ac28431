#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""afflux-top in a terminal whose screen is read back, over canned answers.

usage: afflux_top_screen_test.py AFFLUX_TOP [unittest arguments]

Skipped (77) without pyte.
"""

import os
import signal
import sys
import threading
import unittest

from metrics_stand_in import PAGE, UPLOADS, StandIn, semaphore, tenant

try:
    from terminal import Terminal
except ImportError as error:
    print(f"skipped: {error} (Debian: python3-pyte)", file=sys.stderr)
    sys.exit(77)

TOP = ""
DIM = b"\x1b[2m"
SOON = 60  # seconds: generous for a loaded machine, far below what a hang would take
# The program, but it never gives a server up: what it shows while it waits stands still.
PATIENT = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from afflux_top import command, scrape
scrape.TIMEOUT_S = 24 * 3600
sys.exit(command.main())
"""


class ScreenTest(unittest.TestCase):
    def watch(self, server, *arguments, **terminal):
        return Terminal([sys.executable, "-c", PATIENT, TOP, server.url, "--interval", "0.1",
                         *arguments], soon=SOON, **terminal)

    def assert_restored(self, terminal):
        self.assertEqual(terminal.modes(), terminal.modes_before)
        self.assertFalse(terminal.cursor_hidden)
        self.assertEqual(terminal.raw.count(b"\x1b[?1049h"), terminal.raw.count(b"\x1b[?1049l"))

    def row(self, terminal, name):
        """What stands behind a name."""
        for line in terminal.lines():
            if line.startswith(name + " "):
                return line[len(name):].split()
        raise AssertionError(f"no line of '{name}'")

    def wait_for_row(self, terminal, name, first, values, state=""):
        """Until these stand behind a name, from the `first` column on, and `state` above."""
        def check():
            shown = self.row(terminal, name)[first:first + len(values)]
            self.assertEqual((shown, state in terminal.text()), (values, True))

        terminal.eventually(check)

    def test_a_table_with_rates_until_q(self):
        def page(number):
            return UPLOADS + semaphore(
                "database", 1, limit=64, held=64, waiting=1234, oldest=0.0125,
                acquired=(1000 * number, 0), rejected=number, timed_out=0,
                waits={"0.001": 0, "0.01": number, "+Inf": number})

        with StandIn(page) as server, self.watch(server) as terminal:
            terminal.wait_for(f"afflux-top  {server.url}", "2 semaphores, every 0.1 s",
                              "q quit, s sort (by name)")
            self.assertTrue(terminal.cursor_hidden)

            def check():
                self.assertEqual(
                    self.row(terminal, "NAME"),
                    ["LIMIT", "HELD", "WAITING", "ACQ/s", "REFUSED/s", "TIMEOUT/s", "P99", "WAIT",
                     "OLDEST"])
                limit, held, waiting, acquired, refused, timed_out, p99, oldest = self.row(
                    terminal, "database")
                self.assertEqual((limit, held, waiting, timed_out, oldest),
                                 ("64", "64", "1.23k", "0", "12.5ms"))
                self.assertEqual(p99, "9.91ms")  # 0.99 of the way from 1 to 10 ms
                self.assertRegex(acquired, r"^[1-9]")
                self.assertRegex(refused, r"^[0-9]")
                self.assertEqual(self.row(terminal, "uploads to disk"),
                                 ["8", "2", "0", "0", "0", "0", "-", "-"])

            terminal.eventually(check)
            self.assertEqual(terminal.style_of("1.23k").fg, "brown")  # pyte's name for yellow
            terminal.press(b"q")
            self.assertEqual(terminal.wait_for_end(), 0)
            self.assert_restored(terminal)

    def test_tenants_of_one_semaphore_after_the_other(self):
        def page(number):
            text = PAGE + semaphore("database", 3, limit=2)
            for sem, who in ((1, "acme"), (3, "solo")):
                text += f'afflux_tenants{{semaphore="database",id="{sem}"}} 51\n'
                text += tenant("database", sem, who, 3, weight=4, held=1, waiting=0, acquired=number,
                               refused=0, timed_out=0, used=number, waits=number, wait_sum=3 * number)
            for twin in (8, 9):
                text += tenant("database", 1, "twin", twin, weight=1, held=twin, waiting=0,
                               acquired=0, refused=0, timed_out=0, used=0, waits=0, wait_sum=0)
            return text + tenant("database", 1, "other", None, weight=48, held=5, waiting=1234)

        with StandIn(page) as server, self.watch(server) as terminal:
            terminal.wait_for("3 semaphores", "q quit, s sort (by name), t tenants")
            terminal.press(b"t")
            terminal.wait_for("3 of 51 tenants of database#1, every 0.1 s", "q quit, t tenants")

            def check():
                self.assertEqual(
                    self.row(terminal, "TENANT"),
                    ["WEIGHT", "HELD", "WAITING", "USE", "ACQ/s", "REFUSED/s", "TIMEOUT/s", "AVG",
                     "WAIT"])
                weight, held, waiting, use, acquired, refused, timed_out, wait = self.row(
                    terminal, "acme")
                self.assertEqual((weight, held, waiting, refused, timed_out, wait),
                                 ("4", "1", "0", "0", "0", "3.00s"))
                self.assertRegex(use, r"^[1-9]")
                self.assertEqual(use, acquired)
                self.assertEqual(self.row(terminal, "other"),
                                 ["48", "5", "1.23k", "-", "-", "-", "-", "-"])

            terminal.eventually(check)
            shown = [line.split()[0] for line in terminal.lines() if line[:4] in
                     ("acme", "twin", "othe")]
            self.assertEqual(shown, ["acme", "twin#9", "twin#8", "other"], "by use, then by held")
            terminal.press(b"t")
            terminal.wait_for("1 of 51 tenants of database#3", "solo")
            terminal.press(b"t")
            terminal.wait_for("3 semaphores")

    def test_tenants_that_come_later(self):
        with StandIn(lambda _: PAGE) as server, \
                self.watch(server, "--tenants", "uploads to disk") as terminal:
            terminal.wait_for("it answers, but exports no tenants of uploads to disk")
            server.page = lambda _: PAGE + tenant("uploads to disk", 2, "acme", 3, weight=1, held=1,
                                                  waiting=0)
            self.wait_for_row(terminal, "acme", 0, ["1", "1", "0", "-"],
                              "1 of 0 tenants of uploads to disk")
            server.page = lambda _: PAGE
            terminal.wait_for("it answers, but exports no tenants of uploads to disk")
            terminal.press(b"t")
            terminal.wait_for("2 semaphores")

    def test_a_server_that_goes_away_and_comes_back(self):
        with StandIn(lambda _: PAGE) as server, self.watch(server) as terminal:
            self.wait_for_row(terminal, "database", 3, ["0"])
            server.stop()
            self.wait_for_row(terminal, "database", 0, ["64", "64", "3", "0"],
                              "no answer: Connection refused; last answer")
            self.wait_until_drawn(terminal, old=True)
            gate = threading.Semaphore(1)

            def first_only(_):
                gate.acquire(timeout=SOON)
                return PAGE

            server.page = first_only
            server.start()
            # What happened meanwhile is not known.
            self.wait_for_row(terminal, "database", 3, ["-"] * 4)
            server.page = lambda _: PAGE
            gate.release()
            self.wait_for_row(terminal, "database", 3, ["0"])

    def test_a_process_that_is_stopped(self):
        """It takes the connection and does not answer: its last numbers are told to be old before
        any time limit, and drawn so."""
        stopped, answered = threading.Event(), threading.Event()

        def page(_):
            if stopped.is_set():
                answered.wait(SOON)
            return PAGE

        with StandIn(page) as server, self.watch(server) as terminal:
            self.wait_for_row(terminal, "database", 0, ["64", "64", "3", "0"], "2 semaphores")
            self.wait_until_drawn(terminal, old=False)
            stopped.set()
            self.wait_for_row(terminal, "database", 0, ["64", "64", "3", "0"],
                              "no answer yet; last answer")
            self.wait_until_drawn(terminal, old=True)
            first = self.age(terminal)
            terminal.eventually(lambda: self.assertNotEqual(self.age(terminal), first))
            stopped.clear()
            answered.set()
            terminal.wait_for("2 semaphores, every 0.1 s")
            self.wait_until_drawn(terminal, old=False)

    def wait_until_drawn(self, terminal, old):
        """Until the row of the database is, or is not, drawn as old."""
        def check():
            dimmed = terminal.raw.rfind(DIM + b"database")
            self.assertEqual(dimmed > terminal.raw.rfind(b"\ndatabase"), old)

        terminal.eventually(check)

    @staticmethod
    def age(terminal):
        """Of the numbers, as it is told."""
        [state] = [line for line in terminal.lines() if line.startswith("no answer")]
        return state.split("last answer ")[1]

    def test_a_server_that_comes_later(self):
        with StandIn(lambda _: PAGE) as server:
            server.stop()
            with self.watch(server) as terminal:
                terminal.wait_for("no answer: Connection refused")
                self.assertNotIn("last answer", terminal.text())
                server.start()
                terminal.wait_for("database")

    def test_answers_that_are_no_metrics_are_told(self):
        # Each until it has been seen: what is shown for a moment only may be overlooked.
        with StandIn(lambda _: (404, "text/plain", b"")) as server, \
                self.watch(server) as terminal:
            terminal.wait_for("no answer: the server answers 404 Not Found")
            server.page = lambda _: (200, "text/html", b"<p>x</p>\n")
            terminal.wait_for("no answer: the answer is no Prometheus text")
            server.page = lambda _: ""
            terminal.wait_for("it answers, but exports no semaphores")

    def test_keys_work_while_the_server_does_not_answer(self):
        answered = threading.Event()

        def late(_):
            answered.wait(SOON)
            return PAGE

        with StandIn(late) as server, self.watch(server) as terminal:
            server.wait_for_request(0, SOON)
            terminal.wait_for("waiting for the first answer")
            terminal.press(b"s")
            terminal.wait_for("by limit")
            terminal.press(b"q")
            self.assertEqual(terminal.wait_for_end(), 0)
            answered.set()

    def test_the_terminal_changes_its_size(self):
        with StandIn(lambda _: PAGE) as server, \
                self.watch(server, COLUMNS="200", LINES="90") as terminal:
            self.wait_for_header(terminal, 80, 24, "OLDEST")
            terminal.resize(10, 30)
            self.wait_for_header(terminal, 30, 10, "WAITING")
            self.wait_for_row(terminal, "database", 0, ["64", "3"])
            for lines, columns in ((1, 1), (2, 3), (3, 200), (200, 12)):
                terminal.resize(lines, columns)
            terminal.resize(30, 132)
            self.wait_for_header(terminal, 132, 30, "OLDEST")

    def wait_for_header(self, terminal, width, height, last):
        """Until the table and the last line have the terminal's size."""
        def check():
            self.assertEqual(self.row(terminal, "NAME")[-1], last)
            self.assertEqual([len(line) for line in terminal.lines() if "NAME" in line], [width])
            self.assertEqual([number for number, line in enumerate(terminal.lines(), 1)
                              if line.startswith("q quit")], [height])

        terminal.eventually(check)

    def test_more_semaphores_than_lines(self):
        page = "".join(semaphore(f"sem{number:02}", number, limit=number) for number in range(50))
        with StandIn(lambda _: page) as server, self.watch(server, lines=15) as terminal:
            terminal.wait_for("sem00", "sem09", "0 more above, 40 below")
            self.assertNotIn("sem10", terminal.text())
            for keys, first in ((b"\x1b[B\x1b[B\x1bOA", 1), (b"\x1b[6~", 10), (b"\x1b[A", 9),
                                (b"\x1b[6~" * 9, 40), (b"\x1b[5~", 31), (b"\x1b[5~" * 9, 0)):
                terminal.press(keys)
                terminal.wait_for(f"{first} more above, {40 - first} below", f"sem{first:02}",
                                  f"sem{first + 9:02}")
            terminal.press(b"s")
            terminal.wait_for("by limit", "sem49")

    def test_unknown_keys_do_nothing(self):
        with StandIn(lambda _: PAGE) as server, self.watch(server) as terminal:
            terminal.wait_for("database")
            terminal.press("x\x1b[1;5Cé\x00\x1b\x1b[Zs".encode())
            terminal.wait_for("by limit")

    def test_names_of_all_kinds(self):
        page = "".join(semaphore(name, number, limit=1) for number, name in enumerate(
            ("twin", "twin", "", "[red]markup", "\x1b[2Jclear", "漢字" * 20, "x" * 100)))
        with StandIn(lambda _: page) as server, self.watch(server) as terminal:
            terminal.wait_for("twin#0 ", "twin#1 ", "#2 ", "[red]markup ", "\\x1b[2Jclear ",
                              "xxxxxxxx… ", "7 semaphores")
            self.assertTrue(all(len(line) <= 80 for line in terminal.lines()))

    def test_more_held_than_the_limit_stands_out(self):
        with StandIn(lambda _: semaphore("a", 1, limit=3, held=777)) as server, \
                self.watch(server) as terminal:
            terminal.wait_for("777")
            self.assertEqual(terminal.style_of("777").fg, "magenta")

    def test_no_color(self):
        with StandIn(lambda _: semaphore("a", 1, limit=3, held=777)) as server, \
                self.watch(server, NO_COLOR="1") as terminal:
            terminal.wait_for("777")
            self.assertEqual(terminal.style_of("777").fg, "default")

    def test_signals_end_it_and_the_terminal_is_as_before(self):
        def with_key(terminal):
            terminal.press(b"\x03")

        ways = {130: with_key, 143: lambda terminal: terminal.child.send_signal(signal.SIGTERM),
                129: lambda terminal: terminal.child.send_signal(signal.SIGHUP)}
        with StandIn(lambda _: PAGE) as server:
            for status, end in ways.items():
                with self.subTest(status), self.watch(server) as terminal:
                    terminal.wait_for("database")
                    end(terminal)
                    self.assertEqual(terminal.wait_for_end(), status)
                    self.assert_restored(terminal)

    def test_the_window_is_closed(self):
        with StandIn(lambda _: PAGE) as server, self.watch(server) as terminal:
            terminal.wait_for("database")
            terminal.hang_up()
            self.assertEqual(terminal.child.wait(SOON), 129)

    def test_stopped_and_continued_in_a_shell(self):
        bash = ["bash", "--norc", "--noprofile", "-i"]
        with StandIn(lambda _: PAGE) as server, \
                Terminal(bash, soon=SOON, PS1="ready> ") as shell:
            shell.wait_for("ready>")
            shell.press(f"{TOP} {server.url}\n".encode())
            shell.wait_for("database", "q quit")
            shell.press(b"\x1a")
            shell.wait_for("Stopped")
            self.assertFalse(shell.cursor_hidden)
            # The shell's line editor and its child see a terminal that echoes.
            shell.press(b"stty -a | grep -o ' echo '; fg\n")
            shell.eventually(lambda: self.assertEqual(shell.raw.count(b"\x1b[?1049h"), 2))
            shell.press(b"q")
            shell.eventually(lambda: self.assertEqual(shell.raw.count(b"\x1b[?1049l"), 2))
            shell.press(b"echo status $?; exit\n")
            shell.wait_for("status 0")
            self.assertIn(b"\r echo \r\n", shell.raw)

    def test_a_dumb_terminal(self):
        with StandIn(lambda _: PAGE) as server, self.watch(server, TERM="dumb") as terminal:
            self.assertEqual(terminal.wait_for_end(), 2)
            self.assertIn("a terminal of the kind 'dumb' shows no tables", terminal.text())


if __name__ == "__main__":
    TOP = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
