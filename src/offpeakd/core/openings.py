"""An opening: one unbroken stretch of time in which requests may be released."""

from datetime import datetime, timedelta
from typing import NamedTuple

_MINUTE = timedelta(minutes=1)


class Opening(NamedTuple):
    """An unbroken interval of UTC, half-open: what is left of windows after freezes.

    Attributes:
        windows: names of the windows that make it, by when they open and then by name; by
            name alone where it has always been open.
        start: its first instant; None when it has always been open.
        end: the first instant after it; None when it never closes.
        last_release: `end` less the cutoff: releasing stops there; None when it never closes.
        notes: what is unusual about it, each a short sentence.
    """

    windows: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    last_release: datetime | None
    notes: tuple[str, ...] = ()

    def admits(self, now: datetime, guard: timedelta) -> bool:
        """Whether a release may begin at this instant.

        Args:
            now: the instant, aware.
            guard: how long before the cutoff a release has to begin.
        """
        begun = self.start is None or self.start <= now
        return begun and (self.last_release is None or now + guard < self.last_release)

    @property
    def minutes(self) -> int | None:
        """Whole minutes of elapsed time; None when it has no start or no end."""
        if self.start is None or self.end is None:
            return None
        return (self.end - self.start) // _MINUTE
