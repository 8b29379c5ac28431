# SPDX-License-Identifier: MIT OR Apache-2.0
"""The command line."""

import argparse
import errno
import math
import os
import signal
import sys

from . import plain, rows, scrape
from .version import VERSION

ABOUT = "Shows the semaphores of a process that exports its metrics, as top shows processes."
ENDS = """\
Keys: q quits, s sorts by the next column, t shows the tenants of the next semaphore that
has some, the arrows and Page Up/Down scroll.

Exit status: 0 when all went well, 1 when the process cannot be asked or does not answer
metrics, 2 when the command is wrong or there is no terminal."""

OK, NO_ANSWER, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main():
    options = parse_options()
    try:
        if options.once:
            return once(options)
        return live(options)
    except scrape.ScrapeError as error:
        return complain(f"{options.url}: {error}", NO_ANSWER)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        discard_output()  # the reader has seen enough
        return OK


def once(options):
    text = once_of_tenants(options) if options.tenants is not None else once_of_all(options)
    sys.stdout.write(text)
    sys.stdout.flush()
    return OK


def once_of_tenants(options):
    key, found, elapsed = plain.look_at_tenants(options.url, options.interval, options.totals,
                                                options.tenants)
    if options.json:
        return plain.tenants_as_json(key, found, options.url, elapsed)
    return plain.tenant_columns(found.rows, options.totals)


def once_of_all(options):
    found, elapsed = plain.look(options.url, options.interval, options.totals)
    found = rows.ordered(found, options.sort)
    if options.json:
        return plain.as_json(found, options.url, elapsed)
    return plain.columns(found, options.totals)


def live(options):
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        return complain("input or output is no terminal; --once prints a table", WRONG_USE)
    from .live import NoTerminal, show
    try:
        return show(options.url, options.interval, options.sort, options.tenants)
    except NoTerminal as error:
        return complain(f"{error}; --once prints a table", WRONG_USE)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        discard_output()  # the terminal is gone
        return 128 + signal.SIGHUP


def discard_output():
    """Python's own flush at the end must not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text, code):
    print(f"afflux-top: {plain.printable(text)}", file=sys.stderr)
    return code


def parse_options():
    parser = argparse.ArgumentParser(
        prog="afflux-top", description=ABOUT, epilog=ENDS, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default=scrape.DEFAULT_URL, metavar="URL", type=url,
                        help="where the metrics are; HOST:PORT is enough (default: %(default)s)")
    parser.add_argument("--interval", default=1.0, metavar="SECONDS", type=interval,
                        help="time between two looks, 0.1 to 3600 (default: 1)")
    parser.add_argument("--sort", metavar="COLUMN", choices=rows.SORTABLE,
                        help="what comes first: " + ", ".join(rows.SORTABLE) +
                        " (default: name); numbers downwards")
    parser.add_argument("--once", action="store_true",
                        help="print one table in plain columns, with the rates of one interval")
    parser.add_argument("--tenants", metavar="SEMAPHORE",
                        help="the tenants of that semaphore, its name or #ID: those with most use "
                        "first")
    parser.add_argument("--totals", action="store_true",
                        help="with --once: totals instead of rates, without an interval")
    parser.add_argument("--json", action="store_true", help="with --once: JSON instead of columns")
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}",
                        help="print the version")
    options = parser.parse_args()
    if (options.totals or options.json) and not options.once:
        parser.error("--totals and --json go with --once")
    if options.once and options.tenants is not None and options.sort is not None:
        parser.error("--sort is for semaphores: tenants are sorted by use")
    options.sort = options.sort or "name"
    return options


def url(text):
    try:
        return scrape.normal_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def interval(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds from 0.1 to 3600")
    return seconds
