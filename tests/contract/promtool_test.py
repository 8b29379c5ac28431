#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What others make of the exposition: `promtool check metrics` of the Prometheus text, with its
lint, and the parsers of Python's prometheus_client of both formats, whose samples must agree.
Parts whose tool is missing are left out; without any the test is skipped."""

import argparse
import os
import shutil
import subprocess
import sys

PROMETHEUS, OPENMETRICS = "0", "1"
CLIENTS = "1"
SKIPPED = 77

NAME = 'back\\slash "quoted"\nline \N{REPLACEMENT CHARACTER}'


def run(program, output_format, flags):
    return subprocess.run([program, output_format, flags], check=True,
                          stdout=subprocess.PIPE).stdout.decode("utf-8")


def check_by_promtool(promtool, text):
    answer = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if answer.returncode != 0 or answer.stdout.strip():
        sys.exit(f"promtool: {answer.returncode}\n{answer.stdout}")
    print(f"promtool has no objection to {len(text.splitlines())} lines")


def samples_of(families):
    """By family and sample: {(name, labels): value}, without those of creation."""
    found = {}
    for family in families:
        for sample in family.samples:
            if sample.name.endswith("_created"):
                assert sample.value > 1e9, sample
                continue
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"twice: {key}"
            found[key] = sample.value
    return found


def check_values(samples):
    def value(name, **labels):
        return samples[(name, tuple(sorted(labels.items())))]

    sem = {"semaphore": NAME, "id": "1"}
    assert value("afflux_semaphore_permits_limit", **sem) == 2
    assert value("afflux_semaphore_permits_held", **sem) == 1
    for outcome, count in {"fast": 2, "granted": 1, "canceled": 1, "timed_out": 1, "rejected": 1,
                           "try_failed": 1, "dropped": 0, "closed": 0, "impossible": 0}.items():
        got = value("afflux_semaphore_requests_total", outcome=outcome, **sem)
        assert got == count, (outcome, got)
    for times in ("wait", "hold"):
        assert value(f"afflux_semaphore_{times}_seconds_count", **sem) == 1
        buckets = [v for (name, labels), v in samples.items()
                   if name == f"afflux_semaphore_{times}_seconds_bucket"]
        assert len(buckets) == 17 and buckets == sorted(buckets) and buckets[-1] == 1
    counters_only = {"semaphore": "counters", "id": "2"}
    assert value("afflux_semaphore_queued_total", **counters_only) == 3
    shared = {"semaphore": "shared", "id": "4"}
    assert value("afflux_tenants", **shared) == 12
    greedy = {"tenant": "greedy \N{REPLACEMENT CHARACTER}", "tenant_id": "1", **shared}
    for name, wanted in {"permits_held": 1, "permits_cap": 1, "permits_acquired_total": 2,
                         "waits_total": 1, "rejected_total": 1, "timed_out_total": 1}.items():
        assert value("afflux_tenant_" + name, **greedy) == wanted, name
    for twin in ("2", "3"):
        assert value("afflux_tenant_weight", tenant="twin", tenant_id=twin, **shared) == 1
    assert value("afflux_tenant_weight", tenant="other", **shared) == 2
    assert value("afflux_tenant_permits_held", tenant="default", **shared) == 0
    client = {"client": NAME, "id": "1"}
    assert value("afflux_client_requests_total", **{"class": "GET"}, **client) == 3
    # Two names that are not UTF-8 look alike.
    assert value("afflux_client_requests_total",
                 **{"class": "\N{REPLACEMENT CHARACTER}"}, **client) == 12
    assert value("afflux_client_responses_total", code="404", **client) == 2
    assert value("afflux_client_rejected_total", **client) == 3
    assert value("afflux_clients_rejected_total") == 3
    assert -3600 < value("afflux_client_drift_seconds", **client) < 0


def check_by_parsers(program):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as prometheus
    plain = samples_of(prometheus(run(program, PROMETHEUS, CLIENTS)))
    check_values(plain)
    families = list(openmetrics(run(program, OPENMETRICS, CLIENTS)))
    check_values(samples_of(families))
    assert samples_of(families).keys() == plain.keys()
    units = {f.name: f.unit for f in families if f.unit}
    assert units["afflux_semaphore_wait_seconds"] == "seconds", units
    assert units["afflux_clients_bytes"] == "bytes", units
    created = [s for f in families for s in f.samples if s.name.endswith("_created")]
    assert created
    print(f"{len(plain)} samples, alike in both formats")


def with_parsers():
    """Debian's Python has them; it may not be the first in PATH."""
    try:
        import prometheus_client  # noqa: F401
        return True
    except ImportError:
        other = "/usr/bin/python3"
        if os.environ.get("AFFLUX_TEST_PYTHON") is None and os.access(other, os.X_OK):
            os.environ["AFFLUX_TEST_PYTHON"] = other
            os.execv(other, [other, *sys.argv])
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    program = parser.parse_args().program
    parsers = with_parsers()
    promtool = shutil.which("promtool")
    if promtool:
        for flags in ("0", CLIENTS):
            check_by_promtool(promtool, run(program, PROMETHEUS, flags))
    if parsers:
        check_by_parsers(program)
    if not promtool and not parsers:
        sys.exit(SKIPPED)


main()
