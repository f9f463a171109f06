"""Makes N pretended instances from a seed: the same seed always makes the same fleet."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from offpeakd.core.values import value
from offpeakd.emulator.cloud_model import DdsInstance, Group, Node

_NEWEST: Final = {"3.4": "3.4.21.9", "4.0": "4.0.3.11", "4.2": "4.2.8.6", "4.4": "4.4.5.3"}
_TEAMS: Final = ("shop", "billing", "search", "stock", "mail", "audit", "fleet", "portal")
_STAGES: Final = ("prod", "prod", "test", "dev")
_OTHER_ACTIONS: Final = ("BACKUP", "RESTARTING", "RESIZE_FLAVOR", "RESIZE_VOLUME", "SWITCH_SSL")
_BROKEN: Final = "The upgrade stopped: node {node} did not come back within the time allowed."


@value
class Mix:
    """Shares of a fleet that are out of the ordinary; each from 0 to 1, rounded to instances.

    Attributes:
        busy: another action runs on them at first.
        frozen: their status is `frozen`.
        abnormal: one of their nodes is abnormal.
        single: of mode `Single`, which can't be upgraded.
        current: they have no patch waiting.
        failing: an upgrade of them breaks off.
    """

    busy: float = 0.03
    frozen: float = 0.01
    abnormal: float = 0.01
    single: float = 0.02
    current: float = 0.03
    failing: float = 0.02


ASSORTED: Final = Mix()
"""A little of everything."""

ORDINARY: Final = Mix(busy=0, frozen=0, abnormal=0, single=0, current=0, failing=0)
"""Every instance can be upgraded, and every upgrade succeeds."""


def make_fleet(
    count: int,
    *,
    seed: int,
    now: datetime,
    region: str,
    mix: Mix,
    upgrade_time: tuple[timedelta, timedelta],
) -> tuple[DdsInstance, ...]:
    """Make a fleet, newest instance first.

    Args:
        count: how many instances.
        seed: the same one gives the same ids, names, versions and peculiarities.
        now: the instances were created in the days before.
        region: where they stand.
        mix: how many are out of the ordinary.
        upgrade_time: shortest and longest time that an upgrade takes.
    """
    rng = Random(seed)  # noqa: S311 - pretended instances, not secrets
    made = [_instance(rng, number, now, region, upgrade_time) for number in range(count)]
    for index, change in _peculiar(rng, count, mix):
        made[index] = change(made[index])
    return tuple(made)


def hex_id(rng: Random, suffix: str) -> str:
    """An id of the cloud's form: 32 hex digits and the suffix of its kind."""
    return f"{rng.getrandbits(128):032x}{suffix}"


def _instance(
    rng: Random,
    number: int,
    now: datetime,
    region: str,
    upgrade_time: tuple[timedelta, timedelta],
) -> DdsInstance:
    team, stage = rng.choice(_TEAMS), rng.choice(_STAGES)
    version = rng.choice(tuple(_NEWEST))
    mode = rng.choice(("ReplicaSet", "ReplicaSet", "Sharding"))
    shortest, longest = upgrade_time
    team_number = _TEAMS.index(team)
    return DdsInstance(
        id=hex_id(rng, "in02"),
        name=f"{team}-{stage}-{number + 1:03d}",
        mode=mode,
        version=version,
        whole_version=f"{_NEWEST[version].rsplit('.', 1)[0]}.{rng.randint(0, 2)}",
        newest_version=_NEWEST[version],
        patch_available=True,
        region=region,
        vpc_id=f"00000000-0000-4000-8000-{team_number + 1:012d}",
        subnet_id=f"00000000-0000-4000-9000-{team_number + 1:012d}",
        created=now.replace(microsecond=0) - timedelta(days=1, hours=number),
        groups=_groups(rng, mode, region),
        upgrade_time=shortest + (longest - shortest) * rng.random(),
        tags=(("env", stage), ("team", team)),
    )


def _groups(rng: Random, mode: str, region: str) -> tuple[Group, ...]:
    if mode == "Sharding":
        return (
            _group(rng, "mongos", 2, region),
            _group(rng, "shard", 3, region, named=True),
            _group(rng, "shard", 3, region, named=True),
            _group(rng, "config", 3, region, named=True),
        )
    return (_group(rng, "replica", 3, region),)


def _group(rng: Random, kind: str, nodes: int, region: str, *, named: bool = False) -> Group:
    roles = ("unknown",) * nodes if kind == "mongos" else ("Primary", "Secondary", "Hidden")
    made = tuple(
        Node(
            id=hex_id(rng, "no02"),
            name=f"{kind}_node_{number + 1}",
            role=role,
            private_ip=f"192.0.2.{rng.randint(1, 254)}",
            availability_zone=f"{region}{'abc'[number % 3]}",
        )
        for number, role in enumerate(roles)
    )
    if not named:
        return Group(kind, made)
    return Group(kind, made, id=hex_id(rng, "gr02"), name=f"{kind}_{rng.randint(1, 99)}")


_Change = Callable[[DdsInstance], DdsInstance]


def _peculiar(rng: Random, count: int, mix: Mix) -> list[tuple[int, _Change]]:
    kinds: tuple[tuple[float, _Change], ...] = (
        (mix.busy, lambda one: replace(one, actions=(rng.choice(_OTHER_ACTIONS),))),
        (mix.frozen, lambda one: replace(one, status="frozen", actions=("FROZEN",))),
        (mix.abnormal, _with_abnormal_node),
        (mix.single, _as_single),
        (mix.current, as_current),
        (mix.failing, _failing),
    )
    changes = [change for share, change in kinds for _ in range(round(share * count))]
    places = rng.sample(range(count), count)
    return list(zip(places, changes, strict=False))


def _with_abnormal_node(one: DdsInstance) -> DdsInstance:
    first, *others = one.groups
    broken = replace(first.nodes[0], status="abnormal")
    nodes = (broken, *first.nodes[1:])
    return replace(one, status="abnormal", groups=(replace(first, nodes=nodes), *others))


def _as_single(one: DdsInstance) -> DdsInstance:
    node = replace(one.groups[0].nodes[0], name="single_node_1", role="master")
    return replace(one, mode="Single", groups=(Group("single", (node,)),))


def as_current(one: DdsInstance) -> DdsInstance:
    """The instance with its newest version."""
    return replace(one, whole_version=one.newest_version, patch_available=False)


def _failing(one: DdsInstance) -> DdsInstance:
    return replace(one, fail_reason=_BROKEN.format(node=one.groups[0].nodes[0].id))
