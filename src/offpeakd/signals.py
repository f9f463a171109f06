"""Signals as values: noted by a handler that takes no lock, obeyed by the main thread."""

import select
import signal
import socket
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final

NUMBERS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_Action = Callable[[int, FrameType | None], object] | int | None


class Signals:
    """The signals that have come in, in order.

    A handler may run while the main thread holds any lock, so it only notes the number; the
    interpreter wakes the main thread by a byte in a socket.
    """

    def __init__(self) -> None:
        self._noted: deque[signal.Signals] = deque()
        self._read, self._write = socket.socketpair()
        self._read.settimeout(0)
        self._write.settimeout(0)

    @contextmanager
    def caught(self) -> Generator[None]:
        """Catch SIGTERM, SIGINT and SIGHUP; what was set before is set again afterwards."""
        before: dict[signal.Signals, _Action] = {
            number: signal.signal(number, self._note) for number in NUMBERS
        }
        wakeup = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, action in before.items():
                signal.signal(number, action)
            self._read.close()
            self._write.close()

    def next(self, seconds: float) -> signal.Signals | None:
        """The next signal; None when none comes in time."""
        if not self._noted and select.select([self._read], [], [], seconds)[0]:
            self._read.recv(4096)
        return self._noted.popleft() if self._noted else None

    def wake(self) -> None:
        """End a wait for the next signal early; any thread may call it."""
        self._write.send(b"\0")

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._noted.append(signal.Signals(number))
