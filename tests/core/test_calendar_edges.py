"""Edges of the calendar on which nothing else stands: first and last days, gaps, names."""

import time
from datetime import date, timedelta

import pytest

from core.calendar_words import calendar, edge, freeze, utc, window
from offpeakd.core.absences import Skipped
from offpeakd.core.calendar import Calendar
from offpeakd.core.clock_text import both_clocks
from offpeakd.core.grammar import quoted

NIGHT = window("22:00-05:00", zone="UTC", name="night")
JANUARY = utc("2026-01-01 00:00")
MAY = utc("2026-05-01 00:00")


def lacking(**choice: object) -> list[date]:
    plan = calendar(window("10:00-11:00", zone="UTC", **choice))  # type: ignore[arg-type]  # names are checked by the call
    return [skip.day for skip in plan.skipped(JANUARY, MAY)]


def test_an_absence_names_its_window_its_day_and_its_cause() -> None:
    plan = calendar(
        NIGHT,
        freeze("2026-06-02..2026-06-03", zone="UTC", name="audit"),
        freeze("2026-06-02..2026-06-03", zone="UTC", name="peak"),
    )

    assert plan.skipped(utc("2026-06-01 00:00"), utc("2026-06-05 00:00")) == (
        Skipped(
            date(2026, 6, 2),
            "night",
            "frozen",
            "night does not open on 2026-06-02: frozen by audit, peak",
        ),
    )


def test_a_freeze_that_only_touches_a_window_is_not_the_cause_of_its_absence() -> None:
    plan = calendar(
        NIGHT,
        freeze("2026-06-02T12:00..2026-06-02T22:00", zone="UTC", name="before"),
        freeze("2026-06-02T22:00..2026-06-03T05:00", zone="UTC", name="audit"),
        freeze("2026-06-03T05:00..2026-06-03T12:00", zone="UTC", name="after"),
    )

    [skip] = plan.skipped(utc("2026-06-01 00:00"), utc("2026-06-05 00:00"))

    assert skip.sentence == "night does not open on 2026-06-02: frozen by audit"


@pytest.mark.parametrize("machine", ["Pacific/Pago_Pago", "UTC", "Pacific/Kiritimati"])
def test_absences_are_those_of_the_window_s_days_wherever_the_machine_stands(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    plan = calendar(
        window("00:30-01:00", zone="UTC", name="early"),
        freeze("2026-06-01..2026-06-03", zone="UTC"),
    )

    found = plan.skipped(utc("2026-06-01 00:30"), utc("2026-06-03 00:31"))

    assert [skip.day.day for skip in found] == [1, 2, 3]


def test_a_day_that_the_month_lacks_is_named_with_its_window() -> None:
    [skip] = calendar(window("10:00-11:00", zone="UTC", name="last", month_days=(31,))).skipped(
        utc("2026-02-01 00:00"), utc("2026-03-01 00:00")
    )

    assert (skip.window, skip.cause, skip.day) == ("last", "no-such-day", date(2026, 2, 28))


def test_a_night_that_the_clocks_skip_hides_no_later_absence() -> None:
    plan = calendar(
        window("02:10-02:50", name="short"), freeze("2026-03-30..2026-03-30", name="audit")
    )

    found = plan.skipped(utc("2026-03-28 12:00"), utc("2026-03-31 12:00"))

    assert [(skip.day.day, skip.window, skip.cause) for skip in found] == [
        (29, "short", "clocks"),
        (30, "short", "frozen"),
    ]


def test_an_absence_counts_from_the_very_instant_at_which_the_opening_would_have_begun() -> None:
    plan = calendar(window("10:00-11:00", zone="UTC", month_days=(31,)))
    due, tick = utc("2026-02-28 10:00"), timedelta(microseconds=1)

    assert len(plan.skipped(due, due + tick)) == 1
    assert plan.skipped(due + tick, due + 2 * tick) == ()


def test_the_first_day_of_a_month_is_one_of_its_days() -> None:
    # 1 February 2026 is a Sunday, and so is 1 March.
    assert lacking(days="sun#1") == []


@pytest.mark.parametrize(
    ("dates", "months"),
    [
        ("2026-02-28..2026-03-05", [2]),
        ("2026-03-01..2026-03-05", []),
        ("2026-01-05..2026-02-01", [2]),
        ("2026-01-05..2026-01-31", []),
    ],
    ids=["its last day", "the day after", "its first day", "the day before"],
)
def test_a_month_concerns_a_window_if_one_of_its_days_does(dates: str, months: list[int]) -> None:
    found = lacking(month_days=(31,), dates=dates)

    assert [day.month for day in found] == months


def test_absences_are_those_of_the_groups_own_windows() -> None:
    first, last = window("10:00-11:00", month_days=(1,)), window("10:00-11:00", month_days=(31,))
    plan = Calendar({"first": first, "last": last}, (), {"a": ("first",), "b": ("last",)})

    assert plan.skipped(JANUARY, MAY, "a") == ()
    assert len(plan.skipped(JANUARY, MAY, "b")) == 2


def test_a_freeze_that_comes_later_does_not_lengthen_the_present_one() -> None:
    plan = calendar(
        NIGHT,
        freeze("2026-06-02..2026-06-02", zone="UTC", name="now"),
        freeze("2026-06-04..2026-06-04", zone="UTC", name="later"),
    )

    standing = plan.at(utc("2026-06-02 23:00"))

    assert standing.frozen_until is not None
    assert edge(standing.frozen_until) == edge(utc("2026-06-03 00:00"))


def test_a_window_that_neither_begins_nor_ends_the_opening_leaves_no_note_on_it() -> None:
    plan = calendar(
        window("00:00-12:00", zone="UTC", name="wide"), window("01:30-04:00", name="odd")
    )

    opening = plan.at(utc("2026-03-29 01:00")).opening

    assert opening is not None
    assert opening.notes == ()


@pytest.mark.parametrize(
    ("ahead", "text"),
    [
        (timedelta(milliseconds=999), "now"),
        (timedelta(seconds=1), "in 1 s"),
        (timedelta(milliseconds=-999), "now"),
        (timedelta(seconds=-1), "1 s ago"),
    ],
    ids=str,
)
def test_what_is_less_than_a_second_away_is_now(ahead: timedelta, text: str) -> None:
    assert both_clocks(JANUARY + ahead, "UTC", JANUARY).endswith(f", {text}")


def test_a_zone_east_of_greenwich_without_letters_is_written_as_a_distance_from_utc() -> None:
    assert " UTC+04 " in both_clocks(JANUARY, "Asia/Dubai", JANUARY)


def test_quoted_text_is_cut_beyond_sixty_characters() -> None:
    assert quoted("x" * 60) == repr("x" * 60)
    assert quoted("x" * 61) == repr("x" * 60 + "…")
