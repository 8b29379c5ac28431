# SPDX-License-Identifier: MIT OR Apache-2.0
"""Scrapes in a thread of its own, so that a server that does not answer never holds up the keys."""

import queue
import threading
import time

from . import scrape


class Watcher(threading.Thread):
    """Puts a Snapshot or a ScrapeError into `found` every `interval` seconds, and then calls
    `notify`."""

    def __init__(self, url, interval, notify):
        super().__init__(daemon=True)
        self.found = queue.SimpleQueue()
        self._url, self._interval, self._notify = url, interval, notify

    def run(self):
        due = time.monotonic()
        while True:
            try:
                self.found.put(scrape.scrape(self._url))
            except scrape.ScrapeError as error:
                self.found.put(error)
            self._notify()
            # After a slow answer the next one is due at once, but those missed are not made up for.
            now = time.monotonic()
            due = max(due + self._interval, now)
            time.sleep(due - now)
