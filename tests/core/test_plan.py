"""What a lane does next."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.builders import (
    NIGHT,
    NOON,
    a_calendar,
    a_freeze,
    a_lane,
    a_request,
    a_stop,
    always,
    nightly,
)
from offpeakd.core.batch import Batch, as_claimed
from offpeakd.core.calendar import Calendar
from offpeakd.core.model import State
from offpeakd.core.plan import admits, next_edge, notices, plan
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import Code, LaneFacts, Situation

POLICY = Policy(guard=timedelta(0))
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
ENDS = NIGHT + 3 * HOUR
"""When the nightly window of that night closes."""

NO_GUARDS = (timedelta(0), timedelta(0))


def at(now: datetime, calendar: Calendar | None = None, **facts: object) -> Situation:
    return Situation(now, calendar or a_calendar(nightly()), POLICY, **facts)  # type: ignore[arg-type]


def test_an_open_window_takes_a_batch_at_once() -> None:
    decision = plan(a_lane(), LaneFacts(), at(NIGHT))

    assert decision.take is not None
    assert (decision.take.group, decision.take.size) == ("default", 10)
    assert decision.take.opening.windows == ("nightly",)
    assert (decision.blockers, decision.wake_at) == ((), NIGHT)


def test_a_batch_leaves_room_for_what_runs() -> None:
    decision = plan(a_lane(), LaneFacts(in_flight=27, limit=30), at(NIGHT))

    assert decision.take is not None
    assert decision.take.size == 3


def test_a_full_target_looks_again_at_the_next_poll() -> None:
    decision = plan(a_lane(), LaneFacts(in_flight=30, limit=30), at(NIGHT))

    assert decision.take is None
    assert [one.code for one in decision.blockers] == [Code.TARGET_LIMIT]
    assert decision.wake_at == NIGHT + POLICY.poll


def test_a_short_stop_is_looked_at_when_it_ends() -> None:
    stop = a_stop("throttled", until=NIGHT + timedelta(seconds=2))

    decision = plan(a_lane(), LaneFacts(stops=(stop,)), at(NIGHT))

    assert decision.wake_at == NIGHT + timedelta(seconds=2)


def test_a_closed_window_wakes_at_its_edge() -> None:
    decision = plan(a_lane(), LaneFacts(), at(NOON))

    assert decision.take is None
    assert [one.code for one in decision.blockers] == [Code.WINDOW_CLOSED]
    assert decision.wake_at == datetime(2026, 11, 25, 1, tzinfo=NIGHT.tzinfo)


def test_no_window_at_all_wakes_in_the_far_future() -> None:
    assert plan(a_lane(), LaneFacts(), at(NIGHT, a_calendar())).wake_at > NIGHT + timedelta(300)


def test_an_empty_queue_in_an_open_window_is_polled() -> None:
    decision = plan(a_lane(ready_groups=()), LaneFacts(), at(NIGHT))

    assert (decision.take, decision.wake_at) == (None, NIGHT + POLICY.poll)


def test_a_request_that_becomes_ready_soon_is_not_kept_waiting_for_the_poll() -> None:
    lane = a_lane(ready_groups=(), next_ready_at=NIGHT + timedelta(seconds=1))

    assert plan(lane, LaneFacts(), at(NIGHT)).wake_at == NIGHT + timedelta(seconds=1)


def test_the_group_that_closes_soonest_goes_first() -> None:
    calendar = Calendar(
        {"nightly": nightly(), "early": nightly(name="early", cutoff=timedelta(hours=1))},
        (),
        {"a": ("nightly",), "b": ("early",)},
    )

    decision = plan(a_lane(ready_groups=("a", "b")), LaneFacts(), at(NIGHT, calendar))

    assert decision.take is not None
    assert decision.take.group == "b"


def test_a_window_that_never_closes_yields_to_one_that_does() -> None:
    calendar = Calendar(
        {"always": always(), "nightly": nightly()}, (), {"a": ("always",), "b": ("nightly",)}
    )

    decision = plan(a_lane(ready_groups=("a", "b")), LaneFacts(), at(NIGHT, calendar))

    assert decision.take is not None
    assert decision.take.group == "b"


NIGHT_AND_DAY = Calendar(
    {"nightly": nightly(), "daily": nightly(name="daily", start="03:00")},
    (),
    {"a": ("daily",), "b": ("nightly",)},
)
"""At `NIGHT`, the window of `b` is open, and that of `a` opens an hour later."""


def test_each_group_is_judged_by_its_own_windows() -> None:
    both = plan(a_lane(ready_groups=("a", "b")), LaneFacts(), at(NIGHT, NIGHT_AND_DAY))
    one = plan(a_lane(ready_groups=("a",)), LaneFacts(), at(NIGHT, NIGHT_AND_DAY))

    assert both.take is not None
    assert both.take.group == "b"
    assert (one.take, [found.code for found in one.blockers]) == (None, [Code.WINDOW_CLOSED])
    assert admits("a", at(NIGHT, NIGHT_AND_DAY)) is not None
    assert admits("b", at(NIGHT, NIGHT_AND_DAY)) is None
    assert next_edge(NIGHT_AND_DAY, ("a",), NIGHT) == NIGHT + timedelta(hours=1)
    assert next_edge(NIGHT_AND_DAY, ("a", "b"), NIGHT) == NIGHT


def test_a_group_under_notice_takes_nothing_although_its_window_is_open() -> None:
    until = NIGHT + timedelta(seconds=3)

    decision = plan(a_lane(), LaneFacts(), at(NIGHT, notices={"default": until}))

    assert decision.take is None
    assert [one.code for one in decision.blockers] == [Code.MIN_NOTICE]
    assert decision.wake_at == until


def test_what_is_due_at_this_very_instant_is_no_reason_to_look_again_at_once() -> None:
    lane = a_lane(ready_groups=(), next_ready_at=NIGHT)

    assert plan(lane, LaneFacts(), at(NIGHT)).wake_at == NIGHT + POLICY.poll


def test_a_reload_gives_notice_to_the_groups_that_it_opens() -> None:
    windows = {"nightly": nightly(), "daily": nightly(name="daily", start="03:00")}
    shut = Calendar(windows, (), {"a": ("daily",), "b": ("nightly",), "c": ("daily",)})
    opened = Calendar(windows, (), {"a": ("nightly",), "b": ("daily",), "c": ("daily",)})

    def given_notice(before: Calendar, after: Calendar) -> object:
        return notices(
            before, after, ("a", "b", "c"), NIGHT, timedelta(minutes=10), {}, guards=NO_GUARDS
        )

    assert given_notice(shut, opened) == {"a": NIGHT + timedelta(minutes=10)}
    assert given_notice(opened, shut) == {"b": NIGHT + timedelta(minutes=10)}


def test_the_gate_admits_inside_and_names_the_reason_outside() -> None:
    assert admits("default", at(NIGHT)) is None
    against = admits("default", at(NOON))
    assert against is not None
    assert against.code is Code.WINDOW_CLOSED


def test_the_next_edge_is_now_while_something_is_open() -> None:
    assert next_edge(a_calendar(nightly()), ("default",), NIGHT) == NIGHT
    assert next_edge(a_calendar(), ("default",), NIGHT) is None


def test_a_reload_gives_notice_only_where_it_opens_over_the_present_moment() -> None:
    closed = a_calendar(nightly(), freezes=(a_freeze(),))
    opened = a_calendar(nightly())
    later = NIGHT + timedelta(minutes=10)

    def given_notice(before: Calendar, after: Calendar) -> object:
        return notices(
            before, after, ("default",), NIGHT, timedelta(minutes=10), {}, guards=NO_GUARDS
        )

    assert given_notice(closed, opened) == {"default": later}
    assert given_notice(opened, opened) == {}
    assert given_notice(opened, closed) == {}


@pytest.mark.parametrize(
    ("before_end", "given_notice"),
    [(HOUR + TICK, False), (HOUR, True), (HOUR - TICK, True), (timedelta(0), False)],
    ids=["before the cutoff", "at the cutoff", "past the cutoff", "at the end"],
)
def test_a_reload_that_takes_a_cutoff_away_gives_notice_where_nothing_could_go_any_more(
    before_end: timedelta, given_notice: bool
) -> None:
    now = ENDS - before_end
    cut, uncut = a_calendar(nightly(cutoff=HOUR)), a_calendar(nightly())

    until = notices(cut, uncut, ("default",), now, HOUR, {}, guards=NO_GUARDS)

    assert until == ({"default": now + HOUR} if given_notice else {})


def test_a_reload_with_a_shorter_guard_gives_notice_where_nothing_could_go_any_more() -> None:
    calendar, now = a_calendar(nightly()), ENDS - HOUR / 2

    def given_notice(before: timedelta, after: timedelta) -> object:
        guards = (before, after)
        return notices(calendar, calendar, ("default",), now, HOUR, {}, guards=guards)

    assert given_notice(HOUR, HOUR / 4) == {"default": now + HOUR}
    assert given_notice(HOUR / 4, HOUR / 4) == {}
    assert given_notice(HOUR / 4, HOUR) == {}
    assert given_notice(HOUR, HOUR) == {}


def test_a_notice_that_still_runs_outlasts_a_further_reload() -> None:
    runs = {"default": NIGHT + timedelta(minutes=3), "old": NIGHT}
    calendar = a_calendar(nightly())

    kept = notices(
        calendar, calendar, ("default",), NIGHT, timedelta(minutes=10), runs, guards=NO_GUARDS
    )

    assert kept == {"default": NIGHT + timedelta(minutes=3)}


def a_batch(*attempt_ids: str) -> Batch:
    return Batch(
        id="b1",
        target="prod",
        group="default",
        requests=(a_request(1), a_request(2)),
        attempt_ids=attempt_ids,
        owner="me",
        windows=("nightly",),
        opening_start=None,
        opening_end=None,
        signed_at=NIGHT,
        fenced=True,
        body_sha256="",
        config_hash="",
        tzdata_version="",
        instance_versions=(None, None),
    )


def test_claimed_requests_know_their_attempt_and_batch_and_since_when() -> None:
    claimed = as_claimed(a_batch("x", "y"))

    assert [one.attempt_id for one in claimed] == ["x", "y"]
    assert {(one.state, one.batch_id, one.attempts, one.changed_at) for one in claimed} == {
        (State.SUBMITTING, "b1", 1, NIGHT)
    }


def test_every_request_of_a_batch_has_an_attempt_of_its_own() -> None:
    with pytest.raises(ValueError, match="shorter"):
        as_claimed(a_batch("x"))


@given(
    ready=st.integers(0, 45),
    running=st.integers(0, 40),
    limit=st.integers(1, 40),
    hour=st.integers(0, 23),
)
def test_repeating_the_plan_releases_what_fits_in_tens_and_nothing_while_closed(
    ready: int, running: int, limit: int, hour: int
) -> None:
    now = NIGHT.replace(hour=hour)
    waiting = list(range(ready))
    released: list[int] = []
    in_flight = running
    while True:
        lane = a_lane(ready_groups=("default",) if waiting else (), in_flight=in_flight)
        take = plan(lane, LaneFacts(in_flight, limit), at(now)).take
        if take is None:
            break
        batch, waiting = waiting[: take.size], waiting[take.size :]
        assert 1 <= len(batch) <= 10
        released += batch
        in_flight += len(batch)

    fits = min(ready, max(limit - running, 0)) if 1 <= hour < 5 else 0
    assert released == list(range(fits))
