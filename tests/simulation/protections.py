"""What a daemon of the simulation is put together from: the real parts, unless told otherwise."""

from collections.abc import Callable
from dataclasses import dataclass

from fakes.memory_rows import Rows
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import Verdict
from offpeakd.ports import Clock, Cloud, Store
from offpeakd.service.inventory import Inventory
from offpeakd.service.recover import Recover
from offpeakd.service.release import Release

Holding = Callable[[], tuple[Verdict, ...]]


def _same_policy(policy: Policy) -> Policy:
    return policy


def _same_store(store: Store) -> Store:
    return store


def _same_cloud(cloud: Cloud, _clock: Clock) -> Cloud:
    return cloud


def _same_holds(holds: Holding) -> Holding:
    return holds


@dataclass(frozen=True, slots=True)
class Protections:
    """Where a negative control puts something weaker.

    Attributes:
        name: of what is taken away.
        policy: changes the limits and patience.
        store: wraps a daemon's store.
        cloud: wraps a daemon's way to the cloud.
        holds: wraps the daemon's own reasons to release nothing.
        release: the lane.
        inventory: the look before each call.
        recover: what a new run does first.
        rows: the tables.
    """

    name: str = "all of them"
    policy: Callable[[Policy], Policy] = _same_policy
    store: Callable[[Store], Store] = _same_store
    cloud: Callable[[Cloud, Clock], Cloud] = _same_cloud
    holds: Callable[[Holding], Holding] = _same_holds
    release: type[Release] = Release
    inventory: type[Inventory] = Inventory
    recover: type[Recover] = Recover
    rows: type[Rows] = Rows


EVERYTHING = Protections()
