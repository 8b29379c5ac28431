#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The command afflux-shared: each command, what becomes of permits when commands end, and what the
pages show of it.

usage: shared_command_test.py AFFLUX_SHARED SOURCE VERSION [unittest arguments]

A command that holds a permit here says so on a pipe, and holds it until its standard input ends: so
nothing depends on time.
"""

import itertools
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import unittest
from pathlib import Path

COMMAND = VERSION = ""
SOURCE = Path()
SOON = 60  # seconds: generous for a loaded machine, far below what a hang would take
NUMBERS = itertools.count()

# Holds what it got: says its id, then waits for the end of its input.
HOLD = ["sh", "-c", "echo $$; read -r _"]


def shared(*arguments, **options):
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True,
                          timeout=SOON, stdin=subprocess.DEVNULL, check=False, **options)


class Holder:
    """`afflux-shared run` with a command that holds on."""

    def __init__(self, *arguments, command=None):
        self.child = subprocess.Popen([COMMAND, "run", *map(str, arguments), "--",
                                       *(command or HOLD)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)

    def has_begun(self):
        """Without a wait."""
        return bool(select.select([self.child.stdout], [], [], 0)[0])

    def wait_for_begin(self):
        if not select.select([self.child.stdout], [], [], SOON)[0]:
            raise AssertionError("the command does not begin")
        return int(self.child.stdout.readline())

    def end(self):
        """The exit status of a command that is let go."""
        self.child.stdin.close()
        return self.child.wait(SOON)

    def drop(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            pipe.close()


class Limit(unittest.TestCase):
    def setUp(self):
        self.name = f"afflux-test-{os.getpid()}-{next(NUMBERS)}"
        self.path = Path("/dev/shm") / self.name
        self.addCleanup(lambda: self.path.unlink(missing_ok=True))

    def create(self, limit, *more):
        self.assertEqual(shared("create", self.name, "-n", limit, *more).returncode, 0)

    def holder(self, *arguments, command=None):
        made = Holder(self.name, *arguments, command=command)
        self.addCleanup(made.drop)
        return made

    def seen(self):
        done = shared("show", self.name, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def wait_until(self, what):
        """Until `show` tells what is expected: another process has got that far."""
        for _ in range(2000):
            seen = self.seen()
            if what(seen):
                return seen
            select.select([], [], [], 0.01)
        self.fail(f"not so in time: {seen}")

    def fails(self, status, words, *arguments, **options):
        done = shared(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertIn(words, done.stderr)


class TheSegment(Limit):
    def test_create_show_resize_close_remove(self):
        self.create(3, "--mode", "666", "--max-handles", 5, "--max-waiters", 7)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o666)
        self.assertEqual(self.seen(), {
            "name": self.name, "limit": 3, "held": 0, "waiting": 0, "closed": False, "handles": 0,
            "max_handles": 5, "max_waiters": 7, "acquired": 0, "waited": 0, "timed_out": 0,
            "recovered": 0, "holders": []})
        self.assertEqual(shared("resize", self.name, 9).returncode, 0)
        self.assertEqual(self.seen()["limit"], 9)
        self.assertEqual(shared("close", self.name).returncode, 0)
        self.assertTrue(self.seen()["closed"])
        self.fails(125, "is closed", "run", self.name, "true")
        self.fails(1, "is closed", "resize", self.name, 1)
        self.fails(1, "is closed already", "close", self.name)
        self.assertEqual(shared("remove", self.name).returncode, 0)
        self.assertFalse(self.path.exists())

    def test_there_is_none(self):
        for command in ("show", "close", "remove"):
            self.fails(1, f"no limit '{self.name}'", command, self.name)
        self.fails(1, f"no limit '{self.name}'", "resize", self.name, 2)

    def test_create_refuses_one_that_is_there(self):
        self.create(3)
        self.fails(1, "already", "create", self.name, "-n", 4)
        self.assertEqual(self.seen()["limit"], 3)

    def test_what_is_no_limit_is_left_alone(self):
        self.path.write_text("another program's")
        for command in ("show", "close", "remove"):
            self.fails(1, "a file of another kind", command, self.name)
        self.fails(125, "a file of another kind", "run", self.name, "true")
        self.assertEqual(self.path.read_text(), "another program's")

    def test_a_limit_of_another_namespace_is_named_so(self):
        self.create(1)
        with self.path.open("r+b") as file:
            file.seek(32)  # the pid namespace
            file.write(b"\1\2\3\4\5\6\7\0")
        self.fails(1, "another pid or time namespace", "show", self.name)
        self.fails(125, "another pid or time namespace", "run", self.name, "true")
        self.assertIn("namespace", shared("list").stdout)

    @unittest.skipUnless(os.geteuid() == 0, "takes root to be somebody else")
    def test_no_permission(self):
        self.create(1)
        try:
            done = shared("show", self.name, user=65534)
        except PermissionError:
            self.skipTest("the command lies where others have no access")
        if "error while loading" in done.stderr:
            self.skipTest("the library lies where others have no access")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no permission", done.stderr)
        self.assertIn("root", done.stderr)

    def test_list(self):
        self.create(4)
        holder = self.holder("-n", 3, "--tag", "three")
        holder.wait_for_begin()
        rows = {line.split(None, 4)[4]: line.split()[:4]
                for line in shared("list").stdout.splitlines()}
        self.assertEqual(rows["NAME"], ["LIMIT", "HELD", "WAITING", "PROCESSES"])
        self.assertEqual(rows[self.name], ["4", "3", "0", "1"])
        [row] = [row for row in json.loads(shared("list", "--json").stdout)
                 if row["name"] == self.name]
        self.assertEqual((row["held"], row["holders"][0]["tag"]), (3, "three"))

    def test_show_names_those_who_hold_and_wait(self):
        self.create(2)
        first = self.holder("-n", 2, "--tag", "\x1b[2Jfirst")
        pid = first.wait_for_begin()
        second = self.holder("--tag", "second")
        seen = self.wait_until(lambda seen: seen["waiting"] == 1)
        facts = [(each["pid"], each["program"], each["tag"], each["held"], each["waiting"])
                 for each in seen["holders"]]
        self.assertEqual(facts, [(pid, "sh", "\x1b[2Jfirst", 2, 0),
                                 (second.child.pid, "afflux-shared", "second", 0, 1)])
        text = shared("show", self.name).stdout
        self.assertIn("limit 2, held 2, waiting 1", text)
        self.assertIn("?[2Jfirst", text)
        self.assertNotIn("\x1b", text)


class Live(Limit):
    def start(self):
        """In a terminal of its own. Its end that a person sees, its other end, and the command."""
        seen, own = pty.openpty()
        self.addCleanup(os.close, seen)
        self.addCleanup(os.close, own)
        child = subprocess.Popen([COMMAND, "show", self.name, "--live"], stdin=own, stdout=own,
                                 stderr=own, start_new_session=True)
        self.addCleanup(lambda: child.poll() is not None or child.kill())
        return seen, own, child

    def read_until(self, terminal, words):
        text = ""
        while words not in text:
            if not select.select([terminal], [], [], SOON)[0]:
                self.fail(f"'{words}' is not shown: {text}")
            text += os.read(terminal, 4096).decode()

    def test_follows_until_a_key(self):
        self.create(2)
        terminal, own, child = self.start()
        self.read_until(terminal, "held 0")
        before = termios.tcgetattr(own)[3]
        self.assertFalse(before & termios.ICANON)
        holder = self.holder("-n", 2, "--tag", "both")
        holder.wait_for_begin()
        self.read_until(terminal, "both")
        self.path.unlink()
        self.read_until(terminal, "no limit")
        self.create(7)
        self.read_until(terminal, "limit 7")
        os.write(terminal, b"q")
        self.assertEqual(child.wait(SOON), 0)
        self.read_until(terminal, "\x1b[?1049l")
        self.assertTrue(termios.tcgetattr(own)[3] & termios.ICANON)

    def test_ends_with_a_signal_and_leaves_the_terminal_as_it_was(self):
        self.create(2)
        terminal, own, child = self.start()
        self.read_until(terminal, "held 0")
        child.terminate()
        self.assertEqual(child.wait(SOON), 128 + signal.SIGTERM)
        self.assertTrue(termios.tcgetattr(own)[3] & termios.ECHO)

    def test_wants_a_terminal(self):
        self.create(2)
        self.fails(1, "a terminal", "show", self.name, "--live")


class Run(Limit):
    def test_the_command_is_the_process(self):
        holder = self.holder()
        self.assertEqual(holder.wait_for_begin(), holder.child.pid)
        self.assertEqual(holder.end(), 1)  # of `read` at the end of its input
        self.assertEqual(shared("run", self.name, "sh", "-c", "exit 7").returncode, 7)
        done = shared("run", self.name, "--", "sh", "-c", "kill -TERM $$")
        self.assertEqual(done.returncode, -signal.SIGTERM)
        self.assertEqual(shared("run", self.name, "echo", "-n", "--help").stdout, "--help")

    def test_makes_the_limit_of_the_cpus(self):
        shared("run", self.name, "true")
        self.assertEqual(self.seen()["limit"], len(os.sched_getaffinity(0)))
        shared("run", self.name, "--limit", 1, "true")
        self.assertEqual(self.seen()["limit"], len(os.sched_getaffinity(0)))

    def test_makes_the_limit_asked_for(self):
        shared("run", self.name, "--limit", 3, "true")
        self.assertEqual(self.seen()["limit"], 3)

    def test_in_order(self):
        self.create(1)
        first = self.holder()
        first.wait_for_begin()
        log = Path(tempfile.mkdtemp(), "log")
        self.addCleanup(shutil.rmtree, log.parent)
        others = []
        for number in range(5):
            others.append(self.holder(command=["sh", "-c", f"echo {number} >> {log}"]))
            self.wait_until(lambda seen: seen["waiting"] == len(others))
        first.end()
        for other in others:
            self.assertEqual(other.child.wait(SOON), 0)
        self.assertEqual(log.read_text().split(), ["0", "1", "2", "3", "4"])

    def test_a_large_one_is_not_passed(self):
        self.create(2)
        first = self.holder()
        first.wait_for_begin()
        large = self.holder("-n", 2)
        self.wait_until(lambda seen: seen["waiting"] == 1)
        small = self.holder()
        self.wait_until(lambda seen: seen["waiting"] == 2)
        self.assertFalse(small.has_begun())  # one permit is free
        first.end()
        large.wait_for_begin()
        self.assertFalse(small.has_begun())
        large.end()
        small.wait_for_begin()

    def test_killed_commands_give_back(self):
        self.create(1)
        for kill in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM):
            holder = self.holder()
            holder.wait_for_begin()
            waiter = self.holder()
            self.wait_until(lambda seen: seen["waiting"] == 1)
            holder.child.send_signal(kill)
            waiter.wait_for_begin()
            waiter.end()
        seen = self.seen()
        self.assertEqual((seen["held"], seen["recovered"]), (0, 6))

    def test_one_that_is_killed_in_line_is_passed(self):
        self.create(1)
        holder = self.holder()
        holder.wait_for_begin()
        killed = self.holder()
        self.wait_until(lambda seen: seen["waiting"] == 1)
        next_one = self.holder()
        self.wait_until(lambda seen: seen["waiting"] == 2)
        killed.child.kill()
        killed.child.wait()
        holder.end()
        next_one.wait_for_begin()

    def test_a_stopped_command_keeps_its_permits_and_nobody_else_from_theirs(self):
        self.create(2)
        stopped = self.holder()
        stopped.wait_for_begin()
        stopped.child.send_signal(signal.SIGSTOP)
        other = self.holder()
        other.wait_for_begin()
        self.assertEqual(self.seen()["held"], 2)
        other.end()
        stopped.child.send_signal(signal.SIGCONT)
        stopped.end()
        self.assertEqual(self.seen()["held"], 0)

    def test_a_command_that_uses_the_limit_itself_keeps_its_permit(self):
        self.create(2)
        done = shared("run", self.name, "--", COMMAND, "run", self.name, "--",
                      COMMAND, "show", self.name, "--json")
        seen = json.loads(done.stdout)
        self.assertEqual((seen["held"], seen["handles"]), (2, 2))
        self.assertEqual([each["held"] for each in seen["holders"]], [1, 1])
        self.assertEqual(self.seen()["held"], 0)

    def test_a_resize_lets_in_and_sends_away(self):
        self.create(1)
        holder = self.holder()
        holder.wait_for_begin()
        waiter = self.holder()
        self.wait_until(lambda seen: seen["waiting"] == 1)
        shared("resize", self.name, 2)
        waiter.wait_for_begin()
        large = self.holder("-n", 2)
        self.wait_until(lambda seen: seen["waiting"] == 1)
        shared("resize", self.name, 1)
        self.assertEqual(large.child.wait(SOON), 125)
        self.assertIn("2 permits are asked for, and the limit is 1", large.child.stderr.read())

    def test_a_close_sends_away_who_waits(self):
        self.create(1)
        holder = self.holder()
        holder.wait_for_begin()
        waiter = self.holder()
        self.wait_until(lambda seen: seen["waiting"] == 1)
        shared("close", self.name)
        self.assertEqual(waiter.child.wait(SOON), 125)
        self.assertIsNone(holder.child.poll())

    def test_more_than_there_are_handles_wait_outside(self):
        self.create(1, "--max-handles", 2, "--max-waiters", 1)
        holder = self.holder()
        holder.wait_for_begin()
        done = shared("run", self.name, "--timeout", 0.05, "true")
        self.assertEqual(done.returncode, 124)
        waiter = self.holder()  # has the last handle, or comes to have it
        outside = self.holder()
        for each in (holder, waiter, outside):
            each.child.stdin.close()
        self.assertEqual([each.child.wait(SOON) for each in (holder, waiter, outside)], [1, 1, 1])

    def test_exit_statuses_of_its_own(self):
        self.create(1)
        self.fails(127, "No such file", "run", self.name, "no-such-command-here")
        with tempfile.NamedTemporaryFile() as file:
            self.fails(126, "Permission denied", "run", self.name, file.name)
        self.fails(125, "2 permits are asked for, and the limit is 1",
                   "run", self.name, "-n", 2, "true")
        self.assertEqual(self.seen()["held"], 0)
        holder = self.holder()
        holder.wait_for_begin()
        for seconds in ("0", "0.05"):
            self.fails(124, "the time ran out", "run", self.name, "--timeout", seconds, "true")
        self.assertEqual(self.seen()["timed_out"], 2)

    @unittest.skipUnless(shutil.which("make"), "no make")
    def test_never_above_the_limit_under_make(self):
        """40 jobs of make -j 16. Each finds as many marks as run beside it, its own included."""
        with tempfile.TemporaryDirectory() as folder:
            targets = " ".join(f"t{number}" for number in range(40))
            job = "touch $@; ls | grep -c ^t >> count; rm $@"
            Path(folder, "Makefile").write_text(
                f"all: {targets}\n{targets}:\n\t@'{COMMAND}' run {self.name} --limit 3 -- "
                f"sh -c '{job}'\n")
            done = subprocess.run(["make", "-j16", "all"], cwd=folder, capture_output=True,
                                  text=True, timeout=SOON, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            counts = [int(line) for line in Path(folder, "count").read_text().split()]
        self.assertEqual(len(counts), 40)
        self.assertLessEqual(max(counts), 3)
        seen = self.seen()
        self.assertEqual((seen["acquired"], seen["held"], seen["waiting"]), (40, 0, 0))


class CommandLine(Limit):
    def test_mistakes_are_told(self):
        self.create(1)
        for status, words, *arguments in (
                (2, "no command 'nonsense'", "nonsense"),
                (2, "Usage"),
                (2, "-n LIMIT is missing", "create", "a"),
                (2, "NAME is missing", "show"),
                (2, "LIMIT is missing", "resize", self.name),
                (2, "is not a number", "resize", self.name, "x"),
                (2, "too large", "resize", self.name, 4194304),
                (2, "octal", "create", "a", "-n", 1, "--mode", 888),
                (2, "do not go together", "show", self.name, "--live", "--json"),
                (2, "Too many arguments", "close", self.name, "more"),
                (1, "a name has", "show", "a/b"),
                (1, "a name has", "show", ".."),
                (125, "COMMAND is missing", "run", self.name),
                (125, "NAME is missing", "run"),
                (125, "at least 1", "run", self.name, "-n", 0, "true"),
                (125, "is not a number of seconds", "run", self.name, "--timeout", "soon", "true"),
                (125, "is not a number of seconds", "run", self.name, "--timeout", "nan", "true"),
                (125, "a name has", "run", "a/b", "true")):
            with self.subTest(arguments=arguments):
                self.fails(status, words, *arguments)

    def test_help_and_version(self):
        self.assertEqual(shared("--version").stdout, f"afflux-shared {VERSION}\n")
        commands = re.findall(r"^  ([a-z]+) ", shared("--help").stdout, re.M)
        self.assertEqual(len(commands), 7)
        page = (SOURCE / "tools/afflux-shared/afflux-shared.1").read_text("utf-8")
        for command in commands:
            done = shared(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn(f".It Cm {command}\n", page)
            for option in set(re.findall(r"--([a-z-]+)", done.stdout)) - {"help", "usage"}:
                self.assertIn(f"Fl -{option}", page)

    def test_an_output_that_can_not_be_written(self):
        self.create(1)
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([COMMAND, "show", self.name], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=SOON, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("could not be written", done.stderr)


class Pages(unittest.TestCase):
    def test_what_the_page_shows_runs(self):
        """Each block of shell of docs/beyond.md that uses the command."""
        page = (SOURCE / "docs/beyond.md").read_text("utf-8")
        blocks = [block for block in re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
                  if "afflux-shared" in block]
        self.assertGreater(len(blocks), 0)
        names = set(re.findall(r"afflux-shared (?:run|create) ([\w-]+)", "\n".join(blocks)))
        with tempfile.TemporaryDirectory() as folder:
            # A user's own names are not for a test.
            own = {name: f"{name}-test-{os.getpid()}" for name in names}
            self.addCleanup(lambda: [Path("/dev/shm", name).unlink(missing_ok=True)
                                     for name in own.values()])
            for block in blocks:
                for name, other in own.items():
                    block = re.sub(rf"(afflux-shared \w+ ){name}\b", rf"\g<1>{other}", block)
                done = subprocess.run(
                    ["sh", "-eu", "-c", block], cwd=folder, capture_output=True, text=True,
                    timeout=SOON, stdin=subprocess.DEVNULL, check=False,
                    env={**os.environ, "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}"})
                self.assertEqual(done.returncode, 0, f"{block}{done.stdout}{done.stderr}")


if __name__ == "__main__":
    COMMAND = str(Path(sys.argv.pop(1)).resolve())
    SOURCE = Path(sys.argv.pop(1)).resolve()
    VERSION = sys.argv.pop(1)
    unittest.main(verbosity=2)
