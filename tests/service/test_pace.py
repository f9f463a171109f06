"""How soon a lane passes again: at once where that may help, and never so that it spins."""

from datetime import timedelta

import pytest
from typing_extensions import override

from fakes.builders import an_id
from fakes.lane import POLICY, Lane, a_lane
from fakes.memory_store import MemoryStore
from fakes.set_clock import START
from offpeakd.core.batch import BATCH_LIMIT, Batch
from offpeakd.core.model import Request
from offpeakd.core.verdicts import Code
from offpeakd.ports import Claim, Claimed, Limits, Settled
from offpeakd.service.choice import ROUNDS
from offpeakd.service.room import OUTRUN, next_look, why_no_room


class Contended(MemoryStore):
    """A queue whose ready requests others have at this moment."""

    locked = False
    outrun = False

    @override
    def ready(self, target: str, group: str, limit: int) -> tuple[Request, ...]:
        return () if self.locked else super().ready(target, group, limit)

    @override
    def claim(
        self,
        batch: Batch,
        limits: Limits | None = None,
        settled: Settled | None = None,
        ahead: int = 0,
    ) -> Claim:
        outrun = Claim(Claimed.NOT_AS_READ)
        return outrun if self.outrun else super().claim(batch, limits, settled, ahead)


def waits(lane: Lane) -> timedelta:
    return lane.send().wake_at - lane.clock.now()


def test_a_lane_whose_ready_requests_others_hold_looks_again_after_the_poll() -> None:
    store = Contended("me")
    with a_lane(store=lambda: store) as lane:
        lane.add(1)
        store.locked = True
        assert waits(lane) == POLICY.poll

        store.locked = False
        assert waits(lane) == timedelta(0)
        assert lane.states() == ["running"]


def test_a_lane_that_was_outrun_leaves_the_target_to_others_for_a_moment() -> None:
    store = Contended("me")
    with a_lane(store=lambda: store) as lane:
        lane.add(1)
        store.outrun = True

        assert waits(lane) == OUTRUN
        assert lane.cloud.world.calls == ()


@pytest.mark.parametrize(
    ("poll", "wait"), [(OUTRUN / 2, OUTRUN / 2), (OUTRUN, OUTRUN), (OUTRUN * 2, OUTRUN)], ids=str
)
def test_that_moment_is_no_longer_than_the_poll(poll: timedelta, wait: timedelta) -> None:
    assert next_look(Claim(Claimed.NOT_AS_READ), START, poll) == START + wait


def test_a_pass_over_many_that_do_not_fit_ends_after_some_looks_and_goes_on_at_once() -> None:
    with a_lane() as lane:
        gone = [Request("prod", an_id(number), lane.clock.now()) for number in range(1, 81)]
        lane.store.add(gone, "test")
        first = lane.send()

        assert first.passed_over == ROUNDS * BATCH_LIMIT
        assert first.wake_at == lane.clock.now()
        assert lane.send().passed_over == 80 - ROUNDS * BATCH_LIMIT
        assert set(lane.states()) == {"failed"}


def test_what_fits_is_sent_before_more_is_looked_at() -> None:
    with a_lane() as lane:
        gone = [Request("prod", an_id(number), lane.clock.now()) for number in range(1, 61)]
        lane.store.add(gone[: ROUNDS * BATCH_LIMIT - 2], "test")
        lane.add(2)
        lane.store.add(gone, "test")

        assert (lane.send().sent, len(lane.cloud.world.calls)) == (2, 1)


@pytest.mark.parametrize(
    ("claim", "code", "until"),
    [
        (Claim(Claimed.TARGET_FULL), Code.TARGET_LIMIT, None),
        (Claim(Claimed.CALLS_SPENT), Code.RATE_LIMITED, None),
        (Claim(Claimed.CALLS_SPENT, timedelta(seconds=7)), Code.RATE_LIMITED, 7),
    ],
)
def test_a_claim_without_room_says_which_limit_is_reached(
    claim: Claim, code: Code, until: int | None
) -> None:
    [why] = why_no_room(claim, Limits(30, 10), START)
    assert why.code is code
    assert why.until == (None if until is None else START + timedelta(seconds=until))


@pytest.mark.parametrize("standing", [Claimed.NOT_AS_READ, Claimed.LEASE_LOST])
def test_a_claim_that_was_outrun_blames_no_limit(standing: Claimed) -> None:
    assert why_no_room(Claim(standing), Limits(30, 10), START) == ()
    assert why_no_room(Claim(Claimed.TARGET_FULL), None, START) == ()
