# SPDX-License-Identifier: MIT OR Apache-2.0
"""Fetches and reads what a process exports: HTTP is urllib's, the text is prometheus_client's."""

import http.client
import ipaddress
import math
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Optional
from urllib.parse import urlsplit, urlunsplit

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

DEFAULT_URL = "http://127.0.0.1:9464/metrics"
PREFIX = "afflux_semaphore_"
TENANT_PREFIX = "afflux_tenant_"
TENANTS = "afflux_tenants"
TIMEOUT_S = 5
MOST_BYTES = 64 << 20
CUT_OFF = "the answer was cut off"

GAUGES = {
    "permits_limit": "limit",
    "permits_held": "held",
    "waiters": "waiting",
}
TENANT_NUMBERS = {
    "permits_held": "held",
    "waiters": "waiting",
    "weight": "weight",
    "permits_acquired_total": "acquired",
    "timed_out_total": "timed_out",
    "rejected_total": "refused",
    "permit_seconds_total": "used",
    "waits_total": "waits",
    "wait_seconds_total": "wait_sum",
}


class ScrapeError(Exception):
    """Why there are no numbers, in words for the user."""


@dataclass
class Reading:
    """One semaphore at one moment. Totals count from the semaphore's creation; they and the age
    are None for one that counts nothing (AFFLUX_STATS_OFF)."""

    name: str
    id: str
    limit: int = 0
    held: int = 0
    waiting: int = 0
    oldest: Optional[float] = None
    acquired: Optional[int] = None
    refused: Optional[int] = None
    timed_out: Optional[int] = None
    waits: dict = field(default_factory=dict)  # upper bound in seconds: how many up to it


@dataclass
class TenantReading:
    """One tenant at one moment, or the requests that name none, or all others together: these two
    have no id and no totals."""

    name: str
    id: str
    weight: int = 0
    held: int = 0
    waiting: int = 0
    acquired: Optional[int] = None
    refused: Optional[int] = None
    timed_out: Optional[int] = None
    used: Optional[float] = None  # permit-seconds
    waits: Optional[int] = None
    wait_sum: Optional[float] = None  # seconds


@dataclass
class Tenants:
    """Of one semaphore."""

    count: int = 0  # also those that are not told of by themselves
    readings: dict = field(default_factory=dict)  # (name, id): TenantReading


@dataclass
class Snapshot:
    """All semaphores at one moment of the monotonic clock."""

    at: float
    readings: dict  # (name, id): Reading
    tenants: dict  # (name, id) of a semaphore that has some: Tenants


def normal_url(text):
    """The URL that `text` means: HOST:PORT is enough. ValueError tells what is wrong with it."""
    parts = urlsplit(text if "://" in text else "http://" + text)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"'{text}' is no http or https URL")
    if not parts.hostname or any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError(f"'{text}' is no URL")
    if parts.username is not None:
        raise ValueError("URLs with a user name are not supported")
    _ = parts.port  # a bad one raises ValueError
    return urlunsplit(parts._replace(path=parts.path or "/metrics", fragment=""))


def scrape(url):
    """A Snapshot, or a ScrapeError."""
    content_type, text = _fetch(url)
    read = read_openmetrics if "openmetrics" in content_type else read_prometheus
    readings, tenants = {}, {}
    try:
        for family in read(text):
            if family.name.startswith(PREFIX):
                for sample in family.samples:
                    _take(readings, sample)
            elif family.name == TENANTS or family.name.startswith(TENANT_PREFIX):
                for sample in family.samples:
                    _take_of_tenants(tenants, sample)
    except (ValueError, LookupError, TypeError) as error:
        # The parsers raise whatever comes of a malformed line.
        raise ScrapeError(f"the answer is no Prometheus text ({error})") from error
    return Snapshot(time.monotonic(), readings, tenants)


def _fetch(url):
    request = urllib.request.Request(url, headers={
        "Accept": "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5",
        "User-Agent": "afflux-top"})
    try:
        with _opener(url).open(request, timeout=TIMEOUT_S) as answer:
            body = answer.read(MOST_BYTES + 1)
            if len(body) > MOST_BYTES:
                raise ScrapeError(f"the answer has more than {MOST_BYTES >> 20} MiB")
            if answer.length:  # bytes that were announced
                raise ScrapeError(CUT_OFF)
            return answer.headers.get("Content-Type", "").lower(), body.decode("utf-8")
    except urllib.error.HTTPError as error:
        error.close()
        raise ScrapeError(f"the server answers {error.code} {error.reason}".rstrip()) from error
    except TimeoutError as error:
        raise ScrapeError(f"no answer within {TIMEOUT_S} s") from error
    except urllib.error.URLError as error:
        raise ScrapeError(_reason(error.reason)) from error
    except UnicodeDecodeError as error:
        raise ScrapeError("the answer is no UTF-8 text") from error
    except http.client.IncompleteRead as error:
        raise ScrapeError(CUT_OFF) from error
    except http.client.HTTPException as error:
        raise ScrapeError(f"the answer is no HTTP ({type(error).__name__})") from error
    except OSError as error:
        raise ScrapeError(_reason(error)) from error
    except ValueError as error:
        # What urlsplit() takes is not always what can be sent, or resolved.
        raise ScrapeError(f"this URL cannot be asked ({error})") from error


def _opener(url):
    """A proxy is for other machines: this one's ports are not reached through it."""
    host = urlsplit(url).hostname
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))


def _reason(error):
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_S} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _semaphore_of(sample):
    if not math.isfinite(sample.value):
        raise ValueError(f"{sample.name} is {sample.value}")
    return sample.labels.get("semaphore", ""), sample.labels.get("id", "")


def _take_of_tenants(tenants, sample):
    of_sem = tenants.setdefault(_semaphore_of(sample), Tenants())
    if sample.name == TENANTS:
        of_sem.count = _count(sample.value)
        return
    what = TENANT_NUMBERS.get(sample.name[len(TENANT_PREFIX):])
    if what is not None:
        key = (sample.labels.get("tenant", ""), sample.labels.get("tenant_id", ""))
        reading = of_sem.readings.get(key) or of_sem.readings.setdefault(key, TenantReading(*key))
        setattr(reading, what, _count(sample.value))


def _take(readings, sample):
    labels = sample.labels
    key = _semaphore_of(sample)
    reading = readings.get(key) or readings.setdefault(key, Reading(*key))
    what = sample.name[len(PREFIX):]
    if what in GAUGES:
        setattr(reading, GAUGES[what], _count(sample.value))
    elif what == "oldest_wait_seconds":
        reading.oldest = sample.value
    elif what == "permits_acquired_total":
        reading.acquired = (reading.acquired or 0) + _count(sample.value)
    elif what == "requests_total":
        outcome = labels.get("outcome")
        if outcome in ("rejected", "dropped"):
            reading.refused = (reading.refused or 0) + _count(sample.value)
        elif outcome == "timed_out":
            reading.timed_out = _count(sample.value)
    elif what == "wait_seconds_bucket":
        reading.waits[float(labels["le"])] = sample.value


def _count(value):
    """The parsers read most numbers as floats; what is counted is whole."""
    return int(value) if value == int(value) else value
