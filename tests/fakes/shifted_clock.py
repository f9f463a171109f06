"""The machine's clock, seen from a machine whose wall clock is set otherwise."""

from datetime import datetime, timedelta

from offpeakd import app


class ShiftedClock:
    """`ports.Clock` that runs as the machine's, ahead of it or behind.

    Attributes:
        ahead: by how much its wall clock is ahead; may be set at any time.
    """

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead
        self._machine = app.system_clock()

    def now(self) -> datetime:
        return self._machine.now() + self.ahead

    def boottime(self) -> timedelta:
        return self._machine.boottime()
