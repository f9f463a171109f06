"""The spans of one freeze, asked for directly."""

from datetime import datetime, timedelta

import pytest

from core.calendar_words import DAY, edge, freeze, utc
from offpeakd.core.frozen import FrozenSpans, Span, frozen_until
from offpeakd.core.wallclock import FIRST_INSTANT, LAST_INSTANT
from offpeakd.core.windows import Freeze

TICK = timedelta(microseconds=1)
START, END = utc("2026-06-02 22:00"), utc("2026-06-03 04:00")
NIGHT = freeze("2026-06-02T22:00..2026-06-03T04:00", zone="UTC")


@pytest.mark.parametrize(
    ("since", "until", "holds"),
    [
        pytest.param(START - DAY, START - TICK, False, id="before"),
        pytest.param(START - DAY, START, True, id="reaches-the-start"),
        pytest.param(START, START, True, id="the-first-instant"),
        pytest.param(END - TICK, END - TICK, True, id="the-last-instant"),
        pytest.param(END, END + DAY, False, id="from-the-end-on"),
    ],
)
def test_a_freeze_holds_from_its_start_until_just_before_its_end(
    since: datetime, until: datetime, *, holds: bool
) -> None:
    assert bool(list(FrozenSpans(NIGHT, 0).holding(since, until))) == holds


@pytest.mark.parametrize(
    ("dates", "start", "end"),
    [
        ("0001-01-01..0001-01-05", FIRST_INSTANT, datetime(1, 1, 6)),
        ("0001-01-02..0001-01-05", FIRST_INSTANT, datetime(1, 1, 6)),
        ("0001-01-03..0001-01-05", datetime(1, 1, 3), datetime(1, 1, 6)),
        ("9999-12-26..9999-12-28", datetime(9999, 12, 26), datetime(9999, 12, 29)),
        ("9999-12-26..9999-12-29", datetime(9999, 12, 26), datetime(9999, 12, 30)),
        ("9999-12-26..9999-12-30", datetime(9999, 12, 26), LAST_INSTANT),
        ("9999-12-26..9999-12-31", datetime(9999, 12, 26), LAST_INSTANT),
    ],
)
def test_the_outermost_two_days_of_the_calendar_stand_for_ever(
    dates: str, start: datetime, end: datetime
) -> None:
    [span] = FrozenSpans(freeze(dates, zone="UTC"), 0).holding(FIRST_INSTANT, LAST_INSTANT)

    assert (span.start, span.end) == (
        start.replace(tzinfo=FIRST_INSTANT.tzinfo),
        end.replace(tzinfo=FIRST_INSTANT.tzinfo),
    )


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        pytest.param("2026-11-01..2026-11-01", "11-01 04:00 - 11-02 05:00", id="begins-twice"),
        pytest.param("2026-10-31..2026-10-31", "10-31 04:00 - 11-01 05:00", id="ends-twice"),
    ],
)
def test_a_midnight_that_comes_twice_freezes_from_the_first_until_the_last(
    dates: str, expected: str
) -> None:
    [span] = FrozenSpans(freeze(dates, zone="America/Havana"), 0).holding(
        utc("2026-10-01 00:00"), utc("2026-12-01 00:00")
    )

    assert f"{edge(span.start)} - {edge(span.end)}" == expected


def test_a_day_of_every_month_is_resolved_once() -> None:
    spans = FrozenSpans(freeze(month_days=(1,), zone="UTC"), 0)
    [first] = spans.holding(utc("2026-06-01 12:00"), utc("2026-06-01 12:00"))
    [again] = spans.holding(utc("2026-05-31 12:00"), utc("2026-06-02 12:00"))

    assert first is again


def test_of_many_months_no_more_than_256_are_kept() -> None:
    spans = FrozenSpans(freeze(month_days=(1,), zone="UTC"), 0)
    found = spans.holding(utc("2026-06-01 12:00"), utc("2056-06-01 12:00"))

    kept = [len(spans._kept) for _ in found]

    assert len(kept) == 30 * 12 + 1
    assert max(kept) == 256


def span_of(start: datetime, end: datetime) -> Span:
    return Span(start, end, 0, NIGHT)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (START - TICK, None),
        (START, END),
        (END - TICK, END),
        (END, None),
    ],
    ids=["before", "start", "last", "end"],
)
def test_a_freeze_ends_only_where_it_holds(now: datetime, until: datetime | None) -> None:
    assert frozen_until([span_of(START, END)], now) == until


def test_no_freeze_has_no_end() -> None:
    assert frozen_until([], START) is None


@pytest.mark.parametrize(
    ("cut", "now"),
    [
        (freeze(yearly="12-31", zone="Pacific/Honolulu"), "2027-01-01 09:59"),
        (freeze(yearly="01-01", zone="Pacific/Kiritimati"), "2026-12-31 10:00"),
        (freeze(month_days=(-1,), zone="Pacific/Honolulu"), "2026-07-01 09:59"),
        (freeze(month_days=(1,), zone="Pacific/Kiritimati"), "2026-06-30 10:00"),
    ],
)
def test_a_day_of_another_year_or_month_than_that_of_utc_is_found(cut: Freeze, now: str) -> None:
    assert len(list(FrozenSpans(cut, 0).holding(utc(now), utc(now)))) == 1
