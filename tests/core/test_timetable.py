"""How far ahead answers are made at once, and what of them is kept."""

from datetime import datetime, timedelta

import pytest

from core.calendar_words import DAY, HOUR, MINUTE, calendar, freeze, utc, window
from offpeakd.core.calendar import Calendar
from offpeakd.core.frozen import FrozenSpans
from offpeakd.core.occurrences import Recurrence
from offpeakd.core.timetable import Timetable
from offpeakd.core.wallclock import FIRST_INSTANT, LAST_INSTANT

NOW = utc("2026-06-01 12:00")
GUARD = timedelta(seconds=10)
TICK = timedelta(microseconds=1)
NIGHT = window("22:00-04:00", zone="UTC", name="night")


def test_each_stretch_reaches_four_times_as_far_as_the_one_before_up_to_400_days() -> None:
    table = Timetable([Recurrence(NIGHT)], [], [])

    made = [table.stretch(NOW, GUARD) for _ in range(8)]

    assert [stretch.span for stretch in made] == [
        *(timedelta(0), 6 * HOUR, DAY, 4 * DAY, 16 * DAY, 64 * DAY, 256 * DAY),
        400 * DAY,
    ]
    assert [stretch.since for stretch in made[1:]] == [
        NOW - HOUR - stretch.span / 4 for stretch in made[1:]
    ]
    assert table.stretches == {GUARD: made[-1]}


def test_a_stretch_reaches_to_the_first_opening_after_its_span() -> None:
    table = Timetable([Recurrence(NIGHT)], [], [])

    assert table.stretch(NOW, GUARD).until == utc("2026-06-01 22:00")
    assert table.stretch(NOW, GUARD).until == utc("2026-06-01 22:00")
    assert table.stretch(NOW, GUARD).until == utc("2026-06-02 22:00")


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        (utc("2026-06-01 04:00") - 6 * HOUR - TICK, timedelta(0)),
        (utc("2026-06-01 04:00") - 6 * HOUR, 6 * HOUR),
        (utc("2026-06-01 22:00") + 6 * HOUR, 6 * HOUR),
        (utc("2026-06-01 22:00") + 6 * HOUR + TICK, timedelta(0)),
    ],
)
def test_only_near_what_is_kept_is_more_looked_at_than_is_asked(
    asked: datetime, span: timedelta
) -> None:
    table = Timetable([Recurrence(NIGHT)], [], [])
    table.stretch(NOW, GUARD)

    assert table.stretch(asked, GUARD).span == span


def test_far_from_what_is_kept_a_long_reach_shrinks_again() -> None:
    table = Timetable([Recurrence(NIGHT)], [], [])
    for _ in range(5):
        table.stretch(NOW, GUARD)

    assert table.stretches[GUARD].span == 16 * DAY
    assert table.stretch(NOW + 365 * DAY, GUARD).span == timedelta(0)


def test_freezes_are_found_by_when_they_start_wherever_they_are_written() -> None:
    cuts = [freeze("2026-06-03..2026-06-04"), freeze("2026-06-01..2026-06-05")]
    table = Timetable([], [], [FrozenSpans(one, place) for place, one in enumerate(cuts)])

    assert [span.place for span in table.spans(NOW, NOW + 5 * DAY)] == [1, 0]


def test_a_stretch_without_an_opening_to_come_reaches_an_hour() -> None:
    assert Timetable([], [], []).stretch(NOW, GUARD).until == NOW + HOUR


def test_asking_again_before_anything_changes_gives_the_very_same_answer() -> None:
    plan = calendar(NIGHT)

    assert plan.at(NOW + MINUTE) is plan.at(NOW)
    assert plan.at(NOW - MINUTE) is plan.at(NOW)


def test_the_first_instant_of_what_is_kept_is_answered_from_it() -> None:
    plan = calendar(NIGHT)
    plan.at(NOW)

    kept = plan._every.stretches[timedelta(0)]
    plan.at(kept.since)

    assert plan._every.stretches[timedelta(0)] is kept


def open_at_the_ends() -> Calendar:
    return calendar(window("00:00-24:00", zone="UTC"))


def test_where_days_cannot_be_counted_the_answer_lasts_until_they_can() -> None:
    plan = open_at_the_ends()
    edge = plan.edge_after(FIRST_INSTANT, "default", GUARD)

    assert edge == FIRST_INSTANT + 8 * DAY
    assert plan.at(edge - TICK).verdict == "no-window"
    assert plan.at(edge).verdict == "open"


def test_where_days_can_no_longer_be_counted_the_answer_lasts_for_ever() -> None:
    last = LAST_INSTANT - 8 * DAY + TICK

    assert open_at_the_ends().at(last).verdict == "no-window"
    assert open_at_the_ends().edge_after(last, "default", GUARD) == LAST_INSTANT
