"""The documents of the DDS API: what we write, and what we read from the answers.

Public source: the API reference of DDS (dds_api_0023 instances, 0118 and 0301 jobs, 0218 duration,
0272 batch upgrade) and `huaweicloudsdkdds` 3.1.219. Unknown fields are ignored, absent ones are
allowed wherever a region is known to leave them out.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, cast

from offpeakd.adapters.huaweicloud.answers import JsonObject, as_list, as_object
from offpeakd.core.batch import BATCH_LIMIT
from offpeakd.core.identifiers import is_instance_id
from offpeakd.core.seen import Instance, Job

PAGE: Final = 100
"""Entries of a page, and the most that the API gives."""

UPGRADE_JOB: Final = "UpgradeDatabaseVersion"
QUICKEST: Final = "minimized_upgrade_time"
"""The method that the batch call always uses."""

_TIME: Final = "%Y-%m-%dT%H:%M:%S+0000"


class OddAnswerError(Exception):
    """An answer of another shape than documented; its text says what is odd."""


def upgrade_body(instance_ids: Sequence[str]) -> bytes:
    """The body of the batch call, byte for byte as the official SDK writes it.

    Raises:
        ValueError: not one to ten distinct ids of instances: a defect of the caller.
    """
    if not 1 <= len(instance_ids) <= BATCH_LIMIT:
        raise ValueError(f"a call takes 1 to {BATCH_LIMIT} instances, not {len(instance_ids)}")
    if len(set(instance_ids)) != len(instance_ids):
        raise ValueError("a call names each instance once")
    if not all(is_instance_id(text) for text in instance_ids):
        raise ValueError("a call takes ids of instances only")
    return json.dumps({"instance_ids": list(instance_ids)}).encode()


def written_time(instant: datetime) -> str:
    """An instant as a query of the job list has it."""
    return instant.astimezone(UTC).strftime(_TIME)


def instances(document: JsonObject, seen_at: datetime) -> tuple[Instance, ...]:
    """The instances of one page.

    Raises:
        OddAnswerError: it is no such page.
    """
    return tuple(_instance(entry, seen_at) for entry in _entries(document, "instances"))


def listed_jobs(document: JsonObject) -> tuple[tuple[Job, ...], int]:
    """The upgrade jobs of one page of the job list, and how many jobs the page has in all.

    Raises:
        OddAnswerError: it is no such page.
    """
    entries = _entries(document, "jobs")
    ours = [entry for entry in entries if entry.get("name", UPGRADE_JOB) == UPGRADE_JOB]
    jobs = tuple(
        Job(
            id=_needed(entry, "id", "a job"),
            instance_id=_text(entry, "instance_id"),
            status=_needed(entry, "status", "a job"),
            created_at=read_time(entry.get("created_at")),
            ended_at=read_time(entry.get("ended_at")),
            progress=_text(entry, "progress"),
            fail_reason=_text(entry, "fail_reason") or None,
        )
        for entry in ours
    )
    return jobs, len(entries)


def job(document: JsonObject) -> Job | None:
    """The job of an answer for one; None where it has none.

    Raises:
        OddAnswerError: it is no such answer.
    """
    if document.get("job") is None:
        return None
    entry = as_object(document["job"])
    if entry is None:
        raise OddAnswerError("`job` is not an object")
    instance = as_object(entry.get("instance")) or {}
    return Job(
        id=_needed(entry, "id", "a job"),
        instance_id=_text(instance, "id"),
        status=_needed(entry, "status", "a job"),
        created_at=read_time(entry.get("created")),
        ended_at=read_time(entry.get("ended")),
        progress=_text(entry, "progress"),
        fail_reason=_text(entry, "fail_reason") or None,
    )


def quickest_minutes(document: JsonObject) -> int | None:
    """The estimate for the method that the batch call uses; None where there is none."""
    for entry in map(as_object, as_list(document.get("strategies")) or []):
        if entry is not None and entry.get("strategy") == QUICKEST:
            minutes = entry.get("estimated_upgrade_duration")
            return minutes if isinstance(minutes, int) else None
    return None


def read_time(value: object) -> datetime | None:
    """A time of an answer in UTC; without an offset it is taken as UTC; None for none.

    Raises:
        OddAnswerError: it is something else.
    """
    if value is None or value == "":
        return None
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        raise OddAnswerError(f"{value!r:.60} is no time") from None
    return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)


def _instance(entry: JsonObject, seen_at: datetime) -> Instance:
    datastore = as_object(entry.get("datastore")) or {}
    return Instance(
        id=_needed(entry, "id", "an instance"),
        seen_at=seen_at,
        name=_text(entry, "name"),
        mode=_text(entry, "mode"),
        status=_text(entry, "status"),
        actions=_actions(entry),
        version=_text(datastore, "version") or None,
        whole_version=_text(datastore, "whole_version") or None,
        patch_available=_flag(datastore.get("patch_available")),
        node_states=_node_states(entry),
        tags=_tags(entry),
    )


def _actions(entry: JsonObject) -> tuple[str, ...]:
    """Whatever stands there means that something runs, so nothing of it may be dropped."""
    value = entry.get("actions")
    if value is None:
        return ()
    actions = as_list(value)
    if actions is None:
        raise OddAnswerError("`actions` of an instance is not a list")
    return tuple(str(action) for action in actions)


def _node_states(entry: JsonObject) -> tuple[str, ...]:
    states: dict[str, None] = {}
    for group in _objects(entry, "groups"):
        for node in _objects(group, "nodes"):
            states[_text(node, "status")] = None
    states.pop("", None)
    return tuple(states)


def _tags(entry: JsonObject) -> dict[str, str]:
    tags = {_text(tag, "key"): _text(tag, "value") for tag in _objects(entry, "tags")}
    tags.pop("", None)
    return tags


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def _entries(document: JsonObject, name: str) -> list[JsonObject]:
    listed = as_list(document.get(name))
    if listed is None:
        raise OddAnswerError(f"there is no list `{name}`")
    entries = [as_object(entry) for entry in listed]
    if any(entry is None for entry in entries):
        raise OddAnswerError(f"an entry of `{name}` is not an object")
    return [entry for entry in entries if entry is not None]


def _objects(entry: JsonObject, name: str) -> list[JsonObject]:
    listed = as_list(entry.get(name))
    if not listed:
        return []
    return [cast("JsonObject", part) for part in listed if isinstance(part, dict)]


def _needed(entry: JsonObject, name: str, owner: str) -> str:
    text = _text(entry, name)
    if not text:
        raise OddAnswerError(f"{owner} has no `{name}`")
    return text


def _text(entry: JsonObject, name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
