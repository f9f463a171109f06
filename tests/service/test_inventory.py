"""No call rests on a look that is too old, or older than the last call for that instance."""

from datetime import timedelta

from fakes.lane import a_lane

MINUTE = timedelta(seconds=60)


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
