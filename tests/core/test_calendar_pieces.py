"""What freezes leave of openings, at their very edges."""

import pytest

from core.calendar_words import calendar, edge, freeze, spans, utc, window
from offpeakd.core.windows import Window

NIGHT = window("22:00-04:00", zone="UTC", name="night", cutoff="45m")
EARLY = window("20:00-01:00", zone="UTC", name="early")
LATE = window("01:00-05:00", zone="UTC", name="late")
SINCE, UNTIL = utc("2026-06-01 18:00"), utc("2026-06-02 18:00")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param("2026-06-02T00:00", "2026-06-02T01:00", id="the-freeze-ends-between-them"),
        pytest.param("2026-06-02T01:00", "2026-06-02T02:00", id="the-freeze-starts-between-them"),
    ],
)
def test_a_piece_names_no_window_that_only_touches_it(start: str, end: str) -> None:
    plan = calendar(EARLY, LATE, freeze(f"{start}..{end}", zone="UTC"))

    found = list(plan.openings(SINCE, UNTIL))

    assert [opening.windows for opening in found] == [("early",), ("late",)]


@pytest.mark.parametrize(
    ("start", "taken"),
    [
        pytest.param("22:44", True, id="less-than-the-cutoff"),
        pytest.param("22:45", True, id="as-long-as-the-cutoff"),
        pytest.param("22:46", False, id="longer"),
    ],
)
def test_a_piece_says_when_the_cutoff_leaves_nothing_of_it(start: str, *, taken: bool) -> None:
    plan = calendar(NIGHT, freeze(f"2026-06-01T{start}..2026-06-02T12:00", zone="UTC", name="x"))

    [opening] = plan.openings(SINCE, UNTIL)

    assert ("nothing is released: the cutoff takes all of it" in opening.notes) == taken
    assert (plan.at(utc("2026-06-01 22:00")).verdict == "past-cutoff") == taken


def test_a_freeze_until_the_end_of_a_window_leaves_what_lies_before() -> None:
    plan = calendar(NIGHT, freeze("2026-06-02T01:00..2026-06-02T04:00", zone="UTC"))

    assert spans(list(plan.openings(SINCE, UNTIL))) == ["06-01 22:00 - 06-02 01:00"]


def test_a_piece_that_ends_as_one_begins_to_look_is_not_listed() -> None:
    plan = calendar(NIGHT, freeze("2026-06-01T23:00..2026-06-02T01:00", zone="UTC"))

    found = list(plan.openings(utc("2026-06-01 23:00"), UNTIL))

    assert spans(found) == ["06-02 01:00 - 06-02 04:00"]


def test_a_piece_that_starts_as_one_ceases_to_look_is_not_listed() -> None:
    plan = calendar(NIGHT, freeze("2026-06-01T23:00..2026-06-02T01:00", zone="UTC"))

    found = list(plan.openings(SINCE, utc("2026-06-02 01:00")))

    assert spans(found) == ["06-01 22:00 - 06-01 23:00"]


def test_an_always_open_window_has_no_notes_and_is_named_with_others_by_name() -> None:
    plan = calendar(
        Window("b", "UTC", always=True),
        window("10:00-11:00", zone="America/New_York", name="a"),
    )

    opening = plan.at(SINCE).opening

    assert opening is not None
    assert (opening.start, opening.end, opening.windows, opening.notes) == (
        *(None, None),
        ("a", "b"),
        (),
    )


@pytest.mark.parametrize(("length", "minutes"), [("59s", 0), ("60s", 1), ("119s", 1)])
def test_the_length_of_an_opening_is_in_whole_minutes(length: str, minutes: int) -> None:
    plan = calendar(window(f"22:00 for {length}", zone="UTC", dates="2026-06-01"))

    assert [opening.minutes for opening in plan.openings(SINCE, UNTIL)] == [minutes]


def test_what_has_but_one_end_has_no_length() -> None:
    plan = calendar(
        Window("always", "UTC", always=True), freeze("2026-06-01..2026-06-02", zone="UTC")
    )

    before, after = plan.openings(utc("2026-05-31 12:00"), utc("2026-06-03 12:00"))

    assert [edge(before.end), edge(after.start)] == ["06-01 00:00", "06-03 00:00"]
    assert (before.start, before.minutes, after.end, after.minutes) == (None, None, None, None)


@pytest.mark.parametrize(
    ("named", "other", "until"),
    [
        pytest.param("06-01..2026-06-10", "06-02..2026-06-05", "06-11 00:00", id="began-first"),
        pytest.param("06-02..2026-06-10", "06-01..2026-06-05", "06-11 00:00", id="began-last"),
        pytest.param("06-01..2026-06-05", "06-01..2026-06-05", "06-06 00:00", id="first-in-file"),
    ],
)
def test_the_freeze_that_ends_last_is_the_one_that_is_named(
    named: str, other: str, until: str
) -> None:
    plan = calendar(
        NIGHT,
        freeze(f"2026-{named}", zone="UTC", name="named"),
        freeze(f"2026-{other}", zone="UTC", name="other"),
    )

    standing = plan.at(utc("2026-06-03 12:00"))

    assert standing.freeze is not None
    assert standing.freeze.name == "named"
    assert edge(standing.frozen_until) == until
