# SPDX-License-Identifier: MIT OR Apache-2.0
"""A Prometheus server of the test's own: its own configuration, storage and port."""

import json
import re
import subprocess
import tempfile
import threading
import urllib.parse
import urllib.request
from pathlib import Path

CONFIGURATION = """\
global:
  scrape_interval: {interval}
  scrape_timeout: {interval}
scrape_configs:
{jobs}"""

JOB = """\
  - job_name: {name}
    static_configs:
      - targets: ['{address}']
"""


class Prometheus:
    """Scrapes {job: 'host:port'} for a `with` block."""

    # A scrape may take no longer than the interval: on a busy machine 250 ms were too short.
    def __init__(self, targets, interval="1s", soon=60):
        self._soon = soon
        self._folder = tempfile.TemporaryDirectory(prefix="afflux-prometheus-")
        folder = Path(self._folder.name)
        jobs = "".join(JOB.format(name=name, address=address)
                       for name, address in targets.items())
        (folder / "prometheus.yml").write_text(
            CONFIGURATION.format(interval=interval, jobs=jobs), encoding="utf-8")
        self._command = ["prometheus", f"--config.file={folder}/prometheus.yml",
                         f"--storage.tsdb.path={folder}/data",
                         "--web.listen-address=127.0.0.1:0", "--log.level=info"]
        self._child = self._log_reader = None
        self._port = 0
        self._ready = threading.Event()
        self.log = []

    def __enter__(self):
        self._child = subprocess.Popen(self._command, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True)
        self._log_reader = threading.Thread(target=self._read_log)
        self._log_reader.start()
        if not self._ready.wait(self._soon) or self._port == 0:
            self.__exit__()
            raise AssertionError("Prometheus does not start:\n" + "".join(self.log))
        return self

    def __exit__(self, *failure):
        self._child.terminate()
        self._log_reader.join()
        self._child.wait()
        self._child.stderr.close()
        self._folder.cleanup()

    def _read_log(self):
        storage = False
        for line in self._child.stderr:
            self.log.append(line)
            address = re.search(r'"?Listening on"? address=127\.0\.0\.1:(\d+)', line)
            if address:
                self._port = int(address.group(1))
            if "Server is ready to receive web requests" in line:
                storage = True
            if storage and self._port != 0:  # which of them is told first is not said
                self._ready.set()
        self._ready.set()  # it has ended

    def ask(self, path, **parameters):
        """The data that an API call answers; urllib.error.HTTPError where it is a bad one."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                f"http://127.0.0.1:{self._port}/api/v1/{path}?{query}",
                timeout=self._soon) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        """An instant query's samples: [(labels, value)]."""
        return [(sample["metric"], float(sample["value"][1]))
                for sample in self.ask("query", query=expression)["result"]]
