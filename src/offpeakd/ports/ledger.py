"""The people's side of the store: asking, looking, deciding."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from offpeakd.core.change import Change, Detail
from offpeakd.core.model import Request, State
from offpeakd.core.values import value
from offpeakd.ports.queue import AttemptRecord


@value
class Event:
    """One line of a request's history, append-only."""

    id: int
    request_id: int | None
    at: datetime
    kind: str
    actor: str
    state: State | None
    detail: Detail


@value
class Filter:
    """Which requests a listing shows; empty means any."""

    states: frozenset[State] = frozenset()
    targets: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    instance_id: str | None = None
    follow_up: bool = False
    """Only what a person has to look at: the `follow_up` view."""


@value
class Added:
    """What became of one id given to `add`.

    Attributes:
        request: the new request, or the live one that stood already.
        new: whether it is new.
    """

    request: Request
    new: bool


class Ledger(Protocol):
    """The people's side of the store: asking, looking, deciding."""

    def add(
        self,
        requests: Sequence[Request],
        actor: str,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[Added, ...]:
        """Store new requests, all or nothing; an instance with a live request keeps that one.

        A new one waits while a call of an earlier request of its instance may still arrive
        (`Request.fenced_until`).

        Args:
            requests: new ones.
            actor: who asks.
            progress: told now and then how many are dealt with.
        """
        ...

    def get(self, request_id: int) -> Request | None:
        """One request by our number."""
        ...

    def latest(self, instance_id: str) -> Request | None:
        """An instance's live request, or else its last one."""
        ...

    def page(self, which: Filter, after_id: int, limit: int) -> tuple[Request, ...]:
        """Requests in the order of their ids; no transaction stays open between pages."""
        ...

    def counts(self) -> Mapping[tuple[str, State], int]:
        """Requests by target and state."""
        ...

    def ahead_of(self, request: Request) -> int:
        """Ready requests that go before it in its target and group."""
        ...

    def events(self, request_id: int) -> tuple[Event, ...]:
        """A request's history, oldest first."""
        ...

    def attempts(self, request_id: int) -> tuple[AttemptRecord, ...]:
        """A request's attempts, oldest first."""
        ...

    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        """As `Queue.apply`."""
        ...
