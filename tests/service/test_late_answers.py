"""T14 end to end: an answer that comes when somebody has moved its request already."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from typing_extensions import override

from fakes.lane import Lane, a_lane
from fakes.memory_store import MemoryStore
from offpeakd.core.batch import BatchResult
from offpeakd.core.change import Change
from offpeakd.core.errors import DatabaseError
from offpeakd.core.intake import cancel, retry
from offpeakd.core.model import Request, State
from offpeakd.core.resolve import Resolution, resolve
from offpeakd.core.settle import settle_abandoned
from offpeakd.core.tally import Tally


def nothing() -> None:
    """Nobody acts."""


@dataclass
class Between:
    """What happens between an answer and its being written down.

    Attributes:
        act: once.
        full: whether the disk is full then.
        unsure: whether it is written down, and the store says it was not.
    """

    act: Callable[[], None] = nothing
    full: bool = False
    unsure: bool = False


@dataclass
class Meddled(MemoryStore):
    """A store in which somebody else is quicker than the answer."""

    between: Between = field(default_factory=Between)

    def __post_init__(self) -> None:
        super().__init__("me")

    @override
    def record(
        self, batch_id: str, result: BatchResult, changes: Sequence[Change]
    ) -> tuple[int, ...]:
        act, self.between.act = self.between.act, nothing
        act()
        if self.between.full:
            raise DatabaseError("the disk is full")
        lost = super().record(batch_id, result, changes)
        if self.between.unsure:
            raise DatabaseError("the connection broke")
        return lost


@pytest.fixture
def store() -> Meddled:
    return Meddled()


@pytest.fixture
def lane(store: Meddled) -> Iterator[Lane]:
    with a_lane(store=lambda: store) as lane:
        lane.add(3)
        yield lane


def give_up_on(lane: Lane) -> None:
    """As another daemon does when the lease of this one has run out."""
    now = lane.clock.now()
    lane.store.apply([settle_abandoned(one, now) for one in lane.in_state(State.SUBMITTING)])


def reviewed(lane: Lane, resolution: Resolution) -> None:
    """Doubted, looked at in vain and decided by a person, all before the answer."""
    give_up_on(lane)
    now = lane.clock.now()
    for one in lane.in_state(State.UNKNOWN):
        doubted = Change(one, one.moved_to(State.NEEDS_REVIEW, now), "needs_review")
        lane.decide(doubted)
        lane.decide(resolve(doubted.after, resolution, now, "kim", "sure", Tally()))


def retried(lane: Lane) -> None:
    """Its job has failed, everybody knows, and a person wants it once more."""
    for one in lane.in_state(State.FAILED):
        assert one.job_id is not None
        lane.decide(retry(one, lane.clock.now(), "kim", "the disk has space again"))


def a_job_that_fails(lane: Lane) -> None:
    for one in lane.in_state():
        lane.change(one.instance_id, fail_reason="a node broke")


def assert_no_job_is_lost(lane: Lane) -> None:
    assert {one.job_id for one in lane.in_state()} == lane.job_ids()
    assert max(lane.cloud.world.starts.values()) == 1


def last_events(lane: Lane) -> set[str]:
    return {lane.events(one.id)[-1] for one in lane.in_state()}


def test_t14_an_answer_ends_the_doubt_that_another_daemon_had(lane: Lane, store: Meddled) -> None:
    store.between.act = lambda: give_up_on(lane)

    lane.send()

    assert lane.states() == ["running"] * 3
    assert last_events(lane) == {"late_answer"}
    assert_no_job_is_lost(lane)


def test_t14_an_answer_agrees_with_a_look_that_was_quicker(lane: Lane, store: Meddled) -> None:
    def found_out() -> None:
        give_up_on(lane)
        lane.look()

    store.between.act = found_out
    lane.send()

    assert lane.states() == ["running"] * 3
    assert last_events(lane) == {"adopted"}
    assert_no_job_is_lost(lane)


@pytest.mark.parametrize(
    ("resolution", "state"),
    [
        (Resolution.STARTED, "running"),
        (Resolution.NOT_STARTED, "running"),
        (Resolution.CANCEL, "cancelled"),
    ],
)
def test_t14_an_answer_gives_its_job_id_whatever_a_person_decided(
    lane: Lane, store: Meddled, resolution: Resolution, state: str
) -> None:
    store.between.act = lambda: reviewed(lane, resolution)

    lane.send()

    assert lane.states() == [state] * 3
    assert last_events(lane) == {"late_answer"}
    assert_no_job_is_lost(lane)


def test_t14_an_answer_that_had_to_be_kept_is_late_and_not_lost(lane: Lane, store: Meddled) -> None:
    store.between = Between(lambda: give_up_on(lane), full=True)
    with pytest.raises(DatabaseError):
        lane.send()
    assert lane.states() == ["unknown"] * 3

    store.between.full = False
    lane.send()

    assert lane.states() == ["running"] * 3
    assert_no_job_is_lost(lane)
    assert lane.release.answers.unstored == []


@pytest.mark.parametrize(
    ("wants", "state", "event"),
    [((), "queued", "retried"), ((cancel,), "cancelled", "cancelled")],
    ids=["retried", "retried-and-taken-back"],
)
def test_t14_an_answer_brings_no_job_back_that_was_known_when_a_person_decided(
    lane: Lane, store: Meddled, wants: tuple[Callable[..., Any], ...], state: str, event: str
) -> None:
    def decided() -> None:
        give_up_on(lane)
        lane.later(timedelta(minutes=20))
        lane.look()
        retried(lane)
        for want in wants:
            for one in lane.in_state(State.QUEUED):
                lane.decide(want(one, lane.clock.now(), "kim", "not now"))

    a_job_that_fails(lane)
    store.between.act = decided

    lane.send()

    assert [(one.state.value, one.job_id) for one in lane.in_state()] == [(state, None)] * 3
    assert last_events(lane) == {event}


def test_t14_an_answer_that_was_stored_after_all_is_not_stored_over_what_came_since(
    lane: Lane, store: Meddled
) -> None:
    a_job_that_fails(lane)
    store.between.unsure = True
    with pytest.raises(DatabaseError):
        lane.send()
    store.between.unsure = False
    lane.later(timedelta(minutes=20))
    lane.follow_up.run_once()
    retried(lane)

    lane.release.answers.store_what_is_left()

    assert [(one.state.value, one.job_id) for one in lane.in_state()] == [("queued", None)] * 3
    assert last_events(lane) == {"retried"}
    assert lane.release.answers.unstored == []


def test_t14_an_answer_to_a_request_that_is_gone_says_nothing(lane: Lane, store: Meddled) -> None:
    def forget(of: Request) -> None:
        store.rows.forget([of])

    store.between.act = lambda: forget(lane.in_state(State.SUBMITTING)[0])

    lane.send()

    assert lane.states() == ["running"] * 2
