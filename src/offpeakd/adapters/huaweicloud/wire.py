"""The documents of the DDS API: what we write, and what we read from the answers.

Public source: the API reference of DDS (dds_api_0023 instances, 0118 and 0301 jobs, 0218 duration,
0272 batch upgrade) and `huaweicloudsdkdds` 3.1.219. Unknown fields are ignored, absent ones are
allowed wherever a region is known to leave them out.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from offpeakd.adapters.huaweicloud.answers import Json, JsonObject, as_list, as_object
from offpeakd.core.batch import BATCH_LIMIT
from offpeakd.core.identifiers import is_instance_id
from offpeakd.core.seen import Instance, Job

PAGE: Final = 100
"""Entries of a page, and the most that the API gives."""

UPGRADE_JOB: Final = "UpgradeDatabaseVersion"
QUICKEST: Final = "minimized_upgrade_time"
"""The method that the batch call always uses."""

_NOTHING: Final[JsonObject] = {}
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
    if not all(map(is_instance_id, instance_ids)):
        raise ValueError("a call takes ids of instances only")
    # Such ids hold nothing that JSON would escape.
    listed = '", "'.join(instance_ids)
    return f'{{"instance_ids": ["{listed}"]}}'.encode()


def written_time(instant: datetime) -> str:
    """An instant as a query of the job list has it."""
    return instant.astimezone(UTC).strftime(_TIME)


def instances(document: JsonObject, seen_at: datetime) -> tuple[Instance, ...]:
    """The instances of one page.

    Raises:
        OddAnswerError: it is no such page.
    """
    return tuple([_instance(entry, seen_at) for entry in _entries(document, "instances")])


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
    datastore = as_object(entry.get("datastore")) or _NOTHING
    # By place: there are thousands, and with names the making of one takes a quarter longer.
    return Instance(
        _needed(entry, "id", "an instance"),
        seen_at,
        _text(entry, "name"),
        _text(entry, "mode"),
        _text(entry, "status"),
        _actions(entry),
        _text(datastore, "version") or None,
        _text(datastore, "whole_version") or None,
        _flag(datastore.get("patch_available")),
        _node_states(entry),
        _tags(entry),
    )


def _actions(entry: JsonObject) -> tuple[str, ...]:
    """Whatever stands there means that something runs, so nothing of it may be dropped."""
    value = entry.get("actions")
    if value is None:
        return ()
    actions = as_list(value)
    if actions is None:
        raise OddAnswerError("`actions` of an instance is not a list")
    return tuple(map(str, actions)) if actions else ()


def _node_states(entry: JsonObject) -> tuple[str, ...]:
    states: dict[str, None] = {}
    for group in _listed(entry, "groups"):
        for node in _listed(group, "nodes"):
            states[_text(node, "status")] = None
    states.pop("", None)
    return tuple(states)


def _tags(entry: JsonObject) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in _listed(entry, "tags"):
        tags[_text(tag, "key")] = _text(tag, "value")
    tags.pop("", None)
    return tags


def _flag(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def _entries(document: JsonObject, name: str) -> list[JsonObject]:
    listed = as_list(document.get(name))
    if listed is None:
        raise OddAnswerError(f"there is no list `{name}`")
    entries = [entry for entry in listed if isinstance(entry, dict)]
    if len(entries) != len(listed):
        raise OddAnswerError(f"an entry of `{name}` is not an object")
    return entries


def _needed(entry: JsonObject, name: str, owner: str) -> str:
    text = _text(entry, name)
    if not text:
        raise OddAnswerError(f"{owner} has no `{name}`")
    return text


# Asked many times for each of thousands of instances, so neither calls anything of ours.


def _text(value: Json, name: str) -> str:
    """A text that an object has by a name; empty where it is no object, or has no such text."""
    text = value.get(name) if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""


def _listed(value: Json, name: str) -> Sequence[Json]:
    """A list that an object has by a name; empty where it is no object, or has no such list."""
    listed = value.get(name) if isinstance(value, dict) else None
    return listed if isinstance(listed, list) else ()
