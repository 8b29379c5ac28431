#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The demo does what it says: checksum_tree on trees of all kinds.

usage: demo_test.py PROGRAM [--uring yes|no] [unittest arguments]

--uring tells whether the program was built with liburing. Where the machine
refuses io_uring, everything is tested with threads alone.
"""

import contextlib
import hashlib
import itertools
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from sandbox import can, deny_io_uring, descriptors, obey_modes

PROGRAM = ""
BUILT_WITH_URING = True
SOON = 60  # seconds: generous for a loaded machine, far below what a hang would take


# ---- Running it ----------------------------------------------------------------------------


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr.decode(errors="surrogateescape")

    def value(self, pattern):
        found = re.search(pattern, self.err)
        assert found, f"{pattern!r} is not in:\n{self.err}"
        return found.group(1)

    def peak(self):
        return int(self.value(r"peak in flight +(\d+)"))

    def unreadable(self):
        return int(self.value(r"(\d+) unreadable"))


def run(*arguments, preexec=None, cwd=None):
    return Result(subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=SOON,
                                 preexec_fn=preexec, cwd=cwd, check=False))


def io_modes():
    """The modes that this build and this machine have: threads everywhere."""
    with tempfile.TemporaryDirectory() as empty:
        return ["threads"] + ([] if run("--io", "uring", empty).code == 2 else ["uring"])


def write(path, data=b""):
    with open(path, "wb") as file:
        file.write(data)


def regular_files(root):
    """Bytes paths as `find root -type f` has them, sorted by byte."""
    return sorted(os.path.join(folder, name)
                  for folder, _, names in os.walk(os.fsencode(root))
                  for name in names
                  if os.path.isfile(os.path.join(folder, name))
                  and not os.path.islink(os.path.join(folder, name)))


def expected_line(digest, path):
    plain = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if plain != path else b"") + digest.encode() + b"  " + plain + b"\n"


def expected_sha256(root):
    lines = []
    for path in regular_files(root):
        with open(path, "rb") as file:
            lines.append(expected_line(hashlib.sha256(file.read()).hexdigest(), path))
    return b"".join(lines)


class DemoTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="checksum_tree.")
        self.addCleanup(holder.cleanup)
        self.root = holder.name

    def path(self, *names):
        return os.path.join(self.root, *names)

    def make_files(self, number, size=100):
        for i in range(number):
            write(self.path(f"file{i:04}"), os.urandom(size))

    def make_odd_tree(self):
        """All that a directory can hold, readable for anybody."""
        os.makedirs(self.path("a", "b", "c"))
        os.mkdir(self.path("empty folder"))
        for i in range(300):
            write(self.path("a", f"{i}.txt"), b"line\n" * i)
        write(self.path("a", "b", "binary"), bytes(range(256)) * 999)
        write(self.path("a", "b", "empty"))
        write(self.path("five megabytes"), os.urandom(5_000_000))
        # Around the size of the buffer, where a loop of reads goes wrong.
        for size in (131071, 131072, 131073, 262144):
            write(self.path("a", "b", "c", str(size)), os.urandom(size))
        for name in (b" ", b"-n", b"new\nline", b"back\\slash", b"return\r", b"\xff\xfe", b"*?[",
                     "žluťoučký".encode(), b"x" * 255):
            write(os.path.join(os.fsencode(self.root), name), name)
        os.mkfifo(self.path("fifo"))
        os.symlink("..", self.path("a", "loop"))
        os.symlink("self", self.path("self"))
        os.symlink("nowhere", self.path("dangling"))
        os.symlink("/etc", self.path("elsewhere"))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path("socket"))

    # ---- Checksums -------------------------------------------------------------------------

    def test_sha256_is_that_of_hashlib_in_the_order_of_paths(self):
        self.make_odd_tree()
        expected = expected_sha256(self.root)
        for mode in io_modes():
            for limit, rings in itertools.product(("1", "7", "1000"), ("1", "2", "5")):
                with self.subTest(io=mode, limit=limit, rings=rings):
                    result = run("--hash", "sha256", "--io", mode, "-n", limit, "--rings", rings,
                                 self.root)
                    self.assertEqual(result.out, expected)
                    self.assertEqual(result.code, 0, result.err)

    def test_sha256sum_accepts_the_list(self):
        self.make_odd_tree()
        for mode in io_modes():
            with self.subTest(io=mode):
                result = run("--hash", "sha256", "--io", mode, ".", cwd=self.root)
                check = subprocess.run(["sha256sum", "--check", "--strict", "--quiet"],
                                       input=result.out, cwd=self.root, capture_output=True,
                                       check=False)
                self.assertEqual((check.returncode, check.stdout + check.stderr), (0, b""))

    def test_xxh64_is_that_of_xxhsum(self):
        if shutil.which("xxhsum") is None:
            self.skipTest("xxhsum is not installed")
        self.make_odd_tree()
        lines = []
        for path in regular_files(self.root):
            with open(path, "rb") as file:  # by stdin: old ones print odd names unescaped
                told = subprocess.run(["xxhsum", "-H1"], stdin=file, capture_output=True,
                                      check=True)
            lines.append(expected_line(told.stdout.split()[0].decode(), path))
        for mode in io_modes():
            with self.subTest(io=mode):
                self.assertEqual(run("--io", mode, self.root).out, b"".join(lines))

    def test_xxhsum_accepts_the_list(self):
        if shutil.which("xxhsum") is None:
            self.skipTest("xxhsum is not installed")
        self.make_files(50)
        listed = self.path("list")
        write(listed, run("--hash", "xxh64", self.root).out)
        check = subprocess.run(["xxhsum", "--check", "--quiet", listed], capture_output=True,
                               check=False)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    # ---- The limit -------------------------------------------------------------------------

    def test_peak_in_flight_is_the_limit_when_there_is_enough_to_do(self):
        self.make_files(400)
        for mode in io_modes():
            for limit in (1, 2, 16, 64, 399, 400):
                with self.subTest(io=mode, limit=limit):
                    result = run("--io", mode, "-n", str(limit), self.root)
                    self.assertEqual(result.peak(), limit)
                    self.assertLessEqual(int(result.value(r"peak open files +(\d+)")), limit)
                    self.assertEqual(int(result.value(r"of (\d+) that waited")), 400 - limit)

    def test_peak_in_flight_of_all_rings_is_the_limit(self):
        self.make_files(400)
        for mode in io_modes():
            for rings, limit in itertools.product((2, 3, 8), (1, 2, 16, 399, 400)):
                with self.subTest(io=mode, rings=rings, limit=limit):
                    result = run("--io", mode, "-n", str(limit), "--rings", str(rings), self.root)
                    self.assertEqual(result.peak(), limit)
                    self.assertLessEqual(int(result.value(r"peak open files +(\d+)")), limit)
                    self.assertIn(f"{rings} rings", result.err)

    def test_peak_in_flight_is_the_number_of_files_when_they_are_fewer(self):
        self.make_files(5)
        for mode, rings in itertools.product(io_modes(), (1, 2, 8)):
            self.assertEqual(run("--io", mode, "--rings", str(rings), self.root).peak(), 5)

    def test_the_limit_keeps_within_the_descriptors(self):
        self.make_files(300)
        for mode in io_modes():
            with self.subTest(io=mode):
                for rings in ("1", "3"):
                    result = run("--io", mode, "-n", "16", "--rings", rings, self.root,
                                 preexec=descriptors(50))
                    self.assertEqual((result.code, result.unreadable()), (0, 0), result.err)

    def test_without_a_limit_it_runs_out_of_descriptors_and_says_so(self):
        self.make_files(300)
        for mode in io_modes():
            with self.subTest(io=mode):
                result = run("--io", mode, "--no-limit", self.root, preexec=descriptors(50))
                self.assertEqual(result.code, 1)
                self.assertEqual(result.peak(), 300)
                missing = int(result.value(r"\((\d+) for want of descriptors"))
                self.assertGreater(missing, 0)
                self.assertEqual(result.out.count(b"\n"), 300 - missing)
                self.assertEqual(result.err.count("Too many open files"), missing)

    def test_compare_shows_both(self):
        self.make_files(300, size=10_000)
        result = run("--compare", "-n", "8", "--hash", "sha256", self.root)
        self.assertEqual(result.code, 0, result.err)
        self.assertEqual(result.out, expected_sha256(self.root))
        table = result.err.split("the same again")[1]
        for label in ("peak in flight", "peak open files", "peak memory", "time", "rate",
                      "file latency p99"):
            self.assertIn(label, table)
        peaks = re.search(r"peak in flight +(\d+) +(\d+)", table).groups()
        self.assertEqual(peaks, ("8", "300"))

    def test_compare_counts_what_the_unlimited_pass_could_not_open(self):
        self.make_files(300)
        result = run("--compare", "-n", "8", self.root, preexec=descriptors(50))
        self.assertEqual(result.code, 0, result.err)
        limited, unlimited = re.search(r"too many open +(\d+) +(\d+)", result.err).groups()
        self.assertEqual(limited, "0")
        self.assertGreater(int(unlimited), 0)

    # ---- io_uring refused ------------------------------------------------------------------

    def test_where_io_uring_is_refused_it_reads_in_threads_and_says_so(self):
        if not can(deny_io_uring):
            self.skipTest("no seccomp filters here")
        self.make_files(100)
        why = "Function not implemented" if BUILT_WITH_URING else "built without liburing"
        for rings in ("1", "3"):
            result = run("--hash", "sha256", "--rings", rings, self.root, preexec=deny_io_uring)
            self.assertEqual((result.code, result.out), (0, expected_sha256(self.root)))
            told = f"io_uring is refused ({why}); plain reads in threads"
            self.assertEqual(result.err.count(told), 1)
            self.assertIn("through threads", result.err)

    def test_uring_asked_for_and_refused_is_an_error(self):
        if not can(deny_io_uring):
            self.skipTest("no seccomp filters here")
        result = run("--io", "uring", self.root, preexec=deny_io_uring)
        self.assertEqual((result.code, result.out), (2, b""))
        self.assertIn("io_uring is refused", result.err)

    def test_threads_asked_for_need_no_excuse(self):
        self.assertNotIn("refused", run("--io", "threads", self.root).err)

    # ---- Trees and arguments that are not as they should be --------------------------------

    def test_an_empty_directory(self):
        for mode, rings in itertools.product(io_modes(), ("1", "4")):
            result = run("--io", mode, "--rings", rings, self.root)
            self.assertEqual((result.code, result.out), (0, b""))
            self.assertIn("0 read, 0 unreadable", result.err)

    def assert_refused(self, result, *words):
        self.assertEqual((result.code, result.out), (2, b""), result.err)
        for word in words:
            self.assertIn(word, result.err)

    def test_a_limit_of_zero(self):
        self.assert_refused(run("-n", "0", self.root), "at least 1")

    def test_a_limit_that_is_none(self):
        for limit in ("-1", "many", "", "1.5", "0x10", "8 "):
            with self.subTest(limit=limit):
                self.assert_refused(run(f"--in-flight={limit}", self.root), "--in-flight")
        for limit in (str(2**42), str(2**64), "9" * 40):
            self.assert_refused(run("-n", limit, self.root), "too large")

    def test_rings_that_are_none(self):
        for rings in ("0", "-1", "65", "many"):
            with self.subTest(rings=rings):
                self.assert_refused(run(f"--rings={rings}", self.root), "--rings")

    def test_unknown_words(self):
        self.assert_refused(run("--hash", "md5", self.root), "md5", "sha256")
        self.assert_refused(run("--io", "magic", self.root), "magic", "threads")
        self.assert_refused(run("--nonsense", self.root), "--nonsense")
        self.assert_refused(run(self.root, self.root), "--help")
        self.assert_refused(run("--compare", "--no-limit", self.root), "--no-limit")

    def test_help_tells_the_exit_status(self):
        done = run("--help")
        self.assertEqual(done.code, 0)
        self.assertIn(b"Exit status:", done.out)

    def test_a_file_instead_of_a_directory(self):
        write(self.path("file"))
        self.assert_refused(run(self.path("file")), "/file'", "Not a directory")

    def test_a_missing_directory(self):
        os.symlink("nowhere", self.path("dangling"))
        for name in ("missing", "dangling"):
            self.assert_refused(run(self.path(name)), name, "No such file or directory")
        self.assert_refused(run(""), "No such file or directory")
        self.assert_refused(run("--compare", self.path("missing")), "No such file or directory")

    def test_a_link_given_as_the_directory_is_followed(self):
        os.mkdir(self.path("real"))
        write(self.path("real", "file"), b"x")
        os.symlink("real", self.path("link"))
        for name in ("link", "link/", "link//"):
            result = run("--hash", "sha256", self.path(name))
            line = expected_line(hashlib.sha256(b"x").hexdigest(),
                                 os.fsencode(self.path("link", "file")))
            self.assertEqual((result.code, result.out), (0, line))

    def test_unreadable_files_are_reported_and_the_rest_goes_on(self):
        if not can(obey_modes):
            self.skipTest("root that cannot give up its rights")
        self.make_files(100)
        closed = [self.path("file0042")] + [self.path(f"closed{i}") for i in range(20)]
        os.chmod(closed[0], 0)
        for folder in closed[1:]:
            os.mkdir(folder, 0)
        for mode in io_modes():
            for limit in ("1", "64"):
                with self.subTest(io=mode, limit=limit):
                    result = run("--io", mode, "-n", limit, self.root, preexec=obey_modes)
                    self.assertEqual(result.code, 1)
                    self.assertEqual((result.out.count(b"\n"), result.unreadable()), (99, 21))
                    for path in closed:
                        self.assertIn(f"{path}: Permission denied\n", result.err)

    def test_a_directory_that_may_not_be_read(self):
        if not can(obey_modes):
            self.skipTest("root that cannot give up its rights")
        os.mkdir(self.path("closed"), 0)
        self.assert_refused(run(self.path("closed"), preexec=obey_modes), "Permission denied")

    def test_output_that_cannot_be_written(self):
        self.make_files(10)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, self.root], stdout=full, stderr=subprocess.PIPE,
                                  timeout=SOON, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output: No space left on device", done.stderr)

    # ---- While it runs ---------------------------------------------------------------------

    @contextlib.contextmanager
    def stopped_in_the_first_file(self, mode, rings=1):
        """The program with N = 1, stopped while it reads a file that takes a while."""
        big = self.path("a big one")
        write(big)
        os.truncate(big, 2 * 1024**3)  # a hole: no disk, but all to be read
        child = subprocess.Popen([PROGRAM, "-n", "1", "--io", mode, "--rings", str(rings),
                                  "--hash", "sha256", self.root],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            give_up = time.monotonic() + SOON
            while not self.has_open(child.pid, big):
                self.assertIsNone(child.poll(), "it ended before it was seen reading")
                self.assertLess(time.monotonic(), give_up)
            child.send_signal(signal.SIGSTOP)
            yield child
        finally:
            child.kill()
            child.communicate()

    @staticmethod
    def has_open(pid, path):
        folder = f"/proc/{pid}/fd"
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                with contextlib.suppress(OSError):
                    if os.readlink(f"{folder}/{name}") == path:
                        return True
        return False

    def end(self, child):
        child.send_signal(signal.SIGCONT)
        out, err = child.communicate(timeout=SOON)
        return Result(subprocess.CompletedProcess([], child.returncode, out, err))

    def test_files_that_vanish_or_change_their_kind(self):
        self.make_files(20)
        for mode in io_modes():
            with self.subTest(io=mode), self.stopped_in_the_first_file(mode) as child:
                os.truncate(self.path("a big one"), 10)  # shrinks under the reader: just shorter
                os.remove(self.path("file0003"))
                for name in ("file0005", "file0007", "file0009"):
                    os.remove(self.path(name))
                os.mkfifo(self.path("file0005"))
                os.symlink("/etc/passwd", self.path("file0007"))
                os.mkdir(self.path("file0009"))
                result = self.end(child)
                self.assertEqual(result.code, 1)
                self.assertIn(f"{self.path('file0003')}: No such file or directory\n", result.err)
                self.assertEqual(result.unreadable(), 1)
                self.assertIn("3 skipped", result.err)
                self.assertEqual(result.out.count(b"\n"), 17)
                os.remove(self.path("file0005"))
                os.remove(self.path("file0007"))
                os.rmdir(self.path("file0009"))
                self.make_files(20)

    def test_a_signal_ends_it_cleanly(self):
        self.make_files(200)
        for mode in io_modes():
            for number, rings in itertools.product((signal.SIGINT, signal.SIGTERM), (1, 3)):
                with self.subTest(io=mode, signal=number, rings=rings), \
                        self.stopped_in_the_first_file(mode, rings) as child:
                    child.send_signal(number)
                    result = self.end(child)
                    self.assertEqual(result.code, 128 + number)
                    # Of several rings another may be the first to have the permit.
                    read, given_up = (int(result.value(rf"(\d+) {what}"))
                                      for what in ("read", "given up"))
                    self.assertEqual(read + given_up, 201)
                    self.assertEqual(result.out.count(b"\n"), read)
                    if rings == 1:
                        self.assertEqual(read, 0)

    # ---- The progress line -----------------------------------------------------------------

    def test_progress_on_a_terminal(self):
        self.make_files(20)
        big = self.path("a big one")
        write(big)
        os.truncate(big, 2 * 1024**3)
        controller, terminal = pty.openpty()
        with subprocess.Popen([PROGRAM, "-n", "4", "--hash", "sha256", self.root],
                              stdout=subprocess.PIPE, stderr=terminal) as child:
            os.close(terminal)
            shown = b""
            with contextlib.suppress(OSError):  # EIO: nobody has the terminal any more
                while part := os.read(controller, 65536):
                    shown += part
            os.close(controller)
            self.assertEqual(child.stdout.read().count(b"\n"), 21)
        self.assertRegex(shown, rb"\r\x1b\[K\d+/21 files, [\d.]+ \w+, \d+ in flight, "
                                rb"\d+ waiting, [\d.]+ MB/s")
        # The last one is erased before the summary.
        self.assertRegex(shown, rb"\r\x1b\[Kchecksum_tree: sha256")

    def test_no_progress_elsewhere(self):
        self.make_files(100)
        result = run(self.root)
        self.assertNotIn("\r", result.err)
        self.assertNotIn("waiting", result.err)
        self.assertEqual(run("-q", "--io", "threads", self.root).err, "")


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    if len(sys.argv) > 2 and sys.argv[1] == "--uring":
        BUILT_WITH_URING = sys.argv[2] == "yes"
        del sys.argv[1:3]
    unittest.main(verbosity=2)
