"""Threads of which one runs at a time, over a simulated time, in an order the seed decides.

Whoever waits hands the baton to whatever is due next. Nothing else ever switches, so a run is
a function of its seed.
"""

import heapq
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2026, 11, 24, tzinfo=UTC)
"""The simulated time 0, by a right clock."""

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
"""Simulated times are whole microseconds since `EPOCH`."""


def span(length: timedelta) -> int:
    """A length of time in microseconds."""
    return length // timedelta(microseconds=1)


def instant(at: int) -> datetime:
    """What a right clock shows."""
    return EPOCH + timedelta(microseconds=at)


class EndedError(BaseException):
    """The run is over: unwinds a thread, past every `except Exception`."""


@dataclass(eq=False)
class Actor:
    """A thread that waits for its turn.

    Attributes:
        name: for the trace.
        ticket: of its one booking that counts.
    """

    name: str
    ticket: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)


class Timeline:
    """Simulated time, and who runs next.

    Args:
        chance: breaks ties between what is due at the same microsecond.
    """

    def __init__(self, chance: random.Random) -> None:
        self.now = 0
        self.until = 0
        self.over = False
        self.failure: BaseException | None = None
        self.running: Actor | None = None
        self._chance = chance
        self._due: list[tuple[int, float, int, Actor | Callable[[], None]]] = []
        self._tickets = 0
        self._live: list[Actor] = []
        self._done = threading.Lock()
        self._done.acquire()

    def call_at(self, at: int, what: Callable[[], None]) -> None:
        """Have something happen at a time; it may not wait."""
        self._book(at, what)

    def start(self, name: str, body: Callable[[], None]) -> Actor:
        """Start a thread; it runs when it is its turn."""
        actor = Actor(name)
        actor.turn.acquire()
        self._live.append(actor)
        actor.ticket = self._book(self.now, actor)
        threading.Thread(target=self._live_through, args=(actor, body), daemon=True).start()
        return actor

    def wait(self, length: int) -> None:
        """Let simulated time pass for the running thread.

        Raises:
            EndedError: the run is over.
        """
        if self.over:
            raise EndedError
        me = self.running
        assert me is not None, "only a thread of the simulation can wait"
        me.ticket = self._book(self.now + max(length, 0), me)
        following = self._following()
        if following is not me:
            self._hand_to(following)
            me.turn.acquire()
        if self.over:
            raise EndedError

    def wake(self, actor: Actor, at: int) -> None:
        """Have a waiting thread run at another time than it asked for."""
        if actor in self._live and actor is not self.running:
            actor.ticket = self._book(max(at, self.now), actor)

    def run(self, until: int) -> None:
        """Run until a time, until `over` is set, or until nothing is left to happen."""
        self.until = until
        following = self._following()
        if following is not None:
            self._hand_to(following)
            self._done.acquire()

    # ------------------------------------------------------------------ inside

    def _book(self, at: int, item: Actor | Callable[[], None]) -> int:
        self._tickets += 1
        heapq.heappush(self._due, (at, self._chance.random(), self._tickets, item))
        return self._tickets

    def _following(self) -> Actor | None:
        """Who runs next; what merely happens meanwhile happens here."""
        while not self.over and self._due and self._due[0][0] <= self.until:
            at, _, ticket, item = heapq.heappop(self._due)
            if isinstance(item, Actor):
                if item.ticket == ticket and item in self._live:
                    self.now = max(self.now, at)
                    return item
                continue
            self.now = max(self.now, at)
            self._happen(item)
        self.over = True
        return self._live[0] if self._live else None

    def _happen(self, what: Callable[[], None]) -> None:
        # Whoever ran last waits by now, and can be woken like everybody else.
        last, self.running = self.running, None
        try:
            what()
        except Exception as error:  # noqa: BLE001 - told by whoever asked for the run
            self.failure = self.failure or error
            self.over = True
        self.running = last

    def _hand_to(self, actor: Actor | None) -> None:
        self.running = actor
        if actor is None:
            self._done.release()
        else:
            actor.turn.release()

    def _live_through(self, actor: Actor, body: Callable[[], None]) -> None:
        actor.turn.acquire()
        try:
            if not self.over:
                body()
        except EndedError:
            pass
        except BaseException as error:  # noqa: BLE001 - told by whoever asked for the run
            self.failure = self.failure or error
            self.over = True
        self._live.remove(actor)
        self._hand_to(self._following())
