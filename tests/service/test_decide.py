"""Decisions against a ledger that others write to as well."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from fakes.builders import NOON, a_request, an_id
from fakes.memory_store import MemoryStore
from offpeakd.core import intake
from offpeakd.core.change import Change
from offpeakd.core.errors import UsageError
from offpeakd.core.intake import Wish
from offpeakd.core.lane import Stop
from offpeakd.core.model import Request, State
from offpeakd.service import stops
from offpeakd.service.decide import decide
from offpeakd.service.lookup import find


class ContestedStore(MemoryStore):
    """Somebody else holds the request just before a write, so many times."""

    times = 0

    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        if self.times:
            self.times -= 1
            stands = self.get(changes[0].before.id)
            assert stands is not None
            super().apply(
                [
                    Change(
                        stands,
                        replace(stands, state=State.CANCELLED, finished_at=NOON),
                        "cancelled",
                        "li",
                    )
                ]
            )
        return super().apply(changes)


def stored(store: MemoryStore, *numbers: int) -> None:
    store.add([a_request(number) for number in numbers], "zhang")


def holding(request: Request) -> intake.Decision:
    return intake.hold(request, NOON, "zhang", "why")


def test_a_lost_write_is_decided_about_anew() -> None:
    store = ContestedStore()
    stored(store, 1)
    store.times = 1

    (one,) = decide(store, [an_id(1)], holding)

    assert (one.done, one.changed) == (False, False)
    assert one.sentence.startswith("is cancelled: it can't be held")


def test_an_instance_with_another_live_request_gets_no_second_by_retry() -> None:
    store = MemoryStore()
    (first,) = store.add([a_request(1)], "zhang")
    failed = replace(first.request, state=State.FAILED, finished_at=NOON)
    store.apply([Change(first.request, failed, "failed")])
    (second,) = store.add([a_request(1)], "zhang")

    (one,) = decide(
        store,
        [str(first.request.id)],
        partial(intake.retry, now=NOON, actor="zhang", reason="why"),
    )

    assert not one.done
    assert one.sentence == (
        f"stays failed: request {second.request.id} for the same instance is queued already"
    )


def test_of_two_failed_requests_of_one_instance_one_decision_brings_back_one() -> None:
    store = MemoryStore()
    numbers: list[int] = []
    for _ in range(2):
        (added,) = store.add([a_request(1)], "zhang")
        failed = replace(added.request, state=State.FAILED, finished_at=NOON)
        store.apply([Change(added.request, failed, "failed")])
        numbers.append(added.request.id)

    first, second = decide(
        store,
        [str(number) for number in numbers],
        partial(intake.retry, now=NOON, actor="zhang", reason="why"),
    )

    assert (first.done, second.done) == (True, False)
    assert second.sentence == (
        f"stays failed: request {numbers[0]} for the same instance is queued already"
    )


def test_a_number_beyond_every_database_is_unknown() -> None:
    (one,) = decide(MemoryStore(), ["9" * 40], holding)

    assert (one.request, one.sentence) == (None, f"there is no request {'9' * 40}")


def test_an_instance_that_nobody_asked_for_is_named() -> None:
    with pytest.raises(UsageError, match="no request was ever made for instance"):
        find(MemoryStore(), an_id(5))


def test_a_wish_is_checked_before_it_is_stored() -> None:
    with pytest.raises(UsageError):
        intake.new_request(Wish("prod", an_id(1), deadline=NOON), NOON, "zhang")


def test_resuming_a_target_lifts_what_stopped_that_target_only() -> None:
    store = MemoryStore()
    for scope, kind in (("a", "credentials"), ("b", "permission"), ("a", "throttled")):
        store.put_stop(Stop(scope, kind, "said", "offpeakd", NOON))
    stops.pause(store, "*", "zhang", "incident", NOON)

    resumed = stops.resume(store, "a", "zhang", "mended")

    assert {(stop.scope, stop.kind) for stop in resumed.lifted} == {
        ("a", "credentials"),
        ("a", "throttled"),
    }
    assert [stop.scope for stop in resumed.left] == ["*"]
    again = stops.resume(store, "*", "zhang", "over")
    assert {(stop.scope, stop.kind) for stop in again.lifted} == {
        ("*", "pause"),
        ("b", "permission"),
    }
