# SPDX-License-Identifier: MIT OR Apache-2.0
"""Bounded downloads: many files from a server, never more than a few at once.

The server is a local one that the example starts itself. It counts how many requests it serves at
once, which must never be more than the limit, although tasks of an event loop and a pool of threads
download at the same time::

    python examples/downloads.py --files 200 --limit 8
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import afflux
from afflux import Priority

LATENCY = 0.01  # seconds that the server takes for a file


def content(path: str) -> bytes:
    """What the server has under `path`: 32 KiB that can be checked."""
    return hashlib.sha256(path.encode()).digest() * 1024


class Handler(BaseHTTPRequestHandler):
    lock = threading.Lock()
    serving = 0
    most = 0

    def do_GET(self) -> None:
        cls = type(self)
        with cls.lock:
            cls.serving += 1
            cls.most = max(cls.most, cls.serving)
        body = content(self.path)
        # Counted out before the last byte: the client may come back at once with the next request.
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:-1])
        time.sleep(LATENCY)
        with cls.lock:
            cls.serving -= 1
        self.wfile.write(body[-1:])

    def log_message(self, *args: object) -> None:
        pass


def download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:
        return bytes(response.read())


async def download_async(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        await writer.drain()
        answer = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    return answer.partition(b"\r\n\r\n")[2]


async def run(host: str, port: int, files: int, downloads: afflux.Semaphore) -> int:
    async def by_task(i: int) -> int:
        path = f"/task/{i}"
        # The first files are what the user looks at: they overtake those that wait.
        priority = Priority.HIGH if i < 5 else Priority.NORMAL
        async with downloads.acquire(priority=priority, timeout=60, tag=path):
            body = await download_async(host, port, path)
        assert body == content(path)
        return len(body)

    def by_thread(i: int) -> int:
        path = f"/thread/{i}"
        with downloads.acquire_blocking(timeout=60, tag=path):
            body = download(f"http://{host}:{port}{path}")
        assert body == content(path)
        return len(body)

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(max_workers=16) as pool:
        threads = [loop.run_in_executor(pool, by_thread, i) for i in range(files // 2)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(by_task(i)) for i in range(files - files // 2)]
        total = sum(await asyncio.gather(*threads))
    return total + sum(task.result() for task in tasks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--limit", type=int, default=8)
    options = parser.parse_args()

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host, port = "127.0.0.1", server.server_address[1]
    downloads = afflux.Semaphore(
        options.limit, name="downloads", statistics="full", ledger=options.limit
    )
    registry = afflux.Registry()
    registry.add(downloads)
    try:
        size = asyncio.run(run(host, port, options.files, downloads))
    finally:
        server.shutdown()
        server.server_close()

    stats, waits = downloads.stats(), downloads.wait_times()
    assert Handler.most <= options.limit, Handler.most
    assert stats.held == 0
    print(f"{options.files} files, {size:,} bytes; at once: {Handler.most} of {options.limit}")
    print(f"{stats.granted} waited, half of them at least {waits.p50_ns / 1e6:.1f} ms")
    for line in registry.render().splitlines():
        if line.startswith("afflux_semaphore_requests_total") and not line.endswith(" 0"):
            print(line)


if __name__ == "__main__":
    main()
