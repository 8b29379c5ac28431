# SPDX-License-Identifier: MIT OR Apache-2.0
"""A server that answers what a test gives it, in place of a process that exports its metrics."""

import contextlib
import http.server
import socket
import threading

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def semaphore(name, number, **values):
    """The lines of one semaphore, in the order of its arguments; waits: {bound: up to it}."""
    labels = f'semaphore="{name}",id="{number}"'
    plain = {"limit": "permits_limit", "held": "permits_held", "waiting": "waiters",
             "oldest": "oldest_wait_seconds"}
    lines = []
    for what, value in values.items():
        if what in plain:
            lines.append(f"afflux_semaphore_{plain[what]}{{{labels}}} {value}")
        elif what == "acquired":
            fast, queued = value
            lines += [f'afflux_semaphore_permits_acquired_total{{{labels},path="fast"}} {fast}',
                      f'afflux_semaphore_permits_acquired_total{{{labels},path="queued"}} {queued}']
        elif what == "waits":
            lines += [f'afflux_semaphore_wait_seconds_bucket{{{labels},le="{bound}"}} {count}'
                      for bound, count in value.items()]
        else:
            lines.append(f'afflux_semaphore_requests_total{{{labels},outcome="{what}"}} {value}')
    return "\n".join(lines) + "\n"


def tenant(semaphore_name, number, name, tenant_id, **values):
    """The lines of one tenant; without an id of `default` or `other`."""
    labels = f'semaphore="{semaphore_name}",id="{number}",tenant="{name}"'
    if tenant_id is not None:
        labels += f',tenant_id="{tenant_id}"'
    names = {"weight": "weight", "held": "permits_held", "waiting": "waiters",
             "acquired": "permits_acquired_total", "refused": "rejected_total",
             "timed_out": "timed_out_total", "used": "permit_seconds_total",
             "waits": "waits_total", "wait_sum": "wait_seconds_total"}
    return "".join(f"afflux_tenant_{names[what]}{{{labels}}} {value}\n"
                   for what, value in values.items())


# Two semaphores, one of them with a histogram.
DATABASE = semaphore("database", 1, limit=64, held=64, waiting=3, oldest=0.0125,
                     acquired=(1000, 200), rejected=5, dropped=2, timed_out=7, granted=199,
                     waits={"0.001": 0, "0.01": 100, "0.1": 200, "+Inf": 200})
UPLOADS = semaphore("uploads to disk", 2, limit=8, held=2, waiting=0, oldest=0,
                    acquired=(10, 0), rejected=0, timed_out=0)
PAGE = DATABASE + UPLOADS


class StandIn:
    """Answers GET on a free port of 127.0.0.1 from its own threads, for a `with` block.

    page: called with the number of the request, from 0; answers text, or
    (status, content type, bytes). It may block.
    """

    def __init__(self, page):
        self.page = page
        self.requests = []  # their headers
        self._changed = threading.Condition()
        self._port = 0
        self._claim = self._server = self._thread = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}/metrics"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        if self._server is not None:
            self.stop()
        self._claim.close()

    def start(self):
        """At the port that it had before, if it had one."""
        stand_in = self
        if self._claim is None:
            # Keeps the port while nobody listens there: another test might take it, and even a
            # client that connects to it might be given it for its own end, and reach itself.
            self._claim = socket.socket()
            self._claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._claim.bind(("127.0.0.1", 0))
            self._port = self._claim.getsockname()[1]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                stand_in.answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def server_bind(self):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                super().server_bind()

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self):
        """From now on connections are refused."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server = None

    def answer(self, handler):
        with self._changed:
            number = len(self.requests)
            self.requests.append(handler.headers)
            self._changed.notify_all()
        found = self.page(number)
        status, kind, body = found if isinstance(found, tuple) else (200, PROMETHEUS,
                                                                     found.encode())
        with contextlib.suppress(ConnectionError):  # a client may have gone meanwhile
            handler.send_response(status)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

    def wait_for_request(self, number, timeout):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) > number, timeout):
                raise AssertionError(f"request {number} did not come")
