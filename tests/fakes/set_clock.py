"""A clock that stands still until it is moved."""

from datetime import UTC, datetime, timedelta

START = datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


class SetClock:
    """`ports.Clock` for tests.

    Attributes:
        step: how far each reading of the boot clock moves it.
    """

    def __init__(self, now: datetime = START, step: timedelta = timedelta(0)) -> None:
        self._now = now
        self._boottime = timedelta(hours=1)
        self.step = step

    def now(self) -> datetime:
        return self._now

    def boottime(self) -> timedelta:
        self._boottime += self.step
        return self._boottime

    def advance(self, span: timedelta) -> None:
        self._now += span
        self._boottime += span

    def set_back(self, span: timedelta) -> None:
        """Step the wall clock alone; a negative span sets it forward."""
        self._now -= span

    def suspend(self, span: timedelta) -> None:
        """Let time pass by the boot clock alone, as when the wall clock was set back meanwhile."""
        self._boottime += span

    def wait(self, span: timedelta) -> bool:
        """Passes the time at once; nobody asks to give up."""
        self.advance(span)
        return False
