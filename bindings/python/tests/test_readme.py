# SPDX-License-Identifier: MIT OR Apache-2.0
"""The README's programs run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_there_are_programs() -> None:
    assert len(PROGRAMS) == 7


@pytest.mark.parametrize(
    "program",
    PROGRAMS,
    ids=["first", "tour", "shedding", "several", "control", "tenants", "clients"],
)
def test_program(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
