"""What a claim showed serves for the gate and the next choice, while it is as good as a look."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from typing_extensions import override

from fakes.builders import a_stop
from fakes.lane import Lane, a_lane
from fakes.memory_store import MemoryStore
from fakes.set_clock import START, SetClock
from fakes.wishes import moved
from offpeakd.core.batch import Batch
from offpeakd.core.errors import DatabaseError
from offpeakd.core.lane import Lane as Queue
from offpeakd.core.lane import Stop
from offpeakd.core.model import Request, State
from offpeakd.emulator.rules import Rule
from offpeakd.ports import Behind, Claim, Limits, Settled, SignedCall, UpgradeAnswer
from offpeakd.service.ahead import GOOD_FOR, JUST_NOW, RESTS, Ahead
from offpeakd.service.gate import DECISION_AGE, Gate

TICK = timedelta(microseconds=1)
GROUP = "default"


class CountingStore(MemoryStore):
    """Tells how often it was looked at, and lets something happen once a claim is written."""

    looks = 0
    asked_for_stops = 0
    kept = 0
    breaks_to_read = False
    after_claim: Callable[[], object] = staticmethod(lambda: None)

    @override
    def lane(self, *given: object, **named: object) -> Queue:
        self.looks += 1
        return super().lane(*given, **named)  # type: ignore[arg-type]  # as it was given

    @override
    def stops(self) -> tuple[Stop, ...]:
        self.asked_for_stops += 1
        return super().stops()

    @override
    def claim(
        self,
        batch: Batch,
        limits: Limits | None = None,
        settled: Settled | None = None,
        ahead: int = 0,
    ) -> Claim:
        before = (self.looks, self.asked_for_stops)
        claimed = super().claim(batch, limits, settled, ahead)
        self.looks, self.asked_for_stops = before  # what a claim reads costs no look
        self.after_claim()
        return replace(claimed, behind=claimed.behind and self._counted(claimed.behind))

    def _counted(self, behind: Behind) -> Behind:
        self.kept += 1

        def read() -> Queue | None:
            self.kept -= 1
            if self.breaks_to_read:
                raise KeyError("on purpose")
            return behind.read()

        return Behind(behind.stops, read)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore("me")


@pytest.fixture
def lane(store: CountingStore) -> Iterator[Lane]:
    with a_lane(instances=40, store=lambda: store) as made:
        made.add(30)
        yield made


def passes(lane: Lane) -> int:
    return lane.release.run_once(goes_on=True).sent


def test_while_calls_are_quick_the_queue_is_looked_at_with_each_claim(
    lane: Lane, store: CountingStore
) -> None:
    assert [passes(lane) for _ in range(3)] == [10, 10, 10]
    assert store.looks == 1

    assert passes(lane) == 0
    assert lane.states() == ["running"] * 30


@pytest.mark.parametrize(("took", "looks"), [(GOOD_FOR, 1), (GOOD_FOR + TICK, 2)])
def test_after_a_call_that_took_its_time_the_queue_is_looked_at_anew(
    lane: Lane, store: CountingStore, took: timedelta, looks: int
) -> None:
    passes(lane)
    lane.later(took)
    passes(lane)

    assert store.looks == looks


def test_a_pause_that_is_set_before_the_claim_is_read_with_it(
    lane: Lane, store: CountingStore
) -> None:
    passes(lane)
    store.put_stop(a_stop())
    asked = store.asked_for_stops
    assert passes(lane) == 10, "chosen by the look before"

    assert store.asked_for_stops == asked
    assert len(lane.cloud.world.calls) == 1
    assert [one.state for one in lane.in_state(State.QUEUED)] == [State.QUEUED] * 20
    assert passes(lane) == 0


def test_what_a_claim_keeps_is_read_while_the_cloud_works_on_the_call(
    lane: Lane, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    send = lane.client.send

    def watched(call: SignedCall, gate: Gate, meanwhile: Callable[[], None]) -> UpgradeAnswer:
        kept.append(store.kept)
        answer = send(call, gate, meanwhile)
        kept.append(store.kept)
        return answer

    monkeypatch.setattr(lane.client, "send", watched)
    assert passes(lane) == 10

    assert kept == [1, 0]


def test_an_answer_is_written_down_though_the_look_behind_its_batch_is_a_defect(
    lane: Lane, store: CountingStore
) -> None:
    store.breaks_to_read = True
    assert passes(lane) == 10
    lane.release.answers.store_last()

    assert lane.states().count("running") == 10
    assert len({one.job_id for one in lane.in_state(State.RUNNING)}) == 10


def test_what_a_claim_keeps_is_read_though_its_batch_is_vetoed(
    lane: Lane, store: CountingStore
) -> None:
    store.after_claim = lambda: lane.later(DECISION_AGE + TICK)
    assert passes(lane) == 10

    assert lane.cloud.world.calls == ()
    assert store.kept == 0


def test_what_a_claim_keeps_is_read_though_its_call_is_a_defect(
    lane: Lane, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> UpgradeAnswer:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(lane.client, "send", fail)
    with pytest.raises(RuntimeError):
        passes(lane)

    assert store.kept == 0


def test_what_a_claim_keeps_is_read_though_the_call_before_it_can_not_be_settled(
    lane: Lane, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DatabaseError("the disk is full")

    passes(lane)
    [mine, *_] = lane.in_state(State.SUBMITTING)
    store.apply([moved(mine, State.UNKNOWN)])
    with monkeypatch.context() as patched:
        patched.setattr(store, "get", fail)
        with pytest.raises(DatabaseError):
            passes(lane)

    assert store.kept == 0
    assert len(lane.cloud.world.calls) == 1


@pytest.mark.parametrize(("after", "sent"), [(JUST_NOW, 1), (JUST_NOW + TICK, 0)])
def test_stops_that_were_read_a_while_ago_are_asked_for_again_at_the_gate(
    lane: Lane, store: CountingStore, after: timedelta, sent: int
) -> None:
    def pause_and_dawdle() -> None:
        store.put_stop(a_stop())
        lane.later(after)

    store.after_claim = pause_and_dawdle
    passes(lane)

    assert len(lane.cloud.world.calls) == sent


def test_once_the_store_is_doubted_the_queue_is_looked_at_anew(
    lane: Lane, store: CountingStore
) -> None:
    passes(lane)
    lane.release.strays.distrust()
    passes(lane)

    assert store.looks == 2


def test_a_stop_that_a_call_has_lifted_does_not_count_on(lane: Lane, store: CountingStore) -> None:
    lapsed = a_stop("throttled", count=6, until=START - TICK)
    store.put_stop(lapsed)
    passes(lane)
    assert store.stops() == ()
    lane.faults(Rule(do="throttle"))
    passes(lane)

    assert [stop.count for stop in store.stops()] == [1]


def test_after_somebody_was_first_it_rests_and_the_queue_is_looked_at_at_once(
    lane: Lane, store: CountingStore
) -> None:
    passes(lane)
    [eleventh, *_] = lane.in_state(State.QUEUED)
    store.apply([moved(eleventh, State.CANCELLED)])
    outrun = lane.release.run_once(goes_on=True)
    assert (outrun.sent, outrun.wake_at) == (0, lane.clock.now())

    assert passes(lane) == 10
    assert store.looks == 2
    assert passes(lane) == 9
    assert store.looks == 3, "it rests"


def test_when_it_has_rested_it_serves_again(ahead: Ahead) -> None:
    ahead.rest()
    clock = cast("SetClock", ahead.clock)
    clock.advance(RESTS - TICK)
    see(ahead, SEEN)
    assert ahead.lane([GROUP], START, 0) is None
    clock.advance(TICK)
    see(ahead, SEEN)
    assert ahead.lane([GROUP], START, 0) == SEEN


@pytest.fixture
def ahead() -> Ahead:
    return Ahead(SetClock())


FIRST = (Request("prod", "one", START),)
SEEN = Queue("prod", (GROUP,), None, 10, (), FIRST)


def see(ahead: Ahead, lane: Queue | None) -> None:
    behind = None if lane is None else Behind(lane.stops, lambda: lane)
    ahead.see(behind, ahead.clock.boottime(), 0)


def test_what_was_seen_is_used_once(ahead: Ahead) -> None:
    see(ahead, SEEN)

    assert ahead.lane([GROUP, "late"], START, 0) == SEEN
    assert ahead.lane([GROUP, "late"], START, 0) is None


@pytest.mark.parametrize(
    ("seen", "groups"),
    [
        pytest.param(None, [GROUP], id="nobody looked"),
        pytest.param(SEEN, ["first", GROUP], id="another group comes first by now"),
        pytest.param(replace(SEEN, ready_groups=(), first=()), [GROUP], id="nothing is left"),
        pytest.param(replace(SEEN, next_ready_at=START), [GROUP], id="something has waited enough"),
        pytest.param(SEEN, [], id="no group may release"),
        pytest.param(replace(SEEN, stops=(a_stop(),)), [GROUP], id="a stop may be lifted by now"),
    ],
)
def test_another_look_is_needed(ahead: Ahead, seen: Queue | None, groups: list[str]) -> None:
    see(ahead, seen)

    assert ahead.lane(groups, START, 0) is None


def test_what_waits_yet_needs_no_other_look(ahead: Ahead) -> None:
    seen = replace(SEEN, next_ready_at=START + TICK)
    see(ahead, seen)

    assert ahead.lane([GROUP], START, 0) == seen


def test_what_was_forgotten_says_nothing(ahead: Ahead) -> None:
    see(ahead, SEEN)
    ahead.forget()

    assert (ahead.stops(), ahead.lane([GROUP], START, 0)) == (None, None)
