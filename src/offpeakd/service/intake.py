"""Takes new requests in: all or nothing, and never a second one for an instance that has one."""

from collections.abc import Callable, Iterable

from offpeakd.core.intake import Wish, new_request
from offpeakd.core.values import value
from offpeakd.ports import Added, Clock, Ledger


@value
class Intake:
    """Adds requests.

    Attributes:
        ledger: where they are kept.
        clock: tells when they were made.
    """

    ledger: Ledger
    clock: Clock

    def add(
        self,
        wishes: Iterable[Wish],
        actor: str,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Added, ...]:
        """Store requests for the wishes, in one transaction.

        Args:
            wishes: whose instances are checked; an instance named twice makes one request.
            actor: who asks.
            progress: told now and then how many are dealt with.

        Returns:
            for each wish, in order, its new request or the live one that stood already.

        Raises:
            UsageError: one of them can't be; nothing is stored.
            DatabaseError: nothing is stored.
        """
        now = self.clock.now()
        requests = [new_request(wish, now, actor) for wish in wishes]
        return self.ledger.add(requests, actor, progress)
