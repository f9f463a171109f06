"""Answers to reads and small changes of instances, as the DDS API pages describe them."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

from offpeakd.emulator.call import Call, checked_id
from offpeakd.emulator.cloud_model import MODES, DdsInstance, Group
from offpeakd.emulator.refusals import NO_INSTANCE, of_instance, parameter
from offpeakd.emulator.reply import Reply, json_reply
from offpeakd.emulator.world import World

_MOST_TAGS: Final = 20
_WHOLE_HOUR: Final = re.compile(r"([01][0-9]|2[0-3]):00")


def list_instances(world: World, call: Call) -> Reply:
    """`GET /v3/{project_id}/instances`: filtered, newest first, paged."""
    offset = call.number_of("offset", 0, 0)
    limit = call.number_of("limit", 100, 1, 100)
    wanted = _filters(call)
    known = world.find(call.query.get("id", ""))
    among = world.instances() if known is None else (known,)
    found = [one for one in among if all(test(one) for test in wanted)]
    page = islice(found, offset, offset + limit)
    listed = ", ".join(map(_text, page))
    return Reply(200, f'{{"instances": [{listed}], "total_count": {len(found)}}}'.encode())


def upgrade_duration(world: World, call: Call) -> Reply:
    """`GET …/instances/{instance_id}/db-upgrade-duration`: whole minutes for each method."""
    instance = known_instance(world, call)
    minutes = max(1, math.ceil(instance.upgrade_time / timedelta(minutes=1)))
    figures = (("minimized_interrupt_time", 2 * minutes), ("minimized_upgrade_time", minutes))
    strategies = [
        {"strategy": name, "estimated_upgrade_duration": figure} for name, figure in figures
    ]
    return json_reply(200, {"strategies": strategies})


def change_window(world: World, call: Call) -> Reply:
    """`PUT …/instances/{instance_id}/maintenance-window`: whole hours in UTC."""
    instance = known_instance(world, call)
    document = call.document()
    start, end = document.get("start_time"), document.get("end_time")
    if not all(isinstance(hour, str) and _WHOLE_HOUR.fullmatch(hour) for hour in (start, end)):
        raise parameter("Parameters start_time and end_time must be whole hours, HH:00.")
    if start == end:
        raise parameter("Parameters start_time and end_time must not be equal.")
    world.put(replace(instance, maintenance_window=f"{start}-{end}"))
    return Reply(200)


def known_instance(world: World, call: Call) -> DdsInstance:
    """The instance of the call's path.

    Raises:
        RefusedError: 404 when there is none, 400 when the id is malformed.
    """
    instance = world.find(checked_id(call.path["instance_id"]))
    if instance is None:
        raise of_instance(NO_INSTANCE)
    return instance


_Test = Callable[[DdsInstance], bool]


def _filters(call: Call) -> list[_Test]:
    query = call.query
    if query.get("mode", MODES[0]) not in MODES:
        raise parameter("Parameter mode must be Sharding, ReplicaSet or Single.")
    by_name: dict[str, Callable[[str], _Test]] = {
        "id": lambda value: lambda one: one.id == value,
        "name": _name_filter,
        "mode": lambda value: lambda one: one.mode == value,
        "datastore_type": lambda value: lambda _: value == "DDS-Community",
        "vpc_id": lambda value: lambda one: one.vpc_id == value,
        "subnet_id": lambda value: lambda one: one.subnet_id == value,
        "tags": _tag_filter,
    }
    return [make(query[name]) for name, make in by_name.items() if name in query]


def _name_filter(value: str) -> _Test:
    if value == "*":
        raise parameter("Parameter name must have text after the asterisk.")
    if value.startswith("*"):
        return lambda one: value[1:] in one.name
    return lambda one: one.name == value


def _tag_filter(value: str) -> _Test:
    pairs = [pair.partition("=") for pair in value.split(",")]
    if len(pairs) > _MOST_TAGS or not all(name and equals for name, equals, _ in pairs):
        raise parameter("Parameter tags must be 1 to 20 pairs, key=value.")
    wanted = {(name, tag) for name, _, tag in pairs}
    return lambda one: wanted <= set(one.tags)


@lru_cache(maxsize=100_000)  # daemons list a whole project every minute, and little of it changes
def _text(one: DdsInstance) -> str:
    return json.dumps(_shown(one))


def _shown(one: DdsInstance) -> dict[str, object]:
    created = one.created.strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "id": one.id,
        "name": one.name,
        "remark": "",
        "status": one.status,
        "port": "8635",
        "mode": one.mode,
        "region": one.region,
        "datastore": {
            "type": "DDS-Community",
            "version": one.version,
            "patch_available": one.patch_available,
            "whole_version": one.whole_version,
        },
        "engine": "wiredTiger",
        "created": created,
        "updated": created,
        "db_user_name": "rwuser",
        "ssl": 1,
        "vpc_id": one.vpc_id,
        "subnet_id": one.subnet_id,
        "security_group_id": "00000000-0000-4000-a000-000000000001",
        "backup_strategy": {"start_time": "16:00-17:00", "keep_days": 7},
        "pay_mode": "0",
        "maintenance_window": one.maintenance_window,
        "groups": list(_groups(one)),
        "disk_encryption_id": "",
        "enterprise_project_id": "0",
        "time_zone": "",
        "actions": list(one.actions),
        "tags": [{"key": key, "value": value} for key, value in one.tags],
    }


def _groups(one: DdsInstance) -> Iterator[dict[str, object]]:
    for group in one.groups:
        shown: dict[str, object] = {
            "type": group.type,
            "id": group.id,
            "name": group.name,
            "status": "normal" if group.id else "",
            "nodes": _nodes(one, group),
        }
        if group.type != "mongos":
            shown["volume"] = {"size": "10", "used": "0.33"}
        yield shown


def _nodes(one: DdsInstance, group: Group) -> list[dict[str, str]]:
    return [
        {
            "id": node.id,
            "name": node.name,
            "status": one.shown(node),
            "role": node.role,
            "private_ip": node.private_ip,
            "public_ip": "",
            "spec_code": f"dds.mongodb.s6.large.2.{group.type}",
            "availability_zone": node.availability_zone,
        }
        for node in group.nodes
    ]
