# SPDX-License-Identifier: MIT OR Apache-2.0
"""The live view's loop: keys, signals and answers come in, the screen is drawn."""

import contextlib
import os
import re
import select
import signal
import sys
import termios
import tty

from rich.console import Console
from rich.live import Live
from rich.text import Text

from .view import View
from .watcher import Watcher

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
KEY = re.compile(rb"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)
ANSWER = 0  # in the pipe of what happens; other bytes are signals


class NoTerminal(Exception):
    """There is one, but it can do nothing."""


def show(url, interval, sort, tenants_of=None):
    """Runs until a key or a signal ends it; the exit status."""
    # rich would take them for the terminal's size, for good.
    os.environ.pop("COLUMNS", None)
    os.environ.pop("LINES", None)
    console = Console(highlight=False)
    if console.is_dumb_terminal:
        raise NoTerminal(f"a terminal of the kind '{os.environ.get('TERM')}' shows no tables")
    view = View(url, interval, sort, tenants_of)
    with happenings() as (happened, notify):
        watcher = Watcher(url, interval, notify)
        watcher.start()
        while True:
            status = run(console, view, watcher, happened)
            if status is not None:
                return status
            suspend()


def run(console, view, watcher, happened):
    """The exit status, or None when it is to be suspended."""
    keyboard = sys.stdin.fileno()
    with cbreak(keyboard), Live(Text(""), console=console, screen=True, auto_refresh=False,
                                redirect_stdout=False, redirect_stderr=False) as screen:
        while True:
            screen.update(view.draw(console.width, console.height), refresh=True)
            ready, _, _ = select.select([keyboard, happened], [], [], view.changes_in())
            if happened in ready:
                for event in os.read(happened, 4096):
                    if event in ENDING:
                        return 128 + event
                    if event == signal.SIGTSTP:
                        return None
            while not watcher.found.empty():
                view.take(watcher.found.get())
            if keyboard in ready:
                typed = os.read(keyboard, 256)
                if not typed:
                    return 128 + signal.SIGHUP  # the terminal is gone
                if not press(typed, view, console.height):
                    return 0


def press(typed, view, height):
    """False when it was the last key."""
    page = max(1, height - 6)
    steps = {b"A": -1, b"B": 1, b"5~": -page, b"6~": page}
    for key in KEY.findall(typed):
        if key in (b"q", b"Q"):
            return False
        if key == b"s":
            view.sort_by_next()
        elif key == b"t":
            view.show_next_tenants()
        elif len(key) > 2:
            view.scroll(steps.get(key[2:], 0))
    return True


@contextlib.contextmanager
def happenings():
    """A descriptor from which signals come as bytes, and what puts an answer's byte there."""
    happened, put = os.pipe()
    os.set_blocking(put, False)
    caught = (*ENDING, signal.SIGTSTP, signal.SIGWINCH)
    before = {number: signal.signal(number, lambda *_: None) for number in caught}
    signal.set_wakeup_fd(put, warn_on_full_buffer=False)

    def notify():
        with contextlib.suppress(OSError):  # full: something wakes the loop anyway
            os.write(put, bytes([ANSWER]))

    try:
        yield happened, notify
    finally:
        # The pipe stays open: the watcher may be about to write into it.
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def cbreak(keyboard):
    """Keys come at once and are not echoed; control characters still make signals."""
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def suspend():
    """As Ctrl-Z would have, but with the screen put back before."""
    ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, ours)
