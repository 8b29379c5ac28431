# SPDX-License-Identifier: MIT OR Apache-2.0
"""The type hints: mypy --strict over a sample, and the stub beside the extension."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import afflux

HERE = Path(__file__).parent


def test_mypy_accepts_the_sample(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--warn-unused-ignores",
            f"--cache-dir={tmp_path}",
            str(HERE / "typed_sample.py"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stub_has_what_the_extension_has(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    allowed = tmp_path / "allowed"
    # Dunder methods of slots, and the named tuples, which C makes in its own way.
    allowed.write_text(
        r"afflux(\._afflux)?\.(Client|Control|Event|Semaphore|Permits|Taken|Tenant)"
        "\n"  # @disjoint_base is too new
        r"afflux\._afflux\.(Acquire|_Mailbox).*"
        "\n"
        r"afflux(\._afflux)?\.(Acquire|Stats|ClientSummary|ControlStats|Health|Times|Holder).*"
        "\n"
        r"afflux(\._afflux)?\.TenantStats.*"
        "\n"
        r"afflux\._trio.*"
        "\n"
        r".*\.__(class_getitem|match_args|new|init)__"
        "\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy.stubtest",
            "afflux",
            "--ignore-missing-stub",
            "--allowlist",
            str(allowed),
            "--ignore-unused-allowlist",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_is_documented() -> None:
    for name in afflux.__all__:
        item = getattr(afflux, name)
        if isinstance(item, type):
            assert item.__doc__, name
            for member, value in vars(item).items():
                public = not member.startswith("_") and callable(value)
                if public and item.__module__.startswith("afflux") and name != "Acquire":
                    assert getattr(value, "__doc__", None), f"{name}.{member}"


def test_the_stub_names_every_field() -> None:
    stub = (Path(afflux.__file__).parent / "_afflux.pyi").read_text()
    sem = afflux.Semaphore(ledger=1, statistics="full")
    with sem.acquire_blocking():
        tuples: list[object] = [sem.stats(), sem.health(), sem.wait_times(), *sem.holders()]
    tuples += [afflux.Client().summary(), afflux.Control(sem).stats(), afflux.Tenant(sem).stats()]
    assert len(tuples) == 7
    for made in tuples:
        body = stub.split(f"class {type(made).__name__}(NamedTuple):\n")[1].split("\nclass ")[0]
        fields = [
            line.split(":")[0].strip()
            for line in body.splitlines()
            if ": " in line or line.strip().endswith("[")
        ]
        assert fields == list(type(made).__match_args__)  # type: ignore[attr-defined]


HEADERS = {
    "afflux_sem_stats": afflux.Stats,
    "afflux_client_summary_t": afflux.ClientSummary,
    "afflux_control_stats": afflux.ControlStats,
    "afflux_tenant_stats": afflux.TenantStats,
}


@pytest.mark.parametrize("struct", HEADERS)
def test_every_counter_of_the_library_is_there(struct: str) -> None:
    """ext/fields.py makes the named tuples from the headers. Read in another way they say the
    same."""
    include = subprocess.run(
        ["pkg-config", "--variable=includedir", "afflux"], capture_output=True, text=True
    )
    if include.returncode != 0:
        pytest.skip("pkg-config does not find the library")
    headers = Path(include.stdout.strip()) / "afflux"
    names = ("stats.h", "client.h", "control.h", "tenant.h")
    text = "".join((headers / name).read_text() for name in names)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    body = re.search(rf"typedef struct {struct} {{(.*?)}} {struct};", text, re.DOTALL)
    assert body is not None
    declared = re.findall(r"[ ,](\w+)(?:\[\w+\])?(?=[;,])", body[1])
    made = list(HEADERS[struct].__match_args__)  # type: ignore[attr-defined]
    assert sorted(made) == sorted(set(declared) - {"struct_size", "reserved", "later"})
