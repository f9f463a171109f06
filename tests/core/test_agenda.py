"""Which groups may release now, and how long that is so."""

from datetime import timedelta

from fakes.builders import NIGHT, always, nightly
from offpeakd.core.agenda import Agenda, agenda
from offpeakd.core.calendar import Calendar
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import Situation

NO_GUARD = timedelta(0)
GUARD = timedelta(seconds=10)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
ENDS = NIGHT + 3 * HOUR
EARLY = nightly(name="early", cutoff=HOUR)
LATE = nightly(name="late", start="03:00")
GROUPS = {"always": ("always",), "full": ("nightly",), "short": ("early",), "late": ("late",)}


def seen_at_night(
    now: timedelta = timedelta(0), guard: timedelta = NO_GUARD, **notices: timedelta
) -> Agenda:
    windows = {one.name: one for one in (always(), nightly(), EARLY, LATE)}
    calendar = Calendar(windows, (), GROUPS)
    shut = {group: NIGHT + until for group, until in notices.items()}
    policy = Policy(guard=guard)
    return agenda(Situation(NIGHT + now, calendar, policy, notices=shut), tuple(GROUPS))


def test_the_group_that_closes_first_goes_first_and_one_that_never_does_goes_last() -> None:
    assert seen_at_night().open == ("short", "full", "always")
    assert seen_at_night(HOUR).open == ("short", "full", "late", "always")


def test_an_agenda_is_good_until_the_next_window_opens_or_closes() -> None:
    seen = seen_at_night()
    assert (seen.since, seen.until) == (NIGHT, NIGHT + HOUR)
    assert seen.covers(NIGHT)
    assert seen.covers(NIGHT + HOUR - TICK)
    assert not seen.covers(NIGHT + HOUR)
    assert not seen.covers(NIGHT - TICK)
    assert seen_at_night(HOUR).until == ENDS - HOUR


def test_the_guard_ends_a_group_before_its_cutoff() -> None:
    assert seen_at_night(HOUR, GUARD).until == ENDS - HOUR - GUARD
    assert "short" in seen_at_night(2 * HOUR - GUARD - TICK, GUARD).open
    assert "short" not in seen_at_night(2 * HOUR - GUARD, GUARD).open


def test_a_group_that_a_reload_keeps_shut_stands_in_nobodys_way() -> None:
    assert seen_at_night(short=HOUR / 2).open == ("full", "always")
    assert seen_at_night(HOUR / 2, short=HOUR / 2).open == ("short", "full", "always")


def test_a_notice_that_ends_makes_a_new_agenda() -> None:
    assert seen_at_night(full=HOUR / 2).until == NIGHT + HOUR / 2
    assert seen_at_night(full=timedelta(0)).until == NIGHT + HOUR
    assert seen_at_night(full=-HOUR).until == NIGHT + HOUR


def test_without_any_group_an_agenda_is_empty_for_a_year() -> None:
    seen = agenda(Situation(NIGHT, Calendar({}, (), {}), Policy()), ())
    assert (seen.open, seen.until) == ((), NIGHT + timedelta(days=366))
