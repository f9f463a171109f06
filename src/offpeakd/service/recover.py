"""What a new run does first: rows that a dead one left `submitting` become `unknown`."""

from typing import Final

import structlog

from offpeakd.core.settle import settle_abandoned
from offpeakd.core.values import value
from offpeakd.ports import Clock, Store

PAGE: Final = 500
_log = structlog.get_logger("recover")


@value
class Recover:
    """Puts right what a crash left behind; safe to run at any time.

    Attributes:
        owner: random id of this run.
        store: the database.
        clock: for when.
    """

    owner: str
    store: Store
    clock: Clock

    def run_once(self) -> int:
        """Mark abandoned attempts unknown: never queued again on a guess.

        Returns:
            how many there were.

        Raises:
            DatabaseError: the store can't be read or written.
        """
        total = 0
        while abandoned := self.store.abandoned(self.owner, PAGE):
            now = self.clock.now()
            lost = self.store.apply([settle_abandoned(request, now) for request in abandoned])
            total += len(abandoned) - len(lost)
            if lost:
                break
        if total:
            _log.warning("abandoned_attempts", requests=total)
        return total
