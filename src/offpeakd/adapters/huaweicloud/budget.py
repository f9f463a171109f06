"""How many calls a target may make in any minute."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from offpeakd.core.errors import CloudThrottledError
from offpeakd.ports import Clock

SPAN: Final = timedelta(seconds=60)
RESERVE: Final = 5
"""Calls a minute that reads leave to the upgrade call, where there are enough to share."""

_ENOUGH_TO_SHARE: Final = 10
_MARGIN: Final = timedelta(milliseconds=1)


class CallBudget:
    """A sliding minute: at no instant do the 60 seconds before it hold more calls than allowed."""

    def __init__(
        self,
        name: str,
        per_minute: int,
        clock: Clock,
        wait: Callable[[timedelta], bool] | None = None,
        shared: Callable[[int], timedelta | None] | None = None,
    ) -> None:
        """A budget with all its calls left.

        Args:
            name: of the target, for messages.
            per_minute: calls in any 60 seconds.
            clock: its `boottime` counts.
            wait: waits that long, or less, and says whether to give up; replaced in tests.
            shared: counts a read against what several daemons may make a minute together; None
                when there is room, else how long until there is. Upgrade calls are counted
                there with their claims.
        """
        self._name = name
        self._per_minute = per_minute
        self._clock = clock
        self._closed = threading.Event()
        self._wait = wait or self._until_closed
        self._shared = shared
        self._lock = threading.Lock()
        self._made: deque[timedelta] = deque()

    def take_for_upgrade(self) -> timedelta | None:
        """Count an upgrade call; None when it may be made now, else how long until it may."""
        return self._take(self._per_minute)

    def give_back(self) -> None:
        """Uncount the last call taken: it was not sent."""
        with self._lock:
            if self._made:
                self._made.pop()

    def take_for_read(self, patience: timedelta = SPAN) -> None:
        """Count a read, as soon as there is room for it.

        Args:
            patience: how long to wait for room.

        Raises:
            CloudThrottledError: there was no room in that time, or the program is stopping.
        """
        reserve = RESERVE if self._per_minute > _ENOUGH_TO_SHARE else 0
        until = self._clock.boottime() + patience
        while (missing := self._take_everywhere(self._per_minute - reserve)) is not None:
            left = until - self._clock.boottime()
            if left <= timedelta(0) or self._wait(min(missing, left)):
                raise CloudThrottledError(
                    f"target {self._name}: its {self._per_minute} calls a minute are used up",
                    retry_after=missing,
                )

    def close(self) -> None:
        """Wake whoever waits, to give up."""
        self._closed.set()

    def _until_closed(self, span: timedelta) -> bool:
        return self._closed.wait(span.total_seconds())

    def _take_everywhere(self, most: int) -> timedelta | None:
        missing = self._take(most)
        if missing is None and self._shared is not None:
            missing = self._shared(most)
            if missing is not None:
                self.give_back()
        return missing

    def _take(self, most: int) -> timedelta | None:
        now = self._clock.boottime()
        with self._lock:
            while self._made and now - self._made[0] >= SPAN:
                self._made.popleft()
            if len(self._made) < most:
                self._made.append(now)
                return None
            return self._made[-most] + SPAN - now + _MARGIN
