"""Days on which a window would have opened and does not: said, never silent."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime

from offpeakd.core.occurrences import Recurrence
from offpeakd.core.pieces import pieces
from offpeakd.core.runs import Run
from offpeakd.core.selectors import WEEKDAYS, DaySelector
from offpeakd.core.standing import SpansBetween
from offpeakd.core.values import ordered_value


@ordered_value
class Skipped:
    """A day on which a window would have opened and does not.

    Attributes:
        day: the day, in the window's zone; where a month lacks the day, that month's last one.
        window: its name.
        cause: `clocks` (a jump of the clocks swallows it), `no-such-day` or `frozen`.
        sentence: for people.
    """

    day: date
    window: str
    cause: str
    sentence: str


def absences(
    recurrence: Recurrence, since: datetime, until: datetime, spans_between: SpansBetween
) -> Iterator[Skipped]:
    """Every day in an interval on which a window is to open and doesn't, in no order.

    A month that lacks the day, such as the 31st or a fifth Saturday, is reported on its last day.

    Args:
        recurrence: the window.
        since: first instant of interest.
        until: first instant that is not.
        spans_between: finds the freezes that hold the window.
    """
    first = since.astimezone(recurrence.zone).date()
    last = until.astimezone(recurrence.zone).date()
    for found in (
        *_unopened(recurrence, first, last, spans_between),
        *_lacking(recurrence, first, last),
    ):
        if since <= recurrence.due(found.day) < until:
            yield found


def _unopened(
    recurrence: Recurrence, first: date, last: date, spans_between: SpansBetween
) -> Iterator[Skipped]:
    window = recurrence.window
    for day in recurrence.days(first.toordinal(), last.toordinal()):
        silence = f"{window.name} does not open on {day}: "
        found = recurrence.occurrence(day)
        if found is None:
            why = f"the clocks of {window.zone} skip all of it"
            yield Skipped(day, window.name, "clocks", silence + why)
            continue
        spans = spans_between(found.start, found.end)
        if next(pieces(Run(found.start, found.end, [found]), spans), None) is None:
            names = dict.fromkeys(span.freeze.name for span in spans if span.start < found.end)
            yield Skipped(day, window.name, "frozen", f"{silence}frozen by {', '.join(names)}")


def _lacking(recurrence: Recurrence, first: date, last: date) -> Iterator[Skipped]:
    """What a window asks for and a month has not.

    A window that chooses by days of the week and of the month at once asks for neither alone.
    """
    window = recurrence.window
    if window.days and window.month_days:
        return
    for month_end in _month_ends(first, last):
        if _concerns(recurrence, month_end):
            for name in _names_of_lacking(recurrence, month_end):
                sentence = f"{window.name} does not open: {month_end:%Y-%m} has no {name}"
                yield Skipped(month_end, window.name, "no-such-day", sentence)


def _month_ends(first: date, last: date) -> Iterator[date]:
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        year, month = number // 12, number % 12 + 1
        yield date(year, month, monthrange(year, month)[1])


def _concerns(recurrence: Recurrence, month_end: date) -> bool:
    """Whether the window could open in the month that ends on this day."""
    window = recurrence.window
    if window.months and month_end.month not in window.months:
        return False
    month_start = month_end.replace(day=1)
    return not window.dates or any(
        span.first <= month_end and month_start <= span.last for span in window.dates
    )


def _names_of_lacking(recurrence: Recurrence, month_end: date) -> Iterator[str]:
    for number in recurrence.window.month_days:
        if abs(number) > month_end.day:
            yield f"day {number}"
    for selector in recurrence.window.days:
        if selector.nth is not None and not _has(selector, month_end):
            names = "/".join(WEEKDAYS[index] for index in sorted(selector.weekdays))
            yield f"{names}#{selector.nth}"


def _has(selector: DaySelector, month_end: date) -> bool:
    days = (month_end.replace(day=number) for number in range(1, month_end.day + 1))
    return any(selector.matches(day) for day in days)
