#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The server of the examples under more than it can do: uring_server, asked by uring_load.

usage: uring_server_test.py SERVER LOAD [unittest arguments]

Skipped (77) where the machine refuses io_uring. Latencies are printed, never asserted.
"""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

from sandbox import can, deny_io_uring

SERVER = LOAD = ""
SOON = 60  # seconds: generous for a loaded machine, far below what a hang would take
CLIENTS = 300
BUFFER_KIB = 256

# What a client costs the server that does nothing for it, and what the server may grow by in any
# case: tables, stacks, the allocator's arenas.
CLIENT_KIB, SLACK_KIB = 16, 8 * 1024


def resident_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))


def tenant_table(text):
    """{name: {column: number}} of a report's table of tenants, in its order."""
    heads, *rows = text[text.index("\ntenant  ") + 1:].splitlines()
    columns = re.split(r"  +", heads.strip())[1:]
    row = re.compile(r"(\S.*?)" + r" +([\d.]+)" * len(columns))
    found = [row.fullmatch(line).groups() for line in rows]
    return {name: dict(zip(columns, map(float, numbers))) for name, *numbers in found}


class Server:
    """The program at a free port, for a `with` block; its report afterwards."""

    def __init__(self, **options):
        words = ["--" + name.replace("_", "-") + ("" if value is None else f"={value}")
                 for name, value in options.items()]  # None: without a value
        self.child = subprocess.Popen([SERVER, "--port", "0", *words], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.report = ""

    def __enter__(self):
        line = self.child.stdout.readline()
        assert line.startswith("listening on 127.0.0.1:"), line + self.child.stderr.read()
        self.port = int(line.rsplit(":", 1)[1])
        self.rss_before = resident_kib(self.child.pid)
        return self

    def __exit__(self, *failure):
        if failure[0] is not None:
            self.child.kill()
        self.end()

    def end(self):
        """Asks it to end, unless it has; then there is a report."""
        self.child.send_signal(signal.SIGTERM)
        self.report = "".join(self.child.communicate(timeout=SOON))

    def value(self, label):
        return int(re.search(rf"^{label} +(\d+)", self.report, re.M).group(1))

    def tenants(self):
        return tenant_table(self.report)

    def growth_kib(self):
        return self.value("peak RSS") - self.rss_before

    def metrics(self):
        """{series: value}, without the labels that are the same in each. On a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON)
        try:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        assert answer.status == 200, answer.status
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), \
            answer.headers["Content-Type"]
        mine = re.sub(r'semaphore="requests in flight",id="1",?', "", text).replace("{}", "")
        return {series: float(value) for series, value in
                re.findall(r"^afflux_semaphore_(\S+) (\S+)$", mine, re.M)}

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=SOON)


class Load:
    """What so many clients saw; `meanwhile` is called again and again until they end."""

    def __init__(self, server, connections=CLIENTS, duration=2, pause_us=0, meanwhile=None,
                 rate=0, deadline_ms=0, tenants=()):
        with subprocess.Popen([LOAD, "--port", str(server.port), "--connections", str(connections),
                               "--duration", str(duration), "--pause-us", str(pause_us),
                               "--rate", str(rate), "--deadline-ms", str(deadline_ms),
                               *("--tenant=" + one for one in tenants)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            try:
                while meanwhile is not None and child.poll() is None:
                    meanwhile()
                self.text = child.communicate(timeout=SOON)[0]
            finally:
                child.kill()
        self.code = child.returncode

    def value(self, label):
        return int(re.search(rf"^{label} +(\d+)", self.text, re.M).group(1))


GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"


def get_as(tenant):
    return b"GET / HTTP/1.1\r\nX-Tenant: " + tenant + b"\r\n\r\n"


def read_answer(stream, body=True):
    """(status, headers) of the next answer; None when the server has closed."""
    line = stream.readline()
    if not line:
        return None
    headers = {}
    while (header := stream.readline()) != b"\r\n":
        name, value = header.decode().split(":", 1)
        headers[name.lower()] = value.strip()
    if body:
        stream.read(int(headers["content-length"]))
    return int(line.split()[1]), headers


class OverloadTest(unittest.TestCase):
    def assert_all_answered(self, server, load):
        self.assertEqual(load.code, 0, load.text)
        self.assertEqual((load.value("lost"), load.value("other")), (0, 0))
        self.assertEqual(load.value("served") + load.value("shed"), load.value("sent"))
        self.assertEqual((server.value("served"), server.value("shed")),
                         (load.value("served"), load.value("shed")))
        self.assertEqual(server.child.returncode, 0, server.report)

    def show(self, server, load):
        print(f"{self.id().rsplit('.', 1)[1]}:\n{load.text}{server.report}", file=sys.stderr)

    def test_a_bounded_queue_sheds_and_keeps_the_limit_and_the_memory(self):
        limit = 16
        for threads in (1, 2, 4):
            with self.subTest(threads=threads):
                with Server(threads=threads, limit=limit, queue=32,
                            buffer_kib=BUFFER_KIB) as server:
                    load = Load(server)
                self.show(server, load)
                self.assert_all_answered(server, load)
                self.assertLessEqual(server.value("peak in flight"), limit)
                self.assertGreater(load.value("served"), 0)
                self.assertGreater(load.value("shed"), 0)
                self.assertLess(server.growth_kib(),
                                limit * BUFFER_KIB + CLIENTS * CLIENT_KIB + SLACK_KIB)

    def test_an_unbounded_queue_keeps_the_limit_and_sheds_nobody(self):
        limit = 16
        with Server(limit=limit, queue=0, buffer_kib=BUFFER_KIB, work_us=2000) as server:
            load = Load(server)
        self.show(server, load)
        self.assert_all_answered(server, load)
        self.assertEqual(server.value("peak in flight"), limit)
        self.assertEqual(load.value("shed"), 0)
        self.assertLess(server.growth_kib(),
                        limit * BUFFER_KIB + CLIENTS * CLIENT_KIB + SLACK_KIB)

    def test_without_a_limit_all_are_in_flight_and_in_memory(self):
        with Server(limit="none", buffer_kib=BUFFER_KIB, work_us=200_000) as server:
            load = Load(server)
        self.show(server, load)
        self.assert_all_answered(server, load)
        self.assertEqual(load.value("shed"), 0)
        peak = server.value("peak in flight")
        self.assertGreater(peak, 64)
        # The bound above is one that can be broken: each in flight has its buffer.
        self.assertGreater(server.growth_kib(), peak * BUFFER_KIB // 2)

    def test_a_limit_of_one_for_many_threads(self):
        with Server(threads=4, limit=1, queue=0, work_us=500) as server:
            load = Load(server, connections=20, duration=1)
        self.assert_all_answered(server, load)
        self.assertEqual(server.value("peak in flight"), 1)

    def test_the_metrics_agree_with_the_requests(self):
        limit, queue = 16, 32
        seen = []
        with Server(threads=2, limit=limit, queue=queue) as server:
            load = Load(server, duration=3, meanwhile=lambda: seen.append(server.metrics()))
            rest = server.metrics()
        self.show(server, load)
        self.assert_all_answered(server, load)
        self.assertEqual(server.value("metrics"), len(seen) + 1)
        served, shed = load.value("served"), load.value("shed")
        self.assertGreater(min(served, shed), 0)

        # While it runs: never more than the limit, and what counts never goes back.
        for before, after in zip([{}] + seen, seen + [rest]):
            self.assertLessEqual(after["permits_held"], limit)
            self.assertEqual(after["permits_limit"], limit)
            for series, value in after.items():
                if "_total" in series or "_count" in series:
                    self.assertGreaterEqual(value, before.get(series, 0), series)

        # At rest: each request that was made is there, and once.
        outcomes = {series.split('"')[1]: value for series, value in rest.items()
                    if series.startswith("requests_total")}
        self.assertEqual(outcomes.pop("fast") + outcomes["granted"], served)
        self.assertEqual(outcomes.pop("dropped"), shed)
        granted = outcomes.pop("granted")
        self.assertEqual(set(outcomes.values()), {0}, outcomes)
        self.assertEqual(rest["queued_total"], granted + shed)
        self.assertEqual(rest["permits_released_total"], served)
        self.assertEqual((rest["permits_held"], rest["waiters"]), (0, 0))
        # The dashboard's times, too.
        self.assertEqual((rest["wait_seconds_count"], rest["hold_seconds_count"]),
                         (granted, served))

    def test_a_limit_that_finds_itself(self):
        seen = []
        with Server(limit="auto", queue=32, backend=8, work_us=2000, buffer_kib=1) as server:
            load = Load(server, duration=1,
                        meanwhile=lambda: seen.append(server.metrics()["permits_limit"]))
            rest = server.metrics()
        self.show(server, load)
        self.assert_all_answered(server, load)
        # The control was told of each request that was served, but for those after its last look.
        told = rest['control_samples_total{result="served"}']
        self.assertGreater(told, 0)
        self.assertLessEqual(told, load.value("served"))
        self.assertEqual(rest['control_samples_total{result="dropped"}'], 0)
        # It has moved the limit, and says so.
        changes = rest['control_changes_total{direction="up"}'] + \
            rest['control_changes_total{direction="down"}']
        self.assertGreater(changes, 0)
        self.assertGreaterEqual(rest["control_windows_total"], changes)
        self.assertGreater(len(set(seen)), 1)
        reported = server.value("limit raised") + server.value("limit lowered")
        self.assertGreaterEqual(reported, changes)
        self.assertRegex(server.report, r"(?m)^limit +\d+: [a-z]")

    def test_calls_that_take_too_long_are_given_up(self):
        # 40 clients and a backend of 4: the first calls are in time, those behind them are not.
        for queues in ({}, {"backend_queues": None}):
            with self.subTest(**queues):
                with Server(limit="auto", backend=4, work_us=100_000, timeout_ms=150,
                            buffer_kib=1, **queues) as server:
                    load = Load(server, connections=40, duration=1)
                    dropped = server.metrics()['control_samples_total{result="dropped"}']
                self.show(server, load)
                self.assertEqual(load.code, 0, load.text)
                self.assertEqual(server.child.returncode, 0, server.report)
                self.assertGreater(load.value("timeout"), 0)
                self.assertGreater(load.value("served"), 0)
                self.assertEqual(server.value("timed out"), load.value("timeout"))
                self.assertGreater(dropped, 0)
                self.assertLessEqual(dropped, load.value("timeout"))

    def test_an_open_loop_asks_whatever_the_answers(self):
        # A call takes a second, so that nothing is answered in time.
        with Server(limit=1, queue=0, work_us=1_000_000) as server:
            load = Load(server, connections=50, duration=1, rate=100, deadline_ms=200)
        self.show(server, load)
        self.assertEqual(load.code, 0, load.text)
        self.assertGreater(load.value("late"), 0)
        self.assertEqual(load.value("served"), 0)
        self.assertEqual(load.value("late"), load.value("sent"))

    def test_wrk(self):
        if shutil.which("wrk") is None:
            self.skipTest("wrk is not installed")
        limit = 16
        with Server(limit=limit, queue=32, buffer_kib=BUFFER_KIB) as server:
            done = subprocess.run(["wrk", "-t", "2", "-c", str(CLIENTS), "-d", "3", "--latency",
                                   f"http://127.0.0.1:{server.port}/"],
                                  capture_output=True, text=True, timeout=SOON, check=True)
        print(done.stdout, server.report, file=sys.stderr)
        self.assertEqual(server.child.returncode, 0, server.report)
        # Connections that failed or were closed, and answers that did not come in time.
        self.assertNotIn("Socket errors", done.stdout)
        answers = int(re.search(r"(\d+) requests in", done.stdout).group(1))
        shed = int(re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout).group(1))
        self.assertGreater(shed, 0)
        self.assertGreater(answers, shed)
        # wrk drops its connections at the end, one request each.
        self.assertLessEqual(answers, server.value("served") + server.value("shed"))
        self.assertLessEqual(server.value("served") + server.value("shed"), answers + CLIENTS)
        self.assertLessEqual(server.value("peak in flight"), limit)
        self.assertLess(server.growth_kib(),
                        limit * BUFFER_KIB + CLIENTS * CLIENT_KIB + SLACK_KIB)


class TenantTest(unittest.TestCase):
    def test_the_header_tells_tenants_apart(self):
        with Server(work_us=0, tenants=2, tenant="alice=3:1:2") as server, \
                server.connect() as client, client.makefile("rb") as stream:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def ask(text):
                client.sendall(text)
                self.assertEqual(read_answer(stream)[0], 200)

            # In many packets, by another spelling of the header, and with spaces around the name.
            for byte in get_as(b"  alice \t").replace(b"X-Tenant", b"x-tENANT"):
                client.sendall(bytes([byte]))
            self.assertEqual(read_answer(stream)[0], 200)
            for name in (b"alice", b"bob", b"b" * 64, b"bob"):
                ask(get_as(name))
            # Beyond the bound, and what is no name: too long, of other letters, a list.
            for name in (b"carol", b"b" * 65, b"\xc3\xa4", b"bob\r\nX-Tenant: bob"):
                ask(get_as(name))
            # No tenant.
            for text in (GET, get_as(b""), get_as(b"bob").replace(b"X-Tenant", b"X-Tenants")):
                ask(text)
        self.assertEqual(server.child.returncode, 0, server.report)
        self.assertEqual(server.value("served"), 12)
        self.assertEqual({name: (row["weight"], row["granted"])
                          for name, row in server.tenants().items()},
                         {"alice": (3, 2), "bob": (1, 2), "b" * 64: (1, 1), "(the rest)": (1, 4)})

    def test_both_sides_tell_the_same_of_each_tenant(self):
        with Server(limit=4, queue=8, work_us=2000, buffer_kib=1, tenants=None) as server:
            load = Load(server, duration=1, tenants=("greedy=30", "polite=2:20:3"))
        print(load.text, server.report, file=sys.stderr)
        self.assertEqual((load.code, server.child.returncode), (0, 0))
        names = ["greedy", "polite-1", "polite-2", "polite-3"]
        seen, told = tenant_table(load.text), server.tenants()
        self.assertEqual(list(seen), [names[0], "polite", *names[1:]])
        self.assertEqual(set(told), {*names, "(the rest)"})
        for name in names:
            self.assertEqual((seen[name]["served"], seen[name]["shed"]),
                             (told[name]["granted"], told[name]["shed"]), name)
            self.assertGreater(told[name]["granted"], 0, name)
        self.assertGreater(told["greedy"]["shed"], 0)
        for column in ("sent", "served", "shed"):
            self.assertEqual(seen["polite"][column], sum(seen[name][column] for name in names[1:]))
        self.assertEqual(seen["greedy"]["sent"] + seen["polite"]["sent"], load.value("sent"))
        self.assertLessEqual(server.value("peak in flight"), 4)
        help_text = subprocess.run([LOAD, "--help"], capture_output=True, text=True,
                                   check=True).stdout
        for column in seen["greedy"]:
            self.assertRegex(help_text, rf"(?m)^  {column}  ")

    def test_one_request_is_served_before_a_line_of_anothers(self):
        with Server(limit=1, queue=0, work_us=200_000, tenants=None) as server:
            greedy = [server.connect() for _ in range(40)]
            for client in greedy:
                client.sendall(get_as(b"greedy"))
            give_up = time.monotonic() + SOON
            while server.metrics()["waiters"] < len(greedy) // 2:
                self.assertLess(time.monotonic(), give_up)
            with server.connect() as client, client.makefile("rb") as stream:
                client.sendall(get_as(b"polite"))
                self.assertEqual(read_answer(stream)[0], 200)
            left = server.metrics()["waiters"]
            server.child.kill()  # a clean end would wait for the call
            for client in greedy:
                client.close()
        self.assertGreater(left, 0)


class ServerTest(unittest.TestCase):
    def test_a_signal_ends_it_when_all_that_was_asked_is_answered(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number), Server(limit=4, work_us=100_000) as server:
                clients = [server.connect() for _ in range(50)]
                streams = [client.makefile("rb") for client in clients]
                clients[0].sendall(GET)
                self.assertEqual(read_answer(streams[0])[0], 200)
                for client in clients[:40]:  # the others are idle
                    client.sendall(GET)
                server.child.send_signal(number)
                answers = [read_answer(stream) for stream in streams]
                self.assertEqual(server.child.wait(SOON), 0)
                self.assertEqual({status for status, _ in answers[:40]} - {200, 503}, set())
                self.assertEqual(answers[40:], [None] * 10)
                for client, stream in zip(clients, streams):
                    self.assertIsNone(read_answer(stream))
                    stream.close()
                    client.close()

    def test_clients_that_leave_while_they_wait(self):
        with Server(limit=2, work_us=20_000) as server:
            for _ in range(50):
                with server.connect() as client:
                    client.sendall(GET)
            with server.connect() as client, client.makefile("rb") as stream:
                client.sendall(GET)
                self.assertEqual(read_answer(stream)[0], 200)
        self.assertEqual(server.child.returncode, 0, server.report)
        self.assertLessEqual(server.value("peak in flight"), 2)

    def test_the_metrics_wait_for_no_permit(self):
        with Server(limit=2, queue=0, work_us=60_000_000) as server:
            clients = [server.connect() for _ in range(5)]
            for client in clients:
                client.sendall(GET)
            give_up = time.monotonic() + SOON
            held_and_waiting = None
            while held_and_waiting != (2, 3):
                self.assertLess(time.monotonic(), give_up, held_and_waiting)
                told = server.metrics()
                held_and_waiting = told["permits_held"], told["waiters"]
            self.assertGreater(told["oldest_wait_seconds"], 0)
            server.child.kill()  # a clean end would wait for the calls
            for client in clients:
                client.close()

    def test_only_get_and_head_of_that_very_path_ask_for_metrics(self):
        with Server(work_us=0) as server, server.connect() as client, \
                client.makefile("rb") as stream:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in GET.replace(b"/ ", b"/metrics "):  # the path in many packets
                client.sendall(bytes([byte]))
            self.assertIn("version=0.0.4", read_answer(stream)[1]["content-type"])
            client.sendall(GET.replace(b"GET / ", b"HEAD /metrics "))
            status, headers = read_answer(stream, body=False)
            self.assertEqual(status, 200)
            self.assertGreater(int(headers["content-length"]), 100)
            others = [b"/", b"/metric", b"/metrics2", b"/metrics/", b"/METRICS"]
            for path in others:
                client.sendall(GET.replace(b"/ ", path + b" ", 1))
                self.assertEqual(read_answer(stream)[1]["content-type"], "text/plain")
            client.sendall(b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(read_answer(stream)[1]["content-type"], "text/plain")
        self.assertEqual((server.value("metrics"), server.value("served")), (2, len(others) + 1))

    def test_requests_in_one_packet_are_answered_one_after_the_other(self):
        with Server(work_us=100) as server, server.connect() as client, \
                client.makefile("rb") as stream:
            client.sendall(GET * 200 + b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + GET)
            for _ in range(202):
                self.assertEqual(read_answer(stream)[0], 200)

    def test_a_request_in_many_packets(self):
        with Server(work_us=0) as server, server.connect() as client, \
                client.makefile("rb") as stream:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in GET:
                client.sendall(bytes([byte]))
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000)
            self.assertEqual(read_answer(stream)[0], 200)
            self.assertEqual(read_answer(stream)[0], 200)

    def test_the_connection_ends_when_the_client_says_so(self):
        for request in (b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"):
            with Server(work_us=0) as server, server.connect() as client, \
                    client.makefile("rb") as stream:
                client.sendall(request)
                self.assertEqual(read_answer(stream)[1]["connection"], "close")
                self.assertIsNone(read_answer(stream))

    def test_head_has_no_body(self):
        with Server(work_us=0) as server, server.connect() as client, \
                client.makefile("rb") as stream:
            client.sendall(GET.replace(b"GET", b"HEAD") + GET)
            self.assertEqual(read_answer(stream, body=False)[0], 200)
            self.assertEqual(read_answer(stream)[0], 200)

    def test_what_is_not_http(self):
        with Server(work_us=0) as server, server.connect() as client, \
                client.makefile("rb") as stream:
            client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            self.assertEqual(read_answer(stream)[0], 400)
            self.assertIsNone(read_answer(stream))
        self.assertEqual(server.value("malformed"), 1)

    def test_the_duration_ends_it(self):
        with Server(duration=1) as server:
            self.assertEqual(server.child.wait(SOON), 0)

    def test_where_io_uring_is_refused_it_says_so(self):
        if not can(deny_io_uring):
            self.skipTest("no seccomp filters here")
        done = subprocess.run([SERVER, "--port", "0"], preexec_fn=deny_io_uring, timeout=SOON,
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("io_uring is refused: Function not implemented", done.stderr)


class LoadTest(unittest.TestCase):
    def test_each_row_and_column_of_its_table_is_explained(self):
        told = subprocess.run([LOAD, "--help"], capture_output=True, text=True, check=True).stdout
        with Server(work_us=0) as server:
            table = Load(server, connections=2, duration=1).text
        columns, *rows = table.split("\n\n")[1].splitlines()
        for column in re.split(r"  +", columns.strip()):
            self.assertRegex(told, rf"(?m)^  {column}  ")
        self.assertEqual([row.split()[0] for row in rows],
                         ["served", "shed", "timeout", "late", "other", "lost", "sent"])
        for row in rows:
            self.assertRegex(told, rf"(?m)^  {row.split()[0]}  ")

    def test_what_is_no_tenant_is_refused(self):
        for program in (SERVER, LOAD):
            for text in ("one", "=1", "one=", "one=0", "one=x", "one=1:1:1:1", "o ne=1",
                         "o" * 65 + "=1"):
                done = subprocess.run([program, "--tenant", text], capture_output=True, text=True,
                                      timeout=SOON, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ""), text)
                self.assertIn("--tenant: ", done.stderr)


if __name__ == "__main__":
    SERVER, LOAD = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
    PROBE = subprocess.run([SERVER, "--port", "0", "--duration", "1"], capture_output=True,
                           text=True, timeout=SOON, check=False)
    if PROBE.returncode == 2 and "io_uring is refused" in PROBE.stderr:
        print(PROBE.stderr, file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
