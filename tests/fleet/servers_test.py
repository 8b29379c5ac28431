#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two uring_servers of the examples behind one limit on a redis-server that this starts.

usage: servers_test.py SERVER LOAD AFFLUX_FLEET

Skipped (77) where there is no redis-server, or the machine refuses io_uring."""

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

SERVER, LOAD, COMMAND = sys.argv[1:]
LIMIT = 8
SOON = 60  # seconds: generous for a loaded machine


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def start_server(url):
    child = subprocess.Popen([SERVER, "--port", "0", "--fleet", url, "--fleet-name", "backend",
                              "--limit", "8", "--work-us", "5000", "--threads", "1"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = child.stdout.readline()
    if not line.startswith("listening"):
        why = child.communicate(timeout=SOON)[1]
        if "io_uring" in why:
            skip(why)
        raise AssertionError(why)
    return child, line.rsplit(":", 1)[1].strip()


def metrics(port):
    """{series: value} of the fleet, and the whole text."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SOON) as answer:
        text = answer.read().decode()
    return {series: float(value) for series, value in
            re.findall(r'^afflux_fleet_(\w+)\{fleet="backend",id="\d+"\} (\S+)$', text, re.M)}, text


def run(folder):
    url = f"unix://{folder}/s"
    for _ in range(1000):
        made = subprocess.run([COMMAND, "create", url, "backend", str(LIMIT), "--fresh"],
                              stderr=subprocess.PIPE, text=True, check=False, timeout=SOON)
        if made.returncode == 0:
            break
        time.sleep(0.01)
    assert made.returncode == 0, made.stderr

    def show():
        return json.loads(subprocess.check_output([COMMAND, "show", url, "backend", "--json"],
                                                  timeout=SOON))

    servers = [start_server(url) for _ in range(2)]
    ports = [port for _, port in servers]
    loads = [subprocess.Popen([LOAD, "--port", port, "--connections", "16", "--duration", "3"],
                              stdout=subprocess.PIPE, text=True) for port in ports]
    while any(load.poll() is None for load in loads):
        both = [metrics(port) for port in ports]
        assert sum(m["permits_leased"] for m, _ in both) <= LIMIT, both
        assert all("afflux_semaphore_permits_held" in text for _, text in both), both
        assert show()["leased"] <= LIMIT
        time.sleep(0.05)
    for load in loads:
        report = load.communicate(timeout=SOON)[0]
        served = int(re.search(r"^served +(\d+)", report, re.M).group(1))
        print(report)
        assert served > 0, report
    now = show()
    assert len(now["holders"]) == 2 and now["limit"] == LIMIT, now
    for child, _ in servers:
        child.send_signal(signal.SIGTERM)
    for child, _ in servers:
        report = child.communicate(timeout=SOON)[0]
        print(report)
        assert child.returncode == 0, report
        assert re.search(r"^fleet +backend: leased \d of 8, ", report, re.M), report
    now = show()
    assert now["leased"] == 0 and now["holders"] == [], now


if shutil.which("redis-server") is None:
    skip("no redis-server")
with tempfile.TemporaryDirectory(prefix="afflux-fleet-") as room:
    redis = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", room + "/s", "--dir",
                              room, "--save", ""], stdout=subprocess.DEVNULL)
    try:
        run(room)
    finally:
        redis.kill()
        redis.wait()
