"""Answers to the two upgrade calls: ten at a time at once, or one with options."""

from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from offpeakd.core.values import value
from offpeakd.emulator.answers_dds import known_instance
from offpeakd.emulator.call import Call, ids_of_batch
from offpeakd.emulator.cloud_model import Entry
from offpeakd.emulator.refusals import of_instance, parameter
from offpeakd.emulator.reply import Reply, json_reply
from offpeakd.emulator.world import World

UPGRADE_MODES: Final = ("minimized_interrupt_time", "minimized_upgrade_time")
Entries = tuple[Entry, ...]


class Extent(Enum):
    """How much of an upgrade call's work is done."""

    ALL = "all"
    HALF = "half"
    """The first half of the instances, rounded up."""
    LATER = "later"
    """All of it, some time after the answer."""


def _as_it_is(entries: Entries) -> Entries:
    return entries


@value
class Work:
    """What an upgrade call does and tells, which a fault can change.

    Attributes:
        extent: how much of it is done.
        later_by: how long after the call, for `Extent.LATER`.
        hidden_for: how much longer than usual the jobs stay out of listings.
        refuse: instances refused although they could be upgraded: code and text of each.
        tell: what becomes of the answer's lines.
    """

    extent: Extent = Extent.ALL
    later_by: timedelta = timedelta(0)
    hidden_for: timedelta = timedelta(0)
    refuse: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    tell: Callable[[Entries], Entries] = _as_it_is


def upgrade_batch(world: World, call: Call, work: Work) -> tuple[Reply, tuple[str, ...]]:
    """`POST /v3/{project_id}/instances/db-upgrade`.

    Returns:
        the answer, and the instances whose upgrade was started.

    Raises:
        RefusedError: 400, for a body that can't be read.
    """
    entries = _do(world, ids_of_batch(call.document()), call.at, work)
    results = [entry.document() for entry in work.tell(entries)]
    return json_reply(202, {"upgrade_results": results}), _started(entries)


def upgrade_one(world: World, call: Call, work: Work) -> tuple[Reply, tuple[str, ...]]:
    """`POST …/instances/{instance_id}/db-upgrade`, now or in the cloud's own window.

    Returns:
        the answer, and the instances whose upgrade was started.

    Raises:
        RefusedError: the instance can't be upgraded now, or the body can't be read.
    """
    instance = known_instance(world, call)
    document = call.document()
    if document.get("upgrade_mode", UPGRADE_MODES[0]) not in UPGRADE_MODES:
        raise parameter("Parameter upgrade_mode has an unknown value.")
    if not isinstance(delayed := document.get("is_delayed", False), bool):
        raise parameter("Parameter is_delayed must be true or false.")
    if delayed:
        at = next_opening(instance.maintenance_window, call.at)
        (job_id,) = world.upgrade_later((instance.id,), call.at, at, listed=True)
        return json_reply(202, {"job_id": job_id}), ()
    refused = world.refusal(instance.id)
    if refused is not None:
        raise of_instance(refused)
    entries = _do(world, (instance.id,), call.at, work)
    return json_reply(202, {"job_id": "".join(_job_ids(entries))}), _started(entries)


def next_opening(window: str, now: datetime) -> datetime:
    """When the cloud's own window of an instance, `HH:00-HH:00` in UTC, opens next."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    opening = midnight + timedelta(hours=int(window[:2]))
    return opening if opening > now else opening + timedelta(days=1)


def _do(world: World, ids: tuple[str, ...], now: datetime, work: Work) -> Entries:
    match work.extent:
        case Extent.ALL:
            return tuple(_upgrade_or_refuse(world, one, now, work) for one in ids)
        case Extent.HALF:
            return world.upgrade(ids[: (len(ids) + 1) // 2], now, hidden_for=work.hidden_for)
        case Extent.LATER:
            world.upgrade_later(ids, now, now + work.later_by, listed=False)
            return ()


def _upgrade_or_refuse(world: World, instance_id: str, now: datetime, work: Work) -> Entry:
    if instance_id in work.refuse:
        code, message = work.refuse[instance_id]
        return Entry(instance_id, error_code=code, error_message=message)
    return world.upgrade((instance_id,), now, hidden_for=work.hidden_for)[0]


def _job_ids(entries: Entries) -> tuple[str, ...]:
    return tuple(entry.job_id for entry in entries if entry.job_id is not None)


def _started(entries: Entries) -> tuple[str, ...]:
    return tuple(entry.instance_id for entry in entries if entry.job_id is not None)
