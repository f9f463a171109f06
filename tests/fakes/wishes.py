"""Requests, batches and answers for tests of stores."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from offpeakd.core.batch import Batch, BatchResult, as_claimed
from offpeakd.core.change import AttemptResult, Change
from offpeakd.core.model import LIVE, Request, State
from offpeakd.ports import Store

OpenStore = Callable[[str], Store]
"""Opens a store on the test's database, under an owner's name."""

NOON = datetime(2026, 3, 4, 12, 0, 0, 123_456, tzinfo=UTC)


def instance_id(number: int) -> str:
    return f"{number:032x}in02"


def wish(number: int, **facts: object) -> Request:
    """A request that isn't stored yet."""
    plain = Request("prod", instance_id(number), NOON)
    return replace(plain, **(_end_of(facts.get("state", State.QUEUED)) | facts))  # type: ignore[arg-type]  # names are checked by replace itself


def added(store: Store, *wishes: Request) -> tuple[Request, ...]:
    return tuple(one.request for one in store.add(wishes, "ann"))


def batch_of(requests: Sequence[Request], name: str = "b1", owner: str = "me") -> Batch:
    return Batch(
        id=name,
        target=requests[0].target,
        group=requests[0].group,
        requests=tuple(requests),
        attempt_ids=tuple(f"{name}-{one.id}" for one in requests),
        owner=owner,
        windows=("weeknights", "sunday"),
        opening_start=NOON,
        opening_end=None,
        signed_at=NOON,
        fenced=True,
        body_sha256="0" * 64,
        config_hash="c0ffee",
        tzdata_version="2026a",
        instance_versions=("4.0.3.5",) * len(requests),
    )


def claimed(store: Store, *wishes: Request, name: str = "b1") -> tuple[Request, ...]:
    """Requests that were added and claimed, as they stand now."""
    batch = batch_of(added(store, *wishes), name)
    assert store.claim(batch)
    return as_claimed(batch)


def accepted(one: Request, job_id: str = "job") -> Change:
    after = one.moved_to(State.RUNNING, NOON, job_id=job_id, submitted_at=NOON)
    return Change(one, after, "accepted", attempt=AttemptResult("accepted", job_id))


def moved(one: Request, state: State, event: str = "moved", **facts: object) -> Change:
    return Change(one, one.moved_to(state, NOON, **(_end_of(state) | facts)), event)


def _end_of(state: object) -> dict[str, object]:
    """What ends, ended at noon; what goes on has no end."""
    return {"finished_at": None if state in LIVE else NOON}


ANSWERED = BatchResult("answered", NOON, sent_at=NOON, http_status=202, cloud_request_id="req-1")
