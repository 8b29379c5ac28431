#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A holder by another scheme, in the place of fleet_holder: what fleet_chaos compares with.

  permit-leases  A count of free permits, and a sorted set of the permits that are out, by the time
                 at which each ends, as Redisson documents its RPermitExpirableSemaphore: the time
                 is the client's wall clock, and an acquire first takes back as many permits that
                 have ended as it asks for. Written from the description.
  counter        INCR, and DECR if that was too many; DECR to release; each acquire sets a TTL.

Both are helped where their users would have to help themselves: who finds no count sets it anew,
and a release whose connection breaks is tried once more.
"""

import mmap
import os
import random
import signal
import socket
import struct
import sys
import threading
import time

HEAD, PAGE, MARKS, MARK = 64, 64, 16, 6  # words, as in world.h
QUITS, LIMIT, WORKERS, LEASE, _, _, _, LEAST, MOST = range(9)
ALIVE, STOPS, _, HELD, LEASED, _, _, ACQUIRED, LATE = range(9)

TAKE = """
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], 0, ARGV[1], 'LIMIT', 0, 1)
for _, id in ipairs(ended) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('INCR', KEYS[1])
end
local free = redis.call('GET', KEYS[1])
if not free then return -1 end
if tonumber(free) < 1 then return 0 end
redis.call('DECR', KEYS[1])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
return 1
"""
GIVE = """
if redis.call('ZREM', KEYS[2], ARGV[1]) == 1 then return redis.call('INCR', KEYS[1]) end
return 0
"""


def now():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Server:
    """Redis' protocol, as far as integers and errors go."""

    def __init__(self, url):
        host, port = url.split("//")[1].split(":")
        self.at = (host, int(port))
        self.file = None

    def ask(self, *words):
        try:
            if self.file is None:
                connection = socket.create_connection(self.at, 0.2)
                self.file = connection.makefile("rwb")
                connection.close()  # the file keeps it
            parts = [str(word).encode() for word in words]
            self.file.write(b"*%d\r\n" % len(parts) +
                            b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
            self.file.flush()
            line = self.file.readline()
            if not line.endswith(b"\r\n"):
                raise OSError("closed")
        except OSError:
            self.file = None
            raise
        if line[:1] == b":":
            return int(line[1:])
        if line[:1] == b"$" and int(line[1:]) >= 0:
            return self.file.readline()
        if line[:1] == b"-":
            raise OSError(line.decode())
        return None


class PermitLeases:
    def __init__(self, server, limit, lease):
        self.server, self.limit, self.lease = server, limit, lease

    def take(self):
        """The permit and the end of its lease, or nothing."""
        self.begun = now()
        self.id = random.randbytes(16).hex()
        wall = int(time.time() * 1000)
        got = self.server.ask("EVAL", TAKE, 2, "p", "p:timeout", wall,
                              wall + self.lease // 1_000_000, self.id)
        if got == -1:
            self.server.ask("SET", "p", self.limit, "NX")
        return self.begun + self.lease if got == 1 else None

    def give(self):
        self.server.ask("EVAL", GIVE, 2, "p", "p:timeout", self.id)


class Counter:
    def __init__(self, server, limit, lease):
        self.server, self.limit, self.lease = server, limit, lease

    def take(self):
        n = self.server.ask("INCR", "c")
        self.server.ask("PEXPIRE", "c", self.lease // 1_000_000)
        if n <= self.limit:
            return now() + 3_600_000_000_000
        self.server.ask("DECR", "c")
        return None

    def give(self):
        self.server.ask("DECR", "c")


SCHEMES = {"permit-leases": PermitLeases, "counter": Counter}


def work(words, index, worker, make, path):
    page = HEAD + index * PAGE
    mark = page + MARKS + worker * MARK
    resource = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    resource.bind("")
    resource.connect(path)

    def step(begins):
        resource.send(struct.pack("6Q", index, worker, begins, 1, 0, 0))
        resource.recv(1)

    scheme = make()
    while not words[QUITS]:
        stops = words[page + STOPS]
        try:
            until = scheme.take()
        except OSError:
            until = None
        if until is None:
            time.sleep(random.uniform(0.01, 0.03))
            continue
        begun = now()
        if begun < until:  # as one who looks at the clock
            words[mark + 1], words[mark + 2], words[mark + 3] = begun, until, stops
            words[mark] = 1
            words[page + ACQUIRED] += 1
            step(1)
            time.sleep(random.uniform(words[LEAST], words[MOST]) / 1e9)
            words[mark] = 0
            step(0)
        else:
            words[page + LATE] += 1
        for _ in range(2):
            try:
                scheme.give()
                break
            except OSError:
                pass


def main():
    path, index, url, resource, name = sys.argv[1:6]
    index = int(index)
    with open(path, "r+b") as file:
        words = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")

    def make():
        return SCHEMES[name](Server(url), words[LIMIT], words[LEASE])

    page = HEAD + index * PAGE
    if "--count-free" in sys.argv:
        scheme, free = make(), 0
        scheme.lease = 3_600_000_000_000
        scheme.take()  # which may set the count anew, or take back what has ended
        scheme.give()
        while free < 10 * words[LIMIT] and scheme.take() is not None:
            free += 1
        words[page + LEASED] = free
        return
    parent = os.getppid()
    threads = [threading.Thread(target=work, args=(words, index, i, make, resource), daemon=True)
               for i in range(words[WORKERS])]
    words[page + ALIVE] = 1
    for thread in threads:
        thread.start()
    while not words[QUITS]:
        words[page + HELD] = sum(words[page + MARKS + i * MARK] for i in range(words[WORKERS]))
        time.sleep(0.02)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
    for thread in threads:
        thread.join()
    words[page + ALIVE] = 0


main()
