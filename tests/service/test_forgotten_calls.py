"""While forgotten calls are waited for, people can see it, and until when."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fakes.lane import POLICY, Lane, a_lane
from fakes.memory_store import MemoryStore
from offpeakd.core.verdicts import Code, Kind
from offpeakd.service.strays import FORGOTTEN, SHOWS_WITHIN

TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)


@contextmanager
def a_restored_lane(fence: timedelta = POLICY.fence) -> Iterator[Lane]:
    """A lane whose database is of before its first call, and which has not passed yet."""
    with a_lane() as lane:
        lane.rules.rules = replace(lane.rules(), policy=replace(POLICY, fence=fence))
        assert isinstance(lane.store, MemoryStore)
        lane.add(12)
        old = lane.store.rows.copied()
        lane.send()
        lane.store = MemoryStore("me", old)
        lane.restart()
        yield lane


def ends(lane: Lane) -> datetime | None:
    """When the wait that is told ends."""
    told = lane.release.strays.standing()
    return None if told is None else told.until


def test_nothing_is_told_before_anything_is_known_to_be_forgotten() -> None:
    with a_restored_lane() as lane:
        assert lane.release.strays.standing() is None


def test_the_wait_is_told_with_its_end_and_what_to_do() -> None:
    with a_restored_lane() as lane:
        lane.send()
        told = lane.release.strays.standing()

        assert told is not None
        assert (told.code, told.kind, told.sentence) == (Code.CALLS_FORGOTTEN, Kind.WAIT, FORGOTTEN)
        assert "nothing has to be done" in told.sentence
        # In whole seconds, so that each sign of life says the same, and never too early.
        assert told.until is not None
        assert timedelta(0) < told.until - (lane.clock.now() + SHOWS_WITHIN) <= SECOND
        assert told.until.microsecond == 0
        assert lane.states() == ["running"] * 10 + ["queued"] * 2


def test_the_end_stays_where_it_is_while_time_passes() -> None:
    with a_restored_lane() as lane:
        lane.send()
        first = ends(lane)
        lane.later(SHOWS_WITHIN / 3)
        lane.send()

        assert ends(lane) == first


@pytest.mark.parametrize(
    ("left", "told"), [(TICK, True), (timedelta(0), False), (-TICK, False)], ids=str
)
def test_the_wait_is_told_until_it_is_over(left: timedelta, told: bool) -> None:
    with a_restored_lane() as lane:
        lane.send()
        lane.later(SHOWS_WITHIN - left)

        assert (ends(lane) is not None) is told


def test_after_the_wait_the_rest_goes_out_and_nothing_is_told() -> None:
    with a_restored_lane() as lane:
        lane.send()
        lane.later(SHOWS_WITHIN)
        lane.send()

        assert lane.states() == ["running"] * 12
        assert lane.release.strays.standing() is None


def test_a_shorter_fence_ends_the_wait_that_people_see() -> None:
    with a_restored_lane(fence=10 * SECOND) as lane:
        lane.send()
        end = ends(lane)

        assert end is not None
        assert timedelta(0) < end - (lane.clock.now() + 10 * SECOND) <= SECOND
