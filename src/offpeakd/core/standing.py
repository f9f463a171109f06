"""How things stand for a group at an instant, kept so that asking again costs next to nothing."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from offpeakd.core.frozen import Span, frozen_until
from offpeakd.core.openings import Opening
from offpeakd.core.wallclock import FIRST_INSTANT, later
from offpeakd.core.windows import Freeze

HORIZON: Final = timedelta(days=400)
"""How far ahead the next opening is looked for."""

SpansBetween = Callable[[datetime, datetime], Sequence[Span]]
"""The freezes that hold at some instant from one to another, both included, by their starts."""

Answer = Literal["open", "past-cutoff", "frozen", "window-closed", "no-window"]


class Standing(NamedTuple):
    """What the calendar says of a group at an instant.

    Attributes:
        opening: the one that contains the instant.
        next: the first that starts strictly later, within 400 days, and admits a release.
        freeze: one that holds at the instant; of several the one that ends last.
        verdict: `open`; `past-cutoff`: in an opening, but too late to begin; `frozen`;
            `window-closed`: another opening comes; `no-window`: none within 400 days.
        frozen_until: when that freeze, and any that follow on it without a gap, end.
    """

    opening: Opening | None
    next: Opening | None
    freeze: Freeze | None
    verdict: Answer
    frozen_until: datetime | None = None


class Phase:
    """One answer, and the time for which it is sure to stand.

    Attributes:
        since: first instant that it answers for.
        until: first instant that it doesn't.
        span: how far ahead it was asked to reach: no farther than the next edge.
    """

    __slots__ = ("_standing", "since", "until")
    span: Final = timedelta()

    def __init__(self, since: datetime, until: datetime, standing: Standing) -> None:
        self.since, self.until = since, until
        self._standing = standing

    def at(self, _now: datetime) -> Standing:
        """The answer for an instant in the phase."""
        return self._standing

    def edge_after(self, _now: datetime) -> datetime:
        """The first instant after the phase: the answer is another there."""
        return self.until


class Stretch:
    """The answers for one stretch of time. They change at its edges only.

    An answer is made when it is first asked for. Two threads may make the same one twice, which
    does no harm: answers are equal and immutable.

    Attributes:
        since: first instant that it answers for.
        until: first instant that it doesn't.
        span: how far ahead it was asked to reach.
    """

    __slots__ = (
        *("_answers", "_edges", "_guard", "_openings", "_spans_between", "_starts"),
        *("since", "span", "until"),
    )

    def __init__(
        self,
        between: tuple[datetime, datetime],
        span: timedelta,
        guard: timedelta,
        openings: Sequence[Opening],
        spans_between: SpansBetween,
    ) -> None:
        self.since, self.until = since, until = between
        self.span = span
        self._guard = guard
        self._openings = openings
        self._starts = [opening.start or FIRST_INSTANT for opening in openings]
        self._spans_between = spans_between
        turns = {turn for opening in openings for turn in _turns(opening, guard)}
        for freeze in spans_between(since, until):
            turns.update((freeze.start, freeze.end))
        self._edges = [since, *sorted(turn for turn in turns if since < turn < until)]
        self._answers: list[Standing | None] = [None] * len(self._edges)

    def at(self, now: datetime) -> Standing:
        """The answer for an instant in the stretch."""
        place = bisect_right(self._edges, now) - 1
        answer = self._answers[place]
        if answer is None:
            answer = self._answers[place] = self._answer(self._edges[place])
        return answer

    def edge_after(self, now: datetime) -> datetime:
        """The first instant after one in the stretch at which the answer may be another."""
        place = bisect_right(self._edges, now)
        return self._edges[place] if place < len(self._edges) else self.until

    def _answer(self, now: datetime) -> Standing:
        place = bisect_right(self._starts, now)
        coming = self._coming(place, now)
        current = self._openings[place - 1] if place else None
        if current is not None and (current.end is None or now < current.end):
            admitted = current.admits(now, self._guard)
            return Standing(current, coming, None, "open" if admitted else "past-cutoff")
        holding = self._spans_between(now, now)
        if holding:
            freeze = max(holding, key=lambda span: (span.end, -span.place)).freeze
            until = frozen_until(self._spans_between(now, later(now, HORIZON)), now)
            return Standing(None, coming, freeze, "frozen", until)
        return Standing(None, coming, None, "no-window" if coming is None else "window-closed")

    def _coming(self, place: int, now: datetime) -> Opening | None:
        """The first opening from a place on that admits a release and isn't too far ahead."""
        for opening in self._openings[place:]:
            if admits_ever(opening, self._guard):
                start = opening.start
                return opening if start is not None and start <= later(now, HORIZON) else None
        return None


def admits_ever(opening: Opening, guard: timedelta) -> bool:
    """Whether there is an instant at which the opening admits a release."""
    return opening.start is None or opening.admits(opening.start, guard)


def _turns(opening: Opening, guard: timedelta) -> Iterator[datetime]:
    if opening.start is not None:
        yield opening.start
        yield later(opening.start, -HORIZON)
    if opening.end is not None:
        yield opening.end
    if opening.last_release is not None:
        yield later(opening.last_release, -guard)
