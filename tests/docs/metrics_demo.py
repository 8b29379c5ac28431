# SPDX-License-Identifier: MIT OR Apache-2.0
"""The program metrics_server, for tests."""

import json
import signal
import subprocess
import urllib.error
import urllib.request

SOON = 60  # seconds: generous for a loaded machine, far below what a hang would take


class Demo:
    """At a free port unless one is given, for a `with` block."""

    def __init__(self, program, *options, port=0):
        self.child = subprocess.Popen([program, "--port", str(port), *options],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.child.stdout.readline()
        if not line.startswith("listening on 127.0.0.1:"):
            self.child.kill()
            raise AssertionError(line + self.child.communicate()[1])
        self.address = line.split()[-1]
        self.port = int(self.address.split(":")[1])

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if failure[0] is not None:
            self.child.kill()
        if self.child.poll() is None:
            self.end()
        self.child.communicate()

    def end(self, number=signal.SIGTERM):
        """The exit status and what it said at the end."""
        self.child.send_signal(number)
        said = "".join(self.child.communicate(timeout=SOON))
        return self.child.returncode, said

    def ask(self, path, accept=None, method="GET"):
        """(status, Content-Type, text)"""
        request = urllib.request.Request(f"http://{self.address}{path}", method=method,
                                         headers={"Accept": accept} if accept else {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SOON) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read().decode()

    def stats(self):
        """What the C API tells."""
        return json.loads(self.ask("/debug/stats.json")[2])


# Where the C API's numbers of a semaphore are in the exposition: name and labels beside those of
# the semaphore, the field, and its unit.
SEMAPHORE_SERIES = [
    ("permits_limit", {}, "limit", 1),
    ("permits_held", {}, "held", 1),
    ("permits_available", {}, "available", 1),
    ("waiters", {}, "waiters", 1),
    ("queue_bytes", {}, "queue_bytes", 1),
    ("permits_acquired_total", {"path": "fast"}, "acquired_fast", 1),
    ("permits_acquired_total", {"path": "queued"}, "acquired_after_wait", 1),
    ("permits_released_total", {}, "released", 1),
    ("requests_total", {"outcome": "fast"}, "requests_fast", 1),
    ("requests_total", {"outcome": "granted"}, "granted", 1),
    ("requests_total", {"outcome": "canceled"}, "canceled", 1),
    ("requests_total", {"outcome": "timed_out"}, "timed_out", 1),
    ("requests_total", {"outcome": "rejected"}, "rejected", 1),
    ("requests_total", {"outcome": "dropped"}, "dropped", 1),
    ("requests_total", {"outcome": "closed"}, "closed_out", 1),
    ("requests_total", {"outcome": "impossible"}, "impossible", 1),
    ("requests_total", {"outcome": "try_failed"}, "try_failed", 1),
    ("queued_total", {}, "queued", 1),
    ("resizes_total", {}, "resizes", 1),
]

# The same of its histograms, where it has any.
HISTOGRAM_SERIES = [
    ("wait_seconds_count", "wait_count", 1),
    ("wait_seconds_sum", "wait_sum_ns", 1e-9),
    ("hold_seconds_count", "hold_count", 1),
    ("hold_seconds_sum", "hold_sum_ns", 1e-9),
]
