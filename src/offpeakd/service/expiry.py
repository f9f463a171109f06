"""Ends requests whose deadline passes while they wait."""

from dataclasses import dataclass
from typing import Final

import structlog

from offpeakd.core.settle import settle_expired
from offpeakd.ports import Clock, Store

PAGE: Final = 500
_log = structlog.get_logger("expiry")


@dataclass(frozen=True, slots=True)
class Expiry:
    """Ends queued requests whose deadline has passed."""

    store: Store
    clock: Clock

    def run_once(self) -> int:
        """Expire them.

        Returns:
            how many.

        Raises:
            DatabaseError: the store can't be read or written.
        """
        total = 0
        now = self.clock.now()
        while late := self.store.overdue_requests(now, PAGE):
            lost = self.store.apply([settle_expired(request, now) for request in late])
            total += len(late) - len(lost)
            if lost:
                break
        if total:
            _log.warning("expired", requests=total)
        return total
