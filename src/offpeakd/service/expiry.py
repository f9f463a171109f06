"""Ends requests whose deadline passes while they wait."""

from collections.abc import Callable
from typing import Final

import structlog

from offpeakd.core.model import Request
from offpeakd.core.settle import settle_expired
from offpeakd.core.values import value
from offpeakd.core.verdicts import Verdict
from offpeakd.ports import Clock, Store

PAGE: Final = 500
_log = structlog.get_logger("expiry")


@value
class Expiry:
    """Ends queued requests whose deadline has passed.

    Attributes:
        store: where they are.
        clock: for when.
        doubt: why the clock may not be trusted, given a request that it would end; None while it
            may. An expired request is final, so it waits for a clock that somebody confirms.
    """

    store: Store
    clock: Clock
    doubt: Callable[[Request], Verdict | None]

    def run_once(self) -> int:
        """Expire them.

        Returns:
            how many.

        Raises:
            DatabaseError: the store can't be read or written.
        """
        first = self.store.overdue_requests(self.clock.now(), 1)
        if not first or self.doubt(first[0]) is not None:
            return 0
        total = 0
        # Read anew: the clock may have been set right while it was asked about.
        now = self.clock.now()
        while late := self.store.overdue_requests(now, PAGE):
            lost = self.store.apply([settle_expired(request, now) for request in late])
            total += len(late) - len(lost)
            if lost:
                break
        if total:
            _log.warning("expired", requests=total)
        return total
