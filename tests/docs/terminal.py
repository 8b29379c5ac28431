# SPDX-License-Identifier: MIT OR Apache-2.0
"""A program in a terminal of its own, whose screen is read as a person would: pyte's."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

import pyte

LAST = b"\x1b]last\x07"  # no program writes it


class Terminal:
    """For a `with` block; kills what is left of the program at its end."""

    def __init__(self, command, lines=24, columns=80, soon=60, **environment):
        self.soon = soon
        self.raw = b""
        self._complete = False  # all that the program will ever write has been read
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._master, self._slave = pty.openpty()
        self.resize(lines, columns)
        self.modes_before = self.modes()
        variables = {**os.environ, "TERM": "xterm-256color", **environment}
        # LINES and COLUMNS would be those of the terminal that runs the test.
        for name in {"LINES", "COLUMNS", "NO_COLOR"} - set(environment):
            variables.pop(name, None)
        self.child = subprocess.Popen(command, stdin=self._slave, stdout=self._slave,
                                      stderr=self._slave, env=variables,
                                      start_new_session=True, preexec_fn=self._control)
        self._ended = os.pidfd_open(self.child.pid)

    @staticmethod
    def _control():
        """The terminal's signals (of keys, of its size) go to the program."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        for descriptor in (self._ended, self._master, self._slave):
            if descriptor is not None:
                os.close(descriptor)

    def modes(self):
        return termios.tcgetattr(self._slave)

    def resize(self, lines, columns):
        self._screen.resize(lines, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys):
        os.write(self._master, keys)

    def hang_up(self):
        """As when its window is closed."""
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = None

    def lines(self):
        return [line.rstrip() for line in self._screen.display]

    def text(self):
        return "\n".join(self.lines())

    @property
    def cursor_hidden(self):
        return self._screen.cursor.hidden

    def style_of(self, text):
        """How the first character of a text on the screen is drawn: pyte's Char."""
        for number, line in enumerate(self._screen.display):
            if text in line:
                return self._screen.buffer[number][line.index(text)]
        raise AssertionError(f"'{text}' is not on the screen")

    def eventually(self, check):
        """Reads until `check()` raises no AssertionError: what is drawn comes in pieces."""
        end = time.monotonic() + self.soon
        while True:
            try:
                return check()
            except AssertionError as error:
                ready = self._read(end)
                if self._master in ready:
                    continue
                if self._ended in ready and not self._complete:
                    self._read_the_rest(end)
                    continue
                why = "ended" if ready else "not seen in time"
                raise AssertionError(f"{why}: {error}\nThe screen:\n{self.text()}") from error

    def wait_for(self, *texts):
        """Until all of them are on the screen."""
        def check():
            missing = [text for text in texts if text not in self.text()]
            if missing:
                raise AssertionError(f"{missing} are not on the screen")

        self.eventually(check)

    def wait_for_end(self):
        """The exit status, when all output has been read."""
        end = time.monotonic() + self.soon
        while True:
            ready = self._read(end)
            if self._master in ready:
                continue
            if self._ended in ready:
                self._read_the_rest(end)
                return self.child.wait()
            raise AssertionError(f"it does not end. The screen:\n{self.text()}")

    def _read(self, end):
        ready, _, _ = select.select([self._master, self._ended], [], [],
                                    max(0, end - time.monotonic()))
        if self._master in ready:
            self._take(os.read(self._master, 65536))
        return ready

    def _take(self, piece):
        self.raw += piece
        self._stream.feed(piece)

    def _read_the_rest(self, end):
        """Of a program that has ended. The kernel may hand over what was written some time later,
        after the end has been seen. But it keeps the order, so what is written now comes last."""
        os.write(self._slave, LAST)
        rest = b""
        while not rest.endswith(LAST):
            ready, _, _ = select.select([self._master], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"its last output does not come, but {rest}")
            rest += os.read(self._master, 65536)
        self._take(rest[:-len(LAST)])
        self._complete = True
