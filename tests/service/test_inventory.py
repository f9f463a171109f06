"""No call rests on a look that is too old, or older than the last call for that instance."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from fakes.builders import a_calendar, nightly
from fakes.lane import Lane, a_lane
from fakes.memory_store import MemoryStore
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.core.errors import DatabaseError
from offpeakd.core.seen import Instance
from offpeakd.service.inventory import Inventory

MINUTE = timedelta(seconds=60)
MOMENT = timedelta(milliseconds=1)


def test_few_instances_of_many_are_asked_for_one_by_one() -> None:
    with a_lane(instances=250) as lane:
        ids = sorted(lane.cloud.world.instances)
        inventory = lane.release.inventory
        inventory.look()
        lane.later(MINUTE * 2)
        before = lane.cloud.world.received["instances"]

        seen = inventory.at_most(MINUTE, ids[:2], more_to_come=False)

        assert [one.id for one in seen.values() if one] == ids[:2]
        assert lane.cloud.world.received["instances"] == before + 2


def test_only_those_that_a_call_named_are_asked_for_again() -> None:
    with a_lane() as lane:
        ids = sorted(lane.cloud.world.instances)[:3]
        inventory = lane.release.inventory
        inventory.look()
        lane.later(timedelta(seconds=1))
        inventory.called(ids[:1])

        inventory.at_most(MINUTE, ids, more_to_come=False)
        assert lane.cloud.world.received["instances"] == 2
        inventory.look()
        inventory.called(ids)
        lane.later(timedelta(seconds=1))
        inventory.at_most(MINUTE, ids, more_to_come=True)
        assert lane.cloud.world.received["instances"] == 4


def test_an_instance_that_the_listing_lacks_is_asked_for() -> None:
    with a_lane() as lane:
        unknown = "0" * 32 + "in02"

        seen = lane.release.inventory.at_most(MINUTE, [unknown], more_to_come=True)

        assert seen == {unknown: None}


class SlowListing(DdsCloud):
    """A project whose listing takes its time."""

    def __init__(self, lane: Lane, takes: timedelta) -> None:
        self._lane = lane
        self._takes = takes
        self.listings = 0

    @override
    def list_instances(self) -> tuple[Instance, ...]:
        self.listings += 1
        listed = self._lane.client.list_instances()
        self._lane.later(self._takes)
        return listed

    @override
    def find_instance(self, instance_id: str) -> Instance | None:
        return self._lane.client.find_instance(instance_id)


@pytest.mark.parametrize(
    ("takes", "listings"),
    [(MINUTE / 2, 2), (MINUTE / 2 + MOMENT, 1), (MINUTE, 1), (MINUTE + MOMENT, 1)],
)
def test_a_listing_that_would_be_old_when_it_is_needed_is_not_read_again(
    takes: timedelta, listings: int
) -> None:
    with a_lane(instances=1100) as lane:
        ids = sorted(lane.cloud.world.instances)
        cloud = SlowListing(lane, takes)
        inventory = Inventory("prod", cloud, lane.store, lane.clock)
        inventory.at_most(MINUTE, ids[:10], more_to_come=True)
        # Of a listing that is too old already, those that are needed are looked at once more.
        singly = lane.cloud.world.received["instances"] - 12
        assert singly == (10 if takes > MINUTE else 0)

        lane.later(MINUTE + MOMENT)
        seen = inventory.at_most(MINUTE, ids[10:20], more_to_come=True)
        assert cloud.listings == listings
        assert [one.id for one in seen.values() if one] == ids[10:20]


def test_a_listing_that_took_long_is_tried_again_after_a_while() -> None:
    with a_lane(instances=1100) as lane:
        ids = sorted(lane.cloud.world.instances)[:10]
        cloud = SlowListing(lane, MINUTE)
        inventory = Inventory("prod", cloud, lane.store, lane.clock)
        inventory.look()
        lane.later(MINUTE * 9)
        inventory.at_most(MINUTE, ids, more_to_come=True)
        assert cloud.listings == 1
        lane.later(MOMENT)
        inventory.at_most(MINUTE, ids, more_to_come=True)
        assert cloud.listings == 2


@pytest.mark.parametrize(("takes", "listings"), [(MINUTE / 2, 2), (MINUTE / 2 + MOMENT, 1)])
def test_a_listing_that_would_not_be_over_is_not_begun_before_an_opening(
    takes: timedelta, listings: int
) -> None:
    with a_lane() as lane:
        cloud = SlowListing(lane, takes)
        lane.release.inventory.cloud = cloud
        lane.release.inventory.look()
        soon = f"{lane.clock.now() + MINUTE * 3:%H:%M}"
        lane.rules.rules = replace(lane.rules(), calendar=a_calendar(nightly(start=soon)))
        lane.add(1)
        starts = lane.send().wake_at
        lane.later(starts - lane.clock.now())

        assert lane.send().wake_at == starts + MINUTE / 2
        assert cloud.listings == listings


def test_what_was_seen_is_stored_when_no_call_follows_at_once() -> None:
    with a_lane(instances=30) as lane:
        [first, *_] = lane.add(20)
        while lane.release.run_once(goes_on=True).sent:
            assert lane.store.instance("prod", first.instance_id) is None

        seen = lane.store.instance("prod", first.instance_id)
        assert seen is not None
        assert seen.seen_at == lane.clock.now()


def test_what_was_seen_waits_for_calls_no_longer_than_ten_seconds() -> None:
    with a_lane(instances=30) as lane:
        [first, *_] = lane.add(30)
        lane.release.run_once(goes_on=True)
        lane.later(timedelta(seconds=10) - MOMENT)
        lane.release.run_once(goes_on=True)
        assert lane.store.instance("prod", first.instance_id) is None
        lane.later(MOMENT)
        lane.release.run_once(goes_on=True)
        assert lane.store.instance("prod", first.instance_id) is not None


def test_of_instances_asked_for_one_by_one_each_is_stored() -> None:
    with a_lane(instances=250) as lane:
        ids = sorted(lane.cloud.world.instances)
        inventory = lane.release.inventory
        inventory.look()
        inventory.remember()
        lane.later(MINUTE * 2)
        inventory.at_most(MINUTE, ids[:2], more_to_come=False)
        inventory.remember()

        stored = [lane.store.instance("prod", one) for one in ids[:3]]
        assert [lane.clock.now() - one.seen_at for one in stored if one] == [
            timedelta(0),
            timedelta(0),
            MINUTE * 2,
        ]


class NoRoomForInstances(MemoryStore):
    """Stores everything but instances."""

    tried = 0

    @override
    def see_instances(self, target: str, instances: Sequence[Instance]) -> None:
        self.tried += 1
        raise DatabaseError("the disk is full")


def test_where_instances_can_not_be_stored_calls_go_on_all_the_same() -> None:
    store = NoRoomForInstances("me")
    with a_lane(instances=40, store=lambda: store) as lane:
        lane.add(30)
        doubts = lane.release.strays.doubts
        lane.later(timedelta(seconds=10))
        sent = []
        for _ in range(3):
            sent.append(lane.release.run_once(goes_on=True).sent)
            lane.later(timedelta(seconds=6))

        assert sent == [10, 10, 10]
        assert store.tried == 1, "and again after ten seconds more"
        assert lane.release.strays.doubts == doubts
