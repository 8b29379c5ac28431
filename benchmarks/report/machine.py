# SPDX-License-Identifier: MIT OR Apache-2.0
"""On what is measured."""

import datetime
import json
import os
import platform
import re
import subprocess
from pathlib import Path


def processor():
    try:
        names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), flags=re.M)
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def compiler(folder):
    """What built the programs of `folder`, as it names itself."""
    try:
        targets = json.loads((folder.parent / "meson-info/intro-targets.json").read_text())
        command = next(source["compiler"] for target in targets
                       for source in target["target_sources"] if source.get("language") == "cpp")
        return subprocess.run([*command, "--version"], capture_output=True, text=True,
                              check=True).stdout.splitlines()[0]
    except (OSError, KeyError, ValueError, IndexError, StopIteration,
            subprocess.CalledProcessError):
        return "unknown compiler"


def described(folder, launches):
    today = datetime.date.today().isoformat()
    count = f"{launches} launch{'es' if launches > 1 else ''}"
    return (f"{today}, {os.cpu_count()} × {processor()}, {platform.system()} "
            f"{platform.release()}, {compiler(folder)}, {count}, load before "
            f"{os.getloadavg()[0]:.1f}")
